//! The key that fragments are sealed under.

use base::{Secret, Time};

/// Whose footage: an opaque id.
pub type Owner = [u8; 16];
/// Where footage comes from: an opaque id.
pub type Source = [u8; 16];

/// The key of one stream of a source for one hour at most. With it go all fragments that were sealed under it.
#[derive(Clone, Debug)]
pub struct EpochKey {
    pub id: [u8; 16],
    pub owner: Owner,
    pub source: Source,
    pub stream: u8,
    /// The UTC hour that it is for.
    pub hour: Time,
    pub(crate) key: Secret<[u8; 32]>,
}
