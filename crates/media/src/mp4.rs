//! Reads MP4 files that others made, ordinary and fragmented (ISO/IEC 14496-12).

use crate::{
    AudioCodec, AudioParams, Error, Result, VideoParams,
    boxes::{Atom, Fields, atoms, find, head},
    h264, h265, malformed,
    moof::{self, Defaults},
    opus,
};
use std::{
    collections::BTreeMap,
    io::{Read, Seek, SeekFrom},
};

/// What a track holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Params {
    /// `length_size` is the number of bytes of a NAL length in the samples: 1 to 4.
    Video {
        params: VideoParams,
        length_size: u8,
    },
    Audio(AudioParams),
}

/// A sample of the file; times in ticks of the track's timescale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub dts: i64,
    pub pts: i64,
    pub duration: u32,
    pub key: bool,
    /// Where its bytes stand in the file, and how many.
    pub offset: u64,
    pub len: u32,
}

/// A track that can be used.
#[derive(Clone, Debug)]
pub struct MovieTrack {
    pub id: u32,
    pub params: Params,
    /// Ticks a second.
    pub timescale: u32,
    /// In decoding order. G.711 comes a chunk a sample.
    pub samples: Vec<Sample>,
}

/// The tracks of a file whose codecs are known; others are left out.
#[derive(Clone, Debug)]
pub struct Movie {
    pub tracks: Vec<MovieTrack>,
}

/// Bytes of a `moov` or `moof` at most.
const MAX_INDEX: u64 = 256 * 1024 * 1024;

/// Samples of a track at most: a day at 60 pictures a second.
const MAX_SAMPLES: usize = 5_184_000;

impl Movie {
    /// Reads the structure, not the samples. What an index says is checked against the length of the file.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self> {
        let len = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
        let mut movie: Option<(Self, BTreeMap<u32, Defaults>)> = None;
        let mut at = 0;
        while let Some((kind, size)) = next_box(file, at, len)? {
            match (&kind, &mut movie) {
                (b"moov", None) => movie = Some(read_moov(&load(file, at, size)?, len)?),
                (b"moof", Some((movie, defaults))) => {
                    let bytes = load(file, at, size)?;
                    movie.add_moof(&bytes, at, len, defaults).ok_or(malformed("mp4", "broken moof"))?;
                }
                _ => {}
            }
            at += size;
        }
        movie.map(|(movie, _)| movie).ok_or(malformed("mp4", "no moov"))
    }

    /// The first video track.
    pub fn video(&self) -> Option<(&MovieTrack, &VideoParams)> {
        self.tracks.iter().find_map(|track| match &track.params {
            Params::Video { params, .. } => Some((track, params)),
            Params::Audio(_) => None,
        })
    }

    /// The first audio track.
    pub fn audio(&self) -> Option<(&MovieTrack, &AudioParams)> {
        self.tracks.iter().find_map(|track| match &track.params {
            Params::Audio(params) => Some((track, params)),
            Params::Video { .. } => None,
        })
    }

    fn add_moof(&mut self, bytes: &[u8], at: u64, len: u64, defaults: &BTreeMap<u32, Defaults>) -> Option<()> {
        let moof = find(bytes, b"moof")?;
        for traf in moof::read(moof, |track| defaults.get(&track).copied().unwrap_or_default())? {
            let Some(track) = self.tracks.iter_mut().find(|track| track.id == traf.track) else { continue };
            let end = track.samples.last().map_or(0, |last| last.dts + i64::from(last.duration));
            let mut dts = traf.decode_time.map_or(Some(end), |time| i64::try_from(time).ok())?;
            let base = if traf.absolute { 0 } else { at as i64 };
            if track.samples.len() + traf.samples.len() > MAX_SAMPLES {
                return None;
            }
            for (run, from) in traf.samples {
                let offset = u64::try_from(base.checked_add(from)?).ok()?;
                offset.checked_add(u64::from(run.len)).filter(|&end| end <= len)?;
                let pts = dts.checked_add(i64::from(run.offset))?;
                track.samples.push(Sample { dts, pts, duration: run.duration, key: run.key, offset, len: run.len });
                dts = dts.checked_add(i64::from(run.duration)).filter(|&dts| dts < i64::MAX / 4)?;
            }
        }
        Some(())
    }
}

impl MovieTrack {
    /// Reads the bytes of a sample; video with 4-byte lengths, whatever the file has.
    pub fn load(&self, sample: &Sample, file: &mut (impl Read + Seek)) -> Result<Vec<u8>> {
        let mut bytes = vec![0; sample.len as usize];
        file.seek(SeekFrom::Start(sample.offset)).map_err(unreadable)?;
        file.read_exact(&mut bytes).map_err(unreadable)?;
        match self.params {
            Params::Video { length_size, .. } if length_size != 4 => Ok(widen(&bytes, length_size)),
            _ => Ok(bytes),
        }
    }
}

fn widen(sample: &[u8], length_size: u8) -> Vec<u8> {
    let mut fields = Fields(sample);
    let mut out = Vec::with_capacity(sample.len() + 64);
    while let Some(len) = fields.take(usize::from(length_size)) {
        let len = len.iter().fold(0usize, |len, &byte| len << 8 | usize::from(byte));
        let Some(nal) = fields.take(len) else { break };
        crate::nal::push_prefixed(nal, &mut out);
    }
    out
}

fn unreadable(_: std::io::Error) -> Error {
    malformed("mp4", "the file cannot be read")
}

/// Kind and size of the box at `at`; none at the end of the file.
fn next_box(file: &mut (impl Read + Seek), at: u64, len: u64) -> Result<Option<([u8; 4], u64)>> {
    let mut bytes = [0; 16];
    let have = (len - at).min(16) as usize;
    if have < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at)).map_err(unreadable)?;
    file.read_exact(&mut bytes[..have]).map_err(unreadable)?;
    let (kind, _, size) = head(&bytes[..have]).ok_or(malformed("mp4", "broken box"))?;
    let size = size.unwrap_or(len - at);
    // A recording that was cut off ends in a box that is not whole: what came before it is good.
    Ok((size <= len - at).then_some((kind, size)))
}

fn load(file: &mut (impl Read + Seek), at: u64, size: u64) -> Result<Vec<u8>> {
    if size > MAX_INDEX {
        return Err(malformed("mp4", "index over 256 MiB"));
    }
    let mut bytes = vec![0; size as usize];
    file.seek(SeekFrom::Start(at)).map_err(unreadable)?;
    file.read_exact(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn read_moov(bytes: &[u8], len: u64) -> Result<(Movie, BTreeMap<u32, Defaults>)> {
    let moov = find(bytes, b"moov").ok_or(malformed("mp4", "broken moov"))?;
    let mut tracks = Vec::new();
    for trak in atoms(moov.body).filter(|atom| &atom.kind == b"trak") {
        tracks.extend(read_trak(trak, len)?);
    }
    let mut defaults = BTreeMap::new();
    for trex in moov.child(b"mvex").iter().flat_map(|mvex| atoms(mvex.body)).filter(|atom| &atom.kind == b"trex") {
        let (track, read) = read_trex(trex).ok_or(malformed("mp4", "broken trex"))?;
        defaults.insert(track, read);
    }
    Ok((Movie { tracks }, defaults))
}

fn read_trex(trex: Atom<'_>) -> Option<(u32, Defaults)> {
    let (_, _, mut fields) = trex.full()?;
    let track = fields.u32()?;
    fields.u32()?;
    Some((track, Defaults { duration: fields.u32()?, size: fields.u32()?, flags: fields.u32()? }))
}

/// A track; none if its codec is not known.
fn read_trak(trak: Atom<'_>, len: u64) -> Result<Option<MovieTrack>> {
    let broken = || malformed("mp4", "broken trak");
    let (id, timescale, stbl) = track_boxes(trak).ok_or_else(broken)?;
    let entry = stbl.child(b"stsd").and_then(sample_entry).ok_or_else(broken)?;
    let Some(params) = read_entry(entry)? else { return Ok(None) };
    let samples = Tables::read(stbl).and_then(|tables| tables.samples(&params, len));
    Ok(Some(MovieTrack { id, params, timescale, samples: samples.ok_or(malformed("mp4", "broken sample tables"))? }))
}

fn track_boxes(trak: Atom<'_>) -> Option<(u32, u32, Atom<'_>)> {
    let (version, _, mut fields) = trak.child(b"tkhd")?.full()?;
    fields.take(if version == 1 { 16 } else { 8 })?;
    let id = fields.u32()?;
    let mdia = trak.child(b"mdia")?;
    let (version, _, mut fields) = mdia.child(b"mdhd")?.full()?;
    fields.take(if version == 1 { 16 } else { 8 })?;
    let timescale = fields.u32().filter(|&rate| rate > 0)?;
    Some((id, timescale, mdia.child(b"minf")?.child(b"stbl")?))
}

fn sample_entry(stsd: Atom<'_>) -> Option<Atom<'_>> {
    let (_, _, mut fields) = stsd.full()?;
    fields.u32()?;
    atoms(fields.0).next()
}

fn read_entry(entry: Atom<'_>) -> Result<Option<Params>> {
    const VIDEO_HEAD: usize = 78;
    let inside = |head: usize, kind| entry.body.get(head..).and_then(|rest| find(rest, kind));
    let video = |(params, length_size)| Some(Params::Video { params, length_size });
    let missing = malformed("mp4", "sample entry without its configuration");
    match &entry.kind {
        b"avc1" | b"avc3" => h264::parse_avcc(inside(VIDEO_HEAD, b"avcC").ok_or(missing)?.body).map(video),
        b"hvc1" | b"hev1" => h265::parse_hvcc(inside(VIDEO_HEAD, b"hvcC").ok_or(missing)?.body).map(video),
        b"mp4a" | b"Opus" | b"alaw" | b"ulaw" => audio_entry(entry).map(|params| params.map(Params::Audio)),
        _ => Ok(None),
    }
}

/// None for what `mp4a` may hold besides AAC.
fn audio_entry(entry: Atom<'_>) -> Result<Option<AudioParams>> {
    let missing = malformed("mp4", "sample entry without its configuration");
    let (channels, rate, rest) = audio_head(entry.body).ok_or(missing.clone())?;
    let g711 = |codec| Ok(Some(AudioParams::g711(codec, rate, channels)));
    match &entry.kind {
        b"alaw" => g711(AudioCodec::Pcma),
        b"ulaw" => g711(AudioCodec::Pcmu),
        b"Opus" => Ok(Some(AudioParams { rate: opus::RATE, ..AudioParams::opus(channels) })),
        _ => {
            let esds =
                find(rest, b"esds").or_else(|| find(find(rest, b"wave")?.body, b"esds")).ok_or(missing.clone())?;
            match decoder_specific(esds.body.get(4..).unwrap_or_default()).ok_or(missing)? {
                Some(config) => AudioParams::aac(config).map(Some),
                None => Ok(None),
            }
        }
    }
}

/// Channels, rate, and the boxes after the fields; those of QuickTime's version 1 are passed over.
fn audio_head(body: &[u8]) -> Option<(u8, u32, &[u8])> {
    let mut fields = Fields(body);
    fields.take(8)?;
    let version = fields.u16()?;
    fields.take(6)?;
    let channels = fields.u16()?;
    fields.take(6)?;
    let rate = fields.u32()? >> 16;
    fields.take(if version == 1 { 16 } else { 0 })?;
    Some((channels.clamp(1, 8) as u8, rate.max(1), fields.0))
}

/// The AudioSpecificConfig inside an ES descriptor (ISO/IEC 14496-1 7.2.6.5); `Some(None)` if it is not AAC.
fn decoder_specific(es: &[u8]) -> Option<Option<&[u8]>> {
    let mut fields = Fields(descriptor(&mut Fields(es), 3)?);
    fields.u16()?;
    let flags = fields.u8()?;
    fields.take(if flags & 0x80 != 0 { 2 } else { 0 })?;
    if flags & 0x40 != 0 {
        let url = fields.u8()?;
        fields.take(usize::from(url))?;
    }
    fields.take(if flags & 0x20 != 0 { 2 } else { 0 })?;
    let mut config = Fields(descriptor(&mut fields, 4)?);
    let object_type = config.u8()?;
    config.take(12)?;
    if !matches!(object_type, 0x40 | 0x66..=0x68) {
        return Some(None);
    }
    descriptor(&mut config, 5).map(Some)
}

/// The body of a descriptor with this tag.
fn descriptor<'a>(fields: &mut Fields<'a>, tag: u8) -> Option<&'a [u8]> {
    fields.u8().filter(|&found| found == tag)?;
    let mut len = 0;
    for _ in 0..4 {
        let byte = fields.u8()?;
        len = len << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    fields.take(len)
}

/// The tables of an ordinary track (ISO/IEC 14496-12 8.6 and 8.7), as they stand in the file.
struct Tables<'a> {
    /// Count, duration.
    times: Pairs<'a>,
    /// Count, presentation minus decoding time.
    offsets: Option<Pairs<'a>>,
    keys: Option<Fields<'a>>,
    size: u32,
    count: usize,
    sizes: Fields<'a>,
    /// First chunk, samples a chunk, description.
    chunks: Fields<'a>,
    places: Fields<'a>,
    long_places: bool,
}

impl<'a> Tables<'a> {
    fn read(stbl: Atom<'a>) -> Option<Self> {
        let (_, _, mut sizes) = stbl.child(b"stsz")?.full()?;
        let (size, count) = (sizes.u32()?, sizes.u32()? as usize);
        let long_places = stbl.child(b"co64").is_some();
        let keys = match stbl.child(b"stss") {
            Some(stss) => Some(table(stss, 4)?),
            None => None,
        };
        let offsets = match stbl.child(b"ctts") {
            Some(ctts) => Some(Pairs::new(table(ctts, 8)?)),
            None => None,
        };
        Some(Self {
            times: Pairs::new(table(stbl.child(b"stts")?, 8)?),
            offsets,
            keys,
            size,
            count,
            sizes,
            chunks: table(stbl.child(b"stsc")?, 12)?,
            places: table(stbl.child(if long_places { b"co64" } else { b"stco" })?, if long_places { 8 } else { 4 })?,
            long_places,
        })
    }

    fn samples(mut self, params: &Params, len: u64) -> Option<Vec<Sample>> {
        if let Params::Audio(AudioParams { codec: AudioCodec::Pcma | AudioCodec::Pcmu, channels, .. }) = params {
            return self.g711(u32::from(*channels), len);
        }
        let fits = if self.size == 0 { self.sizes.0.len() as u64 / 4 } else { len / u64::from(self.size) };
        if self.count as u64 > fits || self.count > MAX_SAMPLES {
            return None;
        }
        let mut samples = Vec::with_capacity(self.count);
        let (mut dts, mut next_key) = (0i64, self.next_key());
        let mut chunks = Chunks::new(self.chunks);
        while samples.len() < self.count {
            let mut offset = self.place()?;
            for _ in 0..chunks.next()? {
                if samples.len() == self.count {
                    break;
                }
                let size = if self.size == 0 { self.sizes.u32()? } else { self.size };
                let duration = self.times.next()?;
                let shift = self.offsets.as_mut().map_or(Some(0), Pairs::next)? as i32;
                let key = self.keys.is_none() || next_key == Some(samples.len() as u32 + 1);
                if key {
                    next_key = self.next_key();
                }
                samples.push(Sample { dts, pts: dts + i64::from(shift), duration, key, offset, len: size });
                dts += i64::from(duration);
                offset = offset.checked_add(u64::from(size)).filter(|&end| end <= len)?;
            }
        }
        Some(samples)
    }

    /// G.711 has a sample for each byte of each channel; a chunk of them is one here.
    fn g711(mut self, channels: u32, len: u64) -> Option<Vec<Sample>> {
        let mut samples = Vec::new();
        let mut chunks = Chunks::new(self.chunks);
        let mut dts = 0;
        while let Some(offset) = self.place() {
            let duration = chunks.next()?;
            let size = duration.checked_mul(channels)?;
            offset.checked_add(u64::from(size)).filter(|&end| end <= len)?;
            samples.push(Sample { dts, pts: dts, duration, key: true, offset, len: size });
            dts += i64::from(duration);
        }
        Some(samples)
    }

    fn next_key(&mut self) -> Option<u32> {
        self.keys.as_mut().and_then(Fields::u32)
    }

    fn place(&mut self) -> Option<u64> {
        if self.long_places { self.places.u64() } else { self.places.u32().map(u64::from) }
    }
}

/// The rows of a table with a count, each of `width` bytes; none if they are not all there.
fn table(atom: Atom<'_>, width: usize) -> Option<Fields<'_>> {
    let (_, _, mut fields) = atom.full()?;
    let count = fields.u32()? as usize;
    fields.take(count.checked_mul(width)?).map(Fields)
}

/// Runs of equal values: count, value.
struct Pairs<'a> {
    rows: Fields<'a>,
    left: u32,
    value: u32,
}

impl<'a> Pairs<'a> {
    fn new(rows: Fields<'a>) -> Self {
        Self { rows, left: 0, value: 0 }
    }

    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            (self.left, self.value) = (self.rows.u32()?, self.rows.u32()?);
        }
        self.left -= 1;
        Some(self.value)
    }
}

/// Samples in each chunk, from runs of first chunk, samples, description.
struct Chunks<'a> {
    rows: Fields<'a>,
    chunk: u32,
    samples: u32,
}

impl<'a> Chunks<'a> {
    fn new(rows: Fields<'a>) -> Self {
        Self { rows, chunk: 0, samples: 0 }
    }

    fn next(&mut self) -> Option<u32> {
        self.chunk += 1;
        let mut peek = self.rows;
        if peek.u32().is_some_and(|first| first <= self.chunk) {
            self.samples = peek.u32()?;
            peek.u32()?;
            self.rows = peek;
        }
        Some(self.samples).filter(|&samples| samples > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fragment, tests::params};
    use base::Time;
    use proptest::prelude::*;
    use std::{io::Cursor, sync::Arc};

    /// A file of ours: one fragment of three pictures and a sound.
    fn file() -> Vec<u8> {
        let params = params();
        let origin = Time::from_micros(1_790_000_000_000_000);
        let mut builder = fragment::Builder::new(Arc::new(params.clone()), Vec::new());
        for index in 0..3u8 {
            let pts = origin + std::time::Duration::from_millis(40 * u64::from(index));
            builder.video().extend([0, 0, 0, 1, 0x41 + index]);
            builder.push_video(5, pts, index == 0);
        }
        builder.audio().extend([7; 160]);
        builder.push_audio(160, origin);
        let fragment = builder.finish(None, origin).unwrap();
        [fragment::init_segment(&params), fragment.plain().to_vec()].concat()
    }

    #[test]
    fn what_we_write_we_read() {
        let file = file();
        let movie = Movie::read(&mut Cursor::new(&file)).unwrap();
        let (video, video_params) = movie.video().unwrap();
        let (audio, audio_params) = movie.audio().unwrap();
        assert_eq!((video_params, Some(audio_params)), (&params().video, params().audio.as_ref()));
        assert_eq!(
            video.samples.iter().map(|it| (it.dts, it.key)).collect::<Vec<_>>(),
            [(90_000, true), (93_600, false), (97_200, false)]
        );
        assert_eq!(video.load(&video.samples[2], &mut Cursor::new(&file)).unwrap(), [0, 0, 0, 1, 0x43]);
        assert_eq!((audio.samples.len(), audio.samples[0].len, audio.samples[0].duration), (1, 160, 160));
    }

    #[test]
    fn nal_lengths_of_two_bytes_become_four() {
        assert_eq!(widen(&[0, 2, 9, 8, 0, 1, 7, 0, 9, 1], 2), [0, 0, 0, 2, 9, 8, 0, 0, 0, 1, 7]);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic_and_nothing_points_outside(
            bytes: Vec<u8>, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ) {
            let _ = Movie::read(&mut Cursor::new(&bytes));
            let mut file = file();
            for (at, value) in changes {
                let at = at.index(file.len());
                file[at] = value;
            }
            if let Ok(movie) = Movie::read(&mut Cursor::new(&file)) {
                let samples = movie.tracks.iter().flat_map(|track| &track.samples);
                prop_assert!(samples.into_iter().all(|it| it.offset + u64::from(it.len) <= file.len() as u64));
            }
        }
    }
}
