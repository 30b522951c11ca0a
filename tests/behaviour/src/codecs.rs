//! Every codec, transport and stream that a camera may send is recorded as it came.

use crate::house::{self, House, ffmpeg_complaints, frames, installed};
use cloud::Stream;
use devices::{Mode, Settings, Transport};
use simulator::{Picture, Simulator};
use std::{path::Path, process::Command, time::Duration};

/// Ten seconds of a moving test picture with a tone.
fn clip(path: &Path, video: &[&str], audio: &[&str]) {
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=15"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=16000", "-t", "10", "-g", "30"])
        .args(video)
        .args(["-pix_fmt", "yuv420p"])
        .args(audio)
        .args(["-y"])
        .arg(path)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success());
}

async fn files(paths: Vec<std::path::PathBuf>) -> Simulator {
    let config = simulator::Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        cameras: paths.len(),
        picture: Picture::Files(paths),
        credentials: None,
    };
    Simulator::start(config, base::World::system()).await.expect("the simulator starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn h264_and_h265_with_aac_over_tcp_and_udp_are_stored_as_they_come() {
    if !installed("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (h264, h265) = (folder.path().join("h264.mp4"), folder.path().join("h265.mp4"));
    clip(&h264, &["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"], &["-c:a", "aac"]);
    clip(
        &h265,
        &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1"],
        &["-c:a", "aac"],
    );
    let simulator = files(vec![h264, h265]).await;
    let house = House::in_memory().await;
    let mut cameras = Vec::new();
    for (codec, urls) in ["avc1", "hvc1"].into_iter().zip(simulator.urls()) {
        for transport in [Transport::Tcp, Transport::Udp] {
            let mut settings = Settings::new(format!("{codec} {transport:?}"), urls.main.clone(), Mode::Continuous);
            settings.transport = transport;
            let camera = house.devices.add(&house.caller(), settings).await.expect("the camera is added").id;
            cameras.push((codec, transport, camera));
        }
    }
    for (codec, transport, camera) in cameras {
        let range = house.recorded(camera, Stream::Main, Duration::from_secs(8)).await;
        let status = house.cloud.status(&house.caller(), camera).await.expect("a status");
        let stream = &status.streams[0];
        assert!(stream.codec.as_ref().is_some_and(|found| found.starts_with(codec)), "{stream:?}");
        assert!(stream.audio.as_ref().is_some_and(|found| found.starts_with("mp4a")), "{stream:?}");
        let path = house.mp4(camera, Stream::Main, range).await;
        assert_eq!(ffmpeg_complaints(&path), "", "{codec} over {transport:?}");
        let rate = frames(&path, "v:0") as f64 / range.duration().as_secs_f64();
        assert!((13.5..=16.5).contains(&rate), "{codec} over {transport:?}: {rate} frames a second of 15");
        assert!(frames(&path, "a:0") > 50);
        let ticket = house.ticket(camera, devices::grant::Action::Snapshot, range).await;
        let still = house.cloud.snapshot(ticket, Stream::Main, Some(range.start)).await.expect("a snapshot");
        assert_eq!(&still.bytes[..3], [0xff, 0xd8, 0xff], "a JPEG of {codec}");
    }
    house.stop().await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_without_sound_has_no_sound_on_the_shelf() {
    policy::prove!(C1_2_8);
    let simulator = house::scenes(1).await;
    let house = House::in_memory().await;
    let mut settings = Settings::new("Quiet", simulator.urls()[0].main.clone(), Mode::Continuous);
    settings.audio = false;
    let camera = house.devices.add(&house.caller(), settings).await.expect("added").id;
    let range = house.recorded(camera, Stream::Main, Duration::from_secs(4)).await;
    let path = house.mp4(camera, Stream::Main, range).await;
    let bytes = std::fs::read(&path).expect("readable");
    for mark in [&b"alaw"[..], b"ulaw", b"mp4a", b"Opus", b"soun"] {
        assert!(!bytes.windows(mark.len()).any(|window| window == mark), "{:?}", String::from_utf8_lossy(mark));
    }
    house.stop().await;
    simulator.stop().await;
}
