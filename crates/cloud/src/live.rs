//! Live view: the samples of the fragment being built, handed to viewers as they arrive.
//!
//! A hub belongs to one stream. The recorder's I/O thread feeds it; each viewer has a bounded queue, and a viewer that
//! does not keep up is dropped, never the recorder. All viewers of a stream share the same bytes. A viewer begins
//! with the key frame of the fragment being built, so a picture is there at once.
//! Media time zero is the start of the camera session; [`Message::Init`] tells which instant that is.

use base::Time;
use bytes::Bytes;
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::mpsc;

/// Parts that a viewer may lag behind: about eight seconds of video with audio at 15 frames a second.
const QUEUE: usize = 256;

/// What a viewer is told.
#[derive(Clone, Debug)]
pub enum Message {
    /// New parameters: the MIME type for `MediaSource`, the init segment, the instant of media time zero.
    Init { mime: String, segment: Bytes, origin: Time },
    /// One sample as `moof` and `mdat`, and the instant at which it was captured.
    Part { bytes: Bytes, time: Time },
    /// The camera connects, records, or is away for a cause.
    State { state: &'static str, cause: Option<&'static str> },
}

/// A view in progress. Dropping it ends it.
pub struct Viewer {
    messages: mpsc::Receiver<Message>,
}

impl Viewer {
    pub(crate) fn new(messages: mpsc::Receiver<Message>) -> Self {
        Self { messages }
    }

    /// The next message; `None` when the stream was removed or the viewer fell too far behind.
    pub async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

/// Who watches a stream.
#[derive(Default)]
pub(crate) struct Hub {
    watchers: Mutex<Vec<Watcher>>,
    count: AtomicUsize,
}

pub(crate) struct Watcher {
    queue: mpsc::Sender<Message>,
    pub audio: bool,
    /// Whether it got an init segment and may get parts.
    pub started: bool,
}

impl Watcher {
    /// Queues a message; false if the viewer is gone or too slow.
    pub fn send(&self, message: Message) -> bool {
        self.queue.try_send(message).is_ok()
    }
}

impl Hub {
    fn watchers(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a viewer. It gets its first message when the I/O thread next visits the stream.
    pub fn attach(&self, audio: bool, first: Message) -> mpsc::Receiver<Message> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let watcher = Watcher { queue, audio, started: false };
        watcher.send(first);
        let mut watchers = self.watchers();
        watchers.push(watcher);
        self.count.store(watchers.len(), Ordering::Release);
        messages
    }

    /// Whether anybody watches: one load, for the path that every frame takes.
    pub fn is_watched(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.is_watched() && self.watchers().iter().any(|watcher| watcher.audio)
    }

    /// Number of viewers.
    pub fn viewers(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Gives every watcher to `visit`, which says whether to keep it; drops those whose receiver is gone.
    pub fn visit(&self, mut visit: impl FnMut(&mut Watcher) -> bool) {
        let mut watchers = self.watchers();
        watchers.retain_mut(|watcher| !watcher.queue.is_closed() && visit(watcher));
        self.count.store(watchers.len(), Ordering::Release);
    }

    /// The parameters changed or the session ended: viewers wait for a new init segment.
    pub fn restart(&self) {
        self.visit(|watcher| {
            watcher.started = false;
            true
        });
    }

    /// Tells every viewer the state of the camera.
    pub fn announce(&self, state: &'static str, cause: Option<&'static str>) {
        self.visit(|watcher| watcher.send(Message::State { state, cause }));
    }

    /// Ends every view: the camera was removed.
    pub fn close(&self) {
        self.visit(|_| false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(n: i64) -> Message {
        Message::Part { bytes: Bytes::from_static(b"moofmdat"), time: Time::from_micros(n) }
    }

    fn greeting() -> Message {
        Message::State { state: "recording", cause: None }
    }

    #[test]
    fn a_slow_viewer_is_dropped_and_the_others_go_on() {
        let hub = Hub::default();
        let _slow = hub.attach(false, greeting());
        let mut fast = hub.attach(false, greeting());
        for n in 0..QUEUE as i64 * 2 {
            hub.visit(|watcher| watcher.send(part(n)));
            while fast.try_recv().is_ok() {}
        }
        assert_eq!(hub.viewers(), 1);
    }

    #[test]
    fn a_viewer_that_left_no_longer_counts() {
        let hub = Hub::default();
        drop(hub.attach(true, greeting()));
        assert!(hub.is_watched());
        hub.visit(|_| true);
        assert!(!hub.is_watched() && !hub.is_heard());
    }
}
