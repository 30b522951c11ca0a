//! What is known of a stream while it runs: shared by its I/O thread, the writer, viewers and playback.

use super::indexer::Event;
use crate::{
    Stream,
    gap::Cause,
    health::Health,
    index::{File, FileId},
    live::Hub,
    params::Description,
    table::Entry,
};
use base::Time;
use devices::CameraId;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::mpsc;
use vault::EpochKey;

/// A gap inside a session shorter than this is a hiccup, not worth a mark on the timeline.
const NOTABLE_GAP: std::time::Duration = std::time::Duration::from_millis(1500);

/// A file that the index does not fully know yet, with what decodes it.
#[derive(Clone)]
pub(crate) struct Recent {
    pub file: File,
    pub description: Arc<Description>,
}

/// Whether the stream records, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Connecting,
    Recording,
    Away(Cause),
    Off,
}

impl Condition {
    /// The word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Condition::Connecting => "connecting",
            Condition::Recording => "recording",
            Condition::Away(_) => "offline",
            Condition::Off => "off",
        }
    }

    /// Why it does not record, if that is known.
    pub fn cause(self) -> Option<Cause> {
        match self {
            Condition::Away(cause) => Some(cause),
            _ => None,
        }
    }
}

/// A stream of a camera that is switched on.
pub(crate) struct StreamState {
    pub camera: CameraId,
    pub stream: Stream,
    pub hub: Hub,
    pub health: Health,
    /// Changed by the supervisor each hour, read at the start of each file.
    epoch: Mutex<Arc<EpochKey>>,
    /// The next file begins a new run: what came before it is being cut.
    new_run: AtomicBool,
    events: mpsc::UnboundedSender<Event>,
    inner: Mutex<Inner>,
}

struct Inner {
    condition: Condition,
    description: Option<Arc<Description>>,
    recent: Vec<Recent>,
    session: Option<camera::Handle>,
    /// The end of the last fragment on the shelf, or since when the stream should have recorded.
    stored_until: Time,
    gap_is_open: bool,
}

impl StreamState {
    /// A stream that should record from `now` on. `gap_is_open`: the index has an open gap for the camera.
    pub fn new(
        camera: CameraId,
        stream: Stream,
        epoch: EpochKey,
        events: mpsc::UnboundedSender<Event>,
        now: Time,
        gap_is_open: bool,
    ) -> Self {
        let inner = Inner {
            condition: Condition::Connecting,
            description: None,
            recent: Vec::new(),
            session: None,
            stored_until: now,
            gap_is_open,
        };
        Self {
            camera,
            stream,
            hub: Hub::default(),
            health: Health::default(),
            epoch: Mutex::new(Arc::new(epoch)),
            new_run: AtomicBool::new(false),
            events,
            inner: Mutex::new(inner),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key for the next file.
    pub fn epoch(&self) -> Arc<EpochKey> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next file is sealed under this key.
    pub fn set_epoch(&self, key: EpochKey) {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }

    /// Lets the next file begin a new run under a new key.
    pub fn roll(&self, key: EpochKey) {
        self.new_run.store(true, Ordering::Release);
        self.set_epoch(key);
    }

    /// Whether [`Self::roll`] was called since the last file began.
    pub fn take_roll(&self) -> bool {
        self.new_run.swap(false, Ordering::AcqRel)
    }

    pub fn condition(&self) -> Condition {
        self.inner().condition
    }

    /// Tells viewers, if it is news.
    pub fn set_condition(&self, condition: Condition) {
        let old = std::mem::replace(&mut self.inner().condition, condition);
        if old != condition {
            self.hub.announce(condition.word(), condition.cause().map(Cause::word));
        }
    }

    /// The parameters of the last run.
    pub fn description(&self) -> Option<Arc<Description>> {
        self.inner().description.clone()
    }

    /// The session in progress, so that a viewer can ask it for promptness.
    pub fn set_session(&self, session: Option<camera::Handle>) {
        if let Some(session) = &session {
            session.set_watched(self.hub.is_watched());
        }
        self.inner().session = session;
    }

    /// Reads the socket on readiness while somebody watches, on the tick otherwise.
    pub fn set_watched(&self, watched: bool) {
        if let Some(session) = &self.inner().session {
            session.set_watched(watched);
        }
    }

    /// A run began on the I/O thread.
    pub fn run_began(&self, description: Arc<Description>) {
        self.inner().description = Some(description);
        self.hub.restart();
    }

    /// The stream does not record for this cause, since the last fragment that was stored.
    pub fn halt(&self, cause: Cause) {
        self.set_condition(Condition::Away(cause));
        let mut inner = self.inner();
        inner.gap_is_open = true;
        let start = inner.stored_until;
        self.tell(Event::GapBegins { camera: self.camera, start, cause });
    }

    /// A fragment reached the shelf: it belongs to the file and is visible to playback from now on. `cause` explains a
    /// gap before it, if there is one.
    pub fn stored(&self, recent: impl FnOnce() -> Recent, id: FileId, entry: Entry, sealed: u64, cause: Option<Cause>) {
        let mut inner = self.inner();
        self.mend_gap(&mut inner, &entry, cause);
        inner.stored_until = entry.end();
        let at = match inner.recent.iter().position(|known| known.file.id == id) {
            Some(at) => at,
            None => {
                inner.recent.push(recent());
                inner.recent.len() - 1
            }
        };
        let file = &mut inner.recent[at].file;
        file.table.entries.push(entry);
        file.range.end = file.range.end.max(entry.end());
        file.bytes += sealed;
        drop(inner);
        self.set_condition(Condition::Recording);
    }

    fn mend_gap(&self, inner: &mut Inner, entry: &Entry, cause: Option<Cause>) {
        if std::mem::take(&mut inner.gap_is_open) {
            self.tell(Event::GapEnds { camera: self.camera, end: entry.time });
        } else if entry.time.since(inner.stored_until) > NOTABLE_GAP {
            let (start, end) = (inner.stored_until, entry.time);
            let cause = cause.unwrap_or(Cause::Corrupt);
            self.tell(Event::Gap { camera: self.camera, start, end, cause });
        }
    }

    /// Gaps are told of the main stream alone: it is what a person looks for.
    fn tell(&self, event: Event) {
        if self.stream == Stream::Main {
            let _ = self.events.send(event);
        }
    }

    /// The writer is done with the file.
    pub fn closed(&self, id: FileId) {
        if let Some(recent) = self.inner().recent.iter_mut().find(|recent| recent.file.id == id) {
            recent.file.closed = true;
        }
    }

    /// The file as it is now.
    pub fn recent_file(&self, id: FileId) -> Option<Recent> {
        self.inner().recent.iter().find(|recent| recent.file.id == id).cloned()
    }

    /// Files that the index may not know in full.
    pub fn recent(&self) -> Vec<Recent> {
        self.inner().recent.clone()
    }

    /// The index knows the file in full, or it is gone.
    pub fn forget_recent(&self, id: FileId) {
        self.inner().recent.retain(|recent| recent.file.id != id);
    }

    /// The end of the last fragment on the shelf.
    pub fn stored_until(&self) -> Time {
        self.inner().stored_until
    }
}
