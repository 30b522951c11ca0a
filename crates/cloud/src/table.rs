//! The packed fragment table: what one recording file holds, in about eight bytes a fragment.
//!
//! Stored with the file's row, so that a playlist, a download plan or a seek needs no read of the recording itself.
//! Layout: version byte 1, then LEB128 varints: plaintext length of the init fragment; then for every fragment
//! the signed (zigzag) distance of its start from the end of the one before (the first from the file's start) and
//! its duration, both in microseconds, and `plaintext length << 1 | begins with a key frame`.

use base::{Error, Range, Result, Time};

/// One stored fragment, as the index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub time: Time,
    /// Microseconds.
    pub duration: u32,
    /// Bytes of plaintext.
    pub len: u32,
    /// Whether the first video sample is a key frame. A fragment that was closed for length starts without one.
    pub key: bool,
}

impl Entry {
    /// The instant behind the fragment's last sample.
    pub fn end(&self) -> Time {
        Time::from_micros(self.time.micros().saturating_add(i64::from(self.duration)))
    }

    /// The time that the fragment covers.
    pub fn range(&self) -> Range {
        Range { start: self.time, end: self.end() }
    }
}

/// The fragments of one recording file in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Bytes of plaintext of the init fragment, the first in the file.
    pub init_len: u32,
    pub entries: Vec<Entry>,
}

const VERSION: u8 = 1;
/// A file closes after a minute, and no fragment is shorter than one frame of 240 fps.
const MAX_ENTRIES: usize = 65_536;

impl Table {
    /// The packed form. `origin` is the start of the file.
    pub fn encode(&self, origin: Time) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + self.entries.len() * 10);
        out.push(VERSION);
        put(&mut out, u64::from(self.init_len));
        let mut end = origin;
        for entry in &self.entries {
            let distance = entry.time.micros_from(end);
            put(&mut out, ((distance << 1) ^ (distance >> 63)) as u64);
            put(&mut out, u64::from(entry.duration));
            put(&mut out, (u64::from(entry.len) << 1) | u64::from(entry.key));
            end = entry.end();
        }
        out
    }

    /// Reads the packed form back. Damaged bytes are an error, never a panic.
    pub fn decode(bytes: &[u8], origin: Time) -> Result<Self> {
        let damaged = || Error::internal("a fragment table in the index is damaged; run `nightjar check --repair`");
        let (&version, mut rest) = bytes.split_first().ok_or_else(damaged)?;
        if version != VERSION {
            return Err(damaged());
        }
        let init_len = u32::try_from(take(&mut rest).ok_or_else(damaged)?).map_err(|_| damaged())?;
        let mut table = Table { init_len, entries: Vec::with_capacity(rest.len() / 8) };
        let mut end = origin;
        while !rest.is_empty() {
            if table.entries.len() == MAX_ENTRIES {
                return Err(damaged());
            }
            let entry = take_entry(&mut rest, end).ok_or_else(damaged)?;
            end = entry.end();
            table.entries.push(entry);
        }
        Ok(table)
    }

    /// The place of each fragment in its file: (offset of its header, entry).
    pub fn placed(&self) -> impl Iterator<Item = (u64, &Entry)> {
        let first = vault::format::HEADER_LEN as u64 + vault::format::sealed_len(u64::from(self.init_len));
        self.entries.iter().scan(first, |next, entry| {
            let offset = *next;
            *next += vault::format::HEADER_LEN as u64 + vault::format::sealed_len(u64::from(entry.len));
            Some((offset, entry))
        })
    }

    /// Sealed bytes of the whole file.
    pub fn sealed_bytes(&self) -> u64 {
        let one = |len: u32| vault::format::HEADER_LEN as u64 + vault::format::sealed_len(u64::from(len));
        one(self.init_len) + self.entries.iter().map(|entry| one(entry.len)).sum::<u64>()
    }
}

fn take_entry(rest: &mut &[u8], end: Time) -> Option<Entry> {
    let zigzag = take(rest)?;
    let distance = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
    let time = Time::from_micros(end.micros().checked_add(distance)?);
    let duration = u32::try_from(take(rest)?).ok()?;
    let len = take(rest)?;
    Some(Entry { time, duration, len: u32::try_from(len >> 1).ok()?, key: len & 1 == 1 })
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_table_survives_packing(
            init_len in any::<u32>(), origin in 0i64..4_000_000_000_000_000,
            fragments in prop::collection::vec((-5_000_000i64..5_000_000, any::<u32>(), any::<u32>(), any::<bool>()), 0..80)
        ) {
            let mut end = Time::from_micros(origin);
            let entries = fragments.into_iter().map(|(distance, duration, len, key)| {
                let entry = Entry { time: Time::from_micros(end.micros() + distance), duration, len, key };
                end = entry.end();
                entry
            }).collect();
            let table = Table { init_len, entries };
            let packed = table.encode(Time::from_micros(origin));
            prop_assert_eq!(Table::decode(&packed, Time::from_micros(origin)).unwrap(), table);
        }

        #[test]
        fn foreign_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Table::decode(&bytes, Time::from_micros(0));
        }
    }

    #[test]
    fn a_two_second_fragment_costs_about_eight_bytes() {
        let entry =
            |n: i64| Entry { time: Time::from_micros(n * 2_000_000), duration: 2_000_000, len: 520_000, key: true };
        let table = Table { init_len: 700, entries: (0..30).map(entry).collect() };
        assert!(table.encode(Time::from_micros(0)).len() < 270);
    }
}
