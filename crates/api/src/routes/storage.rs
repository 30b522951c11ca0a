//! Room for footage, and the recovery copy of the key that opens it.

use crate::{App, auth::Who, error::Result, extract::Json};
use accounts::Via;
use axum::{extract::State, response::IntoResponse};
use base::{Error, Secret, Time};
use http::header;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;
use uuid::Uuid;

/// How much of the past the plot shows.
const SHOWN: Duration = Duration::from_secs(31 * 86_400);

/// Room and its use.
#[derive(Serialize, ToSchema)]
pub struct Storage {
    disk: Disk,
    /// Whether recording stands still for want of room.
    full: bool,
    cameras: Vec<CameraStorage>,
    /// Bytes of footage over the last 31 days.
    history: Vec<Point>,
    /// Bytes that a day brings at the present rate.
    bytes_per_day: u64,
    /// When the room ends, if retention does not make room before; else null.
    #[schema(value_type = Option<String>, format = DateTime)]
    full_at: Option<Time>,
    /// Whether a recovery copy of the root key was saved.
    recovery_copy_saved: bool,
}

/// The disk with the footage.
#[derive(Serialize, ToSchema)]
pub struct Disk {
    /// Bytes of footage.
    used_bytes: u64,
    /// Bytes that are free on the disk.
    free_bytes: u64,
    /// Bytes of the whole disk.
    capacity_bytes: u64,
    /// Bytes that all footage may take; 0 for no limit.
    max_bytes: u64,
}

/// What a camera's footage takes.
#[derive(Serialize, ToSchema)]
pub struct CameraStorage {
    camera: Uuid,
    bytes: u64,
    #[schema(value_type = String, format = DateTime)]
    oldest: Time,
    bytes_per_day: u64,
}

/// A point of the plot.
#[derive(Serialize, ToSchema)]
#[schema(as = StoragePoint)]
pub struct Point {
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    bytes: u64,
}

/// Room for footage and its use.
#[utoipa::path(get, path = "/api/v1/storage", tag = "storage", responses((status = 200, body = Storage)))]
pub async fn show(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Storage>> {
    let usage = app.cloud.usage(&caller, app.world.clock.now() - SHOWN).await?;
    let a_day = |rate: u64| rate.saturating_mul(86_400);
    let disk = Disk {
        used_bytes: usage.cameras.iter().map(|camera| camera.bytes).sum(),
        free_bytes: usage.free,
        capacity_bytes: usage.capacity,
        max_bytes: usage.limit,
    };
    let camera = |camera: &cloud::CameraUsage| CameraStorage {
        camera: camera.camera.uuid(),
        bytes: camera.bytes,
        oldest: camera.oldest,
        bytes_per_day: a_day(camera.rate),
    };
    Ok(axum::Json(Storage {
        disk,
        full: usage.full,
        bytes_per_day: a_day(usage.cameras.iter().map(|camera| camera.rate).sum()),
        cameras: usage.cameras.iter().map(camera).collect(),
        history: usage.plot.iter().map(|&(at, bytes)| Point { at, bytes }).collect(),
        full_at: usage.full_on,
        recovery_copy_saved: (app.root_key.copy_saved)(),
    }))
}

/// What wraps the recovery copy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Passphrase {
    /// At least twelve characters.
    passphrase: String,
}

/// A recovery copy of the root key, wrapped by a passphrase. `nightjar key import` takes it back. Needs a fresh
/// confirmation.
#[utoipa::path(post, path = "/api/v1/key/export", tag = "storage", request_body = Passphrase, responses((status = 200, description = "The copy", content_type = "application/octet-stream")))]
pub async fn export_key(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Passphrase>,
) -> Result<impl IntoResponse> {
    let owner_in_person = caller.household() == app.household && matches!(caller.via(), Via::Session(_));
    if !owner_in_person {
        return Err(Error::denied("only the owner of this installation, signed in, can take the root key").into());
    }
    caller.require_owner()?;
    caller.require_recent(app.world.clock.now())?;
    let passphrase = Secret::new(body.passphrase);
    let copied = tokio::task::spawn_blocking(move || (app.root_key.copy)(&passphrase)).await;
    let copy = copied.map_err(|error| Error::internal("the copy could not be made").because(error))??;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"nightjar-root-key.txt\""),
    ];
    Ok((headers, copy))
}
