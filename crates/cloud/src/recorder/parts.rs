//! The live timeline of a run: samples as `moof` and `mdat` parts that all viewers share.

use crate::{
    live::Message,
    opus::{self, Transcoder},
};
use base::Time;
use bytes::Bytes;
use media::{
    AudioCodec, AudioParams, StreamParams, Track,
    fragment::{self, Builder},
};
use std::time::Duration;

/// Between 240 frames a second and one in two seconds.
const MIN_INTERVAL: Duration = Duration::from_millis(4);
const MAX_INTERVAL: Duration = Duration::from_secs(2);
/// How far the clock of transcoded sound may be from the camera's before it is set anew.
const SOUND_DRIFT: Duration = Duration::from_millis(60);
const OPUS_PACKET: Duration = Duration::from_millis(20);

/// Where the live timeline of a run stands.
pub(super) struct LiveTrack {
    /// Media time zero.
    origin: Time,
    /// What a viewer who listens gets: G.711 is replaced by Opus.
    heard: StreamParams,
    silent: StreamParams,
    /// The camera's own audio.
    audio: Option<AudioParams>,
    reorders: bool,
    /// Time between frames, as estimated.
    interval: Duration,
    last_key: Option<(Time, u32)>,
    dts: Duration,
    sequence: u32,
    sound: Option<Sound>,
}

/// G.711 on its way to Opus, and the time of its next packet.
struct Sound {
    transcoder: Transcoder,
    next: Time,
}

impl LiveTrack {
    /// A timeline that begins at `origin`.
    pub fn new(params: &StreamParams, origin: Time) -> Self {
        let mut heard = params.clone();
        if heard.audio.as_ref().is_some_and(|audio| is_g711(audio.codec)) {
            heard.audio = Some(AudioParams::opus(1));
        }
        let fps = params.video.fps.filter(|fps| (1.0..=120.0).contains(fps)).unwrap_or(15.0);
        Self {
            origin,
            heard,
            silent: StreamParams { video: params.video.clone(), audio: None },
            audio: params.audio.clone(),
            reorders: params.video.reorders(),
            interval: Duration::from_secs_f32(1.0 / fps),
            last_key: None,
            dts: Duration::ZERO,
            sequence: 0,
            sound: None,
        }
    }

    /// What a viewer must have before the first part.
    pub fn init(&self, audio: bool) -> Message {
        let params = if audio { &self.heard } else { &self.silent };
        let segment = Bytes::from(fragment::init_segment(params));
        Message::Init { mime: params.mime(), segment, origin: self.origin }
    }

    /// Learns the frame interval from key to key.
    pub fn count(&mut self, key: bool, time: Time) {
        match &mut self.last_key {
            Some((last, frames)) if key => {
                self.interval = (time.since(*last) / (*frames).max(1)).clamp(MIN_INTERVAL, MAX_INTERVAL);
                self.last_key = Some((time, 1));
            }
            Some((_, frames)) => *frames += 1,
            None if key => self.last_key = Some((time, 1)),
            None => {}
        }
    }

    /// A frame.
    pub fn video(&mut self, data: &[u8], key: bool, time: Time) -> Message {
        let dts = self.decode_at(key, time);
        self.part(Track::Video, dts, time, self.interval, key, data)
    }

    /// The frames of the fragment under way, for a viewer who comes now.
    pub fn backlog(&mut self, builder: &Builder) -> Vec<Message> {
        self.dts = Duration::ZERO;
        builder.video_samples().map(|(time, key, data)| self.video(data, key, time)).collect()
    }

    /// Sound, as one part or, from G.711, as the Opus packets that it completes.
    pub fn audio(&mut self, data: &[u8], time: Time) -> Vec<Message> {
        match self.audio.as_ref().map(|audio| (audio.codec, audio.rate)) {
            Some((codec, 8000)) if is_g711(codec) => self.transcoded(codec, data, time),
            Some((AudioCodec::Aac, rate)) => {
                vec![self.sound_part(time, Duration::from_micros(1_024_000_000 / u64::from(rate.max(1))), data)]
            }
            Some((AudioCodec::Opus, _)) => {
                let samples = media::opus::samples(data).unwrap_or(opus::PACKET_DURATION);
                vec![self.sound_part(time, Duration::from_micros(u64::from(samples) * 1_000_000 / 48_000), data)]
            }
            _ => Vec::new(),
        }
    }

    fn transcoded(&mut self, law: AudioCodec, data: &[u8], time: Time) -> Vec<Message> {
        let mut sound = match self.sound.take() {
            Some(sound) if sound.expects(time) => sound,
            _ => match Transcoder::new(law) {
                Ok(transcoder) => Sound { transcoder, next: time },
                Err(error) => {
                    tracing::warn!(?error, "no Opus encoder for live sound");
                    return Vec::new();
                }
            },
        };
        let mut packets = Vec::new();
        if let Err(error) = sound.transcoder.push(data, |packet| packets.push(packet.to_vec())) {
            tracing::warn!(?error, "live sound was not transcoded");
            return Vec::new();
        }
        let parts = packets
            .iter()
            .map(|packet| {
                let part = self.sound_part(sound.next, OPUS_PACKET, packet);
                sound.next = sound.next + OPUS_PACKET;
                part
            })
            .collect();
        self.sound = Some(sound);
        parts
    }

    fn sound_part(&mut self, time: Time, duration: Duration, data: &[u8]) -> Message {
        self.part(Track::Audio, time.since(self.origin), time, duration, true, data)
    }

    /// Decoding time of a frame. Without B-frames it is its presentation time; with them frames are spread evenly from
    /// two intervals before each key frame.
    fn decode_at(&mut self, key: bool, time: Time) -> Duration {
        let presented = time.since(self.origin);
        let dts = match (self.reorders, key) {
            (false, _) => presented,
            (true, true) => presented.saturating_sub(self.interval * 2),
            (true, false) => self.dts + self.interval,
        };
        self.dts = dts.max(self.dts);
        self.dts
    }

    fn part(&mut self, track: Track, dts: Duration, time: Time, duration: Duration, key: bool, data: &[u8]) -> Message {
        self.sequence += 1;
        let offset = time.since(self.origin).as_micros() as i64 - dts.as_micros() as i64;
        let part = fragment::Part { track, sequence: self.sequence, dts, offset, duration, key, data };
        Message::Part { bytes: Bytes::from(fragment::part(&self.heard, &part)), time }
    }
}

impl Sound {
    /// Whether a sample of this time continues what is pending.
    fn expects(&self, time: Time) -> bool {
        let pending = Duration::from_micros(self.transcoder.pending() as u64 * 125);
        let expected = self.next + pending;
        time.since(expected) <= SOUND_DRIFT && expected.since(time) <= SOUND_DRIFT
    }
}

/// Whether a browser needs it as Opus.
pub(crate) fn is_g711(codec: AudioCodec) -> bool {
    matches!(codec, AudioCodec::Pcma | AudioCodec::Pcmu)
}

const _: () = assert!(opus::PACKET_DURATION as u64 * 1_000_000 / 48_000 == OPUS_PACKET.as_micros() as u64);
