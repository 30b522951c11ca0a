//! The shelf holds sealed bytes in objects that are only appended to. It knows no key and no name but opaque ids.
//!
//! An append is visible at once and durable after the next [`Shelf::commit`] or [`Object::sync`]; so is the creation
//! of an object. A removal is visible at once and durable after the next commit.

mod disk;
mod memory;

pub use disk::Disk;
pub use memory::Memory;

use crate::Error;
use std::{
    io::IoSlice,
    sync::{Mutex, MutexGuard, PoisonError},
};

base::id!(
    /// The name of an object on a shelf: a UUIDv7, so that names sort by the time of their making.
    ObjectName
);

impl ObjectName {
    /// The name before all others.
    pub const FIRST: Self = Self::from_bytes([0; 16]);
}

/// How much room a shelf has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub free: u64,
    pub total: u64,
}

/// Holds objects.
pub trait Shelf: Send + Sync {
    /// Makes an empty object; [`Error::Exists`] if there is one.
    fn create(&self, name: ObjectName) -> Result<Box<dyn Object>, Error>;
    /// Opens an object for reading and mending.
    fn open(&self, name: ObjectName) -> Result<Box<dyn Object>, Error>;
    /// Removes an object; one that is not there is no error, so that an interrupted removal can be repeated.
    fn remove(&self, name: ObjectName) -> Result<(), Error>;
    /// Tells `visit` of each object whose name is not below `from`, and perhaps of some below, in no order.
    fn list(&self, from: ObjectName, visit: &mut dyn FnMut(ObjectName)) -> Result<(), Error>;
    /// The room there is.
    fn space(&self) -> Result<Space, Error>;
    /// Makes all that was appended, created, cut and removed before this call durable. Returns the objects for which
    /// that failed: what was appended to them since the last commit may be lost, and they accept no more.
    fn commit(&self) -> Result<Vec<ObjectName>, Error>;
}

/// An object that is open.
pub trait Object: Send {
    /// Bytes in the object.
    fn len(&self) -> Result<u64, Error>;
    /// Exactly `len` bytes from `offset`; [`Error::Truncated`] if the object ends before.
    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error>;
    /// Writes the pieces at `end`, the end of the object. After an error some of them may stand there: cut them off.
    fn append(&mut self, end: u64, pieces: &mut [IoSlice]) -> Result<(), Error>;
    /// Cuts the object to `len` bytes.
    fn truncate(&mut self, len: u64) -> Result<(), Error>;
    /// Makes this one object durable.
    fn sync(&mut self) -> Result<(), Error>;
    /// Whether the object has no bytes.
    fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }
}

/// The states behind these locks are whole after each statement, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
