//! What changes, as it changes, so that pages need not ask again and again.

use crate::{App, auth::Who, error::Result, routes::cameras};
use accounts::Caller;
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use std::{
    convert::Infallible,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How often the recorders are looked at; that reads memory alone.
const LOOK: Duration = Duration::from_secs(1);
/// How often the list is told although nothing but its moving numbers changed, and the right to it is read again.
const TELL: Duration = Duration::from_secs(10);

/// The cameras as server-sent events: an event `cameras` with the answer of `GET /api/v1/cameras` at once, when a camera or
/// its state changes, and every ten seconds. It ends when the right to it ends.
#[utoipa::path(get, path = "/api/v1/changes", tag = "cameras", responses((status = 200, description = "Events", content_type = "text/event-stream")))]
pub async fn follow(
    State(app): State<Arc<App>>,
    Who(caller): Who,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let watch = Watch { changes: app.devices.changes(), app, caller, told: None };
    let events = stream::unfold(watch, |mut watch| async move { watch.next().await.map(|event| (Ok(event), watch)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

struct Watch {
    app: Arc<App>,
    caller: Caller,
    changes: tokio::sync::watch::Receiver<u64>,
    /// When the list was last told, and what the recorders did then.
    told: Option<(Instant, u64)>,
}

impl Watch {
    /// The next event; `None` once the caller may not be told any more.
    async fn next(&mut self) -> Option<Event> {
        while let Some((at, state)) = self.told
            && at.elapsed() < TELL
            && state == self.state()
        {
            tokio::select! {
                () = sleep(LOOK) => {}
                changed = self.changes.changed() => {
                    changed.ok()?;
                    break;
                }
            }
        }
        self.told = Some((Instant::now(), self.state()));
        self.caller = self.app.accounts.refresh(&self.caller).await.ok()?;
        let list = cameras::shown(&self.app.devices, &self.app.cloud, &self.caller).await.ok()?;
        Event::default().event("cameras").json_data(list).ok()
    }

    /// What the recorders do, as a number to compare.
    fn state(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        for (camera, status) in self.app.cloud.gauges() {
            let cause = status.condition.cause().map(cloud::Cause::word);
            (camera, status.stream, status.condition.word(), cause, status.codec).hash(&mut hash);
        }
        hash.finish()
    }
}
