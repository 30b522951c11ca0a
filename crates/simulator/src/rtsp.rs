//! The RTSP server (RFC 2326): one task for each connection that answers its requests. Media is written by others.

use crate::{
    auth,
    camera::{Camera, Stream},
    client::{Client, Outlet, Route},
    config::Credentials,
    fault::Kind,
    sdp,
};
use base::{Shutdown, World};
use media::Track;
use rtsp_types::{HeaderName, Message, Method, ParseError, Request, headers};
use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of one request at most, with an interleaved packet before it.
const MAX_REQUEST: usize = 128 << 10;

/// Told to clients as the session's time-out; one that is silent for that long and a bit is let go.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

/// What all connections share.
pub(crate) struct Server {
    pub cameras: Vec<Arc<Camera>>,
    /// Places of cameras, counted from 0, that cannot be reached.
    pub absent: Vec<usize>,
    pub credentials: Option<Credentials>,
    pub world: World,
    pub timeout: Duration,
}

/// Accepts connections until the simulator stops; their tasks end with it.
pub(crate) async fn serve(server: Arc<Server>, listener: TcpListener, stop: Shutdown) {
    loop {
        let accepted = tokio::select! {
            () = stop.begun() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, _)) => drop(tokio::spawn(connection(server.clone(), socket, stop.clone()))),
            // Out of descriptors, most likely: let some go before the next try.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(server: Arc<Server>, socket: TcpStream, stop: Shutdown) {
    // A socket that refuses its options still carries media.
    let _ = socket.set_nodelay(true);
    let Ok((local, peer)) = socket.local_addr().and_then(|local| Ok((local, socket.peer_addr()?))) else { return };
    let client = Arc::new(Client::new(socket));
    let mut talk = Conversation {
        nonce: auth::hex(&server.world.random::<16>()),
        session: auth::hex(&server.world.random::<8>()),
        server,
        client: client.clone(),
        camera: None,
        stream: None,
        local,
        peer: peer.ip(),
    };
    tokio::select! {
        () = stop.begun() => {}
        () = client.ending.begun() => {}
        _ = talk.listen() => {}
    }
    if let Some(stream) = &talk.stream {
        stream.leave(&client);
    }
    let socket = socket2::SockRef::from(client.socket());
    let _ = match client.is_reset() {
        true => socket.set_linger(Some(Duration::ZERO)),
        false => socket.shutdown(std::net::Shutdown::Both),
    };
}

struct Conversation {
    server: Arc<Server>,
    client: Arc<Client>,
    camera: Option<Arc<Camera>>,
    /// Of the session; there is one session in a connection.
    stream: Option<Arc<Stream>>,
    session: String,
    nonce: String,
    local: SocketAddr,
    peer: IpAddr,
}

/// An answer before it is written.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn bytes(&self, cseq: &str) -> Vec<u8> {
        let mut text = format!(
            "RTSP/1.0 {} {}\r\nCSeq: {cseq}\r\nServer: Nightjar-Simulator\r\n",
            self.status,
            reason(self.status)
        );
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        text += "\r\n";
        text += &self.body;
        text.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        454 => "Session Not Found",
        455 => "Method Not Valid in This State",
        459 => "Aggregate Operation Not Allowed",
        461 => "Unsupported Transport",
        551 => "Option not supported",
        _ => "Internal Server Error",
    }
}

impl Conversation {
    /// Reads and answers requests until the client leaves, breaks the protocol or falls silent.
    async fn listen(&mut self) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            loop {
                match take_request(&mut buffer) {
                    Ok(Some(request)) => self.answer(&request).await?,
                    Ok(None) => break,
                    Err(error) => {
                        self.write(&Answer::new(400).bytes("0")).await?;
                        return Err(error);
                    }
                }
            }
            self.receive(&mut buffer).await?;
            if buffer.len() > MAX_REQUEST {
                return Err(io::Error::other("request too large"));
            }
        }
    }

    async fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let client = self.client.clone();
        loop {
            let ready = tokio::time::timeout(self.server.timeout * 11 / 10, client.socket().readable()).await;
            match ready {
                Ok(ready) => ready?,
                Err(_) if client.heard_by_datagram() => continue,
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
            match client.socket().try_read_buf(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn answer(&mut self, request: &Request<Vec<u8>>) -> io::Result<()> {
        let (camera, stream) = self.target(request);
        if let Some(camera) = &camera {
            camera.connected(&self.client);
            self.camera = Some(camera.clone());
        }
        if self.suffers(Kind::HalfOpen) {
            return Ok(());
        }
        if self.suffers(Kind::Drop) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let Some(cseq) = header(request, &headers::CSEQ) else {
            return self.write(&Answer::new(400).bytes("0")).await;
        };
        let answer = self.respond(request, stream);
        let accepted = answer.status == 200;
        self.write(&answer.bytes(&cseq)).await?;
        if accepted {
            self.after(request.method());
        }
        Ok(())
    }

    /// What follows an accepted request, once its answer is on the way: media must not overtake it.
    fn after(&mut self, method: &Method) {
        match (method, &self.stream) {
            (Method::Play, Some(stream)) => stream.join(&self.client),
            (Method::Teardown, _) => self.stream = None,
            _ => {}
        }
    }

    fn respond(&mut self, request: &Request<Vec<u8>>, stream: Option<Arc<Stream>>) -> Answer {
        if let Some(option) = header(request, &headers::REQUIRE) {
            return Answer::new(551).with("Unsupported", option);
        }
        if *request.method() == Method::Options {
            return Answer::new(200).with("Public", METHODS);
        }
        if !self.admits(request) {
            return auth::challenges(&self.nonce)
                .into_iter()
                .fold(Answer::new(401), |answer, challenge| answer.with("WWW-Authenticate", challenge));
        }
        match request.method() {
            Method::Describe => self.describe(request, stream),
            Method::Setup => self.set_up(request, stream),
            Method::Play => self.in_session(request, Self::play),
            Method::Pause => self.in_session(request, Self::pause),
            Method::Teardown => self.in_session(request, Self::pause),
            Method::GetParameter | Method::SetParameter => self.alive(request),
            _ => Answer::new(405).with("Allow", METHODS),
        }
    }

    fn describe(&self, request: &Request<Vec<u8>>, stream: Option<Arc<Stream>>) -> Answer {
        let (Some(stream), Some(url)) = (stream, request.request_uri()) else { return Answer::new(404) };
        let control = format!("{}/", url.as_str().trim_end_matches('/'));
        let mut answer = Answer::new(200).with("Content-Base", &control).with("Content-Type", "application/sdp");
        answer.body = sdp::describe(&stream.params(), &control);
        answer
    }

    fn set_up(&mut self, request: &Request<Vec<u8>>, stream: Option<Arc<Stream>>) -> Answer {
        let Some(stream) = stream else { return Answer::new(404) };
        if self.stream.as_ref().is_some_and(|known| !Arc::ptr_eq(known, &stream)) {
            return Answer::new(455);
        }
        let track = match request.request_uri().and_then(|url| url.path().rsplit('/').next()) {
            Some("track1") => Track::Video,
            Some("track2") if stream.params().audio.is_some() => Track::Audio,
            Some("track2") => return Answer::new(404),
            _ => return Answer::new(459),
        };
        let asked = header(request, &headers::TRANSPORT).unwrap_or_default();
        let ssrc = u32::from_ne_bytes(self.server.world.random());
        let Some((route, told)) = asked.split(',').find_map(|one| self.route(one.trim(), track)) else {
            return Answer::new(461);
        };
        let sequence = u16::from_ne_bytes(self.server.world.random());
        self.client.set_up(track, Outlet::new(route, ssrc, sequence));
        self.stream = Some(stream);
        Answer::new(200).with("Transport", format!("{told};ssrc={ssrc:08X}")).with("Session", self.session_header())
    }

    /// The way that a transport specification (RFC 2326 §12.39) asks for, and how it is confirmed.
    fn route(&self, specification: &str, track: Track) -> Option<(Route, String)> {
        let parameter =
            |name: &str| specification.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let protocol = specification.split(';').next()?.trim().to_ascii_uppercase();
        if specification.split(';').any(|part| part.trim() == "multicast") {
            return None;
        }
        match protocol.as_str() {
            "RTP/AVP/TCP" => {
                let usual = (track.id() as u8 - 1) * 2;
                let channel =
                    parameter("interleaved").map_or(Some(usual), |text| pair(text).map(|(low, _)| low as u8))?;
                let told = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel.checked_add(1)?);
                Some((Route::Interleaved { channel }, told))
            }
            "RTP/AVP" | "RTP/AVP/UDP" => {
                let (low, high) = pair(parameter("client_port")?)?;
                let (rtp, rtcp, port) = datagram_sockets(self.local.ip(), self.peer, low, high).ok()?;
                let told = format!(
                    "{protocol};unicast;client_port={low}-{high};server_port={port}-{};source={}",
                    port + 1,
                    self.local.ip()
                );
                Some((Route::Datagrams { rtp, rtcp }, told))
            }
            _ => None,
        }
    }

    fn in_session(&self, request: &Request<Vec<u8>>, then: impl Fn(&Self, &Arc<Stream>, &str) -> Answer) -> Answer {
        match &self.stream {
            Some(stream) if self.names_session(request) => {
                then(self, stream, request.request_uri().map_or("", |url| url.as_str()))
            }
            _ => Answer::new(454),
        }
    }

    fn play(&self, stream: &Arc<Stream>, url: &str) -> Answer {
        stream.begin_session();
        let base = url.trim_end_matches('/');
        let now = self.server.world.clock.monotonic();
        let told: Vec<String> = [Track::Video, Track::Audio]
            .into_iter()
            .filter_map(|track| {
                let (_, sequence) = self.client.position(track)?;
                let time = stream.timestamp(track, now);
                Some(format!("url={base}/track{};seq={sequence};rtptime={time}", track.id()))
            })
            .collect();
        Answer::new(200)
            .with("Range", "npt=now-")
            .with("RTP-Info", told.join(","))
            .with("Session", self.session_header())
    }

    fn pause(&self, stream: &Arc<Stream>, _: &str) -> Answer {
        stream.leave(&self.client);
        Answer::new(200).with("Session", self.session_header())
    }

    fn alive(&self, request: &Request<Vec<u8>>) -> Answer {
        match header(request, &headers::SESSION) {
            Some(_) if self.names_session(request) => Answer::new(200).with("Session", self.session_header()),
            Some(_) => Answer::new(454),
            None => Answer::new(200),
        }
    }

    fn names_session(&self, request: &Request<Vec<u8>>) -> bool {
        let named = header(request, &headers::SESSION).unwrap_or_default();
        named.split(';').next().is_some_and(|id| id.trim() == self.session)
    }

    fn session_header(&self) -> String {
        format!("{};timeout={}", self.session, self.server.timeout.as_secs())
    }

    fn admits(&self, request: &Request<Vec<u8>>) -> bool {
        if self.suffers(Kind::RefusePassword) {
            return false;
        }
        let Some(credentials) = &self.server.credentials else { return true };
        let sent = header(request, &headers::AUTHORIZATION).unwrap_or_default();
        auth::admits(credentials, &self.nonce, request.method().into(), &sent)
    }

    /// The camera and the stream that an address names: `/camN/main`, `/camN/sub`, or `/Preview_NN_main` and its like as
    /// Reolink devices have them; and a track behind it.
    fn target(&self, request: &Request<Vec<u8>>) -> (Option<Arc<Camera>>, Option<Arc<Stream>>) {
        let mut parts =
            request.request_uri().into_iter().flat_map(|url| url.path().split('/')).filter(|p| !p.is_empty());
        let (number, named) = parts.next().and_then(place).unwrap_or_default();
        let index = number.checked_sub(1).filter(|index| !self.server.absent.contains(index));
        let camera = index.and_then(|index| self.server.cameras.get(index)).cloned();
        let stream = camera.as_ref().and_then(|camera| match named.or_else(|| parts.next()) {
            Some("main") => Some(camera.streams[0].clone()),
            Some("sub") => Some(camera.streams[1].clone()),
            _ => None,
        });
        (camera, stream)
    }

    fn suffers(&self, kind: Kind) -> bool {
        let now = self.server.world.clock.monotonic();
        self.camera.as_ref().is_some_and(|camera| camera.faults.active(kind, now))
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while let (true, Some((first, others))) = (self.suffers(Kind::SlowLoris), rest.split_first()) {
            self.client.write(&[*first]);
            rest = others;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.client.write(rest);
        while !self.client.flush() {
            self.client.socket().writable().await?;
        }
        Ok(())
    }
}

/// The next request in the buffer, if it is whole; packets that the client sends between requests are passed over.
fn take_request(buffer: &mut Vec<u8>) -> io::Result<Option<Request<Vec<u8>>>> {
    loop {
        let blank = buffer.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count();
        buffer.drain(..blank);
        if buffer.is_empty() {
            return Ok(None);
        }
        match Message::parse(buffer) {
            Ok((message, len)) => {
                buffer.drain(..len);
                if let Message::Request(request) = message {
                    return Ok(Some(request));
                }
            }
            Err(ParseError::Incomplete(_)) => return Ok(None),
            Err(ParseError::Error) => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The number of a camera, and its stream if the same part of the path names it.
fn place(part: &str) -> Option<(usize, Option<&str>)> {
    if let Some(number) = part.strip_prefix("cam") {
        return Some((number.parse().ok()?, None));
    }
    let codec = part.strip_prefix("h264").or_else(|| part.strip_prefix("h265")).unwrap_or(part);
    let (number, stream) = codec.strip_prefix("Preview_")?.split_once('_')?;
    Some((number.parse().ok()?, Some(stream)))
}

fn header(request: &Request<Vec<u8>>, name: &HeaderName) -> Option<String> {
    request.header(name).map(|value| value.as_str().to_owned())
}

/// `5000-5001`, or `5000` alone for itself and the next.
fn pair(text: &str) -> Option<(u16, u16)> {
    match text.split_once('-') {
        Some((low, high)) => Some((low.trim().parse().ok()?, high.trim().parse().ok()?)),
        None => text.trim().parse().ok().and_then(|low: u16| Some((low, low.checked_add(1)?))),
    }
}

/// Two sockets on an even port and the next one (RFC 3550 §11), connected to the client's.
fn datagram_sockets(local: IpAddr, peer: IpAddr, low: u16, high: u16) -> io::Result<(UdpSocket, UdpSocket, u16)> {
    for _ in 0..64 {
        let rtp = UdpSocket::bind((local, 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 != 0 {
            continue;
        }
        if let Ok(rtcp) = UdpSocket::bind((local, port + 1)) {
            rtp.connect((peer, low))?;
            rtcp.connect((peer, high))?;
            for socket in [&rtp, &rtcp] {
                socket.set_nonblocking(true)?;
            }
            // A whole key frame leaves in one burst.
            let _ = socket2::SockRef::from(&rtp).set_send_buffer_size(2 << 20);
            return Ok((rtp, rtcp, port));
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn requests_are_taken_one_by_one_and_packets_between_them_passed_over() {
        let mut buffer = b"\r\n$\x01\x00\x02abOPTIONS rtsp://h/cam1/main RTSP/1.0\r\nCSeq: 1\r\n\r\nOPT".to_vec();
        let request = take_request(&mut buffer).unwrap().unwrap();
        assert_eq!(header(&request, &headers::CSEQ).as_deref(), Some("1"));
        assert!(take_request(&mut buffer).unwrap().is_none());
        assert_eq!(buffer, b"OPT");
        assert!(take_request(&mut b"\x00\x01\x02 nonsense\r\n\r\n".to_vec()).is_err());
    }

    #[tokio::test]
    async fn a_client_that_falls_silent_is_let_go_and_one_that_speaks_is_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let timeout = Duration::from_millis(600);
        let server = Server { cameras: vec![], absent: vec![], credentials: None, world: World::system(), timeout };
        let stop = Shutdown::new();
        tokio::spawn(serve(Arc::new(server), listener, stop.clone()));
        let (mut silent, mut speaking) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            speaking.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").await.unwrap();
            assert!(speaking.read(&mut [0; 1000]).await.unwrap() > 0);
        }
        assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0, "closed");
        stop.begin();
    }

    #[test]
    fn port_pairs() {
        assert_eq!(pair("5000-5001"), Some((5000, 5001)));
        assert_eq!(pair("5000"), Some((5000, 5001)));
        assert_eq!(pair("65535"), None);
        assert_eq!(pair("x-y"), None);
    }
}
