//! Every operation, asked by every kind of caller, answers as it stands here. An operation without a row fails; a picture
//! that is shown to a stranger, or a write by a viewer, changes a row that somebody must look at.

use crate::{
    house::{House, scenes},
    served::{Credential, Served},
};
use accounts::{AccountId, Caller, HouseholdId, Role, Scope, TokenId};
use base::Time;
use cloud::Stream;
use devices::{CameraId, Grant, Mode, Offer, Right, Settings, Which};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Who asks, in the order of the columns: nobody; the browsers of a member, the owner, a guest who may see another camera,
/// an installer, and somebody who belongs to no household; tokens with one scope each; and a token of another household
/// that has every scope.
const COLUMNS: [&str; 12] = [
    "nobody",
    "member",
    "owner",
    "guest",
    "installer",
    "alone",
    "cameras:read",
    "cameras:write",
    "media:read",
    "metrics:read",
    "admin",
    "neighbour",
];

/// Operation and answer to each. 404 to a guest and a neighbour: for them the thing does not exist.
const EXPECTED: &[(&str, [u16; 12])] = &[
    ("GET /healthz", [200; 12]),
    ("GET /readyz", [200; 12]),
    ("GET /metrics", [401, 403, 200, 403, 403, 403, 403, 403, 403, 200, 403, 403]),
    ("GET /api/openapi.json", [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("GET /privacy", [200; 12]),
    ("GET /privacy.json", [200; 12]),
    ("GET /privacy/versions", [200; 12]),
    ("GET /privacy/versions/{number}", [200; 12]),
    ("GET /privacy/diff", [200; 12]),
    ("GET /.well-known/gpc.json", [200; 12]),
    ("GET /.well-known/dnt/", [200; 12]),
    ("GET /.well-known/nightjar.json", [200; 12]),
    ("GET /privacy/ask", [200; 12]),
    // The form without a word in it.
    ("POST /privacy/ask", [422; 12]),
    ("GET /privacy/request/confirm", [200; 12]),
    ("POST /privacy/request/confirm", [404; 12]),
    ("GET /privacy/request", [404; 12]),
    // One's rights belong to a person: a token of the household has none. A token for undoing is wrong here.
    ("GET /api/v1/privacy", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/privacy/acceptance", [401, 204, 204, 204, 204, 204, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/privacy/consents", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("PUT /api/v1/privacy/consents", [401, 204, 204, 204, 204, 204, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/privacy/consents/{id}/receipt", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/privacy/objections", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/privacy/requests", [401, 201, 201, 201, 201, 201, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/privacy/requests", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    // The owner of the installation in person, and no program. The id is of no request.
    ("GET /api/v1/privacy/desk", [401, 403, 200, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/privacy/desk/{id}/answer", [401, 403, 404, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/privacy/desk/{id}/extend", [401, 403, 404, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/privacy/desk/{id}/confirm", [401, 403, 404, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/privacy/export", [401, 202, 202, 202, 202, 202, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/privacy/export", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/privacy/export/{id}", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/privacy/export/{id}/download", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    // The owner of a household of several must say what becomes of it. Every other closing is undone at once.
    ("POST /api/v1/privacy/close", [401, 200, 409, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/privacy/report-minor", [401, 403, 202, 403, 403, 403, 403, 403, 403, 403, 202, 404]),
    ("GET /api/v1/privacy/report-minor", [401, 403, 200, 403, 403, 403, 403, 403, 403, 403, 200, 200]),
    ("PUT /api/v1/privacy/report-minor/{account}", [401, 403, 404, 403, 403, 403, 403, 403, 403, 403, 404, 404]),
    ("POST /api/v1/privacy/undo", [404; 12]),
    ("POST /api/v1/privacy/erase", [404; 12]),
    ("GET /api/v1/privacy/certificate", [404; 12]),
    // Asked with a wrong token and a wrong password: nobody gets in, and nobody learns more.
    ("POST /api/v1/setup/link", [404; 12]),
    ("POST /api/v1/setup", [404; 12]),
    ("POST /api/v1/session", [401; 12]),
    ("POST /api/v1/session/second", [401; 12]),
    ("POST /api/v1/session/second/passkey/begin", [401; 12]),
    ("POST /api/v1/session/second/passkey", [401; 12]),
    ("POST /api/v1/session/passkey/begin", [200; 12]),
    ("POST /api/v1/session/passkey", [401; 12]),
    ("GET /api/v1/session", [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    // What belongs to a person, a token cannot do.
    ("DELETE /api/v1/session", [401, 204, 204, 204, 204, 204, 400, 400, 400, 400, 400, 400]),
    // Nobody here has a password yet: who signed in just now may choose one.
    ("PUT /api/v1/session/password", [401, 204, 204, 204, 204, 204, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/sessions", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/sessions/{id}", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("PATCH /api/v1/household", [401, 403, 200, 403, 403, 403, 403, 403, 403, 403, 200, 200]),
    ("GET /api/v1/accounts", [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("POST /api/v1/accounts", [401, 403, 201, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/accounts/{id}/link", [401, 403, 201, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/accounts/{id}", [401, 403, 204, 403, 403, 403, 403, 403, 403, 403, 204, 404]),
    ("GET /api/v1/tokens", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 200, 200]),
    ("POST /api/v1/tokens", [401, 201, 201, 201, 403, 403, 403, 403, 403, 403, 403, 201]),
    ("DELETE /api/v1/tokens/{id}", [401, 404, 204, 404, 404, 404, 403, 403, 403, 403, 204, 404]),
    ("GET /api/v1/cameras", [401, 200, 200, 200, 200, 403, 200, 403, 403, 403, 403, 200]),
    ("POST /api/v1/cameras", [401, 403, 201, 403, 201, 403, 403, 403, 403, 403, 403, 201]),
    ("PUT /api/v1/cameras/order", [401, 403, 400, 403, 400, 403, 403, 400, 403, 403, 403, 400]),
    ("POST /api/v1/cameras/identify", [401, 403, 503, 403, 503, 403, 403, 503, 403, 403, 403, 503]),
    ("POST /api/v1/cameras/probe", [401, 403, 503, 403, 503, 403, 403, 503, 403, 403, 403, 503]),
    ("GET /api/v1/cameras/{id}", [401, 200, 200, 404, 200, 403, 200, 403, 403, 403, 403, 404]),
    ("PATCH /api/v1/cameras/{id}", [401, 403, 200, 403, 200, 403, 403, 403, 403, 403, 403, 404]),
    ("DELETE /api/v1/cameras/{id}", [401, 403, 204, 403, 403, 403, 403, 204, 403, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/health", [401, 200, 200, 404, 200, 403, 200, 403, 403, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/timeline", [401, 200, 200, 404, 200, 403, 200, 403, 403, 403, 403, 404]),
    ("DELETE /api/v1/cameras/{id}/recording", [401, 403, 200, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    ("GET /api/v1/changes", [401, 200, 200, 200, 200, 403, 200, 403, 403, 403, 403, 200]),
    // What a person is told, no program is. The id is of no notice of anybody.
    ("GET /api/v1/inbox", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("PATCH /api/v1/inbox/{id}", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/inbox/{id}", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/inbox/choices", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("PUT /api/v1/inbox/choices", [401, 204, 204, 204, 204, 204, 403, 403, 403, 403, 403, 403]),
    // Asked with a forged token: the same page for everybody, and nothing changes.
    ("GET /unsubscribe", [200; 12]),
    ("POST /unsubscribe", [200; 12]),
    ("GET /api/v1/demo/mails", [401, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
    // Pictures: the two people of the household, and the one scope. 426: let in, and told to open a WebSocket.
    ("GET /api/v1/cameras/{id}/playlist.m3u8", [401, 200, 200, 404, 403, 403, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/live", [401, 426, 426, 404, 403, 403, 403, 403, 426, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/recording.mp4", [401, 200, 200, 404, 403, 403, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/init.mp4", [401, 200, 200, 404, 403, 403, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/segment.m4s", [401, 200, 200, 404, 403, 403, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/snapshot.jpg", [401, 200, 200, 404, 403, 403, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/cameras/{id}/thumbnail.jpg", [401, 200, 200, 404, 403, 403, 403, 403, 200, 403, 403, 404]),
    ("GET /api/v1/views", [401, 200, 200, 200, 200, 403, 200, 403, 403, 403, 403, 200]),
    ("GET /api/v1/views/chain", [401, 403, 200, 403, 403, 403, 403, 403, 403, 403, 200, 200]),
    ("GET /api/v1/storage", [401, 200, 200, 200, 200, 403, 200, 403, 403, 403, 403, 200]),
    ("PUT /api/v1/session/household", [401, 204, 204, 204, 204, 404, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/session/confirm", [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/session/confirm/passkey/begin", [401, 409, 409, 409, 409, 409, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/session/confirm/passkey", [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/session/history", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/factors", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/factors/totp", [401, 201, 201, 201, 201, 201, 403, 403, 403, 403, 403, 403]),
    // A wrong code, so that it is never on.
    ("POST /api/v1/factors/totp/confirm", [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/factors/totp", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    // Without a second factor there is nothing for them to stand in for.
    ("POST /api/v1/factors/recovery-codes", [401, 409, 409, 409, 409, 409, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/passkeys", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/passkeys/begin", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/passkeys", [401, 400, 400, 400, 400, 400, 403, 403, 403, 403, 403, 403]),
    ("PATCH /api/v1/passkeys/{id}", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/passkeys/{id}", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/oidc", [200; 12]),
    ("POST /api/v1/oidc/{name}", [400; 12]),
    ("POST /api/v1/oidc/{name}/link", [401, 400, 400, 400, 400, 400, 400, 400, 400, 400, 400, 400]),
    ("POST /api/v1/oidc/return", [400; 12]),
    ("POST /api/v1/oidc/agree", [403; 12]),
    ("GET /api/v1/identities", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/identities", [401, 400, 400, 400, 400, 400, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/identities/{id}", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("PATCH /api/v1/sessions/{id}", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/sign-up", [200; 12]),
    ("POST /api/v1/sign-up", [403; 12]),
    ("POST /api/v1/sign-up/verify", [404; 12]),
    ("POST /api/v1/sign-up/forgotten", [202; 12]),
    ("POST /api/v1/invitations/look", [404; 12]),
    ("POST /api/v1/invitations/refuse", [404; 12]),
    ("GET /api/v1/profile", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("PATCH /api/v1/profile", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("PUT /api/v1/profile/login", [401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]),
    ("POST /api/v1/profile/login/leave", [404; 12]),
    ("POST /api/v1/profile/login/take", [404; 12]),
    ("PATCH /api/v1/accounts/{id}", [401, 403, 204, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/accounts/{id}/grants", [401, 403, 200, 403, 403, 403, 403, 403, 403, 403, 200, 404]),
    ("PUT /api/v1/accounts/{id}/grants", [401, 403, 204, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/invitations", [401, 403, 200, 403, 403, 403, 403, 403, 403, 403, 200, 200]),
    ("POST /api/v1/invitations", [401, 403, 201, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    ("DELETE /api/v1/invitations/{id}", [401, 403, 204, 403, 403, 403, 403, 403, 403, 403, 204, 404]),
    ("POST /api/v1/invitations/accept", [401, 404, 404, 404, 404, 404, 403, 403, 403, 403, 403, 403]),
    ("GET /api/v1/groups", [401, 200, 200, 200, 200, 403, 200, 403, 403, 403, 403, 200]),
    ("POST /api/v1/groups", [401, 403, 201, 403, 201, 403, 403, 201, 403, 403, 403, 201]),
    ("PUT /api/v1/groups/{id}", [401, 403, 204, 403, 204, 403, 403, 204, 403, 403, 403, 404]),
    ("DELETE /api/v1/groups/{id}", [401, 403, 204, 403, 204, 403, 403, 204, 403, 403, 403, 404]),
    // The key of the whole installation: its owner in person, and no program.
    ("POST /api/v1/key/export", [401, 403, 200, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    // Last, because whoever belonged nowhere has a household afterwards.
    ("POST /api/v1/households", [401, 201, 201, 201, 201, 201, 403, 403, 403, 403, 403, 403]),
];

/// Operations that need no row. It may only shrink.
const EXCEPTIONS: [&str; 0] = [];

struct Scene {
    served: Served,
    owner: AccountId,
    member: AccountId,
    guest: AccountId,
    installer: AccountId,
    alone: AccountId,
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
        let host = house.caller();
        let add = |name: &'static str, role| {
            let (accounts, host) = (house.accounts.clone(), host.clone());
            async move { accounts.add_by_hand(&host, name, role).await.expect("somebody").0 }
        };
        let (member, guest) = (add("Ben", Role::Member).await, add("Gus", Role::Guest).await);
        let (installer, alone) = (add("Ines", Role::Member).await, add("Al", Role::Member).await);
        let tomorrow = house.now() + Duration::from_secs(86_400);
        house.accounts.set_role(&host, installer, Role::Installer, Some(tomorrow)).await.expect("an installer");
        house.accounts.remove_member(&host, alone).await.expect("he leaves");
        let other = Settings::new("Yard", "rtsp://10.0.0.1/", Mode::Off);
        let which = Which::Camera(house.devices.add(&host, other).await.expect("a camera").id);
        let rights = vec![Right::Live, Right::History, Right::Export];
        let grant = Grant { which, rights, start: None, end: None, weekly: Vec::new() };
        house.devices.set_grants(&host, guest, vec![grant]).await.expect("it is granted");
        let served = Served::new(house);
        let neighbours = served.neighbours().await;
        let at = footage.start + Duration::from_millis(500);
        Self { served, owner, member, guest, installer, alone, neighbours, camera, at }
    }

    async fn caller(&self, column: &str) -> Credential {
        let home = self.served.house.household;
        match column {
            "nobody" => Credential::Nobody,
            "member" => self.served.session(self.member).await,
            "guest" => self.served.session(self.guest).await,
            "installer" => self.served.session(self.installer).await,
            "alone" => self.served.session(self.alone).await,
            "owner" => self.served.session(self.owner).await,
            "neighbour" => self.served.token(self.neighbours, &Scope::ALL).await,
            scope => self.served.token(home, &[scope.parse().expect("a scope")]).await,
        }
    }

    /// A fresh thing of the household for an operation that may use it up, else the one with footage.
    async fn id(&self, operation: &str) -> String {
        let (house, caller) = (&self.served.house, self.served.house.caller());
        if operation.contains("/accounts/") || operation.contains("{account}") {
            return self.invited().await.to_string();
        }
        if operation.contains("/groups/") {
            let made = house.devices.put_group(&caller, None, "Outside", &[self.camera]).await;
            return made.expect("a group").to_string();
        }
        if operation.contains("/invitations/") {
            let made = house.devices.invite(&caller, self.offer(), None, false).await;
            return made.expect("an invitation").id.to_string();
        }
        if operation.contains("/tokens/") {
            let made = house.accounts.create_token(&caller, None, [Scope::MediaRead].into_iter().collect(), None).await;
            return made.expect("a token").id.to_string();
        }
        if operation.contains("/sessions/") || operation.contains("/passkeys/") || operation.contains("/identities/") {
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
        let added = house.accounts.add_by_hand(&house.caller(), &self.name(), Role::Member).await;
        added.expect("somebody").0
    }

    fn offer(&self) -> Offer {
        Offer { role: Role::Member, until: None, grants: Vec::new() }
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
            "diff" => "?from=1&to=1".into(),
            "certificate" | "request" | "confirm" if !operation.contains("/desk/") => "?token=wrong".into(),
            _ => String::new(),
        }
    }

    async fn body(&self, operation: &str) -> Option<Value> {
        Some(match operation {
            "POST /api/v1/privacy/acceptance" => json!({ "version": 1, "language": "en" }),
            "PUT /api/v1/privacy/consents" => json!({ "purpose": "activity-notices", "given": true, "language": "en" }),
            "POST /api/v1/privacy/objections" => json!({ "purpose": "view-log", "objected": true, "language": "de" }),
            "POST /api/v1/privacy/requests" => {
                json!({ "kind": "question", "text": "What is a clause?", "language": "en" })
            }
            "POST /api/v1/privacy/desk/{id}/answer" => json!({ "decision": "granted", "reasons": "Gladly" }),
            "POST /api/v1/privacy/desk/{id}/extend" => json!({ "reason": "It is much" }),
            "POST /api/v1/privacy/export" => json!({ "footage": false }),
            "POST /api/v1/privacy/close" => json!({}),
            "POST /api/v1/privacy/report-minor" => json!({ "account": self.invited().await.uuid() }),
            "PUT /api/v1/privacy/report-minor/{account}" => json!({ "minor": false }),
            "POST /api/v1/privacy/undo" | "POST /api/v1/privacy/erase" => json!({ "token": "wrong" }),
            "POST /api/v1/setup/link" => json!({ "token": "wrong" }),
            "POST /api/v1/setup" => json!({ "token": "wrong", "login": "Eve", "password": "correct horse battery" }),
            "POST /api/v1/session" => json!({ "login": self.name(), "password": "correct horse battery" }),
            "PUT /api/v1/session/household" => json!({ "id": self.served.house.household.uuid() }),
            "POST /api/v1/session/second" => json!({ "challenge": "wrong", "code": "000000" }),
            "POST /api/v1/session/second/passkey/begin" => json!({ "challenge": "wrong" }),
            "POST /api/v1/session/second/passkey"
            | "POST /api/v1/session/passkey"
            | "POST /api/v1/session/confirm/passkey" => {
                let response = json!({ "authenticatorData": "", "clientDataJSON": "", "signature": "" });
                let credential = json!({ "id": "AA", "rawId": "AA", "type": "public-key", "response": response });
                json!({ "ceremony": "wrong", "credential": credential })
            }
            "POST /api/v1/factors/totp/confirm" => json!({ "code": "000000" }),
            "POST /api/v1/oidc/return" => json!({ "state": "wrong", "code": "wrong" }),
            "POST /api/v1/oidc/agree" => {
                json!({ "offer": "wrong", "seen": true, "adult": true, "policy": 1, "language": "en" })
            }
            "POST /api/v1/identities" => json!({ "offer": "wrong" }),
            "POST /api/v1/passkeys" => json!({ "ceremony": "wrong", "credential": {} }),
            "PATCH /api/v1/passkeys/{id}" => json!({ "name": "Phone" }),
            "POST /api/v1/session/confirm" => json!({ "password": "wrong" }),
            "PATCH /api/v1/sessions/{id}" => json!({ "name": "Kitchen" }),
            "POST /api/v1/sign-up" => json!({
                "login": self.name(), "password": "correct horse battery", "language": "en", "adult": true, "policy": 1,
            }),
            "POST /api/v1/sign-up/forgotten" => json!({ "login": self.name() }),
            "POST /api/v1/sign-up/verify"
            | "POST /api/v1/profile/login/leave"
            | "POST /api/v1/profile/login/take"
            | "POST /api/v1/invitations/look"
            | "POST /api/v1/invitations/refuse"
            | "POST /api/v1/invitations/accept" => json!({ "token": "wrong" }),
            "PATCH /api/v1/profile" => json!({ "display_name": null }),
            "PUT /api/v1/profile/login" => json!({ "login": self.name() }),
            "POST /api/v1/households" => json!({ "zone": "Europe/Paris" }),
            "PATCH /api/v1/accounts/{id}" => json!({ "role": "guest" }),
            "PUT /api/v1/accounts/{id}/grants" => json!({ "grants": [] }),
            "POST /api/v1/invitations" => json!({ "role": "member" }),
            "POST /api/v1/groups" | "PUT /api/v1/groups/{id}" => json!({ "name": "All", "cameras": [] }),
            "PUT /api/v1/session/password" => json!({ "old_password": "wrong", "password": "correct horse battery" }),
            "PATCH /api/v1/inbox/{id}" => json!({ "read": true }),
            "PUT /api/v1/inbox/choices" => json!({ "household": true, "views": false }),
            "PATCH /api/v1/household" => json!({ "zone": "Europe/Paris" }),
            "POST /api/v1/accounts" => json!({ "login": self.name() }),
            "POST /api/v1/tokens" => json!({ "scopes": ["media:read"] }),
            "POST /api/v1/cameras" => json!({ "name": "New", "url": "rtsp://10.0.0.1/", "mode": "off" }),
            // Not the order of anybody's cameras: refused for what it says, once the caller may say it.
            "PUT /api/v1/cameras/order" => json!({ "order": [AccountId::generate(&self.served.house.world)] }),
            "POST /api/v1/cameras/probe" | "POST /api/v1/cameras/identify" => json!({ "url": "rtsp://127.0.0.1:1/" }),
            "PATCH /api/v1/cameras/{id}" => json!({ "name": "Renamed" }),
            "POST /api/v1/key/export" => json!({ "passphrase": "correct horse battery" }),
            _ => return None,
        })
    }

    async fn ask(&self, operation: &str, column: &str) -> u16 {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let named = path.contains("{id}") || path.contains("{account}");
        let id = if named { self.id(operation).await } else { String::new() };
        let path = path.replace("{id}", &id).replace("{account}", &id).replace("{number}", "1");
        let path = path.replace("{name}", "nobody") + &self.query(operation);
        let method: Method = method.parse().expect("a method");
        if operation == "POST /privacy/ask" {
            let form = crate::served::form(&path, &self.caller(column).await, &[("kind", "question"), ("text", "")]);
            return self.served.send(form).await.status.as_u16();
        }
        let answer = self.served.ask(method, &path, &self.caller(column).await, self.body(operation).await).await;
        if operation.ends_with("/privacy/close") && answer.status == 200 {
            let undo = answer.json()["undo"].as_str().expect("a token").to_owned();
            self.served.house.privacy.undo(&base::Secret::new(undo)).await.expect("it is undone");
        }
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
