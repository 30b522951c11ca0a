//! The root key: a file of 64 hexadecimal digits outside the data folder, and the recovery copy under a passphrase.

use crate::Error;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{Secret, World};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};
use zeroize::Zeroizing;

/// The key above all others. Without it no footage and no personal column can be opened.
pub type RootKey = Secret<[u8; 32]>;

const TITLE: &str = "nightjar root key 1";
/// Argon2id with 64 MiB: a recovery copy may be attacked offline for years.
const COST: Cost = Cost { memory: 64 * 1024, passes: 3, lanes: 1 };
/// What an imported copy may ask for, at most: 1 GiB.
const MAX_COST: Cost = Cost { memory: 1024 * 1024, passes: 16, lanes: 4 };
/// The longest file that can be a root key or its copy.
const MAX_FILE: u64 = 4096;

/// A new root key.
pub fn generate(world: &World) -> RootKey {
    Secret::new(world.random())
}

/// Writes the key to a new file that only its owner can read. An existing file is never touched.
pub fn create(path: &Path, key: &RootKey) -> Result<(), Error> {
    let failed = |doing: &str, cause| file_error(path, &format!("{doing}: {cause}"));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|cause| failed("cannot be created", cause))?;
    let text = Zeroizing::new(format!("{}\n", *hex(key.expose())));
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|cause| failed("cannot be written", cause))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| failed("cannot be made durable", cause))
}

/// Reads the key from a file, which must belong to us or to root and be readable by nobody else.
pub fn read(path: &Path) -> Result<RootKey, Error> {
    let file = File::open(path).map_err(|cause| file_error(path, &format!("cannot be opened: {cause}")))?;
    let meta = file.metadata().map_err(|cause| file_error(path, &cause.to_string()))?;
    policy::enforce!(C6_2, meta.mode() & 0o077 == 0, file_error(path, "can be read by others; run chmod 600 on it"));
    let us = rustix::process::geteuid().as_raw();
    policy::enforce!(C6_2, meta.uid() == us || meta.uid() == 0, file_error(path, "belongs to another user"));
    parse(path, file)
}

/// Reads the key from a systemd credential, which systemd itself keeps from others (its access list shows in the mode
/// as a right of the group).
pub fn read_credential(path: &Path) -> Result<RootKey, Error> {
    parse(path, File::open(path).map_err(|cause| file_error(path, &format!("cannot be opened: {cause}")))?)
}

fn parse(path: &Path, file: File) -> Result<RootKey, Error> {
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE).read_to_string(&mut text).map_err(|_| file_error(path, "holds no root key"))?;
    let key = from_hex::<32>(text.trim_end()).ok_or_else(|| file_error(path, "holds no root key"))?;
    Ok(Secret::new(*key))
}

fn file_error(path: &Path, what: &str) -> Error {
    Error::KeyFile(format!("the root key file {} {what}", path.display()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Cost {
    /// KiB.
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    fn derive(self, passphrase: &Secret<String>, salt: &[u8; 16]) -> Result<LessSafeKey, Error> {
        let params = Params::new(self.memory, self.passes, self.lanes, Some(32)).map_err(|_| unreadable())?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), salt, &mut *key)
            .map_err(|_| unreadable())?;
        let key = UnboundKey::new(&AES_256_GCM, &*key).expect("the key has the length of the cipher");
        Ok(LessSafeKey::new(key))
    }
}

/// A copy of the root key, wrapped by a passphrase, as a text of four lines. Takes about half a second.
pub fn export(key: &RootKey, passphrase: &Secret<String>, world: &World) -> Result<String, Error> {
    let (salt, nonce) = (world.random::<16>(), world.random::<NONCE_LEN>());
    let head = head(COST, &salt);
    let mut sealed = Zeroizing::new(key.expose().to_vec());
    COST.derive(passphrase, &salt)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&head), &mut *sealed)
        .expect("a key is short");
    Ok(format!("{head}sealed {}{}\n", *hex(&nonce), *hex(&sealed)))
}

/// The root key from its wrapped copy.
pub fn import(text: &str, passphrase: &Secret<String>) -> Result<RootKey, Error> {
    let (cost, salt, sealed) = parse_copy(text).ok_or_else(unreadable)?;
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(unreadable)?;
    let mut body = Zeroizing::new(body.to_vec());
    let key = cost
        .derive(passphrase, &salt)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(head(cost, &salt)), &mut body)
        .map_err(|_| Error::WrongPassphrase)?;
    Ok(Secret::new(<[u8; 32]>::try_from(&*key).map_err(|_| unreadable())?))
}

fn unreadable() -> Error {
    Error::KeyFile("this is no exported root key".into())
}

/// The lines before the sealed key; they are authenticated with it.
fn head(cost: Cost, salt: &[u8; 16]) -> String {
    let Cost { memory, passes, lanes } = cost;
    format!("{TITLE}\nargon2id m={memory} t={passes} p={lanes}\nsalt {}\n", *hex(salt))
}

fn parse_copy(text: &str) -> Option<(Cost, [u8; 16], [u8; NONCE_LEN + 48])> {
    let mut lines = text.lines();
    lines.next().filter(|title| *title == TITLE)?;
    let mut numbers = lines.next()?.strip_prefix("argon2id ")?.split(' ');
    let mut number = |name: &str| numbers.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let cost = Cost { memory: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
    let is_bearable = cost.memory <= MAX_COST.memory && cost.passes <= MAX_COST.passes && cost.lanes <= MAX_COST.lanes;
    let salt = from_hex(lines.next()?.strip_prefix("salt ")?)?;
    let sealed = from_hex(lines.next()?.strip_prefix("sealed ")?)?;
    is_bearable.then_some((cost, *salt, *sealed))
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    Zeroizing::new(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
}

fn from_hex<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    if text.len() != 2 * N {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn passphrase(text: &str) -> Secret<String> {
        Secret::new(text.into())
    }

    #[test]
    fn a_root_key_file_is_new_private_and_comes_back() {
        let (dir, (world, _)) = (tempfile::tempdir().unwrap(), World::test(1));
        let (path, key) = (dir.path().join("root-key"), generate(&world));
        create(&path, &key).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap().expose(), key.expose());
        assert_eq!(read_credential(&path).unwrap().expose(), key.expose());
        let again = create(&path, &generate(&world)).unwrap_err();
        assert!(again.to_string().contains("cannot be created"), "{again}");
        assert_eq!(read(&path).unwrap().expose(), key.expose(), "an existing key is never overwritten");
    }

    #[test]
    fn a_root_key_that_others_can_read_is_refused() {
        policy::prove!(C6_2);
        let (dir, (world, _)) = (tempfile::tempdir().unwrap(), World::test(1));
        let path = dir.path().join("root-key");
        create(&path, &generate(&world)).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("root-key can be read by others"), "{error}");
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_named_and_its_content_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root-key");
        for content in ["", "hunter2", &"0".repeat(63), &"g".repeat(64), &"0".repeat(100_000)] {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("root-key holds no root key") && !error.contains("hunter2"), "{error}");
        }
        assert!(read(&dir.path().join("none")).unwrap_err().to_string().contains("none cannot be opened"));
    }

    #[test]
    fn an_exported_root_key_comes_back_with_its_passphrase_only() {
        let (world, _) = World::test(1);
        let key = generate(&world);
        let copy = export(&key, &passphrase("correct horse"), &world).unwrap();
        assert!(copy.starts_with("nightjar root key 1\nargon2id m=65536 t=3 p=1\nsalt "), "{copy}");
        assert!(!copy.contains(&**hex(key.expose())));
        assert_eq!(import(&copy, &passphrase("correct horse")).unwrap().expose(), key.expose());
        assert!(matches!(import(&copy, &passphrase("correct house")), Err(Error::WrongPassphrase)));
        let weaker = copy.replace("t=3", "t=2");
        assert!(matches!(import(&weaker, &passphrase("correct horse")), Err(Error::WrongPassphrase)));
    }

    #[test]
    fn a_copy_that_asks_for_too_much_or_is_none_is_refused_before_any_work() {
        let (world, _) = World::test(1);
        let copy = export(&generate(&world), &passphrase("x"), &world).unwrap();
        let changes = [("m=65536", "m=4294967295"), ("t=3", "t=4000000000"), ("p=1", "p=0"), ("salt ", "salt 0")];
        for (from, to) in changes {
            assert!(matches!(import(&copy.replace(from, to), &passphrase("x")), Err(Error::KeyFile(_))), "{to}");
        }
        for end in 0..copy.len() - 1 {
            assert!(matches!(import(&copy[..end], &passphrase("x")), Err(Error::KeyFile(_))), "cut at {end}");
        }
    }
}
