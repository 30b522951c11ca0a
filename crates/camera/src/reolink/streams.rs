//! What a channel sends: codec and size of its two streams, where they are, and which way in is best.

use super::{
    Error, Reolink, Size, Wake,
    answer::{Command, Outcome, fits, is_on, text},
};
use base::Secret;
use media::VideoCodec;
use serde_json::{Value, json};

/// The ports of a device; none for what is switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    pub http: Option<u16>,
    pub https: Option<u16>,
    pub rtsp: Option<u16>,
    pub rtmp: Option<u16>,
    pub onvif: Option<u16>,
}

impl Ports {
    pub(super) fn read(value: &Value) -> Self {
        let ports = &value["NetPort"];
        // Older firmware has no switches: what has a port is on.
        let open = |name: &str| {
            let on = ports.get(format!("{name}Enable")).is_none() || is_on(ports, &format!("{name}Enable"));
            fits::<u16>(ports, &format!("{name}Port")).filter(|port| on && *port != 0)
        };
        Self { http: open("http"), https: open("https"), rtsp: open("rtsp"), rtmp: open("rtmp"), onvif: open("onvif") }
    }
}

/// One of the two streams of a channel.
#[derive(Clone, Debug)]
pub struct Stream {
    /// None for a codec that we do not know.
    pub codec: Option<VideoCodec>,
    pub width: u32,
    pub height: u32,
    pub fps: Option<u32>,
    /// Kilobits a second, as it is set.
    pub bit_rate: Option<u32>,
    /// Its RTSP address, without a credential.
    pub url: Secret<String>,
}

/// The streams of a channel.
#[derive(Clone, Debug)]
pub struct Streams {
    pub main: Stream,
    pub sub: Option<Stream>,
    pub audio: bool,
    pub ports: Ports,
    /// Which way in is best, and why.
    pub choice: Choice,
}

/// The way to a channel's video, with the reason for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Rtsp(&'static str),
    /// FLV over HTTP, which carries what RTMP carries.
    Flv(&'static str),
    /// No way; says what to do.
    None(&'static str),
}

impl Choice {
    /// RTSP, which carries every codec and the camera's clock, wherever it is open.
    pub(super) fn of(ports: &Ports, main: Option<VideoCodec>) -> Self {
        match (ports.rtsp, ports.rtmp, main) {
            (Some(_), ..) => Choice::Rtsp("RTSP is switched on and carries the camera's own clock"),
            (None, Some(_), Some(VideoCodec::H264)) => Choice::Flv("RTSP is switched off in the camera, RTMP is on"),
            (None, Some(_), _) => Choice::Flv("RTSP is switched off in the camera; H.265 in FLV needs new firmware"),
            (None, None, _) => Choice::None("RTSP is switched off in the camera: switch it on in its network settings"),
        }
    }
}

impl Reolink {
    /// The streams of a channel. Wakes a battery camera.
    pub async fn streams(&self, channel: u8, wake: Wake) -> Result<Streams, Error> {
        self.may("GetEnc", channel, wake).await?;
        let commands =
            [Command::channel("GetEnc", channel), Command::channel("GetRtspUrl", channel), Command::host("GetNetPort")];
        let mut outcomes = self.session.ask(&commands).await?.into_iter();
        let mut next = || outcomes.next().unwrap_or(Ok(Value::Null));
        let (encoding, urls, ports): (Outcome, Outcome, Outcome) = (next(), next(), next());
        let encoding = encoding.map_err(|code| Error::Refused { command: "GetEnc", code })?;
        let ports = Ports::read(&ports.unwrap_or_default());
        self.put_together(channel, &encoding, urls.ok().as_ref(), ports)
    }

    fn put_together(
        &self,
        channel: u8,
        encoding: &Value,
        told: Option<&Value>,
        ports: Ports,
    ) -> Result<Streams, Error> {
        let garbled = Error::Garbled { command: "GetEnc", what: "no streams" };
        let (audio, [main, sub]) = self::encoding(encoding);
        let [main_path, sub_path] = told.map(paths).unwrap_or_default();
        let at = |shape: Shape, path: Option<String>, size: Size| {
            let path = path.unwrap_or_else(|| format!("/Preview_{:02}_{}", u16::from(channel) + 1, size.word()));
            let url = format!("{}{path}", origin(self.session.link.host(), ports.rtsp));
            let Shape { codec, width, height, fps, bit_rate } = shape;
            Stream { codec, width, height, fps, bit_rate, url: Secret::new(url) }
        };
        let main = at(main.ok_or(garbled)?, main_path, Size::Main);
        let sub = sub.map(|sub| at(sub, sub_path, Size::Sub));
        Ok(Streams { choice: Choice::of(&ports, main.codec), main, sub, audio, ports })
    }

    /// The ports of the device. Wakes nobody.
    pub async fn ports(&self) -> Result<Ports, Error> {
        self.session.one(Command::host("GetNetPort")).await.map(|value| Ports::read(&value))
    }

    /// Switches RTSP on or off in the device.
    pub async fn set_rtsp(&self, on: bool) -> Result<Ports, Error> {
        let mut ports = self.session.one(Command::host("GetNetPort")).await?;
        let switch = ports.get_mut("NetPort").and_then(|ports| ports.get_mut("rtspEnable"));
        *switch.ok_or(Error::Invalid("it has no switch for RTSP"))? = i32::from(on).into();
        self.session.one(Command::new("SetNetPort", json!({"NetPort": ports["NetPort"]}))).await?;
        self.ports().await
    }

    /// A JPEG of what the camera sees. Wakes a battery camera.
    pub async fn snapshot(&self, channel: u8, size: Size, wake: Wake) -> Result<Vec<u8>, Error> {
        self.may("Snap", channel, wake).await?;
        match self.snap(channel, size).await {
            Err(Error::Refused { code: super::Code::LoginFirst | super::Code::TokenError, .. }) => {
                self.session.forget().await;
                self.snap(channel, size).await
            }
            answer => answer,
        }
    }

    async fn snap(&self, channel: u8, size: Size) -> Result<Vec<u8>, Error> {
        let random = u32::from_ne_bytes(self.world.random());
        let query = self.session.query("Snap").await?.with("channel", &channel.to_string());
        let query = query.with("rs", &random.to_string()).with("snapType", size.word());
        let bytes = self.session.link.get(&query, super::link::JPEG).await?;
        if bytes.starts_with(&[0xFF, 0xD8]) {
            return Ok(bytes.into());
        }
        Err(match super::answer::refusal(&bytes) {
            Some(code) => Error::Refused { command: "Snap", code },
            None => Error::Garbled { command: "Snap", what: "no JPEG" },
        })
    }
}

/// The RTSP server of a device, where we reach it: the password goes nowhere else, whatever address the device tells.
fn origin(host: &str, port: Option<u16>) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("rtsp://{host}:{}", port.unwrap_or(554))
}

/// How a stream is coded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    codec: Option<VideoCodec>,
    width: u32,
    height: u32,
    fps: Option<u32>,
    bit_rate: Option<u32>,
}

/// Whether there is sound, and how main and sub are coded.
pub(super) fn encoding(value: &Value) -> (bool, [Option<Shape>; 2]) {
    let encoding = &value["Enc"];
    (is_on(encoding, "audio"), ["mainStream", "subStream"].map(|stream| shape(&encoding[stream])))
}

fn shape(stream: &Value) -> Option<Shape> {
    let size = text(stream, "size");
    let (width, height) = match (fits(stream, "width"), fits(stream, "height")) {
        (Some(width), Some(height)) => (width, height),
        _ => {
            let size = size?;
            let (width, height) = size.split_once(['*', 'x'])?;
            (width.trim().parse().ok()?, height.trim().parse().ok()?)
        }
    };
    let codec = match text(stream, "vType").map(|codec| codec.to_ascii_lowercase()).as_deref() {
        Some("h265" | "hevc") => Some(VideoCodec::H265),
        // Older firmware, which knows no other, does not say.
        Some("h264") | None => Some(VideoCodec::H264),
        Some(_) => None,
    };
    Some(Shape { codec, width, height, fps: fits(stream, "frameRate"), bit_rate: fits(stream, "bitRate") })
}

/// The paths of the addresses of main and sub.
pub(super) fn paths(value: &Value) -> [Option<String>; 2] {
    let path = |stream: &str| {
        let (url, _) = crate::target::Url::parse(value["rtspUrl"][stream].as_str()?).ok()?;
        let rest = url.text.expose().strip_prefix("rtsp://")?;
        rest.find('/').map(|at| rest[at..].to_owned())
    };
    ["mainStream", "subStream"].map(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_from_either_spelling() {
        let size = |stream: Value| shape(&stream).map(|shape| (shape.width, shape.height));
        assert_eq!(size(json!({"width": 640, "height": 360})), Some((640, 360)));
        assert_eq!(size(json!({"size": "3840*2160"})), Some((3840, 2160)));
        assert_eq!(size(json!({"size": "4k"})), None);
    }

    #[test]
    fn of_an_address_that_the_camera_tells_only_the_path_counts() {
        let told =
            json!({"rtspUrl": {"mainStream": "rtsp://u:p@8.8.8.8:554/Preview_01_main", "subStream": "http://x/y"}});
        assert_eq!(paths(&told), [Some("/Preview_01_main".into()), None]);
        assert_eq!(origin("fd00::7", Some(8554)), "rtsp://[fd00::7]:8554");
    }

    #[test]
    fn the_way_in_is_rtsp_where_it_is_on_and_says_what_to_do_where_nothing_is() {
        let ports = |rtsp, rtmp| Ports { rtsp, rtmp, ..Ports::default() };
        assert!(matches!(Choice::of(&ports(Some(554), Some(1935)), None), Choice::Rtsp(_)));
        assert!(matches!(Choice::of(&ports(None, Some(1935)), Some(VideoCodec::H264)), Choice::Flv(_)));
        assert!(matches!(Choice::of(&ports(None, None), None), Choice::None(why) if why.contains("switch it on")));
    }
}
