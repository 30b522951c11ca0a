//! A camera that follows a script: it answers requests as a test tells it, and remembers what it was asked.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

/// What the script does with a request.
pub enum Act {
    Answer(String),
    /// Answers and then sends media from a thread, which ends when the connection does.
    Play(String, Box<dyn FnOnce(TcpStream) + Send>),
    /// Answers, and reads nothing any more.
    Stall(String),
    Silence,
    HangUp,
}

pub struct Scripted {
    pub address: SocketAddr,
    asked: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Scripted {
    /// A camera on a port of its own; `script` sees each request, head only, and its CSeq.
    pub fn start(script: impl Fn(&str) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (log, script) = (asked.clone(), Arc::new(script));
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (log, script) = (log.clone(), script.clone());
                thread::spawn(move || converse(connection, &log, script.as_ref()));
            }
        });
        Self { address, asked }
    }

    /// A camera with one H.264 track that does `play` when it is told to.
    pub fn playing(play: impl Fn(TcpStream) + Clone + Send + Sync + 'static) -> Self {
        Self::start(move |request| match method(request) {
            "PLAY" => {
                let play = play.clone();
                Act::Play(ok(request, "Session: 42"), Box::new(play))
            }
            _ => Act::Answer(orderly(request)),
        })
    }

    pub fn url(&self) -> String {
        format!("rtsp://{}/live", self.address)
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.0.lock().unwrap().clone()
    }

    /// Waits until a request of this method has come.
    pub fn wait_for(&self, wanted: &str) -> String {
        let asked = self.asked.0.lock().unwrap();
        let find = |asked: &Vec<String>| asked.iter().rev().find(|request| method(request) == wanted).cloned();
        let (asked, _) =
            self.asked.1.wait_timeout_while(asked, Duration::from_secs(5), |asked| find(asked).is_none()).unwrap();
        find(&asked).unwrap_or_else(|| panic!("no {wanted} among {asked:?}"))
    }
}

fn converse(mut stream: TcpStream, log: &(Mutex<Vec<String>>, Condvar), script: &(dyn Fn(&str) -> Act + Send + Sync)) {
    let mut pending = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut pending) {
        log.0.lock().unwrap().push(request.clone());
        log.1.notify_all();
        let done = match script(&request) {
            Act::Answer(text) => stream.write_all(text.as_bytes()),
            Act::Play(text, play) => {
                let writer = stream.try_clone().unwrap();
                let answered = stream.write_all(text.as_bytes());
                thread::spawn(move || play(writer));
                answered
            }
            Act::Stall(text) => {
                let answered = stream.write_all(text.as_bytes());
                thread::sleep(Duration::from_secs(20));
                answered
            }
            Act::Silence => Ok(()),
            Act::HangUp => return,
        };
        if done.is_err() {
            return;
        }
    }
}

/// The next request, past interleaved frames.
fn next_request(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<String> {
    loop {
        if pending.first() == Some(&b'$') && pending.len() >= 4 {
            let len = 4 + usize::from(u16::from_be_bytes([pending[2], pending[3]]));
            if pending.len() >= len {
                pending.drain(..len);
                continue;
            }
        } else if let Some(end) = pending.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = pending.split_off(end + 4);
            return Some(String::from_utf8(std::mem::replace(pending, rest)).unwrap());
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(len @ 1..) => pending.extend_from_slice(&buffer[..len]),
            _ => return None,
        }
    }
}

pub fn method(request: &str) -> &str {
    request.split(' ').next().unwrap()
}

pub fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// An answer to `request` with these header lines.
pub fn answer(request: &str, status: &str, lines: &str) -> String {
    let lines = if lines.is_empty() { String::new() } else { format!("{lines}\r\n") };
    format!("RTSP/1.0 {status}\r\nCSeq: {}\r\n{lines}\r\n", header(request, "CSeq").unwrap())
}

pub fn ok(request: &str, lines: &str) -> String {
    answer(request, "200 OK", lines)
}

const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x16, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03,
    0x00, 0x1e, 0x0f, 0x16, 0x2e, 0x48,
];
const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];

/// The description of one H.264 track, 640x360 at 15 fps.
pub fn sdp() -> String {
    use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
    format!(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
         a=fmtp:96 packetization-mode=1;sprop-parameter-sets={},{}\r\na=control:track1\r\n",
        BASE64.encode(SPS),
        BASE64.encode(PPS)
    )
}

pub fn described(request: &str, sdp: &str, lines: &str) -> String {
    let lines = format!("{lines}Content-Type: application/sdp\r\nContent-Length: {}", sdp.len());
    ok(request, &lines) + sdp
}

/// What a well-behaved camera answers.
pub fn orderly(request: &str) -> String {
    match method(request) {
        "OPTIONS" => ok(request, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"),
        "DESCRIBE" => described(request, &sdp(), ""),
        "SETUP" => ok(request, "Session: 42;timeout=20\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1"),
        _ => ok(request, "Session: 42"),
    }
}

/// A picture in one interleaved packet: a key frame with `size` bytes after its header, 15 a second.
pub fn picture(number: u32, size: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 0x80 | 96];
    packet.extend_from_slice(&(number as u16).to_be_bytes());
    packet.extend_from_slice(&(number * 6000).to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 7, 0x65, 0x88]);
    packet.resize(12 + 1 + size, 0x5a);
    let mut frame = vec![b'$', 0];
    frame.extend_from_slice(&(packet.len() as u16).to_be_bytes());
    frame.extend_from_slice(&packet);
    frame
}

/// Whether a unit ends with the whole picture of `size`; parameter sets may stand before it.
pub fn ends_with_picture(unit: &[u8], size: usize) -> bool {
    let nal = 1 + size;
    let start = unit.len().checked_sub(4 + nal);
    start.is_some_and(|start| unit[start..].starts_with(&(nal as u32).to_be_bytes()) && unit[start + 4] == 0x65)
}
