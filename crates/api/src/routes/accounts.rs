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
use accounts::{AccountId, NewLink as Link};
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
    /// What it is called.
    name: Option<String>,
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
    if let Some(name) = &body.name {
        app.accounts.set_household_name(&caller, Some(name)).await?;
    }
    Ok(axum::Json(Session::of(&app, &caller).await?))
}

/// A household to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHousehold {
    name: Option<String>,
    /// An IANA time zone.
    zone: String,
}

/// The id of what was made.
#[derive(Serialize, ToSchema)]
pub struct Made {
    pub id: Uuid,
}

/// Make a household of one's own.
#[utoipa::path(post, path = "/api/v1/households", tag = "people", request_body = NewHousehold, responses((status = 201, body = Made)))]
pub async fn found(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewHousehold>,
) -> Result<(StatusCode, axum::Json<Made>)> {
    let id = app.accounts.create_household(&caller, body.name.as_deref(), &body.zone).await?;
    Ok((StatusCode::CREATED, axum::Json(Made { id: id.uuid() })))
}

/// A member of the household.
#[derive(Serialize, ToSchema)]
pub struct Person {
    id: Uuid,
    /// The name that others see.
    name: String,
    /// The e-mail address or user name.
    login: String,
    role: RoleName,
    /// Since when the person belongs to the household.
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    /// Until when; null for good.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen: Option<Time>,
    /// Whether the person has chosen a password, and has not only an unused link.
    can_sign_in: bool,
}

/// The members of the household; who does not decide over people sees only the own entry.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "people", responses((status = 200, body = List<Person>)))]
pub async fn list(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Person>>> {
    let item = |person: accounts::Person| Person {
        id: person.id.uuid(),
        name: person.name().open().clone(),
        login: person.login.into_inner(),
        role: person.role.into(),
        created: person.created,
        until: person.until,
        last_seen: person.last_seen,
        can_sign_in: person.can_sign_in,
    };
    Ok(axum::Json(List::whole(app.accounts.people(&caller).await?.into_iter().map(item).collect())))
}

/// Somebody for whom an account is made by hand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// The user name or e-mail address.
    login: String,
    /// `member` unless said.
    role: Option<RoleName>,
}

/// A link to hand to the person, with which they choose a password. It is shown once.
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
    fn new(id: AccountId, link: &Link) -> Self {
        Self { id: id.uuid(), link: format!("/setup#token={}", link.token.expose()), expires: link.expires }
    }
}

/// Make an account by hand, for somebody to whom the link is handed over. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "people", request_body = NewPerson, responses(
    (status = 201, body = NewLink),
    (status = 409, description = "The user name is taken", body = crate::error::Problem),
))]
pub async fn add(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewPerson>,
) -> Result<(StatusCode, axum::Json<NewLink>)> {
    let role = body.role.unwrap_or(RoleName::Member).into();
    let (id, link) = app.accounts.add_by_hand(&caller, &body.login, role).await?;
    Ok((StatusCode::CREATED, axum::Json(NewLink::new(id, &link))))
}

/// Another link for somebody who lost the first one, or the password. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/link", tag = "people", params(("id" = Uuid, Path)), responses((status = 201, body = NewLink)))]
pub async fn link(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, axum::Json<NewLink>)> {
    let id = AccountId::from(id);
    let link = app.accounts.renew_link(&caller, id).await?;
    Ok((StatusCode::CREATED, axum::Json(NewLink::new(id, &link))))
}

/// What somebody is in the household.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    role: RoleName,
    /// Until when; null or left out: for good. An installer's must end.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
}

/// Change what a member is. Making an owner needs a fresh confirmation.
#[utoipa::path(patch, path = "/api/v1/accounts/{id}", tag = "people", params(("id" = Uuid, Path)), request_body = Membership, responses((status = 204)))]
pub async fn change(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<Membership>,
) -> Result<StatusCode> {
    app.accounts.set_role(&caller, AccountId::from(id), body.role.into(), body.until).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a member, or leave. What the person watches ends within seconds; the account stays the person's own.
#[utoipa::path(delete, path = "/api/v1/accounts/{id}", tag = "people", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn remove(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.accounts.remove_member(&caller, AccountId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
