//! Where a camera is and how to ask it: the address, the credential split off from it, the transport.

use crate::Error;
use base::Secret;

/// How RTP travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Interleaved in the RTSP connection (RFC 2326, 10.12).
    #[default]
    Tcp,
    /// In UDP datagrams, a pair of ports a track.
    Udp,
}

/// A user name and a password. Sent only to a camera that asks for them.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub username: Secret<String>,
    pub password: Secret<String>,
}

impl Credentials {
    /// A credential; an error if the name holds control characters, which no header can carry.
    pub fn new(username: &str, password: &str) -> Result<Self, Error> {
        if username.chars().any(char::is_control) {
            return Err(Error::Address("the user name holds control characters"));
        }
        Ok(Self { username: Secret::new(username.into()), password: Secret::new(password.into()) })
    }
}

/// One stream of one camera. `Debug` shows neither address nor credential.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) url: Url,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) transport: Transport,
    pub(crate) audio: bool,
}

impl Target {
    /// The stream at `url` (`rtsp://[user[:password]@]host[:port]/path`). A credential in the URL is split off.
    pub fn new(url: &str, transport: Transport, audio: bool) -> Result<Self, Error> {
        let (url, credentials) = Url::parse(url)?;
        Ok(Self { url, credentials, transport, audio })
    }

    /// Uses this credential instead of one that stood in the URL.
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The URL without its credential.
    pub fn url(&self) -> &Secret<String> {
        &self.url.text
    }

    /// The credential, given or split off from the URL.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The host name or address in the URL, without brackets; personal.
    pub fn host(&self) -> &str {
        self.url.host()
    }

    /// The port in the URL, or 554.
    pub fn port(&self) -> u16 {
        self.url.port
    }
}

const MAX_URL: usize = 2048;
const SCHEME: &str = "rtsp://";

/// An `rtsp` URL (RFC 2326, 3.2) without credential. Holds nothing that could end a request line.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    /// The whole URL, as it is put into requests.
    pub text: Secret<String>,
    host: Secret<String>,
    pub port: u16,
}

impl Url {
    pub fn parse(text: &str) -> Result<(Self, Option<Credentials>), Error> {
        let text = text.trim();
        if text.len() > MAX_URL {
            return Err(Error::Address("it is longer than 2048 bytes"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Error::Address("it holds spaces or control characters"));
        }
        let rest = strip_scheme(text).ok_or(Error::Address("it does not begin with rtsp://"))?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host_port) = match authority.rsplit_once('@') {
            Some((user, host_port)) => (Some(user), host_port),
            None => (None, authority),
        };
        let (host, port) = split_port(host_port)?;
        let text = Secret::new(format!("{SCHEME}{host_port}{}", escape_non_ascii(path)));
        let port = port.unwrap_or(554);
        Ok((Self { text, host: Secret::new(host.into()), port }, user.map(credentials).transpose()?))
    }

    pub fn host(&self) -> &str {
        self.host.expose()
    }

    /// `rtsp://host:port`, to which an absolute path is appended.
    fn origin(&self) -> &str {
        let text = self.text.expose();
        &text[..SCHEME.len() + text[SCHEME.len()..].find(['/', '?']).unwrap_or(text.len() - SCHEME.len())]
    }

    /// The URL that `control` of an SDP means below this one.
    ///
    /// A relative control is appended, also behind a query, because that is what cameras expect
    /// (RFC 3986 would replace the last segment).
    pub fn control(&self, control: &str) -> Result<Url, Error> {
        let base = self.text.expose();
        let text = match control {
            "" | "*" => return Ok(self.clone()),
            _ if strip_scheme(control).is_some() => control.to_owned(),
            _ if control.starts_with('/') => format!("{}{control}", self.origin()),
            _ if base.ends_with('/') => format!("{base}{control}"),
            _ => format!("{base}/{control}"),
        };
        Ok(Url::parse(&text)?.0)
    }
}

fn strip_scheme(text: &str) -> Option<&str> {
    let scheme = text.get(..SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| &text[SCHEME.len()..])
}

/// The host of `host[:port]`, without brackets, and its port, if there is one.
pub(crate) fn split_port(text: &str) -> Result<(&str, Option<u16>), Error> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(Error::Address("a bracket is not closed"))?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:%".contains(&b)) {
        return Err(Error::Address("it has no valid host"));
    }
    let port = match rest.strip_prefix(':') {
        Some(port) => Some(port.parse().ok().filter(|&port| port != 0).ok_or(Error::Address("its port is not valid"))?),
        None if rest.is_empty() => None,
        None => return Err(Error::Address("it has no valid host")),
    };
    Ok((host, port))
}

fn credentials(user: &str) -> Result<Credentials, Error> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    Credentials::new(&percent_decode(name), &percent_decode(password))
}

/// Decodes `%XX`; what is no valid escape stays as it is, because people type passwords as they are.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escape_non_ascii(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte.is_ascii() {
            true => text.push(byte.into()),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::new(url, Transport::Tcp, true).unwrap()
    }

    #[test]
    fn a_credential_is_split_off_from_the_url() {
        let target = target("RTSP://admin:p%40ss:w@rd@192.168.1.9:8554/Preview_01_main");
        assert_eq!(target.url().expose(), "rtsp://192.168.1.9:8554/Preview_01_main");
        let credentials = target.credentials().unwrap();
        assert_eq!(credentials.username.expose(), "admin");
        assert_eq!(credentials.password.expose(), "p@ss:w@rd");
        assert_eq!((target.host(), target.port()), ("192.168.1.9", 8554));
    }

    #[test]
    fn debug_shows_neither_address_nor_credential() {
        let text = format!("{:?}", target("rtsp://admin:hunter2@garden.example/live"));
        assert!(!text.contains("hunter2") && !text.contains("admin") && !text.contains("garden"), "{text}");
    }

    #[test]
    fn addresses_in_all_their_forms() {
        assert_eq!(target("rtsp://[fe80::1%25eth0]:88/x").host(), "fe80::1%25eth0");
        assert_eq!(target("rtsp://cam.local").port(), 554);
        assert_eq!(target("rtsp://cam.local?channel=1").url().expose(), "rtsp://cam.local?channel=1");
        assert_eq!(target("rtsp://cam/straße").url().expose(), "rtsp://cam/stra%C3%9Fe");
    }

    #[test]
    fn bad_addresses_are_refused_with_a_reason() {
        for url in [
            "http://cam/",
            "rtsp://",
            "rtsp:///path",
            "rtsp://cam:0/",
            "rtsp://cam:99999/",
            "rtsp://[::1/",
            "rtsp://cam/a b",
            "rtsp://cam/\r\nSession: 1",
            "rtsp://user%0d%0aX:y@cam/",
            "rtsp://ca<m/",
            "rts",
            "rtsp\u{e9}//",
        ] {
            assert!(matches!(Target::new(url, Transport::Tcp, true), Err(Error::Address(_))), "{url}");
        }
        assert!(Target::new(&format!("rtsp://cam/{}", "x".repeat(4096)), Transport::Tcp, true).is_err());
    }

    #[test]
    fn control_urls_are_joined_as_cameras_expect() {
        let join = |base: &str, control: &str| {
            Url::parse(base).unwrap().0.control(control).map(|url| url.text.expose().clone())
        };
        for (base, control, url) in [
            ("rtsp://cam/live", "*", "rtsp://cam/live"),
            ("rtsp://cam/live", "trackID=1", "rtsp://cam/live/trackID=1"),
            ("rtsp://cam/live/", "trackID=1", "rtsp://cam/live/trackID=1"),
            ("rtsp://cam/live?channel=1", "trackID=1", "rtsp://cam/live?channel=1/trackID=1"),
            ("rtsp://cam:8554/live", "/track1", "rtsp://cam:8554/track1"),
            ("rtsp://cam/live", "rtsp://u:p@10.0.0.1/t1", "rtsp://10.0.0.1/t1"),
        ] {
            assert_eq!(join(base, control).unwrap(), url);
        }
        assert!(join("rtsp://cam/live", "track 1\r\n").is_err());
    }
}
