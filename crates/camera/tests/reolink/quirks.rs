//! What firmware and networks do wrong, each with its own name.

use crate::{client, config, device};
use base::World;
use camera::{
    Allow, Credentials,
    reolink::{Address, Error, Reolink},
};
use simulator::{
    Fault, Kind,
    reolink::{Alarm, Config, Model},
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_named_and_neighbours_are_unharmed() {
    let simulator = crate::simulator(2).await;
    let device = simulator.reolink(config(Model::Camera)).unwrap();
    let neighbour = simulator.reolink(Config { cameras: vec![2], ..config(Model::Camera) }).unwrap();
    let (camera, other) = (client(&device), client(&neighbour));
    camera.identity().await.unwrap();
    for kind in [Kind::ApiTruncated, Kind::ApiHtml, Kind::ApiEndless, Kind::ApiRedirect, Kind::Drop] {
        let fault = |seconds| Fault { camera: 1, kind, duration: Duration::from_secs(seconds) };
        simulator.fault(fault(60)).unwrap();
        let error = camera.identity().await.unwrap_err();
        let named = match kind {
            Kind::ApiTruncated => matches!(error, Error::Garbled { what: "JSON that ends too early", .. }),
            Kind::ApiHtml => matches!(error, Error::Garbled { what: "a page of HTML", .. }),
            Kind::ApiEndless => matches!(error, Error::TooLong { .. }),
            Kind::ApiRedirect => error == Error::Redirected(302),
            _ => error == Error::Camera(camera::Error::Closed),
        };
        assert!(named, "{kind:?}: {error:?}");
        other.identity().await.unwrap();
        simulator.fault(fault(0)).unwrap();
        camera.identity().await.unwrap();
    }
    assert_eq!(device.counts().refused, 0);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_crawls_is_given_up() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    camera.identity().await.unwrap();
    simulator.fault(Fault { camera: 1, kind: Kind::SlowLoris, duration: Duration::from_secs(60) }).unwrap();
    let began = std::time::Instant::now();
    let error = camera.identity().await.unwrap_err();
    assert!(matches!(error, Error::Camera(camera::Error::Timeout { .. })), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_collapses_is_asked_command_by_command() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    simulator.fault(Fault { camera: 1, kind: Kind::ApiBatch, duration: Duration::from_secs(60) }).unwrap();
    let identity = camera.identity().await.unwrap();
    assert!(identity.uid.is_some() && !identity.channels.is_empty());
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_over_which_the_firmware_stumbles_is_left_out_from_then_on() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    device.jam("GetHddInfo");
    let asked = async || {
        let before = device.counts().requests;
        let health = camera.health().await.unwrap();
        assert!(health.disks.is_empty() && health.cpu.is_some());
        device.counts().requests - before
    };
    let first = asked().await;
    assert_eq!(
        (first, asked().await),
        (9, 2),
        "login, time, abilities, the batch and its five commands; then time and batch"
    );
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firmware_without_get_events_is_asked_the_older_way() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    device.jam("GetEvents");
    device.alarm(0, Alarm::Person, Duration::from_secs(60));
    for _ in 0..2 {
        let events = camera.events(&[0]).await.unwrap()[0].unwrap();
        assert_eq!((events.person, events.motion, events.visitor), (Some(true), Some(true), None));
    }
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_where_no_camera_may_be_is_not_connected_to() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let port = device.https().unwrap().port();
    for (host, allow) in [
        ("127.0.0.1", Allow::new(Allow::default_nets(), vec![])),
        ("127.0.0.1", Allow::new(vec!["127.0.0.0/8".parse().unwrap()], vec![port])),
        ("169.254.169.254", Allow::new(Allow::default_nets(), vec![])),
    ] {
        let credentials = Credentials::new("nightjar", "x").unwrap();
        let address = Address::new(host, Some(port), None).unwrap();
        let camera = Reolink::new(address, credentials, None, &allow, &World::system());
        let error = camera.identity().await.unwrap_err();
        assert!(matches!(error, Error::Camera(camera::Error::Forbidden(_))), "{host}: {error:?}");
    }
    assert_eq!(device.counts().requests, 0);
    simulator.stop().await;
}
