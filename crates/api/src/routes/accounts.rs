//! The household and its people.

use crate::{
    App,
    auth::Who,
    error::Result,
    extract::{Json, Path},
    routes::{
        List,
        session::{RoleName, Session},
    },
};
use accounts::{AccountId, SetupToken};
use axum::extract::State;
use base::Time;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What can be changed of a household.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HouseholdChange {
    /// The IANA time zone in which its days are shown.
    zone: Option<String>,
}

/// Change the household.
#[utoipa::path(patch, path = "/api/v1/household", tag = "people", request_body = HouseholdChange, responses((status = 200, body = Session)))]
pub async fn household(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<HouseholdChange>,
) -> Result<axum::Json<Session>> {
    if let Some(zone) = &body.zone {
        app.accounts.set_zone(&caller, zone).await?;
    }
    Ok(axum::Json(Session::of(&app, &caller).await?))
}

/// A member of the household.
#[derive(Serialize, ToSchema)]
pub struct Person {
    id: Uuid,
    /// The name that others see.
    name: String,
    /// The user name.
    login: String,
    role: RoleName,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen: Option<Time>,
    /// Whether the person has chosen a password, and has not only an unused link.
    can_sign_in: bool,
}

/// The members of the household; a viewer sees only the own account.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "people", responses((status = 200, body = List<Person>)))]
pub async fn list(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Person>>> {
    let item = |person: accounts::Person| Person {
        id: person.id.uuid(),
        name: person.name().open().clone(),
        login: person.login.into_inner(),
        role: person.role.into(),
        created: person.created,
        last_seen: person.last_seen,
        can_sign_in: person.can_sign_in,
    };
    Ok(axum::Json(List::whole(app.accounts.people(&caller).await?.into_iter().map(item).collect())))
}

/// Somebody to invite as a viewer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// The user name.
    login: String,
}

/// A set-up link to hand to the person. It is shown once.
#[derive(Serialize, ToSchema)]
pub struct NewLink {
    /// The account.
    id: Uuid,
    /// Path and fragment, to follow this server's own address.
    link: String,
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
}

impl NewLink {
    fn new(id: AccountId, setup: &SetupToken) -> Self {
        Self { id: id.uuid(), link: format!("/setup#token={}", setup.token.expose()), expires: setup.expires }
    }
}

/// Invite a viewer.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "people", request_body = Invitation, responses(
    (status = 201, body = NewLink),
    (status = 409, description = "The user name is taken", body = crate::error::Problem),
))]
pub async fn invite(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Invitation>,
) -> Result<(StatusCode, axum::Json<NewLink>)> {
    let (id, setup) = app.accounts.invite_viewer(&caller, &body.login).await?;
    Ok((StatusCode::CREATED, axum::Json(NewLink::new(id, &setup))))
}

/// Another link for a viewer who lost the first one, or the password.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/link", tag = "people", params(("id" = Uuid, Path)), responses((status = 201, body = NewLink)))]
pub async fn link(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, axum::Json<NewLink>)> {
    let id = AccountId::from(id);
    let setup = app.accounts.renew_viewer_link(&caller, id).await?;
    Ok((StatusCode::CREATED, axum::Json(NewLink::new(id, &setup))))
}

/// Remove a viewer, with that person's sessions and tokens.
#[utoipa::path(delete, path = "/api/v1/accounts/{id}", tag = "people", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn remove(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.accounts.remove_viewer(&caller, AccountId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
