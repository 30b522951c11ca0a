//! Writes fragments: seals them onto the shelf, makes them durable in groups, and tells the index.
//!
//! ```text
//! I/O threads ──jobs (Vec, drained every 100 ms)──> writer ──saves (once a second)──> committer ──> indexer
//! ```
//! The order that makes a crash harmless: the epoch key is durable before its first use, fragments before their row.
//! One thread writes and another commits, so that a slow disk flush delays neither sockets nor writes.

use super::{
    indexer::{Event, Saved},
    state::{Recent, StreamState},
};
use crate::{
    gap::Cause,
    index::{File, FileId, RunId},
    params::Description,
    table::{Entry, Table},
};
use base::{Range, Time};
use media::fragment::Fragment;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc as tokio_mpsc, oneshot};
use vault::{EpochKey, FileWriter, FragmentMeta, ObjectName, Vault, format::flags};

/// How long a fragment may wait for the writer. Fewer wake-ups cost less; a crash loses what waits.
const PAUSE: Duration = Duration::from_millis(100);
/// Group commit: a power cut loses at most this.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// An open file's row is saved at least this often.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// Recording stops while the shelf has less room than this, so that the database on the same disk can still write.
const RESERVE: u64 = 64 * 1024 * 1024;
/// What a buffer holds before it must grow: two seconds at 2 Mbit/s, and some. Pages that are never touched cost nothing.
const BUFFER: usize = 768 * 1024;
/// One buffer is kept for reuse for so many in use, and one at least. More would save page faults (a tenth of the time) and
/// cost memory: a used buffer is whole in memory from the start, a new one on average by half.
const IN_USE_PER_SPARE: usize = 32;
const LEAST_SPARE: usize = 1;

/// What all fragments of a file share.
pub(crate) struct FileHead {
    pub stream: Arc<StreamState>,
    pub id: FileId,
    pub run: RunId,
    pub description: Arc<Description>,
    pub epoch: Arc<EpochKey>,
    /// The time of the first fragment.
    pub origin: Time,
    /// Why there is a gap before the file, if there is one.
    pub cause: Option<Cause>,
    /// Set by the writer when a write failed: the file takes no more.
    pub broken: AtomicBool,
}

/// What the writer is asked for.
pub(crate) enum Job {
    Append {
        head: Arc<FileHead>,
        sequence: u64,
        fragment: Fragment,
    },
    Close {
        file: FileId,
    },
    /// Answers when everything before it is durable and told to the indexer.
    Flush(oneshot::Sender<()>),
}

/// The way to the writer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    jobs: Mutex<Vec<Job>>,
    buffers: Mutex<Buffers>,
    full: AtomicBool,
    stopping: AtomicBool,
}

#[derive(Default)]
struct Buffers {
    spare: Vec<Vec<u8>>,
    in_use: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    pub fn push(&self, job: Job) {
        lock(&self.0.jobs).push(job);
    }

    /// An empty buffer, used before if possible: its pages are mapped already.
    pub fn buffer(&self) -> Vec<u8> {
        let mut buffers = lock(&self.0.buffers);
        buffers.in_use += 1;
        buffers.spare.pop().unwrap_or_else(|| Vec::with_capacity(BUFFER))
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut buffers = lock(&self.0.buffers);
        buffers.in_use = buffers.in_use.saturating_sub(1);
        if buffers.spare.len() < LEAST_SPARE.max(buffers.in_use / IN_USE_PER_SPARE) {
            buffers.spare.push(buffer);
        }
    }

    /// Whether the shelf has no room for footage.
    pub fn is_full(&self) -> bool {
        self.0.full.load(Ordering::Relaxed)
    }

    /// Resolves when all that was pushed before is durable and on its way to the index.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        self.push(Job::Flush(done));
        let _ = flushed.await;
    }
}

/// The writer's threads. Dropping it writes what is queued and ends them.
pub(crate) struct Writer {
    queue: Queue,
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    /// Starts the threads.
    pub fn start(vault: Vault, events: tokio_mpsc::UnboundedSender<Event>) -> std::io::Result<Self> {
        keep_buffers_apart();
        let queue = Queue(Arc::default());
        let (commits, to_commit) = mpsc::channel();
        let committer = {
            let vault = vault.clone();
            thread::Builder::new().name("commit".into()).spawn(move || commit_all(&vault, &to_commit, &events))?
        };
        let writer = {
            let work = Work {
                queue: queue.clone(),
                vault,
                commits,
                files: HashMap::new(),
                to_save: Vec::new(),
                dirty: false,
                flushes: Vec::new(),
            };
            thread::Builder::new().name("write".into()).spawn(move || work.run())?
        };
        Ok(Self { queue, threads: vec![writer, committer] })
    }

    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.0.stopping.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a writer thread panicked");
            }
        }
    }
}

/// Gives each fragment buffer pages of its own, which go back to the system with it. glibc would move large blocks into
/// its heap as soon as one was freed, where small ones nest between them: measured with 64 streams, 1.1 MB for each
/// instead of 0.6 MB.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn keep_buffers_apart() {
    // SAFETY: mallopt takes two numbers and may be called at any time.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, BUFFER as libc::c_int - 64 * 1024) };
}

#[cfg(not(target_env = "gnu"))]
fn keep_buffers_apart() {}

struct Work {
    queue: Queue,
    vault: Vault,
    commits: mpsc::Sender<Commit>,
    files: HashMap<FileId, Writing>,
    to_save: Vec<Saved>,
    dirty: bool,
    flushes: Vec<oneshot::Sender<()>>,
}

/// A file that is being written.
struct Writing {
    head: Arc<FileHead>,
    writer: FileWriter,
    saved_bytes: u64,
    saved_at: Option<Instant>,
}

/// Make durable what was written, then tell of it.
struct Commit {
    saves: Vec<Saved>,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Work {
    fn run(mut self) {
        let mut committed = Instant::now();
        loop {
            let stopping = self.queue.0.stopping.load(Ordering::Acquire);
            if !stopping {
                thread::park_timeout(PAUSE);
            }
            let jobs = std::mem::take(&mut *lock(&self.queue.0.jobs));
            let idle = jobs.is_empty();
            for job in jobs {
                self.take(job);
            }
            if stopping || !self.flushes.is_empty() || committed.elapsed() >= COMMIT_EVERY {
                committed = Instant::now();
                self.check_room();
                self.commit(stopping && idle);
            }
            if stopping && idle {
                return;
            }
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Append { head, sequence, mut fragment } => {
                if let Err(error) = self.append(&head, sequence, &mut fragment) {
                    self.failed(&head, error);
                }
                self.queue.give_back(fragment.bytes);
            }
            Job::Close { file } => self.close(file),
            Job::Flush(done) => self.flushes.push(done),
        }
    }

    fn append(&mut self, head: &Arc<FileHead>, sequence: u64, fragment: &mut Fragment) -> Result<(), vault::Error> {
        if head.broken.load(Ordering::Relaxed) {
            return Err(vault::Error::Broken);
        }
        if !self.files.contains_key(&head.id) {
            let writing = Writing::begin(&self.vault, head)?;
            self.files.insert(head.id, writing);
        }
        let Some(writing) = self.files.get_mut(&head.id) else { return Err(vault::Error::Broken) };
        let meta = fragment.meta;
        let sealed = FragmentMeta {
            sequence,
            time: meta.time,
            duration: meta.duration,
            flags: if meta.key { flags::KEY } else { 0 } | if sequence == 1 { flags::RUN } else { 0 },
        };
        let len = fragment.plain().len() as u32;
        let placed = writing.writer.append(&sealed, &head.epoch, fragment.plain_mut())?;
        let entry = Entry {
            time: meta.time,
            duration: meta.duration.as_micros().min(u128::from(u32::MAX)) as u32,
            len,
            key: meta.key,
        };
        let before = placed.offset;
        let cause = head.cause.filter(|_| sequence == 1);
        head.stream.stored(|| writing.recent(before), head.id, entry, placed.len, cause);
        self.dirty = true;
        if writing.saved_at.is_none_or(|at| at.elapsed() >= SAVE_EVERY) {
            self.save(head.id);
        }
        Ok(())
    }

    /// Notes the file, as it is now, for the next commit.
    fn save(&mut self, id: FileId) {
        let Some(writing) = self.files.get_mut(&id) else { return };
        let Some(recent) = writing.head.stream.recent_file(id) else { return };
        let grown = recent.file.bytes - writing.saved_bytes;
        writing.saved_bytes = recent.file.bytes;
        writing.saved_at = Some(Instant::now());
        self.to_save.push(Saved { stream: writing.head.stream.clone(), recent, grown });
    }

    fn close(&mut self, id: FileId) {
        if let Some(writing) = self.files.get(&id) {
            writing.head.stream.closed(id);
            self.save(id);
            self.files.remove(&id);
        }
    }

    fn failed(&mut self, head: &FileHead, error: vault::Error) {
        let cause = match error {
            vault::Error::Full => {
                self.queue.0.full.store(true, Ordering::Relaxed);
                Cause::DiskFull
            }
            _ => Cause::Corrupt,
        };
        if !head.broken.swap(true, Ordering::Relaxed) {
            tracing::error!(camera = %head.stream.camera, stream = head.stream.stream.as_str(), error = ?base::Error::from(error),
                "a fragment could not be written");
            head.stream.halt(cause);
        }
        self.close(head.id);
    }

    /// Recording stops before the disk is full and goes on when there is room again.
    fn check_room(&mut self) {
        let Ok(space) = self.vault.shelf().space() else { return };
        let full = if self.queue.is_full() { space.free < 2 * RESERVE } else { space.free < RESERVE };
        if self.queue.0.full.swap(full, Ordering::Relaxed) != full {
            tracing::warn!(free_bytes = space.free, full, "the room for footage changed");
        }
        metrics::gauge!("nightjar_shelf_free_bytes").set(space.free as f64);
        metrics::gauge!("nightjar_shelf_full").set(if full { 1.0 } else { 0.0 });
    }

    fn commit(&mut self, last: bool) {
        if last {
            for id in self.files.keys().copied().collect::<Vec<_>>() {
                self.close(id);
            }
        }
        if !self.dirty && self.to_save.is_empty() && self.flushes.is_empty() {
            return;
        }
        self.dirty = false;
        let commit = Commit { saves: std::mem::take(&mut self.to_save), flushes: std::mem::take(&mut self.flushes) };
        let _ = self.commits.send(commit);
    }
}

impl Writing {
    /// Creates the object and writes its init fragment.
    fn begin(vault: &Vault, head: &Arc<FileHead>) -> Result<Self, vault::Error> {
        let mut writer = vault.writer(ObjectName::from_bytes(head.id.bytes()))?;
        let mut init = head.description.init.clone();
        let meta = FragmentMeta { sequence: 0, time: head.origin, duration: Duration::ZERO, flags: flags::INIT };
        writer.append(&meta, &head.epoch, &mut init)?;
        Ok(Self { head: head.clone(), writer, saved_bytes: 0, saved_at: None })
    }

    /// The file before its first media fragment, which stands at `bytes`.
    fn recent(&self, bytes: u64) -> Recent {
        let head = &self.head;
        let init_len = vault::format::plain_len(bytes - vault::format::HEADER_LEN as u64).unwrap_or(0) as u32;
        let file = File {
            id: head.id,
            camera: head.stream.camera,
            stream: head.stream.stream,
            run: head.run,
            params: head.description.id,
            epoch: head.epoch.id,
            range: Range { start: head.origin, end: head.origin },
            origin: head.origin,
            bytes,
            closed: false,
            table: Table { init_len, entries: Vec::new() },
        };
        Recent { file, description: head.description.clone() }
    }
}

/// Commits until the writer is gone. What could not be made durable is not told: the index never knows more than the
/// shelf.
fn commit_all(vault: &Vault, commits: &mpsc::Receiver<Commit>, events: &tokio_mpsc::UnboundedSender<Event>) {
    let mut saves = Vec::new();
    while let Ok(commit) = commits.recv() {
        saves.extend(commit.saves);
        let mut flushes = commit.flushes;
        while let Ok(more) = commits.try_recv() {
            saves.extend(more.saves);
            flushes.extend(more.flushes);
        }
        match vault.shelf().commit() {
            Ok(failed) => {
                if !failed.is_empty() {
                    tracing::error!(objects = failed.len(), "footage could not be made durable");
                    saves.retain(|saved: &Saved| {
                        !failed.iter().any(|name| name.bytes() == saved.recent.file.id.bytes())
                    });
                }
                let _ = events.send(Event::Saved(std::mem::take(&mut saves)));
            }
            Err(error) => tracing::error!(error = ?base::Error::from(error), "the shelf could not be synced"),
        }
        for flush in flushes {
            let _ = flush.send(());
        }
    }
}
