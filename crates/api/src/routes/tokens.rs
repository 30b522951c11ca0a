//! Tokens for programs.

use crate::{
    App,
    auth::Who,
    error::Result,
    extract::{Json, Path},
    routes::List,
};
use accounts::{Scope, TokenId};
use axum::extract::State;
use base::Time;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// A token, without its text.
#[derive(Serialize, ToSchema)]
pub struct Token {
    id: Uuid,
    /// What it was called when it was made.
    name: Option<String>,
    /// What the view log calls it.
    label: String,
    scopes: Vec<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<Time>,
}

/// The tokens that one may revoke, the newest first: an owner's are all of the household.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = List<Token>)))]
pub async fn list(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Token>>> {
    let item = |token: accounts::Token| Token {
        id: token.id.uuid(),
        name: token.name.map(|name| name.into_inner()),
        label: token.label.as_str().into(),
        scopes: token.scopes.iter().map(Scope::as_str).collect(),
        created: token.created,
        expires: token.expires,
        last_used: token.last_used,
    };
    Ok(axum::Json(List::whole(app.accounts.tokens(&caller).await?.into_iter().map(item).collect())))
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What to call it.
    name: Option<String>,
    /// `cameras:read`, `cameras:write`, `media:read`, `metrics:read`, `admin`; none that one does not have.
    scopes: Vec<String>,
    /// How long it lasts: 90 days unless said, 365 at most.
    days: Option<u32>,
}

/// A token that was made. Its text is shown here and never again.
#[derive(Serialize, ToSchema)]
pub struct MadeToken {
    id: Uuid,
    token: String,
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
}

/// Make a token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = NewToken, responses((status = 201, body = MadeToken)))]
pub async fn create(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewToken>,
) -> Result<(StatusCode, axum::Json<MadeToken>)> {
    let scopes = body.scopes.iter().map(|word| word.parse::<Scope>()).collect::<base::Result<_>>()?;
    let made = app.accounts.create_token(&caller, body.name.as_deref(), scopes, body.days).await?;
    let made = MadeToken { id: made.id.uuid(), token: made.token.expose().clone(), expires: made.expires };
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// Revoke a token. Requests with it are refused from now on.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn revoke(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.accounts.revoke_token(&caller, TokenId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
