//! Sessions with GStreamer's RTSP server, which is what a camera is to us. Skipped aloud where it is not installed.

use crate::{
    allow,
    sink::{Keeper, Kept},
};
use base::World;
use camera::{Credentials, Error, Pump, Target, Transport, play, probe};
use media::{AudioCodec, VideoCodec};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A server of our own, gone when the test is.
struct Server {
    child: Child,
    open: u16,
    digest: u16,
    basic: u16,
}

impl Server {
    fn start() -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rtsp/gst_rtsp.py");
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take()?).read_line(&mut line);
        let ports: Vec<u16> = line.split_whitespace().skip(1).filter_map(|port| port.parse().ok()).collect();
        let [open, digest, basic] = ports[..] else {
            eprintln!("skipped: GStreamer's RTSP server (python3-gi, gir1.2-gst-rtsp-server-1.0) is not installed");
            let _ = child.wait();
            return None;
        };
        Some(Self { child, open, digest, basic })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn target(port: u16, path: &str, transport: Transport) -> Target {
    Target::new(&format!("rtsp://127.0.0.1:{port}{path}"), transport, true).unwrap()
}

async fn watch(port: u16, path: &str, transport: Transport, pictures: usize) -> Kept {
    let world = World::system();
    let session = play(&target(port, path, transport), &allow(), &world).await.unwrap();
    let pump = Pump::start(1, Duration::from_millis(100), world).unwrap();
    let (keeper, watch) = Keeper::new();
    let handle = pump.attach(session, keeper);
    watch.wait(Duration::from_secs(15), "pictures and sound", |kept| {
        kept.video.len() >= pictures && (path == "/silent" || kept.audio.len() >= 20) && kept.reports > 0
    });
    let stats = handle.stats();
    assert!(stats.bytes > 10_000 && stats.packets > 20 && stats.last_packet.is_some(), "{stats:?}");
    assert_eq!((stats.lost, stats.garbage), (0, 0));
    handle.stop();
    assert_eq!(watch.end(Duration::from_secs(3)), Ok(()));
    watch.kept()
}

/// Pictures at 15 fps, begun with a key frame, without a hole.
fn assert_steady(kept: &Kept) {
    let first_key = kept.video.iter().position(|(unit, ..)| unit.key).expect("a key frame");
    assert!(first_key <= 1, "the first picture is key frame number {first_key}");
    for pair in kept.video.windows(2) {
        let step = pair[1].0.timestamp - pair[0].0.timestamp;
        assert!((5900..=6100).contains(&step), "a step of {step} ticks");
        assert_eq!(pair[1].0.lost, 0);
    }
    let video = kept.video_params.as_ref().unwrap();
    assert_eq!((video.width, video.height), (640, 360));
}

#[tokio::test(flavor = "multi_thread")]
async fn h264_and_g711_come_over_tcp_and_over_udp() {
    let Some(server) = Server::start() else { return };
    for transport in [Transport::Tcp, Transport::Udp] {
        let kept = watch(server.open, "/h264", transport, 45).await;
        assert_steady(&kept);
        assert_eq!(kept.video_params.unwrap().codec, VideoCodec::H264);
        let audio = kept.audio_params.unwrap();
        assert_eq!((audio.codec, audio.rate, audio.channels), (AudioCodec::Pcma, 8000, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h265_and_aac_come_over_tcp_and_over_udp() {
    let Some(server) = Server::start() else { return };
    for transport in [Transport::Tcp, Transport::Udp] {
        let kept = watch(server.open, "/h265", transport, 45).await;
        assert_steady(&kept);
        assert_eq!(kept.video_params.unwrap().codec, VideoCodec::H265);
        let audio = kept.audio_params.unwrap();
        assert_eq!((audio.codec, audio.rate), (AudioCodec::Aac, 16_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opus_and_a_camera_without_sound_come_too() {
    let Some(server) = Server::start() else { return };
    let kept = watch(server.open, "/opus", Transport::Tcp, 15).await;
    assert_eq!(kept.audio_params.unwrap().codec, AudioCodec::Opus);
    assert_steady(&watch(server.open, "/silent", Transport::Udp, 15).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_what_it_found_or_what_is_wrong() {
    let Some(server) = Server::start() else { return };
    let world = World::system();
    let look = |port, path| {
        let (world, target) = (world.clone(), target(port, path, Transport::Tcp));
        async move { probe(&target, &allow(), &world).await }
    };
    let found = look(server.open, "/h264").await.unwrap();
    assert_eq!((found.video.codec, found.video.width, found.video.height), (VideoCodec::H264, 640, 360));
    assert!((14.0..16.0).contains(&found.video.fps.unwrap()), "{:?}", found.video.fps);
    assert_eq!(found.audio.unwrap().codec, AudioCodec::Pcma);
    assert!(found.server.unwrap().contains("GStreamer"));
    assert_eq!(look(server.open, "/nothing").await.unwrap_err(), Error::NoSuchPath(404));
    assert_eq!(look(server.open, "/jpeg").await.unwrap_err(), Error::UnsupportedCodec("JPEG".into()));
    assert_eq!(look(server.digest, "/h264").await.unwrap_err(), Error::Unauthorized);
    assert_eq!(look(1, "/h264").await.unwrap_err(), Error::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn digest_and_basic_open_the_door_and_a_wrong_password_does_not() {
    let Some(server) = Server::start() else { return };
    let world = World::system();
    for port in [server.digest, server.basic] {
        let with = |password| {
            target(port, "/silent", Transport::Tcp).with_credentials(Credentials::new("ada", password).unwrap())
        };
        assert!(probe(&with("lovelace"), &allow(), &world).await.is_ok(), "the right password");
        assert_eq!(probe(&with("byron"), &allow(), &world).await.unwrap_err(), Error::Unauthorized);
    }
}
