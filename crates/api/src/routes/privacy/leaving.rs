//! Taking one's data along, closing the account, undoing that, erasing, and the proof.

use crate::{
    App,
    auth::{self, Who},
    error::{Problem, Result},
    extract::{Json, Path, Query},
    routes::{
        List,
        playback::{Asked, asked},
    },
};
use ::privacy::{Download, ExportId};
use accounts::AccountId;
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use base::{Error, Secret, Time};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A copy of one's data.
#[derive(Serialize, ToSchema)]
pub struct Export {
    id: Uuid,
    /// `waiting`, `running`, `ready` or `failed`.
    state: String,
    /// Whether footage is in it.
    footage: bool,
    /// Of a thousand.
    progress: u16,
    bytes: u64,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    /// Until when it can be fetched.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
    /// Why it failed.
    error: Option<String>,
}

impl From<::privacy::Export> for Export {
    fn from(export: ::privacy::Export) -> Self {
        let ::privacy::Export { id, state, footage, progress, bytes, created, until, error, .. } = export;
        Self { id: id.uuid(), state, footage, progress, bytes, created, until, error }
    }
}

/// What the copy holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExportWanted)]
pub struct Contents {
    /// Whether footage is in it, and not only what is known of it.
    footage: bool,
}

/// Ask for a copy of everything that is held. Needs a fresh confirmation of who one is.
#[utoipa::path(post, path = "/api/v1/privacy/export", tag = "privacy", request_body = Contents, responses((status = 202, body = Export)))]
pub async fn export(State(app): State<Arc<App>>, Who(caller): Who, Json(body): Json<Contents>) -> Result<Response> {
    let export = Export::from(app.privacy.export(&caller, body.footage).await?);
    Ok((StatusCode::ACCEPTED, axum::Json(export)).into_response())
}

/// One's copies, the newest first.
#[utoipa::path(get, path = "/api/v1/privacy/export", tag = "privacy", responses((status = 200, body = [Export])))]
pub async fn exports(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Vec<Export>>> {
    Ok(axum::Json(app.privacy.exports(&caller).await?.into_iter().map(Export::from).collect()))
}

/// Delete a copy before its time.
#[utoipa::path(delete, path = "/api/v1/privacy/export/{id}", tag = "privacy", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn delete_export(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.privacy.delete_export(&caller, id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fetch a copy of one's own. Needs a fresh confirmation of who one is. Byte ranges are answered.
#[utoipa::path(get, path = "/api/v1/privacy/export/{id}/download", tag = "privacy", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The archive", content_type = "application/zip"),
    (status = 206, description = "A part of it", content_type = "application/zip"),
    (status = 416, description = "No such bytes", body = Problem),
))]
pub async fn download(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let download = app.privacy.download(&caller, ExportId::from(id)).await?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Error::internal("a header of plain text"));
    let (len, tag) = (download.len(), value(&format!("\"{id}\""))?);
    let day = download.created.to_string();
    let name = day.split('T').next().unwrap_or_default();
    let disposition = format!("attachment; filename=\"nightjar-{name}.zip\"");
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::CONTENT_DISPOSITION, value(&disposition)?),
        (header::ETAG, tag.clone()),
    ];
    let part = match asked(&headers, &tag, len) {
        Asked::Whole => None,
        Asked::Part(part) => Some(part),
        Asked::Nowhere => {
            let unsatisfied = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            return Ok((unsatisfied, Problem::range_not_satisfiable()).into_response());
        }
    };
    let range = part.clone().unwrap_or(0..len);
    let size = range.end - range.start;
    let body = if method == Method::HEAD { Body::empty() } else { Body::from_stream(chunks(download, range)) };
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let range = part.map(|part| [(header::CONTENT_RANGE, format!("bytes {}-{}/{len}", part.start, part.end - 1))]);
    Ok((status, fixed, range, [(header::CONTENT_LENGTH, size)], body).into_response())
}

/// The bytes of a range, chunk by chunk, read where reading may block.
fn chunks(download: Download, range: std::ops::Range<u64>) -> impl stream::Stream<Item = base::Result<Vec<u8>>> {
    stream::try_unfold((download, range), |(mut download, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let offset = range.start;
        let read = tokio::task::spawn_blocking(move || download.at(offset).map(|bytes| (download, bytes)));
        let (download, mut bytes) = read.await.map_err(|error| Error::internal("reading broke").because(error))??;
        bytes.truncate((range.end - range.start).min(bytes.len() as u64) as usize);
        if bytes.is_empty() {
            return Err(Error::internal("the copy ends too early"));
        }
        let next = range.start + bytes.len() as u64..range.end;
        Ok(Some((bytes, (download, next))))
    })
}

/// How the account is to be closed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CloseAccount)]
pub struct Close {
    /// Households in which others live, and that nobody else owns, go too; those people are told.
    #[serde(default)]
    with_households: bool,
    /// Without the days in which it can be undone.
    #[serde(default)]
    now: bool,
}

/// What one keeps of an account that is closing. It is shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = ClosingAccount)]
pub struct Closing {
    /// Until when it can be undone; then everything is erased.
    #[schema(value_type = String, format = DateTime)]
    until: Time,
    /// The token that undoes it.
    undo: String,
    /// The token that fetches the certificate of erasure.
    certificate: String,
}

/// Close the account: from this moment nobody gets in and nothing is recorded or shown; after fourteen days everything is
/// erased. Needs a fresh confirmation of who one is.
#[utoipa::path(post, path = "/api/v1/privacy/close", tag = "privacy", request_body = Close, responses(
    (status = 200, body = Closing),
    (status = 409, description = "Others belong to the household: hand it over, or say that it goes too", body = Problem),
))]
pub async fn close(State(app): State<Arc<App>>, Who(caller): Who, Json(body): Json<Close>) -> Result<Response> {
    let closing = app.privacy.close_own(&caller, body.with_households, body.now).await?;
    let closing = Closing {
        until: closing.until,
        undo: closing.undo.expose().clone(),
        certificate: closing.certificate.expose().clone(),
    };
    Ok(([(header::SET_COOKIE, auth::ended())], axum::Json(closing)).into_response())
}

/// A token that was shown when the account was closed.
#[derive(Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[schema(as = ClosingToken)]
pub struct Token {
    token: String,
}

/// Undo the closing of an account, with its token. One signs in afterwards as before.
#[utoipa::path(post, path = "/api/v1/privacy/undo", tag = "privacy", request_body = Token, responses((status = 204)))]
pub async fn undo(State(app): State<Arc<App>>, Json(body): Json<Token>) -> Result<StatusCode> {
    app.privacy.undo(&Secret::new(body.token)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Erase a closing account now, with the token that would undo it. Nothing can undo this.
#[utoipa::path(post, path = "/api/v1/privacy/erase", tag = "privacy", request_body = Token, responses((status = 202)))]
pub async fn erase(State(app): State<Arc<App>>, Json(body): Json<Token>) -> Result<StatusCode> {
    app.privacy.erase_now(&Secret::new(body.token)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// The certificate of an erasure, with its token: what went, which keys were destroyed, what stays, signed. 503 while the
/// erasure goes on.
#[utoipa::path(get, path = "/api/v1/privacy/certificate", tag = "privacy", params(Token), responses((status = 200, description = "A signed statement", body = Value)))]
pub async fn certificate(State(app): State<Arc<App>>, Query(query): Query<Token>) -> Result<axum::Json<Value>> {
    Ok(axum::Json(app.privacy.certificate(&Secret::new(query.token)).await?))
}

/// Somebody who is under age.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MinorReport)]
pub struct Report {
    account: Uuid,
}

/// Report that a member of the household is under age: the account is frozen at once, and erased after two days unless the
/// report turns out to be wrong. The owner does it.
#[utoipa::path(post, path = "/api/v1/privacy/report-minor", tag = "privacy", request_body = Report, responses((status = 202)))]
pub async fn report(State(app): State<Arc<App>>, Who(caller): Who, Json(body): Json<Report>) -> Result<StatusCode> {
    app.privacy.report_member(&caller, AccountId::from(body.account)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// A report that is looked into.
#[derive(Serialize, ToSchema)]
pub struct OpenReport {
    account: Uuid,
    /// When the account is erased, unless the report turns out to be wrong.
    #[schema(value_type = String, format = DateTime)]
    until: Time,
}

/// The members of the household whose accounts are reported. The owner sees them.
#[utoipa::path(get, path = "/api/v1/privacy/report-minor", tag = "privacy", responses((status = 200, body = List<OpenReport>)))]
pub async fn reports(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<OpenReport>>> {
    let reports = app.privacy.reports(&caller).await?.into_iter();
    let items = reports.map(|(account, until)| OpenReport { account: account.uuid(), until }).collect();
    Ok(axum::Json(List { items, next: None }))
}

/// What was found out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MinorDecision)]
pub struct Decision {
    /// False: the person is of age, and the account goes on.
    minor: bool,
}

/// Decide over a report.
#[utoipa::path(put, path = "/api/v1/privacy/report-minor/{account}", tag = "privacy", params(("account" = Uuid, Path)), request_body = Decision, responses((status = 204)))]
pub async fn decide(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(account): Path<Uuid>,
    Json(body): Json<Decision>,
) -> Result<StatusCode> {
    app.privacy.decide_report(&caller, AccountId::from(account), body.minor).await?;
    Ok(StatusCode::NO_CONTENT)
}
