//! ffmpeg, ffprobe and GStreamer.

use crate::{ada, porch, start};
use base::World;
use simulator::{Daylight, Fault, Kind, Picture, strip};
use std::{path::Path, time::Duration};
use tokio::process::Command;

/// Runs a tool to its end, a minute at most, and answers its standard output; none where the tool is missing.
async fn run(tool: &str, arguments: &[&str]) -> Option<(bool, Vec<u8>)> {
    let mut command = Command::new(tool);
    command.args(arguments).kill_on_drop(true);
    match tokio::time::timeout(Duration::from_secs(60), command.output()).await {
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: {tool} is not installed");
            None
        }
        Ok(output) => {
            let output = output.unwrap();
            eprintln!("{tool}: {}", String::from_utf8_lossy(&output.stderr));
            Some((output.status.success(), output.stdout))
        }
        Err(_) => panic!("{tool} did not end"),
    }
}

async fn probe(url: &str, transport: &str) -> Option<(bool, String)> {
    let entries = "stream=codec_name,width,height";
    let arguments = ["-v", "error", "-rtsp_transport", transport, "-show_entries", entries, "-of", "csv=p=0", url];
    run("ffprobe", &arguments).await.map(|(done, text)| (done, String::from_utf8(text).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn ffprobe_signs_in_and_sees_both_streams_over_tcp_and_udp() {
    let simulator = start(1, Picture::Scenes(Daylight::Day), Some(ada())).await;
    let url = |user: &str, path: &str| format!("rtsp://{user}@{}/cam1/{path}", simulator.address());
    for transport in ["tcp", "udp"] {
        let Some((done, seen)) = probe(&url("ada:correct%20horse", "main"), transport).await else { return };
        assert!(done && seen.contains("h264,1280,720") && seen.contains("pcm_alaw"), "{transport}: {seen}");
        let (done, seen) = probe(&url("ada:correct%20horse", "sub"), transport).await.unwrap();
        assert!(done && seen.contains("h264,640,360"), "{transport}: {seen}");
    }
    assert!(!probe(&url("ada:wrong", "main"), "tcp").await.unwrap().0, "a wrong password is refused");
    simulator.stop().await;
}

/// The times that the strips of the first decoded pictures tell.
async fn strips(url: &str, transport: &str, width: usize, height: usize, frames: &str) -> Option<Vec<i64>> {
    let input = ["-v", "error", "-rtsp_transport", transport, "-i", url];
    let output = ["-an", "-vsync", "passthrough", "-frames:v", frames, "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"];
    let (done, luma) = run("ffmpeg", &[&input[..], &output[..]].concat()).await?;
    assert!(done);
    let told = luma.chunks_exact(width * height).map(|picture| strip::read(picture, width, height, width));
    Some(told.map(|time| time.expect("every strip is readable").micros() / 1000).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_decoded_picture_tells_its_time() {
    let simulator = start(4, Picture::Scenes(Daylight::Day), None).await;
    let now = World::system().clock.now().micros() / 1000;
    let urls = simulator.urls();
    for (url, width, height, step, transport) in [
        (&urls[0].main, 1280, 720, 100, "tcp"),
        (&urls[1].sub, 640, 360, 200, "tcp"),
        (&urls[2].main, 1280, 720, 100, "udp"),
        (&urls[3].sub, 640, 360, 200, "udp"),
    ] {
        let Some(times) = strips(url, transport, width, height, "25").await else { return };
        assert_eq!(times.len(), 25);
        assert!(times[0] >= now - 2000 && times[0] < now + 60_000, "{times:?} from {now}");
        let steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // A machine that is too slow skips pictures, but none comes twice or between.
        assert!(steps.iter().all(|&wide| wide > 0 && (wide % step < 3 || wide % step > step - 3)), "{steps:?}");
    }
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_shows_reordered_pictures_in_order() {
    let simulator = porch().await;
    simulator.fault(Fault { camera: 1, kind: Kind::BFrames, duration: Duration::from_secs(60) }).unwrap();
    let url = &simulator.urls()[0].main;
    let Some(times) = strips(url, "tcp", 1280, 720, "40").await else { return };
    assert!(times.len() == 40 && times.is_sorted(), "{times:?}");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_plays_with_a_password() {
    let simulator = start(1, Picture::Scenes(Daylight::Night), Some(ada())).await;
    let folder = tempfile::tempdir().unwrap();
    for protocol in ["tcp", "udp"] {
        let path = folder.path().join(protocol);
        let location = format!("location=rtsp://{}/cam1/sub", simulator.address());
        let (protocols, sink) = (format!("protocols={protocol}"), format!("location={}", path.display()));
        let source = ["-q", "rtspsrc", &location, "user-id=ada", "user-pw=correct horse", &protocols, "name=camera"];
        let pipeline = ["camera.", "!", "application/x-rtp,media=video", "!", "rtph264depay", "!", "h264parse"];
        let end = ["!", "video/x-h264,stream-format=byte-stream", "!", "filesink", "buffer-mode=unbuffered", &sink];
        let mut command = Command::new("gst-launch-1.0");
        let Ok(mut player) = command.args(source).args(pipeline).args(end).kill_on_drop(true).spawn() else {
            println!("skipped: gst-launch-1.0 is not installed");
            return;
        };
        let mut pictures = 0;
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            pictures = if path.exists() { decoded(&path) } else { 0 };
            if pictures >= 12 {
                break;
            }
        }
        player.kill().await.unwrap();
        assert!(pictures >= 12, "{pictures} pictures over {protocol}");
    }
    simulator.stop().await;
}

/// How many pictures of a byte stream tell their time.
fn decoded(path: &Path) -> usize {
    use openh264::formats::YUVSource;
    let stream = std::fs::read(path).unwrap();
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    let mut told = 0;
    for unit in openh264::nal_units(&stream) {
        if let Ok(Some(picture)) = decoder.decode(unit) {
            let (width, height) = picture.dimensions();
            told += usize::from(strip::read(picture.y(), width, height, picture.strides().0).is_some());
        }
    }
    told
}

/// A film of two seconds, made by ffmpeg with these coders; false where ffmpeg or a coder is missing.
async fn film(path: &Path, coders: &[&str]) -> bool {
    let pictures = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=2"];
    let sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=16000:duration=2"];
    let path = path.to_str().unwrap();
    let made = run("ffmpeg", &[&pictures[..], &sound, coders, &["-shortest", path]].concat()).await;
    let made = made.is_some_and(|(done, _)| done);
    if !made {
        println!("skipped: ffmpeg cannot make a film with {coders:?}");
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn films_are_looped_with_continuous_timestamps() {
    let folder = tempfile::tempdir().unwrap();
    let (h264, h265) = (folder.path().join("h264.mp4"), folder.path().join("h265.mp4"));
    let with_b = ["-c:v", "libx264", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    let plain = ["-c:v", "libx265", "-x265-params", "keyint=25:log-level=none", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    if !(film(&h264, &with_b).await && film(&h265, &plain).await) {
        return;
    }
    let simulator = start(2, Picture::Files(vec![h264, h265]), None).await;
    for (camera, codec) in [(0, "h264"), (1, "hevc")] {
        let url = &simulator.urls()[camera].main;
        let (done, seen) = probe(url, "tcp").await.unwrap();
        assert!(done && seen.contains(&format!("{codec},320,240")) && seen.contains("aac"), "{seen}");
        let entries = ["-show_entries", "packet=pts_time,stream_index", "-of", "csv=p=0", "-read_intervals", "%+5"];
        let arguments = [&["-v", "error", "-rtsp_transport", "tcp"][..], &entries, &[url]].concat();
        let (_, text) = run("ffprobe", &arguments).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        let mut shown: Vec<i64> = text
            .lines()
            .filter_map(|line| line.trim_end_matches(',').strip_prefix("0,")?.parse::<f64>().ok())
            .map(|seconds| (seconds * 1000.0).round() as i64)
            .collect();
        shown.sort_unstable();
        assert!(shown.len() > 100, "two rounds and a half of 50 pictures: {}", shown.len());
        let steps: Vec<i64> = shown.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (38..=42).contains(step)), "40 ms, over the seam too: {steps:?}");
    }
    simulator.stop().await;
}
