//! Keeps the streams that should record recording: one task for each connects, waits for the end, and tries again.

mod indexer;
mod parts;
mod sink;
mod state;
mod writer;

pub(crate) use indexer::Event;
pub(crate) use parts::is_g711;
pub use state::Condition;
pub(crate) use state::{Recent, StreamState};

use crate::{Stream, gap::Cause, index::Index, number};
use base::{Error, Result, Shutdown, Time, World};
use camera::{Allow, Pump, Target};
use devices::CameraId;
use sink::StreamSink;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use vault::{EpochKey, Vault};
use writer::{Queue, Writer};

/// How often a socket is drained when nobody watches.
const TICK: Duration = Duration::from_millis(200);
/// A session that lasted this long was a good one: the next attempt comes soon again.
const GOOD_SESSION: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Cameras lock the account after a few wrong passwords.
const PAUSE_UNAUTHORIZED: Duration = Duration::from_secs(120);

/// A stream that should record.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub camera: CameraId,
    pub owner: vault::Owner,
    pub stream: Stream,
    pub target: Target,
    /// Changes when the recorder must begin anew.
    pub fingerprint: u64,
}

/// What every stream task needs.
struct Tools {
    vault: Vault,
    index: Index,
    pump: Pump,
    queue: Queue,
    events: mpsc::UnboundedSender<Event>,
    allow: Arc<Allow>,
    world: World,
}

/// Records all wanted streams.
pub struct Recorder {
    tools: Arc<Tools>,
    running: Mutex<HashMap<(CameraId, Stream), Running>>,
    /// One reconciliation at a time.
    turn: tokio::sync::Mutex<()>,
    writer: Mutex<Option<Writer>>,
    indexer: Mutex<Option<JoinHandle<()>>>,
}

struct Running {
    state: Arc<StreamState>,
    fingerprint: u64,
    stop: Shutdown,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts the I/O threads, the writer and the indexer; records nothing yet.
    pub(crate) fn start(vault: Vault, index: Index, allow: Arc<Allow>, threads: usize, world: World) -> Result<Self> {
        let no_threads = |error| Error::internal("the recorder's threads did not start").because(error);
        let (events, to_index) = mpsc::unbounded_channel();
        let writer = Writer::start(vault.clone(), events.clone()).map_err(no_threads)?;
        let pump = Pump::start(threads, TICK, world.clone()).map_err(no_threads)?;
        let indexer = tokio::spawn(indexer::run(index.clone(), to_index));
        let tools = Tools { vault, index, pump, queue: writer.queue(), events, allow, world };
        Ok(Self {
            tools: Arc::new(tools),
            running: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            writer: Mutex::new(Some(writer)),
            indexer: Mutex::new(Some(indexer)),
        })
    }

    fn running(&self) -> MutexGuard<'_, HashMap<(CameraId, Stream), Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what records what is wanted. A stream that is no longer wanted has written its last fragment when this
    /// returns; `cause` is told as the reason.
    pub(crate) async fn reconcile(&self, wanted: Vec<Wanted>, cause: Cause) -> Result<()> {
        let _turn = self.turn.lock().await;
        let mut wanted: HashMap<_, _> =
            wanted.into_iter().map(|wanted| ((wanted.camera, wanted.stream), wanted)).collect();
        let mut leaving = Vec::new();
        self.running().retain(|key, running| match wanted.get(key) {
            Some(same) if same.fingerprint == running.fingerprint => {
                wanted.remove(key);
                true
            }
            _ => {
                running.stop.begin();
                let done = tokio::spawn(async {});
                leaving.push((running.state.clone(), std::mem::replace(&mut running.task, done)));
                false
            }
        });
        let mut left = Vec::new();
        for (state, task) in leaving {
            let _ = task.await;
            left.push(state);
        }
        self.tools.queue.flush().await;
        for state in left {
            state.halt(cause);
            state.set_condition(Condition::Off);
            state.hub.close();
        }
        for wanted in wanted.into_values() {
            self.begin(wanted).await?;
        }
        Ok(())
    }

    async fn begin(&self, wanted: Wanted) -> Result<()> {
        let tools = self.tools.clone();
        let now = tools.world.clock.now();
        let gap_is_open = tools.prepare_gap(&wanted, now).await?;
        let epoch = tools.new_epoch(&wanted, now).await?;
        let state = StreamState::new(wanted.camera, wanted.stream, epoch, tools.events.clone(), now, gap_is_open);
        let state = Arc::new(state);
        let stop = Shutdown::new();
        let key = (wanted.camera, wanted.stream);
        let fingerprint = wanted.fingerprint;
        let task = tokio::spawn(supervise(tools, state.clone(), wanted, stop.clone()));
        self.running().insert(key, Running { state, fingerprint, stop, task });
        Ok(())
    }

    pub(crate) fn stream(&self, camera: CameraId, stream: Stream) -> Option<Arc<StreamState>> {
        self.running().get(&(camera, stream)).map(|running| running.state.clone())
    }

    pub(crate) fn streams(&self) -> Vec<Arc<StreamState>> {
        self.running().values().map(|running| running.state.clone()).collect()
    }

    /// Files of a stream that the index may not know in full, oldest first.
    pub(crate) fn recent(&self, camera: CameraId, stream: Stream) -> Vec<Recent> {
        self.stream(camera, stream).map(|state| state.recent()).unwrap_or_default()
    }

    /// The end of the last fragment of a stream that records.
    pub(crate) fn stored_until(&self, camera: CameraId, stream: Stream) -> Option<Time> {
        self.stream(camera, stream).map(|state| state.stored_until())
    }

    /// Whether the shelf has no room for footage.
    pub(crate) fn is_full(&self) -> bool {
        self.tools.queue.is_full()
    }

    /// Lets every stream of a camera begin a new file under a new epoch key, and waits until the old files are closed
    /// and indexed: what deleting a range of the current hour needs.
    pub(crate) async fn roll(&self, camera: CameraId, owner: vault::Owner) -> Result<()> {
        let states: Vec<_> = self.streams().into_iter().filter(|state| state.camera == camera).collect();
        let mut open = Vec::new();
        for state in &states {
            let now = self.tools.world.clock.now();
            let key = self.tools.vault.new_epoch(owner, camera.bytes(), number(state.stream) as u8, now.hour()).await?;
            open.extend(state.recent().into_iter().map(|recent| (state.clone(), recent.file.id)));
            state.roll(key);
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        let is_open = |(state, id): &(Arc<StreamState>, _)| state.recent_file(*id).is_some_and(|it| !it.file.closed);
        while open.iter().any(is_open) {
            if tokio::time::Instant::now() > deadline {
                return Err(Error::unavailable("the recording in progress did not close; try again"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.flush().await;
        Ok(())
    }

    /// Resolves when everything recorded before is durable and in the index.
    pub(crate) async fn flush(&self) {
        self.tools.queue.flush().await;
        let (done, indexed) = oneshot::channel();
        if self.tools.events.send(Event::Flush(done)).is_ok() {
            let _ = indexed.await;
        }
    }

    /// Ends all sessions, finishes the fragments under way, and stores all.
    pub(crate) async fn stop(&self) {
        if let Err(error) = self.reconcile(Vec::new(), Cause::Stopped).await {
            tracing::error!(?error, "recording did not stop cleanly");
        }
        self.flush().await;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = tokio::task::spawn_blocking(move || drop(writer)).await;
        if let Some(indexer) = self.indexer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            indexer.abort();
        }
    }

    /// Adds a point to every bitrate plot.
    pub(crate) fn sample_health(&self) {
        for state in self.streams() {
            state.health.sample(&self.tools.world);
        }
    }
}

impl Tools {
    /// Whether the camera has an open gap. Footage that ends without one was cut off by a crash.
    async fn prepare_gap(&self, wanted: &Wanted, now: Time) -> Result<bool> {
        if wanted.stream != Stream::Main {
            return Ok(false);
        }
        let open = self.index.open_gap_of(wanted.camera).await?;
        let until = self.index.recorded_until(wanted.camera, Stream::Main).await?;
        if let (None, Some(until)) = (&open, until)
            && until < now
        {
            self.index.open_gap(wanted.camera, until, Cause::Crash).await?;
            return Ok(true);
        }
        Ok(open.is_some())
    }

    async fn new_epoch(&self, wanted: &Wanted, now: Time) -> Result<EpochKey> {
        let source = wanted.camera.bytes();
        Ok(self.vault.new_epoch(wanted.owner, source, number(wanted.stream) as u8, now.hour()).await?)
    }

    /// A new key for each UTC hour, durable before it is used.
    async fn keep_epoch(&self, state: &StreamState, wanted: &Wanted) {
        let now = self.world.clock.now();
        if state.epoch().hour == now.hour() {
            return;
        }
        match self.new_epoch(wanted, now).await {
            Ok(key) => state.set_epoch(key),
            Err(error) => tracing::error!(?error, camera = %state.camera, "no new epoch key; the old one goes on"),
        }
    }
}

async fn supervise(tools: Arc<Tools>, state: Arc<StreamState>, wanted: Wanted, stop: Shutdown) {
    let mut pause = FIRST_PAUSE;
    let mut attempts = 0u32;
    while !stop.has_begun() {
        tools.keep_epoch(&state, &wanted).await;
        let began = tools.world.clock.monotonic();
        let error = match session(&tools, &state, &wanted, &stop).await {
            Ok(()) => break,
            Err(error) => error,
        };
        attempts += 1;
        let cause = Cause::from_word(error.cause());
        tracing::warn!(camera = %state.camera, stream = state.stream.as_str(), cause = cause.word(), attempts, %error,
            "the camera does not record");
        tools.queue.flush().await;
        state.halt(cause);
        state.health.reconnected();
        if tools.world.clock.monotonic().saturating_sub(began) >= GOOD_SESSION {
            pause = FIRST_PAUSE;
        }
        let wait = if cause == Cause::Unauthorized { PAUSE_UNAUTHORIZED } else { pause };
        tokio::select! {
            () = tokio::time::sleep(jittered(wait, &tools.world)) => {}
            () = stop.begun() => break,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    state.set_session(None);
}

/// Between three and five quarters of `pause`, so that cameras behind one switch do not come back at once.
fn jittered(pause: Duration, world: &World) -> Duration {
    let [chance] = world.random::<1>();
    pause.mul_f64(0.75 + f64::from(chance) / 510.0)
}

/// Records until asked to stop (`Ok`) or until the session fails.
async fn session(
    tools: &Tools,
    state: &Arc<StreamState>,
    wanted: &Wanted,
    stop: &Shutdown,
) -> Result<(), camera::Error> {
    let session = tokio::select! {
        session = camera::play(&wanted.target, &tools.allow, &tools.world) => session?,
        () = stop.begun() => return Ok(()),
    };
    let audio = session.audio_params().cloned();
    let (sink, mut end) = StreamSink::new(state.clone(), tools.queue.clone(), tools.world.clone(), TICK, audio);
    state.set_session(Some(tools.pump.attach(session, Box::new(sink))));
    let mut minute = tokio::time::interval(Duration::from_secs(5));
    let ended = loop {
        tokio::select! {
            ended = &mut end => break ended,
            () = stop.begun() => {
                state.set_session(None);
                break end.await;
            }
            _ = minute.tick() => tools.keep_epoch(state, wanted).await,
        }
    };
    state.set_session(None);
    if stop.has_begun() {
        return Ok(());
    }
    ended.unwrap_or(Err(camera::Error::Closed)).and(Err(camera::Error::Closed))
}
