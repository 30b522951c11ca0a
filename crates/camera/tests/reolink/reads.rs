//! What is read from a device and changed in it.

use crate::{PASSWORD, allow, client, config, device};
use base::{Secret, World};
use camera::{
    Credentials, Found, Target, Transport, probe,
    reolink::{Area, Choice, Code, Error, Infrared, Kind, Mask, Move, Preset, Size, Wake, White},
};
use simulator::reolink::{Alarm, Clock, Config, Model};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_tells_what_it_is_and_how_it_fares() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    let identity = camera.identity().await.unwrap();
    assert_eq!((identity.kind, identity.model.as_str()), (Kind::Camera, "RLC-810A"));
    assert_eq!(identity.firmware.as_deref(), Some("v3.1.0.956_22041503"));
    assert_eq!(identity.uid.unwrap().open().len(), 16);
    assert!(identity.peer_to_peer && identity.channels.len() == 1 && identity.channels[0].online);
    let health = camera.health().await.unwrap();
    assert_eq!((health.wifi, health.cpu, health.follows_ntp), (None, Some(23), Some(true)), "it hangs on a wire");
    assert!(health.battery.is_none() && health.disks[0].mounted && health.disks[0].capacity > health.disks[0].free);
    assert!(health.clock.skew.abs() <= 1, "{:?}", health.clock);
    let day_night = camera.day_night(0).await.unwrap();
    assert_eq!((day_night.setting.as_str(), day_night.lamp), ("Auto", Some(Infrared::Auto)));
    assert_eq!(camera.firmware_news().await.unwrap(), None);
    let abilities = camera.abilities().await.unwrap();
    assert!(abilities.of_channel(0, "mask") > 0 && abilities.of_device("no such thing") == 0);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_say_that_rtsp_is_off_and_play_once_it_was_switched_on() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    let off = camera.streams(0, Wake::No).await.unwrap();
    assert!(matches!(off.choice, Choice::None(_)), "{:?}", off.choice);
    assert!(device.rtsp().is_none());
    camera.set_rtsp(true).await.unwrap();
    let on = camera.streams(0, Wake::No).await.unwrap();
    assert!(matches!(on.choice, Choice::Rtsp(_)) && on.audio);
    let sub = on.sub.unwrap();
    assert_eq!((on.main.width, on.main.height, sub.width, sub.height), (1280, 720, 640, 360));
    let target = Target::new(sub.url.expose(), Transport::Tcp, false).unwrap();
    let target = target.with_credentials(Credentials::new("nightjar", PASSWORD).unwrap());
    let seen = probe(&target, &allow(), &World::system()).await.unwrap();
    assert_eq!((seen.video.codec, seen.video.width), (sub.codec.unwrap(), sub.width));
    camera.set_rtsp(false).await.unwrap();
    assert!(device.rtsp().is_none());
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_follow_what_the_camera_sees() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    device.alarm(0, Alarm::Animal, Duration::from_secs(60));
    let events = camera.events(&[0]).await.unwrap()[0].unwrap();
    assert_eq!((events.animal, events.motion, events.package), (Some(true), Some(true), Some(false)));
    assert_eq!(camera.events(&[7]).await.unwrap(), [Err(Code::ChannelInvalid)]);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_pokes_whom_it_was_told_to_when_it_detects_something() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Secret::new(format!("http://{}/poke/7", receiver.local_addr().unwrap()));
    camera.set_webhook(0, &url).await.unwrap();
    camera.set_webhook(0, &url).await.unwrap();
    device.alarm(0, Alarm::Package, Duration::from_secs(60));
    let (mut poke, _) = tokio::time::timeout(Duration::from_secs(5), receiver.accept()).await.unwrap().unwrap();
    let mut head = [0; 15];
    tokio::io::AsyncReadExt::read_exact(&mut poke, &mut head).await.unwrap();
    assert_eq!(&head, b"POST /poke/7 HT");
    assert_eq!(camera.events(&[0]).await.unwrap()[0].unwrap().package, Some(true));
    camera.remove_webhook(0, &url).await.unwrap();
    device.alarm(0, Alarm::Face, Duration::from_secs(60));
    let more = tokio::time::timeout(Duration::from_millis(800), receiver.accept()).await;
    assert!(more.is_err(), "set twice, it pokes once; removed, never");
    assert!(camera.set_webhook(0, &Secret::new("https://nvr/".into())).await.is_err());
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_tells_its_channels_and_which_is_offline() {
    let cameras = (0..16).map(|number| number % 4 + 1).collect();
    let (simulator, device) = device(Config { cameras, offline: vec![11], ..config(Model::Recorder) }).await;
    let recorder = client(&device);
    let identity = recorder.identity().await.unwrap();
    assert_eq!((identity.kind, identity.channels.len()), (Kind::Recorder, 16));
    let offline: Vec<u8> =
        identity.channels.iter().filter(|channel| !channel.online).map(|channel| channel.number).collect();
    assert_eq!(offline, [11]);
    device.alarm(5, Alarm::Vehicle, Duration::from_secs(60));
    let all: Vec<u8> = (0..16).collect();
    let events = recorder.events(&all).await.unwrap();
    assert_eq!(events[11], Err(Code::Offline));
    assert_eq!(events[5].unwrap().vehicle, Some(true));
    assert_eq!(events.iter().filter(|events| events.is_ok()).count(), 15);
    let streams = recorder.streams(5, Wake::No).await.unwrap();
    assert!(streams.main.url.expose().ends_with("/Preview_06_main"));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_found_and_set_right() {
    for wrong in [Clock { skew: 37, zone: 3600 }, Clock { skew: -86_400, zone: 0 }, Clock { skew: 0, zone: -5 * 3600 }]
    {
        let (simulator, device) = device(Config { clock: wrong, ..config(Model::Camera) }).await;
        let camera = client(&device);
        let clock = camera.clock().await.unwrap();
        assert!((clock.skew - wrong.skew).abs() <= 1 && clock.zone == wrong.zone, "{clock:?} of {wrong:?}");
        let set = camera.set_clock().await.unwrap();
        assert!(set.skew.abs() <= 1 && set.zone == wrong.zone, "{set:?} after {wrong:?}");
        assert!(device.clock().skew.abs() <= 1);
        simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_is_read_back_and_blackens_what_the_camera_shows() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    let everything = Mask { on: true, areas: vec![Area { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 }] };
    let snap = || camera.snapshot(0, Size::Sub, Wake::No);
    let seen = snap().await.unwrap();
    assert_eq!(camera.set_mask(0, &everything, Wake::No).await.unwrap(), everything);
    let (first, second) = (snap().await.unwrap(), snap().await.unwrap());
    // The picture holds a clock: two that are the same show none.
    assert_eq!(first, second);
    assert!(first.len() * 4 < seen.len(), "{} of {} bytes", first.len(), seen.len());
    camera.set_mask(0, &Mask::default(), Wake::No).await.unwrap();
    assert_ne!(snap().await.unwrap(), first);
    device.ignore("SetMask");
    let untrue = camera.set_mask(0, &everything, Wake::No).await.unwrap_err();
    assert!(
        matches!(untrue, Error::Garbled { command: "SetMask", .. }),
        "what it does not cover is no mask: {untrue:?}"
    );
    let five = Mask { on: true, areas: vec![everything.areas[0]; 5] };
    assert!(camera.set_mask(0, &five, Wake::No).await.is_err());
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lights_siren_and_lens_obey() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    camera.set_infrared(0, Infrared::Off).await.unwrap();
    let white = White { on: true, mode: 3, brightness: 42 };
    camera.set_white(0, white).await.unwrap();
    camera.set_status_light(0, false).await.unwrap();
    let lights = camera.lights(0, Wake::No).await.unwrap();
    assert_eq!((lights.infrared, lights.white, lights.status), (Some(Infrared::Off), Some(white), Some(false)));
    camera.sound_siren(0, 2).await.unwrap();
    camera.set_siren(0, false).await.unwrap();
    camera.ptz(0, Move::LeftUp, 200).await.unwrap();
    camera.ptz(0, Move::Stop, 1).await.unwrap();
    let gate = Preset { id: 3, name: base::Pii::new("Gate".into()) };
    assert_eq!(camera.go_to(0, 3).await.unwrap_err().code(), Some(Code::ParameterError), "there is none yet");
    camera.set_preset(0, &gate).await.unwrap();
    assert_eq!(camera.presets(0).await.unwrap(), [gate]);
    camera.go_to(0, 3).await.unwrap();
    assert_eq!(device.counts().actions, 8);
    camera.set_peer_to_peer(false).await.unwrap();
    assert!(!camera.identity().await.unwrap().peer_to_peer);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_told_apart_before_a_password_is_sent() {
    let (simulator, device) = device(Config { rtsp: Some(0), ..config(Model::Camera) }).await;
    let credentials = Credentials::new("nightjar", PASSWORD).unwrap();
    let identify =
        async |address: String| camera::identify(&address, &credentials, Wake::No, &allow(), &World::system()).await;
    let Ok(Found::Reolink(found)) = identify(device.https().unwrap().to_string()).await else { panic!("no Reolink") };
    assert_eq!(found.identity.model, "RLC-810A");
    assert!(matches!(&found.streams[..], [(0, Ok(streams))] if matches!(streams.choice, Choice::Rtsp(_))));
    assert_eq!(found.client.fingerprint(), Some(device.fingerprint()));
    let plain = simulator.address();
    let Ok(Found::Rtsp(seen)) = identify(format!("rtsp://{plain}/cam1/sub")).await else { panic!("no RTSP") };
    assert_eq!(seen.unwrap().video.width, 640);
    let Ok(Found::Rtsp(Err(why))) = identify(plain.to_string()).await else { panic!("no RTSP") };
    assert_eq!(why, camera::Error::NoSuchPath(404), "a server that wants a path");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(identify(nobody.to_string()).await.err(), Some(Error::Camera(camera::Error::Refused)));
    let forbidden = identify("192.0.2.7".into()).await.err().unwrap();
    assert!(matches!(forbidden, Error::Camera(camera::Error::Forbidden(_))), "{forbidden:?}");
    simulator.stop().await;
}
