//! The MP4 of any range: laid out from the index, made while it is sent.
//!
//! The file is a fragmented MP4: `ftyp`, `moov` with an edit list, `sidx`, then the stored fragments, each moved to its
//! place by [`Plan::shift`]. Its length and layout depend on the index alone.

use crate::{
    AudioParams, Entry, Result, StreamParams, Track, VIDEO_RATE, VideoParams,
    boxes::Writer,
    fragment::shift_ticks,
    malformed,
    moof::{self, Place},
    moov::{self, Edit, Entries, TrackBox, scale},
};
use base::Time;
use std::{ops::Range, time::Duration};

/// A longer pause between fragments is cut to this: a download shows footage, not the lack of it.
const PAUSE: Duration = Duration::from_millis(200);

/// Where the first picture stands on the timeline: sound may begin a little before it. Little, because ffmpeg counts it
/// to the duration of a file that has one fragment.
const ROOM: Duration = Duration::from_millis(100);

/// References of a `sidx` at most; its count has 16 bits.
const MAX_REFERENCES: usize = 65_535;

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes of [`Plan::header`].
    Header(Range<usize>),
    /// These bytes of the plaintext of a fragment, after [`Plan::shift`].
    Fragment { index: usize, range: Range<u64> },
}

/// The layout of a virtual MP4. `index` counts the entries that it was given.
pub struct Plan {
    header: Vec<u8>,
    /// Index of the first entry that is used.
    first: usize,
    places: Vec<Placed>,
    /// Where each fragment ends in the file.
    ends: Vec<u64>,
}

/// Where a fragment goes: its tracks with the ticks by which each is moved.
#[derive(Clone, Copy)]
struct Placed {
    video: Place,
    audio: Option<Place>,
}

/// Where the samples of one of the [`StreamParams`] go.
#[derive(Clone, Copy)]
struct Described {
    video: Slot,
    audio: Option<Slot>,
}

/// A track, a description in it, its timescale.
#[derive(Clone, Copy)]
struct Slot {
    track: u32,
    description: u32,
    rate: u32,
}

impl Plan {
    /// Lays out the entries, which are in order of time; those before the first key are left out. Playback begins at
    /// `wanted.start` and ends at `wanted.end`, or where the footage does. An error without a key, or if an entry has a
    /// description that is not there.
    pub fn new(descriptions: &[StreamParams], entries: &[Entry], wanted: base::Range) -> Result<Self> {
        let first = entries.iter().position(|entry| entry.key).ok_or(malformed("virtual mp4", "no key frame"))?;
        let entries = &entries[first..];
        if entries.iter().any(|entry| entry.description as usize >= descriptions.len()) {
            return Err(malformed("virtual mp4", "unknown description"));
        }
        let (tracks, described) = tracks(descriptions);
        let starts = starts(entries);
        let edit = edit(entries, &starts, wanted);
        let mut header = moov::write(&tracks, Some(edit));
        header.extend(sidx(entries, &starts, edit));
        let mut end = header.len() as u64;
        let ends = entries.iter().map(|entry| {
            end += entry.len;
            end
        });
        let ends = ends.collect();
        let places = entries.iter().zip(&starts).map(|(entry, &start)| {
            let timeline = Time::from_micros(entry.time.micros() - start);
            placed(described[entry.description as usize], entry.origin, timeline)
        });
        Ok(Self { header, first, places: places.collect(), ends })
    }

    /// Bytes of the whole file.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(self.header.len() as u64)
    }

    /// `ftyp`, `moov`, `sidx`.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// What stands in the bytes of `range`, in order; what is beyond the file is left out.
    pub fn locate(&self, range: Range<u64>) -> Vec<Piece> {
        let head = self.header.len() as u64;
        let mut pieces = Vec::new();
        if range.start < head.min(range.end) {
            pieces.push(Piece::Header(range.start as usize..range.end.min(head) as usize));
        }
        let from = self.ends.partition_point(|&end| end <= range.start);
        for at in from..self.ends.len() {
            let start = if at == 0 { head } else { self.ends[at - 1] };
            let part = range.start.max(start)..range.end.min(self.ends[at]);
            if part.is_empty() {
                break;
            }
            pieces.push(Piece::Fragment { index: self.first + at, range: part.start - start..part.end - start });
        }
        pieces
    }

    /// Moves the fragment of entry `index` to its place in the file, in place; `fragment` may be a prefix that holds
    /// the `moof`, which stands at its start and is seldom longer than 16 KiB.
    pub fn shift(&self, index: usize, fragment: &mut [u8]) -> Result<()> {
        let at = index.checked_sub(self.first);
        let placed = at.and_then(|at| self.places.get(at)).ok_or(malformed("virtual mp4", "no such fragment"))?;
        let place = |track| if track == Track::Video.id() { Some(placed.video) } else { placed.audio };
        let sequence = (index - self.first) as u32 + 1;
        moof::shift(fragment, sequence, place).ok_or(malformed("fragment", "no whole moof of ours"))
    }
}

/// A video track for each codec and an audio track for each kind of sound that occurs: players change sizes inside a
/// track, seldom codecs.
fn tracks(descriptions: &[StreamParams]) -> (Vec<TrackBox<'_>>, Vec<Described>) {
    let mut tracks = Vec::new();
    let described = descriptions.iter().map(|params| Described {
        video: video_slot(&params.video, &mut tracks),
        audio: params.audio.as_ref().map(|audio| audio_slot(audio, &mut tracks)),
    });
    let described = described.collect();
    (tracks, described)
}

fn video_slot<'a>(video: &'a VideoParams, tracks: &mut Vec<TrackBox<'a>>) -> Slot {
    for track in &mut *tracks {
        match &mut track.entries {
            Entries::Video(all) if all[0].codec == video.codec => {
                all.push(video);
                return Slot { track: track.id, description: all.len() as u32, rate: VIDEO_RATE };
            }
            _ => {}
        }
    }
    new_slot(Entries::Video(vec![video]), VIDEO_RATE, tracks)
}

fn audio_slot<'a>(audio: &'a AudioParams, tracks: &mut Vec<TrackBox<'a>>) -> Slot {
    let same = |track: &&TrackBox<'_>| matches!(&track.entries, Entries::Audio(all) if all[0] == audio);
    match tracks.iter().find(same) {
        Some(track) => Slot { track: track.id, description: 1, rate: audio.rate },
        None => new_slot(Entries::Audio(vec![audio]), audio.rate, tracks),
    }
}

fn new_slot<'a>(entries: Entries<'a>, rate: u32, tracks: &mut Vec<TrackBox<'a>>) -> Slot {
    let track = tracks.len() as u32 + 1;
    tracks.push(TrackBox { id: track, entries });
    Slot { track, description: 1, rate }
}

/// Where each fragment starts on the timeline, in microseconds. The first one leaves room for sound before it.
fn starts(entries: &[Entry]) -> Vec<i64> {
    let mut start = ROOM.as_micros() as i64;
    let mut before: Option<&Entry> = None;
    let starts = entries.iter().map(|entry| {
        if let Some(before) = before {
            let lasted = before.duration.as_micros() as i64;
            let apart = entry.time.micros_from(before.time);
            let pause = PAUSE.as_micros() as i64;
            start += if (0..=lasted + pause).contains(&apart) { apart } else { lasted + pause };
        }
        before = Some(entry);
        start
    });
    starts.collect()
}

fn placed(described: Described, origin: Time, timeline: Time) -> Placed {
    let place = |slot: Slot| Place {
        delta: shift_ticks(origin, timeline, slot.rate),
        track: slot.track,
        description: slot.description,
    };
    Placed { video: place(described.video), audio: described.audio.map(place) }
}

/// Plays from the wanted start to the wanted end.
fn edit(entries: &[Entry], starts: &[i64], wanted: base::Range) -> Edit {
    let on_timeline = |time: Time| {
        let at = entries.partition_point(|entry| entry.time <= time).saturating_sub(1);
        let into = time.micros_from(entries[at].time).clamp(0, entries[at].duration.as_micros() as i64);
        starts[at] + into
    };
    let start = on_timeline(wanted.start);
    Edit { start, duration: (on_timeline(wanted.end) - start).max(1000) }
}

/// ISO/IEC 14496-12 8.16.3, for the first video track; fragments are grouped if there are too many. Its times are those
/// of the presentation, after the edit list.
fn sidx(entries: &[Entry], starts: &[i64], edit: Edit) -> Vec<u8> {
    let tick = |micros: i64| scale((micros - edit.start).clamp(0, edit.duration), VIDEO_RATE);
    let group = entries.len().div_ceil(MAX_REFERENCES);
    let mut out = Writer::default();
    out.full(b"sidx", 1, 0, |out| {
        out.u32(Track::Video.id());
        out.u32(VIDEO_RATE);
        out.zeros(16);
        out.u16(0);
        out.u16(entries.len().div_ceil(group) as u16);
        for (index, members) in entries.chunks(group).enumerate() {
            let from = index * group;
            let until = starts.get(from + group).copied().unwrap_or(i64::MAX / 2);
            let len: u64 = members.iter().map(|entry| entry.len).sum();
            out.u32(len.min(0x7fff_ffff) as u32);
            out.u32((tick(until) - tick(starts[from])) as u32);
            out.u32(if members[0].key { STARTS_WITH_KEY } else { 0 });
        }
    });
    out.bytes
}

/// starts_with_SAP and SAP_type 1.
const STARTS_WITH_KEY: u32 = 0x9000_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{boxes::find, tests::params};

    fn entries(count: usize) -> Vec<Entry> {
        let time = |at: usize| Time::from_micros(1_790_000_000_000_000 + at as i64 * 2_000_000);
        let entry = |at| Entry {
            time: time(at),
            duration: Duration::from_secs(2),
            len: 1000 + at as u64,
            description: 0,
            origin: time(at),
            key: at != 0,
        };
        (0..count).map(entry).collect()
    }

    fn range(entries: &[Entry]) -> base::Range {
        let last = entries[entries.len() - 1];
        base::Range::new(entries[0].time, last.time + last.duration).unwrap()
    }

    #[test]
    fn a_very_long_range_groups_its_fragments_into_as_many_references_as_there_may_be() {
        let entries = entries(70_000);
        let plan = Plan::new(&[params()], &entries, range(&entries)).unwrap();
        let body = find(plan.header(), b"sidx").unwrap().body;
        assert_eq!(u16::from_be_bytes([body[30], body[31]]), 35_000);
        let total: u64 = entries[1..].iter().map(|entry| entry.len).sum();
        assert_eq!(plan.len(), plan.header().len() as u64 + total, "the first has no key and is left out");
    }

    #[test]
    fn every_byte_has_its_place_and_none_two() {
        let entries = entries(9);
        let plan = Plan::new(&[params()], &entries, range(&entries)).unwrap();
        let pieces = plan.locate(0..u64::MAX);
        assert_eq!(pieces[0], Piece::Header(0..plan.header().len()));
        let whole = |(index, piece): (usize, &Piece)| *piece == Piece::Fragment { index, range: 0..entries[index].len };
        assert!(pieces.iter().enumerate().skip(1).all(whole));
        let head = plan.header().len() as u64;
        let across = plan.locate(head - 1..head + 1002);
        assert_eq!(
            across[1..],
            [Piece::Fragment { index: 1, range: 0..1001 }, Piece::Fragment { index: 2, range: 0..1 },]
        );
        assert!(plan.locate(plan.len()..plan.len() + 1).is_empty());
    }

    #[test]
    fn impossible_plans_are_refused() {
        let entries = entries(3);
        assert!(Plan::new(&[params()], &entries[..1], range(&entries)).is_err(), "no key");
        assert!(Plan::new(&[], &entries, range(&entries)).is_err(), "no description");
        assert!(Plan::new(&[params()], &[], range(&entries)).is_err(), "nothing");
    }
}
