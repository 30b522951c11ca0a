//! Signing in and out, and the browsers in which one is signed in.

use crate::{
    App,
    auth::{self, Who},
    error::Result,
    extract::{Json, Path},
    guard::Connection,
    routes::List,
};
use accounts::{Caller, Role, SessionId};
use axum::{Extension, extract::State, response::IntoResponse};
use base::{Secret, Time};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a person signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The user name.
    login: String,
    password: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct Session {
    account: Account,
    household: Household,
    /// Whether this is the demo, which whoever uses this machine can open.
    demo: bool,
    /// Whether a recovery copy of the root key was saved. Without one, a lost key file means lost footage.
    recovery_copy_saved: bool,
}

/// The account behind a session or token.
#[derive(Serialize, ToSchema)]
pub struct Account {
    /// Null for a token that was made at the machine's own terminal.
    id: Option<Uuid>,
    /// The name that others see: the display name, else the user name.
    name: Option<String>,
    /// The user name.
    login: Option<String>,
    role: RoleName,
    /// What may be done: `cameras:read` and so on.
    scopes: Vec<&'static str>,
}

/// A household.
#[derive(Serialize, ToSchema)]
pub struct Household {
    id: Uuid,
    /// The IANA time zone in which its days are shown.
    zone: String,
}

/// `owner` decides over cameras, people and settings; `viewer` watches.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    Owner,
    Viewer,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Viewer => Self::Viewer,
        }
    }
}

impl Session {
    /// The session of `caller`, as the web app needs to know it.
    pub async fn of(app: &App, caller: &Caller) -> base::Result<Self> {
        let person = match caller.account() {
            Some(_) => Some(app.accounts.me(caller).await?),
            None => None,
        };
        let account = Account {
            id: caller.account().map(|id| id.uuid()),
            name: person.as_ref().map(|person| person.name().open().clone()),
            login: person.as_ref().map(|person| person.login.open().clone()),
            role: caller.role().into(),
            scopes: caller.scopes().iter().map(|scope| scope.as_str()).collect(),
        };
        let household = Household { id: caller.household().uuid(), zone: app.accounts.zone(caller).await? };
        Ok(Self { account, household, demo: app.http.demo.is_some(), recovery_copy_saved: (app.root_key.copy_saved)() })
    }
}

/// Sign in. The answer sets the session cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = SignIn, responses(
    (status = 200, description = "Signed in", body = Session),
    (status = 401, description = "Wrong user name or password", body = crate::error::Problem),
    (status = 429, description = "Too many attempts; see Retry-After", body = crate::error::Problem),
))]
pub async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    Json(body): Json<SignIn>,
) -> Result<impl IntoResponse> {
    let password = Secret::new(body.password);
    let session = app.accounts.sign_in(&body.login, &password, connection.peer.ip(), auth::label(&headers)).await?;
    let cookie = auth::begun(&session, app.world.clock.now());
    Ok(([(header::SET_COOKIE, cookie)], axum::Json(Session::of(&app, &session.caller).await?)))
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = Session)))]
pub async fn show(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Session>> {
    Ok(axum::Json(Session::of(&app, &caller).await?))
}

/// How one wants to be called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name that others see; null to show the user name.
    display_name: Option<String>,
}

/// Change the name that others see.
#[utoipa::path(patch, path = "/api/v1/session", tag = "session", request_body = Profile, responses((status = 200, body = Session)))]
pub async fn change(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Profile>,
) -> Result<axum::Json<Session>> {
    app.accounts.set_display_name(&caller, body.display_name.as_deref()).await?;
    Ok(axum::Json(Session::of(&app, &caller).await?))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    old_password: String,
    password: String,
}

/// Change one's password. It ends one's other sessions.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = NewPassword, responses((status = 204)))]
pub async fn change_password(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewPassword>,
) -> Result<StatusCode> {
    app.accounts.change_password(&caller, &Secret::new(body.old_password), &Secret::new(body.password)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub async fn sign_out(State(app): State<Arc<App>>, Who(caller): Who) -> Result<impl IntoResponse> {
    app.accounts.sign_out(&caller).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, auth::ended())]))
}

/// A browser in which one is signed in.
#[derive(Serialize, ToSchema)]
pub struct OpenSession {
    id: Uuid,
    /// Browser and system, as in `Firefox on Linux`.
    agent: String,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    #[schema(value_type = String, format = DateTime)]
    last_seen: Time,
    /// When it ends unless it is used again.
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
    /// Whether it is the one that asks.
    current: bool,
}

/// The browsers in which one is signed in, the newest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "session", responses((status = 200, body = List<OpenSession>)))]
pub async fn list(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<OpenSession>>> {
    let sessions = app.accounts.sessions(&caller).await?;
    let item = |session: accounts::Session| OpenSession {
        id: session.id.uuid(),
        agent: session.label.as_str().into(),
        created: session.created,
        last_seen: session.last_used,
        expires: session.expires,
        current: session.current,
    };
    Ok(axum::Json(List::whole(sessions.into_iter().map(item).collect())))
}

/// End one of one's sessions.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "session", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn end(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.accounts.end_session(&caller, SessionId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
