//! NJF1, the format of a sealed fragment: 96 bytes of header, then AES-256-GCM chunks. No I/O happens here.
//!
//! The bytes are specified, with test vectors, in `docs/reference/njf1.md`. The header travels in clear and is
//! authenticated through the fragment key, which is derived from it.

use crate::Error;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest, hkdf,
};
use base::{Secret, Time};
use std::{io::IoSlice, time::Duration};

/// Bytes of a header.
pub const HEADER_LEN: usize = 96;
/// Bytes of plaintext in each chunk but the last.
pub const CHUNK: usize = 256 * 1024;
/// Bytes that sealing adds to each chunk.
pub const TAG_LEN: usize = 16;
/// The most plaintext that one fragment may hold. Recording closes fragments at 4 MiB; a single access unit may be
/// larger. It bounds what a forged header can make a reader allocate.
pub const MAX_PLAIN: usize = 64 * 1024 * 1024;

const MAGIC: [u8; 4] = *b"NJF1";
const SUITE_AES_256_GCM: u8 = 1;
const LABEL: &[u8] = b"nj/frag/v1";

/// The authentication tag of one chunk.
pub type Tag = [u8; TAG_LEN];

/// Bits of [`Header::flags`]. Bits without a name are kept as they are, so that a newer writer's files still open.
pub mod flags {
    /// The fragment holds `ftyp` and `moov`; the others of its object hold `moof` and `mdat`.
    pub const INIT: u16 = 1;
    /// The first access unit is a key frame.
    pub const KEY: u16 = 1 << 1;
    /// The first fragment of a run: what came before is not continued.
    pub const RUN: u16 = 1 << 2;
}

/// What stands in clear before each sealed fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose fragment this is; opaque here.
    pub owner: [u8; 16],
    /// Where it was recorded; opaque here.
    pub source: [u8; 16],
    /// Which of the source's streams: 0 main, 1 sub.
    pub stream: u8,
    /// See [`flags`].
    pub flags: u16,
    /// The id of the epoch key that the fragment key is derived from.
    pub epoch: [u8; 16],
    /// Counts the fragments of a stream, for finding what is missing.
    pub sequence: u64,
    /// When the fragment starts.
    pub time: Time,
    /// How long it lasts; at most 2³²-1 µs (71 minutes).
    pub duration: Duration,
    /// Bytes that follow the header: [`sealed_len`] of the plaintext.
    pub sealed: u32,
    /// Random; makes the fragment key unique even if everything else repeats.
    pub salt: [u8; 16],
}

impl Header {
    /// The header as it is written: big-endian, see `docs/reference/njf1.md`.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let micros = u32::try_from(self.duration.as_micros()).unwrap_or(u32::MAX);
        let mut bytes = [0; HEADER_LEN];
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4] = SUITE_AES_256_GCM;
        bytes[5] = self.stream;
        bytes[6..8].copy_from_slice(&self.flags.to_be_bytes());
        bytes[8..24].copy_from_slice(&self.owner);
        bytes[24..40].copy_from_slice(&self.source);
        bytes[40..56].copy_from_slice(&self.epoch);
        bytes[56..64].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[64..72].copy_from_slice(&self.time.micros().to_be_bytes());
        bytes[72..76].copy_from_slice(&micros.to_be_bytes());
        bytes[76..80].copy_from_slice(&self.sealed.to_be_bytes());
        bytes[80..96].copy_from_slice(&self.salt);
        bytes
    }

    /// Reads a header. What it says is true only once a chunk was opened with it.
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, Error> {
        if bytes[0..4] != MAGIC {
            return Err(Error::BadHeader("it does not begin with NJF1"));
        }
        if bytes[4] != SUITE_AES_256_GCM {
            return Err(Error::BadHeader("its cipher suite is unknown"));
        }
        let header = Self {
            stream: bytes[5],
            flags: u16::from_be_bytes(part(bytes, 6)),
            owner: part(bytes, 8),
            source: part(bytes, 24),
            epoch: part(bytes, 40),
            sequence: u64::from_be_bytes(part(bytes, 56)),
            time: Time::from_micros(i64::from_be_bytes(part(bytes, 64))),
            duration: Duration::from_micros(u32::from_be_bytes(part(bytes, 72)).into()),
            sealed: u32::from_be_bytes(part(bytes, 76)),
            salt: part(bytes, 80),
        };
        match plain_len(header.sealed.into()) {
            Some(len) if len <= MAX_PLAIN as u64 => Ok(header),
            _ => Err(Error::BadHeader("its length is impossible")),
        }
    }

    /// Bytes of the fragment on the shelf, header included.
    pub fn len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.sealed)
    }

    /// Never: a fragment has at least a header and a tag.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Bytes of its plaintext.
    pub fn plain_len(&self) -> u64 {
        plain_len(self.sealed.into()).unwrap_or(0)
    }

    /// Whether one of the [`flags`] is set.
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

fn part<const N: usize>(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

/// Bytes that `plain` bytes take once sealed, without the header. Nothing at all still takes one tag.
pub fn sealed_len(plain: u64) -> u64 {
    plain + TAG_LEN as u64 * chunks(plain)
}

/// The inverse of [`sealed_len`]; `None` if no plaintext seals to that many bytes.
pub fn plain_len(sealed: u64) -> Option<u64> {
    let chunks = sealed.div_ceil((CHUNK + TAG_LEN) as u64).max(1);
    let plain = sealed.checked_sub(chunks * TAG_LEN as u64)?;
    (sealed_len(plain) == sealed).then_some(plain)
}

fn chunks(plain: u64) -> u64 {
    plain.div_ceil(CHUNK as u64).max(1)
}

/// Seals and opens the chunks of one fragment.
pub struct Cipher {
    key: LessSafeKey,
    plain: u64,
}

impl Cipher {
    /// The cipher of the fragment with that header, exactly as written.
    pub fn new(header: &[u8; HEADER_LEN], epoch_key: &Secret<[u8; 32]>) -> Result<Self, Error> {
        let plain = Header::parse(header)?.plain_len();
        let digest = digest::digest(&digest::SHA256, header);
        let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, epoch_key.expose());
        let info = [LABEL, digest.as_ref()];
        let okm = prk.expand(&info, &AES_256_GCM).expect("32 bytes is a length that HKDF gives");
        Ok(Self { key: LessSafeKey::new(UnboundKey::from(okm)), plain })
    }

    /// How many chunks the fragment has.
    pub fn chunks(&self) -> u64 {
        chunks(self.plain)
    }

    /// Where chunk `index` stands: its first byte counted from the end of the header, and its sealed length.
    pub fn span(&self, index: u64) -> (u64, usize) {
        let from = index * CHUNK as u64;
        let len = (self.plain - from).min(CHUNK as u64) as usize;
        (index * (CHUNK + TAG_LEN) as u64, len + TAG_LEN)
    }

    fn nonce(&self, index: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&index.to_be_bytes());
        nonce[11] = u8::from(index + 1 == self.chunks());
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal_chunk(&self, index: u64, plain: &mut [u8]) -> Tag {
        let tag = self
            .key
            .seal_in_place_separate_tag(self.nonce(index), Aad::empty(), plain)
            .expect("a chunk is far below the limit of GCM");
        let mut bytes = [0; TAG_LEN];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Opens chunk `index` in place: `sealed` is the chunk with its tag, and begins with its plaintext afterwards.
    /// Returns the length of the plaintext. On failure the content of `sealed` is meaningless.
    pub fn open_chunk(&self, index: u64, sealed: &mut [u8]) -> Result<usize, Error> {
        if sealed.len() != self.span(index).1 {
            return Err(Error::Truncated);
        }
        match self.key.open_in_place(self.nonce(index), Aad::empty(), sealed) {
            Ok(plain) => Ok(plain.len()),
            Err(_) => Err(Error::BadTag { chunk: index }),
        }
    }
}

/// Seals `plain` in place and leaves the tags of its chunks in `tags`; [`pieces`] gives both in the order of the file.
/// `header.sealed` must be right for `plain`. Returns the header as it must be written.
pub fn seal(
    header: &Header,
    epoch_key: &Secret<[u8; 32]>,
    plain: &mut [u8],
    tags: &mut Vec<Tag>,
) -> Result<[u8; HEADER_LEN], Error> {
    if plain.len() > MAX_PLAIN {
        return Err(Error::TooLarge);
    }
    if u64::from(header.sealed) != sealed_len(plain.len() as u64) {
        return Err(Error::BadHeader("its length is not that of the fragment"));
    }
    let bytes = header.encode();
    let cipher = Cipher::new(&bytes, epoch_key)?;
    tags.clear();
    match plain.is_empty() {
        true => tags.push(cipher.seal_chunk(0, plain)),
        false => tags.extend((0..).zip(plain.chunks_mut(CHUNK)).map(|(index, chunk)| cipher.seal_chunk(index, chunk))),
    }
    Ok(bytes)
}

/// What one vectored write puts on the shelf: the header, then each chunk followed by its tag.
pub fn pieces<'a>(header: &'a [u8; HEADER_LEN], sealed: &'a [u8], tags: &'a [Tag]) -> Vec<IoSlice<'a>> {
    let mut pieces = Vec::with_capacity(1 + 2 * tags.len());
    pieces.push(IoSlice::new(header));
    let mut chunks = sealed.chunks(CHUNK);
    for tag in tags {
        pieces.push(IoSlice::new(chunks.next().unwrap_or_default()));
        pieces.push(IoSlice::new(tag));
    }
    pieces
}

#[cfg(test)]
mod tests;
