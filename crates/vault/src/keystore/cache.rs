//! The epoch keys used last, so that playing does not climb the ladder for each fragment.

use super::{EpochId, EpochKey};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A day of one stream is 24 keys.
const KEPT: usize = 4096;

#[derive(Default)]
pub struct Cache(Mutex<State>);

#[derive(Default)]
struct State {
    keys: HashMap<EpochId, Arc<EpochKey>>,
    /// Their order of arrival; the oldest leaves first.
    order: VecDeque<EpochId>,
    /// Counts the times that keys were forgotten.
    stamp: u64,
}

impl Cache {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, id: EpochId) -> Option<Arc<EpochKey>> {
        self.state().keys.get(&id).cloned()
    }

    /// Taken before a key is loaded, for [`Cache::keep`].
    pub fn stamp(&self) -> u64 {
        self.state().stamp
    }

    /// Keeps a key, unless keys were forgotten since `stamp`: it may be one of them.
    pub fn keep(&self, key: Arc<EpochKey>, stamp: u64) {
        let mut state = self.state();
        if state.stamp != stamp || state.keys.insert(key.id, key.clone()).is_some() {
            return;
        }
        state.order.push_back(key.id);
        if state.order.len() > KEPT
            && let Some(oldest) = state.order.pop_front()
        {
            state.keys.remove(&oldest);
        }
    }

    pub fn forget(&self, doomed: impl Fn(&EpochKey) -> bool) {
        let mut state = self.state();
        state.stamp += 1;
        state.keys.retain(|_, key| !doomed(key));
        let State { keys, order, .. } = &mut *state;
        order.retain(|id| keys.contains_key(id));
    }
}
