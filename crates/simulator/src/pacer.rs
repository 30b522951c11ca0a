//! Sends loops in real time: one thread for many cameras, woken at most each millisecond and not at all while nobody
//! watches.

use crate::{
    camera::{Alarm, Now, Stream},
    looped::Loop,
};
use base::{Shutdown, World};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A unit that leaves this much after its time counts as late.
const LATE: Duration = Duration::from_millis(20);

/// What the loops have sent so far.
#[derive(Default)]
pub(crate) struct Counters {
    pub units: AtomicU64,
    pub late: AtomicU64,
}

/// One camera that plays a loop.
pub(crate) struct Player {
    pub stream: Arc<Stream>,
    /// Which of the pacer's loops.
    pub film: usize,
    /// Where in the loop the camera stands when the clock stands at zero; none starts at the beginning whenever the
    /// first viewer comes.
    pub phase: Option<Duration>,
    /// When the present round of the loop began. It may lie before the clock's zero, so this is kept in nanoseconds.
    round: i128,
    next: usize,
    awake: bool,
}

impl Player {
    pub fn new(stream: Arc<Stream>, film: usize, phase: Option<Duration>) -> Self {
        Self { stream, film, phase, round: 0, next: 0, awake: false }
    }

    /// Finds its place in the loop.
    fn begin(&mut self, film: &Loop, now: Duration) {
        let (now, length) = (now.as_nanos() as i128, film.duration.as_nanos() as i128);
        let into = self.phase.map_or(0, |phase| (now + phase.as_nanos() as i128) % length);
        self.round = now - into;
        self.next = film.units.partition_point(|unit| (unit.at.as_nanos() as i128) < into);
        self.awake = true;
        self.wrap(film);
    }

    fn wrap(&mut self, film: &Loop) {
        if self.next >= film.units.len() {
            self.next = 0;
            self.round += film.duration.as_nanos() as i128;
        }
    }

    fn due(&self, film: &Loop) -> Duration {
        self.moment(film.units[self.next].at)
    }

    fn moment(&self, offset: Duration) -> Duration {
        Duration::from_nanos((self.round + offset.as_nanos() as i128).max(0) as u64)
    }

    /// Sends the unit that is due and moves on.
    fn step(&mut self, film: &mut Loop, now: Now) {
        let unit = &mut film.units[self.next];
        let shown = self.moment(unit.shown);
        self.stream.send(unit.track, &mut unit.packets, unit.key, shown, now);
        self.next += 1;
        self.wrap(film);
    }
}

/// A thread's worth of players. Units are stamped in place, so each pacer has loops of its own.
pub(crate) struct Pacer {
    pub films: Vec<Loop>,
    pub players: Vec<Player>,
    pub alarm: Arc<Alarm>,
    pub counters: Arc<Counters>,
    pub world: World,
}

impl Pacer {
    /// Sends until told to stop.
    pub fn run(mut self, stop: &Shutdown) {
        let mut queue = BinaryHeap::new();
        let mut rung = true;
        while !stop.has_begun() {
            if rung {
                self.wake_watched(&mut queue);
            }
            self.send_due(&mut queue);
            rung = self.alarm.sleep(match queue.peek() {
                Some(Reverse((due, _))) => {
                    due.saturating_sub(self.world.clock.monotonic()).max(Duration::from_millis(1))
                }
                None => Duration::from_secs(3600),
            });
        }
    }

    fn wake_watched(&mut self, queue: &mut BinaryHeap<Reverse<(Duration, usize)>>) {
        let now = self.world.clock.monotonic();
        for (index, player) in self.players.iter_mut().enumerate() {
            if !player.awake && player.stream.is_watched() {
                let film = &self.films[player.film];
                player.begin(film, now);
                queue.push(Reverse((player.due(film), index)));
            }
        }
    }

    fn send_due(&mut self, queue: &mut BinaryHeap<Reverse<(Duration, usize)>>) {
        let now = Now::of(&self.world);
        let (mut units, mut late) = (0, 0);
        while let Some(&Reverse((due, index))) = queue.peek().filter(|Reverse((due, _))| *due <= now.monotonic) {
            queue.pop();
            let player = &mut self.players[index];
            if !player.stream.is_watched() {
                player.awake = false;
                continue;
            }
            let film = &mut self.films[player.film];
            player.step(film, now);
            units += 1;
            // Measured when it has left, since the units before it in this batch took their time.
            late += u64::from(self.world.clock.monotonic().saturating_sub(due) > LATE);
            queue.push(Reverse((player.due(film), index)));
        }
        self.counters.units.fetch_add(units, Ordering::Relaxed);
        self.counters.late.fetch_add(late, Ordering::Relaxed);
    }
}
