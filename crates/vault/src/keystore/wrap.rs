//! Wrapping of one key by another: AES-256-GCM with a random nonce, bound to what the key is for and where it hangs.

use super::Key;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{Secret, World};
use sea_orm::prelude::Uuid;
use zeroize::Zeroizing;

/// What a wrapped key is bound to. A key moved to another row, version or parent does not unwrap.
pub struct Binding(Vec<u8>);

impl Binding {
    /// `purpose` is one of the fixed labels of this crate; the ids have fixed lengths, so no two bindings are alike.
    pub fn new(purpose: &str, id: Uuid, parent: Uuid) -> Self {
        Self([b"nj/wrap/v1/", purpose.as_bytes(), b"\0", id.as_bytes(), parent.as_bytes()].concat())
    }

    pub fn and(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(part);
        self
    }
}

fn cipher(parent: &Key) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, parent.expose()).expect("the key has the length of the cipher"))
}

/// The wrapped key: nonce, ciphertext, tag; 60 bytes.
pub fn wrap(parent: &Key, binding: &Binding, key: &Key, world: &World) -> Vec<u8> {
    let nonce = world.random::<NONCE_LEN>();
    let mut wrapped = [&nonce[..], key.expose()].concat();
    let tag = cipher(parent)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&binding.0),
            &mut wrapped[NONCE_LEN..],
        )
        .expect("a key is short");
    wrapped.extend_from_slice(tag.as_ref());
    wrapped
}

/// `None` if it was wrapped by another key, or was bound to something else, or was altered.
pub fn unwrap(parent: &Key, binding: &Binding, wrapped: &[u8]) -> Option<Key> {
    let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>()?;
    let mut sealed = Zeroizing::new(sealed.to_vec());
    let plain =
        cipher(parent).open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(&binding.0), &mut sealed).ok()?;
    Some(Secret::new(<[u8; 32]>::try_from(&*plain).ok()?))
}
