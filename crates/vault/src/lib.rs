//! Sealed fragments: the NJF1 format, the keys that open them and can be destroyed, and the shelf that holds them.
//!
//! Nothing here knows whose video it is: owners and sources are opaque ids of 16 bytes. Nothing else can turn sealed
//! bytes into video: [`Vault::open_fragment`] is the one door, and it asks for a [`Purpose`].

mod error;
pub mod format;
mod holder;
mod keystore;
pub mod root_key;
pub mod shelf;
mod vault;
mod writer;

pub use error::Error;
pub use keystore::{DATA_MAP, Epoch, EpochId, EpochKey, KeyDestroyed, Owner, Reason, Scope, Source, migrations};
pub use shelf::{Disk, Memory, Object, ObjectName, Shelf, Space};
pub use vault::{FragmentAt, Purpose, Scan, Tail, Vault};
pub use writer::{FileWriter, FragmentMeta, Placed};

#[cfg(test)]
mod tests;
