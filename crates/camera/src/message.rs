//! RTSP messages (RFC 2326, 4 to 7): ours written strictly, those of cameras read leniently.

/// What a camera sends besides media: an answer, or a request of its own.
#[derive(Debug)]
pub(crate) enum Message {
    Response(Response),
    Request { method: String, headers: Headers },
}

/// An answer of a camera.
#[derive(Debug)]
pub(crate) struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// Header fields in the order they came; names compare without regard to case, values hold no control characters.
#[derive(Debug, Default)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of the field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of the field.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The number of the request that this message belongs to, if the camera says.
    pub fn cseq(&self) -> Option<u32> {
        self.get("CSeq")?.parse().ok()
    }

    /// Reads lines up to the empty one. Folded lines are joined; lines without a colon mean nothing and are dropped.
    fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines {
            let folded = line.starts_with([' ', '\t']) && !line.trim_start().contains(':');
            if let (true, Some((_, value))) = (folded, fields.last_mut()) {
                value.push(' ');
                value.push_str(&line.trim().replace(char::is_control, " "));
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_owned(), value.trim().replace(char::is_control, " ")));
            }
        }
        Self(fields)
    }
}

impl Message {
    /// Reads one whole message, head and body.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (head, body) = split_head(bytes);
        let head = String::from_utf8_lossy(head);
        let mut lines =
            head.split('\n').map(|line| line.trim_end_matches('\r')).skip_while(|line| line.trim().is_empty());
        let start = lines.next().ok_or("an empty message")?;
        let mut words = start.split_ascii_whitespace();
        let first = words.next().ok_or("an empty message")?;
        if !first.starts_with("RTSP/") {
            return Ok(Message::Request { method: first.chars().take(32).collect(), headers: Headers::parse(lines) });
        }
        let status = words.next().and_then(|status| status.parse().ok()).ok_or("a status line without status")?;
        if !(100..1000).contains(&status) {
            return Err("a status that does not exist");
        }
        Ok(Message::Response(Response { status, headers: Headers::parse(lines), body: body.to_vec() }))
    }
}

/// Head and body of a message; the empty line between them may be written with or without carriage returns.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let leading = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut line_is_empty = false;
    for (at, &byte) in bytes.iter().enumerate().skip(leading) {
        match byte {
            b'\n' if line_is_empty => return bytes.split_at(at + 1),
            b'\n' => line_is_empty = true,
            b'\r' => {}
            _ => line_is_empty = false,
        }
    }
    (bytes, &[])
}

/// Appends a request. `url` and values come from checked places and hold no line ends.
pub(crate) fn write_request(out: &mut Vec<u8>, method: &str, url: &str, cseq: u32, headers: &[(&str, &str)]) {
    debug_assert!(headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])) && !url.contains(['\r', '\n', ' ']));
    out.extend_from_slice(
        format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\nUser-Agent: {USER_AGENT}\r\n").as_bytes(),
    );
    for (name, value) in headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// The answer to a request that a camera sent us; `None` where it wants none or the session is over.
pub(crate) fn write_reply(out: &mut Vec<u8>, method: &str, cseq: u32) {
    let status = match method {
        "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER" | "TEARDOWN" => "200 OK",
        _ => "501 Not Implemented",
    };
    out.extend_from_slice(format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nUser-Agent: {USER_AGENT}\r\n\r\n").as_bytes());
}

const USER_AGENT: &str = concat!("Nightjar/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    fn response(text: &str) -> Response {
        match Message::parse(text.as_bytes()).unwrap() {
            Message::Response(response) => response,
            Message::Request { .. } => panic!("a request"),
        }
    }

    #[test]
    fn an_orderly_answer_is_read() {
        let answer = response("RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 4\r\n\r\nv=0\n");
        assert_eq!((answer.status, answer.headers.cseq(), answer.body.as_slice()), (200, Some(3), b"v=0\n".as_slice()));
    }

    #[test]
    fn odd_servers_are_understood() {
        let answer = response(
            "\r\n\r\nRTSP/1.0   401  \ncseq :  7 \nWWW-AUTHENTICATE:Digest realm=\"a\",\n   nonce=\"b\"\nnonsense\nX: a\tb\n\n",
        );
        assert_eq!((answer.status, answer.headers.cseq()), (401, Some(7)));
        assert_eq!(answer.headers.get("www-authenticate"), Some("Digest realm=\"a\", nonce=\"b\""));
        assert_eq!(answer.headers.get("x"), Some("a b"));
        assert_eq!(response("RTSP/1.0 200 OK\r\nX: a\r\n b\rc\r\n\r\n").headers.get("x"), Some("a b c"));
        assert_eq!(response("RTSP/1.0 200 OK\r\n\r\n").headers.cseq(), None);
        assert_eq!(response("RTSP/2.0 200\r\nServer: \u{fffd}\r\n").headers.get("server"), Some("\u{fffd}"));
    }

    #[test]
    fn a_camera_may_ask_us_something() {
        let Message::Request { method, headers } = Message::parse(b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n").unwrap()
        else {
            panic!("a response")
        };
        assert_eq!((method.as_str(), headers.cseq()), ("OPTIONS", Some(9)));
        let mut out = Vec::new();
        write_reply(&mut out, &method, 9);
        assert!(out.starts_with(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n"));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for text in ["", "\r\n\r\n", "RTSP/1.0", "RTSP/1.0 OK", "RTSP/1.0 99999 x", "RTSP/1.0 7 x"] {
            assert!(Message::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn requests_are_written_to_the_letter() {
        let mut out = Vec::new();
        write_request(&mut out, "PLAY", "rtsp://cam/live", 4, &[("Session", "12"), ("Range", "npt=0.000-")]);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("PLAY rtsp://cam/live RTSP/1.0\r\nCSeq: 4\r\nUser-Agent: Nightjar/"));
        assert!(text.ends_with("\r\nSession: 12\r\nRange: npt=0.000-\r\n\r\n"));
    }
}
