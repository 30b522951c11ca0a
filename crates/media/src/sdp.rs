//! Session descriptions (RFC 4566) as cameras write them, with their mistakes.

use crate::{Result, malformed};

/// What kind of medium a section describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Video,
    Audio,
    Other,
}

/// One `m=` section. Names and parameters are those of its first payload type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub kind: Kind,
    pub payload_type: u8,
    /// Upper case: `H264`, `MPEG4-GENERIC`, `PCMA`; empty if the description does not say.
    pub encoding: String,
    /// Ticks a second; 0 if the description does not say.
    pub clock_rate: u32,
    pub channels: u8,
    /// The format parameters, without the payload type; see [`Media::parameter`].
    pub fmtp: String,
    /// The control URL as written, absolute or relative; empty if none.
    pub control: String,
}

impl Media {
    /// The value of a format parameter; names are compared without case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A session: its control URL and its media in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub control: Option<String>,
    pub media: Vec<Media>,
}

const MAX_BYTES: usize = 64 * 1024;
const MAX_MEDIA: usize = 32;

/// Reads a session description: at most 64 KiB and 32 media. Tolerates any line end, spaces, unknown lines and bytes
/// that are not UTF-8; an error if there is no medium.
pub fn parse(text: &[u8]) -> Result<Session> {
    if text.len() > MAX_BYTES {
        return Err(malformed("sdp", "longer than 64 KiB"));
    }
    let text = String::from_utf8_lossy(text);
    let mut session = Session { control: None, media: Vec::new() };
    for line in text.split(['\r', '\n']) {
        let Some((kind, value)) = line.trim().split_once('=') else { continue };
        let full = session.media.len() == MAX_MEDIA;
        match (kind.trim(), value.trim(), session.media.last_mut()) {
            ("m", ..) if full => return Err(malformed("sdp", "more than 32 media")),
            ("m", value, _) => session.media.push(section(value)),
            ("a", value, Some(media)) => attribute(value, media),
            ("a", value, None) => session.control = control(value).or(session.control),
            _ => {}
        }
    }
    if session.media.is_empty() { Err(malformed("sdp", "no media section")) } else { Ok(session) }
}

/// The value of an `m=` line: `video 0 RTP/AVP 96 97`.
fn section(value: &str) -> Media {
    let mut words = value.split_ascii_whitespace();
    let kind = match words.next() {
        Some(word) if word.eq_ignore_ascii_case("video") => Kind::Video,
        Some(word) if word.eq_ignore_ascii_case("audio") => Kind::Audio,
        _ => Kind::Other,
    };
    let payload_type = words.nth(2).and_then(|word| word.parse().ok()).unwrap_or(96);
    let (encoding, clock_rate) = static_type(payload_type);
    Media {
        kind,
        payload_type,
        encoding: encoding.into(),
        clock_rate,
        channels: 1,
        fmtp: String::new(),
        control: String::new(),
    }
}

/// The payload types that need no `rtpmap` (RFC 3551 6); those that are not recorded too, to name them.
const fn static_type(payload_type: u8) -> (&'static str, u32) {
    match payload_type {
        0 => ("PCMU", 8000),
        3 => ("GSM", 8000),
        4 => ("G723", 8000),
        8 => ("PCMA", 8000),
        9 => ("G722", 8000),
        10 | 11 => ("L16", 44100),
        14 => ("MPA", 90000),
        26 => ("JPEG", 90000),
        32 => ("MPV", 90000),
        _ => ("", 0),
    }
}

fn attribute(value: &str, media: &mut Media) {
    let (name, rest) = value.split_once(':').unwrap_or((value, ""));
    let (name, rest) = (name.trim(), rest.trim());
    if name.eq_ignore_ascii_case("control") {
        media.control = rest.into();
    } else if name.eq_ignore_ascii_case("rtpmap") {
        rtpmap(rest, media);
    } else if name.eq_ignore_ascii_case("fmtp")
        && let Some((payload_type, parameters)) = rest.split_once(char::is_whitespace)
        && payload_type.parse() == Ok(media.payload_type)
    {
        media.fmtp = parameters.trim().into();
    }
}

/// `96 MPEG4-GENERIC/16000/2`. A map of another payload type counts only while nothing better is known: some cameras
/// number their media line and their map differently.
fn rtpmap(value: &str, media: &mut Media) {
    let Some((payload_type, encoding)) = value.split_once(char::is_whitespace) else { return };
    let Ok(payload_type) = payload_type.parse::<u8>() else { return };
    if payload_type != media.payload_type && !media.encoding.is_empty() {
        return;
    }
    let mut parts = encoding.split('/').map(str::trim);
    media.payload_type = payload_type;
    media.encoding = parts.next().unwrap_or_default().to_ascii_uppercase();
    media.clock_rate = parts.next().and_then(|rate| rate.parse().ok()).unwrap_or(media.clock_rate);
    media.channels = parts.next().and_then(|channels| channels.parse().ok()).unwrap_or(1);
}

fn control(value: &str) -> Option<String> {
    let (name, rest) = value.split_once(':')?;
    name.trim().eq_ignore_ascii_case("control").then(|| rest.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIKVISION: &str = "v=0\r\no=- 1109162014219182 1109162014219192 IN IP4 0.0.0.0\r\ns=Media Presentation\r\n\
        b=AS:5100\r\nt=0 0\r\na=control:rtsp://10.0.0.9/Streaming/\r\nm=video 0 RTP/AVP 96\r\n\
        a=control:rtsp://10.0.0.9/Streaming/trackID=1\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKY2NQDwBE/LCAAAOEAACvyAI,aO44gA==\r\n\
        m=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\na=Media_header:MEDIAINFO=1;\r\n";

    #[test]
    fn a_camera_with_absolute_urls_and_static_audio_is_understood() {
        let session = parse(HIKVISION.as_bytes()).unwrap();
        assert_eq!(session.control.as_deref(), Some("rtsp://10.0.0.9/Streaming/"));
        let [video, audio] = &session.media[..] else { panic!("two media") };
        assert_eq!((video.kind, video.encoding.as_str(), video.clock_rate), (Kind::Video, "H264", 90000));
        assert_eq!(video.control, "rtsp://10.0.0.9/Streaming/trackID=1");
        assert_eq!(video.parameter("Packetization-Mode"), Some("1"));
        assert!(video.parameter("sprop-parameter-sets").unwrap().ends_with(",aO44gA=="));
        assert_eq!((audio.encoding.as_str(), audio.clock_rate, audio.payload_type), ("PCMA", 8000, 8));
    }

    #[test]
    fn bare_line_ends_spaces_and_wrong_numbers_are_tolerated() {
        let text = b"v=0\na=control:*\nm=video 0 RTP/AVP 35\na=rtpmap: 96 h264/90000\na=control: track1 \n\
            m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000/2\na=fmtp:97 mode=AAC-hbr;config=1410\n\xff\xfe\n";
        let session = parse(text).unwrap();
        assert_eq!(session.control.as_deref(), Some("*"));
        assert_eq!((session.media[0].encoding.as_str(), session.media[0].payload_type), ("H264", 96));
        assert_eq!(session.media[0].control, "track1");
        assert_eq!((session.media[1].encoding.as_str(), session.media[1].channels), ("MPEG4-GENERIC", 2));
        assert_eq!(session.media[1].parameter("config"), Some("1410"));
    }

    #[test]
    fn a_description_without_media_or_without_bounds_is_refused() {
        assert!(parse(b"").is_err() && parse(b"<html>404</html>").is_err());
        assert!(parse(&b"m=video 0 RTP/AVP 96\n".repeat(33)).is_err());
        assert!(parse(&vec![b'a'; MAX_BYTES + 1]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>, text in "(m=|a=rtpmap:|a=fmtp:|[ -~]|\n){0,80}") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
