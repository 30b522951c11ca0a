//! Tells the index what the writer made durable, in batches; keeps trying while the database is slow or away.

use super::state::{Recent, StreamState};
use crate::{
    gap::Cause,
    index::{FileId, Index, Save},
};
use base::{Result, Time};
use devices::CameraId;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot};

/// Most events taken into one transaction.
const BATCH: usize = 512;
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What the index must learn, in the order in which it happened.
pub(crate) enum Event {
    Saved(Vec<Saved>),
    GapBegins {
        camera: CameraId,
        start: Time,
        cause: Cause,
    },
    GapEnds {
        camera: CameraId,
        end: Time,
    },
    Gap {
        camera: CameraId,
        start: Time,
        end: Time,
        cause: Cause,
    },
    /// Answers when everything before it is stored.
    Flush(oneshot::Sender<()>),
}

/// A file as it was when its bytes became durable.
pub(crate) struct Saved {
    pub stream: Arc<StreamState>,
    pub recent: Recent,
    /// Sealed bytes since it was saved last.
    pub grown: u64,
}

/// Runs until all senders are gone and everything they sent is stored.
pub(crate) async fn run(index: Index, mut events: mpsc::UnboundedReceiver<Event>) {
    let mut batch = Vec::new();
    while events.recv_many(&mut batch, BATCH).await > 0 {
        let (mut saves, mut gaps, mut flushes) = (Vec::new(), Vec::new(), Vec::new());
        for event in batch.drain(..) {
            match event {
                Event::Saved(more) => merge(&mut saves, more),
                Event::Flush(done) => flushes.push(done),
                gap => gaps.push(gap),
            }
        }
        insist(|| store_files(&index, &saves)).await;
        for saved in &saves {
            if saved.recent.file.closed {
                saved.stream.forget_recent(saved.recent.file.id);
            }
        }
        for gap in &gaps {
            insist(|| store_gap(&index, gap)).await;
        }
        for done in flushes {
            let _ = done.send(());
        }
    }
}

/// Keeps the newest state of each file and the sum of its growth.
fn merge(saves: &mut Vec<Saved>, more: Vec<Saved>) {
    let mut known: HashMap<FileId, usize> =
        saves.iter().enumerate().map(|(at, saved)| (saved.recent.file.id, at)).collect();
    for saved in more {
        match known.get(&saved.recent.file.id) {
            Some(&at) => {
                let grown = saves[at].grown + saved.grown;
                saves[at] = Saved { grown, ..saved };
            }
            None => {
                known.insert(saved.recent.file.id, saves.len());
                saves.push(saved);
            }
        }
    }
}

/// Tries until it is done: recording does not wait for this, and nothing else may lose what it tells.
async fn insist<F, T>(mut attempt: F)
where
    F: FnMut() -> T,
    T: Future<Output = Result<()>>,
{
    while let Err(error) = attempt().await {
        tracing::error!(?error, "the index cannot be written; trying again");
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn store_files(index: &Index, saves: &[Saved]) -> Result<()> {
    for saved in saves {
        index.keep_params(saved.recent.file.camera, saved.recent.file.stream, &saved.recent.description).await?;
    }
    let rows: Vec<Save> =
        saves.iter().map(|saved| Save { file: saved.recent.file.clone(), grown: saved.grown }).collect();
    index.save(&rows).await
}

async fn store_gap(index: &Index, gap: &Event) -> Result<()> {
    match *gap {
        Event::GapBegins { camera, start, cause } => index.open_gap(camera, start, cause).await,
        Event::GapEnds { camera, end } => index.close_gap(camera, end).await,
        Event::Gap { camera, start, end, cause } => index.add_gap(camera, start, Some(end), cause).await,
        Event::Saved(_) | Event::Flush(_) => Ok(()),
    }
}
