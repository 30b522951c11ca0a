//! What is under way between two requests: a challenge that waits for its answer. It is held in memory, for minutes, and
//! so much of it at most; whoever holds the random token may go on.

use crate::secret;
use base::{Secret, World};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long something waits for its answer.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How much of a kind waits at most. Beyond that the oldest is given up.
const MOST: usize = 4096;

/// Things of one kind that wait, each under the hash of its token.
pub struct Pending<T> {
    waiting: Mutex<HashMap<[u8; 32], Waiting<T>>>,
}

struct Waiting<T> {
    /// In monotonic time.
    until: Duration,
    what: T,
}

impl<T> Pending<T> {
    pub fn new() -> Self {
        Self { waiting: Mutex::default() }
    }

    /// Lets something wait; the token is for whoever is to answer.
    pub fn add(&self, world: &World, what: T) -> Secret<String> {
        let (token, hash) = secret::generate(world);
        let now = world.clock.monotonic();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST {
            make_room(&mut waiting, now);
        }
        waiting.insert(hash, Waiting { until: now + PATIENCE, what });
        token
    }

    /// Looks at what waits under the token, and may change it; none if there is nothing or it waited too long.
    pub fn visit<R>(&self, world: &World, token: &Secret<String>, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.get_mut(&secret::hash(token))?;
        (world.clock.monotonic() < found.until).then(|| look(&mut found.what))
    }

    /// Takes out what waits under the token: of two who ask, one gets it.
    pub fn take(&self, world: &World, token: &Secret<String>) -> Option<T> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.remove(&secret::hash(token))?;
        (world.clock.monotonic() < found.until).then_some(found.what)
    }
}

/// Drops what waited too long; if nothing did, what waited longest.
fn make_room<T>(waiting: &mut HashMap<[u8; 32], Waiting<T>>, now: Duration) {
    waiting.retain(|_, one| now < one.until);
    if waiting.len() >= MOST
        && let Some(oldest) = waiting.iter().min_by_key(|(_, one)| one.until).map(|(hash, _)| *hash)
    {
        waiting.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_taken_once_within_five_minutes() {
        let (world, clock) = World::test(1);
        let pending = Pending::new();
        let (first, second) = (pending.add(&world, 1), pending.add(&world, 2));
        assert_eq!(pending.visit(&world, &first, |what| std::mem::replace(what, 7)), Some(1));
        assert_eq!((pending.take(&world, &first), pending.take(&world, &first)), (Some(7), None));
        clock.advance(PATIENCE);
        assert_eq!(pending.visit(&world, &second, |what| *what), None);
        assert_eq!(pending.take(&world, &second), None);
    }

    #[test]
    fn a_flood_gives_up_the_oldest_and_stays_in_its_bounds() {
        let (world, clock) = World::test(1);
        let pending = Pending::new();
        let first = pending.add(&world, 0);
        for number in 1..=MOST {
            clock.advance(Duration::from_millis(1));
            pending.add(&world, number);
        }
        assert_eq!(pending.waiting.lock().unwrap().len(), MOST);
        assert_eq!(pending.take(&world, &first), None);
    }
}
