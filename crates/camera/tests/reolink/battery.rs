//! A battery camera is asked for much and woken for little.

use crate::{client, config, device};
use camera::reolink::{Error, Scheme, Size, Wake};
use simulator::reolink::Model;

#[tokio::test(flavor = "multi_thread")]
async fn a_battery_camera_tells_how_it_fares_without_waking() {
    let (simulator, device) = device(config(Model::Battery)).await;
    let camera = client(&device);
    let health = camera.health().await.unwrap();
    assert_eq!(health.battery.unwrap().charge, 76);
    assert_eq!(health.wifi.map(|wifi| (wifi.raw, wifi.scheme)), Some((3, Scheme::Bars)));
    camera.events(&[0]).await.unwrap()[0].unwrap();
    camera.day_night(0).await.unwrap();
    assert!(camera.identity().await.unwrap().channels[0].asleep);
    assert_eq!(device.counts().wakes, 0);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_wake_it_is_refused_unless_it_may() {
    let (simulator, device) = device(config(Model::Battery)).await;
    let camera = client(&device);
    assert_eq!(camera.streams(0, Wake::No).await.unwrap_err(), Error::Waking("GetEnc"));
    assert_eq!(camera.mask(0, Wake::No).await.unwrap_err(), Error::Waking("GetMask"));
    assert_eq!(camera.lights(0, Wake::No).await.unwrap_err(), Error::Waking("GetWhiteLed"));
    assert_eq!(camera.snapshot(0, Size::Sub, Wake::No).await.unwrap_err(), Error::Waking("Snap"));
    assert_eq!(device.counts().wakes, 0);
    // It answers with an error while it wakes, and is asked again.
    assert_eq!(camera.streams(0, Wake::Yes).await.unwrap().main.width, 1280);
    camera.mask(0, Wake::Yes).await.unwrap();
    assert_eq!(device.counts().wakes, 1);
    simulator.stop().await;
}
