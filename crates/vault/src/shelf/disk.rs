//! The shelf in a folder of a local file system (Linux).
//!
//! Objects lie at `<first 7 hex digits of the name>/<name>`: all objects of about 17 minutes share a folder, so one
//! sync of a folder makes the creation of all of them durable, and old folders empty as a whole.

use super::{Object, ObjectName, Shelf, Space, lock};
use crate::Error;
use rustix::{
    buffer::spare_capacity,
    fs::{self, AtFlags, Dir, FileType, Mode, OFlags},
    io::{self, Errno},
};
use std::{
    collections::HashSet,
    io::IoSlice,
    os::fd::OwnedFd,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

/// From this many dirty files on, one `syncfs` is cheaper than an `fdatasync` each. Measured on ext4 (the ignored test
/// `commits_by_count`); what speaks against it is that it also writes what others left dirty on the file system.
const SYNCFS_FROM: usize = 4;

/// Objects as files: 0600, in folders: 0700.
pub struct Disk(Arc<Inner>);

struct Inner {
    root: OwnedFd,
    /// What the next commit must make durable.
    dirty_files: Mutex<Vec<Arc<DiskFile>>>,
    dirty_folders: Mutex<HashSet<u32>>,
    /// Held by a commit, so that one that finds nothing left to do has waited for the one that does it.
    commit: Mutex<()>,
}

struct DiskFile {
    fd: OwnedFd,
    name: ObjectName,
    dirty: AtomicBool,
    broken: AtomicBool,
}

impl Disk {
    /// Opens the shelf in `root`, which is made if it is not there; the folder that it stands in must be.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let failed = |errno: Errno| Error::Io(errno.into());
        match fs::mkdir(root, Mode::RWXU) {
            Ok(()) => sync_parent(root).map_err(failed)?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let root = fs::open(root, FOLDER, Mode::empty()).map_err(failed)?;
        let (dirty_files, dirty_folders, commit) = Default::default();
        Ok(Self(Arc::new(Inner { root, dirty_files, dirty_folders, commit })))
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Inner {
    fn folder(&self, folder: u32) -> Result<OwnedFd, Errno> {
        fs::openat(&self.root, folder_name(folder), FOLDER | OFlags::NOFOLLOW, Mode::empty())
    }

    fn file(&self, name: ObjectName, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        fs::openat(&self.root, path(name), flags, Mode::RUSR | Mode::WUSR)
    }

    /// The folder of a new object may not be there yet, and a removal may take it away again while it is empty.
    fn create(&self, name: ObjectName) -> Result<OwnedFd, Errno> {
        for _ in 0..8 {
            match self.file(name, OFlags::CREATE | OFlags::EXCL) {
                Err(Errno::NOENT) => self.make_folder(folder_of(name))?,
                fd => return fd,
            }
        }
        Err(Errno::NOENT)
    }

    fn make_folder(&self, folder: u32) -> Result<(), Errno> {
        match fs::mkdirat(&self.root, folder_name(folder), Mode::RWXU) {
            Ok(()) => fs::fsync(&self.root),
            Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn object(self: &Arc<Self>, name: ObjectName, fd: OwnedFd) -> Box<dyn Object> {
        let file = DiskFile { fd, name, dirty: AtomicBool::new(false), broken: AtomicBool::new(false) };
        Box::new(DiskObject { file: file.into(), shelf: self.clone() })
    }

    fn folders(&self) -> Result<Vec<u32>, Errno> {
        let mut folders = Vec::new();
        for entry in Dir::read_from(&self.root)? {
            let entry = entry?;
            let name = entry.file_name().to_str().ok().filter(|name| name.len() == 7);
            let is_folder = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
            folders.extend(name.filter(|_| is_folder).and_then(|name| u32::from_str_radix(name, 16).ok()));
        }
        Ok(folders)
    }

    fn list(&self, folder: u32, visit: &mut dyn FnMut(ObjectName)) -> Result<(), Errno> {
        let fd = match self.folder(folder) {
            Err(Errno::NOENT) => return Ok(()), // went with its last object meanwhile
            fd => fd?,
        };
        for entry in Dir::new(fd)? {
            let entry = entry?;
            let name = entry.file_name().to_str().ok().filter(|name| name.len() == 32);
            if let Some(name) = name.and_then(|name| name.parse().ok()) {
                visit(name);
            }
        }
        Ok(())
    }

    fn sync_folder(&self, folder: u32) -> Result<(), Errno> {
        match self.folder(folder) {
            Err(Errno::NOENT) => fs::fsync(&self.root), // went with its last object
            fd => fs::fsync(fd?),
        }
    }

    /// On failure the folders wait for the next commit.
    fn sync_folders(&self, folders: HashSet<u32>) -> Result<(), Error> {
        let synced = folders.iter().try_for_each(|folder| self.sync_folder(*folder));
        if synced.is_err() {
            lock(&self.dirty_folders).extend(folders);
        }
        Ok(synced?)
    }
}

impl Shelf for Disk {
    fn create(&self, name: ObjectName) -> Result<Box<dyn Object>, Error> {
        let fd = self.0.create(name)?;
        lock(&self.0.dirty_folders).insert(folder_of(name));
        Ok(self.0.object(name, fd))
    }

    fn open(&self, name: ObjectName) -> Result<Box<dyn Object>, Error> {
        Ok(self.0.object(name, self.0.file(name, OFlags::empty())?))
    }

    fn remove(&self, name: ObjectName) -> Result<(), Error> {
        match fs::unlinkat(&self.0.root, path(name), AtFlags::empty()) {
            Ok(()) => lock(&self.0.dirty_folders).insert(folder_of(name)),
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        match fs::unlinkat(&self.0.root, folder_name(folder_of(name)), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn list(&self, from: ObjectName, visit: &mut dyn FnMut(ObjectName)) -> Result<(), Error> {
        let folders = self.0.folders()?.into_iter().filter(|folder| *folder >= folder_of(from));
        Ok(folders.into_iter().try_for_each(|folder| self.0.list(folder, visit))?)
    }

    fn space(&self) -> Result<Space, Error> {
        let stat = fs::fstatvfs(&self.0.root)?;
        Ok(Space { free: stat.f_bavail * stat.f_frsize, total: stat.f_blocks * stat.f_frsize })
    }

    fn commit(&self) -> Result<Vec<ObjectName>, Error> {
        let _commit = lock(&self.0.commit);
        let files = std::mem::take(&mut *lock(&self.0.dirty_files));
        let folders = std::mem::take(&mut *lock(&self.0.dirty_folders));
        if files.len() >= SYNCFS_FROM {
            files.iter().for_each(|file| file.dirty.store(false, SeqCst));
            if fs::syncfs(&self.0.root).is_ok() {
                return Ok(Vec::new());
            }
            // One by one they tell which of them failed.
        }
        let failed = files.iter().filter(|file| file.sync().is_err()).map(|file| file.name).collect();
        self.0.sync_folders(folders)?;
        Ok(failed)
    }
}

impl DiskFile {
    fn sync(&self) -> Result<(), Errno> {
        // Cleared first: an append that comes during the sync marks the file again.
        self.dirty.store(false, SeqCst);
        let synced = fs::fdatasync(&self.fd);
        if synced.is_err() {
            // The kernel drops the pages that it could not write: a second sync would claim success.
            self.broken.store(true, SeqCst);
        }
        synced
    }
}

struct DiskObject {
    file: Arc<DiskFile>,
    shelf: Arc<Inner>,
}

impl DiskObject {
    fn mark_dirty(&self) {
        if !self.file.dirty.swap(true, SeqCst) {
            lock(&self.shelf.dirty_files).push(self.file.clone());
        }
    }
}

impl Object for DiskObject {
    fn len(&self) -> Result<u64, Error> {
        Ok(fs::fstat(&self.file.fd)?.st_size as u64)
    }

    fn read(&self, mut offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        // No room is made for bytes that are not there.
        if len > 64 * 1024 && self.len()?.saturating_sub(offset) < len as u64 {
            return Err(Error::Truncated);
        }
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            match io::retry_on_intr(|| io::pread(&self.file.fd, spare_capacity(&mut bytes), offset))? {
                0 => return Err(Error::Truncated),
                read => offset += read as u64,
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn append(&mut self, mut end: u64, mut pieces: &mut [IoSlice]) -> Result<(), Error> {
        if self.file.broken.load(SeqCst) {
            return Err(Error::Broken);
        }
        while !pieces.is_empty() {
            let written = io::retry_on_intr(|| io::pwritev(&self.file.fd, pieces, end))?;
            IoSlice::advance_slices(&mut pieces, written);
            end += written as u64;
        }
        self.mark_dirty();
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<(), Error> {
        fs::ftruncate(&self.file.fd, len)?;
        self.mark_dirty();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.file.sync()?;
        let folder = folder_of(self.file.name);
        let is_new = lock(&self.shelf.dirty_folders).contains(&folder);
        if is_new {
            self.shelf.sync_folder(folder)?;
        }
        Ok(())
    }
}

/// The first 28 bits of the name: of a UUIDv7 that is its time in units of 2²⁰ ms.
fn folder_of(name: ObjectName) -> u32 {
    let [a, b, c, d, ..] = name.bytes();
    u32::from_be_bytes([a, b, c, d]) >> 4
}

fn folder_name(folder: u32) -> String {
    format!("{folder:07x}")
}

fn path(name: ObjectName) -> String {
    format!("{}/{}", folder_name(folder_of(name)), name.uuid().simple())
}

fn sync_parent(path: &Path) -> Result<(), Errno> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::fsync(fs::open(parent, FOLDER, Mode::empty())?)
}
