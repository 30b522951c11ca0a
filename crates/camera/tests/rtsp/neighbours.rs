//! Many sessions on one thread: a camera that floods, stalls or lies harms itself and nobody beside it.

use crate::{
    allow,
    script::{Act, Scripted, ends_with_picture, method, ok, orderly, picture},
    sink::{Keeper, Watch},
    target,
};
use base::World;
use camera::{Error, Handle, Pump, play};
use std::{
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// 50 pictures a second until the connection ends.
fn steadily(mut stream: TcpStream) {
    for number in 0.. {
        if stream.write_all(&picture(number, 2000)).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

async fn attach(pump: &Pump, camera: &Scripted) -> (Handle, Watch) {
    let session = play(&target(&camera.url()), &allow(), &World::system()).await.unwrap();
    let (keeper, watch) = Keeper::new();
    (pump.attach(session, keeper), watch)
}

fn pump(tick: u64) -> Pump {
    Pump::start(1, Duration::from_millis(tick), World::system()).unwrap()
}

/// The longest time without a picture since the first.
fn longest_pause(watch: &Watch) -> Duration {
    let kept = watch.kept();
    kept.video.windows(2).map(|pair| pair[1].2 - pair[0].2).max().expect("pictures")
}

#[tokio::test]
async fn a_watched_camera_is_read_at_once_and_another_on_the_tick() {
    let pump = pump(1000);
    let camera = Scripted::playing(steadily);
    let (handle, watch) = attach(&pump, &camera).await;
    watch.wait(Duration::from_secs(4), "two ticks of pictures", |kept| kept.video.len() > 60);
    assert!(longest_pause(&watch) > Duration::from_millis(500), "unwatched, it is read on the tick");
    handle.set_watched(true);
    thread::sleep(Duration::from_millis(300));
    let before = watch.kept().video.len();
    thread::sleep(Duration::from_millis(700));
    let kept = watch.kept();
    let pauses: Vec<Duration> = kept.video[before..].windows(2).map(|pair| pair[1].2 - pair[0].2).collect();
    assert!(pauses.len() > 20 && pauses.iter().all(|pause| *pause < Duration::from_millis(200)), "{pauses:?}");
    handle.set_watched(false);
    thread::sleep(Duration::from_millis(1200));
    handle.stop();
    assert_eq!(watch.end(Duration::from_secs(3)), Ok(()));
    camera.wait_for("TEARDOWN");
    let numbers: Vec<i64> = watch.kept().video.iter().map(|(unit, ..)| unit.timestamp / 6000).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "no picture is lost on the way: {numbers:?}");
}

#[tokio::test]
async fn a_flood_does_not_hold_up_the_neighbour() {
    let pump = pump(50);
    let flood = Scripted::playing(|mut stream| {
        let pictures: Vec<u8> = (0..64).flat_map(|number| picture(number, 30_000)).collect();
        while stream.write_all(&pictures).is_ok() {}
    });
    let tiny = Scripted::playing(|mut stream| {
        let frames = [b'$', 9, 0, 0].repeat(100_000);
        while stream.write_all(&frames).is_ok() {}
    });
    let (calm, watch) = attach(&pump, &Scripted::playing(steadily)).await;
    let (_flood, _) = attach(&pump, &flood).await;
    let (_tiny, _) = attach(&pump, &tiny).await;
    thread::sleep(Duration::from_secs(2));
    assert!(watch.kept().video.len() > 60, "{} pictures", watch.kept().video.len());
    assert!(longest_pause(&watch) < Duration::from_millis(500), "{:?}", longest_pause(&watch));
    assert_eq!(calm.stats().lost, 0);
}

#[tokio::test]
async fn a_camera_that_fills_its_socket_within_a_tick_is_read_more_often() {
    let pump = pump(1000);
    let camera = Scripted::playing(|mut stream| {
        for number in 0.. {
            if stream.write_all(&picture(number, 30_000)).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(12));
        }
    });
    let (_handle, watch) = attach(&pump, &camera).await;
    watch.wait(Duration::from_secs(5), "the first ticks", |kept| kept.video.len() > 60);
    let before = watch.kept().video.len();
    thread::sleep(Duration::from_secs(2));
    let kept = watch.kept();
    let longest = kept.video[before..].windows(2).map(|pair| pair[1].2 - pair[0].2).max();
    assert!(longest < Some(Duration::from_millis(700)), "{longest:?}");
}

#[tokio::test]
async fn garbage_between_the_frames_costs_what_it_hit_and_is_counted() {
    let pump = pump(20);
    let camera = Scripted::playing(|mut stream| {
        for number in 0..1000 {
            let mut bytes = picture(number, 2000);
            if number % 10 == 9 {
                bytes = [vec![0xff; 700], b"$$$ RTSP/ $".to_vec(), vec![0x00; 300]].concat();
            }
            if stream.write_all(&bytes).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    let (handle, watch) = attach(&pump, &camera).await;
    let (_calm, neighbour) = attach(&pump, &Scripted::playing(steadily)).await;
    let kept = watch.wait(Duration::from_secs(10), "pictures beyond the garbage", |kept| kept.video.len() > 100);
    assert!(kept.video.iter().all(|(_, bytes, _)| ends_with_picture(bytes, 2000)), "what comes through is whole");
    let stats = handle.stats();
    assert!(stats.garbage > 0 && stats.lost > 0, "{stats:?}");
    assert!(neighbour.kept().video.len() > 10);
}

#[tokio::test]
async fn a_camera_that_reads_nothing_is_not_waited_for() {
    let pump = pump(20);
    let (handle, watch) = attach(&pump, &Scripted::playing(steadily)).await;
    let stalled = Scripted::start(|request| match method(request) {
        "PLAY" => Act::Stall(ok(request, "Session: 42")),
        _ => Act::Answer(orderly(request)),
    });
    let (stalled, _) = attach(&pump, &stalled).await;
    thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    drop((stalled, handle));
    drop(pump);
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    assert_eq!(watch.kept().ended, Some(Ok(())));
}

#[tokio::test]
async fn a_camera_that_hangs_up_ends_its_session_alone() {
    let pump = pump(20);
    let leaving = Scripted::playing(|mut stream| {
        let _ = stream.write_all(&picture(0, 100));
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let (_calm, neighbour) = attach(&pump, &Scripted::playing(steadily)).await;
    let (_left, watch) = attach(&pump, &leaving).await;
    assert_eq!(watch.end(Duration::from_secs(3)), Err(Error::Closed));
    assert_eq!(watch.kept().video.len(), 1, "what came before is kept");
    let seen = neighbour.kept().video.len();
    neighbour.wait(Duration::from_secs(3), "the neighbour's pictures", |kept| kept.video.len() > seen + 10);
}

#[tokio::test]
async fn a_defect_on_the_way_of_one_session_ends_no_other() {
    struct Faulty(Watch);
    impl camera::Sink for Faulty {
        fn buffer(&mut self, _: media::Track) -> &mut Vec<u8> {
            panic!("a defect, on purpose")
        }
        fn unit(&mut self, _: media::Track, _: &media::rtp::Unit, _: &media::rtp::Depacketizer, _: base::Time) {}
        fn sender_report(&mut self, _: media::Track, _: &media::rtcp::SenderReport, _: i64, _: base::Time) {}
        fn drained(&mut self) {}
        fn ended(&mut self, result: Result<(), Error>) {
            self.0.set_ended(result);
        }
    }
    let pump = pump(20);
    let (_calm, neighbour) = attach(&pump, &Scripted::playing(steadily)).await;
    let session = play(&target(&Scripted::playing(steadily).url()), &allow(), &World::system()).await.unwrap();
    let watch = Watch::default();
    let _faulty = pump.attach(session, Box::new(Faulty(watch.clone())));
    assert!(matches!(watch.end(Duration::from_secs(3)), Err(Error::Protocol { .. })));
    let seen = neighbour.kept().video.len();
    neighbour.wait(Duration::from_secs(3), "the neighbour's pictures", |kept| kept.video.len() > seen + 10);
}
