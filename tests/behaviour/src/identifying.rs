//! Who knows where a camera is, and its password, can add it: the system finds out what it is and where its streams are.

use crate::{house::House, served::Served};
use accounts::Scope;
use base::{Secret, World};
use http::Method;
use serde_json::{Value, json};
use simulator::{Config, Credentials, Daylight, Picture, Simulator, reolink};

async fn simulated(cameras: usize, credentials: &Credentials) -> Simulator {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        cameras,
        picture: Picture::Scenes(Daylight::Day),
        credentials: Some(credentials.clone()),
    };
    Simulator::start(config, World::system()).await.unwrap()
}

/// Reolink devices before simulated cameras: one camera, or a recorder with all of them.
async fn devices(cameras: usize, model: reolink::Model, rtsp: bool) -> (Simulator, reolink::Device) {
    let credentials = Credentials { username: "admin".into(), password: Secret::new("pass-4711".into()) };
    let simulator = simulated(cameras, &credentials).await;
    let config = reolink::Config::new(model, (1..=cameras).collect(), credentials);
    let device = simulator.reolink(reolink::Config { rtsp: rtsp.then_some(0), ..config }).unwrap();
    (simulator, device)
}

async fn ask(served: &Served, path: &str, body: Value) -> (u16, Value) {
    let token = served.token(served.house.household, &[Scope::CamerasWrite, Scope::CamerasRead]).await;
    let answer = served.ask(Method::POST, path, &token, Some(body)).await;
    (answer.status.as_u16(), answer.json())
}

fn at(device: &reolink::Device, password: &str) -> Value {
    json!({ "url": device.https().unwrap().to_string(), "username": "admin", "password": password })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reolink_camera_is_known_by_its_address_alone_and_records_after_one_more_question() {
    let (_simulator, device) = devices(1, reolink::Model::Camera, true).await;
    let served = Served::new(House::in_memory().await);
    let (status, found) = ask(&served, "/api/v1/cameras/identify", at(&device, "pass-4711")).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!((&found["device"]["brand"], &found["device"]["kind"]), (&json!("Reolink"), &json!("camera")));
    assert!(!found["device"]["model"].as_str().unwrap().is_empty());
    let [channel] = &found["channels"].as_array().unwrap()[..] else { panic!("{found}") };
    let url = channel["url"].as_str().unwrap();
    assert!(!found.to_string().contains("pass-4711"), "no credential comes back");
    let camera = json!({ "url": url, "sub_url": channel["sub_url"], "username": "admin", "password": "pass-4711" });
    let (status, seen) = ask(&served, "/api/v1/cameras/probe", camera).await;
    assert_eq!((status, seen["streams"].as_array().map(Vec::len)), (200, Some(2)), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_names_its_cameras_and_says_what_is_wrong_with_each() {
    let (_simulator, device) = devices(2, reolink::Model::Recorder, true).await;
    let served = Served::new(House::in_memory().await);
    let (status, found) = ask(&served, "/api/v1/cameras/identify", at(&device, "pass-4711")).await;
    assert_eq!((status, &found["device"]["kind"]), (200, &json!("recorder")), "{found}");
    let channels = found["channels"].as_array().unwrap();
    assert!(channels.len() >= 2, "{found}");
    for channel in channels {
        assert_eq!(channel["online"] == true, channel["url"].is_string(), "{channel}");
        assert!(!channel["reason"].as_str().unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_way_that_is_shut_are_named() {
    let (_simulator, device) = devices(1, reolink::Model::Camera, false).await;
    let served = Served::new(House::in_memory().await);
    let (status, refused) = ask(&served, "/api/v1/cameras/identify", at(&device, "wrong")).await;
    assert_eq!((status, &refused["type"]), (400, &json!("/problems/unauthorized")), "{refused}");
    assert_eq!(device.counts().refused, 1, "one try: the camera locks after five");
    let (status, found) = ask(&served, "/api/v1/cameras/identify", at(&device, "pass-4711")).await;
    assert_eq!((status, &found["channels"][0]["url"]), (200, &Value::Null), "{found}");
    assert!(found["channels"][0]["reason"].as_str().unwrap().contains("RTSP"), "{found}");
    let nowhere = json!({ "url": "192.0.2.1", "username": "a", "password": "b" });
    let (status, refused) = ask(&served, "/api/v1/cameras/identify", nowhere).await;
    assert_eq!((status, &refused["type"]), (400, &json!("/problems/forbidden-address")), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_only_speaks_rtsp_is_known_too_and_its_user_may_have_no_password() {
    let credentials = Credentials { username: "admin".into(), password: Secret::new(String::new()) };
    let simulator = simulated(1, &credentials).await;
    let served = Served::new(House::in_memory().await);
    let place = simulator.urls()[0].main.trim_start_matches("rtsp://").to_owned();
    let whole = json!({ "url": format!("rtsp://{place}"), "username": "admin" });
    let (status, found) = ask(&served, "/api/v1/cameras/identify", whole).await;
    assert_eq!((status, &found["device"]), (200, &Value::Null), "{found}");
    assert_eq!(found["channels"][0]["url"], format!("rtsp://{place}"));
    let typed = json!({ "url": format!("rtsp://admin:@{place}") });
    let (status, found) = ask(&served, "/api/v1/cameras/identify", typed).await;
    assert_eq!(
        (status, &found["channels"][0]["url"]),
        (200, &json!(format!("rtsp://{place}"))),
        "no credential: {found}"
    );
}
