//! What can go wrong between a fragment and the shelf.

use std::io;

/// An error of the vault. None of its texts holds anything personal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The 96 bytes where a header belongs are not one.
    #[error("not the header of a fragment: {0}")]
    BadHeader(&'static str),
    /// The bytes were altered, or belong to another fragment.
    #[error("chunk {chunk} of the fragment is not authentic")]
    BadTag { chunk: u64 },
    /// The object ends before the fragment does.
    #[error("the fragment is cut off")]
    Truncated,
    /// The range asked for does not lie in the fragment.
    #[error("the range lies outside of the fragment")]
    OutOfRange,
    /// More plaintext than one fragment may hold.
    #[error("a fragment may not hold more than 64 MiB")]
    TooLarge,
    /// The epoch key was destroyed, or never was in this keystore.
    #[error("the key of this footage is gone")]
    MissingKey,
    /// The owner was erased and gets no keys any more.
    #[error("whoever this belonged to was erased")]
    ErasedOwner,
    /// The fragment's header names another owner, source or stream than its key belongs to.
    #[error("the fragment does not belong to its key")]
    ForeignKey,
    /// The root key is not the one that this keystore was made with.
    #[error("this root key does not fit this keystore: the keystore was made with another one")]
    WrongRootKey,
    /// The shelf holds no such object.
    #[error("no such object on the shelf")]
    NoSuchObject,
    /// An object of that name exists already.
    #[error("an object of that name is on the shelf already")]
    Exists,
    /// No room is left on the shelf.
    #[error("the shelf is full")]
    Full,
    /// An earlier write or sync of this object failed; only a new object may be written.
    #[error("the object was closed after a failed write")]
    Broken,
    /// The root key file is no root key file, or others than its owner can read it.
    #[error("{0}")]
    KeyFile(String),
    /// The passphrase does not open the exported root key.
    #[error("the passphrase is wrong, or the exported key was altered")]
    WrongPassphrase,
    /// The shelf failed.
    #[error("the shelf failed")]
    Io(#[source] io::Error),
    /// The keystore failed.
    #[error("the keystore failed")]
    Keystore(#[source] base::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoSuchObject,
            io::ErrorKind::AlreadyExists => Self::Exists,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

impl From<rustix::io::Errno> for Error {
    fn from(errno: rustix::io::Errno) -> Self {
        io::Error::from(errno).into()
    }
}

impl From<base::Error> for Error {
    fn from(error: base::Error) -> Self {
        Self::Keystore(error)
    }
}

impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Keystore(db::error(error))
    }
}

impl From<Error> for base::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::MissingKey | Error::NoSuchObject => base::Kind::NoFootage,
            Error::ErasedOwner => base::Kind::NotFound,
            Error::OutOfRange => base::Kind::Invalid,
            Error::TooLarge => base::Kind::TooLarge,
            Error::Exists => base::Kind::Conflict,
            Error::WrongRootKey | Error::KeyFile(_) | Error::WrongPassphrase => base::Kind::Invalid,
            Error::Full => base::Kind::Unavailable,
            Error::Keystore(inner) => inner.kind(),
            _ => base::Kind::Internal,
        };
        base::Error::new(kind, error.to_string()).because(error)
    }
}
