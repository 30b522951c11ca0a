//! The address of a camera's stream: an `rtsp` URL whose user and password are taken out and kept apart.
//!
//! The rest of the URL is kept byte for byte: cameras are particular about their paths. Where a camera may be
//! (private networks, never our own ports) is decided when it is connected to, not here.

use base::{Error, Result, Secret};

/// The longest URL, in bytes.
pub const LONGEST: usize = 2048;

/// A URL without userinfo, and what the userinfo held.
#[derive(Debug)]
pub struct Address {
    pub url: String,
    pub username: Option<Secret<String>>,
    pub password: Option<Secret<String>>,
}

/// Reads `rtsp://[user[:password]@]host[:port][/path][?query]` (RFC 2326, RFC 3986). An error names `field` and never
/// repeats the URL.
pub fn parse(text: &str, field: &'static str) -> Result<Address> {
    let bad = |message: &str| Error::invalid(message).field(field);
    let text = text.trim();
    if text.len() > LONGEST {
        return Err(bad("a camera's URL has at most 2048 bytes"));
    }
    if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(bad("a camera's URL holds no spaces and no characters beyond ASCII; write them as %XX"));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("rtsp") {
        return Err(bad("a camera's URL begins with rtsp://"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if path.contains('#') {
        return Err(bad("a camera's URL has no # part; write # as %23"));
    }
    let (userinfo, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
    check_place(place).map_err(bad)?;
    let (username, password) = split_userinfo(userinfo).ok_or_else(|| bad("the user in the URL is not well formed"))?;
    Ok(Address { url: format!("rtsp://{place}{path}"), username, password })
}

/// The host of a URL that [`parse`] made, without its port.
pub fn host(url: &str) -> &str {
    let authority = url.strip_prefix("rtsp://").unwrap_or(url).split(['/', '?']).next().unwrap_or_default();
    split_port(authority).0
}

fn split_port(place: &str) -> (&str, Option<&str>) {
    match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    }
}

fn check_place(place: &str) -> Result<(), &'static str> {
    let (host, port) = split_port(place);
    if port.is_some_and(|port| !is_port(port)) {
        return Err("the port in the URL is not a number from 1 to 65535");
    }
    let is_v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match is_v6 {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    match is_host {
        true => Ok(()),
        false => Err("the URL names no host; it is like rtsp://192.168.1.20/stream"),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_name(host: &str) -> bool {
    let is_label_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !host.is_empty() && host.len() <= 253 && host.bytes().all(is_label_byte)
}

type Credentials = (Option<Secret<String>>, Option<Secret<String>>);

fn split_userinfo(userinfo: Option<&str>) -> Option<Credentials> {
    let Some(userinfo) = userinfo.filter(|userinfo| !userinfo.is_empty()) else { return Some((None, None)) };
    let (user, password) = userinfo.split_once(':').map_or((userinfo, None), |(user, word)| (user, Some(word)));
    let password = match password {
        Some(word) => Some(Secret::new(percent_decoded(word)?)),
        None => None,
    };
    Some((Some(Secret::new(percent_decoded(user)?)), password))
}

/// Decodes `%XX`. A percent sign that begins no such code stands for itself: people paste passwords as they are.
fn percent_decoded(text: &str) -> Option<String> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(hex_byte);
        out.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).ok()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| digits.get(at).and_then(|digit| char::from(*digit).to_digit(16));
    Some((digit(0)? * 16 + digit(1)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, Option<String>, Option<String>) {
        let address = parse(text, "url").unwrap();
        let open = |secret: Option<Secret<String>>| secret.map(|secret| secret.expose().clone());
        (address.url, open(address.username), open(address.password))
    }

    #[test]
    fn the_password_leaves_the_url_and_the_rest_stays_as_it_was() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts("rtsp://10.0.0.9/h264?x=1&y=%20"), ("rtsp://10.0.0.9/h264?x=1&y=%20".into(), None, None));
        assert_eq!(
            parts(" RTSP://ada:s%40fe%2F@cam:554/a/../b\n"),
            ("rtsp://cam:554/a/../b".into(), some("ada"), some("s@fe/"))
        );
        assert_eq!(parts("rtsp://ada:p@ss:w%rd@cam"), ("rtsp://cam".into(), some("ada"), some("p@ss:w%rd")));
        assert_eq!(parts("rtsp://ada@[fe80::1]:8554/x"), ("rtsp://[fe80::1]:8554/x".into(), some("ada"), None));
        assert_eq!(parts("rtsp://ada:@cam/"), ("rtsp://cam/".into(), some("ada"), some("")));
        assert_eq!(parts("rtsp://@cam/"), ("rtsp://cam/".into(), None, None));
    }

    #[test]
    fn what_is_no_camera_address_is_refused_without_repeating_it() {
        for bad in [
            "",
            "cam",
            "http://cam/",
            "rtsps://cam/",
            "exec:ffmpeg",
            "file:///etc/passwd",
            "rtsp://",
            "rtsp:///path",
            "rtsp://hunter2@/x",
            "rtsp://cam:0/",
            "rtsp://cam:99999/",
            "rtsp://cam:/",
            "rtsp://cam:+80/",
            "rtsp://[::1/",
            "rtsp://[cam]/",
            "rtsp://ca m/",
            "rtsp://cam/\r\nhunter2: 1",
            "rtsp://käm/",
            "rtsp://cam/x#y",
            "rtsp://a:%ff@cam/",
            "rtsp://cam|hunter2/",
        ] {
            let error = parse(bad, "url").unwrap_err();
            assert_eq!(error.at_field(), Some("url"), "{bad}");
            assert!(!format!("{error:?}").contains("hunter2"), "{bad}");
        }
        assert!(parse(&format!("rtsp://cam/{}", "x".repeat(LONGEST)), "url").is_err());
    }

    #[test]
    fn the_host_is_shown_without_port_and_path() {
        assert_eq!(host("rtsp://10.0.0.9:554/a"), "10.0.0.9");
        assert_eq!(host("rtsp://cam?x=1"), "cam");
        assert_eq!(host("rtsp://[fe80::1]:8554/x"), "[fe80::1]");
        assert_eq!(host("rtsp://[fe80::1]/x"), "[fe80::1]");
    }
}
