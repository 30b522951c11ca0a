//! The door between sealed objects and those who may see their content.

use crate::{
    Error, FileWriter, FragmentMeta, Placed,
    format::{CHUNK, Cipher, HEADER_LEN, Header},
    keystore::{Doomed, Epoch, EpochId, EpochKey, KeyDestroyed, Keystore, Owner, Reason, Source},
    root_key::RootKey,
    shelf::{Object, ObjectName, Shelf},
};
use base::{Time, World};
use db::{ColumnKey, Db};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What a fragment is opened for. There is no other reason to open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A person plays or exports it; the view log has a row.
    Playback,
    /// A person watches live and starts from what was just recorded; the view log has a row.
    Live,
    /// Its tags are checked; nobody sees it.
    Check,
    /// It is sealed again under another key; nobody sees it.
    Reseal,
    /// A small picture is made of it, for a person with a row in the view log.
    Thumbnail,
    /// A program looks for events in it.
    Detect,
}

impl Purpose {
    pub const ALL: [Self; 6] = [Self::Playback, Self::Live, Self::Check, Self::Reseal, Self::Thumbnail, Self::Detect];

    /// The word for metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Playback => "playback",
            Self::Live => "live",
            Self::Check => "check",
            Self::Reseal => "reseal",
            Self::Thumbnail => "thumbnail",
            Self::Detect => "detect",
        }
    }
}

/// A fragment: its object and its header's first byte there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentAt {
    pub object: ObjectName,
    pub offset: u64,
}

/// What the headers of an object tell, whether or not there are keys for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Offset and header of each whole fragment.
    pub fragments: Vec<(u64, Header)>,
    /// Where the last whole fragment ends.
    pub end: u64,
    /// What follows it, if anything does.
    pub tail: Option<Tail>,
}

/// Bytes at the end of an object that are no whole fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// A fragment that was being written when the program or the machine stopped.
    Torn,
    /// No header stands where one belongs. What follows cannot be found.
    BadHeader(&'static str),
}

/// Keys and shelf. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    keys: Keystore,
    shelf: Arc<dyn Shelf>,
    world: World,
    opened: [AtomicU64; Purpose::ALL.len()],
}

impl Vault {
    /// Opens the vault whose keys are in `keystore` (its own database, migrated with [`crate::migrations`]). An empty
    /// keystore is set up for this root key; any other must have been made with it, else [`Error::WrongRootKey`].
    pub async fn open(keystore: Db, root_key: RootKey, shelf: Arc<dyn Shelf>, world: World) -> Result<Self, Error> {
        let keys = Keystore::open(keystore, root_key, world.clone()).await?;
        Ok(Self(Arc::new(Inner { keys, shelf, world, opened: Default::default() })))
    }

    /// The shelf, for its room, its commits, its lists and for removing objects.
    pub fn shelf(&self) -> &Arc<dyn Shelf> {
        &self.0.shelf
    }

    /// A new key for a stream of a source, durable when this returns. Made for each UTC hour and at each start.
    pub async fn new_epoch(&self, owner: Owner, source: Source, stream: u8, hour: Time) -> Result<EpochKey, Error> {
        self.0.keys.new_epoch(owner, source, stream, hour).await
    }

    /// The epoch keys that a source has, whether anything was sealed under them or not.
    pub async fn epochs(&self, source: Source) -> Result<Vec<Epoch>, Error> {
        self.0.keys.epochs(source).await
    }

    /// The key that seals the personal columns of an owner. It stays the same until the owner's keys are destroyed.
    pub async fn column_key(&self, owner: Owner) -> Result<ColumnKey, Error> {
        self.0.keys.column_key(owner).await
    }

    /// Destroys epoch keys, and with them all that was sealed under them. Give all that are due at once: each call
    /// re-wraps the other epochs of their sources.
    pub async fn destroy_epochs(&self, ids: Vec<EpochId>, reason: Reason) -> Result<Vec<KeyDestroyed>, Error> {
        self.destroy(Doomed::Epochs(ids), reason).await
    }

    /// Destroys the key of a source and all its epoch keys.
    pub async fn destroy_source(&self, source: Source, reason: Reason) -> Result<Vec<KeyDestroyed>, Error> {
        self.destroy(Doomed::Source(source), reason).await
    }

    /// The ids of the keys of an owner and of its sources.
    pub async fn keys_of(&self, owner: Owner) -> Result<Vec<[u8; 16]>, Error> {
        self.0.keys.keys_of(owner).await
    }

    /// Destroys the key of an owner, its column key and all keys of its sources. For [`Reason::Erased`] the owner gets no
    /// keys any more: [`Error::ErasedOwner`].
    pub async fn destroy_owner(&self, owner: Owner, reason: Reason) -> Result<Vec<KeyDestroyed>, Error> {
        self.destroy(Doomed::Owner(owner), reason).await
    }

    /// A task of its own, so that a caller who goes away cannot stop it half-way.
    async fn destroy(&self, doomed: Doomed, reason: Reason) -> Result<Vec<KeyDestroyed>, Error> {
        let inner = self.0.clone();
        joined(tokio::spawn(async move { inner.keys.destroy(&doomed, reason).await }).await)
    }

    /// Replaces the key between root and owner keys, so that copies of the keystore from before lose their worth to
    /// whoever has not got its old generation key. Each destruction does this by itself.
    pub async fn rotate_generation(&self) -> Result<(), Error> {
        self.0.keys.rotate_generation().await
    }

    /// Which keys were destroyed since `since`, the oldest first. Records are kept for 366 days.
    pub async fn destroyed(&self, since: Time) -> Result<Vec<KeyDestroyed>, Error> {
        self.0.keys.destroyed(since).await
    }

    /// Begins a new object. Blocks on the file system: for a writer thread.
    pub fn writer(&self, object: ObjectName) -> Result<FileWriter, Error> {
        Ok(FileWriter::new(object, self.0.shelf.create(object)?, self.0.world.clone()))
    }

    /// The plaintext of the fragment whose header stands at `offset`, or the `range` of it. Only the chunks that the
    /// range touches are read and opened.
    pub async fn open_fragment(
        &self,
        object: ObjectName,
        offset: u64,
        range: Option<Range<u64>>,
        purpose: Purpose,
    ) -> Result<Vec<u8>, Error> {
        self.blocking(move |vault| {
            let object = vault.shelf.open(object)?;
            vault.open(&*object, offset, range, purpose).map(|(_, plain)| plain)
        })
        .await
    }

    /// Opens a fragment to see whether it is authentic, and gives its header.
    pub async fn check_fragment(&self, object: ObjectName, offset: u64) -> Result<Header, Error> {
        self.blocking(move |vault| {
            let object = vault.shelf.open(object)?;
            vault.open(&*object, offset, None, Purpose::Check).map(|(header, _)| header)
        })
        .await
    }

    /// How often fragments were opened for each purpose since the start.
    pub fn openings(&self) -> [(Purpose, u64); Purpose::ALL.len()] {
        Purpose::ALL.map(|purpose| (purpose, self.0.opened[purpose as usize].load(Relaxed)))
    }

    /// Walks the headers of an object. Needs no key.
    pub async fn scan(&self, object: ObjectName) -> Result<Scan, Error> {
        self.blocking(move |vault| scan(&*vault.shelf.open(object)?)).await
    }

    /// Cuts an object to `len` bytes, durably: the end that a scan found.
    pub async fn truncate(&self, object: ObjectName, len: u64) -> Result<(), Error> {
        self.blocking(move |vault| {
            let mut object = vault.shelf.open(object)?;
            object.truncate(len)?;
            object.sync()
        })
        .await
    }

    /// Copies fragments, in the order given, to a new object under another key of the same stream. The new object is
    /// durable when this returns. The outcome tells for each fragment where its copy stands, or why it could not be
    /// opened; if the copy cannot be written, nothing of it stays.
    pub async fn reseal(
        &self,
        fragments: Vec<FragmentAt>,
        to: ObjectName,
        key: EpochKey,
    ) -> Result<Vec<Result<Placed, Error>>, Error> {
        self.blocking(move |vault| {
            let mut writer = FileWriter::new(to, vault.shelf.create(to)?, vault.world.clone());
            let copied = fragments.iter().map(|at| vault.copy(*at, &mut writer, &key)).collect::<Result<_, _>>();
            let durable = copied.and_then(|copied| writer.sync().map(|()| copied));
            if durable.is_err() {
                vault.shelf.remove(to)?;
            }
            durable
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = self.0.clone();
        joined(tokio::task::spawn_blocking(move || work(&inner)).await)
    }
}

/// The outcome of a task: its panic goes on here, its cancellation (the runtime stops) is an error.
fn joined<T>(outcome: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    match outcome.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => Err(Error::Io(std::io::Error::other("shutting down"))),
    }
}

impl Inner {
    /// The key of the epoch; from a thread that may block.
    fn key(&self, id: EpochId) -> Result<Arc<EpochKey>, Error> {
        match self.keys.cached(id) {
            Some(key) => Ok(key),
            None => tokio::runtime::Handle::current().block_on(self.keys.epoch(id)),
        }
    }

    fn open(
        &self,
        object: &dyn Object,
        offset: u64,
        range: Option<Range<u64>>,
        purpose: Purpose,
    ) -> Result<(Header, Vec<u8>), Error> {
        let bytes = header_at(object, offset)?;
        let header = Header::parse(&bytes)?;
        let key = self.key(header.epoch)?;
        self.opened[purpose as usize].fetch_add(1, Relaxed);
        let cipher = Cipher::new(&bytes, &key.key)?;
        let range = range.unwrap_or(0..header.plain_len());
        if range.start > range.end || range.end > header.plain_len() {
            return Err(Error::OutOfRange);
        }
        Ok((header, open_range(object, offset + HEADER_LEN as u64, &cipher, range)?))
    }

    /// The outer error is that of writing, the inner that of opening.
    fn copy(&self, at: FragmentAt, to: &mut FileWriter, key: &EpochKey) -> Result<Result<Placed, Error>, Error> {
        let opened =
            self.shelf.open(at.object).and_then(|object| self.open(&*object, at.offset, None, Purpose::Reseal));
        let (header, mut plain) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        if (header.owner, header.source, header.stream) != (key.owner, key.source, key.stream) {
            return Err(Error::ForeignKey);
        }
        let Header { sequence, time, duration, flags, .. } = header;
        to.append(&FragmentMeta { sequence, time, duration, flags }, key, &mut plain).map(Ok)
    }
}

fn header_at(object: &dyn Object, offset: u64) -> Result<[u8; HEADER_LEN], Error> {
    let bytes = object.read(offset, HEADER_LEN)?;
    bytes.try_into().map_err(|_| Error::Truncated)
}

/// Reads and opens the chunks that hold `range`, which lies in the fragment; the chunks begin at `base`.
fn open_range(object: &dyn Object, base: u64, cipher: &Cipher, range: Range<u64>) -> Result<Vec<u8>, Error> {
    let chunk_of = |plain: u64| (plain / CHUNK as u64).min(cipher.chunks() - 1);
    let (first, last) = (chunk_of(range.start), chunk_of(range.end.saturating_sub(1).max(range.start)));
    let (from, (last_from, last_len)) = (cipher.span(first).0, cipher.span(last));
    let mut bytes = object.read(base + from, (last_from - from) as usize + last_len)?;
    let (mut read, mut kept) = (0, 0);
    for index in first..=last {
        let sealed = cipher.span(index).1;
        let plain = cipher.open_chunk(index, &mut bytes[read..read + sealed])?;
        bytes.copy_within(read..read + plain, kept);
        (read, kept) = (read + sealed, kept + plain);
    }
    let skipped = range.start - first * CHUNK as u64;
    bytes.truncate((skipped + (range.end - range.start)) as usize);
    bytes.drain(..skipped as usize);
    Ok(bytes)
}

fn scan(object: &dyn Object) -> Result<Scan, Error> {
    let len = object.len()?;
    let mut scan = Scan { fragments: Vec::new(), end: 0, tail: None };
    while scan.end < len {
        if len - scan.end < HEADER_LEN as u64 {
            scan.tail = Some(Tail::Torn);
            break;
        }
        match Header::parse(&header_at(object, scan.end)?) {
            Ok(header) if header.len() <= len - scan.end => {
                scan.fragments.push((scan.end, header));
                scan.end += header.len();
            }
            Ok(_) => scan.tail = Some(Tail::Torn),
            Err(Error::BadHeader(why)) => scan.tail = Some(Tail::BadHeader(why)),
            Err(error) => return Err(error),
        }
        if scan.tail.is_some() {
            break;
        }
    }
    Ok(scan)
}
