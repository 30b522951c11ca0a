//! A household that answers over HTTP: the real router, asked directly or through a real listener.

use crate::house::House;
use accounts::{AccountId, Caller, HouseholdId, Label, Scope};
use api::{App, Connection, Defaults, Http, RootKey};
use axum::{Extension, Router, body::Body};
use base::Secret;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use sea_orm::ConnectionTrait;
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};
use tower::ServiceExt;

/// A household with its router.
pub struct Served {
    pub house: House,
    pub router: Router,
}

/// Who asks.
#[derive(Clone)]
pub enum Credential {
    Nobody,
    Session(String),
    Token(String),
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

impl Served {
    pub fn new(house: House) -> Self {
        Self::with(house, Http::default())
    }

    pub fn with(house: House, http: Http) -> Self {
        let key_file = house.folder.path().join("root-key");
        let copy = {
            let world = house.world.clone();
            move |passphrase: &Secret<String>| {
                let key = vault::root_key::read(&key_file)?;
                Ok(vault::root_key::export(&key, passphrase, &world)?.into_bytes())
            }
        };
        let app = App {
            world: house.world.clone(),
            household: house.household,
            accounts: house.accounts.clone(),
            devices: house.devices.clone(),
            cloud: house.cloud.clone(),
            connect: house.connect.clone(),
            privacy: house.privacy.clone(),
            defaults: Defaults { retention_days: 7, max_bytes: 0 },
            sign_up: accounts::SignUp::Invitation,
            can_mail: house.connect.can_mail(),
            http,
            root_key: RootKey { copy_saved: Box::new(|| false), copy: Box::new(copy) },
            metrics: Arc::new(|| "nightjar_up 1\n".into()),
        };
        let router = api::router(Arc::new(app)).expect("every route has its access line");
        Self { house, router }
    }

    /// Asks as a program somewhere in the network would.
    pub async fn ask(&self, method: Method, path: &str, as_whom: &Credential, body: Option<Value>) -> Answer {
        self.send(request(method, path, as_whom, body)).await
    }

    /// Sends a request; a stream is read no further than its head.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (head, body) = response.into_parts();
        let events = head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if events { Vec::new() } else { body.collect().await.expect("a body").to_bytes().to_vec() };
        Answer { status: head.status, headers: head.headers, body }
    }

    /// A browser session of the account.
    pub async fn session(&self, account: AccountId) -> Credential {
        Credential::Session(self.begun(account).await.token.expose().clone())
    }

    /// A browser session of the account, as the contexts see it.
    pub async fn begun(&self, account: AccountId) -> accounts::NewSession {
        self.house.accounts.begin_demo_session(account, Label::browser("")).await.expect("a session")
    }

    /// A token of the household with these scopes.
    pub async fn token(&self, household: HouseholdId, scopes: &[Scope]) -> Credential {
        let scopes = scopes.iter().copied().collect();
        let made = self.house.accounts.create_token(&Caller::system(household), None, scopes, None).await;
        Credential::Token(made.expect("a token").token.expose().clone())
    }

    /// Another household on the same server.
    pub async fn neighbours(&self) -> HouseholdId {
        let id = HouseholdId::generate(&self.house.world);
        let row = "INSERT INTO households (id, zone, created) VALUES (?, ?, ?)";
        let values = [id.uuid().into(), "UTC".into(), self.house.now().micros().into()];
        self.house.db.conn().execute_raw(self.house.db.statement(row, values)).await.expect("a household");
        id
    }

    /// Listens on a free port of loopback, for clients that need a socket.
    pub async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a local address");
        let here = Connection { encrypted: false, local: address, peer: address };
        let router = self.router.clone().layer(Extension(here));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

/// A request from somewhere in the network to `localhost`.
pub fn request(method: Method, path: &str, as_whom: &Credential, body: Option<Value>) -> Request<Body> {
    let (local, peer) = ("127.0.0.1:8480".parse(), "192.0.2.7:50000".parse());
    let connection = Connection { encrypted: false, local: local.expect("a socket"), peer: peer.expect("a socket") };
    let request = Request::builder().method(method).uri(path).header("host", "localhost").extension(connection);
    let request = match as_whom {
        Credential::Nobody => request,
        Credential::Session(token) => request.header("cookie", format!("{}={token}", api::COOKIE)),
        Credential::Token(token) => request.header("authorization", format!("Bearer {token}")),
    };
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    }
    .expect("a request")
}

/// The same with a form, as a page without scripts sends it.
pub fn form(path: &str, as_whom: &Credential, fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = request(Method::POST, path, as_whom, None);
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>();
    *request.body_mut() = Body::from(fields.join("&"));
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().expect("a header"));
    request
}

/// Every byte as `%XX`.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
