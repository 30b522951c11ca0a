//! From a request to its caller: a token in `Authorization: Bearer`, else the session cookie.
//!
//! The cookie is `__Host-session`: Secure, HttpOnly, SameSite=Strict, for this host only. Chromium and Firefox take a
//! Secure cookie over plain HTTP from 127.0.0.1 and localhost, which they trust; Safari does not, and needs TLS there too.

use crate::{App, error::Problem, guard};
use accounts::{Browser, Caller, KNOWN_FOR, Label, NewSession};
use axum::extract::FromRequestParts;
use base::{Error, Result, Secret, Time};
use http::{HeaderMap, HeaderValue, header, request::Parts};
use std::time::Duration;

/// Name of the session cookie.
pub const COOKIE: &str = "__Host-session";
/// Name of the cookie by which a browser is known in which somebody signed in before.
pub const KNOWN: &str = "__Host-known";

/// Who asks. Only for routes whose line asks for a caller.
pub struct Who(pub Caller);

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| Error::internal("the route's access line admits no caller").into())
    }
}

/// The caller behind the credential of a request; `Unauthenticated` without a valid one.
pub async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller> {
    match (bearer(headers)?, cookie(headers, COOKIE)) {
        (Some(token), _) => app.accounts.api_token(&token).await,
        (None, Some(token)) => app.accounts.session(&token).await,
        (None, None) => Err(Error::unauthenticated("sign in, or send a token")),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<Secret<String>>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| text.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(Secret::new(token.trim().to_owned())))
        }
        _ => Err(Error::unauthenticated("only bearer tokens are accepted")),
    }
}

fn cookie(headers: &HeaderMap, wanted: &str) -> Option<Secret<String>> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| Secret::new(value.to_owned()))
}

/// Whether the request carries a session cookie, valid or not.
pub fn has_cookie(headers: &HeaderMap) -> bool {
    cookie(headers, COOKIE).is_some()
}

/// What people recognise the browser by.
pub fn label(headers: &HeaderMap) -> Label {
    Label::browser(headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default())
}

/// Name of the cookie that shows that a browser that comes back from another service is the one that left.
const AWAY: &str = "__Host-away";

/// The cookie of a browser that goes to another service, for as long as its way back is good.
pub fn away(keep: &Secret<String>) -> HeaderValue {
    kept(AWAY, keep, Duration::from_secs(300))
}

/// What a browser kept that comes back from another service.
pub fn kept_away(headers: &HeaderMap) -> Option<Secret<String>> {
    cookie(headers, AWAY)
}

/// Where a request comes from, as signing in needs to know it.
pub struct At(pub Browser);

impl<S: Sync> FromRequestParts<S> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let connection = parts.extensions.get::<guard::Connection>();
        let connection = connection.ok_or_else(|| Error::internal("the listener gave no connection"))?;
        let address = connection.peer.ip();
        Ok(Self(Browser { address, label: label(&parts.headers), known: cookie(&parts.headers, KNOWN) }))
    }
}

/// The cookie of a session that began.
pub fn begun(session: &NewSession, now: Time) -> HeaderValue {
    kept(COOKIE, &session.token, session.expires.since(now))
}

/// The cookie by which the browser is known from now on.
pub fn known(session: &NewSession) -> Option<HeaderValue> {
    session.known.as_ref().map(|token| kept(KNOWN, token, KNOWN_FOR))
}

fn kept(name: &str, token: &Secret<String>, age: Duration) -> HeaderValue {
    let (token, age) = (token.expose(), age.as_secs());
    set_cookie(format!("{name}={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={age}"))
}

/// The cookie that removes the session's.
pub fn ended() -> HeaderValue {
    set_cookie(format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"))
}

fn set_cookie(text: String) -> HeaderValue {
    let mut value = HeaderValue::from_str(&text).expect("session tokens are URL-safe text");
    value.set_sensitive(true);
    value
}

/// In a demo, a session for whoever opens the first page on this machine, unless there is one or a foreign page leads
/// here: only the address bar, a bookmark or our own page may start it.
pub async fn demo_session(app: &App, path: &str, headers: &HeaderMap) -> Option<HeaderValue> {
    let owner = app.http.demo?;
    if path != "/" || !is_direct(headers) || caller(app, headers).await.is_ok() {
        return None;
    }
    match app.accounts.begin_demo_session(owner, label(headers)).await {
        Ok(session) => Some(begun(&session, app.world.clock.now())),
        Err(error) => {
            tracing::error!(?error, "no session could be begun for the demo");
            None
        }
    }
}

/// Whether the person went to the page, rather than being led there or the page being loaded inside another.
fn is_direct(headers: &HeaderMap) -> bool {
    let is =
        |name: &str, allowed: &[&str]| headers.get(name).is_none_or(|value| allowed.iter().any(|one| value == one));
    is("sec-fetch-site", &["none", "same-origin"]) && is("sec-fetch-dest", &["document"])
}
