//! What a camera has recorded, what it has not and why, and forgetting a part of it.

use crate::{App, auth::Who, error::Result, extract::Path, media::range};
use axum::extract::{RawQuery, State};
use base::Time;
use devices::CameraId;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest timeline that is told at once.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// Any range can be deleted: about ten thousand years.
const EVER: Duration = Duration::from_secs(10_000 * 366 * 86_400);

/// What there is of a camera between two instants.
#[derive(Serialize, ToSchema)]
pub struct Timeline {
    camera: Uuid,
    #[schema(value_type = String, format = DateTime)]
    start: Time,
    #[schema(value_type = String, format = DateTime)]
    end: Time,
    spans: Vec<Span>,
    gaps: Vec<Gap>,
    /// The end of the newest footage; null if there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    live_edge: Option<Time>,
}

/// A time with footage.
#[derive(Serialize, ToSchema)]
pub struct Span {
    #[schema(value_type = String, format = DateTime)]
    start: Time,
    #[schema(value_type = String, format = DateTime)]
    end: Time,
    /// `main` or `sub`.
    stream: &'static str,
    bytes: u64,
}

/// A time without footage.
#[derive(Serialize, ToSchema)]
pub struct Gap {
    #[schema(value_type = String, format = DateTime)]
    start: Time,
    /// Null while it lasts.
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<Time>,
    /// `offline refused unauthorized no_such_path unsupported_codec disk_full stopped switched_off clock_jump corrupt
    /// crash no_record`
    cause: &'static str,
}

/// Footage and gaps between two instants, 31 days apart at most.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/timeline", tag = "footage", params(
    ("id" = Uuid, Path),
    ("start" = String, Query, format = DateTime),
    ("end" = String, Query, format = DateTime),
), responses((status = 200, body = Timeline), (status = 422, description = "Over 31 days", body = crate::error::Problem)))]
pub async fn show(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    RawQuery(query): RawQuery,
) -> Result<axum::Json<Timeline>> {
    let wanted = range(&query.unwrap_or_default(), LONGEST, "a timeline covers at most 31 days")?;
    let timeline = app.cloud.timeline(&caller, CameraId::from(id), wanted).await?;
    let span = |span: &cloud::index::Span| Span {
        start: span.range.start,
        end: span.range.end,
        stream: span.stream.as_str(),
        bytes: span.bytes,
    };
    let gap = |gap: &cloud::index::Gap| Gap { start: gap.start, end: gap.end, cause: gap.cause.word() };
    Ok(axum::Json(Timeline {
        camera: id,
        start: timeline.range.start,
        end: timeline.range.end,
        spans: timeline.spans.iter().map(span).collect(),
        gaps: timeline.gaps.iter().map(gap).collect(),
        live_edge: timeline.live_edge,
    }))
}

/// What was deleted.
#[derive(Serialize, ToSchema)]
pub struct Deleted {
    bytes: u64,
}

/// Delete the footage between two instants, for good: its key is destroyed. Whole fragments go, so that up to four seconds
/// on either side may go too.
#[utoipa::path(delete, path = "/api/v1/cameras/{id}/recording", tag = "footage", params(
    ("id" = Uuid, Path),
    ("start" = String, Query, format = DateTime),
    ("end" = String, Query, format = DateTime),
), responses((status = 200, body = Deleted)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    RawQuery(query): RawQuery,
) -> Result<axum::Json<Deleted>> {
    let wanted = range(&query.unwrap_or_default(), EVER, "no such time")?;
    let bytes = app.cloud.delete_range(&caller, CameraId::from(id), wanted).await?;
    Ok(axum::Json(Deleted { bytes }))
}
