//! That key frames of real encoders become the right pictures, and that nothing else does harm.

use crate::*;
use media::{VideoCodec, VideoParams, h264, h265, nal};
use openh264::{encoder::Encoder, formats::YUVSlices};
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// A stream as an encoder gave it: its parameters, and its access units with 4-byte lengths.
struct Stream {
    params: VideoParams,
    units: Vec<Vec<u8>>,
    annex_b: Vec<u8>,
}

impl Stream {
    fn new(codec: VideoCodec, annex_b: Vec<u8>) -> Self {
        let nals: Vec<&[u8]> = nal::annex_b(&annex_b).collect();
        let first = |kind: u8| nals.iter().find(|nal| kind_of(codec, nal) == kind).copied().unwrap();
        let params = match codec {
            VideoCodec::H264 => VideoParams::h264(first(h264::nal_type::SPS), first(h264::nal_type::PPS)),
            VideoCodec::H265 => {
                VideoParams::h265(first(h265::nal_type::VPS), first(h265::nal_type::SPS), first(h265::nal_type::PPS))
            }
        };
        let mut units: Vec<Vec<u8>> = Vec::new();
        for nal in &nals {
            // The first slice of a picture begins with a set bit: first_mb_in_slice is 0, or the H.265 flag itself.
            let starts = match codec {
                VideoCodec::H264 => (1..=5).contains(&kind_of(codec, nal)) && nal[1] & 0x80 != 0,
                VideoCodec::H265 => kind_of(codec, nal) < 32 && nal[2] & 0x80 != 0,
            };
            let is_slice = match codec {
                VideoCodec::H264 => (1..=5).contains(&kind_of(codec, nal)),
                VideoCodec::H265 => kind_of(codec, nal) < 32,
            };
            if starts {
                units.push(Vec::new());
            }
            if is_slice {
                nal::push_prefixed(nal, units.last_mut().unwrap());
            }
        }
        Self { params: params.unwrap(), units, annex_b: annex_b.clone() }
    }

    fn key(&self) -> &[u8] {
        self.units.iter().find(|unit| nal::is_key(self.params.codec, unit)).unwrap()
    }

    fn decode_key(&self) -> Result<Picture, Error> {
        decoder(&self.params)?.decode(self.key())
    }
}

fn kind_of(codec: VideoCodec, nal: &[u8]) -> u8 {
    match codec {
        VideoCodec::H264 => h264::nal_type(nal),
        VideoCodec::H265 => h265::nal_type(nal),
    }
}

/// Runs ffmpeg with `input` on its standard input; `None`, said aloud, if there is no ffmpeg.
fn ffmpeg(args: &str, input: Vec<u8>) -> Option<Vec<u8>> {
    let spawned = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(args.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: ffmpeg is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(output.status.success(), "ffmpeg {args}");
    Some(output.stdout)
}

fn encoded(codec: VideoCodec, size: &str, options: &str) -> Option<Stream> {
    let (library, format) = match codec {
        VideoCodec::H264 => ("libx264", "h264"),
        VideoCodec::H265 => ("libx265 -x265-params log-level=error", "hevc"),
    };
    let source = format!("-f lavfi -i testsrc2=size={size}:rate=15");
    let args = format!("{source} -frames:v 8 -c:v {library} -preset veryfast {options} -f {format} -");
    Some(Stream::new(codec, ffmpeg(&args, Vec::new())?))
}

/// The first picture as ffmpeg decodes it, its samples one after another.
fn reference(stream: &Stream, pixels: &str) -> Vec<u8> {
    let format = if stream.params.codec == VideoCodec::H264 { "h264" } else { "hevc" };
    let args = format!("-f {format} -i - -frames:v 1 -f rawvideo -pix_fmt {pixels} -");
    ffmpeg(&args, stream.annex_b.clone()).unwrap()
}

fn samples(picture: &Picture) -> Vec<u8> {
    [&picture.y, &picture.cb, &picture.cr].map(|plane| &plane.samples[..]).concat()
}

#[test]
fn a_key_frame_is_decoded_to_the_very_samples_that_ffmpeg_gives() {
    let streams = [
        (VideoCodec::H264, "1920x1080", "-pix_fmt yuv420p"),
        (VideoCodec::H264, "640x360", "-pix_fmt yuv420p -profile:v baseline"),
        (VideoCodec::H264, "322x182", "-pix_fmt yuv420p -slices 4 -bf 3"),
        (VideoCodec::H265, "1920x1080", "-pix_fmt yuv420p"),
        (VideoCodec::H265, "640x360", "-pix_fmt yuv420p -bf 3"),
        (VideoCodec::H265, "328x184", "-pix_fmt yuv420p -x265-params log-level=error:slices=3"),
    ];
    for (codec, size, options) in streams {
        let Some(stream) = encoded(codec, size, options) else { return };
        let picture = stream.decode_key().unwrap();
        assert_eq!(format!("{}x{}", picture.width(), picture.height()), size);
        assert!(samples(&picture) == reference(&stream, "yuv420p"), "{codec:?} {size} {options}");
    }
}

#[test]
fn ten_bits_of_h265_are_brought_down_to_eight() {
    let Some(stream) = encoded(VideoCodec::H265, "320x240", "-pix_fmt yuv420p10le") else { return };
    let picture = stream.decode_key().unwrap();
    let deep = reference(&stream, "yuv420p10le");
    let expected: Vec<u8> = deep.chunks(2).map(|pair| (u16::from_le_bytes([pair[0], pair[1]]) >> 2) as u8).collect();
    assert!(samples(&picture) == expected);
}

#[test]
fn each_key_frame_of_a_stream_is_decoded_by_itself_and_in_any_order() {
    let streams = [
        (VideoCodec::H264, "-pix_fmt yuv420p -g 2"),
        (VideoCodec::H265, "-pix_fmt yuv420p -bf 2 -x265-params log-level=error:keyint=3:min-keyint=3:open-gop=1"),
    ];
    for (codec, options) in streams {
        let Some(stream) = encoded(codec, "320x240", options) else { return };
        let keys: Vec<_> = stream.units.iter().filter(|unit| nal::is_key(codec, unit)).collect();
        assert!(keys.len() > 1);
        let mut one = decoder(&stream.params).unwrap();
        let forth: Vec<_> = keys.iter().map(|key| one.decode(key).unwrap()).collect();
        let back: Vec<_> = keys.iter().rev().map(|key| one.decode(key).unwrap()).collect();
        assert!(forth.iter().eq(back.iter().rev()));
        assert!(forth[0] != forth[1], "the pictures move");
    }
}

#[test]
fn forms_that_are_not_decoded_are_named() {
    let streams = [
        (VideoCodec::H264, "yuv422p", "H.264 with 4:2:2 chroma"),
        (VideoCodec::H264, "yuv444p", "H.264 with 4:4:4 chroma"),
        (VideoCodec::H264, "yuv420p10le", "H.264 with 10 bits"),
        (VideoCodec::H265, "yuv422p", "H.265 with 4:2:2 chroma"),
        (VideoCodec::H265, "gray", "H.265 with no colour chroma"),
    ];
    for (codec, pixels, said) in streams {
        let Some(stream) = encoded(codec, "320x240", &format!("-pix_fmt {pixels}")) else { return };
        assert_eq!(stream.decode_key().unwrap_err(), Error::Unsupported(said.into()));
    }
}

#[test]
fn a_size_is_refused_before_a_decoder_sees_it_wherever_it_is_told() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let Some(large) = encoded(codec, "8320x64", "-pix_fmt yuv420p") else { return };
        assert_eq!(large.decode_key().unwrap_err(), Error::TooLarge { width: 8320, height: 64 });
        let small = encoded(codec, "64x64", "-pix_fmt yuv420p").unwrap();
        let mut unit = Vec::new();
        nal::push_prefixed(&large.params.sps, &mut unit);
        unit.extend_from_slice(small.key());
        let error = decoder(&small.params).unwrap().decode(&unit).unwrap_err();
        assert_eq!(error, Error::TooLarge { width: 8320, height: 64 });
    }
}

#[test]
fn without_a_key_frame_there_is_no_picture() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let Some(stream) = encoded(codec, "64x64", "-pix_fmt yuv420p") else { return };
        let mut decoder = decoder(&stream.params).unwrap();
        let other = stream.units.iter().find(|unit| !nal::is_key(codec, unit)).unwrap();
        for unit in [other, &[][..], &[0, 0, 0, 9, 1][..], &[0; 64][..]] {
            assert_eq!(decoder.decode(unit).unwrap_err(), Error::NoKeyFrame);
        }
        assert!(decoder.decode(stream.key()).is_ok());
    }
    let empty =
        VideoParams { codec: VideoCodec::H264, width: 0, height: 0, fps: None, vps: vec![], sps: vec![], pps: vec![] };
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        assert!(matches!(decoder(&VideoParams { codec, ..empty.clone() }), Err(Error::Damaged(_))));
    }
}

/// A walk of bytes that looks random and is the same each time.
struct Walk(u64);

impl Walk {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn damaged_key_frames_are_errors_or_pictures_and_the_next_good_one_is_right() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let Some(stream) = encoded(codec, "176x144", "-pix_fmt yuv420p") else { return };
        let good = stream.decode_key().unwrap();
        let mut decoder = decoder(&stream.params).unwrap();
        let mut walk = Walk(7);
        for round in 0..300 {
            let mut unit = stream.key().to_vec();
            for _ in 0..=walk.below(8) {
                let at = 4 + walk.below(unit.len() - 4);
                unit[at] = walk.below(256) as u8;
            }
            if round % 3 == 0 {
                let len = 5 + walk.below(unit.len() - 5);
                unit.truncate(len);
                unit[..4].copy_from_slice(&(len as u32 - 4).to_be_bytes());
            }
            if let Ok(picture) = decoder.decode(&unit) {
                assert_eq!((picture.width(), picture.height()), (176, 144));
            }
            if round % 50 == 0 {
                assert!(decoder.decode(stream.key()).unwrap() == good, "round {round}");
            }
        }
    }
}

/// A picture with a gradient in each plane, encoded by OpenH264: needs no other program.
fn gradient(width: usize, height: usize) -> ([Vec<u8>; 3], Stream) {
    let plane = |width: usize, height: usize, tilt: usize| -> Vec<u8> {
        (0..width * height).map(|i| (30 + (i % width * 150 + i / width * tilt) / (width + height)) as u8).collect()
    };
    let planes = [plane(width, height, 40), plane(width / 2, height / 2, 90), plane(width / 2, height / 2, 10)];
    let source = YUVSlices::new((&planes[0], &planes[1], &planes[2]), (width, height), (width, width / 2, width / 2));
    let annex_b = Encoder::new().unwrap().encode(&source).unwrap().to_vec();
    (planes, Stream::new(VideoCodec::H264, annex_b))
}

#[test]
fn what_openh264_encodes_comes_back_nearly_the_same() {
    let (planes, stream) = gradient(640, 360);
    let picture = stream.decode_key().unwrap();
    assert_eq!((picture.width(), picture.height()), (640, 360));
    for (plane, original) in [&picture.y, &picture.cb, &picture.cr].into_iter().zip(&planes) {
        let off = plane.samples.iter().zip(original).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        assert!(off < 2 * original.len() as u64, "off by {off} over {} samples", original.len());
    }
}

/// Width and height of a JPEG, from its frame header.
fn jpeg_size(jpeg: &[u8]) -> (u16, u16) {
    assert_eq!((&jpeg[..2], &jpeg[jpeg.len() - 2..]), (&[0xff, 0xd8][..], &[0xff, 0xd9][..]));
    let at = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let number = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
    (number(at + 7), number(at + 5))
}

/// A picture of one colour, given as red, green and blue from 0 to 255.
fn plain(rgb: [f32; 3], colour: Colour, width: u32, height: u32) -> Picture {
    let (kr, kb) = if colour.matrix == Matrix::Bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
    let [r, g, b] = rgb.map(|value| value / 255.0);
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    let (cb, cr) = ((b - y) / (2.0 - 2.0 * kb), (r - y) / (2.0 - 2.0 * kr));
    let (black, luma, chroma) = if colour.full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
    let plane = |width, height, value: f32| Plane {
        width,
        height,
        samples: vec![value.round().clamp(0.0, 255.0) as u8; (width * height) as usize],
    };
    Picture {
        y: plane(width, height, black + luma * y),
        cb: plane(width.div_ceil(2), height.div_ceil(2), 128.0 + chroma * cb),
        cr: plane(width.div_ceil(2), height.div_ceil(2), 128.0 + chroma * cr),
        colour,
    }
}

#[test]
fn a_jpeg_has_the_colours_of_the_camera_whatever_its_range_and_matrix() {
    for full_range in [false, true] {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            for rgb in [[255., 0., 0.], [0., 255., 0.], [0., 0., 255.], [255.; 3], [0.; 3], [200., 150., 90.]] {
                let jpeg = jpeg(&plain(rgb, Colour { full_range, matrix }, 33, 17), 90).unwrap();
                assert_eq!(jpeg_size(&jpeg), (33, 17));
                let Some(shown) = ffmpeg("-f mjpeg -i - -f rawvideo -pix_fmt rgb24 -", jpeg) else { return };
                assert_eq!(shown.len(), 33 * 17 * 3);
                for (shown, wanted) in shown.chunks(3).flat_map(|pixel| pixel.iter().zip(rgb)) {
                    assert!((f32::from(*shown) - wanted).abs() <= 6.0, "{full_range} {matrix:?} {rgb:?}: {shown}");
                }
            }
        }
    }
}

#[test]
fn colour_is_read_from_the_stream() {
    let tagged = "-pix_fmt yuv420p -color_range pc -colorspace smpte170m";
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let Some(stream) = encoded(codec, "1280x720", tagged) else { return };
        let expected = Colour { full_range: true, matrix: Matrix::Bt601 };
        assert_eq!(stream.decode_key().unwrap().colour, expected, "{codec:?}");
        let untold = encoded(codec, "1280x720", "-pix_fmt yuv420p").unwrap();
        let expected = Colour { full_range: false, matrix: Matrix::Bt709 };
        assert_eq!(untold.decode_key().unwrap().colour, expected, "{codec:?}");
    }
}

#[test]
fn a_thumbnail_keeps_the_shape_and_is_never_enlarged() {
    let colour = Colour { full_range: true, matrix: Matrix::Bt601 };
    let sizes = [((1920, 1080), 640, (640, 360)), ((2560, 1920), 320, (320, 240)), ((320, 240), 640, (320, 240))];
    let odd = [((641, 359), 101, (101, 56)), ((8192, 2), 100, (100, 2)), ((3, 3), 1, (2, 2)), ((1, 1), 1, (1, 1))];
    for ((width, height), max, expected) in sizes.into_iter().chain(odd) {
        let thumbnail = thumbnail(&plain([10., 20., 30.], colour, width, height), max).unwrap();
        assert_eq!(jpeg_size(&thumbnail), expected, "{width}x{height} to {max}");
    }
}

/// `cargo test --release -p vision -- --ignored --nocapture`
#[test]
#[ignore = "a measurement; run it in release"]
fn a_key_frame_of_1080p_becomes_a_thumbnail_in_tens_of_milliseconds() {
    const ROUNDS: i32 = 20;
    // CPU time, so that what else the machine does is not counted.
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    };
    let time = |what: &str, work: &mut dyn FnMut()| {
        work();
        let start = now();
        (0..ROUNDS).for_each(|_| work());
        let each = (now() - start) / f64::from(ROUNDS);
        println!("{what}: {each:.1} ms of CPU");
        each
    };
    let noise = "-vf noise=alls=4:allf=t -pix_fmt yuv420p -crf 27";
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let Some(stream) = encoded(codec, "1920x1080", noise) else { return };
        let size = stream.key().len() / 1000;
        let mut warm = decoder(&stream.params).unwrap();
        let decode = time(&format!("{codec:?} 1080p key frame of {size} kB"), &mut || {
            warm.decode(stream.key()).unwrap();
        });
        time(&format!("{codec:?} the same with a new decoder"), &mut || drop(stream.decode_key().unwrap()));
        let picture = stream.decode_key().unwrap();
        time("JPEG 1080p", &mut || drop(jpeg(&picture, 85).unwrap()));
        let shrink = time("thumbnail 640x360", &mut || drop(thumbnail(&picture, 640).unwrap()));
        assert!(decode + shrink < 100.0);
    }
}
