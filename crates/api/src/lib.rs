//! The HTTP surface: one table of routes with who may call each, errors, sockets, the embedded web app.
//!
//! A handler that has no line in [`TABLE`], or a line that has no handler, keeps the server from starting. A line with
//! a [`View`] is a media route: its handler is given a ticket that exists only once the view log was written.

mod access;
mod assets;
mod auth;
mod data_map;
mod error;
mod extract;
mod guard;
mod media;
mod router;
mod routes;

pub use access::{Access, Line, View};
pub use auth::{COOKIE, KNOWN};
pub use data_map::DATA_MAP;
pub use guard::Connection;
pub use router::{openapi, router};
pub use routes::cameras::shown as cameras;
pub use routes::privacy::requests::shown as requests;

use access::{Access::*, media, open};
use accounts::{AccountId, Accounts, HouseholdId, Scope::*, SignUp};
use base::{Result, Secret, World};
use cloud::Cloud;
use connect::Connect;
use devices::Devices;
use privacy::Privacy;
use std::sync::Arc;

/// What the handlers work with: the contexts, and what the composition root decides.
pub struct App {
    pub world: World,
    /// Whose installation this is.
    pub household: HouseholdId,
    pub accounts: Accounts,
    pub devices: Devices,
    pub cloud: Cloud,
    pub connect: Connect,
    pub privacy: Privacy,
    pub defaults: Defaults,
    /// Who may sign up.
    pub sign_up: SignUp,
    /// Whether links can be mailed.
    pub can_mail: bool,
    pub http: Http,
    pub root_key: RootKey,
    /// The measurements, in the text format of Prometheus.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What holds for a camera that is added without saying so.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    pub retention_days: u32,
    pub max_bytes: u64,
}

/// How the server is reached.
#[derive(Clone, Debug, Default)]
pub struct Http {
    /// Host names that mean this server, besides the address itself.
    pub names: Vec<String>,
    /// Whether connections must be encrypted.
    pub encrypted: bool,
    /// In a demo, the owner as whom whoever uses this machine is signed in.
    pub demo: Option<AccountId>,
}

/// What a person can do about the root key from the web app. The key itself is never here.
pub struct RootKey {
    /// Whether a recovery copy was ever saved.
    pub copy_saved: Box<dyn Fn() -> bool + Send + Sync>,
    /// A recovery copy wrapped by a passphrase; remembers that it was made.
    pub copy: Box<dyn Fn(&Secret<String>) -> Result<Vec<u8>> + Send + Sync>,
}

/// Who may call what. The order is that of docs/reference/openapi.json.
pub const TABLE: &[Line] = &[
    // The program itself
    open("GET /healthz", Anyone),
    open("GET /readyz", Anyone),
    open("GET /metrics", LocalOr(MetricsRead)),
    open("GET /api/openapi.json", Member),
    // The policy
    open("GET /privacy", Anyone),
    open("GET /privacy.json", Anyone),
    open("GET /privacy/versions", Anyone),
    open("GET /privacy/versions/{number}", Anyone),
    open("GET /privacy/diff", Anyone),
    open("GET /.well-known/gpc.json", Anyone),
    open("GET /.well-known/dnt/", Anyone),
    open("GET /.well-known/nightjar.json", Anyone),
    // Asking about data without an account; the token of a mail is the credential
    open("GET /privacy/ask", Anyone),
    open("POST /privacy/ask", Anyone),
    open("GET /privacy/request/confirm", Anyone),
    open("POST /privacy/request/confirm", Anyone),
    open("GET /privacy/request", Anyone),
    // One's rights; for undoing, erasing and the certificate the token is the credential
    open("GET /api/v1/privacy", Member),
    open("POST /api/v1/privacy/acceptance", Member),
    open("GET /api/v1/privacy/consents", Member),
    open("PUT /api/v1/privacy/consents", Member),
    open("GET /api/v1/privacy/consents/{id}/receipt", Member),
    open("POST /api/v1/privacy/objections", Member),
    open("POST /api/v1/privacy/requests", Member),
    open("GET /api/v1/privacy/requests", Member),
    // The desk: an owner of the household whose installation this is, which the context looks at
    open("GET /api/v1/privacy/desk", Needs(Admin)),
    open("POST /api/v1/privacy/desk/{id}/answer", Needs(Admin)),
    open("POST /api/v1/privacy/desk/{id}/extend", Needs(Admin)),
    open("POST /api/v1/privacy/desk/{id}/confirm", Needs(Admin)),
    open("POST /api/v1/privacy/export", Member),
    open("GET /api/v1/privacy/export", Member),
    open("DELETE /api/v1/privacy/export/{id}", Member),
    open("GET /api/v1/privacy/export/{id}/download", Member),
    open("POST /api/v1/privacy/close", Member),
    open("POST /api/v1/privacy/undo", Anyone),
    open("POST /api/v1/privacy/erase", Anyone),
    open("GET /api/v1/privacy/certificate", Anyone),
    open("POST /api/v1/privacy/report-minor", Member),
    open("GET /api/v1/privacy/report-minor", Member),
    open("PUT /api/v1/privacy/report-minor/{account}", Member),
    // Signing in; for the first two the set-up token in the body is the credential
    open("POST /api/v1/setup/link", Anyone),
    open("POST /api/v1/setup", Anyone),
    open("POST /api/v1/session", Anyone),
    // A challenge that was answered right, or is about to be, is the credential
    open("POST /api/v1/session/second", Anyone),
    open("POST /api/v1/session/second/passkey/begin", Anyone),
    open("POST /api/v1/session/second/passkey", Anyone),
    open("POST /api/v1/session/passkey/begin", Anyone),
    open("POST /api/v1/session/passkey", Anyone),
    open("GET /api/v1/session", Member),
    open("DELETE /api/v1/session", Member),
    open("PUT /api/v1/session/household", Member),
    open("POST /api/v1/session/confirm", Member),
    open("POST /api/v1/session/confirm/passkey/begin", Member),
    open("POST /api/v1/session/confirm/passkey", Member),
    open("GET /api/v1/session/history", Member),
    open("PUT /api/v1/session/password", Member),
    open("GET /api/v1/sessions", Member),
    open("PATCH /api/v1/sessions/{id}", Member),
    open("DELETE /api/v1/sessions/{id}", Member),
    // Signing up; an invitation or the token of a mailed link is the credential
    open("GET /api/v1/sign-up", Anyone),
    open("POST /api/v1/sign-up", Anyone),
    open("POST /api/v1/sign-up/verify", Anyone),
    open("POST /api/v1/sign-up/forgotten", Anyone),
    open("POST /api/v1/invitations/look", Anyone),
    open("POST /api/v1/invitations/refuse", Anyone),
    // One's own account
    open("GET /api/v1/profile", Member),
    open("PATCH /api/v1/profile", Member),
    open("PUT /api/v1/profile/login", Member),
    open("POST /api/v1/profile/login/leave", Anyone),
    open("POST /api/v1/profile/login/take", Anyone),
    // What opens it
    open("GET /api/v1/factors", Member),
    open("POST /api/v1/factors/totp", Member),
    open("POST /api/v1/factors/totp/confirm", Member),
    open("DELETE /api/v1/factors/totp", Member),
    open("POST /api/v1/factors/recovery-codes", Member),
    open("GET /api/v1/passkeys", Member),
    open("POST /api/v1/passkeys/begin", Member),
    open("POST /api/v1/passkeys", Member),
    open("PATCH /api/v1/passkeys/{id}", Member),
    open("DELETE /api/v1/passkeys/{id}", Member),
    // Other services that sign people in; what came back from one is the credential
    open("GET /api/v1/oidc", Anyone),
    open("POST /api/v1/oidc/{name}", Anyone),
    open("POST /api/v1/oidc/{name}/link", Member),
    open("POST /api/v1/oidc/return", Anyone),
    open("POST /api/v1/oidc/agree", Anyone),
    open("GET /api/v1/identities", Member),
    open("POST /api/v1/identities", Member),
    open("DELETE /api/v1/identities/{id}", Member),
    // People and programs
    open("PATCH /api/v1/household", Needs(Admin)),
    open("POST /api/v1/households", Member),
    open("GET /api/v1/accounts", Member),
    open("POST /api/v1/accounts", Needs(Admin)),
    open("PATCH /api/v1/accounts/{id}", Needs(Admin)),
    open("POST /api/v1/accounts/{id}/link", Needs(Admin)),
    open("DELETE /api/v1/accounts/{id}", Member), // oneself; others need to be decided over
    open("GET /api/v1/accounts/{id}/grants", Member), // one's own; others' as above
    open("PUT /api/v1/accounts/{id}/grants", Needs(Admin)),
    open("GET /api/v1/invitations", Needs(Admin)),
    open("POST /api/v1/invitations", Needs(Admin)),
    open("DELETE /api/v1/invitations/{id}", Needs(Admin)),
    open("POST /api/v1/invitations/accept", Member),
    open("GET /api/v1/tokens", Member),
    open("POST /api/v1/tokens", Member),
    open("DELETE /api/v1/tokens/{id}", Member),
    // Cameras
    open("GET /api/v1/cameras", Needs(CamerasRead)),
    open("POST /api/v1/cameras", Needs(CamerasWrite)),
    open("PUT /api/v1/cameras/order", Needs(CamerasWrite)),
    open("POST /api/v1/cameras/probe", Needs(CamerasWrite)),
    open("POST /api/v1/cameras/identify", Needs(CamerasWrite)),
    open("GET /api/v1/groups", Needs(CamerasRead)),
    open("POST /api/v1/groups", Needs(CamerasWrite)),
    open("PUT /api/v1/groups/{id}", Needs(CamerasWrite)),
    open("DELETE /api/v1/groups/{id}", Needs(CamerasWrite)),
    open("GET /api/v1/cameras/{id}", Needs(CamerasRead)),
    open("PATCH /api/v1/cameras/{id}", Needs(CamerasWrite)),
    open("DELETE /api/v1/cameras/{id}", Needs(CamerasWrite)),
    open("GET /api/v1/cameras/{id}/health", Needs(CamerasRead)),
    open("GET /api/v1/cameras/{id}/timeline", Needs(CamerasRead)),
    open("DELETE /api/v1/cameras/{id}/recording", Needs(CamerasWrite)),
    open("GET /api/v1/changes", Needs(CamerasRead)),
    // What one is told
    open("GET /api/v1/inbox", Member),
    open("PATCH /api/v1/inbox/{id}", Member),
    open("DELETE /api/v1/inbox/{id}", Member),
    open("GET /api/v1/inbox/choices", Member),
    open("PUT /api/v1/inbox/choices", Member),
    open("GET /unsubscribe", Anyone), // the token of the mail is the credential
    open("POST /unsubscribe", Anyone),
    open("GET /api/v1/demo/mails", Member),
    // Pictures and sound
    open("GET /api/v1/cameras/{id}/playlist.m3u8", Needs(MediaRead)), // names fragments, shows none
    media("GET /api/v1/cameras/{id}/live", View::Live),
    media("GET /api/v1/cameras/{id}/recording.mp4", View::Download),
    media("GET /api/v1/cameras/{id}/init.mp4", View::Play),
    media("GET /api/v1/cameras/{id}/segment.m4s", View::Play),
    media("GET /api/v1/cameras/{id}/snapshot.jpg", View::Snapshot),
    media("GET /api/v1/cameras/{id}/thumbnail.jpg", View::Thumbnail),
    // What is kept
    open("GET /api/v1/views", Needs(CamerasRead)),
    open("GET /api/v1/views/chain", Needs(Admin)),
    open("GET /api/v1/storage", Needs(CamerasRead)),
    open("POST /api/v1/key/export", Needs(Admin)),
];
