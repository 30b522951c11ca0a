//! What one camera session's samples become: fragments for the writer, parts for viewers.
//!
//! Runs on a camera I/O thread. It never waits: a full fragment goes to the writer's queue, a slow viewer is dropped.

use super::{
    parts::LiveTrack,
    state::StreamState,
    writer::{FileHead, Job, Queue},
};
use crate::{
    gap::Cause,
    index::{FileId, RunId},
    params::Description,
};
use base::{Time, World};
use media::{
    AudioParams, StreamParams, Track, VIDEO_RATE,
    fragment::Builder,
    rtcp::SenderReport,
    rtp::{Depacketizer, Unit},
    time::{Cadence, Discipline},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::oneshot;

/// A fragment closes here even without a key frame: it bounds memory and what a crash loses.
const LONGEST_FRAGMENT: Duration = Duration::from_secs(4);
const LARGEST_FRAGMENT: usize = 4 * 1024 * 1024;
/// Cameras that send nothing but key frames would otherwise make a fragment of each.
const SHORTEST_FRAGMENT: Duration = Duration::from_millis(500);
/// A recording file closes at the first key frame after this.
const LONGEST_FILE: Duration = Duration::from_secs(60);
const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// A silence inside a run that is told as a gap.
const NOTABLE_SILENCE: Duration = Duration::from_secs(2);

/// How a session ended; sent once.
pub(super) type End = oneshot::Receiver<Result<(), camera::Error>>;

/// The sink of one camera session.
pub(super) struct StreamSink {
    shared: Shared,
    tick: Duration,
    audio: Option<AudioParams>,
    video_clock: Discipline,
    cadence: Cadence,
    audio_clock: Discipline,
    /// Bytes of units that come before there is a fragment to put them in.
    scratch: [Vec<u8>; 2],
    run: Option<Run>,
    /// Why there is a gap before the next run, if there is one.
    cause: Option<Cause>,
    watched: bool,
    ended: Option<oneshot::Sender<Result<(), camera::Error>>>,
}

/// What outlives the session.
struct Shared {
    state: Arc<StreamState>,
    writer: Queue,
    world: World,
}

/// An unbroken stretch with one set of parameters.
struct Run {
    files: Files,
    builder: Builder,
    /// Whether the fragment under way begins with a key frame.
    key: bool,
    last: Time,
    live: LiveTrack,
}

/// The recording files of a run.
struct Files {
    run: RunId,
    description: Arc<Description>,
    open: Option<OpenFile>,
    /// Why there is a gap before the next file, if there is one.
    cause: Option<Cause>,
}

struct OpenFile {
    head: Arc<FileHead>,
    sequence: u64,
    bytes: u64,
}

impl StreamSink {
    /// A sink for a session whose description names this audio. `tick` is how late a unit may be noticed.
    pub fn new(
        state: Arc<StreamState>,
        writer: Queue,
        world: World,
        tick: Duration,
        audio: Option<AudioParams>,
    ) -> (Self, End) {
        let (ended, end) = oneshot::channel();
        let audio_rate = audio.as_ref().map_or(8000, |audio| audio.rate);
        let sink = Self {
            shared: Shared { state, writer, world },
            tick,
            audio,
            video_clock: Discipline::new(VIDEO_RATE),
            cadence: Cadence::new(VIDEO_RATE),
            audio_clock: Discipline::new(audio_rate),
            scratch: [Vec::new(), Vec::new()],
            run: None,
            cause: None,
            watched: false,
            ended: Some(ended),
        };
        (sink, end)
    }

    fn video(&mut self, unit: &Unit, depacketizer: &Depacketizer, arrival: Time) {
        let mapped = self.video_clock.map(unit.timestamp, arrival, self.tick);
        let mut time = self.cadence.time(unit.timestamp, mapped);
        let params = self.params_at(unit, depacketizer);
        if mapped.jump {
            self.cause = Some(Cause::ClockJump);
        }
        if self.run.is_none() || mapped.jump || params.is_some() {
            if !self.begin_run(unit, params, time) {
                return;
            }
        } else if self.run.as_ref().is_some_and(|run| run.closes_before(unit, time)) {
            time = self.cadence.corrected(unit.timestamp, mapped);
            self.continue_run(unit, time);
        }
        self.shared.state.health.frame(time, unit.len, unit.key, unit.lost);
        let Some(run) = &mut self.run else { return };
        run.last = run.last.max(time);
        run.builder.push_video(unit.len, time, unit.key);
        run.live.count(unit.key, time);
        if self.shared.state.hub.is_watched() {
            run.show_video(&self.shared.state, unit, time);
        }
    }

    /// The parameters, when they are new with this unit.
    fn params_at(&self, unit: &Unit, depacketizer: &Depacketizer) -> Option<StreamParams> {
        if !unit.key || (self.run.is_some() && !unit.params_changed) {
            return None;
        }
        let params = StreamParams { video: depacketizer.video_params()?.clone(), audio: self.audio.clone() };
        self.run.as_ref().is_none_or(|run| *run.files.description.params != params).then_some(params)
    }

    /// Ends the run under way and begins another with this unit, if it is a key frame. False: the unit is dropped.
    fn begin_run(&mut self, unit: &Unit, params: Option<StreamParams>, time: Time) -> bool {
        let old = self.run.take();
        let known = old.as_ref().map(|run| run.files.description.clone());
        let state = &self.shared.state;
        let described = params.map(|params| Arc::new(Description::new(state.camera, state.stream, params)));
        let Some(description) = described.or(known).filter(|_| unit.key) else {
            if let Some(run) = old {
                run.end(&self.shared);
            }
            self.scratch[0].clear();
            return false;
        };
        let builder = match old {
            Some(mut run) => {
                let builder = run.builder.split(description.params.clone(), || self.shared.writer.buffer());
                run.end(&self.shared);
                builder
            }
            None => {
                let mut builder = Builder::new(description.params.clone(), self.shared.writer.buffer());
                // A key frame's bytes: the room for them is not kept.
                builder.video().append(&mut std::mem::take(&mut self.scratch[0]));
                builder
            }
        };
        let live = LiveTrack::new(&description.params, time);
        let cause = self.cause.take();
        let run = RunId::generate(&self.shared.world);
        let files = Files { run, description: description.clone(), open: None, cause };
        self.run = Some(Run { files, builder, key: true, last: time, live });
        self.shared.state.run_began(description);
        true
    }

    /// Closes the fragment under way: it is full, or this unit begins another, or nothing came for a while.
    fn continue_run(&mut self, unit: &Unit, time: Time) {
        let Some(run) = &mut self.run else { return };
        let silent = run.is_silent_until(time);
        let next = run.builder.split(run.files.description.params.clone(), || self.shared.writer.buffer());
        let full = std::mem::replace(&mut run.builder, next);
        let began_with_key = std::mem::replace(&mut run.key, unit.key);
        run.files.store(&self.shared, full, began_with_key, (!silent).then_some(time));
        if silent {
            run.files.close(&self.shared);
            run.files.run = RunId::generate(&self.shared.world);
            run.files.cause = Some(Cause::Offline);
        }
    }

    fn audio(&mut self, unit: &Unit, arrival: Time) {
        let mapped = self.audio_clock.map(unit.timestamp, arrival, self.tick);
        self.audio_clock.align(&self.video_clock);
        let time = self.cadence.beside(mapped.time);
        self.shared.state.health.sound(unit.len);
        let Some(run) = &mut self.run else {
            self.scratch[1].clear();
            return;
        };
        run.builder.push_audio(unit.len, time);
        if self.shared.state.hub.is_heard() {
            run.play_audio(&self.shared.state, unit, time);
        }
    }
}

impl Run {
    fn closes_before(&self, unit: &Unit, time: Time) -> bool {
        let Some(start) = self.builder.start() else { return false };
        let age = time.since(start);
        (unit.key && age >= SHORTEST_FRAGMENT)
            || self.is_silent_until(time)
            || age >= LONGEST_FRAGMENT
            || self.builder.bytes() + unit.len > LARGEST_FRAGMENT
    }

    fn is_silent_until(&self, time: Time) -> bool {
        time.since(self.last) > NOTABLE_SILENCE
    }

    fn end(mut self, shared: &Shared) {
        self.files.store(shared, self.builder, self.key, None);
        self.files.close(shared);
    }

    /// Gives viewers who just came the fragment so far, if it can be decoded from its start.
    fn greet(&mut self, state: &StreamState) {
        if !self.key {
            return;
        }
        let mut backlog = None;
        let (live, builder) = (&mut self.live, &self.builder);
        let has_audio = self.files.description.params.audio.is_some();
        state.hub.visit(|watcher| {
            if watcher.started {
                return true;
            }
            watcher.started = true;
            let backlog = backlog.get_or_insert_with(|| live.backlog(builder));
            watcher.send(live.init(watcher.audio && has_audio)) && backlog.iter().all(|part| watcher.send(part.clone()))
        });
    }

    /// The frame that was pushed last goes to everybody who has seen the ones before it.
    fn show_video(&mut self, state: &StreamState, unit: &Unit, time: Time) {
        let bytes = self.builder.video();
        let part = self.live.video(&bytes[bytes.len() - unit.len..], unit.key, time);
        state.hub.visit(|watcher| !watcher.started || watcher.send(part.clone()));
        self.greet(state);
    }

    fn play_audio(&mut self, state: &StreamState, unit: &Unit, time: Time) {
        let bytes = self.builder.audio();
        for part in self.live.audio(&bytes[bytes.len() - unit.len..], time) {
            state.hub.visit(|watcher| !watcher.started || !watcher.audio || watcher.send(part.clone()));
        }
    }
}

impl Files {
    /// Hands a finished fragment to the writer, in a new file if it is time for one.
    fn store(&mut self, shared: &Shared, builder: Builder, key: bool, next: Option<Time>) {
        let Some(start) = builder.start() else { return };
        if shared.writer.is_full() {
            shared.state.halt(Cause::DiskFull);
            self.close(shared);
            return;
        }
        let file = self.file_for(shared, start, key);
        let Some(fragment) = builder.finish(next, file.head.origin) else { return };
        file.bytes += fragment.plain().len() as u64;
        let job = Job::Append { head: file.head.clone(), sequence: file.sequence, fragment };
        file.sequence += 1;
        shared.writer.push(job);
    }

    fn file_for(&mut self, shared: &Shared, start: Time, key: bool) -> &mut OpenFile {
        let epoch = shared.state.epoch();
        let is_done = |file: &OpenFile| file.head.broken.load(Relaxed) || key && file.is_done(start, &epoch);
        if self.open.as_ref().is_some_and(is_done) {
            self.close(shared);
            if shared.state.take_roll() {
                self.run = RunId::generate(&shared.world);
            }
        }
        self.open.get_or_insert_with(|| {
            let head = FileHead {
                stream: shared.state.clone(),
                id: FileId::generate(&shared.world),
                run: self.run,
                description: self.description.clone(),
                epoch,
                origin: start,
                cause: self.cause.take(),
                broken: AtomicBool::new(false),
            };
            OpenFile { head: Arc::new(head), sequence: 1, bytes: 0 }
        })
    }

    fn close(&mut self, shared: &Shared) {
        if let Some(file) = self.open.take() {
            shared.writer.push(Job::Close { file: file.head.id });
        }
    }
}

impl OpenFile {
    fn is_done(&self, now: Time, epoch: &vault::EpochKey) -> bool {
        now.since(self.head.origin) >= LONGEST_FILE
            || self.bytes >= LARGEST_FILE
            || self.head.epoch.id != epoch.id
            || now < self.head.origin
    }
}

impl camera::Sink for StreamSink {
    fn buffer(&mut self, track: Track) -> &mut Vec<u8> {
        match (&mut self.run, track) {
            (Some(run), Track::Video) => run.builder.video(),
            (Some(run), Track::Audio) => run.builder.audio(),
            (None, track) => &mut self.scratch[track as usize],
        }
    }

    fn key_begun(&mut self) {
        let Some(run) = &mut self.run else { return };
        if run.builder.duration() >= SHORTEST_FRAGMENT {
            run.builder.look_ahead(|| self.shared.writer.buffer());
        }
    }

    fn unit(&mut self, track: Track, unit: &Unit, depacketizer: &Depacketizer, arrival: Time) {
        match track {
            Track::Video => self.video(unit, depacketizer, arrival),
            Track::Audio => self.audio(unit, arrival),
        }
    }

    fn sender_report(&mut self, track: Track, report: &SenderReport, timestamp: i64, _arrival: Time) {
        match track {
            Track::Video => self.video_clock.sender_report(report, timestamp),
            Track::Audio => self.audio_clock.sender_report(report, timestamp),
        }
    }

    fn drained(&mut self) {
        let watched = self.shared.state.hub.is_watched();
        if let (Some(run), true) = (&mut self.run, watched) {
            run.greet(&self.shared.state);
        }
        let watched = watched && self.shared.state.hub.is_watched();
        if std::mem::replace(&mut self.watched, watched) && !watched {
            self.shared.state.set_watched(false);
        }
    }

    fn ended(&mut self, result: Result<(), camera::Error>) {
        if let Some(run) = self.run.take() {
            run.end(&self.shared);
        }
        if let Some(ended) = self.ended.take() {
            let _ = ended.send(result);
        }
    }
}
