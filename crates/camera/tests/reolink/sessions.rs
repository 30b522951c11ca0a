//! One session, which is renewed, given back, and never a danger to the device.

use crate::{PASSWORD, address, allow, client, client_with, config, device};
use base::World;
use camera::{
    Credentials,
    reolink::{Error, Reolink},
};
use simulator::reolink::{Config, Model};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_tried_once_and_never_locks_the_camera() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client_with(&device, "wrong");
    for _ in 0..10 {
        assert_eq!(camera.identity().await.unwrap_err(), Error::Camera(camera::Error::Unauthorized));
    }
    let counts = device.counts();
    assert_eq!((counts.refused, counts.requests), (1, 1));
    camera.set_credentials(Credentials::new("nightjar", PASSWORD).unwrap()).await;
    camera.identity().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_camera_is_left_alone() {
    let (simulator, device) = device(config(Model::Camera)).await;
    for _ in 0..5 {
        client_with(&device, "wrong").identity().await.unwrap_err();
    }
    let camera = client(&device);
    assert!(matches!(camera.identity().await.unwrap_err(), Error::Locked(_)));
    let before = device.counts().requests;
    assert!(matches!(camera.identity().await.unwrap_err(), Error::Locked(left) if left <= Duration::from_secs(300)));
    assert_eq!(device.counts().requests, before);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_the_camera_could_not_take_is_not_sent() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client_with(&device, &"x".repeat(32));
    assert!(matches!(camera.identity().await.unwrap_err(), Error::Invalid(_)));
    assert_eq!(device.counts().requests, 0);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_whose_sessions_are_taken_says_so_and_is_not_pressed() {
    let (simulator, device) = device(Config { sessions: 1, ..config(Model::Camera) }).await;
    let other = client(&device);
    other.identity().await.unwrap();
    let camera = client(&device);
    assert_eq!(camera.identity().await.unwrap_err(), Error::Sessions);
    let before = device.counts().requests;
    assert_eq!(camera.identity().await.unwrap_err(), Error::Sessions);
    assert_eq!(device.counts().requests, before);
    other.log_out().await;
    assert_eq!(device.counts().sessions, 0);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renewed_before_its_lease_ends_and_there_is_never_a_second() {
    let (simulator, device) =
        device(Config { lease: Duration::from_secs(2), sessions: 1, ..config(Model::Camera) }).await;
    let camera = client(&device);
    for _ in 0..3 {
        camera.clock().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1600)).await;
    }
    assert_eq!(device.counts().logins, 3);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_camera_has_forgotten_is_opened_anew() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    camera.identity().await.unwrap();
    device.expire_sessions();
    camera.identity().await.unwrap();
    device.expire_sessions();
    camera.snapshot(0, camera::reolink::Size::Sub, camera::reolink::Wake::No).await.unwrap();
    camera.reboot().await.unwrap();
    camera.identity().await.unwrap();
    let counts = device.counts();
    assert_eq!((counts.logins, counts.refused, counts.reboots), (4, 0, 1));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_dropped_gives_its_session_back() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    camera.identity().await.unwrap();
    assert_eq!(device.counts().sessions, 1);
    drop(camera);
    for _ in 0..100 {
        if device.counts().sessions == 0 {
            return simulator.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the session stayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_cameras_are_polled_for_events_with_one_session_each() {
    let simulator = crate::simulator(4).await;
    let devices: Vec<_> = (0..64)
        .map(|number| simulator.reolink(Config { cameras: vec![number % 4 + 1], ..config(Model::Camera) }).unwrap())
        .collect();
    let polls = devices.iter().map(|device| {
        let credentials = Credentials::new("nightjar", PASSWORD).unwrap();
        let camera = Reolink::new(address(device), credentials, None, &allow(), &World::system());
        async move {
            for _ in 0..3 {
                assert!(camera.events(&[0]).await.unwrap()[0].is_ok());
            }
            camera
        }
    });
    let cameras: Vec<Reolink> = futures_util::future::join_all(polls).await;
    for device in &devices {
        let counts = device.counts();
        assert_eq!((counts.logins, counts.sessions, counts.refused), (1, 1, 0));
    }
    futures_util::future::join_all(cameras.iter().map(Reolink::log_out)).await;
    assert!(devices.iter().all(|device| device.counts().sessions == 0));
    simulator.stop().await;
}
