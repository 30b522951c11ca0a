//! How a stream is doing: what the health panel and the metrics show.

use base::{Time, World};
use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

/// One point of the bitrate plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub time: Time,
    /// Bits a second of samples, without protocol overhead.
    pub bits: u64,
    /// Video frames a second.
    pub fps: f32,
}

/// Points kept: an hour at one in ten seconds.
const POINTS: usize = 360;

/// Counters of one stream. The I/O thread adds, everybody reads.
#[derive(Default)]
pub struct Health {
    bytes: AtomicU64,
    frames: AtomicU64,
    lost: AtomicU64,
    /// Microseconds UTC; 0 when there was none.
    last_frame: AtomicI64,
    last_key: AtomicI64,
    reconnects: AtomicU32,
    plot: Mutex<Plot>,
}

#[derive(Default)]
struct Plot {
    points: VecDeque<Rate>,
    at: Option<(Time, u64, u64)>,
}

impl Health {
    pub(crate) fn frame(&self, time: Time, bytes: usize, key: bool, lost: u16) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.frames.fetch_add(1, Relaxed);
        self.lost.fetch_add(u64::from(lost), Relaxed);
        self.last_frame.store(time.micros(), Relaxed);
        if key {
            self.last_key.store(time.micros(), Relaxed);
        }
    }

    pub(crate) fn sound(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn reconnected(&self) {
        self.reconnects.fetch_add(1, Relaxed);
    }

    /// Adds a point to the plot; called every ten seconds.
    pub(crate) fn sample(&self, world: &World) {
        let (now, bytes, frames) = (world.clock.now(), self.bytes.load(Relaxed), self.frames.load(Relaxed));
        let mut plot = self.plot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, old_bytes, old_frames)) = plot.at {
            let seconds = now.since(then).as_secs_f64();
            if seconds > 0.5 {
                let bits = ((bytes - old_bytes) as f64 * 8.0 / seconds) as u64;
                let fps = ((frames - old_frames) as f64 / seconds) as f32;
                plot.points.push_back(Rate { time: now, bits, fps });
            }
        }
        plot.at = Some((now, bytes, frames));
        while plot.points.len() > POINTS {
            plot.points.pop_front();
        }
    }

    /// The plot, oldest point first.
    pub fn plot(&self) -> Vec<Rate> {
        self.plot.lock().unwrap_or_else(PoisonError::into_inner).points.iter().copied().collect()
    }

    /// Video frames a second over the last ten seconds, once measured.
    pub fn fps(&self) -> Option<f32> {
        self.plot.lock().unwrap_or_else(PoisonError::into_inner).points.back().map(|rate| rate.fps)
    }

    /// Bytes of samples since the start of the server.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Packets lost since the start of the server.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Sessions that had to be made anew since the start of the server.
    pub fn reconnects(&self) -> u32 {
        self.reconnects.load(Relaxed)
    }

    /// When the last frame was captured.
    pub fn last_frame(&self) -> Option<Time> {
        some(self.last_frame.load(Relaxed))
    }

    /// When the last key frame was captured.
    pub fn last_key(&self) -> Option<Time> {
        some(self.last_key.load(Relaxed))
    }
}

fn some(micros: i64) -> Option<Time> {
    (micros != 0).then(|| Time::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_plot_shows_bits_and_frames_a_second() {
        let (world, clock) = World::test(1);
        let health = Health::default();
        health.sample(&world);
        for _ in 0..150 {
            health.frame(world.clock.now(), 10_000, false, 0);
        }
        clock.advance(Duration::from_secs(10));
        health.sample(&world);
        assert_eq!(health.plot(), [Rate { time: world.clock.now(), bits: 1_200_000, fps: 15.0 }]);
    }
}
