//! The policy: pages for people without scripts, JSON for programs, and what browsers ask under `/.well-known`.

use super::language;
use crate::{
    App,
    error::Result,
    extract::{Path, Query},
};
use ::policy::Language;
use ::privacy::page::STYLE;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use base::{Error, Time};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use utoipa::{IntoParams, ToSchema};

/// In which language.
#[derive(Deserialize, IntoParams)]
pub struct Wanted {
    /// `en` or `de`; else what the browser prefers.
    pub lang: Option<String>,
}

/// Which versions are compared.
#[derive(Deserialize, IntoParams)]
pub struct Compared {
    from: u32,
    to: u32,
    /// `en` or `de`; else what the browser prefers.
    lang: Option<String>,
}

/// A version of the policy.
#[derive(Serialize, ToSchema)]
pub struct Version {
    number: u32,
    #[schema(value_type = String, format = DateTime)]
    date: Time,
    #[schema(value_type = String, format = DateTime)]
    effective: Time,
    /// Whether it must be accepted anew.
    material: bool,
    /// Of the text in the language that was asked for.
    sha256: String,
    /// The text, where one version was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Version {
    fn new(version: &::privacy::book::Version, language: Language, with_text: bool) -> Self {
        Self {
            number: version.number,
            date: version.date,
            effective: version.effective,
            material: version.material,
            sha256: version.sha256(language),
            text: with_text.then(|| version.text(language).to_owned()),
        }
    }
}

/// A page: its style is allowed by its hash, its forms come here, and nothing else is.
pub(super) fn page(html: String) -> Response {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
        let text = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            BASE64_STANDARD.encode(digest)
        );
        HeaderValue::from_str(&text).expect("a hash is base64")
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("accept, accept-language")),
    ];
    (headers, html).into_response()
}

/// Whether a program asks, and no browser's address bar.
fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/html")
}

/// The policy that holds now, with the tables of what this program stores. Works without scripts.
#[utoipa::path(get, path = "/privacy", tag = "policy", params(Wanted), responses((status = 200, description = "A page", body = str)))]
pub async fn show(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>, headers: HeaderMap) -> Response {
    let current = app.privacy.book().current(app.world.clock.now());
    page(app.privacy.page(current, language(wanted.lang.as_deref(), &headers), "/privacy"))
}

/// The policy that holds now, for programs (JSON-LD, Data Privacy Vocabulary).
#[utoipa::path(get, path = "/privacy.json", tag = "policy", responses((status = 200, description = "JSON-LD", body = Value)))]
pub async fn json(State(app): State<Arc<App>>) -> Result<axum::Json<Value>> {
    let current = app.privacy.book().current(app.world.clock.now());
    Ok(axum::Json(app.privacy.json(current).await?))
}

/// All versions: a page, or JSON for who accepts only that.
#[utoipa::path(get, path = "/privacy/versions", tag = "policy", params(Wanted), responses((status = 200, body = [Version])))]
pub async fn versions(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>, headers: HeaderMap) -> Response {
    let language = language(wanted.lang.as_deref(), &headers);
    if !wants_json(&headers) {
        return page(app.privacy.versions_page(language));
    }
    let versions = app.privacy.book().versions().iter().map(|version| Version::new(version, language, false));
    axum::Json(versions.collect::<Vec<_>>()).into_response()
}

/// A version, as it was published: a page, or JSON with its text for who accepts only that.
#[utoipa::path(get, path = "/privacy/versions/{number}", tag = "policy", params(("number" = u32, Path), Wanted), responses((status = 200, body = Version)))]
pub async fn version(
    State(app): State<Arc<App>>,
    Path(number): Path<u32>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response> {
    let language = language(wanted.lang.as_deref(), &headers);
    let version = app.privacy.book().version(number)?;
    Ok(match wants_json(&headers) {
        true => axum::Json(Version::new(version, language, true)).into_response(),
        false => page(app.privacy.page(version, language, &format!("/privacy/versions/{number}"))),
    })
}

/// What changed from one version to another, word by word: a page, or JSON for who accepts only that.
#[utoipa::path(get, path = "/privacy/diff", tag = "policy", params(Compared), responses((status = 200, description = "Stretches of text, each `same`, `removed` or `added`", body = Value)))]
pub async fn diff(
    State(app): State<Arc<App>>,
    Query(compared): Query<Compared>,
    headers: HeaderMap,
) -> Result<Response> {
    let language = language(compared.lang.as_deref(), &headers);
    let Compared { from, to, .. } = compared;
    Ok(match wants_json(&headers) {
        true => axum::Json(app.privacy.book().diff(from, to, language)?).into_response(),
        false => page(app.privacy.diff_page(from, to, language)?),
    })
}

/// That Global Privacy Control is obeyed (GPC specification, section 4).
#[utoipa::path(get, path = "/.well-known/gpc.json", tag = "policy", responses((status = 200, description = "`gpc` and `lastUpdate`", body = Value)))]
pub async fn gpc(State(app): State<Arc<App>>) -> axum::Json<Value> {
    let since = app.privacy.book().current(app.world.clock.now()).effective;
    axum::Json(json!({ "gpc": true, "lastUpdate": since }))
}

/// Which version of the policy holds here: the same at every address, for every app and service of the installation.
#[derive(Serialize, ToSchema)]
#[schema(as = WellKnown)]
pub struct Governed {
    /// `nightjar`.
    product: &'static str,
    policy: PolicyInForce,
}

/// The policy in force.
#[derive(Serialize, ToSchema)]
pub struct PolicyInForce {
    version: u32,
    #[schema(value_type = String, format = DateTime)]
    effective: Time,
    /// Of its texts.
    sha256: Hashes,
    /// Where it stands, at this same address.
    page: &'static str,
}

/// SHA-256 of the text in each language.
#[derive(Serialize, ToSchema)]
pub struct Hashes {
    en: String,
    de: String,
}

/// Which policy governs this address: the one of the installation.
#[utoipa::path(get, path = "/.well-known/nightjar.json", tag = "policy", responses((status = 200, body = Governed)))]
pub async fn governed(State(app): State<Arc<App>>) -> axum::Json<Governed> {
    let current = app.privacy.book().current(app.world.clock.now());
    let [en, de] = Language::ALL.map(|language| current.sha256(language));
    let policy = PolicyInForce {
        version: current.number,
        effective: current.effective,
        sha256: Hashes { en, de },
        page: "/privacy",
    };
    axum::Json(Governed { product: "nightjar", policy })
}

/// That nobody is tracked (Tracking Preference Expression, section 6.5).
#[utoipa::path(get, path = "/.well-known/dnt/", tag = "policy", responses((status = 200, description = "A tracking status", body = Value)))]
pub async fn dnt() -> Result<Response> {
    let status = json!({ "tracking": "N", "policy": "/privacy", "compliance": [], "config": "/settings/privacy" });
    let status = serde_json::to_string(&status).map_err(|error| Error::internal("a status").because(error))?;
    Ok(([(header::CONTENT_TYPE, "application/tracking-status+json")], status).into_response())
}
