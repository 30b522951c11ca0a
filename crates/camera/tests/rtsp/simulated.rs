//! Sessions with our own simulated cameras, which fail on command.

use crate::{
    allow,
    sink::{Keeper, Watch},
};
use base::{Secret, World};
use camera::{Credentials, Error, Handle, Pump, Target, Transport, play};
use media::{AudioCodec, Track};
use simulator::{Config, Daylight, Fault, Kind, Picture, Simulator};
use std::time::Duration;

async fn simulator(cameras: usize) -> Simulator {
    let credentials = simulator::Credentials { username: "ada".into(), password: Secret::new("lovelace".into()) };
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        cameras,
        picture: Picture::Scenes(Daylight::Day),
        credentials: Some(credentials),
    };
    Simulator::start(config, World::system()).await.unwrap()
}

/// The sub stream of a camera, counted from 1.
fn target(simulator: &Simulator, camera: usize, transport: Transport) -> Target {
    let target = Target::new(&simulator.urls()[camera - 1].sub, transport, true).unwrap();
    target.with_credentials(Credentials::new("ada", "lovelace").unwrap())
}

async fn attach(pump: &Pump, target: &Target) -> (Handle, Watch) {
    let session = play(target, &allow(), &World::system()).await.unwrap();
    let (keeper, watch) = Keeper::new();
    (pump.attach(session, keeper), watch)
}

fn fault(simulator: &Simulator, camera: usize, kind: Kind, seconds: u64) {
    simulator.fault(Fault { camera, kind, duration: Duration::from_secs(seconds) }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_camera_comes_whole_over_tcp_and_over_udp() {
    let simulator = simulator(1).await;
    let pump = Pump::start(1, Duration::from_millis(100), World::system()).unwrap();
    for transport in [Transport::Tcp, Transport::Udp] {
        let (handle, watch) = attach(&pump, &target(&simulator, 1, transport)).await;
        let kept = watch.wait(Duration::from_secs(20), "pictures, sound and a report", |kept| {
            kept.video.len() >= 30 && kept.audio.len() >= 30 && kept.reports > 0
        });
        assert_eq!(kept.video_params.map(|video| (video.width, video.height)), Some((640, 360)));
        assert_eq!(kept.audio_params.map(|audio| audio.codec), Some(AudioCodec::Pcma));
        assert!(kept.video.windows(2).all(|pair| pair[1].0.timestamp > pair[0].0.timestamp));
        let stats = handle.stats();
        assert_eq!((stats.lost, stats.garbage), (0, 0), "{stats:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_told_apart_and_the_neighbour_never_notices() {
    let simulator = simulator(3).await;
    let pump = Pump::start(1, Duration::from_millis(100), World::system()).unwrap();
    let (calm, neighbour) = attach(&pump, &target(&simulator, 1, Transport::Tcp)).await;
    let (garbled, seen) = attach(&pump, &target(&simulator, 2, Transport::Tcp)).await;
    let (_silent, half_open) = attach(&pump, &target(&simulator, 3, Transport::Tcp)).await;
    half_open.wait(Duration::from_secs(10), "a picture", |kept| !kept.video.is_empty());
    fault(&simulator, 3, Kind::HalfOpen, 25);

    fault(&simulator, 2, Kind::Garbage, 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = seen.kept().video.len();
    seen.wait(Duration::from_secs(10), "pictures after the garbage", |kept| kept.video.len() > before + 10);
    assert!(garbled.stats().garbage > 0, "{:?}", garbled.stats());

    fault(&simulator, 2, Kind::Drop, 0);
    assert_eq!(seen.end(Duration::from_secs(3)), Err(Error::Closed));

    fault(&simulator, 2, Kind::RefusePassword, 1);
    let refused = play(&target(&simulator, 2, Transport::Tcp), &allow(), &World::system()).await;
    assert_eq!(refused.map(drop), Err(Error::Unauthorized));
    tokio::time::sleep(Duration::from_secs(1)).await;

    fault(&simulator, 2, Kind::SlowLoris, 15);
    let slow = play(&target(&simulator, 2, Transport::Tcp), &allow(), &World::system()).await;
    assert!(matches!(slow.map(drop), Err(Error::Timeout { .. })));

    assert!(matches!(half_open.end(Duration::from_secs(12)), Err(Error::Timeout { .. })));
    let kept = neighbour.kept();
    assert_eq!((kept.ended, calm.stats().lost, calm.stats().garbage), (None, 0, 0));
    let steps: Vec<i64> = kept.video.windows(2).map(|pair| pair[1].0.timestamp - pair[0].0.timestamp).collect();
    assert!(steps.len() > 50 && steps.iter().all(|step| *step < 90_000), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_knows_its_tracks_before_it_is_read() {
    let simulator = simulator(1).await;
    let session = play(&target(&simulator, 1, Transport::Tcp), &allow(), &World::system()).await.unwrap();
    assert_eq!(session.clock_rate(Track::Video), Some(90_000));
    assert_eq!(session.clock_rate(Track::Audio), Some(8000));
    let silent = Target::new(&simulator.urls()[0].sub, Transport::Tcp, false).unwrap();
    let silent = silent.with_credentials(Credentials::new("ada", "lovelace").unwrap());
    let session = play(&silent, &allow(), &World::system()).await.unwrap();
    assert!(session.has(Track::Video) && !session.has(Track::Audio) && session.audio_params().is_none());
}
