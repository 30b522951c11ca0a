//! What one's account can be opened with: the authenticator app and the recovery codes. Passkeys have a file of their own.

use crate::{App, auth::Who, error::Result, extract::Json};
use axum::extract::State;
use base::Secret;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What one's account can be opened with.
#[derive(Serialize, ToSchema)]
pub struct Factors {
    /// Whether there is a password.
    password: bool,
    /// Whether the password is long enough to stand alone: 15 characters; with a second factor 8 will do.
    strong: bool,
    /// Whether there is an authenticator app.
    totp: bool,
    /// How many passkeys there are.
    passkeys: u64,
    /// How many recovery codes are left.
    recovery_codes: u64,
    /// How many other services sign one in.
    identities: u64,
}

/// What one's account can be opened with.
#[utoipa::path(get, path = "/api/v1/factors", tag = "factors", responses((status = 200, body = Factors)))]
pub async fn show(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Factors>> {
    let accounts::Factors { password, strong, totp, passkeys, recovery_codes, identities } =
        app.accounts.factors(&caller).await?;
    Ok(axum::Json(Factors { password, strong, totp, passkeys, recovery_codes, identities }))
}

/// What an authenticator app needs. It is shown this once.
#[derive(Serialize, ToSchema)]
pub struct TotpSetup {
    /// The secret in base 32, to type it in.
    secret: String,
    /// The same as an address: `otpauth://totp/…`.
    uri: String,
    /// The address as a QR code: an SVG picture.
    qr: String,
}

/// Begin to set up an authenticator app. It is on once a code of it was given. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/factors/totp", tag = "factors", responses(
    (status = 201, body = TotpSetup),
    (status = 409, description = "One is set up already", body = crate::error::Problem),
))]
pub async fn set_up_totp(State(app): State<Arc<App>>, Who(caller): Who) -> Result<(StatusCode, axum::Json<TotpSetup>)> {
    let setup = app.accounts.set_up_totp(&caller).await?;
    let shown = |secret: Secret<String>| secret.expose().clone();
    let body = TotpSetup { secret: shown(setup.secret), uri: shown(setup.uri), qr: shown(setup.qr) };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// A code that the authenticator app shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    code: String,
}

/// Recovery codes, each of which works once in place of a second factor. They are shown this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Ten codes; none if the account has some already.
    codes: Vec<String>,
}

/// Recovery codes as they are shown.
pub fn shown(codes: &[Secret<String>]) -> Vec<String> {
    codes.iter().map(|code| code.expose().clone()).collect()
}

/// Complete the set-up of an authenticator app. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/factors/totp/confirm", tag = "factors", request_body = Code, responses(
    (status = 200, description = "It is on", body = RecoveryCodes),
    (status = 403, description = "The code is wrong", body = crate::error::Problem),
))]
pub async fn turn_on_totp(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Code>,
) -> Result<axum::Json<RecoveryCodes>> {
    let codes = app.accounts.turn_on_totp(&caller, &body.code).await?;
    Ok(axum::Json(RecoveryCodes { codes: shown(&codes) }))
}

/// Take the authenticator app away. Needs a fresh confirmation.
#[utoipa::path(delete, path = "/api/v1/factors/totp", tag = "factors", responses(
    (status = 204),
    (status = 409, description = "The password is too short to stand alone", body = crate::error::Problem),
))]
pub async fn turn_off_totp(State(app): State<Arc<App>>, Who(caller): Who) -> Result<StatusCode> {
    app.accounts.turn_off_totp(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ten new recovery codes; those before are void. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/factors/recovery-codes", tag = "factors", responses(
    (status = 201, body = RecoveryCodes),
    (status = 409, description = "There is no second factor for them to stand in for", body = crate::error::Problem),
))]
pub async fn renew_recovery_codes(
    State(app): State<Arc<App>>,
    Who(caller): Who,
) -> Result<(StatusCode, axum::Json<RecoveryCodes>)> {
    let codes = app.accounts.renew_recovery_codes(&caller).await?;
    Ok((StatusCode::CREATED, axum::Json(RecoveryCodes { codes: shown(&codes) })))
}
