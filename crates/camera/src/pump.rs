//! The read loop: a few threads that drain many sessions on a tick, and the watched ones as soon as a packet comes.
//!
//! Wake-ups and small reads are what recording costs; so nobody's sockets are polled, all are read in turn into one
//! buffer. A camera that somebody watches is registered for readiness besides, until nobody does.

use crate::{Error, Session, session::Drained, stream::Now};
use base::{Time, World};
use media::{
    Track,
    rtcp::SenderReport,
    rtp::{Depacketizer, Unit},
};
use mio::{Events, Interest, Poll, Registry, Token, Waker, unix::SourceFd};
use socket2::SockRef;
use std::{
    collections::BTreeMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Where the media of a session goes. Called on the thread that reads the session, which it must not hold up.
pub trait Sink: Send {
    /// Where the depacketizer appends the bytes of the track. What was appended for a unit that is not complete yet
    /// has to stay at its end from call to call.
    fn buffer(&mut self, track: Track) -> &mut Vec<u8>;
    /// A key frame began at the end of the video's buffer, and more of it will come.
    fn key_begun(&mut self) {}
    /// A unit is complete: the last `unit.len` bytes of the buffer. Parameters are the depacketizer's. `arrival` is
    /// when its last packet was read: up to a tick after it came.
    fn unit(&mut self, track: Track, unit: &Unit, depacketizer: &Depacketizer, arrival: Time);
    /// The camera told the time: `report.ntp` is its clock at `timestamp`, extended as those of units are.
    fn sender_report(&mut self, track: Track, report: &SenderReport, timestamp: i64, arrival: Time);
    /// All that had come is read.
    fn drained(&mut self);
    /// The last call: the session was stopped, or failed.
    fn ended(&mut self, result: Result<(), Error>);
}

/// The receive buffer of a thread.
const BUFFER: usize = 512 << 10;
/// Sessions whose socket would not hold a tick are read this many times in one.
const STEPS: u32 = 4;
/// How long a camera may take to answer TEARDOWN.
const FAREWELL: Duration = Duration::from_millis(500);

/// Reads sessions on threads of its own. Dropped, it ends all sessions with TEARDOWN and joins its threads.
pub struct Pump {
    threads: Vec<Thread>,
    next: AtomicUsize,
}

struct Thread {
    line: Line,
    join: Option<JoinHandle<()>>,
}

/// How a thread is told something.
#[derive(Clone)]
struct Line {
    commands: Sender<Command>,
    waker: Arc<Waker>,
}

enum Command {
    Attach(u64, Box<Attached>),
    Watch(u64, bool),
    Stop(u64),
    End,
}

impl Line {
    fn tell(&self, command: Command) {
        // A thread that is gone has ended its sessions already.
        if self.commands.send(command).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

impl Pump {
    /// Starts `threads` threads that drain their sessions every `tick` (200 ms is a good one).
    pub fn start(threads: usize, tick: Duration, world: World) -> io::Result<Self> {
        let threads = (0..threads.max(1)).map(|number| Thread::start(number, tick, world.clone()));
        Ok(Self { threads: threads.collect::<io::Result<_>>()?, next: AtomicUsize::new(0) })
    }

    /// Reads `session` into `sink` until the handle is stopped or dropped, or the session fails.
    pub fn attach(&self, session: Session, sink: Box<dyn Sink>) -> Handle {
        let id = self.next.fetch_add(1, Relaxed);
        let line = self.threads[id % self.threads.len()].line.clone();
        let counters = Arc::new(Counters::default());
        let room = SockRef::from(session.control.socket()).recv_buffer_size().unwrap_or(BUFFER);
        let attached = Attached {
            hasty: session.is_udp(),
            session,
            sink: Some(sink),
            watched: false,
            room,
            counters: counters.clone(),
            leaving: None,
        };
        line.tell(Command::Attach(id as u64, Box::new(attached)));
        Handle { id: id as u64, line, counters }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        for thread in &self.threads {
            thread.line.tell(Command::End);
        }
        for join in self.threads.iter_mut().filter_map(|thread| thread.join.take()) {
            let _ = join.join();
        }
    }
}

/// A session that is being read. Dropped, it is stopped.
#[must_use = "a session whose handle is dropped ends"]
pub struct Handle {
    id: u64,
    line: Line,
    counters: Arc<Counters>,
}

impl Handle {
    /// Whether somebody watches: then packets are read when they come, else on the tick.
    pub fn set_watched(&self, watched: bool) {
        self.line.tell(Command::Watch(self.id, watched));
    }

    /// Ends the session: TEARDOWN, then [`Sink::ended`].
    pub fn stop(self) {
        drop(self);
    }

    /// What was received up to the last drain.
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.line.tell(Command::Stop(self.id));
    }
}

/// What was received of a session since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub bytes: u64,
    /// RTP packets.
    pub packets: u64,
    /// RTP packets that never came.
    pub lost: u64,
    /// Frames, packets and messages that meant nothing.
    pub garbage: u64,
    /// When the latest media was read.
    pub last_packet: Option<Time>,
}

#[derive(Default)]
struct Counters {
    bytes: AtomicU64,
    packets: AtomicU64,
    lost: AtomicU64,
    garbage: AtomicU64,
    last_packet: AtomicI64,
}

impl Counters {
    fn read(&self) -> Stats {
        let last_packet = self.last_packet.load(Relaxed);
        Stats {
            bytes: self.bytes.load(Relaxed),
            packets: self.packets.load(Relaxed),
            lost: self.lost.load(Relaxed),
            garbage: self.garbage.load(Relaxed),
            last_packet: (last_packet != 0).then(|| Time::from_micros(last_packet)),
        }
    }

    fn write(&self, session: &Session, now: Time) {
        if session.tally.packets != self.packets.swap(session.tally.packets, Relaxed) {
            self.last_packet.store(now.micros(), Relaxed);
        }
        self.bytes.store(session.tally.bytes, Relaxed);
        self.lost.store(session.lost(), Relaxed);
        self.garbage.store(session.tally.garbage + session.splitter.errors(), Relaxed);
    }
}

/// A session, its sink, and how it is read.
struct Attached {
    session: Session,
    /// Gone once [`Sink::ended`] was called.
    sink: Option<Box<dyn Sink>>,
    watched: bool,
    /// Read several times a tick: a whole one would not fit into its socket.
    hasty: bool,
    /// What the kernel keeps for the connection, bytes with its own overhead.
    room: usize,
    counters: Arc<Counters>,
    /// TEARDOWN was said; the socket is closed when it is answered, at the latest then.
    leaving: Option<Duration>,
}

impl Attached {
    /// Reads what has come. A defect met on the way ends this session and no other.
    fn drain(&mut self, buffer: &mut [u8], now: Now) {
        let Self { session, sink: Some(sink), .. } = self else { return };
        let drained = catch_unwind(AssertUnwindSafe(|| session.drain(buffer, sink.as_mut(), now)));
        self.counters.write(session, now.time);
        match drained {
            Ok(Ok(drained)) => self.adapt(&drained),
            Ok(Err(error)) => self.end(Err(error), now),
            Err(_) => self.end(Err(self.session.control.broken("reading", "it met a defect of ours")), now),
        }
    }

    /// Up to about half of `room` is payload; three quarters of that in one drain are close enough to full.
    fn adapt(&mut self, drained: &Drained) {
        if self.session.is_udp() {
            return;
        }
        let share = if self.hasty { self.room / 4 / STEPS as usize } else { self.room * 3 / 8 };
        self.hasty = drained.more || drained.bytes > share;
    }

    fn attend(&mut self, now: Now) {
        if self.sink.is_some()
            && let Err(error) = self.session.attend(now.monotonic)
        {
            self.end(Err(error), now);
        }
    }

    /// Tells the sink, says TEARDOWN, and lets the socket live until that is answered.
    fn end(&mut self, result: Result<(), Error>, now: Now) {
        let Some(mut sink) = self.sink.take() else { return };
        let answer_is_due = self.session.control.teardown();
        self.leaving = Some(if answer_is_due { now.monotonic + FAREWELL } else { now.monotonic });
        let _ = catch_unwind(AssertUnwindSafe(|| sink.ended(result)));
    }

    /// Whether nothing is left to wait for.
    fn is_gone(&mut self, buffer: &mut [u8], now: Duration) -> bool {
        self.leaving.is_some_and(|until| now >= until || self.session.is_gone(buffer))
    }
}

struct Loop {
    poll: Poll,
    commands: Receiver<Command>,
    sessions: BTreeMap<u64, Box<Attached>>,
    buffer: Vec<u8>,
    tick: Duration,
    world: World,
    ending: bool,
}

const WAKE: Token = Token(usize::MAX);

impl Thread {
    fn start(number: usize, tick: Duration, world: World) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (sender, commands) = channel();
        let sessions = BTreeMap::new();
        let mut state = Loop { poll, commands, sessions, buffer: vec![0; BUFFER], tick, world, ending: false };
        let join = thread::Builder::new().name(format!("pump-{number}")).spawn(move || state.run())?;
        Ok(Self { line: Line { commands: sender, waker }, join: Some(join) })
    }
}

impl Loop {
    fn run(&mut self) {
        let mut events = Events::with_capacity(256);
        let step = self.tick / STEPS;
        let (mut next_tick, mut next_step) = (Instant::now() + self.tick, Instant::now() + step);
        while !(self.ending && self.sessions.is_empty()) {
            let hasty = self.sessions.values().any(|attached| attached.hasty || attached.leaving.is_some());
            let wake = if hasty { next_tick.min(next_step) } else { next_tick };
            if let Err(error) = self.poll.poll(&mut events, Some(wake.saturating_duration_since(Instant::now())))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "waiting for cameras failed");
                thread::sleep(step);
            }
            self.obey();
            self.read_watched(&events);
            let now = Instant::now();
            if now >= next_tick {
                (next_tick, next_step) = (now + self.tick, now + step);
                self.read(|_| true);
            } else if now >= next_step {
                next_step = now + step;
                self.read(|attached| attached.hasty);
            }
        }
    }

    /// Does what was asked for since the last time.
    fn obey(&mut self) {
        let now = Now::of(&self.world);
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Attach(id, attached) => self.attach(id, attached, now),
                Command::Watch(id, watched) => self.watch(id, watched),
                Command::Stop(id) => self.stop(id, now),
                Command::End => {
                    self.ending = true;
                    self.sessions.keys().copied().collect::<Vec<_>>().into_iter().for_each(|id| self.stop(id, now));
                }
            }
        }
    }

    fn attach(&mut self, id: u64, mut attached: Box<Attached>, now: Now) {
        if self.ending {
            attached.end(Ok(()), now);
        }
        self.sessions.insert(id, attached);
    }

    fn stop(&mut self, id: u64, now: Now) {
        self.watch(id, false);
        if let Some(attached) = self.sessions.get_mut(&id) {
            attached.end(Ok(()), now);
        }
    }

    fn watch(&mut self, id: u64, watched: bool) {
        let Some(attached) = self.sessions.get_mut(&id) else { return };
        if attached.watched != watched && attached.sink.is_some() {
            attached.watched = watched;
            register(self.poll.registry(), &attached.session, id, watched);
        }
    }

    fn read_watched(&mut self, events: &Events) {
        for event in events.iter().filter(|event| event.token() != WAKE) {
            if let Some(attached) = self.sessions.get_mut(&(event.token().0 as u64)) {
                attached.drain(&mut self.buffer, Now::of(&self.world));
            }
        }
    }

    /// Reads the sessions that are due and forgets those that are over.
    fn read(&mut self, due: impl Fn(&Attached) -> bool) {
        let Self { sessions, buffer, world, poll, .. } = self;
        sessions.retain(|&id, attached| {
            let now = Now::of(world);
            if due(attached) {
                attached.drain(buffer, now);
                attached.attend(now);
            }
            let gone = attached.is_gone(buffer, now.monotonic);
            if gone && attached.watched {
                register(poll.registry(), &attached.session, id, false);
            }
            !gone
        });
    }
}

/// Adds the sockets of a session to those that wake the thread, or takes them away. A socket that cannot be added is
/// read on the tick, later but complete.
fn register(registry: &Registry, session: &Session, id: u64, watched: bool) {
    for socket in session.sockets() {
        let mut source = SourceFd(&socket);
        let done = match watched {
            true => registry.register(&mut source, Token(id as usize), Interest::READABLE),
            false => registry.deregister(&mut source),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a watched camera cannot be registered");
        }
    }
}
