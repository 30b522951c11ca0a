//! The record of erasures: a file outside the database and its backups, so that a restored backup is erased again before
//! anybody can look at it. It holds opaque ids and instants and nothing else.
//!
//! A line is `INSTANT ACCOUNT HOUSEHOLD…`, ids as UUIDs. A torn last line, from a power cut, was not acted upon yet and
//! is passed over.

use base::{Error, Result, Time};
use policy::Subject;
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The file.
#[derive(Clone, Debug)]
pub struct Record(PathBuf);

impl Record {
    /// The record at this path, which need not exist.
    pub fn at(path: &Path) -> Self {
        Self(path.into())
    }

    /// Writes that the subject is erased, durably before this returns. Once is enough: a subject that is there stays as it is.
    pub fn add(&self, subject: &Subject, at: Time) -> Result<()> {
        if self.read()?.contains(subject) {
            return Ok(());
        }
        let ids = std::iter::once(&subject.account).chain(&subject.households);
        let ids: Vec<String> = ids.map(|id| Uuid::from_bytes(*id).to_string()).collect();
        self.append(&format!("{at} {}\n", ids.join(" "))).map_err(|error| self.failed(error))
    }

    fn append(&self, line: &str) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(&self.0)?;
        let torn = std::fs::read(&self.0)?.last().is_some_and(|byte| *byte != b'\n');
        file.write_all(if torn { format!("\n{line}") } else { line.to_owned() }.as_bytes())?;
        file.sync_all()?;
        match self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    /// All that were erased; those of one account are one.
    pub fn read(&self) -> Result<Vec<Subject>> {
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let mut subjects = BTreeMap::<[u8; 16], Subject>::new();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let ids: Option<Vec<[u8; 16]>> =
                line.split(' ').skip(1).map(|id| id.parse::<Uuid>().ok().map(Uuid::into_bytes)).collect();
            let Some((account, households)) = ids.as_ref().and_then(|ids| ids.split_first()) else { continue };
            let known = subjects.entry(*account).or_insert(Subject { account: *account, households: Vec::new() });
            let new = households.iter().filter(|id| !known.households.contains(id)).copied().collect::<Vec<_>>();
            known.households.extend(new);
        }
        Ok(subjects.into_values().collect())
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::unavailable(format!("the record of erasures {} cannot be used", self.0.display())).because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_erased_is_read_again_and_a_torn_line_harms_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.erasures");
        let record = Record::at(&path);
        assert_eq!(record.read().unwrap(), []);
        let first = Subject { account: [1; 16], households: vec![[2; 16], [3; 16]] };
        let second = Subject { account: [4; 16], households: vec![] };
        record.add(&first, Time::from_micros(0)).unwrap();
        record.add(&first, Time::from_micros(9)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"1970-01-01T00:00:00Z 0404").unwrap();
        assert_eq!(record.read().unwrap(), std::slice::from_ref(&first));
        record.add(&second, Time::from_micros(0)).unwrap();
        assert_eq!(record.read().unwrap(), [first, second]);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
