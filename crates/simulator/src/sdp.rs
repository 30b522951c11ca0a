//! Writes the session description (RFC 4566) of a stream, with the parameters that RFC 6184, 7798, 3640 and 7587 ask for.

use base64::{Engine, engine::general_purpose::STANDARD};
use media::{AudioCodec, AudioParams, StreamParams, VideoCodec, VideoParams};
use std::fmt::Write;

/// RTP payload type of the pictures.
pub(crate) const VIDEO_TYPE: u8 = 96;

/// RTP payload type of the sound: the static ones of RFC 3551 for G.711 at 8 kHz.
pub(crate) fn audio_type(audio: &AudioParams) -> u8 {
    match (audio.codec, audio.rate) {
        (AudioCodec::Pcmu, 8000) => 0,
        (AudioCodec::Pcma, 8000) => 8,
        _ => 97,
    }
}

/// Ticks a second of the sound's RTP clock.
pub(crate) fn audio_rate(audio: &AudioParams) -> u32 {
    if audio.codec == AudioCodec::Opus { 48_000 } else { audio.rate }
}

/// The description; `control` is the address that the tracks `track1` (pictures) and `track2` (sound) are relative to.
pub(crate) fn describe(params: &StreamParams, control: &str) -> String {
    let mut text = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=Simulated camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n");
    // Writing to a string cannot fail.
    let _ = write!(text, "a=control:{control}\r\na=range:npt=now-\r\n");
    let _ = write!(text, "m=video 0 RTP/AVP {VIDEO_TYPE}\r\n{}", video(&params.video));
    let _ = write!(text, "a=control:track1\r\n");
    if let Some(audio) = &params.audio {
        let _ = write!(text, "m=audio 0 RTP/AVP {}\r\n{}a=control:track2\r\n", audio_type(audio), sound(audio));
    }
    text
}

fn video(video: &VideoParams) -> String {
    let (vps, sps, pps) = (STANDARD.encode(&video.vps), STANDARD.encode(&video.sps), STANDARD.encode(&video.pps));
    let mut text = match video.codec {
        VideoCodec::H264 => {
            let level: String = video.sps.iter().skip(1).take(3).map(|byte| format!("{byte:02X}")).collect();
            format!(
                "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id={level};\
                 sprop-parameter-sets={sps},{pps}\r\n"
            )
        }
        VideoCodec::H265 => {
            format!("a=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}\r\n")
        }
    };
    if let Some(fps) = video.fps {
        let _ = write!(text, "a=framerate:{fps:.2}\r\n");
    }
    text
}

fn sound(audio: &AudioParams) -> String {
    let (kind, rate, channels) = (audio_type(audio), audio_rate(audio), audio.channels);
    match audio.codec {
        AudioCodec::Pcma => format!("a=rtpmap:{kind} PCMA/{rate}/{channels}\r\n"),
        AudioCodec::Pcmu => format!("a=rtpmap:{kind} PCMU/{rate}/{channels}\r\n"),
        AudioCodec::Opus => format!("a=rtpmap:{kind} opus/48000/2\r\n"),
        AudioCodec::Aac => {
            let config: String = audio.config.iter().map(|byte| format!("{byte:02X}")).collect();
            format!(
                "a=rtpmap:{kind} MPEG4-GENERIC/{rate}/{channels}\r\na=fmtp:{kind} streamtype=5;profile-level-id=1;\
                 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}\r\n"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_holds_what_a_decoder_needs_before_the_first_packet() {
        let video = VideoParams {
            codec: VideoCodec::H264,
            width: 1280,
            height: 720,
            fps: Some(10.0),
            vps: Vec::new(),
            sps: vec![0x67, 0x42, 0xC0, 0x1F],
            pps: vec![0x68, 0xCE],
        };
        let audio = Some(AudioParams::g711(AudioCodec::Pcma, 8000, 1));
        let text = describe(&StreamParams { video, audio }, "rtsp://camera/");
        assert!(text.contains("profile-level-id=42C01F;sprop-parameter-sets=Z0LAHw==,aM4=\r\n"), "{text}");
        assert!(text.contains("m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000/1\r\na=control:track2\r\n"), "{text}");
    }
}
