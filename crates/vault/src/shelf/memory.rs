//! The shelf in memory, for tests: it forgets on [`Memory::crash`] all that no sync made durable, and has as much room
//! as it is told.

use super::{Object, ObjectName, Shelf, Space, lock};
use crate::Error;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::IoSlice,
    sync::{Arc, Mutex},
};

/// Objects in memory. Clones share them.
#[derive(Clone)]
pub struct Memory(Arc<Mutex<State>>);

struct State {
    objects: BTreeMap<ObjectName, Stored>,
    /// Objects that are removed, but come back in a crash before the next commit.
    removed: BTreeMap<ObjectName, Stored>,
    room: u64,
    /// Counts crashes: what was open before one is of no use afterwards.
    era: u64,
}

#[derive(Default)]
struct Stored {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Up to here both are alike.
    synced: usize,
    created: bool,
}

impl Stored {
    fn sync(&mut self) {
        self.durable.truncate(self.synced);
        self.durable.extend_from_slice(&self.bytes[self.synced..]);
        (self.synced, self.created) = (self.bytes.len(), true);
    }

    fn crash(mut self) -> Option<Self> {
        self.bytes = self.durable.clone();
        self.synced = self.bytes.len();
        self.created.then_some(self)
    }
}

impl Memory {
    /// An empty shelf with room for so many bytes.
    pub fn new(room: u64) -> Self {
        Self(Arc::new(Mutex::new(State { objects: BTreeMap::new(), removed: BTreeMap::new(), room, era: 0 })))
    }

    /// A power cut: what was not synced is gone, and what was open is closed.
    pub fn crash(&self) {
        let mut state = lock(&self.0);
        let removed = std::mem::take(&mut state.removed);
        let objects = std::mem::take(&mut state.objects).into_iter().chain(removed);
        state.objects = objects.filter_map(|(name, stored)| Some((name, stored.crash()?))).collect();
        state.era += 1;
    }

    /// Makes the shelf as large as that from now on.
    pub fn set_room(&self, room: u64) {
        lock(&self.0).room = room;
    }

    /// Changes the bytes of an object behind the vault's back, durably.
    pub fn tamper(&self, name: ObjectName, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(stored) = lock(&self.0).objects.get_mut(&name) {
            change(&mut stored.bytes);
            stored.synced = 0;
            stored.sync();
        }
    }

    /// All bytes of an object.
    pub fn bytes(&self, name: ObjectName) -> Option<Vec<u8>> {
        lock(&self.0).objects.get(&name).map(|stored| stored.bytes.clone())
    }

    fn object(&self, name: ObjectName, era: u64) -> Box<dyn Object> {
        Box::new(MemoryObject { shelf: self.clone(), name, era })
    }
}

impl State {
    fn free(&self) -> u64 {
        self.room.saturating_sub(self.objects.values().map(|stored| stored.bytes.len() as u64).sum())
    }
}

impl Shelf for Memory {
    fn create(&self, name: ObjectName) -> Result<Box<dyn Object>, Error> {
        let mut state = lock(&self.0);
        match state.objects.entry(name) {
            Entry::Occupied(_) => return Err(Error::Exists),
            Entry::Vacant(entry) => entry.insert(Stored::default()),
        };
        Ok(self.object(name, state.era))
    }

    fn open(&self, name: ObjectName) -> Result<Box<dyn Object>, Error> {
        let state = lock(&self.0);
        state.objects.contains_key(&name).then(|| self.object(name, state.era)).ok_or(Error::NoSuchObject)
    }

    fn remove(&self, name: ObjectName) -> Result<(), Error> {
        let mut state = lock(&self.0);
        if let Some(stored) = state.objects.remove(&name) {
            state.removed.insert(name, stored);
        }
        Ok(())
    }

    fn list(&self, from: ObjectName, visit: &mut dyn FnMut(ObjectName)) -> Result<(), Error> {
        let names: Vec<_> = lock(&self.0).objects.range(from..).map(|(name, _)| *name).collect();
        names.into_iter().for_each(visit);
        Ok(())
    }

    fn space(&self) -> Result<Space, Error> {
        let state = lock(&self.0);
        Ok(Space { free: state.free(), total: state.room })
    }

    fn commit(&self) -> Result<Vec<ObjectName>, Error> {
        let mut state = lock(&self.0);
        state.objects.values_mut().for_each(Stored::sync);
        state.removed.clear();
        Ok(Vec::new())
    }
}

struct MemoryObject {
    shelf: Memory,
    name: ObjectName,
    era: u64,
}

impl MemoryObject {
    fn with<T>(&self, then: impl FnOnce(&mut Stored, u64) -> Result<T, Error>) -> Result<T, Error> {
        let mut state = lock(&self.shelf.0);
        if state.era != self.era {
            return Err(Error::Broken);
        }
        let free = state.free();
        then(state.objects.get_mut(&self.name).ok_or(Error::NoSuchObject)?, free)
    }
}

impl Object for MemoryObject {
    fn len(&self) -> Result<u64, Error> {
        self.with(|stored, _| Ok(stored.bytes.len() as u64))
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        self.with(|stored, _| {
            let from = usize::try_from(offset).map_err(|_| Error::Truncated)?;
            let to = from.checked_add(len).ok_or(Error::Truncated)?;
            stored.bytes.get(from..to).map(<[u8]>::to_vec).ok_or(Error::Truncated)
        })
    }

    /// Like a disk that fills up, it writes as much as there is room for and then says that it is full.
    fn append(&mut self, end: u64, pieces: &mut [IoSlice]) -> Result<(), Error> {
        self.with(|stored, mut free| {
            stored.bytes.resize(end as usize, 0);
            stored.synced = stored.synced.min(end as usize);
            for piece in pieces.iter() {
                let room = piece.len().min(free as usize);
                stored.bytes.extend_from_slice(&piece[..room]);
                free -= room as u64;
                if room < piece.len() {
                    return Err(Error::Full);
                }
            }
            Ok(())
        })
    }

    fn truncate(&mut self, len: u64) -> Result<(), Error> {
        self.with(|stored, _| {
            stored.bytes.truncate(len as usize);
            stored.synced = stored.synced.min(stored.bytes.len());
            Ok(())
        })
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.with(|stored, _| {
            stored.sync();
            Ok(())
        })
    }
}
