//! What a decoder must know before the first sample: codec, size or rate, parameter sets.

use crate::{Result, aac, h264, h265, opus};

/// How the pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// ITU-T H.264, ISO/IEC 14496-10.
    H264,
    /// ITU-T H.265, ISO/IEC 23008-2.
    H265,
}

/// How the sound is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// ISO/IEC 14496-3.
    Aac,
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
    /// RFC 6716.
    Opus,
}

/// The parameters of a video track. The parameter sets are NAL units without start code or length.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoParams {
    pub codec: VideoCodec,
    /// Width in pixels, cropped.
    pub width: u32,
    /// Height in pixels, cropped.
    pub height: u32,
    /// Pictures a second as the stream says; cameras often say nothing or something wrong.
    pub fps: Option<f32>,
    /// H.265 video parameter set; empty for H.264.
    pub vps: Vec<u8>,
    pub sps: Vec<u8>,
    pub pps: Vec<u8>,
}

impl VideoParams {
    /// From an H.264 sequence and picture parameter set.
    pub fn h264(sps: &[u8], pps: &[u8]) -> Result<Self> {
        let parsed = h264::Sps::parse(sps)?;
        Ok(Self {
            codec: VideoCodec::H264,
            width: parsed.width,
            height: parsed.height,
            fps: parsed.fps,
            vps: Vec::new(),
            sps: sps.to_vec(),
            pps: pps.to_vec(),
        })
    }

    /// From an H.265 video, sequence and picture parameter set.
    pub fn h265(vps: &[u8], sps: &[u8], pps: &[u8]) -> Result<Self> {
        let parsed = h265::Sps::parse(sps)?;
        Ok(Self {
            codec: VideoCodec::H265,
            width: parsed.width,
            height: parsed.height,
            fps: parsed.fps,
            vps: vps.to_vec(),
            sps: sps.to_vec(),
            pps: pps.to_vec(),
        })
    }

    /// The codec as RFC 6381 and ISO/IEC 14496-15 write it: `avc1.64001f`, `hvc1.1.6.L93.B0`.
    pub fn rfc6381(&self) -> String {
        match self.codec {
            VideoCodec::H264 => h264::rfc6381(&self.sps),
            VideoCodec::H265 => h265::rfc6381(&self.sps),
        }
    }

    /// Whether pictures may be shown in another order than they are sent (B-frames). When unknown: yes.
    pub fn reorders(&self) -> bool {
        match self.codec {
            VideoCodec::H264 => h264::Sps::parse(&self.sps).map_or(true, |sps| sps.reorders),
            VideoCodec::H265 => h265::Sps::parse(&self.sps).map_or(true, |sps| sps.reorders),
        }
    }
}

/// The parameters of an audio track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioParams {
    pub codec: AudioCodec,
    /// Samples a second; also the timescale of the track.
    pub rate: u32,
    pub channels: u8,
    /// AudioSpecificConfig for AAC, OpusHead for Opus, empty for G.711.
    pub config: Vec<u8>,
}

impl AudioParams {
    /// G.711 as RTP payload types 8 (A-law) and 0 (mu-law) mean it.
    pub fn g711(codec: AudioCodec, rate: u32, channels: u8) -> Self {
        Self { codec, rate, channels, config: Vec::new() }
    }

    /// From an AudioSpecificConfig (ISO/IEC 14496-3).
    pub fn aac(config: &[u8]) -> Result<Self> {
        let parsed = aac::Config::parse(config)?;
        Ok(Self { codec: AudioCodec::Aac, rate: parsed.rate, channels: parsed.channels, config: config.to_vec() })
    }

    /// Opus at 48 kHz (RFC 7587).
    pub fn opus(channels: u8) -> Self {
        Self { codec: AudioCodec::Opus, rate: opus::RATE, channels, config: opus::head(channels) }
    }

    /// The codec as RFC 6381 and the MP4 registration authority write it.
    pub fn rfc6381(&self) -> String {
        match self.codec {
            AudioCodec::Aac => format!("mp4a.40.{}", aac::Config::parse(&self.config).map_or(2, |c| c.object_type)),
            AudioCodec::Opus => "opus".into(),
            AudioCodec::Pcma => "alaw".into(),
            AudioCodec::Pcmu => "ulaw".into(),
        }
    }
}

/// The parameters of a stream: one video track, perhaps one audio track.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamParams {
    pub video: VideoParams,
    pub audio: Option<AudioParams>,
}

impl StreamParams {
    /// The MIME type for Media Source Extensions: `video/mp4; codecs="avc1.64001f,mp4a.40.2"`.
    pub fn mime(&self) -> String {
        let video = self.video.rfc6381();
        match &self.audio {
            Some(audio) => format!("video/mp4; codecs=\"{video},{}\"", audio.rfc6381()),
            None => format!("video/mp4; codecs=\"{video}\""),
        }
    }
}
