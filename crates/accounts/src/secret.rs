//! Random 256-bit tokens: the text that a person or program holds, and the hash that is stored.
//!
//! A token has too much chance in it to be guessed, so that one round of SHA-256 protects it.

use base::{Secret, World};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// A new token, as 43 characters of base64url, and its hash.
pub fn generate(world: &World) -> (Secret<String>, [u8; 32]) {
    let token = Secret::new(URL_SAFE_NO_PAD.encode(world.random::<32>()));
    let hash = hash(&token);
    (token, hash)
}

/// The hash under which a token is stored.
pub fn hash(token: &Secret<String>) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.expose().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}
