//! HLS media playlists (RFC 8216) from the index.

use crate::Entry;

/// A playlist of fMP4 segments, one an entry. `map` names the initialisation segment of a description, `segment` the
/// fragment of an index. `ended` says that nothing will be added.
pub fn playlist(_entries: &[Entry], _map: impl Fn(u32) -> String, _segment: impl Fn(usize) -> String, _ended: bool) -> String {
    unimplemented!()
}
