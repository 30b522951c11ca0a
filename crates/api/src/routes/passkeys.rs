//! Passkeys: registering them, and the three times at which one is shown: to sign in, as a second factor, and to show
//! again who one is. Options and answers are as WebAuthn Level 3 has them in JSON, with binary values in base64url.

use crate::{
    App,
    auth::{At, Who},
    error::Result,
    extract::{Json, Path},
    routes::{
        List, factors,
        session::{self, Session},
    },
};
use accounts::PasskeyId;
use axum::{extract::State, response::Response};
use base::{Secret, Time};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What the browser is to do.
#[derive(Serialize, ToSchema)]
pub struct Ceremony {
    /// Goes with the answer, within five minutes.
    ceremony: String,
    /// `{"publicKey": …}` for `navigator.credentials.create` or `.get`, after `parseCreationOptionsFromJSON` or
    /// `parseRequestOptionsFromJSON` of its `publicKey`.
    #[schema(value_type = Object)]
    options: Value,
}

impl From<accounts::Ceremony> for Ceremony {
    fn from(begun: accounts::Ceremony) -> Self {
        Self { ceremony: begun.token.expose().clone(), options: begun.options }
    }
}

/// What the browser answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    ceremony: String,
    /// `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

/// A passkey.
#[derive(Serialize, ToSchema)]
pub struct Passkey {
    id: Uuid,
    /// What one calls it.
    name: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<Time>,
}

/// One's passkeys, the oldest first.
#[utoipa::path(get, path = "/api/v1/passkeys", tag = "passkeys", responses((status = 200, body = List<Passkey>)))]
pub async fn list(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Passkey>>> {
    let item = |passkey: accounts::Passkey| Passkey {
        id: passkey.id.uuid(),
        name: passkey.name.map(|name| name.into_inner()),
        created: passkey.created,
        last_used: passkey.last_used,
    };
    Ok(axum::Json(List::whole(app.accounts.passkeys(&caller).await?.into_iter().map(item).collect())))
}

/// Begin to register a passkey. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/passkeys/begin", tag = "passkeys", responses((status = 200, body = Ceremony)))]
pub async fn begin(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Ceremony>> {
    Ok(axum::Json(app.accounts.begin_passkey(&caller).await?.into()))
}

/// A passkey that the browser made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskey {
    ceremony: String,
    /// `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
    /// What to call it.
    name: Option<String>,
}

/// A passkey that is registered.
#[derive(Serialize, ToSchema)]
pub struct Registered {
    id: Uuid,
    /// The first recovery codes, shown this once; none if the account has some already.
    recovery_codes: Vec<String>,
}

/// Complete the registration of a passkey.
#[utoipa::path(post, path = "/api/v1/passkeys", tag = "passkeys", request_body = NewPasskey, responses(
    (status = 201, body = Registered),
    (status = 401, description = "It took too long", body = crate::error::Problem),
))]
pub async fn add(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewPasskey>,
) -> Result<(StatusCode, axum::Json<Registered>)> {
    let ceremony = Secret::new(body.ceremony);
    let made = app.accounts.add_passkey(&caller, &ceremony, body.credential, body.name.as_deref()).await?;
    let body = Registered { id: made.id.uuid(), recovery_codes: factors::shown(&made.recovery_codes) };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// What to call a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyName {
    /// Null: nothing.
    name: Option<String>,
}

/// Give a passkey a name.
#[utoipa::path(patch, path = "/api/v1/passkeys/{id}", tag = "passkeys", params(("id" = Uuid, Path)), request_body = PasskeyName, responses((status = 204)))]
pub async fn rename(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<PasskeyName>,
) -> Result<StatusCode> {
    app.accounts.name_passkey(&caller, PasskeyId::from(id), body.name.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a passkey away. Needs a fresh confirmation; the last way in stays.
#[utoipa::path(delete, path = "/api/v1/passkeys/{id}", tag = "passkeys", params(("id" = Uuid, Path)), responses(
    (status = 204),
    (status = 409, description = "It is the last way in, or the password is too short to stand alone", body = crate::error::Problem),
))]
pub async fn remove(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.accounts.remove_passkey(&caller, PasskeyId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begin to sign in with a passkey that the browser finds by itself. The options ask for conditional mediation, as in the
/// autofill of a form; without it the browser opens a dialog.
#[utoipa::path(post, path = "/api/v1/session/passkey/begin", tag = "session", responses((status = 200, body = Ceremony)))]
pub async fn begin_sign_in(State(app): State<Arc<App>>, At(browser): At) -> Result<axum::Json<Ceremony>> {
    Ok(axum::Json(app.accounts.begin_passkey_sign_in(&browser)?.into()))
}

/// Sign in with a passkey. Nothing is asked for besides.
#[utoipa::path(post, path = "/api/v1/session/passkey", tag = "session", request_body = Answer, responses(
    (status = 200, description = "Signed in", body = Session),
    (status = 401, description = "Not accepted, or too late", body = crate::error::Problem),
))]
pub async fn sign_in(State(app): State<Arc<App>>, At(browser): At, Json(body): Json<Answer>) -> Result<Response> {
    let ceremony = Secret::new(body.ceremony);
    let session = app.accounts.sign_in_by_passkey(&ceremony, body.credential, &browser).await?;
    session::begun(&app, StatusCode::OK, &session).await
}

/// The challenge of a sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    challenge: String,
}

/// Begin to answer the challenge of a sign-in with a passkey. The challenge goes with the answer as `ceremony`.
#[utoipa::path(post, path = "/api/v1/session/second/passkey/begin", tag = "session", request_body = Asked, responses(
    (status = 200, body = Ceremony),
    (status = 401, description = "Too late, or too often", body = crate::error::Problem),
))]
pub async fn begin_second(
    State(app): State<Arc<App>>,
    At(browser): At,
    Json(body): Json<Asked>,
) -> Result<axum::Json<Ceremony>> {
    let challenge = Secret::new(body.challenge);
    let options = app.accounts.second_passkey_options(&challenge, &browser).await?;
    Ok(axum::Json(Ceremony { ceremony: challenge.expose().clone(), options }))
}

/// Answer the challenge of a sign-in with a passkey: one is signed in.
#[utoipa::path(post, path = "/api/v1/session/second/passkey", tag = "session", request_body = Answer, responses(
    (status = 200, description = "Signed in", body = Session),
    (status = 401, description = "Not accepted, too late, or too often", body = crate::error::Problem),
))]
pub async fn second(State(app): State<Arc<App>>, At(browser): At, Json(body): Json<Answer>) -> Result<Response> {
    let challenge = Secret::new(body.ceremony);
    let session = app.accounts.second_by_passkey(&challenge, body.credential, &browser).await?;
    session::begun(&app, StatusCode::OK, &session).await
}

/// Begin to show again, with a passkey, who one is.
#[utoipa::path(post, path = "/api/v1/session/confirm/passkey/begin", tag = "session", responses(
    (status = 200, body = Ceremony),
    (status = 409, description = "There is no passkey", body = crate::error::Problem),
))]
pub async fn begin_confirmation(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Ceremony>> {
    Ok(axum::Json(app.accounts.begin_passkey_confirmation(&caller).await?.into()))
}

/// Show again, with a passkey, who one is. It lasts ten minutes.
#[utoipa::path(post, path = "/api/v1/session/confirm/passkey", tag = "session", request_body = Answer, responses((status = 204)))]
pub async fn confirm(State(app): State<Arc<App>>, Who(caller): Who, Json(body): Json<Answer>) -> Result<StatusCode> {
    app.accounts.confirm_by_passkey(&caller, &Secret::new(body.ceremony), body.credential).await?;
    Ok(StatusCode::NO_CONTENT)
}
