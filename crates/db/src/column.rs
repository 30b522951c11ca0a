//! Sealing of personal columns.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use base::{Error, Result, World};

/// Seals and opens personal columns with AES-256-GCM.
///
/// A sealed value is a random 12-byte nonce, the ciphertext and its 16-byte tag. The context (`"cameras.name/" + id`)
/// is authenticated with it, so that a value moved to another row or column does not open.
#[derive(Clone)]
pub struct ColumnKey(std::sync::Arc<Keys>);

struct Keys {
    seal: LessSafeKey,
    index: hmac::Key,
}

impl ColumnKey {
    /// A key from its 32 bytes.
    pub fn new(key: [u8; 32]) -> Self {
        let index = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), b"nj/column-index/v1");
        let seal = UnboundKey::new(&AES_256_GCM, &key).expect("the key has the length of the cipher");
        let keys = Keys { seal: LessSafeKey::new(seal), index: hmac::Key::new(hmac::HMAC_SHA256, index.as_ref()) };
        Self(keys.into())
    }

    /// The index under which a sealed value is found again: HMAC-SHA256 under a key of its own. Equal values of one
    /// context have equal indexes; without the key an index says nothing.
    pub fn index(&self, context: &str, plain: &[u8]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.0.index);
        mac.update(&(context.len() as u64).to_be_bytes());
        mac.update(context.as_bytes());
        mac.update(plain);
        mac.sign().as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes")
    }

    /// Seals a value for the place that `context` names.
    pub fn seal(&self, context: &str, plain: &[u8], world: &World) -> Vec<u8> {
        let nonce = world.random::<NONCE_LEN>();
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        let mut body = plain.to_vec();
        self.0
            .seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut body)
            .expect("a column is shorter than the cipher's limit of 64 GiB");
        sealed.append(&mut body);
        sealed
    }

    /// Opens a value that was sealed for the same place.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let unreadable = || Error::internal("a sealed column does not open: wrong key, wrong place or changed bytes");
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(unreadable)?;
        let mut body = body.to_vec();
        let plain = self
            .0
            .seal
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut body)
            .map_err(|_| unreadable())?
            .len();
        body.truncate(plain);
        Ok(body)
    }

    /// Seals a text.
    pub fn seal_text(&self, context: &str, plain: &str, world: &World) -> Vec<u8> {
        self.seal(context, plain.as_bytes(), world)
    }

    /// Opens a text.
    pub fn open_text(&self, context: &str, sealed: &[u8]) -> Result<String> {
        String::from_utf8(self.open(context, sealed)?).map_err(|_| Error::internal("a sealed column holds no text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_stable_for_its_key_and_place() {
        let key = ColumnKey::new([7; 32]);
        assert_eq!(key.index("accounts.login", b"ada"), ColumnKey::new([7; 32]).index("accounts.login", b"ada"));
        assert_ne!(key.index("accounts.login", b"ada"), key.index("accounts.login", b"adb"));
        assert_ne!(key.index("accounts.login", b"ada"), key.index("accounts.log", b"inada"));
        assert_ne!(key.index("accounts.login", b"ada"), ColumnKey::new([8; 32]).index("accounts.login", b"ada"));
    }

    #[test]
    fn a_sealed_column_opens_in_its_place_only_and_tells_of_each_changed_byte() {
        let (world, _) = World::test(1);
        let key = ColumnKey::new([7; 32]);
        let sealed = key.seal_text("cameras.name/1", "Nursery", &world);
        assert_eq!(key.open_text("cameras.name/1", &sealed).unwrap(), "Nursery");
        assert_ne!(sealed, key.seal_text("cameras.name/1", "Nursery", &world), "no two sealings are alike");
        assert!(key.open("cameras.name/2", &sealed).is_err());
        assert!(ColumnKey::new([8; 32]).open("cameras.name/1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open("cameras.name/1", &changed).is_err(), "byte {at}");
            assert!(key.open("cameras.name/1", &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
