//! Sealed fragments: the NJF1 format, the keys that open them and can be destroyed, and the shelf that holds them.
//!
//! Nothing here knows whose video it is: owners and sources are opaque ids of 16 bytes. Nothing outside can turn sealed
//! bytes into video: [`Vault::open_fragment`] is the one door, and it asks for a [`Purpose`].

mod error;
pub mod format;
mod key;
pub mod shelf;
mod writer;

pub use error::Error;
pub use key::{EpochKey, Owner, Source};
pub use shelf::{Disk, Memory, ObjectName, Shelf, Space};
pub use writer::{FileWriter, FragmentMeta, Placed};
