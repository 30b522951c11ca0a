//! `[storage]`: where rows and recordings are kept.

use super::section;
use base::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};
use std::{fmt, path::PathBuf};

section! {
    /// Where rows and recordings are kept.
    Storage {
        /// The data folder: databases, certificate, lock, control socket and, unless a disk is named, the recordings.
        /// `--data` overrides it; one of the two must be given.
        data: Option<PathBuf> = None,
        /// `"sqlite"` keeps rows in the data folder; `"postgres://user:password@host/name"` keeps them there.
        database: Database = Database::Sqlite,
        /// The disk for recordings, written as `[[storage.disk]]` with `path` and `max_bytes` (0: no limit but the
        /// disk's own). Without one, recordings are kept in `shelf` under the data folder.
        disk: Vec<Disk> = Vec::new(),
    }
}

/// One `[[storage.disk]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The folder for sealed recordings.
    pub path: PathBuf,
    /// How many bytes they may take together; 0 for no limit.
    #[serde(default)]
    pub max_bytes: u64,
}

/// Which database keeps the rows. Shown with its password masked.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Database {
    Sqlite,
    Postgres(String),
}

impl TryFrom<String> for Database {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Self, String> {
        match text {
            text if text == "sqlite" => Ok(Self::Sqlite),
            text if text.starts_with("postgres://") || text.starts_with("postgresql://") => Ok(Self::Postgres(text)),
            _ => Err("must be \"sqlite\" or \"postgres://…\"".into()),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str("sqlite"),
            Self::Postgres(url) => f.write_str(&masked(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Database {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The URL with `***` for its password. The last `@` of the authority ends the user information, as in RFC 3986.
pub(super) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".into() };
    let authority = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest[..authority].rfind('@') else { return url.into() };
    match rest[..at].split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***{}", &rest[at..]),
        None => url.into(),
    }
}

impl Storage {
    pub(super) fn check(&self) -> Result<()> {
        if self.disk.len() > 1 {
            return Err(Error::invalid("storage.disk: this version keeps recordings on one disk; name only one"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_databases_are_accepted() {
        assert!(Database::try_from(String::from("mysql://x")).is_err());
        assert_eq!(Database::try_from(String::from("sqlite")), Ok(Database::Sqlite));
    }

    #[test]
    fn a_password_with_an_at_sign_is_masked_whole() {
        assert_eq!(masked("postgres://me:p@ss@db/x"), "postgres://me:***@db/x");
        assert_eq!(masked("postgres://db/x?user=a@b"), "postgres://db/x?user=a@b");
    }
}
