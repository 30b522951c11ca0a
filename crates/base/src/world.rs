//! Time and chance as parameters, so that a test can hold them still.

use crate::Time;
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

/// Tells the time. [`Clock::now`] may jump when the machine's clock is set; [`Clock::monotonic`] never goes back.
pub trait Clock: Send + Sync {
    /// The time of day in UTC.
    fn now(&self) -> Time;
    /// Time since some fixed moment; for measuring and for deadlines.
    fn monotonic(&self) -> Duration;
}

/// Gives random bytes fit for keys.
pub trait Rng: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock and the chance that a part was given. Cheap to clone.
#[derive(Clone)]
pub struct World {
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

impl World {
    /// The machine's own clock and entropy.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), rng: Arc::new(SystemRng) }
    }

    /// A world for tests: a clock that stands at 2026-03-01T12:00:00Z until it is moved, and seeded chance.
    pub fn test(seed: u64) -> (Self, Arc<TestClock>) {
        let clock = Arc::new(TestClock::new(Time::from_micros(1_772_366_400_000_000)));
        (Self { clock: clock.clone(), rng: Arc::new(SeededRng::new(seed)) }, clock)
    }

    /// An array of random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill(&mut bytes);
        bytes
    }
}

/// The machine's clock.
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Time {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => Time::from_micros(since.as_micros() as i64),
            Err(before) => Time::from_micros(-(before.duration().as_micros() as i64)),
        }
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The machine's entropy.
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the kernel gives entropy once booted");
    }
}

/// A clock that moves only when told.
pub struct TestClock {
    now: AtomicI64,
    monotonic: AtomicI64,
}

impl TestClock {
    /// A clock that stands at `now`.
    pub fn new(now: Time) -> Self {
        Self { now: AtomicI64::new(now.micros()), monotonic: AtomicI64::new(0) }
    }

    /// Lets time pass.
    pub fn advance(&self, step: Duration) {
        self.now.fetch_add(step.as_micros() as i64, Ordering::SeqCst);
        self.monotonic.fetch_add(step.as_micros() as i64, Ordering::SeqCst);
    }

    /// Sets the time of day, as an administrator or NTP would; monotonic time stays.
    pub fn set(&self, now: Time) {
        self.now.store(now.micros(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time::from_micros(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic.load(Ordering::SeqCst) as u64)
    }
}

/// Repeatable chance for tests.
pub struct SeededRng(Mutex<ChaCha12Rng>);

impl SeededRng {
    /// Chance that repeats for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha12Rng::seed_from_u64(seed)))
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}
