//! Appends sealed fragments to one object. Synchronous: it belongs to a writer thread.

use crate::{
    EpochKey, Error,
    format::{self, Header, Tag},
    shelf::{Object, ObjectName},
};
use base::{Time, World};
use std::time::Duration;

/// What a fragment's header says besides whose it is, which its key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentMeta {
    pub sequence: u64,
    pub time: Time,
    pub duration: Duration,
    /// See [`format::flags`].
    pub flags: u16,
}

/// Where a fragment stands in its object: its header's first byte, and its length with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub offset: u64,
    pub len: u64,
}

/// Writes one object from its beginning. An append is on the shelf when it returns, and durable after the next
/// [`crate::Vault::commit`] or [`FileWriter::sync`].
pub struct FileWriter {
    name: ObjectName,
    object: Box<dyn Object>,
    world: World,
    end: u64,
    tags: Vec<Tag>,
    broken: bool,
}

impl FileWriter {
    pub(crate) fn new(name: ObjectName, object: Box<dyn Object>, world: World) -> Self {
        Self { name, object, world, end: 0, tags: Vec::new(), broken: false }
    }

    /// The object that is written.
    pub fn name(&self) -> ObjectName {
        self.name
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.end
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Seals `plain` in place and appends it with a single vectored write. `plain` is ciphertext afterwards, whatever
    /// the outcome. If the write fails, what it left is cut off again, so the object ends with a whole fragment;
    /// where even that fails, the writer refuses all else with [`Error::Broken`].
    pub fn append(&mut self, meta: &FragmentMeta, key: &EpochKey, plain: &mut [u8]) -> Result<Placed, Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        let header = self.header(meta, key, plain.len())?;
        let bytes = format::seal(&header, &key.key, plain, &mut self.tags)?;
        let placed = Placed { offset: self.end, len: header.len() };
        match self.object.append(self.end, &mut format::pieces(&bytes, plain, &self.tags)) {
            Ok(()) => self.end += placed.len,
            Err(error) => {
                self.broken = self.object.truncate(self.end).is_err();
                return Err(error);
            }
        }
        Ok(placed)
    }

    fn header(&self, meta: &FragmentMeta, key: &EpochKey, plain: usize) -> Result<Header, Error> {
        if plain > format::MAX_PLAIN {
            return Err(Error::TooLarge);
        }
        Ok(Header {
            owner: key.owner,
            source: key.source,
            stream: key.stream,
            flags: meta.flags,
            epoch: key.id,
            sequence: meta.sequence,
            time: meta.time,
            duration: meta.duration,
            sealed: format::sealed_len(plain as u64) as u32,
            salt: self.world.random(),
        })
    }

    /// Makes this object durable now, its creation included.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.object.sync()
    }
}
