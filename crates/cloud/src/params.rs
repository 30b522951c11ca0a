//! What decodes a recording file, kept once for all files that share it.
//!
//! The stored form is the init segment itself (`ftyp` and `moov`); its id is derived from it, so the same parameters of
//! the same stream always have the same id.

use crate::{Stream, index::ParamsId, number};
use base::{Error, Result};
use devices::CameraId;
use media::{StreamParams, fragment, mp4};
use std::{io::Cursor, sync::Arc};

/// Stream parameters with their stored form.
#[derive(Clone, Debug)]
pub struct Description {
    pub id: ParamsId,
    pub params: Arc<StreamParams>,
    /// `ftyp` and `moov`.
    pub init: Vec<u8>,
}

impl Description {
    /// The description of a stream's parameters.
    pub fn new(camera: CameraId, stream: Stream, params: StreamParams) -> Self {
        let init = fragment::init_segment(&params);
        Self { id: id(camera, stream, &init), params: Arc::new(params), init }
    }

    /// From the stored form.
    pub fn stored(camera: CameraId, stream: Stream, init: Vec<u8>) -> Result<Self> {
        let damaged = || Error::internal("stored stream parameters are damaged");
        let movie = mp4::Movie::read(&mut Cursor::new(&init)).map_err(|error| damaged().because(error))?;
        let (mut video, mut audio) = (None, None);
        for track in movie.tracks {
            match track.params {
                mp4::Params::Video { params, .. } => video = Some(params),
                mp4::Params::Audio(params) => audio = Some(params),
            }
        }
        let params = StreamParams { video: video.ok_or_else(damaged)?, audio };
        Ok(Self { id: id(camera, stream, &init), params: Arc::new(params), init })
    }
}

fn id(camera: CameraId, stream: Stream, init: &[u8]) -> ParamsId {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    hash.update(&camera.bytes());
    hash.update(&number(stream).to_be_bytes());
    hash.update(init);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finish().as_ref()[..16]);
    ParamsId::from_bytes(bytes)
}
