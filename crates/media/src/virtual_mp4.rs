//! The MP4 of any range: laid out from the index, made while it is sent.
//!
//! The file is a fragmented MP4: `ftyp`, `moov` with an edit list, `sidx`, then the stored fragments, each moved to its
//! place by [`Plan::shift`]. Its length and layout depend on the index alone.

use crate::{
    AudioParams, Entry, Result, StreamParams, Track, VIDEO_RATE,
    boxes::Writer,
    fragment::{LEAD, shift_ticks},
    malformed,
    moof::{self, Place},
    moov::{self, Edit, Entries, TrackBox, scale},
};
use base::Time;
use std::{ops::Range, time::Duration};

/// A longer pause between fragments is cut to this: a download shows footage, not the lack of it.
const PAUSE: Duration = Duration::from_millis(200);

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

/// The track and description of one of the [`StreamParams`].
#[derive(Clone, Copy)]
struct Described {
    video: u32,
    /// Track id, description in it, timescale.
    audio: Option<(u32, u32, u32)>,
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
        let mut header = moov::write(&tracks, Some(edit(entries, &starts, wanted)));
        header.extend(sidx(entries, &starts));
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

/// One video track, and an audio track for each rate that occurs, since a track has one timescale.
fn tracks(descriptions: &[StreamParams]) -> (Vec<TrackBox<'_>>, Vec<Described>) {
    let video = descriptions.iter().map(|params| &params.video).collect();
    let mut tracks = vec![TrackBox { id: Track::Video.id(), entries: Entries::Video(video) }];
    let mut described = Vec::with_capacity(descriptions.len());
    for (index, params) in descriptions.iter().enumerate() {
        let audio = params.audio.as_ref().map(|audio| describe(audio, &mut tracks));
        described.push(Described { video: index as u32 + 1, audio });
    }
    (tracks, described)
}

/// The track of the rate of `audio`, made if there is none, and its description there.
fn describe<'a>(audio: &'a AudioParams, tracks: &mut Vec<TrackBox<'a>>) -> (u32, u32, u32) {
    for track in &mut *tracks {
        match &mut track.entries {
            Entries::Audio(all) if all[0].rate == audio.rate => {
                all.push(audio);
                return (track.id, all.len() as u32, audio.rate);
            }
            _ => {}
        }
    }
    let id = tracks.len() as u32 + 1;
    tracks.push(TrackBox { id, entries: Entries::Audio(vec![audio]) });
    (id, 1, audio.rate)
}

/// Where each fragment starts on the timeline, in microseconds. The first one leaves room for sound before it.
fn starts(entries: &[Entry]) -> Vec<i64> {
    let mut start = LEAD.as_micros() as i64;
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
    let place = |track, description, rate| Place { delta: shift_ticks(origin, timeline, rate), track, description };
    Placed {
        video: place(Track::Video.id(), described.video, VIDEO_RATE),
        audio: described.audio.map(|(track, description, rate)| place(track, description, rate)),
    }
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

/// ISO/IEC 14496-12 8.16.3, for the video track; fragments are grouped if there are too many.
fn sidx(entries: &[Entry], starts: &[i64]) -> Vec<u8> {
    let tick = |micros: i64| scale(micros, VIDEO_RATE) as u64;
    let group = entries.len().div_ceil(MAX_REFERENCES);
    let end = starts[entries.len() - 1] + entries[entries.len() - 1].duration.as_micros() as i64;
    let mut out = Writer::default();
    out.full(b"sidx", 1, 0, |out| {
        out.u32(Track::Video.id());
        out.u32(VIDEO_RATE);
        out.u64(tick(starts[0]));
        out.u64(0);
        out.u16(0);
        out.u16(entries.len().div_ceil(group) as u16);
        for (index, members) in entries.chunks(group).enumerate() {
            let from = index * group;
            let until = starts.get(from + group).copied().unwrap_or(end);
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
