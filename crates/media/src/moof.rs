//! The `moof` box (ISO/IEC 14496-12 8.8): written for our fragments, read from ours and from others'.

use crate::boxes::{Atom, Fields, Writer, atoms};

pub(crate) const KEY_FLAGS: u32 = 0x0200_0000;
pub(crate) const DELTA_FLAGS: u32 = 0x0101_0000;
const NON_SYNC: u32 = 0x0001_0000;

/// A sample of a track fragment; times in ticks of its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) duration: u32,
    pub(crate) len: u32,
    pub(crate) key: bool,
    /// Presentation minus decoding time.
    pub(crate) offset: i32,
}

/// One track's samples in a fragment, at `data_offset` from the start of the `moof`.
pub(crate) struct Traf<'a> {
    pub(crate) track: u32,
    pub(crate) decode_time: u64,
    pub(crate) data_offset: u32,
    pub(crate) samples: &'a [Run],
}

const TRUN_DATA_OFFSET: u32 = 0x001;
const TRUN_FIRST_FLAGS: u32 = 0x004;
const TRUN_DURATION: u32 = 0x100;
const TRUN_SIZE: u32 = 0x200;
const TRUN_FLAGS: u32 = 0x400;
const TRUN_OFFSETS: u32 = 0x800;

const TFHD_BASE_OFFSET: u32 = 0x01;
const TFHD_DESCRIPTION: u32 = 0x02;
const TFHD_DURATION: u32 = 0x08;
const TFHD_SIZE: u32 = 0x10;
const TFHD_FLAGS: u32 = 0x20;
const TFHD_BASE_IS_MOOF: u32 = 0x02_0000;

/// A `moof` with sample description 1 for every track.
pub(crate) fn write(sequence: u32, trafs: &[Traf<'_>]) -> Vec<u8> {
    let mut out = Writer::default();
    out.atom(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| out.u32(sequence));
        trafs.iter().for_each(|traf| out.atom(b"traf", |out| write_traf(out, traf)));
    });
    out.bytes
}

fn write_traf(out: &mut Writer, traf: &Traf<'_>) {
    let all_key = traf.samples.iter().all(|sample| sample.key);
    let default_flags = if all_key { KEY_FLAGS } else { DELTA_FLAGS };
    out.full(b"tfhd", 0, TFHD_BASE_IS_MOOF | TFHD_DESCRIPTION | TFHD_FLAGS, |out| {
        out.u32(traf.track);
        out.u32(1);
        out.u32(default_flags);
    });
    out.full(b"tfdt", 1, 0, |out| out.u64(traf.decode_time));
    let (first, others) = traf.samples.split_first().map_or((false, false), |(first, others)| {
        (first.key && !all_key, others.iter().any(|sample| sample.key) && !all_key)
    });
    let mut flags = TRUN_DATA_OFFSET | TRUN_DURATION | TRUN_SIZE;
    flags |= match (first, others) {
        (_, true) => TRUN_FLAGS,
        (true, false) => TRUN_FIRST_FLAGS,
        (false, false) => 0,
    };
    if traf.samples.iter().any(|sample| sample.offset != 0) {
        flags |= TRUN_OFFSETS;
    }
    out.full(b"trun", 1, flags, |out| write_trun(out, flags, traf));
}

fn write_trun(out: &mut Writer, flags: u32, traf: &Traf<'_>) {
    out.u32(traf.samples.len() as u32);
    out.u32(traf.data_offset);
    if flags & TRUN_FIRST_FLAGS != 0 {
        out.u32(KEY_FLAGS);
    }
    for sample in traf.samples {
        out.u32(sample.duration);
        out.u32(sample.len);
        if flags & TRUN_FLAGS != 0 {
            out.u32(if sample.key { KEY_FLAGS } else { DELTA_FLAGS });
        }
        if flags & TRUN_OFFSETS != 0 {
            out.u32(sample.offset as u32);
        }
    }
}

/// What `trex` says for samples of which a fragment says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

/// A track fragment that was read.
pub(crate) struct TrafRead {
    pub(crate) track: u32,
    /// None without a `tfdt`: after the fragment before.
    pub(crate) decode_time: Option<u64>,
    /// Samples with where their bytes are: from the start of the file if `absolute`, else of the `moof`.
    pub(crate) samples: Vec<(Run, i64)>,
    pub(crate) absolute: bool,
}

/// Samples of a run that has no field for each of them are believed up to this number.
const MAX_UNIFORM: usize = 65_536;

/// Reads the track fragments of the body of a `moof`; `None` if one is broken. `defaults` are those of a track.
pub(crate) fn read(moof: Atom<'_>, defaults: impl Fn(u32) -> Defaults) -> Option<Vec<TrafRead>> {
    let mut data_at = (moof.body_start - moof.start + moof.body.len()) as i64 + 8;
    let mut trafs = Vec::new();
    for traf in atoms(moof.body).filter(|atom| &atom.kind == b"traf") {
        let read = read_traf(traf, &defaults, data_at)?;
        data_at = read.samples.last().map_or(data_at, |(run, at)| at + i64::from(run.len));
        trafs.push(read);
    }
    Some(trafs)
}

fn read_traf(traf: Atom<'_>, defaults: impl Fn(u32) -> Defaults, data_at: i64) -> Option<TrafRead> {
    let (_, flags, mut fields) = traf.child(b"tfhd")?.full()?;
    let track = fields.u32()?;
    let base = if flags & TFHD_BASE_OFFSET != 0 { Some(i64::try_from(fields.u64()?).ok()?) } else { None };
    let mut optional = |bit: u32, otherwise: u32| if flags & bit != 0 { fields.u32() } else { Some(otherwise) };
    optional(TFHD_DESCRIPTION, 1)?;
    let known = defaults(track);
    let defaults = Defaults {
        duration: optional(TFHD_DURATION, known.duration)?,
        size: optional(TFHD_SIZE, known.size)?,
        flags: optional(TFHD_FLAGS, known.flags)?,
    };
    let decode_time = match traf.child(b"tfdt") {
        Some(tfdt) => {
            let (version, _, mut fields) = tfdt.full()?;
            Some(fields.long(version)?)
        }
        None => None,
    };
    let mut read = TrafRead { track, decode_time, samples: Vec::new(), absolute: base.is_some() };
    let mut at = base.unwrap_or(data_at);
    for trun in atoms(traf.body).filter(|atom| &atom.kind == b"trun") {
        at = read_trun(trun, base.unwrap_or(0), at, defaults, &mut read.samples)?;
    }
    Some(read)
}

/// Reads one run; gives where its data ends. It starts at `at` unless it says where, counted from `base`.
fn read_trun(trun: Atom<'_>, base: i64, at: i64, defaults: Defaults, samples: &mut Vec<(Run, i64)>) -> Option<i64> {
    let (_, flags, mut fields) = trun.full()?;
    let count = fields.u32()? as usize;
    let mut at = match flags & TRUN_DATA_OFFSET {
        0 => at,
        _ => base.checked_add(i64::from(fields.u32()? as i32))?,
    };
    let first_flags = if flags & TRUN_FIRST_FLAGS != 0 { Some(fields.u32()?) } else { None };
    let width = 4 * (flags & (TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS | TRUN_OFFSETS)).count_ones() as usize;
    let fits = count <= fields.0.len().checked_div(width).unwrap_or(MAX_UNIFORM);
    if !fits {
        return None;
    }
    samples.reserve(count);
    for index in 0..count {
        let (run, len) = read_sample(&mut fields, flags, defaults, first_flags.filter(|_| index == 0))?;
        samples.push((run, at));
        at = at.checked_add(i64::from(len))?;
    }
    Some(at)
}

fn read_sample(fields: &mut Fields<'_>, flags: u32, defaults: Defaults, first: Option<u32>) -> Option<(Run, u32)> {
    let mut optional = |bit: u32, otherwise: u32| if flags & bit != 0 { fields.u32() } else { Some(otherwise) };
    let duration = optional(TRUN_DURATION, defaults.duration)?;
    let len = optional(TRUN_SIZE, defaults.size)?;
    let sample_flags = optional(TRUN_FLAGS, first.unwrap_or(defaults.flags))?;
    let offset = optional(TRUN_OFFSETS, 0)? as i32;
    Some((Run { duration, len, key: sample_flags & NON_SYNC == 0, offset }, len))
}

/// What a fragment is moved to: how far (in ticks), and the track and description that its samples get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) delta: i64,
    pub(crate) track: u32,
    pub(crate) description: u32,
}

/// Moves a `moof` at the start of `bytes` in place; `place` answers for the track that a `traf` has. `None` if the
/// `moof` is not of our making or not whole.
pub(crate) fn shift(bytes: &mut [u8], sequence: u32, place: impl Fn(u32) -> Option<Place>) -> Option<()> {
    let mut edits: Vec<(usize, [u8; 8], usize)> = Vec::with_capacity(8);
    let mut word = |at: usize, value: u32| {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&value.to_be_bytes());
        edits.push((at, bytes, 4));
    };
    let moof = atoms(bytes).next().filter(|atom| &atom.kind == b"moof")?;
    let mut times = Vec::with_capacity(2);
    for child in atoms(moof.body) {
        let at = moof.body_start + child.body_start;
        match &child.kind {
            b"mfhd" if child.body.len() >= 8 => word(at + 4, sequence),
            b"traf" => {
                let (tfhd, tfdt) = (child.child(b"tfhd")?, child.child(b"tfdt")?);
                let (_, flags, mut fields) = tfhd.full()?;
                let place = place(fields.u32()?)?;
                if flags & (TFHD_DESCRIPTION | TFHD_BASE_OFFSET) != TFHD_DESCRIPTION || fields.0.len() < 4 {
                    return None;
                }
                word(at + tfhd.body_start + 4, place.track);
                word(at + tfhd.body_start + 8, place.description);
                let (version, _, mut fields) = tfdt.full()?;
                let time = fields.u64().filter(|_| version == 1)?;
                let moved = i64::try_from(time).ok()?.saturating_add(place.delta).max(0) as u64;
                times.push((at + tfdt.body_start + 4, moved.to_be_bytes(), 8));
            }
            _ => {}
        }
    }
    for (at, value, len) in edits.into_iter().chain(times) {
        bytes[at..at + len].copy_from_slice(&value[..len]);
    }
    Some(())
}
