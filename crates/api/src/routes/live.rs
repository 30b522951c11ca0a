//! Live pictures and sound over a WebSocket: text messages say what is, binary ones are fragmented MP4.

use crate::{
    App,
    auth::Who,
    error::{Problem, Result},
    extract::Query,
    media::Ticket,
    routes::playback::Which,
};
use accounts::Caller;
use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use base::{Range, Time};
use cloud::live::{Message as Part, Viewer};
use devices::{CameraId, grant::Action};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use utoipa::ToSchema;

/// How often rights are read again and the view log is extended. Who is removed while they watch sees no more after five
/// seconds, however slow the machine.
const RENEW: Duration = Duration::from_secs(3);
/// What a viewer has to say is short.
const LONGEST_MESSAGE: usize = 1024;

/// A text message.
#[derive(Serialize, ToSchema, Debug, Clone, Copy, PartialEq)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LiveMessage<'a> {
    /// What follows is of this type, beginning with an initialisation segment. Media time zero is that instant.
    Init {
        mime: &'a str,
        #[schema(value_type = String, format = DateTime)]
        origin: Time,
    },
    /// The camera connects or records.
    State { state: &'a str },
    /// No pictures come, and why.
    Gap { cause: &'a str },
    /// Nothing will come any more.
    End { reason: &'a str },
}

/// Live pictures. First a text message `{"type":"init","mime":…}`, then binary messages: the initialisation segment, then
/// one `moof` and `mdat` for each picture. Later texts are `state`, `gap`, `end`, and `init` again when parameters change.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/live", tag = "footage", params(
    ("id" = Uuid, Path),
    ("stream" = Option<String>, Query, description = "`main` (default) or `sub`"),
    ("audio" = Option<u8>, Query, description = "0 leaves the sound out"),
), responses((status = 101, description = "A WebSocket", body = LiveMessage)))]
pub async fn watch(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Ticket(ticket): Ticket,
    Query(which): Query<Which>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response> {
    let upgrade = upgrade.map_err(|_| Problem::upgrade_required())?;
    let view = View { app: app.clone(), caller, camera: ticket.camera(), seen: app.world.clock.now() };
    let viewer = app.cloud.live(ticket, which.stream()?, which.audio())?;
    Ok(upgrade.max_message_size(LONGEST_MESSAGE).on_upgrade(move |socket| view.show(viewer, socket)))
}

/// A live view that is going on.
struct View {
    app: Arc<App>,
    caller: Caller,
    camera: CameraId,
    /// Until when the view log knows of it.
    seen: Time,
}

impl View {
    /// Hands on what comes until the viewer leaves, the right ends or nothing more can come.
    async fn show(mut self, mut viewer: Viewer, mut socket: WebSocket) {
        let mut renew = interval_at(Instant::now() + RENEW, RENEW);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let reason = loop {
            tokio::select! {
                part = viewer.next() => match part {
                    Some(part) => if send(&mut socket, part).await.is_err() { return },
                    None => break "the stream ended, or this viewer was too slow",
                },
                heard = socket.recv() => match heard {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                _ = renew.tick() => if let Err(error) = self.renew().await {
                    tracing::info!(kind = ?error.kind(), "a live view was ended");
                    break "the right to watch has ended";
                },
            }
        };
        let _ = socket.send(text(LiveMessage::End { reason })).await;
    }

    /// Reads the rights again and extends the view log to now.
    async fn renew(&mut self) -> base::Result<()> {
        self.caller = self.app.accounts.refresh(&self.caller).await?;
        let now = self.app.world.clock.now();
        let range = Range { start: self.seen, end: now.max(self.seen + Duration::from_micros(1)) };
        drop(self.app.devices.ticket(&self.caller, self.camera, Action::Live, Some(range)).await?);
        self.seen = now;
        Ok(())
    }
}

async fn send(socket: &mut WebSocket, part: Part) -> Result<(), axum::Error> {
    match part {
        Part::Init { mime, segment, origin } => {
            socket.send(text(LiveMessage::Init { mime: &mime, origin })).await?;
            socket.send(Message::Binary(segment)).await
        }
        Part::Part { bytes, .. } => socket.send(Message::Binary(bytes)).await,
        Part::State { cause: Some(cause), .. } => socket.send(text(LiveMessage::Gap { cause })).await,
        // The init message that is about to come says it better, and scripts rely on its coming first.
        Part::State { state: "recording", .. } => Ok(()),
        Part::State { state, .. } => socket.send(text(LiveMessage::State { state })).await,
    }
}

fn text(message: LiveMessage) -> Message {
    Message::Text(serde_json::to_string(&message).expect("messages are plain values").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_shapes_of_the_contract() {
        let origin = "2026-03-01T12:00:00Z".parse().unwrap();
        let init = serde_json::to_string(&LiveMessage::Init { mime: "video/mp4", origin }).unwrap();
        assert_eq!(init, r#"{"type":"init","mime":"video/mp4","origin":"2026-03-01T12:00:00Z"}"#);
        let gap = serde_json::to_string(&LiveMessage::Gap { cause: "offline" }).unwrap();
        assert_eq!(gap, r#"{"type":"gap","cause":"offline"}"#);
    }
}
