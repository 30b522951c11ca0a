//! What changes, as it changes, so that pages need not ask again and again.

use crate::{App, auth::Who, error::Result, routes::cameras};
use accounts::Caller;
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use std::{convert::Infallible, sync::Arc, time::Duration};

/// How often the state of the cameras is compared.
const EVERY: Duration = Duration::from_secs(2);

/// The cameras as server-sent events: an event `cameras` with the answer of `GET /api/v1/cameras` at once and whenever it has
/// changed. It ends when the right to it ends.
#[utoipa::path(get, path = "/api/v1/changes", tag = "cameras", responses((status = 200, description = "Events", content_type = "text/event-stream")))]
pub async fn follow(
    State(app): State<Arc<App>>,
    Who(caller): Who,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let watch = Watch { changes: app.devices.changes(), app, caller, told: String::new() };
    let events = stream::unfold(watch, |mut watch| async move { watch.next().await.map(|event| (Ok(event), watch)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

struct Watch {
    app: Arc<App>,
    caller: Caller,
    changes: tokio::sync::watch::Receiver<u64>,
    told: String,
}

impl Watch {
    /// The next event; `None` once the caller may not be told any more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let now = self.state().await?;
            if now != self.told {
                self.told = now;
                return Some(Event::default().event("cameras").data(&self.told));
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                changed = self.changes.changed() => changed.ok()?,
            }
        }
    }

    async fn state(&mut self) -> Option<String> {
        self.caller = self.app.accounts.refresh(&self.caller).await.ok()?;
        serde_json::to_string(&cameras::shown(&self.app.devices, &self.app.cloud, &self.caller).await.ok()?).ok()
    }
}
