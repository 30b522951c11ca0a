//! A file that only one key opens: AES-256-GCM in chunks of 256 KiB, each with its number and whether it is the last in its
//! nonce, so that chunks cannot be left out, put elsewhere or be cut off at the end unnoticed. The key is for one file.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{Error, Result, Secret};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Plain bytes of a chunk.
const CHUNK: usize = 256 * 1024;
const TAG: usize = 16;

/// The key of one file.
pub type Key = Secret<[u8; 32]>;

fn cipher(key: &Key) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("the key has the length of the cipher"))
}

fn nonce(number: u64, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

/// Seals what is written to it.
pub struct Writer {
    file: File,
    cipher: LessSafeKey,
    chunk: Vec<u8>,
    number: u64,
}

impl Writer {
    /// Begins a new file, in place of one that is there; its owner alone can read it. The key must never have been used.
    pub fn create(path: &Path, key: &Key) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self { file, cipher: cipher(key), chunk: Vec::with_capacity(CHUNK + TAG), number: 0 })
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let sealed = self.cipher.seal_in_place_append_tag(nonce(self.number, last), Aad::empty(), &mut self.chunk);
        sealed.map_err(|_| io::Error::other("a chunk cannot be sealed"))?;
        self.file.write_all(&self.chunk)?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }

    /// Seals the last chunk and makes the file durable.
    pub fn finish(mut self) -> io::Result<()> {
        self.seal(true)?;
        self.file.sync_all()
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk is sealed when more comes: before that it may be the last.
        if self.chunk.len() == CHUNK {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a sealed file chunk by chunk.
pub struct Reader {
    file: File,
    cipher: LessSafeKey,
    chunks: u64,
    sealed: u64,
}

impl Reader {
    pub fn open(path: &Path, key: &Key) -> Result<Self> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::not_found("the file is gone"),
            _ => Error::unavailable("the file cannot be opened").because(error),
        })?;
        let sealed =
            file.metadata().map_err(|error| Error::unavailable("the file cannot be read").because(error))?.len();
        let chunks = sealed.div_ceil((CHUNK + TAG) as u64).max(1);
        Ok(Self { file, cipher: cipher(key), chunks, sealed })
    }

    /// Plain bytes of the file.
    pub fn len(&self) -> u64 {
        self.sealed.saturating_sub(self.chunks * TAG as u64)
    }

    /// The plain bytes from `offset` to the end of the chunk that it lies in; empty at the end of the file.
    pub fn at(&mut self, offset: u64) -> Result<Vec<u8>> {
        if offset >= self.len() {
            return Ok(Vec::new());
        }
        let (number, within) = (offset / CHUNK as u64, (offset % CHUNK as u64) as usize);
        let mut chunk =
            self.read(number).map_err(|error| Error::unavailable("the file cannot be read").because(error))?;
        let last = number + 1 == self.chunks;
        let altered = |_| Error::internal("the file was altered, or its key is another one");
        let plain = self.cipher.open_in_place(nonce(number, last), Aad::empty(), &mut chunk).map_err(altered)?.len();
        chunk.truncate(plain);
        chunk.drain(..within.min(plain));
        Ok(chunk)
    }

    fn read(&mut self, number: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(number * (CHUNK + TAG) as u64))?;
        let mut chunk = Vec::with_capacity(CHUNK + TAG);
        (&mut self.file).take((CHUNK + TAG) as u64).read_to_end(&mut chunk)?;
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(folder: &tempfile::TempDir, plain: &[u8]) -> std::path::PathBuf {
        let path = folder.path().join("file");
        let mut writer = Writer::create(&path, &Secret::new([1; 32])).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap();
        path
    }

    fn opened(path: &Path, key: u8) -> Result<Vec<u8>> {
        let mut reader = Reader::open(path, &Secret::new([key; 32]))?;
        let mut plain = Vec::new();
        while plain.len() < reader.len() as usize {
            plain.extend(reader.at(plain.len() as u64)?);
        }
        Ok(plain)
    }

    #[test]
    fn a_sealed_file_opens_with_its_key_from_any_byte_on() {
        let folder = tempfile::tempdir().unwrap();
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 77] {
            let plain: Vec<u8> = (0..len).map(|at| (at * 31 % 251) as u8).collect();
            let path = sealed(&folder, &plain);
            assert!(opened(&path, 1).unwrap() == plain, "{len}");
            assert!(len == 0 || opened(&path, 2).is_err());
            if len > CHUNK {
                let mut reader = Reader::open(&path, &Secret::new([1; 32])).unwrap();
                assert_eq!(reader.at(CHUNK as u64 - 3).unwrap(), plain[CHUNK - 3..CHUNK]);
                assert!(reader.at(len as u64).unwrap().is_empty());
            }
        }
    }

    #[test]
    fn a_chunk_that_is_missing_moved_or_altered_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = sealed(&folder, &vec![7; 3 * CHUNK]);
        let whole = std::fs::read(&path).unwrap();
        let size = CHUNK + TAG;
        assert!(!whole.windows(16).any(|window| window == [7; 16]));
        let mut flipped = whole.clone();
        flipped[size + 5] ^= 1;
        let swapped = [&whole[size..2 * size], &whole[..size], &whole[2 * size..]].concat();
        for wrong in [whole[..2 * size].to_vec(), whole[..whole.len() - 1].to_vec(), swapped, flipped] {
            std::fs::write(&path, wrong).unwrap();
            assert!(opened(&path, 1).is_err());
        }
    }
}
