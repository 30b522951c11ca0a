//! Signing mail: DKIM (RFC 6376) with RSA or Ed25519 (RFC 8463), relaxed canonicalisation of header and body.

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base::{Error, Result, Secret, Time};
use base64::{Engine, engine::general_purpose::STANDARD};

/// What signs the mails of a domain.
pub struct Dkim {
    domain: String,
    selector: String,
    key: Key,
}

enum Key {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The header fields that are signed, if they are there. Those that are listed twice cannot be added afterwards.
const SIGNED: [&str; 13] = [
    "from",
    "from",
    "to",
    "to",
    "subject",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "auto-submitted",
    "list-unsubscribe",
    "list-unsubscribe-post",
];

impl Dkim {
    /// A signer for `domain`, with a private key in PEM (PKCS #8, or PKCS #1 for RSA) whose public half stands in the DNS
    /// under `selector`.
    pub fn new(domain: &str, selector: &str, pem: &Secret<String>) -> Result<Self> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if selector.is_empty() || !selector.chars().all(word) {
            return Err(Error::invalid("a DKIM selector holds letters, digits, hyphens and dots"));
        }
        Ok(Self { domain: domain.into(), selector: selector.into(), key: Key::read(pem)? })
    }

    /// The message with its signature before it. Lines end in CRLF.
    pub(crate) fn sign(&self, message: &[u8], now: Time) -> Result<Vec<u8>> {
        let message = std::str::from_utf8(message).map_err(|_| Error::internal("a mail is not text"))?;
        let (head, body) = message.split_once("\r\n\r\n").ok_or_else(|| Error::internal("a mail has no body"))?;
        let fields = fields(head);
        let names: Vec<_> = SIGNED.into_iter().filter(|name| fields.iter().any(|(field, _)| field == name)).collect();
        let unsigned = format!(
            "v=1; a={}; c=relaxed/relaxed; d={}; s={};\r\n t={}; h={};\r\n bh={};\r\n b=",
            self.key.algorithm(),
            self.domain,
            self.selector,
            now.micros() / 1_000_000,
            names.join(":"),
            STANDARD.encode(digest::digest(&digest::SHA256, relaxed_body(body).as_bytes())),
        );
        let mut signed = chosen(&fields, &names);
        signed.push_str(&format!("dkim-signature:{}", relaxed(&unsigned)));
        let signature = STANDARD.encode(self.key.sign(signed.as_bytes())?);
        Ok(format!("DKIM-Signature: {unsigned}{signature}\r\n{message}").into_bytes())
    }
}

impl Key {
    fn read(pem: &Secret<String>) -> Result<Self> {
        let unreadable = || Error::invalid("the DKIM key is no private key in PEM, of RSA or Ed25519");
        let lines = pem.expose().lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        let der = Secret::new(STANDARD.decode(lines.collect::<String>()).map_err(|_| unreadable())?);
        if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.expose()) {
            return Ok(Self::Ed25519(key));
        }
        let rsa = RsaKeyPair::from_pkcs8(der.expose()).or_else(|_| RsaKeyPair::from_der(der.expose()));
        rsa.map(Self::Rsa).map_err(|_| unreadable())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
                    .map_err(|_| Error::internal("a mail could not be signed"))?;
                Ok(signature)
            }
            // RFC 8463: what is signed is the hash.
            Self::Ed25519(key) => Ok(key.sign(digest::digest(&digest::SHA256, text).as_ref()).as_ref().to_vec()),
        }
    }
}

/// The header fields in their order, names in lower case, values unfolded by no more than joining their lines.
fn fields(head: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        match (line.starts_with([' ', '\t']), fields.last_mut()) {
            (true, Some((_, value))) => value.push_str(line),
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                fields.push((name.trim_end().to_ascii_lowercase(), value.into()));
            }
        }
    }
    fields
}

/// The signed fields in canonical form. Of fields with the same name the last comes first; a name that is left over
/// stands for a field that is not there.
fn chosen(fields: &[(String, String)], names: &[&str]) -> String {
    let mut left: Vec<_> = fields.iter().collect();
    let mut out = String::new();
    for name in names {
        if let Some(at) = left.iter().rposition(|(field, _)| field == name) {
            let (name, value) = left.remove(at);
            out.push_str(&format!("{name}:{}\r\n", relaxed(value)));
        }
    }
    out
}

/// Runs of white space as one space, none at the ends (RFC 6376, 3.4.2).
fn relaxed(value: &str) -> String {
    value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Runs of white space as one space, none at the ends of lines, no empty lines at the end (RFC 6376, 3.4.4).
fn relaxed_body(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    for line in body.split("\r\n") {
        let indented = line.starts_with([' ', '\t']) && !line.trim_matches([' ', '\t']).is_empty();
        if indented {
            out.push(' ');
        }
        let words: Vec<_> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        out.push_str(&words.join(" "));
        out.push_str("\r\n");
    }
    let end = out.trim_end_matches("\r\n").len();
    out.truncate(end);
    if !out.is_empty() {
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_relaxed_as_the_examples_of_the_rfc_do() {
        // RFC 6376, 3.4.5.
        assert_eq!(chosen(&fields("A: X\r\nB : Y\t\r\n\tZ  "), &["a", "b"]), "a:X\r\nb:Y Z\r\n");
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!(relaxed_body("\r\n\r\n"), "");
    }

    /// The private key of RFC 8463, appendix A.2, in PKCS #8. Its public half is
    /// `11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=`.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
        To: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n\
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
        List-Unsubscribe: <https://football.example.com/unsubscribe?token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA>\r\n\
        Content-Type: text/plain;\r\n charset=utf-8\r\n\
        \r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

    fn signed(pem: &str) -> String {
        let dkim = Dkim::new("football.example.com", "brisbane", &Secret::new(pem.to_owned())).unwrap();
        let now = Time::from_micros(1_528_637_909_000_000);
        String::from_utf8(dkim.sign(MESSAGE.as_bytes(), now).unwrap()).unwrap()
    }

    /// Ed25519 signs the same each time. dkimpy 1.1.8 accepted this signature.
    #[test]
    fn a_signature_is_one_that_another_program_accepted() {
        let signed = signed(KEY);
        let (signature, message) = signed.split_at(signed.find("From: ").unwrap());
        assert_eq!(message, MESSAGE, "the message itself is not touched");
        assert_eq!(
            signature,
            "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=football.example.com; s=brisbane;\r\n \
             t=1528637909; \
             h=from:from:to:to:subject:subject:date:message-id:content-type:list-unsubscribe;\r\n \
             bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
             b=cC7S/fQq58MGy3kpw2TopVUJoWvRF6D9uyPZC6QCU2mUPBF4ZihbqzEpHDbBUdFFDS0YE2aace06l87NyvJtCg==\r\n"
        );
    }

    #[test]
    fn a_key_or_selector_that_is_none_is_refused() {
        for pem in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "nonsense"] {
            assert!(Dkim::new("example.org", "s1", &Secret::new(pem.into())).is_err());
        }
        assert!(Dkim::new("example.org", "s 1; d=evil", &Secret::new(String::new())).is_err());
    }
}
