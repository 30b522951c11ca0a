//! Signing in and out, and the browsers in which one is signed in.

use crate::{
    App,
    auth::{self, At, Who},
    error::Result,
    extract::{Json, Path},
    routes::List,
};
use accounts::{Caller, HouseholdId, Language, NewSession, Role, SessionId, SignIn, SignInLine};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use base::{Error, Secret, Time};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a person signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn)]
pub struct FirstFactor {
    /// The e-mail address or user name.
    login: String,
    password: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct Session {
    account: Account,
    /// The household in which the person acts; null for who belongs to none.
    household: Option<Household>,
    /// Every household to which the person belongs.
    households: Vec<Place>,
    /// The version of the policy that the person has to accept; null: there is none.
    policy: Option<u32>,
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
    /// The name that others see: the display name, else the login.
    name: Option<String>,
    /// The e-mail address or user name.
    login: Option<String>,
    /// Whether the login is an address that the person has shown to be theirs.
    verified: bool,
    language: LanguageCode,
    /// The role in the household; null for who belongs to none.
    role: Option<RoleName>,
    /// What may be done: `cameras:read` and so on.
    scopes: Vec<&'static str>,
}

/// A household.
#[derive(Serialize, ToSchema)]
pub struct Household {
    id: Uuid,
    name: Option<String>,
    /// The IANA time zone in which its days are shown.
    zone: String,
}

/// A household to which one belongs.
#[derive(Serialize, ToSchema)]
pub struct Place {
    id: Uuid,
    name: Option<String>,
    role: RoleName,
    /// Until when; null for good.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
}

/// `owner` decides over everything, `manager` over cameras and people; `member` watches every camera, `guest` what was
/// granted; `installer` sets up cameras for a while and sees no picture.
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    Owner,
    Manager,
    Member,
    Guest,
    Installer,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Manager => Self::Manager,
            Role::Member => Self::Member,
            Role::Guest => Self::Guest,
            Role::Installer => Self::Installer,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Owner => Self::Owner,
            RoleName::Manager => Self::Manager,
            RoleName::Member => Self::Member,
            RoleName::Guest => Self::Guest,
            RoleName::Installer => Self::Installer,
        }
    }
}

/// A language of pages and mails (ISO 639-1).
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum LanguageCode {
    En,
    De,
}

impl From<Language> for LanguageCode {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::De => Self::De,
        }
    }
}

impl From<LanguageCode> for Language {
    fn from(code: LanguageCode) -> Self {
        match code {
            LanguageCode::En => Self::En,
            LanguageCode::De => Self::De,
        }
    }
}

impl Session {
    /// The session of `caller`, as the web app needs to know it.
    pub async fn of(app: &App, caller: &Caller) -> base::Result<Self> {
        let (me, places) = match caller.account() {
            Some(_) => (Some(app.accounts.me(caller).await?), app.accounts.places(caller).await?),
            None => (None, Vec::new()),
        };
        let account = Account {
            id: caller.account().map(|id| id.uuid()),
            name: me.as_ref().map(|me| me.name().open().clone()),
            login: me.as_ref().map(|me| me.login.open().clone()),
            verified: me.as_ref().is_some_and(|me| me.verified),
            language: me.as_ref().map_or(Language::default(), |me| me.language).into(),
            role: caller.role().map(Into::into),
            scopes: caller.scopes().iter().map(|scope| scope.as_str()).collect(),
        };
        let household = match caller.role() {
            Some(_) => Some(app.accounts.household(caller).await?.into()),
            None => None,
        };
        let households = places.into_iter().map(Into::into).collect();
        let recovery_copy_saved = (app.root_key.copy_saved)();
        let policy = policy_due(app, caller).await?;
        Ok(Self { account, household, households, policy, demo: app.http.demo.is_some(), recovery_copy_saved })
    }
}

/// The version of the policy that the caller has to accept, if there is one.
async fn policy_due(app: &App, caller: &Caller) -> base::Result<Option<u32>> {
    let Some(account) = caller.account() else { return Ok(None) };
    let (book, now) = (app.privacy.book(), app.world.clock.now());
    let accepted = app.privacy.accepted(account).await?.map_or(0, |accepted| accepted.version);
    Ok((accepted < book.required(now)).then(|| book.current(now).number))
}

impl From<accounts::Household> for Household {
    fn from(household: accounts::Household) -> Self {
        let name = household.name.map(|name| name.into_inner());
        Self { id: household.id.uuid(), name, zone: household.zone }
    }
}

impl From<accounts::Place> for Place {
    fn from(place: accounts::Place) -> Self {
        let Household { id, name, .. } = place.household.into();
        Self { id, name, role: place.role.into(), until: place.until }
    }
}

/// The answer to who has just signed in: the session cookie, and who it is.
pub async fn begun(app: &App, status: StatusCode, session: &NewSession) -> Result<Response> {
    let body = axum::Json(Session::of(app, &session.caller).await?);
    let mut response = (status, body).into_response();
    let cookies = [Some(auth::begun(session, app.world.clock.now())), auth::known(session)];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// What is asked for after the first factor.
#[derive(Serialize, ToSchema)]
pub struct Challenge {
    /// Goes with the answer: to `/api/v1/session/second`, or for a passkey to `/api/v1/session/second/passkey`.
    challenge: String,
    /// Any of these will do: `passkey`, `totp` (a code of the authenticator app), `recovery` (a recovery code).
    methods: Vec<&'static str>,
    /// Until when it can be answered.
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
}

/// The answer to who has shown a first factor: signed in, or 202 and what is asked for besides.
pub async fn arrived(app: &App, status: StatusCode, came: SignIn) -> Result<Response> {
    let challenge = match came {
        SignIn::SignedIn(session) => return begun(app, status, &session).await,
        SignIn::SecondFactor(challenge) => challenge,
    };
    let methods = challenge.methods.iter().map(|method| method.as_str()).collect();
    let body = Challenge { challenge: challenge.token.expose().clone(), methods, expires: challenge.expires };
    Ok((StatusCode::ACCEPTED, axum::Json(body)).into_response())
}

/// Sign in. The answer sets the session cookie, or asks for a second factor.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = FirstFactor, responses(
    (status = 200, description = "Signed in", body = Session),
    (status = 202, description = "A second factor is asked for", body = Challenge),
    (status = 401, description = "Wrong user name or password", body = crate::error::Problem),
    (status = 429, description = "Too many attempts; see Retry-After", body = crate::error::Problem),
))]
pub async fn sign_in(State(app): State<Arc<App>>, At(browser): At, Json(body): Json<FirstFactor>) -> Result<Response> {
    let password = Secret::new(body.password);
    arrived(&app, StatusCode::OK, app.accounts.sign_in(&body.login, &password, &browser).await?).await
}

/// The answer to a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactor {
    challenge: String,
    /// A code of the authenticator app, or a recovery code.
    code: String,
}

/// Answer the challenge with a code: one is signed in.
#[utoipa::path(post, path = "/api/v1/session/second", tag = "session", request_body = SecondFactor, responses(
    (status = 200, description = "Signed in", body = Session),
    (status = 401, description = "Wrong, too late, or too often", body = crate::error::Problem),
))]
pub async fn second(State(app): State<Arc<App>>, At(browser): At, Json(body): Json<SecondFactor>) -> Result<Response> {
    let challenge = Secret::new(body.challenge);
    let session = app.accounts.second_by_code(&challenge, &body.code, &browser).await?;
    begun(&app, StatusCode::OK, &session).await
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = Session)))]
pub async fn show(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Session>> {
    Ok(axum::Json(Session::of(&app, &caller).await?))
}

/// A household to act in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HouseholdChoice)]
pub struct Choice {
    id: Uuid,
}

/// Act in another of one's households from now on, in this browser.
#[utoipa::path(put, path = "/api/v1/session/household", tag = "session", request_body = Choice, responses((status = 204)))]
pub async fn select(State(app): State<Arc<App>>, Who(caller): Who, Json(body): Json<Choice>) -> Result<StatusCode> {
    app.accounts.select_household(&caller, HouseholdId::from(body.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What shows again who one is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The demo has none, and asks for none.
    password: Option<String>,
    /// Instead of the password: a code of the authenticator app.
    code: Option<String>,
}

/// Show again who one is, for what needs that: sharing, export, closing, keys. It lasts ten minutes.
#[utoipa::path(post, path = "/api/v1/session/confirm", tag = "session", request_body = Confirmation, responses((status = 204)))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Confirmation>,
) -> Result<StatusCode> {
    if let Some(code) = &body.code {
        app.accounts.confirm_by_code(&caller, code).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    match body.password {
        None if app.http.demo.is_some() && app.http.demo == caller.account() => {
            app.accounts.confirm_demo(&caller).await?;
        }
        None => return Err(Error::invalid("give the password, or a code").field("password").into()),
        Some(password) => app.accounts.confirm(&caller, &Secret::new(password)).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// May be left out by who has none; that needs a fresh confirmation.
    old_password: Option<String>,
    password: String,
}

/// Change one's password. It ends one's other sessions.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = NewPassword, responses((status = 204)))]
pub async fn change_password(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewPassword>,
) -> Result<StatusCode> {
    let old = body.old_password.map(Secret::new);
    app.accounts.change_password(&caller, old.as_ref(), &Secret::new(body.password)).await?;
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
    /// What one calls it.
    name: Option<String>,
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
        name: session.name.map(|name| name.into_inner()),
        created: session.created,
        last_seen: session.last_used,
        expires: session.expires,
        current: session.current,
    };
    Ok(axum::Json(List::whole(sessions.into_iter().map(item).collect())))
}

/// A sign-in to one's account, or an attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = SignInLine)]
pub struct Line {
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    /// Browser and system, as in `Firefox on Linux`.
    agent: String,
    /// What was shown, as in `password+totp`: of `password passkey link issuer sign-up totp recovery demo`.
    method: String,
    /// `signed-in`, `wrong-password` or `wrong-second-factor`.
    outcome: &'static str,
}

/// The sign-ins to one's account in the last 90 days, the newest first; 200 at most.
#[utoipa::path(get, path = "/api/v1/session/history", tag = "session", responses((status = 200, body = List<Line>)))]
pub async fn history(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Line>>> {
    let item = |line: SignInLine| Line {
        at: line.at,
        agent: line.label.as_str().into(),
        method: line.method,
        outcome: line.outcome.as_str(),
    };
    Ok(axum::Json(List::whole(app.accounts.history(&caller).await?.into_iter().map(item).collect())))
}

/// What to call a browser.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionName {
    /// Null: nothing.
    name: Option<String>,
}

/// Give one of one's browsers a name.
#[utoipa::path(patch, path = "/api/v1/sessions/{id}", tag = "session", params(("id" = Uuid, Path)), request_body = SessionName, responses((status = 204)))]
pub async fn rename(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<SessionName>,
) -> Result<StatusCode> {
    app.accounts.name_session(&caller, SessionId::from(id), body.name.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End one of one's sessions.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "session", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn end(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.accounts.end_session(&caller, SessionId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
