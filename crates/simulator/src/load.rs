//! The loop of the load mode: a grainy picture of 1080p at 15 a second, about 2 Mbit/s, with G.711.

use crate::{
    config::Load,
    encode::{Encoder, Settings, params},
    looped::{Loop, Unit, push_audio},
    packetize::Packets,
    scene::canvas::{Yuv, cloud},
    sdp::VIDEO_TYPE,
    sound,
};
use base::{Error, Result, Time};
use media::{AudioCodec, AudioParams, StreamParams, Track, VideoCodec, g711, nal};
use std::{path::Path, time::Duration};

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const SETTINGS: Settings = Settings { fps: 15, rate: 2_000_000, most_qp: 48 };

/// Two groups of pictures of two seconds.
const PICTURES: usize = 60;

/// First bytes of a kept loop; the number changes with the loop.
const MAGIC: &[u8; 8] = b"NJLOOP01";

/// Makes the loop, or takes it from the cache.
pub(crate) fn make(load: &Load) -> Result<Loop> {
    let pictures = match load.cache.as_deref().and_then(kept) {
        Some(pictures) => pictures,
        None => {
            let pictures = encode()?;
            if let Some(path) = &load.cache {
                keep(path, &pictures)?;
            }
            pictures
        }
    };
    assemble(&pictures)
}

/// The coded pictures, each as NAL units with 4-byte lengths.
fn encode() -> Result<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(SETTINGS)?;
    let ground = ground();
    let mut picture = ground.clone();
    (0..PICTURES)
        .map(|number| {
            draw(&ground, &mut picture, number);
            let mut sample = Vec::new();
            for unit in encoder.encode(&picture)?.nals() {
                nal::push_prefixed(unit, &mut sample);
            }
            Ok(sample)
        })
        .collect()
}

/// A landscape of soft noise.
fn ground() -> Yuv {
    let mut picture = Yuv::new(WIDTH, HEIGHT);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let (fx, fy) = (x as f32, y as f32);
            picture.y[y * WIDTH + x] = (50.0 + 60.0 * fy / HEIGHT as f32 + 90.0 * cloud(fx / 90.0, fy / 60.0)) as u8;
        }
    }
    picture
}

/// The landscape with a walking disc, and fresh grain in a part of the picture as a sensor has in its shadows.
fn draw(ground: &Yuv, picture: &mut Yuv, number: usize) {
    picture.y.copy_from_slice(&ground.y);
    let mut random = 0x9E37_79B9u32.wrapping_mul(number as u32 + 1) | 1;
    for luma in &mut picture.y[..WIDTH * HEIGHT / 2] {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        *luma = luma.saturating_add((random >> 28) as u8);
    }
    let (cx, cy) = (300 + number * 22, 700usize);
    for y in cy - 120..cy + 120 {
        for x in cx - 120..cx + 120 {
            if x.abs_diff(cx).pow(2) + y.abs_diff(cy).pow(2) < 14_400 {
                picture.y[y * WIDTH + x] = 200 - (y + 120 - cy) as u8 / 2;
            }
        }
    }
}

fn assemble(pictures: &[Vec<u8>]) -> Result<Loop> {
    let broken = || Error::internal("the load loop has no parameter sets");
    let first = pictures.first().ok_or_else(broken)?;
    let nals: Vec<&[u8]> = nal::prefixed(first).collect();
    let video = params(&nals, WIDTH, HEIGHT, SETTINGS.fps).ok_or_else(broken)?;
    let mut units: Vec<Unit> =
        pictures.iter().enumerate().map(|(number, sample)| picture_unit(number, sample)).collect();
    let duration = Duration::from_secs(PICTURES as u64) / SETTINGS.fps;
    let audio = AudioParams::g711(AudioCodec::Pcma, sound::RATE, 1);
    let (mut linear, mut coded) = (Vec::new(), Vec::new());
    sound::samples(Time::default(), PICTURES * sound::RATE as usize / SETTINGS.fps as usize, &mut linear);
    g711::encode_alaw(&linear, &mut coded);
    push_audio(&audio, &coded, Duration::ZERO, &mut units);
    Loop::new(StreamParams { video, audio: Some(audio) }, units, duration)
}

fn picture_unit(number: usize, sample: &[u8]) -> Unit {
    let mut packets = Packets::new();
    packets.h264(VIDEO_TYPE, &nal::prefixed(sample).collect::<Vec<_>>());
    let at = Duration::from_secs(number as u64) / SETTINGS.fps;
    Unit { track: Track::Video, key: nal::is_key(VideoCodec::H264, sample), at, shown: at, packets }
}

fn keep(path: &Path, pictures: &[Vec<u8>]) -> Result<()> {
    let mut bytes = MAGIC.to_vec();
    for picture in pictures {
        nal::push_prefixed(picture, &mut bytes);
    }
    std::fs::write(path, bytes)
        .map_err(|error| Error::unavailable("cannot keep the load loop").field("cache").because(error))
}

/// The pictures of a kept loop; none if the file is missing or is not one.
fn kept(path: &Path) -> Option<Vec<Vec<u8>>> {
    let bytes = std::fs::read(path).ok()?;
    let pictures: Vec<Vec<u8>> = nal::prefixed(bytes.strip_prefix(MAGIC)?).map(<[u8]>::to_vec).collect();
    let read = MAGIC.len() + pictures.iter().map(|picture| 4 + picture.len()).sum::<usize>();
    (pictures.len() == PICTURES && read == bytes.len() && assemble(&pictures).is_ok()).then_some(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_is_about_two_megabits_with_a_key_frame_each_two_seconds_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("loop");
        std::fs::write(&cache, b"NJLOOP01 but torn").unwrap();
        let load = Load { packet_writes: false, cache: Some(cache.clone()) };
        let film = make(&load).unwrap();
        let video: Vec<_> = film.units.iter().filter(|unit| unit.track == Track::Video).collect();
        let keys: Vec<_> = video.iter().filter(|unit| unit.key).map(|unit| unit.at.as_secs()).collect();
        assert_eq!((video.len(), keys), (60, vec![0, 2]));
        assert_eq!(film.units.len(), 60 + 80, "pictures, and sound in pieces of 50 ms");
        let rate = video.iter().map(|unit| unit.packets.octets() * 8).sum::<usize>() / 4;
        assert!((1_600_000..2_500_000).contains(&rate), "{rate} bit/s");
        let kept = kept(&cache).expect("the torn file was replaced");
        assert_eq!(kept.len(), PICTURES);
    }
}
