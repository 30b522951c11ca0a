//! The door of this context: what records, what was recorded, and its pictures.
//!
//! A method that tells or changes something takes the caller first and checks the right on its first line; a method
//! that shows a picture takes a [`ViewTicket`] by value, which exists only if the view log has its row.

use crate::{
    STREAMS, Stream, adopt,
    check::{Check, Report},
    erase::Eraser,
    gap::Cause,
    health::Rate,
    index::{Gap, Index, Span},
    live::{Message, Viewer},
    playback::{Footage, Playback, Recording},
    recorder::{Condition, Recorder, Wanted},
    retention::Retention,
    stills::{Still, Stills},
};
use accounts::{Caller, Scope};
use base::{Error, Range, Result, Secret, Shutdown, Time, World};
use camera::Allow;
use db::Db;
use devices::{
    Camera, CameraId, Devices, Instructions, Mode,
    grant::{Action, ViewTicket},
};
use std::{
    collections::{BTreeMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use vault::Vault;

/// The longest range that one timeline may cover.
const LONGEST_TIMELINE: Duration = Duration::from_secs(31 * 86_400);
/// Spans closer than this are one on the timeline.
const SEAM: Duration = Duration::from_millis(1500);
/// How often a point is added to the bitrate plots.
const HEALTH_EVERY: Duration = Duration::from_secs(10);
/// How often the recorder is compared with the settings although nothing was announced.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where cameras may be.
    pub allow: Arc<Allow>,
    /// Threads that read cameras; 0 is one for each processor.
    pub io_threads: usize,
    /// Bytes that all footage may take; 0 is no bound.
    pub disk_max_bytes: u64,
}

/// What this context is built on.
#[derive(Clone)]
pub struct Parts {
    pub db: Db,
    pub vault: Vault,
    pub devices: Devices,
    pub world: World,
}

/// Recording and playback of one server. Cheap to clone.
#[derive(Clone)]
pub struct Cloud(Arc<Inner>);

/// What a cloud is made of.
pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) index: Index,
    recorder: Arc<Recorder>,
    playback: Playback,
    stills: Stills,
    eraser: Eraser,
    retention: Arc<Retention>,
    disk_max_bytes: u64,
    allow: Arc<Allow>,
}

/// How a camera is doing.
#[derive(Clone, Debug)]
pub struct Status {
    pub condition: Condition,
    /// Why it does not record, and since when.
    pub gap: Option<Gap>,
    pub recorded_until: Option<Time>,
    pub streams: Vec<StreamStatus>,
}

/// How a stream is doing.
#[derive(Clone, Debug)]
pub struct StreamStatus {
    pub stream: Stream,
    pub condition: Condition,
    /// RFC 6381, once known.
    pub codec: Option<String>,
    pub audio: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// As measured; else as the stream says.
    pub fps: Option<f32>,
    pub viewers: usize,
    pub bytes: u64,
    pub lost: u64,
    pub reconnects: u32,
    pub last_frame: Option<Time>,
    pub last_key: Option<Time>,
    pub plot: Vec<Rate>,
}

/// What a camera has and what it lacks.
#[derive(Clone, Debug)]
pub struct Timeline {
    pub range: Range,
    pub spans: Vec<Span>,
    pub gaps: Vec<Gap>,
    /// The end of the newest footage.
    pub live_edge: Option<Time>,
}

/// Room: what footage takes, and for how long it will do.
#[derive(Clone, Debug)]
pub struct Usage {
    pub free: u64,
    pub capacity: u64,
    /// Bytes that the operator allows footage to take; 0 is no bound.
    pub limit: u64,
    /// Recording stands still for want of room.
    pub full: bool,
    pub cameras: Vec<CameraUsage>,
    /// Total bytes of footage over time.
    pub plot: Vec<(Time, u64)>,
    /// When the room ends, if retention does not end it before.
    pub full_on: Option<Time>,
}

/// What one camera's footage takes.
#[derive(Clone, Debug)]
pub struct CameraUsage {
    pub camera: CameraId,
    pub bytes: u64,
    pub oldest: Time,
    /// Sealed bytes a second, from the last ten seconds.
    pub rate: u64,
}

impl Cloud {
    /// Mends what a crash left, then records what should record until the shutdown begins. With a shutdown that has
    /// begun it only answers: that is for commands over data that nobody records to. With a shutdown that has begun
    /// it does neither: a command that only looks at what is there.
    pub async fn start(parts: Parts, config: Config, shutdown: Shutdown) -> Result<Self> {
        let index = Index::new(parts.db.clone(), parts.world.clone());
        let threads = match config.io_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let recorder =
            Recorder::start(parts.vault.clone(), index.clone(), config.allow.clone(), threads, parts.world.clone())?;
        let recorder = Arc::new(recorder);
        let playback = Playback::new(index.clone(), parts.vault.clone(), recorder.clone());
        let eraser = Eraser {
            index: index.clone(),
            vault: parts.vault.clone(),
            recorder: recorder.clone(),
            world: parts.world.clone(),
        };
        let retention = Arc::new(Retention {
            index: index.clone(),
            vault: parts.vault.clone(),
            devices: parts.devices.clone(),
            recorder: recorder.clone(),
            disk_max_bytes: config.disk_max_bytes,
            left: AtomicU64::new(u64::MAX),
            world: parts.world.clone(),
        });
        let cloud = Self(Arc::new(Inner {
            stills: Stills::new(playback.clone()),
            parts,
            index,
            recorder,
            playback,
            eraser,
            retention,
            disk_max_bytes: config.disk_max_bytes,
            allow: config.allow,
        }));
        if !shutdown.has_begun() {
            tokio::spawn(cloud.clone().follow(shutdown));
        }
        Ok(cloud)
    }

    /// Adopts, then follows the settings until the shutdown begins.
    async fn follow(self, shutdown: Shutdown) {
        if shutdown.has_begun() {
            return;
        }
        let mut changes = self.0.parts.devices.changes();
        if let Err(error) = self.adopt().await {
            tracing::error!(?error, "recordings that were cut off could not be mended");
        }
        let retention = tokio::spawn(self.0.retention.clone().run(shutdown.clone()));
        let (mut regular, mut health) = (tokio::time::interval(RECONCILE_EVERY), tokio::time::interval(HEALTH_EVERY));
        loop {
            tokio::select! {
                () = shutdown.begun() => break,
                _ = health.tick() => {
                    self.0.recorder.sample_health();
                    continue;
                }
                _ = regular.tick() => {}
                changed = changes.changed() => if changed.is_err() { break },
            }
            if let Err(error) = self.reconcile().await {
                tracing::error!(?error, "the recorder is behind its settings");
            }
        }
        let _ = retention.await;
    }

    async fn adopt(&self) -> Result<()> {
        let inner = &self.0;
        let cameras = inner.parts.devices.all().await?.iter().map(|camera| camera.id).collect();
        adopt::adopt(&inner.index, &inner.parts.vault, &cameras, &inner.parts.world).await
    }

    /// Makes the recorder follow the settings, and erases what belongs to cameras that were removed.
    pub async fn reconcile(&self) -> Result<()> {
        let inner = &self.0;
        let cameras = inner.parts.devices.all().await?;
        let mut wanted = Vec::new();
        let open = cameras.iter().filter(|camera| !camera.closed);
        for camera in open.filter(|camera| policy::enforce!(C1_2_8) && camera.mode == Mode::Continuous) {
            for stream in camera.streams() {
                wanted.push(self.wanted(camera, *stream).await?);
            }
        }
        inner.recorder.reconcile(wanted, Cause::SwitchedOff).await?;
        self.erase_removed(&cameras).await
    }

    /// Erases what belongs to cameras that are no longer among those that there are. [`Self::reconcile`] does it; a command
    /// that removed a camera while no server runs calls it.
    pub async fn erase_removed(&self, cameras: &[Instructions]) -> Result<()> {
        let inner = &self.0;
        let present: HashSet<CameraId> = cameras.iter().map(|camera| camera.id).collect();
        for camera in inner.index.cameras().await? {
            if !present.contains(&camera) {
                self.erase_camera(camera).await?;
            }
        }
        Ok(())
    }

    /// Erases what was recorded of a camera.
    pub(crate) async fn erase_camera(&self, camera: CameraId) -> Result<()> {
        self.0.eraser.erase_camera(camera).await?;
        self.0.stills.forget(camera);
        Ok(())
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    async fn wanted(&self, camera: &Instructions, stream: Stream) -> Result<Wanted> {
        let settings = self.0.parts.devices.target(camera.id, stream).await?;
        let fingerprint = fingerprint(&settings);
        Ok(Wanted {
            camera: camera.id,
            owner: camera.household.bytes(),
            stream,
            target: target(settings)
                .map_err(|error| Error::invalid("the camera's address is unusable").because(error))?,
            fingerprint,
        })
    }

    /// Ends all sessions and stores the fragments under way. Call it once, after the shutdown began.
    pub async fn stop(&self) {
        self.0.recorder.stop().await;
    }

    /// How a camera is doing.
    pub async fn status(&self, caller: &Caller, camera: CameraId) -> Result<Status> {
        self.0.parts.devices.camera(caller, camera).await?;
        let recorder = &self.0.recorder;
        let mut streams = Vec::new();
        for stream in STREAMS {
            match recorder.stream(camera, stream) {
                Some(state) => streams.push(StreamStatus::of(&state)),
                None => streams.extend(self.past(camera, stream).await?),
            }
        }
        let main = recorder.stream(camera, Stream::Main);
        let stored = self.0.index.recorded_until(camera, Stream::Main).await?;
        let recent = main.as_ref().filter(|state| !state.recent().is_empty()).map(|state| state.stored_until());
        Ok(Status {
            condition: main.map_or(Condition::Off, |state| state.condition()),
            gap: self.0.index.open_gap_of(camera).await?,
            recorded_until: stored.max(recent),
            streams,
        })
    }

    /// What is known of a stream that does not record now.
    async fn past(&self, camera: CameraId, stream: Stream) -> Result<Option<StreamStatus>> {
        let Some(init) = self.0.index.last_params(camera, stream).await? else { return Ok(None) };
        let description = crate::params::Description::stored(camera, stream, init)?;
        let mut status = StreamStatus::empty(stream);
        status.describe(&description.params);
        Ok(Some(status))
    }

    /// Spans of footage and gaps with their cause, as far back as the caller may look.
    pub async fn timeline(&self, caller: &Caller, camera: CameraId, range: Range) -> Result<Timeline> {
        self.0.parts.devices.camera(caller, camera).await?;
        if range.duration() > LONGEST_TIMELINE {
            return Err(Error::out_of_range("a timeline covers at most 31 days").field("end"));
        }
        let Some(since) = self.0.parts.devices.history_since(caller, camera).await? else {
            return Ok(Timeline { range, spans: Vec::new(), gaps: Vec::new(), live_edge: None });
        };
        let live_edge = self.live_edge(camera).await?;
        let shown = Range { start: range.start.max(since), end: range.end };
        if shown.start >= shown.end {
            return Ok(Timeline { range, spans: Vec::new(), gaps: Vec::new(), live_edge });
        }
        let mut spans = self.0.index.spans(camera, shown).await?;
        for stream in STREAMS {
            for recent in self.0.recorder.recent(camera, stream) {
                spans.push(Span { stream, range: recent.file.range, bytes: 0 });
            }
        }
        Ok(Timeline { range, spans: joined(spans, shown), gaps: self.0.index.gaps(camera, shown).await?, live_edge })
    }

    async fn live_edge(&self, camera: CameraId) -> Result<Option<Time>> {
        let stored = self.0.index.recorded_until(camera, Stream::Main).await?;
        let recent = self.0.recorder.recent(camera, Stream::Main).iter().map(|recent| recent.file.range.end).max();
        Ok(stored.max(recent))
    }

    /// The MP4 of a range.
    pub async fn recording(&self, ticket: ViewTicket, stream: Stream, range: Range) -> Result<Arc<Recording>> {
        self.0.playback.recording(ticket, stream, range).await
    }

    /// The fragments of a range, for a playlist. Names instants, shows no picture.
    pub async fn footage(&self, caller: &Caller, camera: CameraId, stream: Stream, range: Range) -> Result<Footage> {
        self.0.parts.devices.may_view(caller, camera, Action::Play, Some(range)).await?;
        if range.duration() > crate::playback::LONGEST_RECORDING {
            return Err(Error::out_of_range("a playlist covers at most 24 hours").field("end"));
        }
        self.0.playback.footage(camera, stream, range).await
    }

    /// MIME type and init segment for the fragments around `at`. Holds no picture.
    pub async fn init(
        &self,
        caller: &Caller,
        camera: CameraId,
        stream: Stream,
        at: Time,
        audio: bool,
    ) -> Result<(String, Vec<u8>)> {
        self.0.parts.devices.may_view(caller, camera, Action::Play, Some(crate::playback::one_instant(at))).await?;
        self.0.playback.init(camera, stream, at, audio).await
    }

    /// One fragment for a player.
    pub async fn segment(&self, ticket: ViewTicket, stream: Stream, at: Time, audio: bool) -> Result<Vec<u8>> {
        self.0.playback.segment(ticket, stream, at, audio).await
    }

    /// A picture in full size: at an instant, or the newest.
    pub async fn snapshot(&self, ticket: ViewTicket, stream: Stream, at: Option<Time>) -> Result<Still> {
        let at = match at {
            Some(at) => at,
            None => self.newest(ticket.camera(), stream).await?,
        };
        self.0.stills.snapshot(ticket, stream, at).await
    }

    async fn newest(&self, camera: CameraId, stream: Stream) -> Result<Time> {
        let recent = self.0.recorder.recent(camera, stream).iter().map(|recent| recent.file.range.end).max();
        let stored = self.0.index.recorded_until(camera, stream).await?;
        let end = stored.max(recent).ok_or_else(|| Error::no_footage("the camera has no picture yet"))?;
        Ok(end - Duration::from_micros(1))
    }

    /// A small picture. The sub stream is used where it has one: it is cheaper to decode.
    pub async fn thumbnail(&self, ticket: ViewTicket, at: Time) -> Result<Still> {
        let around = crate::playback::one_instant(at);
        let sub = self.0.playback.footage(ticket.camera(), Stream::Sub, around).await.is_ok();
        self.0.stills.thumbnail(ticket, if sub { Stream::Sub } else { Stream::Main }, at).await
    }

    /// Live view. The ticket's row is written; whoever serves the view reads the right again every few seconds.
    pub fn live(&self, ticket: ViewTicket, stream: Stream, audio: bool) -> Result<Viewer> {
        let state = self.0.recorder.stream(ticket.camera(), stream);
        let state = state.ok_or_else(|| Error::conflict("the camera is switched off or has no such stream"))?;
        let condition = state.condition();
        let first = Message::State { state: condition.word(), cause: condition.cause().map(Cause::word) };
        let messages = state.hub.attach(audio, first);
        state.set_watched(true);
        Ok(Viewer::new(messages))
    }

    /// What a camera sends, or precisely what stands between us and it. Nothing is recorded.
    pub async fn probe(
        &self,
        caller: &Caller,
        settings: devices::Target,
    ) -> Result<std::result::Result<camera::Probe, camera::Error>> {
        caller.require(Scope::CamerasWrite)?;
        let inner = &self.0;
        Ok(match target(settings) {
            Ok(target) => camera::probe(&target, &inner.allow, &inner.parts.world).await,
            Err(error) => Err(error),
        })
    }

    /// What is at an address that somebody typed: a Reolink device with its channels, or an RTSP server; or precisely why
    /// nothing is found. Wakes no battery camera, and records nothing.
    pub async fn identify(
        &self,
        caller: &Caller,
        address: &str,
        username: &str,
        password: &str,
    ) -> Result<std::result::Result<camera::Found, camera::reolink::Error>> {
        caller.require(Scope::CamerasWrite)?;
        let inner = &self.0;
        let credentials = camera::Credentials::new(username, password)?;
        let wake = camera::reolink::Wake::No;
        Ok(camera::identify(address, &credentials, wake, &inner.allow, &inner.parts.world).await)
    }

    /// Whether recording stands still for want of room.
    pub fn is_full(&self) -> bool {
        self.0.recorder.is_full()
    }

    /// Deletes the fragments that touch a range, with their key. Says how many bytes went.
    pub async fn delete_range(&self, caller: &Caller, camera: CameraId, range: Range) -> Result<u64> {
        caller.require(Scope::CamerasWrite)?;
        caller.require_resident()?;
        let camera = self.0.parts.devices.camera(caller, camera).await?;
        let deleted = match policy::enforce!(C3_16) {
            true => self.0.eraser.delete_range(camera.id, camera.household.bytes(), range).await?,
            false => 0,
        };
        self.0.stills.forget(camera.id);
        Ok(deleted)
    }

    /// Room and its use, of the caller's cameras.
    pub async fn usage(&self, caller: &Caller, since: Time) -> Result<Usage> {
        let cameras = self.0.parts.devices.cameras(caller).await?;
        let inner = &self.0;
        let space = inner.parts.vault.shelf().space()?;
        let mine: HashSet<CameraId> = cameras.iter().map(|camera| camera.id).collect();
        let totals = inner.index.totals().await?;
        let used: Vec<_> = totals
            .iter()
            .filter(|(camera, ..)| mine.contains(camera))
            .map(|&(camera, oldest, bytes)| CameraUsage { camera, bytes, oldest, rate: self.rate(camera) })
            .collect();
        let mut plot = BTreeMap::<Time, u64>::new();
        for (time, camera, bytes) in inner.index.usage(since).await? {
            if mine.contains(&camera) {
                *plot.entry(time).or_default() += bytes;
            }
        }
        let now = inner.parts.world.clock.now();
        plot.insert(now, used.iter().map(|used| used.bytes).sum());
        Ok(Usage {
            free: space.free,
            capacity: space.total,
            limit: inner.disk_max_bytes,
            full: inner.recorder.is_full(),
            full_on: full_on(now, space.free, inner.disk_max_bytes, &cameras, &used),
            cameras: used,
            plot: plot.into_iter().collect(),
        })
    }

    /// Bytes a second that a camera's streams bring.
    fn rate(&self, camera: CameraId) -> u64 {
        let streams = STREAMS.iter().filter_map(|stream| self.0.recorder.stream(camera, *stream));
        streams.filter_map(|state| state.health.plot().last().map(|rate| rate.bits / 8)).sum()
    }

    /// Index against shelf, both ways.
    pub async fn check(&self, repair: bool) -> Result<Report> {
        let inner = &self.0;
        inner.recorder.flush().await;
        let cameras = inner.parts.devices.all().await?.iter().map(|camera| camera.id).collect();
        Check {
            index: &inner.index,
            vault: &inner.parts.vault,
            recorder: Some(&inner.recorder),
            cameras,
            world: &inner.parts.world,
            repair,
        }
        .run()
        .await
    }

    /// Everything recorded before is durable and in the index when this resolves.
    pub async fn flush(&self) {
        self.0.recorder.flush().await;
    }

    /// Forgets now what is past its retention, and keys that nothing needs.
    pub async fn sweep(&self) -> Result<()> {
        self.0.retention.forget_expired().await?;
        self.0.retention.forget_surplus().await?;
        self.0.retention.destroy_unused_keys().await
    }

    /// For metrics: (camera, stream, condition, bytes, lost packets, reconnects, viewers) of all that should record.
    pub fn gauges(&self) -> Vec<(CameraId, StreamStatus)> {
        self.0.recorder.streams().iter().map(|state| (state.camera, StreamStatus::of(state))).collect()
    }
}

impl StreamStatus {
    fn empty(stream: Stream) -> Self {
        Self {
            stream,
            condition: Condition::Off,
            codec: None,
            audio: None,
            width: None,
            height: None,
            fps: None,
            viewers: 0,
            bytes: 0,
            lost: 0,
            reconnects: 0,
            last_frame: None,
            last_key: None,
            plot: Vec::new(),
        }
    }

    fn of(state: &crate::recorder::StreamState) -> Self {
        let health = &state.health;
        let mut status = Self {
            condition: state.condition(),
            viewers: state.hub.viewers(),
            bytes: health.bytes(),
            lost: health.lost(),
            reconnects: health.reconnects(),
            last_frame: health.last_frame(),
            last_key: health.last_key(),
            plot: health.plot(),
            ..Self::empty(state.stream)
        };
        if let Some(description) = state.description() {
            status.describe(&description.params);
        }
        status.fps = health.fps().or(status.fps);
        status
    }

    fn describe(&mut self, params: &media::StreamParams) {
        self.codec = Some(params.video.rfc6381());
        self.audio = params.audio.as_ref().map(|audio| audio.rfc6381());
        (self.width, self.height) = (Some(params.video.width), Some(params.video.height));
        self.fps = params.video.fps;
    }
}

fn fingerprint(settings: &devices::Target) -> u64 {
    let mut hash = DefaultHasher::new();
    settings.url.expose().hash(&mut hash);
    settings.username.as_ref().map(Secret::expose).hash(&mut hash);
    settings.password.as_ref().map(Secret::expose).hash(&mut hash);
    settings.transport.hash(&mut hash);
    settings.audio.hash(&mut hash);
    hash.finish()
}

/// What the camera crate needs to connect.
pub fn target(settings: devices::Target) -> Result<camera::Target, camera::Error> {
    let transport = match settings.transport {
        devices::Transport::Tcp => camera::Transport::Tcp,
        devices::Transport::Udp => camera::Transport::Udp,
    };
    let target = camera::Target::new(settings.url.expose(), transport, settings.audio)?;
    let Some(username) = settings.username else { return Ok(target) };
    let password = settings.password.map(|password| password.expose().clone()).unwrap_or_default();
    Ok(target.with_credentials(camera::Credentials::new(username.expose(), &password)?))
}

/// Spans cut to the range, by stream and time; those that touch are one.
fn joined(mut spans: Vec<Span>, range: Range) -> Vec<Span> {
    spans.sort_by_key(|span| (span.stream as u8, span.range.start));
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        let Some(cut) = span.range.intersection(range) else { continue };
        match joined.last_mut() {
            Some(last) if last.stream == span.stream && cut.start <= last.range.end + SEAM => {
                last.range.end = last.range.end.max(cut.end);
                last.bytes += span.bytes;
            }
            _ => joined.push(Span { range: cut, ..span }),
        }
    }
    joined
}

/// When the room ends: never, if what all cameras keep at their present rate fits.
fn full_on(now: Time, free: u64, limit: u64, cameras: &[Camera], used: &[CameraUsage]) -> Option<Time> {
    if limit > 0 {
        return None;
    }
    let (mut rate, mut to_come) = (0u64, 0u64);
    for used in used {
        let Some(camera) = cameras.iter().find(|camera| camera.id == used.camera) else { continue };
        let kept = used.rate.saturating_mul(u64::from(camera.retention_days) * 86_400);
        let kept = if camera.max_bytes > 0 { kept.min(camera.max_bytes) } else { kept };
        to_come += kept.saturating_sub(used.bytes);
        rate += used.rate;
    }
    (to_come > free && rate > 0).then(|| now + Duration::from_secs(free / rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(stream: Stream, start: i64, end: i64) -> Span {
        let at = |seconds: i64| Time::from_micros(seconds * 1_000_000);
        Span { stream, range: Range { start: at(start), end: at(end) }, bytes: 1 }
    }

    #[test]
    fn spans_that_touch_are_one_and_a_gap_keeps_them_apart() {
        let range = span(Stream::Main, 0, 100).range;
        let spans = vec![
            span(Stream::Sub, 0, 10),
            span(Stream::Main, 60, 200),
            span(Stream::Main, 10, 20),
            span(Stream::Main, 20, 30),
        ];
        let joined = joined(spans, range);
        let bounds: Vec<_> = joined
            .iter()
            .map(|span| (span.stream, span.range.start.micros() / 1_000_000, span.range.end.micros() / 1_000_000))
            .collect();
        assert_eq!(bounds, [(Stream::Main, 10, 30), (Stream::Main, 60, 100), (Stream::Sub, 0, 10)]);
    }
}
