//! Signing in through another service (OpenID Connect). The browser goes to the service, comes back to
//! `/sign-in/return?state=…&code=…`, and the page there sends on what it was given.

use crate::{
    App,
    auth::{self, At, Who},
    error::Result,
    extract::{Json, Path},
    routes::{
        List,
        session::{self, Challenge, LanguageCode, Session},
        sign_up::{accepted, note_acceptance},
    },
};
use accounts::{Agreement, Browser, Caller, IdentityId, SignUp, SignedUp, WayBack};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use base::{Error, Secret, Time};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// The services through which one can sign in.
#[derive(Serialize, ToSchema)]
pub struct Services {
    /// Their names, as in `google`.
    items: Vec<String>,
}

/// The services through which one can sign in.
#[utoipa::path(get, path = "/api/v1/oidc", tag = "oidc", responses((status = 200, body = Services)))]
pub async fn services(State(app): State<Arc<App>>) -> axum::Json<Services> {
    axum::Json(Services { items: app.accounts.issuers().into_iter().map(Into::into).collect() })
}

/// Where to go.
#[derive(Serialize, ToSchema)]
pub struct WayOut {
    /// The page of the other service.
    url: String,
}

/// The origin of the page that asks. The guard has compared its host with the host that was asked.
fn origin(headers: &HeaderMap) -> Result<String, Error> {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.map(Into::into).ok_or_else(|| Error::invalid("only a browser goes to another service: it says its origin"))
}

async fn leave(
    app: &App,
    name: &str,
    headers: &HeaderMap,
    linking: Option<&Caller>,
    browser: &Browser,
) -> Result<Response> {
    let out = app.accounts.leave_for(name, &origin(headers)?, linking, browser).await?;
    let body = axum::Json(WayOut { url: out.url });
    Ok(([(header::SET_COOKIE, auth::away(&out.keep))], body).into_response())
}

/// Go to a service to sign in.
#[utoipa::path(post, path = "/api/v1/oidc/{name}", tag = "oidc", params(("name" = String, Path)), responses(
    (status = 200, body = WayOut),
    (status = 404, description = "No such service", body = crate::error::Problem),
    (status = 503, description = "The service cannot be reached", body = crate::error::Problem),
))]
pub async fn begin(
    State(app): State<Arc<App>>,
    At(browser): At,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response> {
    leave(&app, &name, &headers, None, &browser).await
}

/// Go to a service to link it to one's account. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/oidc/{name}/link", tag = "oidc", params(("name" = String, Path)), responses((status = 200, body = WayOut)))]
pub async fn begin_link(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    At(browser): At,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response> {
    leave(&app, &name, &headers, Some(&caller), &browser).await
}

/// What stands in the address of the page to which the service sent the browser back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Return {
    state: String,
    code: String,
    /// The issuer, if the service says it (RFC 9207).
    iss: Option<String>,
}

/// What the service said of somebody who is not known here. Nothing of it is kept before one agrees.
#[derive(Serialize, ToSchema)]
pub struct Offer {
    /// Goes with the agreement, within five minutes.
    offer: String,
    service: String,
    /// The e-mail address; null if the service gave none.
    address: Option<String>,
    /// Whether the service vouches for the address. If not, it is asked for and confirmed by mail.
    verified: bool,
    /// What else it said; it is not kept.
    refused: Vec<&'static str>,
    /// Whether the service is to be linked to the account that asked, rather than to a new one.
    linking: bool,
}

/// Come back from a service.
#[utoipa::path(post, path = "/api/v1/oidc/return", tag = "oidc", request_body = Return, responses(
    (status = 200, description = "Signed in", body = Session),
    (status = 201, description = "Nobody is known by it yet: what would be kept", body = Offer),
    (status = 202, description = "A second factor is asked for", body = Challenge),
    (status = 400, description = "The service did not confirm who it is", body = crate::error::Problem),
    (status = 403, description = "The service says that the person is a minor", body = crate::error::Problem),
))]
pub async fn come_back(
    State(app): State<Arc<App>>,
    At(browser): At,
    headers: HeaderMap,
    Json(body): Json<Return>,
) -> Result<Response> {
    let (state, kept) = (Secret::new(body.state), auth::kept_away(&headers));
    let back = app.accounts.come_back(&state, body.code, body.iss.as_deref(), kept.as_ref(), &browser).await?;
    let offer = match back {
        WayBack::SignIn(came) => return session::arrived(&app, StatusCode::OK, came).await,
        WayBack::Offer(offer) => offer,
    };
    let body = Offer {
        offer: offer.token.expose().clone(),
        service: offer.issuer,
        address: offer.address.map(|address| address.into_inner()),
        verified: offer.verified,
        refused: offer.refused,
        linking: offer.linking,
    };
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}

/// A yes to an offer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OfferAgreement)]
pub struct Yes {
    offer: String,
    /// Says to have seen what is kept.
    seen: bool,
    /// Says to be 18 or older.
    adult: bool,
    /// The version of the policy that one accepts: a box of its own, never ticked beforehand.
    policy: Option<u32>,
    language: LanguageCode,
    /// An e-mail address, where the service vouches for none.
    login: Option<String>,
    /// The token of an invitation, where signing up needs one.
    invitation: Option<String>,
}

/// Make an account with what the service said.
#[utoipa::path(post, path = "/api/v1/oidc/agree", tag = "oidc", request_body = Yes, responses(
    (status = 201, description = "Signed in", body = Session),
    (status = 202, description = "The address is confirmed by mail first"),
    (status = 403, description = "Signing up needs an invitation, or is closed", body = crate::error::Problem),
    (status = 409, description = "The address has an account: sign in to it, and link the service", body = crate::error::Problem),
))]
pub async fn agree(State(app): State<Arc<App>>, At(browser): At, Json(body): Json<Yes>) -> Result<Response> {
    admitted(&app, body.invitation.as_deref()).await?;
    let (policy, language) = (accepted(&app, body.policy)?, body.language.into());
    let yes = Agreement { seen: body.seen, adult: body.adult, policy, language, login: body.login };
    match app.accounts.agree(&Secret::new(body.offer), yes, app.can_mail, &browser).await? {
        SignedUp::SignedIn(session) => {
            note_acceptance(&app, &session, policy, language).await?;
            session::begun(&app, StatusCode::CREATED, &session).await
        }
        SignedUp::LookIntoMail => Ok(StatusCode::ACCEPTED.into_response()),
    }
}

async fn admitted(app: &App, invitation: Option<&str>) -> Result<()> {
    match (app.sign_up, invitation) {
        (SignUp::Open, _) => Ok(()),
        (SignUp::Invitation, Some(token)) => {
            app.devices.invitation(&Secret::new(token.into())).await?;
            Ok(())
        }
        (SignUp::Invitation, None) => Err(Error::denied("signing up here needs an invitation").into()),
        (SignUp::Closed, _) => Err(Error::denied("accounts are made by the owner of this server").into()),
    }
}

/// A service that signs one in.
#[derive(Serialize, ToSchema)]
pub struct Identity {
    id: Uuid,
    service: String,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<Time>,
}

/// The services that sign one in.
#[utoipa::path(get, path = "/api/v1/identities", tag = "oidc", responses((status = 200, body = List<Identity>)))]
pub async fn list(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Identity>>> {
    let item = |identity: accounts::Identity| Identity {
        id: identity.id.uuid(),
        service: identity.issuer,
        created: identity.created,
        last_used: identity.last_used,
    };
    Ok(axum::Json(List::whole(app.accounts.identities(&caller).await?.into_iter().map(item).collect())))
}

/// The token of an offer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferToken {
    offer: String,
}

/// A service that is linked.
#[derive(Serialize, ToSchema)]
pub struct Linked {
    id: Uuid,
}

/// Link the service of an offer to one's account. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/identities", tag = "oidc", request_body = OfferToken, responses((status = 201, body = Linked)))]
pub async fn link(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<OfferToken>,
) -> Result<(StatusCode, axum::Json<Linked>)> {
    let id = app.accounts.link_identity(&caller, &Secret::new(body.offer)).await?;
    Ok((StatusCode::CREATED, axum::Json(Linked { id: id.uuid() })))
}

/// Take the link to a service away. Needs a fresh confirmation; the last way in stays.
#[utoipa::path(delete, path = "/api/v1/identities/{id}", tag = "oidc", params(("id" = Uuid, Path)), responses(
    (status = 204),
    (status = 409, description = "It is the last way in", body = crate::error::Problem),
))]
pub async fn unlink(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.accounts.unlink_identity(&caller, IdentityId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
