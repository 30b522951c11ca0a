//! One's own account: its details, and the address by which one signs in.

use crate::{
    App,
    auth::Who,
    error::Result,
    extract::Json,
    routes::{session::LanguageCode, setup::Token},
};
use accounts::ProfileChange;
use axum::extract::State;
use base::{Secret, Time};
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What the account holds about its person.
#[derive(Serialize, ToSchema)]
pub struct Profile {
    id: Uuid,
    /// The e-mail address or user name.
    login: String,
    /// Whether the login is an address that one has shown to be one's own.
    verified: bool,
    /// The name that others see; null: the login.
    display_name: Option<String>,
    phone: Option<String>,
    language: LanguageCode,
    /// One's own time zone (IANA); null: each household's.
    zone: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
}

/// One's own account.
#[utoipa::path(get, path = "/api/v1/profile", tag = "profile", responses((status = 200, body = Profile)))]
pub async fn show(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Profile>> {
    let me = app.accounts.me(&caller).await?;
    Ok(axum::Json(Profile {
        id: me.id.uuid(),
        login: me.login.into_inner(),
        verified: me.verified,
        display_name: me.display_name.map(|name| name.into_inner()),
        phone: me.phone.map(|phone| phone.into_inner()),
        language: me.language.into(),
        zone: me.zone,
        created: me.created,
    }))
}

/// What to correct. A field that is left out stays; null takes the detail away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileChange)]
pub struct Change {
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    language: Option<LanguageCode>,
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<String>)]
    zone: Option<Option<String>>,
}

/// A field that is there, even if it is null.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Correct details of one's account, or take them away.
#[utoipa::path(patch, path = "/api/v1/profile", tag = "profile", request_body = Change, responses((status = 200, body = Profile)))]
pub async fn change(state: State<Arc<App>>, Who(caller): Who, Json(body): Json<Change>) -> Result<axum::Json<Profile>> {
    let change = ProfileChange {
        display_name: body.display_name,
        phone: body.phone,
        language: body.language.map(Into::into),
        zone: body.zone,
    };
    state.accounts.change_profile(&caller, change).await?;
    show(state, Who(caller)).await
}

/// Another address or user name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLogin {
    login: String,
}

/// What is left to do until the address has changed.
#[derive(Serialize, ToSchema)]
pub struct LoginChange {
    /// `done`; or `confirm`, by the links that are mailed.
    state: &'static str,
}

/// Ask for another address. A verified one is changed when both ends have agreed, by links that are mailed. Needs a fresh
/// confirmation.
#[utoipa::path(put, path = "/api/v1/profile/login", tag = "profile", request_body = NewLogin, responses(
    (status = 200, body = LoginChange),
    (status = 409, description = "It is taken", body = crate::error::Problem),
))]
pub async fn change_login(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewLogin>,
) -> Result<axum::Json<LoginChange>> {
    let asked = app.accounts.ask_for_login(&caller, &body.login, app.can_mail).await?;
    Ok(axum::Json(LoginChange { state: if asked { "confirm" } else { "done" } }))
}

/// Agree, with the link that came to the old address, to the new one.
#[utoipa::path(post, path = "/api/v1/profile/login/leave", tag = "profile", request_body = Token, responses((status = 204)))]
pub async fn leave_address(State(app): State<Arc<App>>, Json(body): Json<Token>) -> Result<StatusCode> {
    app.accounts.leave_address(&Secret::new(body.token)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show, with the link that came to it, that the new address is one's own: from now on it is the login.
#[utoipa::path(post, path = "/api/v1/profile/login/take", tag = "profile", request_body = Token, responses((status = 204)))]
pub async fn take_address(State(app): State<Arc<App>>, Json(body): Json<Token>) -> Result<StatusCode> {
    app.accounts.take_address(&Secret::new(body.token)).await?;
    Ok(StatusCode::NO_CONTENT)
}
