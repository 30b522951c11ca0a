//! Where the root key is: outside the data folder, made once, and never anew over existing data.

use crate::config::Config;
use base::{Error, Result, Secret, World};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use vault::root_key::{self, RootKey};

/// The file that holds the key, or will.
pub struct Whereabouts {
    pub path: PathBuf,
    /// Whether systemd gives the file and guards it.
    credential: bool,
}

/// `vault.root_key` (or `--root-key`), else the systemd credential `root-key`, else `DIR.root-key` beside the data folder.
pub fn whereabouts(config: &Config) -> Result<Whereabouts> {
    if let Some(path) = &config.vault.root_key {
        return Ok(Whereabouts { path: path.clone(), credential: false });
    }
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| PathBuf::from(folder).join("root-key"));
    match credential.filter(|path| path.is_file()) {
        Some(path) => Ok(Whereabouts { path, credential: true }),
        None => Ok(Whereabouts { path: beside(config.data()?, "root-key"), credential: false }),
    }
}

/// `DIR.name` beside `DIR`.
pub fn beside(data: &Path, name: &str) -> PathBuf {
    let mut path = data.components().as_path().as_os_str().to_owned();
    path.push(".");
    path.push(name);
    path.into()
}

impl Whereabouts {
    /// The key; `None` if there is no file.
    pub fn read(&self) -> Result<Option<RootKey>> {
        match (self.path.exists(), self.credential) {
            (false, _) => Ok(None),
            (true, true) => Ok(root_key::read_credential(&self.path).map(Some)?),
            (true, false) => Ok(root_key::read(&self.path).map(Some)?),
        }
    }

    /// The key, made now if there is none and no data that another key has sealed (`fresh`).
    pub fn load(&self, fresh: bool, world: &World) -> Result<RootKey> {
        match self.read()? {
            Some(key) => Ok(key),
            None if fresh => {
                let key = root_key::generate(world);
                root_key::create(&self.path, &key)?;
                tracing::info!("a root key was made; save a recovery copy of it (nightjar key export)");
                Ok(key)
            }
            None => Err(Error::unavailable(format!(
                "the root key file {} is missing; put it back (nightjar key import) or say where it is (--root-key): \
                 without it the data cannot be opened",
                self.path.display()
            ))),
        }
    }
}

/// A passphrase guards a recovery copy alone, for years, away from any rate limit.
const SHORTEST_PASSPHRASE: usize = 12;

/// The recovery copy of the root key, and whether one was ever saved: nobody should learn too late that there is none.
pub struct Recovery {
    key: RootKey,
    note: PathBuf,
    world: World,
}

impl Recovery {
    /// Notes are kept in the data folder.
    pub fn new(key: RootKey, data: &Path, world: World) -> Self {
        Self { key, note: data.join("recovery-copy-saved"), world }
    }

    /// Whether a copy was ever saved.
    pub fn saved(&self) -> bool {
        self.note.exists()
    }

    /// Notes that a copy was saved now.
    pub fn note(&self) -> Result<()> {
        let failed = |error| Error::unavailable("the data folder cannot be written").because(error);
        write_private(&self.note, format!("{}\n", self.world.clock.now()).as_bytes()).map_err(failed)
    }

    /// A copy wrapped by a passphrase. Takes about half a second of a core.
    pub fn copy(&self, passphrase: &Secret<String>) -> Result<Vec<u8>> {
        copy(&self.key, passphrase, &self.world)
    }
}

/// A recovery copy of the key, wrapped by a passphrase.
pub fn copy(key: &RootKey, passphrase: &Secret<String>, world: &World) -> Result<Vec<u8>> {
    if passphrase.expose().chars().count() < SHORTEST_PASSPHRASE {
        let message = format!("a passphrase has at least {SHORTEST_PASSPHRASE} characters");
        return Err(Error::invalid(message).field("passphrase"));
    }
    Ok(root_key::export(key, passphrase, world)?.into_bytes())
}

/// Writes a file that its owner alone can read, replacing an old one whole.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;

    fn config(folder: &Path) -> Config {
        let mut config = Config::default();
        config.storage.data = Some(folder.join("data"));
        config
    }

    #[test]
    fn the_key_is_made_beside_the_data_folder_once() {
        let (folder, (world, _)) = (tempfile::tempdir().unwrap(), World::test(1));
        let place = whereabouts(&config(folder.path())).unwrap();
        let key = place.load(true, &world).unwrap();
        assert_eq!(place.path, folder.path().join("data.root-key"));
        assert_eq!(place.load(false, &world).unwrap().expose(), key.expose());
        assert_eq!(place.load(true, &world).unwrap().expose(), key.expose(), "an existing key is kept");
    }

    #[test]
    fn a_missing_key_over_existing_data_is_named_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let place = whereabouts(&config(folder.path())).unwrap();
        let error = place.load(false, &World::test(1).0).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.message().contains("data.root-key is missing"), "{error}");
        assert!(!place.path.exists());
    }

    #[test]
    fn a_recovery_copy_needs_a_long_passphrase_and_is_remembered() {
        let (folder, (world, _)) = (tempfile::tempdir().unwrap(), World::test(1));
        let recovery = Recovery::new(root_key::generate(&world), folder.path(), world);
        let refused = recovery.copy(&Secret::new("short".into())).unwrap_err();
        assert_eq!((refused.kind(), refused.at_field()), (Kind::Invalid, Some("passphrase")));
        let copy = recovery.copy(&Secret::new("correct horse battery".into())).unwrap();
        let back = root_key::import(std::str::from_utf8(&copy).unwrap(), &Secret::new("correct horse battery".into()));
        assert_eq!(back.unwrap().expose(), recovery.key.expose());
        assert!(!recovery.saved());
        recovery.note().unwrap();
        assert!(recovery.saved());
    }

    #[test]
    fn the_place_beside_a_folder_ignores_a_trailing_slash() {
        assert_eq!(beside(Path::new("/var/lib/nightjar/"), "root-key"), Path::new("/var/lib/nightjar.root-key"));
        assert_eq!(beside(Path::new("data"), "root-key"), Path::new("data.root-key"));
    }
}
