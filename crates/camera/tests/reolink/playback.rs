//! Recordings on the device: found by our time, fetched whole or from where a fetch broke off.

use crate::{client, config, device};
use base::{Range, Time, World};
use camera::reolink::{Clip, Code, Reolink, Size};
use media::mp4::Movie;
use simulator::reolink::{Clock, Config, Model};
use std::{io::Cursor, time::Duration};

fn last_half_minute() -> Range {
    let now: Time = World::system().clock.now();
    Range::new(now - Duration::from_secs(30), now).unwrap()
}

async fn fetch(camera: &Reolink, clip: &Clip, from: u64) -> Vec<u8> {
    let mut download = camera.download(clip, from).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(more) = download.next().await.unwrap() {
        bytes.extend_from_slice(&more);
    }
    assert_eq!(download.at, download.len);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn clips_are_found_by_our_time_whatever_the_camera_thinks_it_is() {
    let clock = Clock { skew: 37, zone: -3 * 3600 };
    let (simulator, device) = device(Config { clock, clip: Duration::from_secs(5), ..config(Model::Camera) }).await;
    let camera = client(&device);
    let wanted = last_half_minute();
    let clips = camera.search(0, Size::Sub, wanted).await.unwrap();
    assert!((5..=7).contains(&clips.len()), "{} clips", clips.len());
    assert!(clips.windows(2).all(|pair| pair[0].span.start < pair[1].span.start));
    assert!(clips.iter().all(|clip| clip.span.end <= World::system().clock.now() + Duration::from_secs(1)));
    let bytes = fetch(&camera, &clips[0], 0).await;
    assert_eq!(bytes.len() as u64, clips[0].bytes);
    let movie = Movie::read(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(movie.video().unwrap().0.samples.len(), 25, "five a second");
    let rest = fetch(&camera, &clips[0], 100_000).await;
    assert!(bytes[100_000..] == rest, "a fetch goes on where it broke off");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_cuts_a_clip_before_it_is_fetched() {
    let cameras = vec![1, 2];
    let (simulator, device) = device(Config { cameras, clip: Duration::from_secs(5), ..config(Model::Recorder) }).await;
    let recorder = client(&device);
    let clips = recorder.search(1, Size::Sub, last_half_minute()).await.unwrap();
    let bytes = fetch(&recorder, &clips[0], 0).await;
    assert_eq!(Movie::read(&mut Cursor::new(&bytes)).unwrap().video().unwrap().0.samples.len(), 25);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_that_is_not_there_is_refused_by_name() {
    let (simulator, device) = device(Config { clip: Duration::from_secs(5), ..config(Model::Camera) }).await;
    let camera = client(&device);
    let clips = camera.search(0, Size::Sub, last_half_minute()).await.unwrap();
    // The camera's clock is set, so that its files seem to lie in the future.
    device.set_clock(Clock { skew: -86_400, zone: 0 });
    let refused = camera.download(&clips[0], 0).await.err().unwrap();
    assert_eq!(refused.code(), Some(Code::VideoMissing));
    simulator.stop().await;
}
