//! Signing in: Digest (RFC 7616 and 2617; MD5, SHA-256, qop=auth) and Basic (RFC 7617).
//!
//! The credential leaves only as an answer to a challenge, and a wrong one is never tried twice: cameras lock out.

use crate::{Credentials, Error, message::Headers};
use aws_lc_rs::digest::{SHA256, digest};
use base::World;
use base64::{Engine, prelude::BASE64_STANDARD};
use md5::{Digest as _, Md5};

/// The credential of one conversation and the challenge that it answers.
pub(crate) struct Authenticator {
    credentials: Option<Credentials>,
    challenge: Option<Challenge>,
    /// The camera has accepted this credential in this conversation.
    accepted: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Digest(Digest),
}

#[derive(Debug, PartialEq, Eq)]
struct Digest {
    algorithm: Algorithm,
    /// The algorithm as the camera wrote it, if it did: it wants to read it again.
    named: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// The camera knows qop=auth.
    qop: bool,
    /// Requests answered under this nonce.
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Authenticator {
    pub fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, challenge: None, accepted: false }
    }

    /// The value of the Authorization header, once the camera has asked for one.
    pub fn authorization(&mut self, method: &str, url: &str, world: &World) -> Option<String> {
        let credentials = self.credentials.as_ref()?;
        match self.challenge.as_mut()? {
            Challenge::Basic => Some(basic(credentials)),
            Challenge::Digest(digest) => {
                digest.count += 1;
                let cnonce = hex(&world.random::<8>());
                Some(digest.answer(credentials, method, url, &cnonce))
            }
        }
    }

    /// Takes a 401. `Ok` when the request is worth sending again, which it is once for each new reason.
    pub fn challenged(&mut self, headers: &Headers) -> Result<(), Error> {
        if self.credentials.is_none() {
            return Err(Error::Unauthorized);
        }
        let (challenge, stale) = strongest(headers).ok_or(Error::Unauthorized)?;
        let fresh_nonce = match (&self.challenge, &challenge) {
            (Some(Challenge::Digest(old)), Challenge::Digest(new)) => old.nonce != new.nonce,
            _ => false,
        };
        let answered_before = self.challenge.is_some();
        if answered_before && !(fresh_nonce && (stale || self.accepted)) {
            return Err(Error::Unauthorized);
        }
        self.accepted = false;
        self.challenge = Some(challenge);
        Ok(())
    }

    /// Takes any other answer: the credential was good, and the next nonce may be given (RFC 7616, 3.5).
    pub fn accepted(&mut self, headers: &Headers) {
        self.accepted = self.challenge.is_some();
        let Some(Challenge::Digest(digest)) = &mut self.challenge else { return };
        let next = headers.all("Authentication-Info").find_map(|text| parameter(&parameters(text), "nextnonce"));
        if let Some(nonce) = next {
            (digest.nonce, digest.count) = (nonce, 0);
        }
    }
}

impl Digest {
    fn new(parameters: &[(String, String)]) -> Option<Self> {
        let algorithm = parameter(parameters, "algorithm");
        let qop = parameter(parameters, "qop");
        Some(Self {
            algorithm: match algorithm.as_deref().map(str::to_ascii_lowercase).as_deref() {
                None | Some("md5") => Algorithm::Md5,
                Some("sha-256") => Algorithm::Sha256,
                Some(_) => return None,
            },
            named: algorithm.is_some(),
            realm: parameter(parameters, "realm").unwrap_or_default(),
            nonce: parameter(parameters, "nonce")?,
            opaque: parameter(parameters, "opaque"),
            qop: match qop {
                None => false,
                Some(list) if list.split(',').any(|item| item.trim().eq_ignore_ascii_case("auth")) => true,
                Some(_) => return None,
            },
            count: 0,
        })
    }

    fn answer(&self, credentials: &Credentials, method: &str, url: &str, cnonce: &str) -> String {
        let Self { realm, nonce, count, .. } = self;
        let (username, password) = (credentials.username.expose(), credentials.password.expose());
        let secret = self.hash(&format!("{username}:{realm}:{password}"));
        let request = self.hash(&format!("{method}:{url}"));
        let response = match self.qop {
            true => self.hash(&format!("{secret}:{nonce}:{count:08x}:{cnonce}:auth:{request}")),
            false => self.hash(&format!("{secret}:{nonce}:{request}")),
        };
        let mut text = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quoted(username),
            quoted(realm),
            quoted(nonce),
            quoted(url),
        );
        if self.named {
            text.push_str(match self.algorithm {
                Algorithm::Md5 => ", algorithm=MD5",
                Algorithm::Sha256 => ", algorithm=SHA-256",
            });
        }
        if self.qop {
            text.push_str(&format!(", qop=auth, nc={count:08x}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque={}", quoted(opaque)));
        }
        text
    }

    fn hash(&self, text: &str) -> String {
        match self.algorithm {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(digest(&SHA256, text.as_bytes()).as_ref()),
        }
    }
}

fn basic(credentials: &Credentials) -> String {
    let pair = base::Secret::new(format!("{}:{}", credentials.username.expose(), credentials.password.expose()));
    format!("Basic {}", BASE64_STANDARD.encode(pair.expose()))
}

/// The best challenge that we can answer, and whether it says that only our nonce was too old.
fn strongest(headers: &Headers) -> Option<(Challenge, bool)> {
    let offered = headers.all("WWW-Authenticate").flat_map(challenges);
    let known = offered.filter_map(|(scheme, parameters)| {
        let stale = parameter(&parameters, "stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Some((Challenge::Basic, stale)),
            "digest" => Digest::new(&parameters).map(|digest| (Challenge::Digest(digest), stale)),
            _ => None,
        }
    });
    known.max_by_key(|(challenge, _)| match challenge {
        Challenge::Basic => 0,
        Challenge::Digest(digest) if digest.algorithm == Algorithm::Md5 => 1,
        Challenge::Digest(_) => 2,
    })
}

type Parameters = Vec<(String, String)>;

/// Splits a WWW-Authenticate value, which may hold several challenges between the same commas as their parameters.
fn challenges(text: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return found;
        }
        let (name, tail) = rest.split_at(rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len()));
        rest = tail.trim_start();
        match rest.strip_prefix('=') {
            None => found.push((name.to_owned(), Vec::new())),
            Some(tail) => {
                let (value, tail) = take_value(tail.trim_start());
                rest = tail;
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((name.to_owned(), value));
                }
            }
        }
    }
}

/// The parameters of a value that has no scheme in front (Authentication-Info).
fn parameters(text: &str) -> Parameters {
    challenges(&format!("Info {text}")).into_iter().next().map(|(_, parameters)| parameters).unwrap_or_default()
}

fn parameter(parameters: &[(String, String)], name: &str) -> Option<String> {
    parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
}

/// A token or a quoted string, and what follows it.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn headers(lines: &str) -> Headers {
        match Message::parse(format!("RTSP/1.0 401 Unauthorized\r\n{lines}\r\n\r\n").as_bytes()).unwrap() {
            Message::Response(response) => response.headers,
            Message::Request { .. } => panic!("a request"),
        }
    }

    fn digest_of(text: &str) -> Digest {
        match strongest(&headers(&format!("WWW-Authenticate: {text}"))).unwrap().0 {
            Challenge::Digest(digest) => Digest { count: 1, ..digest },
            Challenge::Basic => panic!("basic"),
        }
    }

    fn ada() -> Credentials {
        Credentials::new("ada", "lovelace").unwrap()
    }

    #[test]
    fn the_examples_of_rfc_7616_hold() {
        let mufasa = Credentials::new("Mufasa", "Circle of Life").unwrap();
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let challenge = |algorithm: &str| {
            digest_of(&format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            ))
        };
        let sha = challenge("SHA-256").answer(&mufasa, "GET", "/dir/index.html", cnonce);
        assert!(sha.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""), "{sha}");
        assert!(sha.contains("algorithm=SHA-256") && sha.contains("nc=00000001") && sha.contains("opaque=\"FQhe"));
        let md5 = challenge("MD5").answer(&mufasa, "GET", "/dir/index.html", cnonce);
        assert!(md5.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{md5}");
    }

    #[test]
    fn the_example_of_rfc_2617_holds() {
        let digest = digest_of(
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
             opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        );
        let mufasa = Credentials::new("Mufasa", "Circle Of Life").unwrap();
        let answer = digest.answer(&mufasa, "GET", "/dir/index.html", "0a4f113b");
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{answer}");
        assert!(!answer.contains("algorithm"));
    }

    #[test]
    fn the_strongest_of_several_challenges_is_answered() {
        let several = headers(
            "WWW-Authenticate: Basic realm=\"a, b\", Digest realm=a,nonce=n1 , Unknown x=y\r\n\
             www-authenticate: Digest realm=\"a\", nonce=\"n2\", algorithm=SHA-256",
        );
        let Some((Challenge::Digest(digest), false)) = strongest(&several) else { panic!("no digest") };
        assert_eq!((digest.algorithm, digest.nonce.as_str()), (Algorithm::Sha256, "n2"));
        assert_eq!(strongest(&headers("WWW-Authenticate: Basic realm=\"x\"")), Some((Challenge::Basic, false)));
        assert_eq!(strongest(&headers("WWW-Authenticate: Digest realm=x, nonce=y, algorithm=SHA-512")), None);
    }

    #[test]
    fn nothing_is_sent_before_a_challenge_and_basic_only_after_one() {
        let (world, _) = World::test(1);
        let mut auth = Authenticator::new(Some(ada()));
        assert_eq!(auth.authorization("DESCRIBE", "rtsp://cam/", &world), None);
        auth.challenged(&headers("WWW-Authenticate: Basic realm=\"cam\"")).unwrap();
        assert_eq!(auth.authorization("DESCRIBE", "rtsp://cam/", &world).unwrap(), "Basic YWRhOmxvdmVsYWNl");
    }

    #[test]
    fn a_wrong_password_is_tried_once_and_never_again() {
        let mut auth = Authenticator::new(Some(ada()));
        auth.challenged(&headers("WWW-Authenticate: Digest realm=c, nonce=1")).unwrap();
        assert_eq!(auth.challenged(&headers("WWW-Authenticate: Digest realm=c, nonce=2")), Err(Error::Unauthorized));
        assert_eq!(Authenticator::new(None).challenged(&headers("WWW-Authenticate: Basic")), Err(Error::Unauthorized));
    }

    #[test]
    fn an_old_nonce_is_renewed_but_not_for_ever() {
        let mut auth = Authenticator::new(Some(ada()));
        auth.challenged(&headers("WWW-Authenticate: Digest realm=c, nonce=1")).unwrap();
        auth.challenged(&headers("WWW-Authenticate: Digest realm=c, nonce=2, stale=TRUE")).unwrap();
        let same_again = headers("WWW-Authenticate: Digest realm=c, nonce=2, stale=true");
        assert_eq!(auth.challenged(&same_again), Err(Error::Unauthorized));
        auth.accepted(&headers("CSeq: 1"));
        auth.challenged(&headers("WWW-Authenticate: Digest realm=c, nonce=3")).unwrap();
        assert_eq!(auth.challenged(&headers("WWW-Authenticate: Digest realm=c, nonce=4")), Err(Error::Unauthorized));
    }

    #[test]
    fn the_count_rises_and_starts_again_with_the_next_nonce() {
        let (world, _) = World::test(1);
        let mut auth = Authenticator::new(Some(ada()));
        auth.challenged(&headers("WWW-Authenticate: Digest realm=c, nonce=1, qop=auth")).unwrap();
        let mut next = || auth.authorization("OPTIONS", "rtsp://cam/", &world).unwrap();
        assert!(next().contains("nc=00000001") && next().contains("nc=00000002"));
        auth.accepted(&headers("Authentication-Info: qop=auth, nextnonce=\"fresh\""));
        let answer = auth.authorization("OPTIONS", "rtsp://cam/", &world).unwrap();
        assert!(answer.contains("nonce=\"fresh\"") && answer.contains("nc=00000001"), "{answer}");
    }

    #[test]
    fn quotes_and_torn_values_do_no_harm() {
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(take_value("\"a\\\"b\", c"), ("a\"b".to_owned(), ", c"));
        for text in ["=", "\"", "Digest nonce=\"x", "Digest =,=,", "Digest nonce=\\"] {
            let _ = challenges(text);
        }
        assert_eq!(challenges("Digest nonce=\"x")[0].1, [("nonce".to_owned(), "x".to_owned())]);
    }
}
