//! Still pictures: a key frame as a JPEG, full size or as a thumbnail.
//!
//! Thumbnails are kept in memory only, in a bounded cache; no picture is ever written to a disk.

use crate::{Stream, playback::Playback};
use base::{Error, Result, Time};
use bytes::Bytes;
use devices::{CameraId, grant::ViewTicket};
use media::fragment::View;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;
use vault::Purpose;

/// Thumbnails kept: at about 12 kB each some 24 MB.
const KEPT: usize = 2048;
/// Pixels of a thumbnail's width.
pub const THUMBNAIL_WIDTH: u32 = 320;
/// JPEG quality of a snapshot.
const QUALITY: u8 = 88;
/// Pictures decoded at the same time: decoding must not starve recording.
const DECODERS: usize = 1;

/// A picture and when it was taken.
#[derive(Clone)]
pub struct Still {
    pub time: Time,
    /// JPEG.
    pub bytes: Bytes,
}

/// Makes stills. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stills {
    playback: Playback,
    decoders: Arc<Semaphore>,
    cache: Arc<Mutex<Cache>>,
}

type Key = (CameraId, Stream, Time);

#[derive(Default)]
struct Cache {
    stills: HashMap<Key, Still>,
    order: VecDeque<Key>,
}

impl Stills {
    pub fn new(playback: Playback) -> Self {
        Self { playback, decoders: Arc::new(Semaphore::new(DECODERS)), cache: Arc::default() }
    }

    /// The key frame at `at` or before it, in full size.
    pub async fn snapshot(&self, ticket: ViewTicket, stream: Stream, at: Time) -> Result<Still> {
        self.make(ticket.camera(), stream, at, None).await
    }

    /// The same, small.
    pub async fn thumbnail(&self, ticket: ViewTicket, stream: Stream, at: Time) -> Result<Still> {
        self.make(ticket.camera(), stream, at, Some(THUMBNAIL_WIDTH)).await
    }

    async fn make(&self, camera: CameraId, stream: Stream, at: Time, width: Option<u32>) -> Result<Still> {
        let purpose = if width.is_some() { Purpose::Thumbnail } else { Purpose::Playback };
        let footage = self.playback.footage(camera, stream, crate::playback::one_instant(at)).await?;
        let key = (camera, stream, footage.entries[0].time);
        if let Some(known) = width.and_then(|_| self.cache().stills.get(&key).cloned()) {
            return Ok(known);
        }
        let _turn =
            self.decoders.acquire().await.map_err(|error| Error::unavailable("shutting down").because(error))?;
        let (plain, description, entry) = self.playback.first_fragment(&footage, purpose).await?;
        let params = description.params.clone();
        let drawn = tokio::task::spawn_blocking(move || {
            let view = View::parse(&plain, &params, entry.origin)
                .map_err(|error| Error::internal("a stored fragment cannot be read").because(error))?;
            let sample = view.samples().first().filter(|sample| sample.key);
            let data =
                sample.and_then(|sample| view.data(sample)).ok_or_else(|| Error::no_footage("no key frame here"))?;
            draw(&params.video, data, width)
        });
        let jpeg = drawn.await.map_err(|error| Error::internal("a picture could not be drawn").because(error))??;
        let still = Still { time: entry.time, bytes: jpeg.into() };
        if width.is_some() {
            self.cache().keep(key, still.clone());
        }
        Ok(still)
    }

    /// Forgets the thumbnails of a camera.
    pub fn forget(&self, camera: CameraId) {
        let mut cache = self.cache();
        cache.stills.retain(|key, _| key.0 != camera);
        cache.order.retain(|key| key.0 != camera);
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn keep(&mut self, key: Key, still: Still) {
        if self.stills.insert(key, still).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.stills.remove(&oldest);
        }
    }
}

fn draw(params: &media::VideoParams, data: &[u8], width: Option<u32>) -> Result<Vec<u8>> {
    let failed = |error| Error::unavailable("this picture cannot be decoded here").because(error);
    let picture = vision::decoder(params).and_then(|mut decoder| decoder.decode(data)).map_err(failed)?;
    match width {
        Some(width) => vision::thumbnail(&picture, width),
        None => vision::jpeg(&picture, QUALITY),
    }
    .map_err(failed)
}
