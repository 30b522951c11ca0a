//! Signing up, showing that an address is one's own, and asking for a new password.

use crate::{
    App,
    auth::At,
    error::Result,
    extract::Json,
    routes::{
        session::{self, Challenge, LanguageCode, Session},
        setup::Token,
    },
};
use accounts::{Language, NewAccount, NewSession, SignUp, SignedUp};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use base::{Error, Secret};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Who may sign up here, and how.
#[derive(Serialize, ToSchema)]
pub struct Terms {
    /// `open`, `invitation` or `closed`.
    sign_up: &'static str,
    /// The version of the policy that is to be accepted.
    policy: u32,
    /// Whether this installation sends mail. Without it a user name will do, and links are handed over.
    mail: bool,
}

/// Who may sign up here, and how.
#[utoipa::path(get, path = "/api/v1/sign-up", tag = "sign-up", responses((status = 200, body = Terms)))]
pub async fn terms(State(app): State<Arc<App>>) -> axum::Json<Terms> {
    let sign_up = match app.sign_up {
        SignUp::Open => "open",
        SignUp::Invitation => "invitation",
        SignUp::Closed => "closed",
    };
    let policy = app.privacy.book().current(app.world.clock.now()).number;
    axum::Json(Terms { sign_up, policy, mail: app.can_mail })
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignUp)]
pub struct Form {
    /// An e-mail address; where there is no mail, a user name will do.
    login: String,
    /// May be left out where mail is sent: once the address is confirmed, one adds a passkey.
    password: Option<String>,
    /// The name that others see.
    display_name: Option<String>,
    phone: Option<String>,
    language: LanguageCode,
    /// Says to be 18 or older.
    adult: bool,
    /// The version of the policy that one accepts: a box of its own, never ticked beforehand.
    policy: Option<u32>,
    /// The token of an invitation.
    invitation: Option<String>,
}

/// Sign up. Where mail is sent the answer is always 202, whether or not the address has an account already: the mail says
/// how to go on.
#[utoipa::path(post, path = "/api/v1/sign-up", tag = "sign-up", request_body = Form, responses(
    (status = 201, description = "Signed in", body = Session),
    (status = 202, description = "A mail is on its way"),
    (status = 403, description = "Signing up needs an invitation, or is closed", body = crate::error::Problem),
))]
pub async fn sign_up(State(app): State<Arc<App>>, At(browser): At, Json(body): Json<Form>) -> Result<Response> {
    let proven = admitted(&app, &body).await?;
    let policy = accepted(&app, body.policy)?;
    let language = body.language.into();
    let new = NewAccount {
        login: body.login,
        password: body.password.map(Secret::new),
        display_name: body.display_name,
        phone: body.phone,
        language,
        adult: body.adult,
        policy,
    };
    match app.accounts.sign_up(new, app.can_mail, proven, &browser).await? {
        SignedUp::SignedIn(session) => {
            note_acceptance(&app, &session, policy, language).await?;
            session::begun(&app, StatusCode::CREATED, &session).await
        }
        SignedUp::LookIntoMail => Ok(StatusCode::ACCEPTED.into_response()),
    }
}

/// The version of the policy that is accepted: an act of its own, without which there is no account.
pub fn accepted(app: &App, version: Option<u32>) -> Result<u32> {
    let (book, now) = (app.privacy.book(), app.world.clock.now());
    let version = version.filter(|version| *version >= book.required(now) && book.version(*version).is_ok());
    let refusal = || Error::out_of_range("read the policy and say that you accept it").field("policy");
    ::policy::enforce!(C0_5, version.is_some(), refusal().into());
    Ok(version.unwrap_or(book.current(now).number))
}

/// Writes into the ledger that the person accepted this version, in the language in which it was shown.
pub async fn note_acceptance(app: &App, session: &NewSession, version: u32, language: Language) -> Result<()> {
    let language = ::policy::Language::parse(language.as_str()).unwrap_or(::policy::Language::English);
    Ok(app.privacy.accept(&session.caller, version, language).await?)
}

/// An error unless this person may sign up; whether the invitation came to the very address that signs up.
async fn admitted(app: &App, form: &Form) -> Result<bool> {
    let Some(token) = &form.invitation else {
        return match app.sign_up {
            SignUp::Open => Ok(false),
            SignUp::Invitation => Err(Error::denied("signing up here needs an invitation").into()),
            SignUp::Closed => Err(Error::denied("accounts are made by the owner of this server").into()),
        };
    };
    if app.sign_up == SignUp::Closed {
        return Err(Error::denied("accounts are made by the owner of this server").into());
    }
    let invitation = app.devices.invitation(&Secret::new(token.clone())).await?;
    Ok(invitation.address.is_some_and(|address| address.open().eq_ignore_ascii_case(form.login.trim())))
}

/// Show, with the link that was mailed, that the address is one's own. The account opens, and one is signed in.
#[utoipa::path(post, path = "/api/v1/sign-up/verify", tag = "sign-up", request_body = Token, responses(
    (status = 200, description = "Signed in", body = Session),
    (status = 202, description = "The address is confirmed; a second factor is asked for", body = Challenge),
))]
pub async fn verify(State(app): State<Arc<App>>, At(browser): At, Json(body): Json<Token>) -> Result<Response> {
    let came = app.accounts.verify_address(&Secret::new(body.token), &browser).await?;
    session::arrived(&app, StatusCode::OK, came).await
}

/// The login of somebody who forgot the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    login: String,
}

/// Ask for a link to choose a new password. The answer is always 202; a mail goes out if the address has an account and
/// was verified.
#[utoipa::path(post, path = "/api/v1/sign-up/forgotten", tag = "sign-up", request_body = Forgotten, responses((status = 202)))]
pub async fn forgotten(
    State(app): State<Arc<App>>,
    At(browser): At,
    Json(body): Json<Forgotten>,
) -> Result<StatusCode> {
    app.accounts.spend(&browser)?;
    // The answer does not wait, so that its time tells nothing either.
    tokio::spawn(async move {
        if let Err(error) = app.accounts.forgotten(&body.login).await {
            tracing::error!(?error, "a forgotten password was not noted");
        }
    });
    Ok(StatusCode::ACCEPTED)
}
