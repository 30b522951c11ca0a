//! What a browser or a script gets over HTTP: the shapes, statuses and headers that others rely on.

use crate::{
    house::{House, ffmpeg_complaints, installed, scenes},
    served::{Credential, Served, request},
};
use accounts::Scope;
use base::{Range, Time};
use cloud::Stream;
use devices::CameraId;
use futures_util::StreamExt;
use http::Method;
use serde_json::Value;
use simulator::Simulator;
use std::time::Duration;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};
use tower::ServiceExt;

/// A served household whose camera has footage.
struct Watching {
    served: Served,
    camera: CameraId,
    footage: Range,
    token: Credential,
    _simulator: Simulator,
}

impl Watching {
    async fn begin() -> Self {
        let simulator = scenes(1).await;
        let house = House::in_memory().await;
        let camera = house.add("Porch", &simulator.urls()[0], true).await;
        let footage = house.recorded(camera, Stream::Main, Duration::from_secs(5)).await;
        let served = Served::new(house);
        let token = served.token(served.house.household, &[Scope::CamerasRead, Scope::MediaRead]).await;
        Self { served, camera, footage, token, _simulator: simulator }
    }

    fn path(&self, what: &str) -> String {
        format!("/api/v1/cameras/{}/{what}", self.camera)
    }

    async fn get(&self, what: &str) -> crate::served::Answer {
        self.served.ask(Method::GET, &self.path(what), &self.token, None).await
    }

    fn range(&self) -> String {
        format!("start={}&end={}", self.footage.start, self.footage.end)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_a_seekable_file_that_players_accept() {
    let here = Watching::begin().await;
    let path = here.path(&format!("recording.mp4?{}", here.range()));
    let whole = here.served.ask(Method::GET, &path, &here.token, None).await;
    assert_eq!((whole.status.as_u16(), &whole.headers["content-type"]), (200, &"video/mp4".parse().unwrap()));
    let tag = whole.headers["etag"].to_str().unwrap().to_owned();
    assert!(tag.starts_with('"'), "a strong tag");

    let part = |range: &str, tag: Option<&str>| {
        let mut request = request(Method::GET, &path, &here.token, None);
        request.headers_mut().insert("range", range.parse().unwrap());
        if let Some(tag) = tag {
            request.headers_mut().insert("if-range", tag.parse().unwrap());
        }
        here.served.send(request)
    };
    let some = part("bytes=100-299", Some(&tag)).await;
    assert_eq!(some.status, 206);
    assert_eq!(some.headers["content-range"], format!("bytes 100-299/{}", whole.body.len()).as_str());
    assert_eq!(some.body, whole.body[100..300]);
    assert_eq!(part("bytes=-1", None).await.body, whole.body[whole.body.len() - 1..]);
    assert_eq!(part("bytes=0-0", Some("\"other\"")).await.status, 200, "another version is sent whole");
    let nowhere = part(&format!("bytes={}-", whole.body.len()), None).await;
    assert_eq!(nowhere.status, 416);
    assert_eq!(nowhere.headers["content-range"], format!("bytes */{}", whole.body.len()).as_str());

    let head = here.served.ask(Method::HEAD, &path, &here.token, None).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], whole.body.len().to_string().as_str());
    assert_eq!(head.headers["etag"], tag.as_str());

    if installed("ffmpeg") {
        let file = here.served.house.folder.path().join("whole.mp4");
        std::fs::write(&file, &whole.body).unwrap();
        assert_eq!(ffmpeg_complaints(&file), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_leads_to_its_segments_by_relative_addresses() {
    let here = Watching::begin().await;
    let list = here.get(&format!("playlist.m3u8?stream=sub&{}", here.range())).await;
    assert_eq!(list.status, 200);
    let text = String::from_utf8(list.body).unwrap();
    let map = text.lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")?.strip_suffix('"')).unwrap();
    let segment = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let (init, segment) = (here.get(map).await, here.get(segment).await);
    assert_eq!((init.status.as_u16(), segment.status.as_u16()), (200, 200));
    assert!(init.headers["content-type"].to_str().unwrap().starts_with("video/mp4; codecs=\"avc1."));
    assert_eq!((&init.body[4..8], &segment.body[4..8]), (&b"ftyp"[..], &b"moof"[..]));
    if installed("ffmpeg") {
        let file = here.served.house.folder.path().join("segment.mp4");
        std::fs::write(&file, [init.body, segment.body].concat()).unwrap();
        assert_eq!(ffmpeg_complaints(&file), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_begins_with_an_init_message_and_each_view_is_in_the_log() {
    let here = Watching::begin().await;
    let address = here.served.listen().await;
    let Credential::Token(token) = &here.token else { unreachable!("it is a token") };
    let url = format!("ws://{address}{}", here.path("live?stream=main&audio=1"));
    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();

    let first: Value = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(first["type"], "init");
    assert!(first["mime"].as_str().unwrap().starts_with("video/mp4; codecs=\"avc1."), "{first}");
    assert!(first["origin"].as_str().unwrap().parse::<Time>().is_ok(), "{first}");
    let mut boxes = Vec::new();
    while boxes.len() < 20 {
        if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
            boxes.push(String::from_utf8_lossy(&bytes[4..8]).into_owned());
        }
    }
    assert_eq!(boxes[0], "ftyp");
    assert!(boxes[1..].iter().all(|name| name == "moof"), "{boxes:?}");
    socket.close(None).await.unwrap();

    let log = here.served.ask(Method::GET, "/api/v1/views", &here.token, None).await;
    assert_eq!(log.status, 200);
    let caller = here.served.house.caller();
    let views = here.served.house.devices.view_log(&caller, Some(here.camera), None, 10).await.unwrap();
    assert!(views.items.iter().any(|view| view.action == devices::grant::Action::Live && view.allowed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_view_ends_soon_after_the_right_to_it() {
    let here = Watching::begin().await;
    let address = here.served.listen().await;
    let house = &here.served.house;
    let owner = house.accounts.ensure_demo_owner(house.household, "Ada").await.unwrap();
    let Credential::Session(session) = here.served.session(owner).await else { unreachable!("it is a session") };
    let connect = |origin: Option<String>| {
        let mut request = format!("ws://{address}{}", here.path("live")).as_str().into_client_request().unwrap();
        request.headers_mut().insert("cookie", format!("{}={session}", api::COOKIE).parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        tokio_tungstenite::connect_async(request)
    };
    for foreign in [None, Some("http://evil.example".to_owned())] {
        let refused = connect(foreign).await.expect_err("a foreign page opens no socket");
        assert!(matches!(refused, tungstenite::Error::Http(answer) if answer.status() == 403));
    }
    let (mut socket, _) = connect(Some(format!("http://{address}"))).await.unwrap();
    socket.next().await.unwrap().unwrap();
    let session = Credential::Session(session.clone());
    assert_eq!(here.served.ask(Method::DELETE, "/api/v1/session", &session, None).await.status, 204);
    let ended = tokio::time::timeout(Duration::from_secs(8), async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() && message.to_text().unwrap().contains("\"end\"") {
                return true;
            }
        }
        false
    });
    assert!(ended.await.expect("it ends in time"), "and says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_as_they_happen_and_end_with_the_session() {
    let served = Served::new(House::in_memory().await);
    let house = &served.house;
    let owner = house.accounts.ensure_demo_owner(house.household, "Ada").await.unwrap();
    let session = served.session(owner).await;
    let asked = request(Method::GET, "/api/v1/changes", &session, None);
    let mut events = served.router.clone().oneshot(asked).await.unwrap().into_body().into_data_stream();
    let mut next = async || {
        let event = tokio::time::timeout(Duration::from_secs(15), events.next()).await.expect("an event in time");
        event.map(|event| String::from_utf8(event.unwrap().to_vec()).unwrap())
    };
    let first = next().await.unwrap();
    assert!(first.starts_with("event: cameras\ndata: {\"items\":[],"), "{first}");
    let added = devices::Settings::new("Porch", "rtsp://10.0.0.1/", devices::Mode::Off);
    house.devices.add(&house.caller(), added).await.unwrap();
    assert!(next().await.unwrap().contains("\"name\":\"Porch\""));
    assert_eq!(served.ask(Method::DELETE, "/api/v1/session", &session, None).await.status, 204);
    assert_eq!(next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_questions_get_the_answers_of_the_contract() {
    let here = Watching::begin().await;
    let day = here.footage.start - Duration::from_secs(86_400 * 40);
    let (start, end) = (here.footage.start, here.footage.end);
    let year = start + Duration::from_secs(86_400 * 365);
    for (what, status, kind, field) in [
        (format!("timeline?start=noon&end={end}"), 400, "/problems/invalid", Some("start")),
        (format!("timeline?start={end}&end={start}"), 400, "/problems/invalid", Some("end")),
        (format!("timeline?start={start}&end={year}"), 422, "/problems/out-of-range", Some("end")),
        (format!("recording.mp4?start={start}&end={year}"), 422, "/problems/out-of-range", Some("end")),
        (format!("recording.mp4?start={day}&end={}", day + Duration::from_secs(9)), 404, "/problems/no-footage", None),
        (format!("recording.mp4?start={start}&end={end}&stream=side"), 400, "/problems/invalid", Some("stream")),
        (format!("thumbnail.jpg?at={day}"), 404, "/problems/no-footage", None),
        ("thumbnail.jpg".into(), 400, "/problems/invalid", Some("at")),
        (format!("segment.m4s?at={}", Time::MAX), 404, "/problems/no-footage", None),
    ] {
        let answer = here.get(&what).await;
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
        let problem = answer.json();
        assert_eq!((answer.status.as_u16(), &problem["type"]), (status, &Value::from(kind)), "{what}: {problem}");
        assert_eq!(problem["field"].as_str(), field, "{what}");
        assert_eq!(problem["status"], status);
    }
    let unknown = CameraId::generate(&here.served.house.world);
    for id in [unknown.to_string(), "nonsense".into(), "%00".into()] {
        let path = format!("/api/v1/cameras/{id}/timeline?{}", here.range());
        assert_eq!(here.served.ask(Method::GET, &path, &here.token, None).await.status, 404, "{id}");
        let path = format!("/api/v1/cameras/{id}/snapshot.jpg");
        assert_eq!(here.served.ask(Method::GET, &path, &here.token, None).await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn whoever_was_invited_signs_in_and_the_cookie_is_for_this_host_alone() {
    let served = Served::new(House::in_memory().await);
    let setup = served.house.accounts.create_setup_link(&served.house.caller()).await.unwrap();
    let password = "seven quiet nightjars";
    let choice = serde_json::json!({
        "token": setup.token.expose(), "login": "ada", "password": password, "zone": "Europe/Paris", "policy": 1, "language": "de",
    });
    let set_up = served.ask(Method::POST, "/api/v1/setup", &Credential::Nobody, Some(choice.clone())).await;
    assert_eq!(set_up.status, 201, "{}", String::from_utf8_lossy(&set_up.body));
    assert_eq!(set_up.json()["household"]["zone"], "Europe/Paris");
    let again = served.ask(Method::POST, "/api/v1/setup", &Credential::Nobody, Some(choice)).await;
    assert_eq!(again.status, 404, "a link is used once");

    let sign_in = serde_json::json!({ "login": "Ada", "password": password });
    let signed_in = served.ask(Method::POST, "/api/v1/session", &Credential::Nobody, Some(sign_in)).await;
    assert_eq!(signed_in.status, 200);
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap();
    for part in ["__Host-session=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(signed_in.headers["cache-control"], "no-store");

    let wrong = serde_json::json!({ "login": "ada", "password": "wrong" });
    let mut last = served.ask(Method::POST, "/api/v1/session", &Credential::Nobody, Some(wrong.clone())).await;
    assert_eq!(last.status, 401);
    for _ in 0..40 {
        last = served.ask(Method::POST, "/api/v1/session", &Credential::Nobody, Some(wrong.clone())).await;
        if last.status == 429 {
            break;
        }
    }
    assert_eq!(last.status, 429, "guessing is slowed down");
    assert!(last.headers["retry-after"].to_str().unwrap().parse::<u64>().is_ok());
}

#[tokio::test]
async fn the_demo_lets_in_who_opens_its_page_and_nobody_whom_a_foreign_page_sends() {
    let house = House::in_memory().await;
    let owner = house.accounts.ensure_demo_owner(house.household, "Ada").await.unwrap();
    let http = api::Http { demo: Some(owner), ..api::Http::default() };
    let served = Served::with(house, http);
    let open = |path: &'static str, headers: &'static [(&'static str, &'static str)]| {
        let mut request = request(Method::GET, path, &Credential::Nobody, None);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        served.send(request)
    };
    for direct in
        [&[][..], &[("sec-fetch-site", "none"), ("sec-fetch-dest", "document")], &[("sec-fetch-site", "same-origin")]]
    {
        let page = open("/", direct).await;
        assert_eq!(page.status, 200);
        assert!(page.headers.contains_key("set-cookie"), "{direct:?}");
    }
    for led in [
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none"), ("sec-fetch-dest", "iframe")],
    ] {
        assert!(!open("/", led).await.headers.contains_key("set-cookie"), "{led:?}");
    }
    assert!(!open("/cameras", &[]).await.headers.contains_key("set-cookie"), "only the first page");
    assert_eq!(open("/api/v1/session", &[]).await.status, 401, "the API answers nobody without a session");
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_their_secrets_not_repeated() {
    let served = Served::new(House::in_memory().await);
    let owner = served.token(served.house.household, &Scope::ALL).await;
    let post = |path: &'static str, body: String, kind: &'static str| {
        let mut request = request(Method::POST, path, &owner, None);
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        *request.body_mut() = axum::body::Body::from(body);
        served.send(request)
    };
    let json = "application/json";
    for (body, kind, status) in [
        ("{".into(), json, 400),
        (r#"{"name":"x","url":"rtsp://u:hunter2@h/","mode":"hunter2"}"#.into(), json, 400),
        (r#"{"name":"x","url":["hunter2"],"mode":"off"}"#.into(), json, 400),
        (r#"{"name":"x","url":"exec:hunter2","mode":"off"}"#.into(), json, 400),
        (r#"{"name":"x","url":"rtsp://h/","mode":"off","role":"owner"}"#.into(), json, 400),
        (format!(r#"{{"name":"{}"}}"#, "x".repeat(100_000)), json, 413),
        (r#"{"name":"x"}"#.into(), "text/plain", 415),
        ("[".repeat(60_000), json, 400),
    ] {
        let answer = post("/api/v1/cameras", body, kind).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status.as_u16(), status, "{text}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert_eq!(served.ask(Method::PUT, "/api/v1/cameras", &owner, None).await.status, 405);
    assert_eq!(served.ask(Method::GET, "/api/v1/nothing", &owner, None).await.status, 404);
}
