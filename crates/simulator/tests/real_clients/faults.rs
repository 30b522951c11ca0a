//! Each fault, seen from the other end of the wire.

use crate::{ada, client::Client, porch, start};
use simulator::{Daylight, Fault, Kind, Picture, Simulator};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn cause(simulator: &Simulator, kind: Kind, seconds: u64) {
    simulator.fault(Fault { camera: 1, kind, duration: Duration::from_secs(seconds) }).unwrap();
}

/// Signed steps between timestamps, in ticks of 90 kHz.
fn steps(times: &[u32]) -> Vec<i32> {
    times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]) as i32).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_cuts_and_refuses_until_its_end() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    cause(&simulator, Kind::Drop, 2);
    assert!(client.packets(SECOND).is_err(), "cut");
    assert!(Client::connect(simulator.address(), "cam1/main").request("DESCRIBE", "", "").is_err(), "closed at once");
    tokio::time::sleep(2 * SECOND).await;
    assert!(!Client::play(simulator.address(), "cam1/main").packets(SECOND).unwrap().is_empty(), "back");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze_sends_nothing_but_answers() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    let before = *client.picture_times(SECOND).last().unwrap();
    cause(&simulator, Kind::Freeze, 3);
    client.packets(SECOND / 2).unwrap();
    assert!(client.packets(SECOND).unwrap().is_empty());
    assert!(client.request("GET_PARAMETER", "", "").unwrap().contains(" 200 "));
    let after = client.picture_times(3 * SECOND);
    let gap = after[0].wrapping_sub(before) as f32 / 90_000.0;
    assert!((2.5..4.5).contains(&gap), "time went on: {gap} s");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_breaks_the_framing_and_ends() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    client.packets(SECOND).unwrap();
    assert_eq!(client.garbage(), 0);
    cause(&simulator, Kind::Garbage, 1);
    // The random bytes may look like an answer or a packet, so only what follows them counts.
    let _ = client.packets(2 * SECOND);
    assert!(client.garbage() > 500, "{} bytes were no frames", client.garbage());
    assert!(Client::play(simulator.address(), "cam1/main").picture_times(2 * SECOND).len() > 5, "all is well again");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timestamps_wrap_after_the_next_play() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    cause(&simulator, Kind::TimestampsWrap, 2);
    assert!(client.packets(SECOND).is_err(), "cut, as by a camera that starts again");
    let times = Client::play(simulator.address(), "cam1/main").picture_times(4 * SECOND);
    assert!(times.windows(2).any(|pair| pair[0] > u32::MAX - 90_000 && pair[1] < 90_000), "{times:?}");
    assert!(steps(&times).iter().all(|&step| step > 0), "continuous across the wrap");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timestamps_jump_an_hour_and_fall_back() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    let mut times = client.picture_times(SECOND);
    cause(&simulator, Kind::TimestampsJump, 2);
    times.extend(client.picture_times(4 * SECOND));
    let steps = steps(&times);
    let hour = 3600 * 90_000;
    assert!(steps.iter().any(|step| (step - hour).abs() < 90_000), "{steps:?}");
    assert!(steps.iter().any(|step| (step + hour).abs() < 90_000), "{steps:?}");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn non_monotonic_timestamps_repeat_and_fall_back() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    assert!(steps(&client.picture_times(2 * SECOND)).iter().all(|&step| step > 0));
    cause(&simulator, Kind::NonMonotonic, 5);
    let steps = steps(&client.picture_times(3 * SECOND));
    assert!(steps.contains(&0) && steps.iter().any(|&step| step < 0), "{steps:?}");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b_frames_come_out_of_order_and_the_parameters_say_so() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    client.packets(SECOND).unwrap();
    cause(&simulator, Kind::BFrames, 20);
    client.packets(SECOND).unwrap();
    let steps = steps(&client.picture_times(3 * SECOND));
    assert!(steps.iter().filter(|&&step| step < 0).count() > 5, "{steps:?}");
    let sdp = client.request("DESCRIBE", "", "").unwrap();
    assert!(sdp.contains("profile-level-id=4D00"), "main profile, which may reorder: {sdp}");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resolution_changes_in_band_and_back() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    client.packets(SECOND).unwrap();
    cause(&simulator, Kind::Resolution, 2);
    let mut sizes: Vec<(u32, u32)> = Vec::new();
    for packet in client.packets(4 * SECOND).unwrap() {
        let payload = packet.payload();
        if packet.channel == 0 && payload[0] & 0x1F == 24 {
            let len = usize::from(u16::from_be_bytes([payload[1], payload[2]]));
            let sps = media::h264::Sps::parse(&payload[3..3 + len]).unwrap();
            sizes.push((sps.width, sps.height));
        }
    }
    sizes.dedup();
    assert!(sizes.windows(2).any(|pair| pair == [(960, 540), (1280, 720)]), "{sizes:?}");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_refused_for_a_while() {
    let simulator = start(1, Picture::Scenes(Daylight::Day), Some(ada())).await;
    let basic = "Authorization: Basic YWRhOmNvcnJlY3QgaG9yc2U=\r\n";
    let describe = |headers: &str| Client::connect(simulator.address(), "cam1/main").request("DESCRIBE", "", headers);
    assert!(describe("").unwrap().contains(" 401 "));
    assert!(describe(basic).unwrap().contains(" 200 "));
    cause(&simulator, Kind::RefusePassword, 2);
    let refused = describe(basic).unwrap();
    assert!(refused.contains(" 401 ") && refused.contains("WWW-Authenticate: Digest"), "{refused}");
    tokio::time::sleep(2 * SECOND).await;
    assert!(describe(basic).unwrap().contains(" 200 "));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_loris_answers_a_byte_a_second() {
    let simulator = porch().await;
    cause(&simulator, Kind::SlowLoris, 3);
    let mut client = Client::connect(simulator.address(), "cam1/main");
    let start = Instant::now();
    client.send("OPTIONS", "", "").unwrap();
    assert!(client.answer(2 * SECOND).is_err(), "not complete in two seconds");
    client.answer(5 * SECOND).unwrap();
    assert!(start.elapsed() > 2 * SECOND);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_is_silence_and_then_a_reset() {
    let simulator = porch().await;
    let mut client = Client::play(simulator.address(), "cam1/main");
    client.packets(SECOND).unwrap();
    cause(&simulator, Kind::HalfOpen, 3);
    client.packets(SECOND / 2).unwrap();
    client.send("GET_PARAMETER", "", "").unwrap();
    assert_eq!(client.answer(SECOND).unwrap_err().kind(), std::io::ErrorKind::TimedOut, "silent, yet not closed");
    let end = client.packets(4 * SECOND).err().unwrap();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(!Client::play(simulator.address(), "cam1/main").packets(SECOND).unwrap().is_empty(), "back");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_no_camera_or_of_the_wrong_kind_is_refused() {
    let simulator = porch().await;
    assert!(simulator.fault("2:drop".parse().unwrap()).is_err());
    simulator.stop().await;
    let folder = tempfile::tempdir().unwrap();
    let load = simulator::Load { packet_writes: false, cache: Some(folder.path().join("loop")) };
    let simulator = start(1, Picture::Load(load), None).await;
    for kind in [Kind::BFrames, Kind::Resolution] {
        let error = simulator.fault(Fault { camera: 1, kind, duration: SECOND }).unwrap_err();
        assert!(error.message().contains("drawn scene"), "{error}");
    }
    simulator.stop().await;
}
