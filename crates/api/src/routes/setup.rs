//! Set-up links: how the owner, and everybody invited, chooses a password. The token stands in the URL's fragment and
//! comes here in a body, so that no log and no Referer ever holds it.

use crate::{
    App,
    auth::At,
    error::Result,
    extract::Json,
    routes::{
        session::{self, Challenge, LanguageCode, RoleName, Session},
        sign_up,
    },
};
use accounts::{Language, Setup, SignIn};
use axum::{extract::State, response::Response};
use base::{Secret, Time};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The token of a link, from its fragment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkToken)]
pub struct Token {
    pub token: String,
}

/// What a set-up link is for.
#[derive(Serialize, ToSchema)]
pub struct Link {
    role: RoleName,
    /// The user name of the account; null for the first owner, who chooses one.
    login: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
    /// The version of the policy that the person must accept with it; null if they have.
    policy: Option<u32>,
}

/// What a set-up link is for. It is not used up by this.
#[utoipa::path(post, path = "/api/v1/setup/link", tag = "setup", request_body = Token, responses(
    (status = 200, body = Link),
    (status = 404, description = "Unknown, used, void or expired", body = crate::error::Problem),
))]
pub async fn look(State(app): State<Arc<App>>, Json(body): Json<Token>) -> Result<axum::Json<Link>> {
    let setup = app.accounts.setup(&Secret::new(body.token)).await?;
    let current = app.privacy.book().current(app.world.clock.now()).number;
    let policy = is_to_accept(&app, &setup).await?.then_some(current);
    let login = setup.login.map(|login| login.into_inner());
    Ok(axum::Json(Link { role: setup.role.into(), login, expires: setup.expires, policy }))
}

/// Whether the person of the link has yet to accept the policy: the first owner, and whose account others made.
async fn is_to_accept(app: &App, setup: &Setup) -> Result<bool> {
    let required = app.privacy.book().required(app.world.clock.now());
    let Some(account) = setup.account else { return Ok(true) };
    Ok(app.privacy.accepted(account).await?.is_none_or(|accepted| accepted.version < required))
}

/// What the person chooses.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetUp)]
pub struct Choice {
    token: String,
    /// The user name; must be given by the first owner, and renames any other account.
    login: Option<String>,
    password: String,
    /// The household's time zone (IANA), for the first owner.
    zone: Option<String>,
    /// The version of the policy that one accepts, where the link asks for it: a box of its own, never ticked beforehand.
    policy: Option<u32>,
    /// The language in which it was shown; `en` unless said.
    language: Option<LanguageCode>,
}

/// Use up a set-up link: set the password, accept the policy where that is asked for, and sign in.
#[utoipa::path(post, path = "/api/v1/setup", tag = "setup", request_body = Choice, responses(
    (status = 201, description = "Signed in", body = Session),
    (status = 202, description = "The password is set; a second factor is asked for", body = Challenge),
    (status = 400, description = "A field is not acceptable", body = crate::error::Problem),
    (status = 404, description = "Unknown, used, void or expired", body = crate::error::Problem),
    (status = 422, description = "The policy is not accepted", body = crate::error::Problem),
))]
pub async fn redeem(State(app): State<Arc<App>>, At(browser): At, Json(body): Json<Choice>) -> Result<Response> {
    let (token, password) = (Secret::new(body.token), Secret::new(body.password));
    let setup = app.accounts.setup(&token).await?;
    let accepted = match is_to_accept(&app, &setup).await? {
        true => Some(sign_up::accepted(&app, body.policy)?),
        false => None,
    };
    let came = app.accounts.redeem_setup(&token, body.login.as_deref(), &password, &browser).await?;
    if let Some(version) = accepted {
        let language = body.language.map_or(Language::En, Language::from);
        note_acceptance(&app, &came, &setup, version, language).await?;
    }
    if let (SignIn::SignedIn(session), Some(zone)) = (&came, &body.zone) {
        app.accounts.set_zone(&session.caller, zone).await?;
    }
    session::arrived(&app, StatusCode::CREATED, came).await
}

/// Writes down who accepted the policy with the link; also of a person of whom a second factor is still asked.
async fn note_acceptance(app: &App, came: &SignIn, setup: &Setup, version: u32, language: Language) -> Result<()> {
    match (came, setup.account) {
        (SignIn::SignedIn(session), _) => sign_up::note_acceptance(app, session, version, language).await,
        (SignIn::SecondFactor(_), Some(account)) => {
            Ok(app.privacy.note_sign_up(account, version, language.as_str()).await?)
        }
        (SignIn::SecondFactor(_), None) => Ok(()),
    }
}
