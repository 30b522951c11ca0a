//! When to look into a queue again: soon after this process wrote to one, then ever more rarely.
//!
//! A row shows only once its transaction is committed, and of that nobody is told. So whoever waits looks again after
//! 5 ms, 10 ms, 20 ms and so on, up to 2 s, which is also how soon the writing of another process is seen.

use std::{sync::LazyLock, time::Duration};
use tokio::sync::watch;

/// Told of each row that is written to a queue of this process, committed or not yet.
static WRITTEN: LazyLock<watch::Sender<()>> = LazyLock::new(|| watch::Sender::new(()));

const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(2);

/// Says that a row was written to a queue; its transaction may still be open.
pub fn written() {
    WRITTEN.send_replace(());
}

/// The rhythm in which one queue is looked at.
pub struct Looks {
    written: watch::Receiver<()>,
    pause: Duration,
}

impl Looks {
    /// A rhythm that begins quickly.
    pub fn new() -> Self {
        Self { written: WRITTEN.subscribe(), pause: SHORTEST }
    }

    /// Resolves when it is worth looking again. Dropping it half-way loses nothing.
    pub async fn again(&mut self) {
        tokio::select! {
            () = tokio::time::sleep(self.pause) => self.pause = (2 * self.pause).min(LONGEST),
            // The sender is never dropped.
            _ = self.written.changed() => self.pause = SHORTEST,
        }
    }
}

impl Default for Looks {
    fn default() -> Self {
        Self::new()
    }
}

/// How long to wait after so many failures: 1 s, 2 s, 4 s and so on, up to `longest`.
pub fn backoff(failures: i32, longest: Duration) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).clamp(0, 30)).min(longest)
}

/// Whether something that was put off until `next` is due. What lies further ahead than anything is put off was written
/// before the machine's clock was set back, and is due.
pub fn is_due(next: i64, now: base::Time, longest: Duration) -> bool {
    next <= now.micros() || next > (now + longest).micros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<_> = [1, 2, 3, 9, i32::MAX].map(|n| backoff(n, Duration::from_secs(100)).as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 100, 100]);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_up() {
        let (now, longest) = (Time::from_micros(1_000_000_000), Duration::from_secs(60));
        assert!(is_due(now.micros(), now, longest));
        assert!(!is_due((now + longest).micros(), now, longest));
        assert!(is_due((now + Duration::from_secs(86_400)).micros(), now, longest));
    }
}
