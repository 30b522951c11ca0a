//! One camera for a weekend: invited by a link, watched, seen in the log, and over at once when the owner says so.

use crate::{
    house::{House, scenes},
    served::{Answer, Credential, Served},
};
use cloud::Stream;
use devices::CameraId;
use futures_util::StreamExt;
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const PASSWORD: &str = "seven quiet nightjars sing";

/// A household with two cameras, of which the porch has footage.
struct Home {
    served: Served,
    owner: Credential,
    porch: CameraId,
    nursery: CameraId,
    _simulator: simulator::Simulator,
}

impl Home {
    async fn begin() -> Self {
        let simulator = scenes(1).await;
        let house = House::in_memory().await;
        let porch = house.add("Porch", &simulator.urls()[0], false).await;
        let nursery = devices::Settings::new("Nursery", "rtsp://10.0.0.1/", devices::Mode::Off);
        let nursery = house.devices.add(&house.caller(), nursery).await.expect("a camera").id;
        house.recorded(porch, Stream::Main, Duration::from_secs(3)).await;
        let owner = house.accounts.ensure_demo_owner(house.household, "Ada").await.expect("an owner");
        let served = Served::new(house);
        let owner = served.session(owner).await;
        Self { served, owner, porch, nursery, _simulator: simulator }
    }

    async fn ask(&self, method: Method, path: &str, whom: &Credential, body: Value) -> Answer {
        let body = (!body.is_null()).then_some(body);
        self.served.ask(method, path, whom, body).await
    }

    /// An invitation as a guest for the porch, for the next two days; its token.
    async fn invitation(&self) -> String {
        let now = self.served.house.now();
        let grant = json!({
            "camera": self.porch, "rights": ["live", "history"], "start": now, "end": now + Duration::from_secs(172_800),
        });
        let offer = json!({ "role": "guest", "grants": [grant] });
        let made = self.ask(Method::POST, "/api/v1/invitations", &self.owner, offer).await;
        assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
        let link = made.json()["link"].as_str().expect("a link").to_owned();
        link.strip_prefix("/invitation#token=").expect("a fragment, which no server sees").to_owned()
    }

    /// Somebody who signs up with the invitation and accepts it.
    async fn sister(&self) -> Credential {
        let token = self.invitation().await;
        let form = json!({
            "login": "Sister", "password": PASSWORD, "language": "de", "adult": true, "policy": 1, "invitation": token,
        });
        let signed_up = self.ask(Method::POST, "/api/v1/sign-up", &Credential::Nobody, form).await;
        assert_eq!(signed_up.status, 201, "{}", String::from_utf8_lossy(&signed_up.body));
        assert_eq!(signed_up.json()["household"], Value::Null, "signing up accepts nothing by itself");
        let cookie = signed_up.headers["set-cookie"].to_str().expect("a cookie");
        let session = cookie.split(['=', ';']).nth(1).expect("a value").to_owned();
        let sister = Credential::Session(session);
        let accepted = self.ask(Method::POST, "/api/v1/invitations/accept", &sister, json!({ "token": token })).await;
        assert_eq!(accepted.status, 200);
        let again = self.ask(Method::POST, "/api/v1/invitations/accept", &sister, json!({ "token": token })).await;
        assert_eq!(again.status, 404, "a link works once");
        sister
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_watches_one_camera_until_the_owner_removes_them_while_they_watch() {
    policy::prove!(C9_3_4);
    let home = Home::begin().await;
    let token = home.invitation().await;
    let offered =
        home.ask(Method::POST, "/api/v1/invitations/look", &Credential::Nobody, json!({ "token": token })).await;
    assert_eq!(
        (offered.json()["inviter"].as_str(), offered.json()["cameras"][0].as_str()),
        (Some("Ada"), Some("Porch"))
    );
    let sister = home.sister().await;

    let cameras = home.ask(Method::GET, "/api/v1/cameras", &sister, Value::Null).await.json();
    assert_eq!(cameras["items"].as_array().expect("a list").len(), 1, "{cameras}");
    let snapshot = |camera: CameraId| format!("/api/v1/cameras/{camera}/snapshot.jpg");
    assert_eq!(home.ask(Method::GET, &snapshot(home.porch), &sister, Value::Null).await.status, 200);
    assert_eq!(home.ask(Method::GET, &snapshot(home.nursery), &sister, Value::Null).await.status, 404);
    let me = home.ask(Method::GET, "/api/v1/session", &sister, Value::Null).await.json();
    assert_eq!(me["account"]["role"], "guest");
    let id = me["account"]["id"].as_str().expect("an id").to_owned();

    let address = home.served.listen().await;
    let mut request =
        format!("ws://{address}/api/v1/cameras/{}/live", home.porch).into_client_request().expect("a request");
    let Credential::Session(session) = &sister else { unreachable!("she has a session") };
    request.headers_mut().insert("cookie", format!("{}={session}", api::COOKIE).parse().expect("a cookie"));
    request.headers_mut().insert("origin", format!("http://{address}").parse().expect("an origin"));
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("she may watch");
    socket.next().await.expect("a message").expect("the init segment");

    let removed = Instant::now();
    let path = format!("/api/v1/accounts/{id}");
    assert_eq!(home.ask(Method::DELETE, &path, &home.owner, Value::Null).await.status, 204);
    let ended = tokio::time::timeout(Duration::from_secs(5), async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() && message.to_text().is_ok_and(|text| text.contains("\"end\"")) {
                return true;
            }
        }
        false
    });
    assert!(ended.await.expect("it ends within five seconds"), "and says so");
    println!("removed while she watched: dark after {} ms", removed.elapsed().as_millis());
    assert_eq!(home.ask(Method::GET, &snapshot(home.porch), &sister, Value::Null).await.status, 403);
    let me = home.ask(Method::GET, "/api/v1/session", &sister, Value::Null).await;
    assert_eq!((me.status.as_u16(), &me.json()["household"]), (200, &Value::Null), "the account stays her own");

    let log = home.ask(Method::GET, "/api/v1/views", &home.owner, Value::Null).await.json();
    let rows = log["items"].as_array().expect("rows");
    let hers = rows.iter().filter(|row| row["label"].as_str().is_some_and(|label| label.contains("another system")));
    let deeds: Vec<&str> = hers.filter_map(|row| row["action"].as_str()).collect();
    assert!(deeds.contains(&"live") && deeds.contains(&"snapshot"), "{log}");
}

#[tokio::test]
async fn what_a_form_may_not_hold_is_refused_and_nothing_changes() {
    let served = Served::new(House::in_memory().await);
    let owner = served.house.accounts.ensure_demo_owner(served.house.household, "Ada").await.expect("an owner");
    let owner = served.session(owner).await;
    let before = served.ask(Method::GET, "/api/v1/session", &owner, None).await.json();
    for (method, path, body) in [
        (Method::PATCH, "/api/v1/profile", json!({ "role": "owner" })),
        (Method::PATCH, "/api/v1/profile", json!({ "display_name": "Ada\r\nBcc: eve@example.org" })),
        (Method::PATCH, "/api/v1/profile", json!({ "display_name": "\u{202e}adA" })),
        (Method::PATCH, "/api/v1/profile", json!({ "language": "tlh" })),
        (Method::PATCH, "/api/v1/household", json!({ "id": "00000000-0000-0000-0000-000000000000" })),
        (Method::PUT, "/api/v1/profile/login", json!({ "login": "a@example.org,b@example.org" })),
        (Method::POST, "/api/v1/invitations", json!({ "role": "owner" })),
        (Method::POST, "/api/v1/invitations", json!({ "role": "guest" })),
        (Method::POST, "/api/v1/invitations", json!({ "role": "member", "email": "eve@example.org" })),
        (Method::POST, "/api/v1/invitations", json!({ "role": "guest", "grants": [{ "rights": ["live"] }] })),
        (Method::POST, "/api/v1/households", json!({ "zone": "Mars/Olympus" })),
    ] {
        let answer = served.ask(method, path, &owner, Some(body.clone())).await;
        assert_eq!(answer.status, 400, "{path} {body}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    let long = json!({ "display_name": "x".repeat(100_000) });
    assert_eq!(served.ask(Method::PATCH, "/api/v1/profile", &owner, Some(long)).await.status, 413);
    assert_eq!(served.ask(Method::GET, "/api/v1/session", &owner, None).await.json(), before);
    let open = served.ask(Method::GET, "/api/v1/invitations", &owner, None).await.json();
    assert_eq!(open["items"], json!([]));
}
