//! How a camera is doing.

use crate::{App, auth::Who, error::Result, extract::Path};
use axum::extract::State;
use base::Time;
use cloud::StreamStatus;
use devices::CameraId;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// How a camera is doing.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `recording`, `connecting`, `offline` or `off`.
    state: &'static str,
    /// Since when it has not recorded.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// Why it does not record.
    cause: Option<&'static str>,
    streams: Vec<StreamHealth>,
}

/// How a stream is doing, since the server started.
#[derive(Serialize, ToSchema)]
pub struct StreamHealth {
    /// `main` or `sub`.
    name: &'static str,
    state: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_frame: Option<Time>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_key_frame: Option<Time>,
    /// Sessions that had to be made anew.
    reconnects: u32,
    /// Packets lost.
    lost: u64,
    /// Bytes of video and sound.
    bytes: u64,
    /// Kilobits a second, over the last ten seconds.
    kbit_s: Option<u64>,
    /// Pictures a second, over the last ten seconds.
    fps: Option<f32>,
    /// The last hour, a point each ten seconds.
    history: Vec<Point>,
}

/// A point of the plot.
#[derive(Serialize, ToSchema)]
pub struct Point {
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    kbit_s: u64,
    fps: f32,
}

impl From<&StreamStatus> for StreamHealth {
    fn from(status: &StreamStatus) -> Self {
        let point = |rate: &cloud::health::Rate| Point { at: rate.time, kbit_s: rate.bits / 1000, fps: rate.fps };
        Self {
            name: status.stream.as_str(),
            state: status.condition.word(),
            last_frame: status.last_frame,
            last_key_frame: status.last_key,
            reconnects: status.reconnects,
            lost: status.lost,
            bytes: status.bytes,
            kbit_s: status.plot.last().map(|rate| rate.bits / 1000),
            fps: status.fps,
            history: status.plot.iter().map(point).collect(),
        }
    }
}

/// How a camera is doing.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/health", tag = "cameras", params(("id" = Uuid, Path)), responses((status = 200, body = Health)))]
pub async fn show(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<axum::Json<Health>> {
    let status = app.cloud.status(&caller, CameraId::from(id)).await?;
    Ok(axum::Json(Health {
        state: status.condition.word(),
        since: status.gap.as_ref().map(|gap| gap.start),
        cause: status.gap.as_ref().map(|gap| gap.cause.word()),
        streams: status.streams.iter().map(StreamHealth::from).collect(),
    }))
}
