//! Live latency on the server: from the last packet of a frame leaving the camera's side to the WebSocket message,
//! with 32 streams recording.
//!
//! A proxy stands between one simulated camera and the server and notes when it passed the last packet of each frame on.
//! A frame is recognised by its last bytes.

use crate::{
    Figure, Place, Result,
    process::quantile,
    server::{Site, Source},
};
use std::{
    collections::HashMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message, client};

/// Bytes by which a frame is recognised.
const TAIL: usize = 24;
const FRAMES: usize = 600;

type Sent = Arc<Mutex<HashMap<[u8; TAIL], Instant>>>;

/// Streams 32 cameras, watches one of them through the proxy.
pub fn run(place: &Place) -> Result<Vec<Figure>> {
    let source = Source::start(place, 32, false)?;
    let site = Site::new(place, "live", 0)?;
    let sent: Sent = Arc::default();
    let camera: SocketAddr = host_of(&source.urls[0])?.parse()?;
    let proxy = proxy(camera, sent.clone())?;
    let mut urls = source.urls.clone();
    urls[0] = urls[0].replace(&camera.to_string(), &proxy.to_string());
    let token = site.token()?;
    site.import(&urls)?;
    let mut server = site.serve()?;
    site.recording(&token, 32, Duration::from_secs(60))?;
    let list = site.say(&["camera", "list", "--json"])?;
    let list: serde_json::Value = serde_json::from_str(&list)?;
    let items = list["items"].as_array().or(list.as_array()).ok_or("no list")?;
    let first =
        items.iter().find(|item| item["name"] == "Load 0").and_then(|item| item["id"].as_str()).ok_or("no camera")?;
    let (delays, opened) = watch(&site, &token, first, &sent)?;
    server.stop();
    fs::remove_dir_all(&site.folder)?;
    Ok(vec![
        Figure::at_most(
            "live: last packet of a frame to WebSocket message, 32 recording: p50",
            quantile(delays.clone(), 0.5),
            "ms",
            2.0,
            "≤ 2 ms",
        ),
        Figure::at_most("  p99", quantile(delays, 0.99), "ms", 5.0, "≤ 5 ms"),
        Figure::plain("  first picture after opening", format!("{opened:.1} ms")),
    ])
}

fn host_of(url: &str) -> Result<&str> {
    url.strip_prefix("rtsp://").and_then(|rest| rest.split('/').next()).ok_or_else(|| "not an RTSP address".into())
}

/// Passes everything on both ways; notes the frames of the first track.
fn proxy(camera: SocketAddr, sent: Sent) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (Ok(server), sent) = (TcpStream::connect(camera), sent.clone()) else { continue };
            let (Ok(up_in), Ok(up_out)) = (client.try_clone(), server.try_clone()) else { continue };
            thread::spawn(move || copy(up_in, up_out, |_| ()));
            thread::spawn(move || {
                let mut seen = Frames::default();
                copy(server, client, |bytes| seen.passed(bytes, &sent));
            });
        }
    });
    Ok(address)
}

/// `before` sees what is about to be passed on: noted later, a message could overtake the note.
fn copy(mut from: TcpStream, mut to: TcpStream, mut before: impl FnMut(&[u8])) {
    let _ = to.set_nodelay(true);
    let mut buffer = vec![0; 256 << 10];
    while let Ok(read) = from.read(&mut buffer) {
        before(&buffer[..read]);
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

/// Finds interleaved RTP packets with the marker bit on channel 0.
#[derive(Default)]
struct Frames {
    pending: Vec<u8>,
}

impl Frames {
    fn passed(&mut self, bytes: &[u8], sent: &Sent) {
        let now = Instant::now();
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while self.pending.len() - at >= 4 {
            if self.pending[at] != b'$' {
                match self.pending[at..].iter().position(|&byte| byte == b'$') {
                    Some(next) => at += next,
                    None => at = self.pending.len(),
                }
                continue;
            }
            let len = usize::from(u16::from_be_bytes([self.pending[at + 2], self.pending[at + 3]]));
            let Some(packet) = self.pending.get(at + 4..at + 4 + len) else { break };
            let last = self.pending[at + 1] == 0 && len > TAIL + 12 && packet[1] & 0x80 != 0;
            if let (true, Some(tail)) = (last, packet.last_chunk::<TAIL>()) {
                sent.lock().unwrap_or_else(PoisonError::into_inner).insert(*tail, now);
            }
            at += 4 + len;
        }
        self.pending.drain(..at);
    }
}

/// Delays of frames in milliseconds, and how long the first picture took.
fn watch(site: &Site, token: &str, camera: &str, sent: &Sent) -> Result<(Vec<f64>, f64)> {
    let url = format!("ws://{}/api/v1/cameras/{camera}/live?stream=main&audio=0", site.address).parse()?;
    let request = ClientRequestBuilder::new(url).with_header("authorization", format!("Bearer {token}"));
    let stream = TcpStream::connect(site.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let began = Instant::now();
    let (mut socket, _) = client(request, stream)?;
    let (mut delays, mut opened, mut skipped) = (Vec::new(), None, 0);
    while delays.len() < FRAMES {
        let Message::Binary(part) = socket.read()? else { continue };
        let now = Instant::now();
        let Some(tail) = part.last_chunk::<TAIL>() else { continue };
        let passed = sent.lock().unwrap_or_else(PoisonError::into_inner).get(tail).copied();
        let Some(passed) = passed else { continue };
        opened.get_or_insert_with(|| began.elapsed().as_secs_f64() * 1e3);
        // The backlog and the first second come from before or beside the switch to prompt reading.
        skipped += 1;
        if skipped > 60 {
            delays.push(now.duration_since(passed).as_secs_f64() * 1e3);
        }
    }
    Ok((delays, opened.unwrap_or(f64::NAN)))
}
