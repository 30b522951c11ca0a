//! The whole conversation of RFC 2326, word for word.

use crate::{client::Client, porch, start};
use base::World;
use media::rtcp::{self, Report};
use simulator::{Daylight, Load, Picture};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_set_up_played_paused_kept_alive_and_torn_down() {
    let simulator = porch().await;
    let address = simulator.address();
    tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(address, "cam1/main");
        let options = client.request("OPTIONS", "", "").unwrap();
        for method in ["DESCRIBE", "SETUP", "PLAY", "PAUSE", "GET_PARAMETER", "TEARDOWN"] {
            assert!(options.contains(method), "{options}");
        }
        assert!(client.request("PLAY", "", "").unwrap().contains(" 454 "), "no session yet");
        client.set_up();
        let play = client.request("PLAY", "", "Range: npt=0.000-\r\n").unwrap();
        let told: u16 = play.split("seq=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
        let packets = client.packets(2 * SECOND).unwrap();
        let video: Vec<_> = packets.iter().filter(|packet| packet.channel == 0).collect();
        assert_eq!(video[0].sequence(), told, "RTP-Info tells the first sequence number");
        assert!(video.windows(2).all(|pair| pair[1].sequence() == pair[0].sequence().wrapping_add(1)), "no gap");
        assert_eq!(video[0].payload()[0] & 0x1F, 24, "parameter sets first (STAP-A)");
        assert!(packets.iter().any(|packet| packet.channel == 2), "sound");

        assert!(client.request("GET_PARAMETER", "", "").unwrap().contains(" 200 "), "while media flows");
        assert!(client.request("PAUSE", "", "").unwrap().contains(" 200 "));
        client.packets(SECOND / 2).unwrap();
        assert!(client.packets(SECOND).unwrap().is_empty(), "paused");
        assert!(client.request("PLAY", "", "").unwrap().contains(" 200 "));
        let again = client.packets(2 * SECOND).unwrap();
        assert_eq!(
            again.iter().find(|packet| packet.channel == 0).unwrap().payload()[0] & 0x1F,
            24,
            "a key frame again"
        );

        assert!(client.request("TEARDOWN", "", "").unwrap().contains(" 200 "));
        assert!(client.request("PLAY", "", "").unwrap().contains(" 454 "), "the session is over");
    })
    .await
    .unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sender_reports_relate_the_rtp_clock_to_the_time_of_day() {
    let simulator = porch().await;
    let address = simulator.address();
    tokio::task::spawn_blocking(move || {
        let mut client = Client::play(address, "cam1/sub");
        let packets = client.packets(2 * SECOND).unwrap();
        let now = World::system().clock.now().micros();
        let report = packets.iter().filter(|packet| packet.channel == 1).find_map(|packet| {
            rtcp::parse(&packet.bytes).unwrap().into_iter().find_map(|report| match report {
                Report::Sender(report) => Some(report),
                _ => None,
            })
        });
        let report = report.expect("a sender report comes with the first picture");
        let told = ((report.ntp >> 32) as i64 - 2_208_988_800) * 1_000_000;
        assert!((now - told).abs() < 4_000_000, "true NTP");
        let picture = packets.iter().find(|packet| packet.channel == 0).unwrap().timestamp();
        let apart = report.rtp.wrapping_sub(picture) as i32;
        assert!((0..90_000).contains(&apart), "of the same moment: {apart} ticks");
    })
    .await
    .unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_refused_with_the_right_status() {
    let simulator = porch().await;
    let address = simulator.address();
    tokio::task::spawn_blocking(move || {
        let status = |path: &str, method: &str, suffix: &str, headers: &str| {
            let answer = Client::connect(address, path).request(method, suffix, headers).unwrap();
            answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
        };
        assert_eq!(status("cam2/main", "DESCRIBE", "", ""), 404);
        assert_eq!(status("cam1/other", "DESCRIBE", "", ""), 404);
        assert_eq!(status("cam0/main", "DESCRIBE", "", ""), 404);
        assert_eq!(status("cam1/main", "RECORD", "", ""), 405);
        assert_eq!(status("cam1/main", "SETUP", "", "Transport: RTP/AVP/TCP;interleaved=0-1\r\n"), 459);
        assert_eq!(status("cam1/main", "SETUP", "/track1", "Transport: RTP/AVP;multicast\r\n"), 461);
        assert_eq!(status("cam1/main", "SETUP", "/track1", "Transport: RTP/AVP/TCP;interleaved=255-256\r\n"), 461);
        assert_eq!(status("cam1/main", "SETUP", "/track1", ""), 461);
        assert_eq!(status("cam1/main", "DESCRIBE", "", "Require: magic\r\n"), 551);
        let mut both = Client::connect(address, "cam1/main");
        assert_eq!(both.request("nonsense\r\n\r\n", "", "").unwrap().split(' ').nth(1), Some("400"));
    })
    .await
    .unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_cameras_play_one_loop_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let load = Load { packet_writes: true, cache: Some(folder.path().join("loop")) };
    let simulator = start(40, Picture::Load(load), None).await;
    let address = simulator.address();
    let before = simulator.stats();
    tokio::task::spawn_blocking(move || {
        let mut clients: Vec<_> = (1..=40).map(|camera| Client::play(address, &format!("cam{camera}/main"))).collect();
        std::thread::sleep(4 * SECOND);
        for client in &mut clients {
            let times = client.picture_times(SECOND / 10);
            assert!(times.len() >= 28, "{} pictures of 15 a second", times.len());
            let steps: Vec<u32> = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
            assert!(steps.iter().all(|&step| step.abs_diff(6000) <= 1), "continuous over the seam: {steps:?}");
        }
    })
    .await
    .unwrap();
    let after = simulator.stats();
    assert!(after.units > before.units + 40 * 60);
    assert!(after.cpu > before.cpu);
    simulator.stop().await;
}

/// Clock ticks that the thread of that name in this process has run.
fn ticks(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path().join("stat"));
    let stats = tasks.filter_map(|path| std::fs::read_to_string(path).ok());
    let of_thread = stats.filter_map(|stat| {
        let (head, rest) = stat.rsplit_once(')')?;
        let ticks = rest.split(' ').skip(12).take(2).flat_map(str::parse::<u64>);
        head.ends_with(&format!("({name}")).then(|| ticks.sum::<u64>())
    });
    of_thread.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scene_sleeps_while_nobody_watches_and_wakes_at_once() {
    let simulator = start(5, Picture::Scenes(Daylight::Night), None).await;
    let address = simulator.address();
    let play = move || !Client::play(address, "cam5/main").picture_times(2 * SECOND).is_empty();
    assert!(tokio::task::spawn_blocking(play).await.unwrap());
    let drawn = ticks("scene-5");
    assert!(drawn > 0);
    tokio::time::sleep(4 * SECOND).await;
    let asleep = ticks("scene-5");
    tokio::time::sleep(3 * SECOND).await;
    assert!(ticks("scene-5") - asleep <= 1, "drew on for nobody");
    assert!(tokio::task::spawn_blocking(play).await.unwrap(), "awake again");
    simulator.stop().await;
}
