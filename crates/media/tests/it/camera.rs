//! A camera and a recorder for tests: clips by ffmpeg, RTP packets of their samples, fragments of the packets.

use base::Time;
use base64::Engine as _;
use media::{
    AudioCodec, AudioParams, Entry, StreamParams, Track, VideoCodec, VideoParams,
    fragment::{Builder, Fragment},
    interleaved::{Frame, Splitter},
    mp4::{Movie, MovieTrack},
    nal,
    rtp::{Depacketizer, Packet},
    sdp,
    time::Discipline,
};
use std::{fs::File, io::BufReader, path::Path, process::Command, sync::Arc, time::Duration};

/// When every recording of the tests begins.
pub const START: Time = Time::from_micros(1_790_000_000_000_000);

/// Runs a program; its output and what it complained of. None, aloud, if it is not installed.
pub fn run(program: &str, arguments: &[&str]) -> Option<(String, String)> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Some((text(output.stdout), text(output.stderr)))
        }
        Err(_) => {
            println!("skipped: {program} is not installed");
            None
        }
    }
}

/// Makes a clip with these options of ffmpeg.
pub fn clip(path: &Path, size: &str, seconds: u32, options: &str) -> Option<()> {
    let video = format!("testsrc2=size={size}:rate=15:duration={seconds}");
    let audio = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let mut arguments = vec!["-v", "error", "-y", "-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
    arguments.extend(options.split_whitespace());
    let path = path.to_str().unwrap();
    arguments.push(path);
    let (_, complaints) = run("ffmpeg", &arguments)?;
    assert_eq!(complaints, "", "ffmpeg made the clip");
    Some(())
}

/// The samples of one track of a file.
pub struct Source {
    pub media: sdp::Media,
    pub rate: u32,
    /// Presentation time in ticks of `rate`, bytes; in decoding order.
    pub samples: Vec<(i64, Vec<u8>)>,
}

/// Opens a file: its video, and its audio if it has any.
pub fn open(path: &Path) -> (Source, Option<Source>) {
    let mut file = BufReader::new(File::open(path).unwrap());
    let movie = Movie::read(&mut file).unwrap();
    let mut load = |track: &MovieTrack, rate: u32| {
        let scale = |pts: i64| pts * i64::from(rate) / i64::from(track.timescale);
        track.samples.iter().map(|sample| (scale(sample.pts), track.load(sample, &mut file).unwrap())).collect()
    };
    let (track, params) = movie.video().unwrap();
    let video = Source { media: video_media(params), rate: media::VIDEO_RATE, samples: load(track, media::VIDEO_RATE) };
    let audio = movie.audio().map(|(track, params)| Source {
        media: audio_media(params),
        rate: params.rate,
        samples: load(track, params.rate),
    });
    (video, audio)
}

fn media(kind: sdp::Kind, encoding: &str, clock_rate: u32, fmtp: String) -> sdp::Media {
    let (encoding, control) = (encoding.into(), String::new());
    sdp::Media { kind, payload_type: 96, encoding, clock_rate, channels: 1, fmtp, control }
}

pub fn video_media(params: &VideoParams) -> sdp::Media {
    let text = |set: &[u8]| base64::engine::general_purpose::STANDARD.encode(set);
    let (sps, pps) = (text(&params.sps), text(&params.pps));
    match params.codec {
        VideoCodec::H264 => {
            let fmtp = format!("packetization-mode=1; sprop-parameter-sets={sps},{pps}");
            media(sdp::Kind::Video, "H264", 90_000, fmtp)
        }
        VideoCodec::H265 => {
            let fmtp = format!("sprop-vps={}; sprop-sps={sps}; sprop-pps={pps}", text(&params.vps));
            media(sdp::Kind::Video, "H265", 90_000, fmtp)
        }
    }
}

pub fn audio_media(params: &AudioParams) -> sdp::Media {
    let hex: String = params.config.iter().map(|byte| format!("{byte:02x}")).collect();
    let aac = format!("mode=AAC-hbr; config={hex}; sizelength=13; indexlength=3; indexdeltalength=3");
    let (name, fmtp) = match params.codec {
        AudioCodec::Aac => ("MPEG4-GENERIC", aac),
        AudioCodec::Opus => ("OPUS", format!("sprop-stereo={}", params.channels - 1)),
        AudioCodec::Pcma => ("PCMA", String::new()),
        AudioCodec::Pcmu => ("PCMU", String::new()),
    };
    sdp::Media { channels: params.channels, ..media(sdp::Kind::Audio, name, params.rate, fmtp) }
}

/// Writes RTP packets of one track.
pub struct Sender {
    pub sequence: u16,
    pub payload: usize,
}

impl Sender {
    pub fn new() -> Self {
        Self { sequence: 65_500, payload: 1400 }
    }

    pub fn packet(&mut self, timestamp: u32, marker: bool, payload: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0x80, 96 | u8::from(marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(7u32.to_be_bytes());
        payload.iter().for_each(|part| packet.extend_from_slice(part));
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    /// The packets of a picture with 4-byte lengths: single NAL units and fragmentation units.
    pub fn video(&mut self, codec: VideoCodec, timestamp: u32, sample: &[u8]) -> Vec<Vec<u8>> {
        let nals: Vec<&[u8]> = nal::prefixed(sample).collect();
        let mut packets = Vec::new();
        for (index, nal) in nals.iter().enumerate() {
            let last = index + 1 == nals.len();
            if nal.len() <= self.payload {
                packets.push(self.packet(timestamp, last, &[nal]));
            } else {
                packets.extend(self.fragments(codec, timestamp, last, nal));
            }
        }
        packets
    }

    fn fragments(&mut self, codec: VideoCodec, timestamp: u32, last: bool, nal: &[u8]) -> Vec<Vec<u8>> {
        let (head, kind, body) = match codec {
            VideoCodec::H264 => (vec![nal[0] & 0xe0 | 28], nal[0] & 0x1f, &nal[1..]),
            VideoCodec::H265 => (vec![nal[0] & 0x81 | 49 << 1, nal[1]], nal[0] >> 1 & 0x3f, &nal[2..]),
        };
        let chunks: Vec<&[u8]> = body.chunks(self.payload).collect();
        let packets = chunks.iter().enumerate().map(|(index, chunk)| {
            let end = index + 1 == chunks.len();
            let fu = kind | u8::from(index == 0) << 7 | u8::from(end) << 6;
            self.packet(timestamp, last && end, &[&head, &[fu], chunk])
        });
        packets.collect()
    }

    pub fn audio(&mut self, media: &sdp::Media, timestamp: u32, sample: &[u8]) -> Vec<u8> {
        match media.encoding.as_str() {
            "MPEG4-GENERIC" => self.aac(timestamp, &[sample]),
            _ => self.packet(timestamp, true, &[sample]),
        }
    }

    /// Several access units in one packet.
    pub fn aac(&mut self, timestamp: u32, units: &[&[u8]]) -> Vec<u8> {
        let mut headers = ((units.len() * 16) as u16).to_be_bytes().to_vec();
        units.iter().for_each(|unit| headers.extend(((unit.len() as u16) << 3).to_be_bytes()));
        let mut parts = vec![&headers[..]];
        parts.extend(units);
        self.packet(timestamp, true, &parts)
    }
}

/// A fragment as the index and the shelf would have it.
pub struct Stored {
    pub fragment: Fragment,
    pub entry: Entry,
}

/// What was recorded.
#[derive(Default)]
pub struct Recording {
    pub descriptions: Vec<StreamParams>,
    pub stored: Vec<Stored>,
}

impl Recording {
    pub fn entries(&self) -> Vec<Entry> {
        self.stored.iter().map(|stored| stored.entry).collect()
    }

    pub fn pictures(&self) -> u32 {
        self.stored.iter().map(|stored| stored.fragment.meta.video_samples).sum()
    }

    /// From the first picture to the end of the last.
    pub fn range(&self) -> base::Range {
        let (first, last) = (self.stored.first().unwrap().entry, self.stored.last().unwrap().entry);
        base::Range::new(first.time, last.time + last.duration).unwrap()
    }

    /// The whole file that the plan of `wanted` describes.
    pub fn export(&self, wanted: base::Range) -> Vec<u8> {
        let plan = media::virtual_mp4::Plan::new(&self.descriptions, &self.entries(), wanted).unwrap();
        self.read(&plan, 0..plan.len())
    }

    /// Bytes of the file, as a server would read them.
    pub fn read(&self, plan: &media::virtual_mp4::Plan, range: std::ops::Range<u64>) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in plan.locate(range) {
            match piece {
                media::virtual_mp4::Piece::Header(range) => out.extend_from_slice(&plan.header()[range]),
                media::virtual_mp4::Piece::Fragment { index, range } => {
                    let mut bytes = self.stored[index].fragment.plain().to_vec();
                    plan.shift(index, &mut bytes).unwrap();
                    out.extend_from_slice(&bytes[range.start as usize..range.end as usize]);
                }
            }
        }
        out
    }
}

/// Records a source as the recorder does: packets through the splitter, on one connection in order of time; a fragment
/// ends at a key frame. The recording begins at `begin`.
pub fn record(into: &mut Recording, begin: Time, video: &Source, audio: Option<&Source>) {
    let codec = if video.media.encoding == "H264" { VideoCodec::H264 } else { VideoCodec::H265 };
    let mut recorder = Recorder::new(into, &video.media, audio.map(|audio| &audio.media));
    let (mut pictures, mut sounds) = (Sender::new(), Sender::new());
    let mut splitter = Splitter::new();
    let mut heard = 0;
    let mut sent = begin;
    for (index, (pts, sample)) in video.samples.iter().enumerate() {
        // No picture is sent before it is taken.
        sent = sent.max(begin + Duration::from_micros(pts.unsigned_abs() * 100 / 9));
        let mut stream = Vec::new();
        for packet in pictures.video(codec, *pts as u32, sample) {
            interleave(&mut stream, 0, &packet);
        }
        while let Some((audio, (time, sample))) = audio.and_then(|audio| Some((audio, audio.samples.get(heard)?))) {
            let last = index + 1 == video.samples.len();
            let due = begin + Duration::from_micros(time.unsigned_abs() * 1_000_000 / u64::from(audio.rate));
            if !last && due > sent {
                break;
            }
            interleave(&mut stream, 2, &sounds.audio(&audio.media, *time as u32, sample));
            heard += 1;
        }
        for read in stream.chunks(5000) {
            splitter.feed(read, |frame| match frame {
                Frame::Binary { channel, payload } => recorder.packet(channel, payload, sent),
                Frame::Text(_) => panic!("no text was sent"),
            });
        }
    }
    assert_eq!(splitter.errors(), 0);
    recorder.finish(None);
}

fn interleave(stream: &mut Vec<u8>, channel: u8, packet: &[u8]) {
    stream.extend([b'$', channel]);
    stream.extend((packet.len() as u16).to_be_bytes());
    stream.extend_from_slice(packet);
}

/// How often the socket is drained.
const TICK: Duration = Duration::from_millis(200);

/// When the recorder sees what arrived: the first packet almost at once, the others up to a tick later.
fn drained(arrival: Time) -> Time {
    Time::from_micros((arrival.micros() + 190_000) / 200_000 * 200_000 + 10_000)
}

struct Recorder<'a> {
    recording: &'a mut Recording,
    origin: Option<Time>,
    builder: Builder,
    video: (Depacketizer, Discipline),
    audio: Option<(Depacketizer, Discipline)>,
}

impl<'a> Recorder<'a> {
    fn new(recording: &'a mut Recording, video: &sdp::Media, audio: Option<&sdp::Media>) -> Self {
        let open = |media: &sdp::Media| {
            let depacketizer = Depacketizer::new(media).unwrap();
            let discipline = Discipline::new(depacketizer.clock_rate());
            (depacketizer, discipline)
        };
        let (video, audio) = (open(video), audio.map(open));
        let params = StreamParams {
            video: video.0.video_params().unwrap().clone(),
            audio: audio.as_ref().map(|(audio, _)| audio.audio_params().unwrap().clone()),
        };
        if recording.descriptions.last() != Some(&params) {
            recording.descriptions.push(params.clone());
        }
        let builder = Builder::new(Arc::new(params), Vec::new());
        Self { recording, origin: None, builder, video, audio }
    }

    fn packet(&mut self, channel: u8, bytes: &[u8], arrival: Time) {
        let packet = Packet::parse(bytes).unwrap();
        let track = if channel == 0 { Track::Video } else { Track::Audio };
        let mut unit = match track {
            Track::Video => self.video.0.push(&packet, self.builder.video()),
            Track::Audio => self.audio.as_mut().unwrap().0.push(&packet, self.builder.audio()),
        };
        while let Some(it) = unit.unwrap() {
            assert_eq!((it.lost, it.broken), (0, false));
            self.unit(track, &it, arrival);
            unit = match track {
                Track::Video => self.video.0.more(self.builder.video()),
                Track::Audio => self.audio.as_mut().unwrap().0.more(self.builder.audio()),
            };
        }
    }

    fn unit(&mut self, track: Track, unit: &media::rtp::Unit, arrival: Time) {
        let discipline = match track {
            Track::Video => &mut self.video.1,
            Track::Audio => &mut self.audio.as_mut().unwrap().1,
        };
        let mapped = discipline.map(unit.timestamp, drained(arrival), TICK);
        assert!(!mapped.jump, "{track:?} at {} arrived {arrival}", unit.timestamp);
        match track {
            Track::Audio => self.builder.push_audio(unit.len, mapped.time),
            Track::Video => {
                if unit.key && self.builder.samples() > 0 {
                    self.finish(Some(mapped.time));
                }
                self.builder.push_video(unit.len, mapped.time, unit.key);
            }
        }
    }

    fn finish(&mut self, next: Option<Time>) {
        let following = self.builder.split(self.builder.params().clone(), Vec::new);
        let builder = std::mem::replace(&mut self.builder, following);
        let origin = *self.origin.get_or_insert(builder.start().unwrap());
        let fragment = builder.finish(next, origin).unwrap();
        let entry = Entry {
            time: fragment.meta.time,
            duration: fragment.meta.duration,
            len: fragment.plain().len() as u64,
            description: self.recording.descriptions.len() as u32 - 1,
            origin,
            key: fragment.meta.key,
        };
        self.recording.stored.push(Stored { fragment, entry });
    }
}
