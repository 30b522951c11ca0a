//! Stored fragments: building, shifting and reading back one `moof` and one `mdat`.
//!
//! The samples are appended where they will stay; `finish` writes the `moof` into the room kept in front of them.
//! Stored decoding times count from [`LEAD`] before the origin of the recording file, because sound may come a
//! little before the first picture.

use crate::{
    AudioCodec, Result, StreamParams, Track, VIDEO_RATE, aac,
    boxes::find,
    malformed,
    moof::{self, Defaults, Place, Run, Traf},
    moov::{self, Entries, TrackBox, scale},
    opus,
};
use base::Time;
use std::{ops::Range, sync::Arc, time::Duration};

/// Bytes kept free in front of the samples: for the `moof`, the `mdat` header and the vault's header.
pub const HEADROOM: usize = 16 * 1024;

/// Bytes that are still free in front of a finished fragment, at least: for the vault's header.
pub const RESERVED: usize = 96;

/// How long before its file's origin the timeline of a stored fragment begins.
pub const LEAD: Duration = Duration::from_secs(1);

/// Bytes of an `mdat` header.
const MDAT_HEAD: usize = 8;

/// Decoding times of two pictures differ by at least this, a tick of the video timescale.
const MIN_STEP: i64 = 12;

#[derive(Clone, Copy)]
struct Picture {
    pts: i64,
    len: usize,
    key: bool,
}

#[derive(Clone, Copy)]
struct Sound {
    pts: i64,
    len: usize,
}

/// Builds a fragment in one buffer.
pub struct Builder {
    params: Arc<StreamParams>,
    reorders: bool,
    /// [`HEADROOM`], the pictures, then what is no sample yet.
    video: Vec<u8>,
    video_end: usize,
    /// The video of the next fragment, once its key frame has begun: [`HEADROOM`], then what is no sample yet.
    ahead: Option<Vec<u8>>,
    pictures: Vec<Picture>,
    audio: Vec<u8>,
    audio_end: usize,
    sounds: Vec<Sound>,
    /// Times of the last samples of the fragment before; times never step back over them.
    last_dts: i64,
    last_sound: i64,
}

impl Builder {
    /// An empty fragment that starts a run; `buffer` is emptied and reused.
    pub fn new(params: Arc<StreamParams>, buffer: Vec<u8>) -> Self {
        Self {
            reorders: params.video.reorders(),
            params,
            video: emptied(buffer),
            video_end: HEADROOM,
            ahead: None,
            pictures: Vec::new(),
            audio: Vec::new(),
            audio_end: 0,
            sounds: Vec::new(),
            last_dts: i64::MIN,
            last_sound: i64::MIN,
        }
    }

    /// Where the depacketizer appends video. Only what is behind the last sample may be touched.
    pub fn video(&mut self) -> &mut Vec<u8> {
        self.ahead.as_mut().unwrap_or(&mut self.video)
    }

    /// Where the depacketizer appends audio.
    pub fn audio(&mut self) -> &mut Vec<u8> {
        &mut self.audio
    }

    /// The last `len` bytes of `video()` are a sample; bytes between it and the sample before are dropped. In a
    /// stream without B-frames a time that is not later than the one before is moved behind it.
    pub fn push_video(&mut self, len: usize, pts: Time, key: bool) {
        if let Some(ahead) = self.ahead.take() {
            self.video.extend_from_slice(&ahead[HEADROOM..]);
        }
        let floor = self.pictures.last().map_or(self.last_dts, |last| last.pts).saturating_add(MIN_STEP);
        let pts = if self.reorders { pts.micros() } else { pts.micros().max(floor) };
        self.video_end = take_sample(&mut self.video, self.video_end, len);
        self.pictures.push(Picture { pts, len, key });
    }

    /// The last `len` bytes of `audio()` are a sample. A time that is not later than the one before is moved behind it.
    pub fn push_audio(&mut self, len: usize, pts: Time) {
        let Some(params) = &self.params.audio else { return };
        let last = self.sounds.last().map_or(self.last_sound, |last| last.pts);
        let floor = last.saturating_add(1_000_000 / i64::from(params.rate.max(1)) + 1);
        self.audio_end = take_sample(&mut self.audio, self.audio_end, len);
        self.sounds.push(Sound { pts: pts.micros().max(floor), len });
    }

    /// Expects that the unit under way begins the next fragment: it goes to a buffer of its own from its first byte, so that
    /// a large key frame neither swells this fragment nor has to be moved by [`Self::split`]. If it becomes a sample of this
    /// fragment all the same, it is moved back.
    pub fn look_ahead(&mut self, buffer: impl FnOnce() -> Vec<u8>) {
        if self.ahead.is_none() {
            let mut ahead = emptied(buffer());
            ahead.extend_from_slice(&self.video[self.video_end..]);
            self.video.truncate(self.video_end);
            self.ahead = Some(ahead);
        }
    }

    /// Begins the next fragment of the run: it takes over the bytes that are no sample yet, such as the key frame
    /// that ends this fragment, or a unit under way. A buffer is asked for unless one was given to look ahead.
    pub fn split(&mut self, params: Arc<StreamParams>, buffer: impl FnOnce() -> Vec<u8>) -> Builder {
        self.look_ahead(buffer);
        Builder {
            reorders: params.video.reorders(),
            params,
            video: self.ahead.take().unwrap_or_default(),
            video_end: HEADROOM,
            ahead: None,
            pictures: Vec::new(),
            audio: self.audio.split_off(self.audio_end),
            audio_end: 0,
            sounds: Vec::new(),
            last_dts: self.pictures.iter().map(|picture| picture.pts).max().unwrap_or(self.last_dts),
            last_sound: self.sounds.last().map_or(self.last_sound, |sound| sound.pts),
        }
    }

    /// What the samples need to be decoded.
    pub fn params(&self) -> &Arc<StreamParams> {
        &self.params
    }

    /// Number of pictures.
    pub fn samples(&self) -> usize {
        self.pictures.len()
    }

    /// Bytes of the samples so far, video and audio.
    pub fn bytes(&self) -> usize {
        self.video_end - HEADROOM + self.audio_end
    }

    /// From the first to the last picture so far.
    pub fn duration(&self) -> Duration {
        let last = self.pictures.iter().map(|picture| picture.pts).max();
        let first = self.pictures.iter().map(|picture| picture.pts).min();
        last.zip(first).map_or(Duration::ZERO, |(last, first)| Duration::from_micros((last - first).unsigned_abs()))
    }

    /// Presentation time of the first picture in decoding order.
    pub fn start(&self) -> Option<Time> {
        self.pictures.first().map(|picture| Time::from_micros(picture.pts))
    }

    /// The pictures so far in decoding order, for a viewer who joins: time, key, bytes.
    pub fn video_samples(&self) -> impl Iterator<Item = (Time, bool, &[u8])> {
        let mut at = HEADROOM;
        self.pictures.iter().map(move |picture| {
            at += picture.len;
            (Time::from_micros(picture.pts), picture.key, &self.video[at - picture.len..at])
        })
    }

    /// The sound so far: time, bytes.
    pub fn audio_samples(&self) -> impl Iterator<Item = (Time, &[u8])> {
        let mut at = 0;
        self.sounds.iter().map(move |sound| {
            at += sound.len;
            (Time::from_micros(sound.pts), &self.audio[at - sound.len..at])
        })
    }

    /// Writes the `moof` before the samples. `next_video_pts` is the time of the first picture of the next fragment
    /// of the same run; `origin` that of the first fragment of the recording file. None without a picture.
    pub fn finish(mut self, next_video_pts: Option<Time>, origin: Time) -> Option<Fragment> {
        let start = (origin - LEAD).micros();
        let (decode, runs, meta) = self.video_runs(next_video_pts, start)?;
        let (sound_decode, sounds) = self.audio_runs(start);
        self.video.truncate(self.video_end);
        self.video.extend_from_slice(&self.audio[..self.audio_end]);
        let write = |moof_len: usize| {
            let data = (moof_len + MDAT_HEAD) as u32;
            let sound_data = data + (self.video_end - HEADROOM) as u32;
            let traf = |track: Track, decode_time, data_offset, samples| Traf {
                track: track.id(),
                decode_time,
                data_offset,
                samples,
            };
            let trafs = [
                traf(Track::Video, decode, data, &runs[..]),
                traf(Track::Audio, sound_decode, sound_data, &sounds[..]),
            ];
            moof::write(1, if sounds.is_empty() { &trafs[..1] } else { &trafs[..] })
        };
        let mut head = write(write(0).len());
        head.extend_from_slice(&((self.video.len() - HEADROOM + MDAT_HEAD) as u32).to_be_bytes());
        head.extend_from_slice(b"mdat");
        let mut bytes = self.video;
        let start = make_room(&mut bytes, head.len()) - head.len();
        bytes[start..start + head.len()].copy_from_slice(&head);
        Some(Fragment { bytes, start, meta })
    }

    /// The runs of the pictures, the decoding time of the first, and what the index keeps.
    fn video_runs(&self, next: Option<Time>, start: i64) -> Option<(u64, Vec<Run>, Meta)> {
        let dts = self.decoding_times();
        let (&first, &last) = (dts.first()?, dts.last()?);
        let end = match next.map(Time::micros) {
            Some(next) if next > last => next,
            _ => last + self.usual_step(&dts),
        };
        let tick = |micros: i64| scale(micros.saturating_sub(start), VIDEO_RATE);
        let ends = dts.iter().skip(1).chain(std::iter::once(&end));
        let runs = self.pictures.iter().zip(&dts).zip(ends).map(|((picture, &dts), &next)| Run {
            duration: (tick(next) - tick(dts)) as u32,
            len: picture.len as u32,
            key: picture.key,
            offset: (tick(picture.pts) - tick(dts)) as i32,
        });
        let meta = Meta {
            time: Time::from_micros(first),
            duration: Duration::from_micros((end - first) as u64),
            video_samples: self.pictures.len() as u32,
            audio_samples: self.sounds.len() as u32,
            key: self.pictures[0].key,
            largest: self.pictures.iter().map(|picture| picture.len).max().unwrap_or(0) as u32,
        };
        Some((tick(first).max(0) as u64, runs.collect(), meta))
    }

    /// Decoding times are the sorted presentation times, each later than the one before.
    fn decoding_times(&self) -> Vec<i64> {
        let mut times: Vec<i64> = self.pictures.iter().map(|picture| picture.pts).collect();
        times.sort_unstable();
        let mut last = self.last_dts;
        for time in &mut times {
            *time = (*time).max(last.saturating_add(MIN_STEP));
            last = *time;
        }
        times
    }

    /// How long the last picture is shown when no other follows.
    fn usual_step(&self, dts: &[i64]) -> i64 {
        const UNKNOWN: i64 = 40_000;
        match (dts, self.params.video.fps) {
            ([.., before, last], _) => last - before,
            (_, Some(fps)) if (1.0..=240.0).contains(&fps) => (1e6 / fps) as i64,
            _ => UNKNOWN,
        }
    }

    fn audio_runs(&self, start: i64) -> (u64, Vec<Run>) {
        let Some(params) = &self.params.audio else { return (0, Vec::new()) };
        let tick = |sound: &Sound| scale(sound.pts.saturating_sub(start), params.rate);
        let mut at = 0;
        let runs = self.sounds.iter().enumerate().map(|(index, sound)| {
            at += sound.len;
            let duration = match self.sounds.get(index + 1) {
                Some(next) => (tick(next) - tick(sound)) as u32,
                None => audio_ticks(params, &self.audio[at - sound.len..at]),
            };
            Run { duration, len: sound.len as u32, key: true, offset: 0 }
        });
        let runs = runs.collect();
        (self.sounds.first().map_or(0, |first| tick(first).max(0) as u64), runs)
    }
}

/// A buffer with [`HEADROOM`] and nothing else.
fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.clear();
    buffer.resize(HEADROOM, 0);
    buffer
}

/// Makes the last `len` bytes follow those up to `end`; gives the new end.
fn take_sample(buffer: &mut Vec<u8>, end: usize, len: usize) -> usize {
    let start = buffer.len().saturating_sub(len).max(end);
    if start > end {
        buffer.drain(end..start);
    }
    buffer.len()
}

/// Makes sure that `len` bytes and [`RESERVED`] fit before the samples; gives where these start.
fn make_room(bytes: &mut Vec<u8>, len: usize) -> usize {
    let lacking = (len + RESERVED).saturating_sub(HEADROOM);
    if lacking > 0 {
        bytes.splice(0..0, std::iter::repeat_n(0, lacking));
    }
    HEADROOM + lacking
}

/// The length of a sample of sound by itself, in ticks of its rate.
pub fn audio_ticks(params: &crate::AudioParams, sample: &[u8]) -> u32 {
    match params.codec {
        AudioCodec::Aac => aac::FRAME,
        AudioCodec::Opus => opus::samples(sample).unwrap_or(960),
        AudioCodec::Pcma | AudioCodec::Pcmu => sample.len() as u32 / u32::from(params.channels.max(1)),
    }
}

/// A finished fragment; its plaintext is `bytes[start..]`.
pub struct Fragment {
    pub bytes: Vec<u8>,
    /// At least [`RESERVED`].
    pub start: usize,
    pub meta: Meta,
}

impl Fragment {
    /// The plaintext.
    pub fn plain(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The plaintext, to seal it in place.
    pub fn plain_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}

/// What the index keeps of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Presentation time of the earliest picture.
    pub time: Time,
    /// Until the next fragment, or the end of the last picture.
    pub duration: Duration,
    pub video_samples: u32,
    pub audio_samples: u32,
    /// Whether the first picture is a key.
    pub key: bool,
    /// Bytes of the largest picture.
    pub largest: u32,
}

/// `ftyp` and `moov` for one sample description.
pub fn init_segment(params: &StreamParams) -> Vec<u8> {
    let mut tracks = vec![TrackBox { id: Track::Video.id(), entries: Entries::Video(vec![&params.video]) }];
    if let Some(audio) = &params.audio {
        tracks.push(TrackBox { id: Track::Audio.id(), entries: Entries::Audio(vec![audio]) });
    }
    moov::write(&tracks, None)
}

/// Moves a stored fragment, in place, to a timeline that begins at `timeline`; `origin` is the one that it was
/// finished with. It then follows [`init_segment`] of `params`. `fragment` may be a prefix that holds the `moof`.
pub fn shift(fragment: &mut [u8], params: &StreamParams, origin: Time, timeline: Time, sequence: u32) -> Result<()> {
    let rate = |track| rate_of(track, params);
    let place = |track| Some(Place { delta: shift_ticks(origin, timeline, rate(track)?), track, description: 1 });
    moof::shift(fragment, sequence, place).ok_or(malformed("fragment", "no whole moof of ours"))
}

/// Ticks by which a stored fragment is moved.
pub(crate) fn shift_ticks(origin: Time, timeline: Time, rate: u32) -> i64 {
    scale((origin - LEAD).micros_from(timeline), rate)
}

fn rate_of(track: u32, params: &StreamParams) -> Option<u32> {
    match (track, &params.audio) {
        (1, _) => Some(VIDEO_RATE),
        (2, Some(audio)) => Some(audio.rate),
        _ => None,
    }
}

/// One sample for live.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub track: Track,
    pub sequence: u32,
    /// Decoding time since the start of the live timeline.
    pub dts: Duration,
    /// Presentation minus decoding time in microseconds.
    pub offset: i64,
    pub duration: Duration,
    pub key: bool,
    pub data: &'a [u8],
}

/// A `moof` and `mdat` with one sample.
pub fn part(params: &StreamParams, part: &Part<'_>) -> Vec<u8> {
    let rate = rate_of(part.track.id(), params).unwrap_or(VIDEO_RATE);
    let tick = |micros: i64| scale(micros, rate);
    let dts = part.dts.as_micros() as i64;
    let run = Run {
        duration: (tick(dts + part.duration.as_micros() as i64) - tick(dts)) as u32,
        len: part.data.len() as u32,
        key: part.key,
        offset: (tick(dts + part.offset) - tick(dts)) as i32,
    };
    let write = |len: usize| {
        let data_offset = (len + MDAT_HEAD) as u32;
        let decode_time = tick(dts) as u64;
        moof::write(part.sequence, &[Traf { track: part.track.id(), decode_time, data_offset, samples: &[run] }])
    };
    let mut out = write(write(0).len());
    out.reserve_exact(MDAT_HEAD + part.data.len());
    out.extend_from_slice(&((MDAT_HEAD + part.data.len()) as u32).to_be_bytes());
    out.extend_from_slice(b"mdat");
    out.extend_from_slice(part.data);
    out
}

/// A sample of a stored fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub track: Track,
    pub dts: Time,
    pub pts: Time,
    pub duration: Duration,
    pub key: bool,
    /// Where its bytes stand in the plaintext.
    pub data: Range<usize>,
}

/// A stored fragment read back.
pub struct View<'a> {
    bytes: &'a [u8],
    samples: Vec<Sample>,
}

impl<'a> View<'a> {
    /// Reads the plaintext as it is stored, or a prefix of it that holds the `moof`. `origin` is the one that the
    /// fragment was finished with.
    pub fn parse(bytes: &'a [u8], params: &StreamParams, origin: Time) -> Result<Self> {
        let samples = Self::read(bytes, params, origin - LEAD).ok_or(malformed("fragment", "no whole moof of ours"))?;
        Ok(Self { bytes, samples })
    }

    fn read(bytes: &[u8], params: &StreamParams, start: Time) -> Option<Vec<Sample>> {
        let moof = find(bytes, b"moof")?;
        let mut samples = Vec::new();
        for traf in moof::read(moof, |_| Defaults::default())?.iter().filter(|traf| !traf.absolute) {
            let rate = i128::from(rate_of(traf.track, params)?);
            // Rounded to nearest, so that a time of whole ticks comes back from them.
            let micros = |ticks: i64| (i128::from(ticks) * 1_000_000 + rate / 2).div_euclid(rate) as i64;
            let time = |ticks: i64| Time::from_micros(start.micros().saturating_add(micros(ticks)));
            let mut dts = i64::try_from(traf.decode_time?).ok()?;
            for (run, at) in &traf.samples {
                let from = usize::try_from(moof.start as i64 + at).ok()?;
                let end = dts.checked_add(i64::from(run.duration))?;
                samples.push(Sample {
                    track: if traf.track == Track::Video.id() { Track::Video } else { Track::Audio },
                    dts: time(dts),
                    pts: time(dts + i64::from(run.offset)),
                    duration: time(end).since(time(dts)),
                    key: run.key,
                    data: from..from.checked_add(run.len as usize)?,
                });
                dts = end;
            }
        }
        Some(samples)
    }

    /// Video, then audio, each in decoding order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The bytes of a sample; none if they are beyond the prefix.
    pub fn data(&self, sample: &Sample) -> Option<&'a [u8]> {
        self.bytes.get(sample.data.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::params;

    const START: i64 = 1_790_000_000_000_000;

    fn at(micros: i64) -> Time {
        Time::from_micros(START + micros)
    }

    fn builder() -> Builder {
        Builder::new(Arc::new(params()), Vec::new())
    }

    fn push(builder: &mut Builder, bytes: &[u8], time: i64, key: bool) {
        builder.video().extend_from_slice(bytes);
        builder.push_video(bytes.len(), at(time), key);
    }

    #[test]
    fn what_was_built_is_read_back_with_its_times() {
        let mut builder = builder();
        push(&mut builder, b"key", 0, true);
        builder.audio().extend_from_slice(&[5; 160]);
        builder.push_audio(160, at(-10_000));
        push(&mut builder, b"picture", 40_000, false);
        let fragment = builder.finish(Some(at(80_000)), at(0)).unwrap();
        assert_eq!((fragment.meta.time, fragment.meta.duration), (at(0), Duration::from_millis(80)));
        assert_eq!((fragment.meta.video_samples, fragment.meta.audio_samples, fragment.meta.largest), (2, 1, 7));
        assert!(fragment.start >= RESERVED);
        let view = View::parse(fragment.plain(), &params(), at(0)).unwrap();
        let read: Vec<_> = view.samples().iter().map(|it| (it.pts, it.key, view.data(it).unwrap())).collect();
        assert_eq!(read, [(at(0), true, &b"key"[..]), (at(40_000), false, b"picture"), (at(-10_000), true, &[5; 160])]);
        assert_eq!(view.samples()[2].duration, Duration::from_millis(20));
    }

    #[test]
    fn a_split_moves_the_key_and_the_unit_under_way_and_drops_what_nobody_took() {
        let mut first = builder();
        push(&mut first, b"one", 0, true);
        first.video().extend_from_slice(b"dropped");
        push(&mut first, b"two", 40_000, false);
        first.video().extend_from_slice(b"next key");
        first.audio().extend_from_slice(b"part of a sound");
        let mut second = first.split(first.params().clone(), Vec::new);
        second.push_video(8, at(80_000), true);
        assert_eq!(second.audio(), b"part of a sound");
        assert_eq!((first.bytes(), second.bytes()), (6, 8));
        assert_eq!(second.video_samples().next(), Some((at(80_000), true, &b"next key"[..])));
        let fragment = first.finish(second.start(), at(0)).unwrap();
        assert!(fragment.plain().ends_with(b"onetwo"));
        assert_eq!(fragment.meta.duration, Duration::from_millis(80));
    }

    #[test]
    fn a_key_foreseen_begins_the_next_fragment_and_one_that_is_none_stays_in_this() {
        let mut first = builder();
        push(&mut first, b"one", 0, true);
        first.video().extend_from_slice(b"lost; two");
        first.look_ahead(Vec::new);
        first.push_video(3, at(40_000), false);
        first.video().extend_from_slice(b"next");
        first.look_ahead(|| vec![7; 100]);
        first.look_ahead(|| unreachable!("one is enough"));
        first.video().extend_from_slice(b" key");
        let mut second = first.split(first.params().clone(), || unreachable!("there is one"));
        second.push_video(8, at(80_000), true);
        assert_eq!(second.video_samples().collect::<Vec<_>>(), [(at(80_000), true, &b"next key"[..])]);
        assert!(first.finish(second.start(), at(0)).unwrap().plain().ends_with(b"onetwo"));
    }

    #[test]
    fn times_never_step_back_in_a_stream_without_b_frames() {
        let mut first = builder();
        push(&mut first, b"a", 0, true);
        push(&mut first, b"b", 40_000, false);
        push(&mut first, b"c", 20_000, false);
        let mut second = first.split(first.params().clone(), Vec::new);
        push(&mut second, b"d", 30_000, true);
        let last = second.start().unwrap();
        let fragment = first.finish(Some(last), at(0)).unwrap();
        let view = View::parse(fragment.plain(), &params(), at(0)).unwrap();
        let times: Vec<_> = view.samples().iter().map(|sample| sample.pts).chain([last]).collect();
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    }

    #[test]
    fn b_frames_are_shown_in_their_order_and_decoded_in_theirs() {
        let mut builder = builder();
        builder.reorders = true;
        let shown = [0, 120_000, 40_000, 80_000, 240_000, 160_000, 200_000];
        shown.iter().for_each(|&time| push(&mut builder, b"x", time, time == 0));
        let fragment = builder.finish(Some(at(280_000)), at(0)).unwrap();
        let view = View::parse(fragment.plain(), &params(), at(0)).unwrap();
        let near = |time: Time, micros: i64| (time.micros_from(at(micros))).abs() <= 12;
        for (index, sample) in view.samples().iter().enumerate() {
            assert!(near(sample.pts, shown[index]) && near(sample.dts, index as i64 * 40_000), "{sample:?}");
        }
        assert_eq!(fragment.meta.duration, Duration::from_millis(280));
    }

    #[test]
    fn a_fragment_with_more_samples_than_the_headroom_holds_is_whole_all_the_same() {
        let mut builder = builder();
        (0..5000).for_each(|index| push(&mut builder, &[index as u8], index * 1000, index % 7 == 0));
        let fragment = builder.finish(None, at(0)).unwrap();
        assert!(fragment.start >= RESERVED);
        let view = View::parse(fragment.plain(), &params(), at(0)).unwrap();
        assert_eq!(view.samples().len(), 5000);
        for (index, sample) in view.samples().iter().enumerate() {
            assert_eq!(view.data(sample), Some(&[index as u8][..]));
            assert_eq!(sample.key, index % 7 == 0);
        }
    }

    #[test]
    fn shifting_changes_times_and_nothing_else() {
        let mut builder = builder();
        push(&mut builder, b"key", 4_000_000, true);
        let mut fragment = builder.finish(None, at(0)).unwrap();
        let before = fragment.plain().to_vec();
        shift(fragment.plain_mut(), &params(), at(0), at(3_000_000), 9).unwrap();
        let view = View::parse(fragment.plain(), &params(), at(3_000_000) + LEAD).unwrap();
        assert_eq!(view.samples()[0].pts, at(4_000_000));
        let changed = before.iter().zip(fragment.plain()).filter(|(a, b)| a != b).count();
        assert!((1..=12).contains(&changed), "{changed} bytes");
        let moof = before.len() - 8 - 3;
        assert!(shift(&mut before.clone()[..moof], &params(), at(0), at(0), 1).is_ok(), "the moof alone is enough");
        assert!(shift(&mut before.clone()[..moof - 1], &params(), at(0), at(0), 1).is_err());
        assert!(builder_without_pictures().is_none());
    }

    fn builder_without_pictures() -> Option<Fragment> {
        builder().finish(None, at(0))
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_never_panic(mut bytes: Vec<u8>, at_byte: proptest::sample::Index, value: u8) {
            let _ = View::parse(&bytes, &params(), at(0));
            let _ = shift(&mut bytes, &params(), at(0), at(1), 1);
            let mut builder = builder();
            push(&mut builder, b"key", 0, true);
            push(&mut builder, b"other", 40_000, false);
            let mut plain = builder.finish(None, at(0)).unwrap().plain().to_vec();
            let index = at_byte.index(plain.len());
            plain[index] = value;
            if let Ok(view) = View::parse(&plain, &params(), at(0)) {
                assert!(view.samples().iter().filter_map(|sample| view.data(sample)).all(|data| data.len() <= plain.len()));
            }
            let _ = shift(&mut plain, &params(), at(0), at(1), 1);
        }
    }
}
