//! Rate limits in memory, with a bound on what they remember.

use base::{Error, Result};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Lets each key do something `burst` times at once, and then once every `every`: the generic cell rate algorithm
/// (ITU-T I.371), which needs one number per key.
pub struct Limiter<K> {
    every: Duration,
    burst: u32,
    most: usize,
    /// When the key's debt is paid, in monotonic time. A key without debt is not kept.
    paid: Mutex<HashMap<K, Duration>>,
}

impl<K: Hash + Eq + Copy> Limiter<K> {
    /// A limiter that remembers at most `most` keys.
    pub fn new(burst: u32, every: Duration, most: usize) -> Self {
        Self { every, burst, most, paid: Mutex::default() }
    }

    /// Counts one use by `key` at monotonic time `now`, or says with `TooMany` when to come back.
    pub fn spend(&self, key: K, now: Duration) -> Result<()> {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let debt = paid.get(&key).copied().unwrap_or_default().max(now);
        let allowed = now + self.every * self.burst.saturating_sub(1);
        if debt > allowed {
            return Err(too_many(debt - allowed));
        }
        if paid.len() >= self.most && !paid.contains_key(&key) {
            make_room(&mut paid, now);
        }
        paid.insert(key, debt + self.every);
        Ok(())
    }

    /// Forgets what `key` owes: it has shown who it is.
    pub fn forgive(&self, key: K) {
        self.paid.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// Drops the keys without debt; if all owe, the one that owes least.
fn make_room<K: Hash + Eq + Copy>(paid: &mut HashMap<K, Duration>, now: Duration) {
    let before = paid.len();
    paid.retain(|_, debt| *debt > now);
    if paid.len() == before
        && let Some(least) = paid.iter().min_by_key(|(_, debt)| **debt).map(|(key, _)| *key)
    {
        paid.remove(&least);
    }
}

/// The answer to a caller who asks too often.
pub fn too_many(wait: Duration) -> Error {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Error::too_many(format!("too many attempts; try again in {seconds} s")).retry_after(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn after_the_burst_one_use_comes_back_every_interval() {
        let limiter = Limiter::new(3, 10 * SECOND, 8);
        for _ in 0..3 {
            limiter.spend(1, SECOND).unwrap();
        }
        let refused = limiter.spend(1, SECOND).unwrap_err();
        assert_eq!((refused.kind(), refused.wait()), (Kind::TooMany, Some(10 * SECOND)));
        assert!(limiter.spend(2, SECOND).is_ok(), "another key is not affected");
        assert!(limiter.spend(1, 10 * SECOND).is_err());
        assert!(limiter.spend(1, 11 * SECOND).is_ok());
        assert!(limiter.spend(1, 11 * SECOND).is_err());
        limiter.forgive(1);
        assert!(limiter.spend(1, 11 * SECOND).is_ok());
    }

    #[test]
    fn a_flood_of_keys_neither_grows_the_table_nor_frees_the_worst() {
        let limiter = Limiter::new(2, 10 * SECOND, 100);
        limiter.spend(0, SECOND).unwrap();
        limiter.spend(0, SECOND).unwrap();
        for key in 1..10_000 {
            limiter.spend(key, SECOND).unwrap();
        }
        assert_eq!(limiter.paid.lock().unwrap().len(), 100);
        assert!(limiter.spend(0, SECOND).is_err(), "who owes most is remembered longest");
    }
}
