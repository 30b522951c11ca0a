//! The ways into the device: HTTP and HTTPS (RFC 9112), where requests come in and answers or faults go out, and RTSP.

use super::{
    Refusal, State,
    commands::{Caller, refused},
    lock, pretty,
};
use crate::{fault::Kind, rtsp};
use base::{Error, Result, Shutdown};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION, RANGE},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// Bytes of a request's body at most.
const MAX_REQUEST: usize = 256 << 10;
/// Connections at a time.
const CONNECTIONS: usize = 64;
/// A connection that says nothing for that long is closed.
const IDLE: Duration = Duration::from_secs(30);

type Body = UnsyncBoxBody<Bytes, Infallible>;
type Answer = io::Result<Response<Body>>;

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Http,
    Https,
    Rtsp,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Http, Way::Https, Way::Rtsp];
}

/// The ways into the device, and its certificate.
pub(super) struct Doors {
    address: IpAddr,
    doors: Mutex<[Door; 3]>,
    stop: Shutdown,
    acceptor: TlsAcceptor,
    fingerprint: [u8; 32],
    connections: AtomicUsize,
}

struct Door {
    /// Where it opens; 0 for a free port until it was open once.
    port: u16,
    open: Option<Shutdown>,
}

impl Doors {
    /// All doors shut.
    pub fn new(address: IpAddr, ports: [u16; 3], stop: Shutdown) -> Result<Self> {
        let failed = |error: rcgen::Error| Error::internal("no certificate could be made").because(error);
        let made = rcgen::generate_simple_self_signed([String::from("reolink.local")]).map_err(failed)?;
        let certificate = made.cert.der().clone();
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate).as_ref());
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key.into()));
        let config = config.map_err(|error| Error::internal("TLS cannot be set up").because(error))?;
        Ok(Self {
            address,
            doors: Mutex::new(ports.map(|port| Door { port, open: None })),
            stop,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint,
            connections: AtomicUsize::new(0),
        })
    }

    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The port of a door, whether it is open or not.
    pub fn port(&self, way: Way) -> u16 {
        lock(&self.doors)[way as usize].port
    }

    /// Where a door is open.
    pub fn open(&self, way: Way) -> Option<SocketAddr> {
        let door = &lock(&self.doors)[way as usize];
        door.open.as_ref().map(|_| (self.address, door.port).into())
    }

    /// Given when the device stops.
    pub fn stopping(&self) -> Shutdown {
        self.stop.clone()
    }

    /// The SHA-256 of the certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Ends all that came through a door and refuses who knocks.
    pub fn shut(&self, way: Way) {
        if let Some(open) = lock(&self.doors)[way as usize].open.take() {
            open.begin();
        }
    }
}

impl State {
    /// Opens a door, unless it is open already. Must be called inside a tokio runtime.
    pub(super) fn admit_by(self: &Arc<Self>, way: Way) -> io::Result<()> {
        let doors = &self.doors;
        let mut all = lock(&doors.doors);
        let door = &mut all[way as usize];
        if door.open.is_some() {
            return Ok(());
        }
        let socket =
            socket2::Socket::new(socket2::Domain::for_address((doors.address, 0).into()), socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((doors.address, door.port)).into())?;
        socket.listen(128)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(socket.into())?;
        door.port = listener.local_addr()?.port();
        let stop = doors.stop.child();
        door.open = Some(stop.clone());
        match way {
            Way::Rtsp => drop(tokio::spawn(rtsp::serve(self.streams(), listener, stop))),
            Way::Http | Way::Https => drop(tokio::spawn(accept(self.clone(), listener, way == Way::Https, stop))),
        }
        Ok(())
    }

    /// The device's own RTSP server: `/Preview_01_main` is its first channel.
    fn streams(&self) -> Arc<rtsp::Server> {
        Arc::new(rtsp::Server {
            cameras: self.channels.iter().map(|channel| channel.camera.clone()).collect(),
            absent: (0..self.channels.len()).filter(|number| self.channel(*number).is_err()).collect(),
            credentials: Some(self.sessions.credentials().clone()),
            world: self.world.clone(),
            timeout: rtsp::TIMEOUT,
        })
    }
}

async fn accept(state: Arc<State>, listener: TcpListener, tls: bool, stop: Shutdown) {
    loop {
        let accepted = tokio::select! {
            () = stop.begun() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => drop(tokio::spawn(connection(state.clone(), socket, peer, tls, stop.clone()))),
            // Out of descriptors, most likely: let some go before the next try.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Counts a connection while it lasts.
struct Guest<'a>(&'a AtomicUsize);

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connection(state: Arc<State>, socket: TcpStream, peer: SocketAddr, tls: bool, stop: Shutdown) {
    let taken = state.doors.connections.fetch_add(1, Ordering::Relaxed);
    let _guest = Guest(&state.doors.connections);
    if taken >= CONNECTIONS {
        return;
    }
    // Answers are small and waited for.
    let _ = socket.set_nodelay(true);
    tokio::select! {
        () = stop.begun() => {}
        () = talk(&state, socket, peer, tls) => {}
    }
}

async fn talk(state: &Arc<State>, socket: TcpStream, peer: SocketAddr, tls: bool) {
    if !tls {
        return serve(state, socket, peer, false).await;
    }
    let mut first = [0];
    match tokio::time::timeout(IDLE, socket.peek(&mut first)).await {
        // The first byte of a TLS handshake (RFC 8446, 5.1).
        Ok(Ok(1)) if first[0] == 0x16 => {
            let accepted = tokio::time::timeout(IDLE, state.doors.acceptor.accept(socket)).await;
            if let Ok(Ok(stream)) = accepted {
                serve(state, stream, peer, false).await;
            }
        }
        Ok(Ok(1)) => serve(state, socket, peer, true).await,
        _ => {}
    }
}

/// `lost`: somebody speaks plain HTTP where HTTPS is spoken.
async fn serve(state: &Arc<State>, stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr, lost: bool) {
    let service = service_fn(move |request| answer(state.clone(), request, peer, lost));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE);
    // A client that goes away is no news.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(state: Arc<State>, request: Request<Incoming>, peer: SocketAddr, lost: bool) -> Answer {
    state.requests.fetch_add(1, Ordering::Relaxed);
    if state.suffers(Kind::HalfOpen) {
        std::future::pending::<()>().await;
    }
    if state.suffers(Kind::Drop) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    if lost {
        return Ok(text(StatusCode::MULTIPLE_CHOICES, "the camera speaks HTTPS here\n".into()));
    }
    if state.suffers(Kind::ApiRedirect) {
        return Ok(redirect(request.uri().path_and_query().map_or("/", |path| path.as_str())));
    }
    if state.suffers(Kind::ApiEndless) {
        return Ok(endless());
    }
    if state.suffers(Kind::ApiHtml) {
        return Ok(text(StatusCode::OK, "<!DOCTYPE html>\n<html><body><h1>It works</h1></body></html>\n".into()));
    }
    let mut answer = route(&state, request, peer).await?;
    if state.suffers(Kind::ApiTruncated) {
        answer = halved(answer).await;
    }
    if state.suffers(Kind::SlowLoris) {
        answer = crawling(answer).await;
    }
    Ok(answer)
}

async fn route(state: &Arc<State>, request: Request<Incoming>, peer: SocketAddr) -> Answer {
    if !matches!(request.uri().path(), "/cgi-bin/api.cgi" | "/api.cgi") {
        return Ok(text(StatusCode::NOT_FOUND, "404 Not Found\n".into()));
    }
    let query: HashMap<String, String> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    if request.method() == hyper::Method::GET {
        let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok()).map(str::to_owned);
        return Ok(get(state.clone(), query, range, peer.ip()).await);
    }
    let Ok(body) = Limited::new(request.into_body(), MAX_REQUEST).collect().await else {
        return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "413 Payload Too Large\n".into()));
    };
    let printed = pretty::print(&state.batch(&body.to_bytes(), &caller(&query, peer.ip())));
    Ok(text(StatusCode::OK, printed.into()))
}

fn caller(query: &HashMap<String, String>, peer: IpAddr) -> Caller<'_> {
    let given = |name: &str| query.get(name).map(String::as_str);
    Caller { token: given("token"), user: given("user").zip(given("password")), peer }
}

/// `Snap`, `Download` and `Playback`.
async fn get(state: Arc<State>, query: HashMap<String, String>, range: Option<String>, peer: IpAddr) -> Response<Body> {
    let command = query.get("cmd").cloned().unwrap_or_default();
    // Drawing takes milliseconds, and a file of the card seconds.
    let (name, output) = (command.clone(), query.get("output").cloned());
    let made = tokio::task::spawn_blocking(move || {
        state.admit(&caller(&query, peer))?;
        let given = |name: &str| query.get(name).map(String::as_str);
        match name.as_str() {
            "Snap" => {
                let channel = given("channel").unwrap_or("0").parse().map_err(|_| Refusal(-4, "param error"))?;
                state.snap(channel, given("snapType") == Some("sub")).map(|jpeg| ("image/jpeg", Bytes::from(jpeg)))
            }
            // The type is spelt so by real firmware.
            "Download" | "Playback" => {
                let source = given("source").ok_or(Refusal(-23, "missing param"))?;
                state.download(source).map(|file| ("apolication/octet-stream", file))
            }
            _ => Err(Refusal(-9, "not support")),
        }
    });
    match made.await.unwrap_or(Err(Refusal(-11, "fcgi read failed"))) {
        Ok((kind, bytes)) => attached(part(kind, bytes, range.as_deref()), output.as_deref()),
        Err(refusal) => text(StatusCode::OK, pretty::print(&serde_json::json!([refused(&command, refusal)])).into()),
    }
}

/// Names the file that is sent (RFC 6266), as the client asked.
fn attached(mut answer: Response<Body>, name: Option<&str>) -> Response<Body> {
    let plain = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'));
    let told = plain.and_then(|name| HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).ok());
    if let Some(told) = told {
        answer.headers_mut().insert(CONTENT_DISPOSITION, told);
    }
    answer
}

/// The bytes, or the part that a `Range` asks for (RFC 9110, 14.2).
fn part(kind: &'static str, bytes: Bytes, range: Option<&str>) -> Response<Body> {
    let size = bytes.len();
    let (status, wanted) = match range.map(|range| span(range, size)) {
        None => (StatusCode::OK, 0..size),
        Some(Some(wanted)) => (StatusCode::PARTIAL_CONTENT, wanted),
        Some(None) => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let told = match status {
        StatusCode::PARTIAL_CONTENT => Some(format!("bytes {}-{}/{size}", wanted.start, wanted.end - 1)),
        StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{size}")),
        _ => None,
    };
    let mut answer = response(status, kind, bytes.slice(wanted));
    answer.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(told) = told.and_then(|told| HeaderValue::try_from(told).ok()) {
        answer.headers_mut().insert(CONTENT_RANGE, told);
    }
    answer
}

/// One range of bytes; none if it cannot be satisfied.
fn span(range: &str, size: usize) -> Option<Range<usize>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let wanted = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => first..last.checked_add(1)?.min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(last)) if first.is_empty() => size.saturating_sub(last)..size,
        _ => return None,
    };
    (wanted.start < wanted.end).then_some(wanted)
}

/// JSON too comes as `text/html`.
fn text(status: StatusCode, bytes: Bytes) -> Response<Body> {
    response(status, "text/html", bytes)
}

fn response(status: StatusCode, kind: &'static str, bytes: Bytes) -> Response<Body> {
    let mut answer = Response::new(Full::new(bytes).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn redirect(to: &str) -> Response<Body> {
    let mut answer = text(StatusCode::FOUND, Bytes::new());
    if let Ok(to) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

fn endless() -> Response<Body> {
    let blank = Bytes::from_static(&[b' '; 16 << 10]);
    let frames = futures_util::stream::repeat_with(move || Ok(Frame::data(blank.clone())));
    let mut answer = text(StatusCode::OK, Bytes::new());
    *answer.body_mut() = StreamBody::new(frames).boxed_unsync();
    answer
}

async fn halved(answer: Response<Body>) -> Response<Body> {
    let (head, bytes) = taken(answer).await;
    Response::from_parts(head, Full::new(bytes.slice(..bytes.len() / 2)).boxed_unsync())
}

/// A byte a second.
async fn crawling(answer: Response<Body>) -> Response<Body> {
    let (head, bytes) = taken(answer).await;
    let frames = futures_util::stream::unfold(bytes, |mut rest| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        (!rest.is_empty()).then(|| (Ok(Frame::data(rest.split_to(1))), rest))
    });
    Response::from_parts(head, StreamBody::new(frames).boxed_unsync())
}

async fn taken(answer: Response<Body>) -> (hyper::http::response::Parts, Bytes) {
    let (head, body) = answer.into_parts();
    let Ok(bytes) = body.collect().await;
    (head, bytes.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_file_or_refused() {
        for (range, wanted) in [
            ("bytes=0-9", Some(0..10)),
            ("bytes=90-", Some(90..100)),
            ("bytes=-5", Some(95..100)),
            ("bytes=50-5000", Some(50..100)),
            ("bytes=100-", None),
            ("bytes=9-3", None),
            ("bytes=a-b", None),
            ("bytes=-", None),
            ("items=0-1", None),
        ] {
            assert_eq!(span(range, 100), wanted, "{range}");
        }
    }
}
