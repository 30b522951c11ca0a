//! Footage found again: by the instant, as a playlist, as single fragments, and as the MP4 of any range.
//!
//! A download is a virtual file. Its length and layout come from the index; a byte range opens only the fragments (and
//! of them only the chunks) that it touches. Nothing is written anywhere.

use crate::{
    Stream,
    index::{File, Index},
    opus::Transcoder,
    params::Description,
    recorder::{Recorder, is_g711},
};
use base::{Error, Range, Result, Time};
use bytes::Bytes;
use devices::{CameraId, grant::ViewTicket};
use futures_util::{Stream as Flow, StreamExt, TryStreamExt, stream};
use media::{
    AudioParams, Entry, StreamParams, Track,
    fragment::{self, Builder, View},
    hls,
    virtual_mp4::{Piece, Plan},
};
use std::{
    collections::{HashMap, VecDeque},
    ops,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use vault::{ObjectName, Purpose, Vault};

/// The longest range that one MP4 may cover.
pub const LONGEST_RECORDING: Duration = Duration::from_secs(24 * 3600);
/// How far before the wanted instant a key frame is looked for.
const KEY_SEARCH: Duration = Duration::from_secs(60);
/// Bytes of a fragment that surely hold its `moof`.
const MOOF_BOUND: u64 = 64 * 1024;
/// Fragments opened ahead of the one being sent.
const READ_AHEAD: usize = 3;
/// Downloads up to the live edge whose end is remembered, so that later byte ranges see the same file.
const FROZEN: usize = 256;

/// A stored fragment and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    object: ObjectName,
    offset: u64,
}

/// The fragments of a range, in order, beginning with a key frame.
#[derive(Clone)]
pub struct Footage {
    pub camera: CameraId,
    pub stream: Stream,
    pub descriptions: Vec<Arc<Description>>,
    pub entries: Vec<Entry>,
    places: Vec<Place>,
}

/// A fragment as a player is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub range: Range,
    pub key: bool,
    /// Index into the descriptions.
    pub description: u32,
}

/// Finds and opens footage. Cheap to clone.
#[derive(Clone)]
pub struct Playback {
    index: Index,
    vault: Vault,
    recorder: Arc<Recorder>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    descriptions: HashMap<crate::index::ParamsId, Arc<Description>>,
    frozen: VecDeque<((CameraId, Stream, Range), Arc<Recording>)>,
}

impl Playback {
    pub(crate) fn new(index: Index, vault: Vault, recorder: Arc<Recorder>) -> Self {
        Self { index, vault, recorder, known: Arc::default() }
    }

    /// The fragments that show `range`: from the one with the key frame at or before its start.
    pub async fn footage(&self, camera: CameraId, stream: Stream, range: Range) -> Result<Footage> {
        let recent = self.recorder.recent(camera, stream);
        let wide = Range { start: range.start - KEY_SEARCH, end: range.end };
        let mut files = self.index.files(camera, stream, wide).await?;
        files.retain(|file| recent.iter().all(|newer| newer.file.id != file.id));
        let mut footage = Footage::empty(camera, stream);
        for file in &files {
            let description = self.description(file).await?;
            footage.add(file, description);
        }
        for newer in &recent {
            footage.add(&newer.file, newer.description.clone());
        }
        footage.cut(range)
    }

    async fn description(&self, file: &File) -> Result<Arc<Description>> {
        if let Some(known) = self.known().descriptions.get(&file.params) {
            return Ok(known.clone());
        }
        let stored = self.index.params(file.params).await?;
        let init = stored.ok_or_else(|| Error::internal("a recording's stream parameters are missing"))?;
        let description = Arc::new(Description::stored(file.camera, file.stream, init)?);
        self.known().descriptions.insert(file.params, description.clone());
        Ok(description)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The MP4 of a range. An end in the future is cut to what is stored now, and stays there for later requests of the
    /// same range.
    pub async fn recording(&self, ticket: ViewTicket, stream: Stream, range: Range) -> Result<Arc<Recording>> {
        if range.duration() > LONGEST_RECORDING {
            return Err(Error::out_of_range("a recording covers at most 24 hours").field("end"));
        }
        let key = (ticket.camera(), stream, range);
        let open_ended = self.recorder.stored_until(ticket.camera(), stream).is_some_and(|until| until < range.end);
        if open_ended && let Some((_, frozen)) = self.known().frozen.iter().find(|(known, _)| *known == key) {
            return Ok(frozen.clone());
        }
        let footage = self.footage(ticket.camera(), stream, range).await?;
        let recording = Arc::new(Recording::new(footage, self.vault.clone(), range)?);
        if open_ended {
            let mut known = self.known();
            known.frozen.push_back((key, recording.clone()));
            if known.frozen.len() > FROZEN {
                known.frozen.pop_front();
            }
        }
        Ok(recording)
    }

    /// The init segment for [`Self::segment`], with the same choice of audio.
    pub async fn init(&self, camera: CameraId, stream: Stream, at: Time, audio: bool) -> Result<(String, Vec<u8>)> {
        let footage = self.footage(camera, stream, one_instant(at)).await?;
        let description = footage.description_at(at)?;
        let params = played(&description.params, audio);
        Ok((params.mime(), fragment::init_segment(&params)))
    }

    /// The fragment that covers `at`, on a timeline that counts from 1970. Browsers play no G.711: it becomes Opus.
    pub async fn segment(&self, ticket: ViewTicket, stream: Stream, at: Time, audio: bool) -> Result<Vec<u8>> {
        let footage = self.footage(ticket.camera(), stream, one_instant(at)).await?;
        let index = footage.index_at(at)?;
        let (entry, place) = (footage.entries[index], footage.places[index]);
        let params = &footage.descriptions[entry.description as usize].params;
        let mut plain = self.vault.open_fragment(place.object, place.offset, None, Purpose::Playback).await?;
        let wanted = played(params, audio);
        if wanted.audio != params.audio {
            plain = with_audio(&plain, params, &wanted, &entry)?;
        }
        let sequence = (entry.time.micros() / 1000) as u32;
        fragment::shift(&mut plain, &wanted, entry.origin, Time::from_micros(0), sequence).map_err(broken)?;
        Ok(plain)
    }

    /// The plaintext of the first fragment, which begins with a key frame, and its parameters.
    pub(crate) async fn first_fragment(
        &self,
        footage: &Footage,
        purpose: Purpose,
    ) -> Result<(Vec<u8>, Arc<Description>, Entry)> {
        let (entry, place) = (footage.entries[0], footage.places[0]);
        let description = footage.descriptions[entry.description as usize].clone();
        let plain = self.vault.open_fragment(place.object, place.offset, None, purpose).await?;
        Ok((plain, description, entry))
    }
}

pub(crate) fn one_instant(at: Time) -> Range {
    Range { start: at, end: at + Duration::from_micros(1) }
}

fn broken(error: media::Error) -> Error {
    Error::internal("a stored fragment cannot be read; run `nightjar check`").because(error)
}

/// What a browser is given: the camera's own audio, Opus for G.711, or none.
fn played(params: &StreamParams, audio: bool) -> StreamParams {
    let audio = params.audio.clone().filter(|_| audio).map(|own| match own.codec {
        codec if is_g711(codec) => AudioParams::opus(1),
        _ => own,
    });
    StreamParams { video: params.video.clone(), audio }
}

/// The same fragment with another audio track: none, or Opus made of G.711.
fn with_audio(plain: &[u8], params: &StreamParams, wanted: &StreamParams, entry: &Entry) -> Result<Vec<u8>> {
    let view = View::parse(plain, params, entry.origin).map_err(broken)?;
    let opus = wanted.audio.is_some();
    let mut builder = Builder::new(Arc::new(wanted.clone()), Vec::with_capacity(plain.len()));
    let mut sound = None;
    for sample in view.samples() {
        let data = view.data(sample).unwrap_or_default();
        match (sample.track, params.audio.as_ref()) {
            (Track::Video, _) => {
                builder.video().extend_from_slice(data);
                builder.push_video(data.len(), sample.pts, sample.key);
            }
            (Track::Audio, Some(audio)) if opus => {
                let (transcoder, next) = match &mut sound {
                    Some(sound) => sound,
                    None => sound.insert((Transcoder::new(audio.codec)?, sample.pts)),
                };
                transcoder.push(data, |packet| push_packet(&mut builder, packet, next))?;
            }
            _ => {}
        }
    }
    if let Some((transcoder, mut next)) = sound {
        transcoder.finish(|packet| push_packet(&mut builder, packet, &mut next))?;
    }
    let next = entry.time + entry.duration;
    let fragment = builder.finish(Some(next), entry.origin);
    let fragment = fragment.ok_or_else(|| Error::internal("a stored fragment holds no video"))?;
    Ok(fragment.plain().to_vec())
}

fn push_packet(builder: &mut Builder, packet: &[u8], next: &mut Time) {
    builder.audio().extend_from_slice(packet);
    builder.push_audio(packet.len(), *next);
    *next = *next + Duration::from_millis(20);
}

impl Footage {
    fn empty(camera: CameraId, stream: Stream) -> Self {
        let (descriptions, entries) = (Vec::new(), Vec::new());
        Self { camera, stream, descriptions, entries, places: Vec::new() }
    }

    fn add(&mut self, file: &File, description: Arc<Description>) {
        let known = self.descriptions.iter().position(|known| known.id == description.id);
        let number = known.unwrap_or_else(|| {
            self.descriptions.push(description);
            self.descriptions.len() - 1
        }) as u32;
        let object = ObjectName::from_bytes(file.id.bytes());
        for (offset, stored) in file.table.placed() {
            self.entries.push(Entry {
                time: stored.time,
                duration: Duration::from_micros(u64::from(stored.duration)),
                len: u64::from(stored.len),
                description: number,
                origin: file.origin,
                key: stored.key,
            });
            self.places.push(Place { object, offset });
        }
    }

    /// Keeps what shows `range`; an error if that is nothing.
    fn cut(mut self, range: Range) -> Result<Self> {
        let touches = |entry: &Entry| entry.time < range.end && entry.time + entry.duration > range.start;
        let first = self.entries.iter().position(touches);
        let last = self.entries.iter().rposition(touches);
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Error::no_footage("nothing was recorded in this time"));
        };
        let first = (0..=first).rev().find(|&at| self.entries[at].key).unwrap_or(first);
        self.entries = self.entries[first..=last].to_vec();
        self.places = self.places[first..=last].to_vec();
        Ok(self)
    }

    fn index_at(&self, at: Time) -> Result<usize> {
        self.entries
            .iter()
            .rposition(|entry| entry.time <= at)
            .ok_or_else(|| Error::no_footage("nothing was recorded at this time"))
    }

    fn description_at(&self, at: Time) -> Result<&Arc<Description>> {
        let entry = &self.entries[self.index_at(at)?];
        Ok(&self.descriptions[entry.description as usize])
    }

    /// The fragments as a player is told of them.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.entries.iter().map(|entry| Segment {
            range: Range { start: entry.time, end: entry.time + entry.duration },
            key: entry.key,
            description: entry.description,
        })
    }

    /// The HLS playlist; `init` and `segment` name the URI for an instant.
    pub fn playlist(&self, init: impl Fn(Time) -> String, segment: impl Fn(Time) -> String, ended: bool) -> String {
        let first_of = |description: u32| {
            self.entries.iter().find(|entry| entry.description == description).map_or(Time::MIN, |entry| entry.time)
        };
        hls::playlist(
            &self.entries,
            |description| init(first_of(description)),
            |index| segment(self.entries[index].time),
            ended,
        )
    }
}

/// The MP4 of a range, as a file that exists nowhere.
pub struct Recording {
    footage: Footage,
    plan: Plan,
    vault: Vault,
    etag: String,
}

impl Recording {
    fn new(footage: Footage, vault: Vault, range: Range) -> Result<Self> {
        let descriptions: Vec<StreamParams> =
            footage.descriptions.iter().map(|description| (*description.params).clone()).collect();
        let end = footage.entries.last().map_or(range.end, |entry| (entry.time + entry.duration).min(range.end));
        let wanted = Range { start: range.start.max(footage.entries[0].time), end };
        let plan = Plan::new(&descriptions, &footage.entries, wanted).map_err(broken)?;
        let etag = etag(&footage, &plan);
        Ok(Self { footage, plan, vault, etag })
    }

    /// Bytes of the file.
    #[expect(clippy::len_without_is_empty, reason = "it always has a header")]
    pub fn len(&self) -> u64 {
        self.plan.len()
    }

    /// A strong entity tag with its quotes: the same footage gives the same bytes.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The time that the file shows.
    pub fn range(&self) -> Range {
        let entries = &self.footage.entries;
        Range { start: entries[0].time, end: entries[entries.len() - 1].time + entries[entries.len() - 1].duration }
    }

    /// The bytes of `range`, cut to the file, fragment by fragment.
    pub fn content(self: Arc<Self>, range: ops::Range<u64>) -> impl Flow<Item = Result<Bytes>> + Send + 'static {
        let pieces = self.plan.locate(range);
        stream::iter(pieces).map(move |piece| self.clone().piece(piece)).buffered(READ_AHEAD).into_stream()
    }

    async fn piece(self: Arc<Self>, piece: Piece) -> Result<Bytes> {
        match piece {
            Piece::Header(range) => Ok(Bytes::copy_from_slice(&self.plan.header()[range])),
            Piece::Fragment { index, range } => self.fragment(index, range).await,
        }
    }

    async fn fragment(&self, index: usize, range: ops::Range<u64>) -> Result<Bytes> {
        let place = self.footage.places[index];
        if range.start >= MOOF_BOUND {
            let plain = self.vault.open_fragment(place.object, place.offset, Some(range), Purpose::Playback).await?;
            return Ok(plain.into());
        }
        let head = 0..range.end.max(MOOF_BOUND.min(self.footage.entries[index].len));
        let mut plain = self.vault.open_fragment(place.object, place.offset, Some(head), Purpose::Playback).await?;
        self.plan.shift(index, &mut plain).map_err(broken)?;
        Ok(Bytes::from(plain).slice(range.start as usize..range.end as usize))
    }
}

fn etag(footage: &Footage, plan: &Plan) -> String {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    hash.update(plan.header());
    for (place, entry) in footage.places.iter().zip(&footage.entries) {
        hash.update(&place.object.bytes());
        hash.update(&place.offset.to_be_bytes());
        hash.update(&entry.len.to_be_bytes());
    }
    let hex: String = hash.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
