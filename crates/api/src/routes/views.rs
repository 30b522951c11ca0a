//! Who watched what.

use crate::{App, auth::Who, error::Result, extract::Query, routes::List};
use accounts::AccountId;
use axum::extract::State;
use base::Time;
use devices::CameraId;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which rows.
#[derive(Deserialize, IntoParams)]
pub struct Filter {
    /// Only of this camera.
    camera: Option<Uuid>,
    /// The `next` of the page before.
    before: Option<Uuid>,
    /// How many, 500 at most; 100 unless said.
    limit: Option<u64>,
}

/// Somebody watched something, or tried to.
#[derive(Serialize, ToSchema)]
pub struct View {
    id: Uuid,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    /// When it was last gone on with.
    #[schema(value_type = String, format = DateTime)]
    until: Time,
    /// The person's name; null for the machine's own terminal, a token made there, or somebody who has left.
    who: Option<String>,
    /// The browser, token or terminal, as in `Firefox on Linux`.
    label: String,
    camera: Option<Uuid>,
    /// Null once the camera was removed.
    camera_name: Option<String>,
    /// `live`, `play`, `download`, `export`, `snapshot`, `thumbnail`; `setup-link` for an address that lets the owner in.
    action: &'static str,
    /// False: it was refused.
    allowed: bool,
    /// Of which time the pictures were.
    #[schema(value_type = Option<String>, format = DateTime)]
    start: Option<Time>,
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<Time>,
}

/// Who watched what, the newest first: for the owner all of the household, for a viewer what that person watched.
#[utoipa::path(get, path = "/api/v1/views", tag = "views", params(Filter), responses((status = 200, body = List<View>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Query(filter): Query<Filter>,
) -> Result<axum::Json<List<View>>> {
    let (camera, before) = (filter.camera.map(Into::into), filter.before.map(Into::into));
    let page = app.devices.view_log(&caller, camera, before, filter.limit.unwrap_or(100)).await?;
    let cameras = app.devices.cameras(&caller).await?;
    let cameras: HashMap<CameraId, String> =
        cameras.into_iter().map(|camera| (camera.id, camera.name.into_inner())).collect();
    let people = app.accounts.people(&caller).await?;
    let people: HashMap<AccountId, String> =
        people.into_iter().map(|person| (person.id, person.name().open().clone())).collect();
    let item = |view: devices::grant::View| View {
        id: view.id.uuid(),
        at: view.started,
        until: view.last,
        who: view.account.and_then(|account| people.get(&account).cloned()),
        label: view.label,
        camera: view.camera.map(CameraId::uuid),
        camera_name: view.camera.and_then(|camera| cameras.get(&camera).cloned()),
        action: view.action.as_str(),
        allowed: view.allowed,
        start: view.media.map(|media| media.start),
        end: view.media.map(|media| media.end),
    };
    let next = page.next.map(|id| id.to_string());
    Ok(axum::Json(List { items: page.items.into_iter().map(item).collect(), next }))
}

/// What the chain of the view log shows.
#[derive(Serialize, ToSchema)]
pub struct Chain {
    /// Rows in it; the newest join it a minute after they ended.
    rows: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// SHA-256 of the newest row and all before it, in hex: write it down, and later rows cannot be changed unseen.
    head: Option<String>,
    /// The first row that was changed, or follows one that was removed; null: none.
    broken_at: Option<Uuid>,
}

/// Whether the view log was changed afterwards: its rows form a chain of hashes.
#[utoipa::path(get, path = "/api/v1/views/chain", tag = "views", responses((status = 200, body = Chain)))]
pub async fn chain(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<Chain>> {
    let chain = app.devices.view_chain(&caller).await?;
    Ok(axum::Json(Chain {
        rows: chain.rows,
        since: chain.since,
        head: chain.head.map(|head| head.iter().map(|byte| format!("{byte:02x}")).collect()),
        broken_at: chain.broken_at.map(|id| id.uuid()),
    }))
}
