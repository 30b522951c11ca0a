//! Who may look: Basic (RFC 7617) and Digest (RFC 7616; RFC 2617 for old clients) with MD5 or SHA-256.

use crate::config::Credentials;
use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use std::collections::HashMap;

const REALM: &str = "camera";

/// The `WWW-Authenticate` lines of a refusal. MD5 without `qop` comes after SHA-256, since old clients obey the last
/// Digest line they see and many cameras offer nothing newer.
pub(crate) fn challenges(nonce: &str) -> [String; 3] {
    [
        format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\""),
        format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=MD5"),
        format!("Basic realm=\"{REALM}\""),
    ]
}

/// Whether an `Authorization` header proves the credentials for this method.
pub(crate) fn admits(credentials: &Credentials, nonce: &str, method: &str, authorization: &str) -> bool {
    match authorization.trim().split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => basic(credentials, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("digest") => {
            digest(credentials, nonce, method, &parameters(rest)).unwrap_or(false)
        }
        _ => false,
    }
}

fn basic(credentials: &Credentials, encoded: &str) -> bool {
    let expected = format!("{}:{}", credentials.username, credentials.password.expose());
    STANDARD.decode(encoded.trim()).is_ok_and(|sent| sent == expected.as_bytes())
}

fn digest(credentials: &Credentials, nonce: &str, method: &str, sent: &HashMap<String, String>) -> Option<bool> {
    let hash = match sent.get("algorithm").map(|name| name.to_ascii_uppercase()).as_deref() {
        None | Some("MD5") => md5_hex,
        Some("SHA-256") => sha256_hex,
        Some(_) => return None,
    };
    let (username, realm, uri) = (sent.get("username")?, sent.get("realm")?, sent.get("uri")?);
    let secret = hash(&format!("{username}:{realm}:{}", credentials.password.expose()));
    let request = hash(&format!("{method}:{uri}"));
    let expected = match sent.get("qop") {
        None => hash(&format!("{secret}:{nonce}:{request}")),
        Some(qop) => {
            let (count, cnonce) = (sent.get("nc")?, sent.get("cnonce")?);
            hash(&format!("{secret}:{nonce}:{count}:{cnonce}:{qop}:{request}"))
        }
    };
    let known = *username == credentials.username && realm == REALM && sent.get("nonce")? == nonce;
    Some(known && sent.get("response")?.eq_ignore_ascii_case(&expected))
}

/// `name=value` and `name="value"`, separated by commas.
fn parameters(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        let name = name.trim_matches(|c: char| c == ',' || c.is_whitespace()).to_ascii_lowercase();
        found.insert(name, value.trim().to_owned());
        rest = next;
    }
    found
}

fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

fn sha256_hex(text: &str) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mufasa() -> Credentials {
        Credentials { username: "Mufasa".into(), password: base::Secret::new("Circle of Life".into()) }
    }

    #[test]
    fn digest_with_and_without_qop_is_admitted_only_with_the_right_secret() {
        let (credentials, nonce) = (mufasa(), "abc");
        for (hash, algorithm) in [(md5_hex as fn(&str) -> String, "MD5"), (sha256_hex, "SHA-256")] {
            let (secret, request) = (hash("Mufasa:camera:Circle of Life"), hash("DESCRIBE:rtsp://h/cam1/main"));
            let plain = hash(&format!("{secret}:abc:{request}"));
            let qop = hash(&format!("{secret}:abc:00000001:xyz:auth:{request}"));
            let head = format!(
                r#"Digest username="Mufasa", realm="camera", nonce="abc", uri="rtsp://h/cam1/main", algorithm={algorithm}"#
            );
            assert!(admits(&credentials, nonce, "DESCRIBE", &format!(r#"{head}, response="{plain}""#)));
            let full = format!(r#"{head}, qop=auth, nc=00000001, cnonce="xyz", response="{qop}""#);
            assert!(admits(&credentials, nonce, "DESCRIBE", &full));
            assert!(!admits(&credentials, nonce, "PLAY", &full), "of another method");
            assert!(!admits(&credentials, "old", "DESCRIBE", &full), "of another nonce");
        }
    }

    #[test]
    fn basic_and_nonsense() {
        let credentials = mufasa();
        let right = format!("Basic {}", STANDARD.encode("Mufasa:Circle of Life"));
        assert!(admits(&credentials, "n", "PLAY", &right));
        for wrong in ["", "Basic", "Basic !!", "Basic TXVmYXNhOng=", "Digest", "Digest =,=\"", "Bearer x"] {
            assert!(!admits(&credentials, "n", "PLAY", wrong), "{wrong}");
        }
    }
}
