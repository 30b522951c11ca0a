//! Our side of one RTSP conversation, without I/O: numbers, session, authorization, keep-alive, farewell.

use crate::{
    Error,
    auth::Authenticator,
    message::{Headers, write_request},
    target::Url,
};
use base::World;
use std::time::Duration;

/// What a camera means that names no time-out (RFC 2326, 12.37).
const SESSION_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Dialog {
    pub auth: Authenticator,
    /// The URL of the whole presentation, for PLAY, keep-alives and TEARDOWN.
    pub aggregate: Url,
    /// The camera knows GET_PARAMETER; else OPTIONS keeps the session alive.
    pub get_parameter: bool,
    world: World,
    cseq: u32,
    session: Option<String>,
    timeout: Duration,
}

impl Dialog {
    pub fn new(aggregate: Url, auth: Authenticator, world: World) -> Self {
        Self { auth, aggregate, get_parameter: false, world, cseq: 0, session: None, timeout: SESSION_TIMEOUT }
    }

    /// The number of the latest request.
    pub fn cseq(&self) -> u32 {
        self.cseq
    }

    /// Appends a request to `out`, with session and authorization where there are any.
    pub fn request(&mut self, out: &mut Vec<u8>, method: &'static str, url: &Url, extra: &[(&str, &str)]) {
        self.cseq += 1;
        let url = url.text.expose();
        let authorization = self.auth.authorization(method, url, &self.world);
        let mut headers = Vec::with_capacity(extra.len() + 2);
        headers.extend(self.session.as_deref().map(|session| ("Session", session)));
        headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        headers.extend_from_slice(extra);
        write_request(out, method, url, self.cseq, &headers);
    }

    /// Appends a request that keeps the session alive.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        let method = if self.get_parameter { "GET_PARAMETER" } else { "OPTIONS" };
        let url = self.aggregate.clone();
        self.request(out, method, &url, &[]);
    }

    /// How often to keep alive: twice in the session's time-out, and at least every half minute for the routers between.
    pub fn keep_alive_interval(&self) -> Duration {
        (self.timeout / 2).clamp(Duration::from_secs(2), Duration::from_secs(30))
    }

    /// Appends the farewell; false if there is no session to end (any more).
    pub fn teardown(&mut self, out: &mut Vec<u8>) -> bool {
        if self.session.is_none() {
            return false;
        }
        let url = self.aggregate.clone();
        self.request(out, "TEARDOWN", &url, &[]);
        self.session = None;
        true
    }

    /// Takes the session and its time-out from an answer to SETUP.
    pub fn set_up(&mut self, headers: &Headers) -> Result<(), Error> {
        let header = match headers.get("Session") {
            Some(header) => header,
            // Some cameras name it only once.
            None if self.session.is_some() => return Ok(()),
            None => return Err(self.broken("no session was given")),
        };
        let mut parts = header.split(';').map(str::trim);
        let id = parts.next().unwrap_or_default();
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.broken("the session has no valid name"));
        }
        self.session = Some(id.to_owned());
        let seconds = parts.find_map(|part| part.strip_prefix("timeout=")?.trim().parse().ok());
        self.timeout = seconds.filter(|&seconds| seconds > 0).map_or(SESSION_TIMEOUT, Duration::from_secs);
        Ok(())
    }

    fn broken(&self, what: &'static str) -> Error {
        Error::protocol("SETUP", self.cseq, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn dialog() -> Dialog {
        let url = Url::parse("rtsp://cam/live/").unwrap().0;
        Dialog::new(url, Authenticator::new(None), World::test(1).0)
    }

    fn set_up(dialog: &mut Dialog, session: &str) -> Result<(), Error> {
        let text = format!("RTSP/1.0 200 OK\r\n{session}\r\n\r\n");
        let Message::Response(answer) = Message::parse(text.as_bytes()).unwrap() else { panic!("a request") };
        dialog.set_up(&answer.headers)
    }

    #[test]
    fn keep_alives_come_twice_in_the_time_out_of_the_session() {
        let mut dialog = dialog();
        for (header, seconds) in [
            ("Session: 1", 30),
            ("session: 1 ; timeout=20", 10),
            ("Session: 1;timeout=0", 30),
            ("Session: 1;timeout=1", 2),
            ("Session: 1;timeout=99999", 30),
        ] {
            set_up(&mut dialog, header).unwrap();
            assert_eq!(dialog.keep_alive_interval(), Duration::from_secs(seconds), "{header}");
        }
        let mut out = Vec::new();
        dialog.keep_alive(&mut out);
        dialog.get_parameter = true;
        dialog.keep_alive(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("OPTIONS rtsp://cam/live/ RTSP/1.0\r\nCSeq: 1\r\n"), "{text}");
        assert!(text.contains("GET_PARAMETER rtsp://cam/live/ RTSP/1.0\r\nCSeq: 2\r\n"), "{text}");
    }

    #[test]
    fn a_session_is_ended_once_and_only_if_there_is_one() {
        let (mut dialog, mut out) = (dialog(), Vec::new());
        assert!(!dialog.teardown(&mut out));
        set_up(&mut dialog, "Session: abc").unwrap();
        assert!(dialog.teardown(&mut out) && !dialog.teardown(&mut out));
        assert!(String::from_utf8(out).unwrap().contains("Session: abc\r\n"));
    }

    #[test]
    fn a_set_up_without_a_usable_session_breaks_the_protocol() {
        for header in ["X: y", "Session:", "Session: ;timeout=5", "Session: a b"] {
            assert!(matches!(set_up(&mut dialog(), header), Err(Error::Protocol { .. })), "{header}");
        }
    }
}
