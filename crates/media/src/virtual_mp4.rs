//! The MP4 of any range: laid out from the index, made while it is sent.

use crate::{Entry, Result, StreamParams};
use std::ops::Range;

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes of [`Plan::header`].
    Header(Range<usize>),
    /// These bytes of the plaintext of a fragment, after [`Plan::shift`].
    Fragment { index: usize, range: Range<u64> },
}

/// The layout of a virtual MP4.
pub struct Plan;

impl Plan {
    /// Lays out the entries, which are in order of time. Playback begins at `wanted.start` and ends at `wanted.end`.
    pub fn new(_descriptions: &[StreamParams], _entries: &[Entry], _wanted: base::Range) -> Result<Self> {
        unimplemented!()
    }

    /// Bytes of the whole file.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        0
    }

    /// `ftyp`, `moov`, `sidx`.
    pub fn header(&self) -> &[u8] {
        &[]
    }

    /// What stands in the bytes of `range`, cut to the file.
    pub fn locate(&self, _range: Range<u64>) -> Vec<Piece> {
        unimplemented!()
    }

    /// Moves the fragment `index` to its place in the file, in place; `fragment` may be a prefix that holds the `moof`.
    pub fn shift(&self, _index: usize, _fragment: &mut [u8]) -> Result<()> {
        unimplemented!()
    }
}
