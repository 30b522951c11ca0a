//! The program itself: alive, ready, measured, described.

use crate::App;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Whether the process runs.
#[utoipa::path(get, path = "/healthz", tag = "program", responses((status = 200, description = "It runs", body = str)))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the server can do its work.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// Whether everything below is well.
    ready: bool,
    /// Whether the database answers.
    database: bool,
    /// Whether recordings can be written.
    recording: bool,
}

/// Whether the server can do its work.
#[utoipa::path(get, path = "/readyz", tag = "program", responses(
    (status = 200, description = "It can", body = Readiness),
    (status = 503, description = "It cannot", body = Readiness),
))]
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    let database = app.accounts.ensure_household().await.is_ok();
    let recording = !app.cloud.is_full();
    let ready = database && recording;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(Readiness { ready, database, recording })).into_response()
}

/// Measurements in the text format of Prometheus. They name cameras by id, never by name.
#[utoipa::path(get, path = "/metrics", tag = "program", responses((status = 200, description = "Measurements", body = str)))]
pub async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (app.metrics)())
}

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "program", responses((status = 200, description = "OpenAPI 3.1")))]
pub async fn openapi() -> impl IntoResponse {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(crate::openapi);
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}
