//! Every operation, asked by every kind of caller, answers as it stands here. An operation without a row fails; a picture
//! that is shown to a stranger, or a write by a viewer, changes a row that somebody must look at.

use crate::{
    house::{House, scenes},
    served::{Credential, Served},
};
use accounts::{AccountId, Caller, HouseholdId, Scope, TokenId};
use base::Time;
use cloud::Stream;
use devices::{CameraId, Mode, Settings};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Who asks, in the order of the columns: nobody, a viewer's and the owner's browser, tokens with one scope each, and a token
/// of another household that has every scope.
const COLUMNS: [&str; 9] =
    ["nobody", "viewer", "owner", "cameras:read", "cameras:write", "media:read", "metrics:read", "admin", "neighbour"];

/// Operation and answer to each. 404 to a neighbour: for others the thing does not exist.
const EXPECTED: &[(&str, [u16; 9])] = &[
    ("GET /healthz", [200; 9]),
    ("GET /readyz", [200; 9]),
    ("GET /metrics", [401, 403, 200, 403, 403, 403, 200, 403, 200]),
    ("GET /api/openapi.json", [401, 200, 200, 200, 200, 200, 200, 200, 200]),
    // Asked with a wrong token and a wrong password: nobody gets in, and nobody learns more.
    ("POST /api/v1/setup/link", [404; 9]),
    ("POST /api/v1/setup", [404; 9]),
    ("POST /api/v1/session", [401; 9]),
    ("GET /api/v1/session", [401, 200, 200, 200, 200, 200, 200, 200, 200]),
    // What belongs to a person, a token cannot do.
    ("PATCH /api/v1/session", [401, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/session", [401, 204, 204, 400, 400, 400, 400, 400, 400]),
    ("PUT /api/v1/session/password", [401, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/sessions", [401, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/sessions/{id}", [401, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("PATCH /api/v1/household", [401, 403, 200, 403, 403, 403, 403, 200, 200]),
    ("GET /api/v1/accounts", [401, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("POST /api/v1/accounts", [401, 403, 201, 403, 403, 403, 403, 201, 201]),
    ("POST /api/v1/accounts/{id}/link", [401, 403, 201, 403, 403, 403, 403, 201, 404]),
    ("DELETE /api/v1/accounts/{id}", [401, 403, 204, 403, 403, 403, 403, 204, 404]),
    ("GET /api/v1/tokens", [401, 200, 200, 403, 403, 403, 403, 200, 200]),
    ("POST /api/v1/tokens", [401, 201, 201, 403, 403, 403, 403, 403, 201]),
    ("DELETE /api/v1/tokens/{id}", [401, 404, 204, 403, 403, 403, 403, 204, 404]),
    ("GET /api/v1/cameras", [401, 200, 200, 200, 403, 403, 403, 403, 200]),
    ("POST /api/v1/cameras", [401, 403, 201, 403, 403, 403, 403, 403, 201]),
    ("PUT /api/v1/cameras/order", [401, 403, 400, 403, 400, 403, 403, 403, 400]),
    ("POST /api/v1/cameras/probe", [401, 403, 503, 403, 503, 403, 403, 403, 503]),
    ("GET /api/v1/cameras/{id}", [401, 200, 200, 200, 403, 403, 403, 403, 404]),
    ("PATCH /api/v1/cameras/{id}", [401, 403, 200, 403, 403, 403, 403, 403, 404]),
    ("DELETE /api/v1/cameras/{id}", [401, 403, 204, 403, 204, 403, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/health", [401, 200, 200, 200, 403, 403, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/timeline", [401, 200, 200, 200, 403, 403, 403, 403, 404]),
    ("DELETE /api/v1/cameras/{id}/recording", [401, 403, 200, 403, 403, 403, 403, 403, 404]),
    ("GET /api/v1/changes", [401, 200, 200, 200, 403, 403, 403, 403, 200]),
    // Pictures: the two people of the household, and the one scope. 426: let in, and told to open a WebSocket.
    ("GET /api/v1/cameras/{id}/playlist.m3u8", [401, 200, 200, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/live", [401, 426, 426, 403, 403, 426, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/recording.mp4", [401, 200, 200, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/init.mp4", [401, 200, 200, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/segment.m4s", [401, 200, 200, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/snapshot.jpg", [401, 200, 200, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/thumbnail.jpg", [401, 200, 200, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/views", [401, 200, 200, 200, 403, 403, 403, 403, 200]),
    ("GET /api/v1/storage", [401, 200, 200, 200, 403, 403, 403, 403, 200]),
    // The key of the whole installation: its owner in person, and no program.
    ("POST /api/v1/key/export", [401, 403, 200, 403, 403, 403, 403, 403, 403]),
];

/// Operations that need no row. It may only shrink.
const EXCEPTIONS: [&str; 0] = [];

struct Scene {
    served: Served,
    owner: AccountId,
    viewer: AccountId,
    neighbours: HouseholdId,
    /// A camera with footage of this instant.
    camera: CameraId,
    at: Time,
}

impl Scene {
    async fn set() -> Self {
        let simulator = scenes(1).await;
        let house = House::in_memory().await;
        let camera = house.add("Porch", &simulator.urls()[0], false).await;
        let footage = house.recorded(camera, Stream::Main, Duration::from_secs(3)).await;
        house.devices.set_mode(&house.caller(), camera, Mode::Off).await.expect("it is switched off");
        house.devices.set_mode(&house.caller(), camera, Mode::Continuous).await.expect("and on");
        drop(simulator);
        let owner = house.accounts.ensure_demo_owner(house.household, "Ada").await.expect("an owner");
        let (viewer, _) = house.accounts.add_by_hand(&house.caller(), "Ben", accounts::Role::Member).await.expect("a viewer");
        let served = Served::new(house);
        let neighbours = served.neighbours().await;
        Self { served, owner, viewer, neighbours, camera, at: footage.start + Duration::from_millis(500) }
    }

    async fn caller(&self, column: &str) -> Credential {
        let home = self.served.house.household;
        match column {
            "nobody" => Credential::Nobody,
            "viewer" => self.served.session(self.viewer).await,
            "owner" => self.served.session(self.owner).await,
            "neighbour" => self.served.token(self.neighbours, &Scope::ALL).await,
            scope => self.served.token(home, &[scope.parse().expect("a scope")]).await,
        }
    }

    /// A fresh thing of the household for an operation that may use it up, else the one with footage.
    async fn id(&self, operation: &str) -> String {
        let (house, caller) = (&self.served.house, self.served.house.caller());
        if operation.contains("/accounts/") {
            return self.invited().await.to_string();
        }
        if operation.contains("/tokens/") {
            let made = house.accounts.create_token(&caller, None, [Scope::MediaRead].into_iter().collect(), None).await;
            return made.expect("a token").id.to_string();
        }
        if operation.contains("/sessions/") {
            return TokenId::generate(&house.world).to_string();
        }
        if matches!(operation, "PATCH /api/v1/cameras/{id}" | "DELETE /api/v1/cameras/{id}") {
            let camera = Settings::new("Spare", "rtsp://10.0.0.1/", Mode::Off);
            return house.devices.add(&caller, camera).await.expect("a camera").id.to_string();
        }
        self.camera.to_string()
    }

    async fn invited(&self) -> AccountId {
        let house = &self.served.house;
        let (id, _) = house.accounts.add_by_hand(&house.caller(), &self.name(), accounts::Role::Member).await.expect("somebody");
        id
    }

    /// A user name that nobody has.
    fn name(&self) -> String {
        format!("guest {}", AccountId::generate(&self.served.house.world))
    }

    /// What makes the query of the operation whole.
    fn query(&self, operation: &str) -> String {
        let (start, end) = (self.at, self.at + Duration::from_secs(1));
        match operation.rsplit('/').next().unwrap_or_default() {
            "timeline" | "recording.mp4" | "playlist.m3u8" => format!("?start={start}&end={end}"),
            // A minute before the footage, so that the next in line still finds it.
            "recording" => {
                format!("?start={}&end={}", start - Duration::from_secs(61), start - Duration::from_secs(60))
            }
            "init.mp4" | "segment.m4s" | "thumbnail.jpg" | "snapshot.jpg" => format!("?at={start}"),
            _ => String::new(),
        }
    }

    fn body(&self, operation: &str) -> Option<Value> {
        Some(match operation {
            "POST /api/v1/setup/link" => json!({ "token": "wrong" }),
            "POST /api/v1/setup" => json!({ "token": "wrong", "login": "Eve", "password": "correct horse battery" }),
            "POST /api/v1/session" => json!({ "login": self.name(), "password": "correct horse battery" }),
            "PATCH /api/v1/session" => json!({ "display_name": null }),
            "PUT /api/v1/session/password" => json!({ "old_password": "wrong", "password": "correct horse battery" }),
            "PATCH /api/v1/household" => json!({ "zone": "Europe/Paris" }),
            "POST /api/v1/accounts" => json!({ "login": self.name() }),
            "POST /api/v1/tokens" => json!({ "scopes": ["media:read"] }),
            "POST /api/v1/cameras" => json!({ "name": "New", "url": "rtsp://10.0.0.1/", "mode": "off" }),
            // Not the order of anybody's cameras: refused for what it says, once the caller may say it.
            "PUT /api/v1/cameras/order" => json!({ "order": [AccountId::generate(&self.served.house.world)] }),
            "POST /api/v1/cameras/probe" => json!({ "url": "rtsp://127.0.0.1:1/" }),
            "PATCH /api/v1/cameras/{id}" => json!({ "name": "Renamed" }),
            "POST /api/v1/key/export" => json!({ "passphrase": "correct horse battery" }),
            _ => return None,
        })
    }

    async fn ask(&self, operation: &str, column: &str) -> u16 {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let id = if path.contains("{id}") { self.id(operation).await } else { String::new() };
        let path = path.replace("{id}", &id) + &self.query(operation);
        let method: Method = method.parse().expect("a method");
        let answer = self.served.ask(method, &path, &self.caller(column).await, self.body(operation)).await;
        answer.status.as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_every_kind_of_caller_as_it_should() {
    policy::prove!(C9_3_4);
    let scene = Scene::set().await;
    let mut wrong = Vec::new();
    for (operation, expected) in EXPECTED {
        for (column, expected) in COLUMNS.iter().zip(expected) {
            let status = scene.ask(operation, column).await;
            if status != *expected {
                wrong.push(format!("{operation} by {column}: {status}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_operation_has_a_row() {
    for line in api::TABLE {
        let rows = EXPECTED.iter().filter(|(operation, _)| *operation == line.operation).count();
        let excepted = EXCEPTIONS.contains(&line.operation);
        assert_eq!(rows, usize::from(!excepted), "{}", line.operation);
    }
    assert_eq!(EXPECTED.len() + EXCEPTIONS.len(), api::TABLE.len(), "a row is left over");
}

#[tokio::test]
async fn measurements_are_open_on_this_machine_alone() {
    let served = Served::new(House::in_memory().await);
    let mut request = crate::served::request(Method::GET, "/metrics", &Credential::Nobody, None);
    request
        .extensions_mut()
        .get_mut::<api::Connection>()
        .expect("a connection")
        .peer
        .set_ip("127.0.0.1".parse().unwrap());
    assert_eq!(served.send(request).await.status, 200);
    let mut proxied = crate::served::request(Method::GET, "/metrics", &Credential::Nobody, None);
    proxied
        .extensions_mut()
        .get_mut::<api::Connection>()
        .expect("a connection")
        .peer
        .set_ip("127.0.0.1".parse().unwrap());
    proxied.headers_mut().insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    assert_eq!(served.send(proxied).await.status, 401);
    assert_eq!(served.ask(Method::GET, "/metrics", &Credential::Nobody, None).await.status, 401);
}

#[tokio::test]
async fn an_ended_session_and_a_revoked_token_are_nobody() {
    let served = Served::new(House::in_memory().await);
    let house = &served.house;
    let owner = house.accounts.ensure_demo_owner(house.household, "Ada").await.unwrap();
    let session = served.session(owner).await;
    assert_eq!(served.ask(Method::DELETE, "/api/v1/session", &session, None).await.status, 204);
    assert_eq!(served.ask(Method::GET, "/api/v1/session", &session, None).await.status, 401);
    let token = served.token(house.household, &[Scope::CamerasRead]).await;
    let caller = Caller::system(house.household);
    let id = house.accounts.tokens(&caller).await.unwrap()[0].id;
    house.accounts.revoke_token(&caller, id).await.unwrap();
    assert_eq!(served.ask(Method::GET, "/api/v1/cameras", &token, None).await.status, 401);
}
