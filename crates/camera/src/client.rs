//! The way to a playing camera: OPTIONS, DESCRIBE, SETUP of each track, PLAY (RFC 2326), each step bounded in time.

use crate::{
    Allow, Error, Session, Target, Transport,
    auth::Authenticator,
    connect::{check_mentioned, connect},
    control::Control,
    dialog::Dialog,
    message::{Message, Response},
    session::CNAME,
    stream::{Receiver, Stream},
    target::Url,
    udp::Sockets,
};
use base::World;
use media::{
    Track,
    interleaved::{Frame, Splitter},
    rtcp,
    rtp::Depacketizer,
    sdp::{self, Kind},
};
use std::{net::IpAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longest wait for the answer to one request.
const ANSWER: Duration = Duration::from_secs(8);
/// Longest way to the first picture, however many answers it takes.
const NEGOTIATION: Duration = Duration::from_secs(20);
/// Longest wait for the answer to TEARDOWN.
const FAREWELL: Duration = Duration::from_millis(500);
/// A camera may send us elsewhere this often.
const REDIRECTS: usize = 2;
/// A request is sent at most this often: bare, with authorization, with a fresh nonce.
const ATTEMPTS: usize = 3;
/// What a camera may send before it has answered; more breaks the protocol.
const UNANSWERED: usize = 4 << 20;
/// Of that, media that is kept for the sink.
const EARLY: usize = 1 << 20;

/// Asks a camera to play. The session is read by a [`crate::Pump`].
///
/// # Errors
/// Says precisely why there is no picture; whatever was set up has been torn down again.
pub async fn play(target: &Target, allow: &Allow, world: &World) -> Result<Session, Error> {
    let playing = timeout(NEGOTIATION, negotiate(target, allow, world)).await;
    playing.unwrap_or(Err(Error::Timeout { step: "the way to the first picture", limit: NEGOTIATION }))
}

async fn negotiate(target: &Target, allow: &Allow, world: &World) -> Result<Session, Error> {
    let (mut connection, description) = describe(target, allow, world).await?;
    let server = description.headers.get("Server").map(printable);
    match connection.set_up(&description, target, allow, world).await {
        Ok((streams, skipped)) => Ok(connection.into_session(streams, skipped, server, world)),
        Err(error) => {
            connection.hang_up().await;
            Err(error)
        }
    }
}

/// Connects and asks for the description, wherever the camera sends us for it.
async fn describe(target: &Target, allow: &Allow, world: &World) -> Result<(Connection, Response), Error> {
    let mut url = target.url.clone();
    let mut credentials = target.credentials.clone();
    for _ in 0..=REDIRECTS {
        let auth = Authenticator::new(credentials.clone());
        let mut connection = Connection::open(&url, auth, allow, world).await?;
        let mut answer = connection.exchange("OPTIONS", &url, &[]).await?;
        connection.control.dialog.get_parameter = offers_get_parameter(&answer);
        if !is_redirect(&answer) {
            answer = connection.exchange("DESCRIBE", &url, &[("Accept", "application/sdp")]).await?;
        }
        if !is_redirect(&answer) {
            connection.accept("DESCRIBE", &answer)?;
            connection.control.dialog.aggregate = content_base(&answer).unwrap_or(url);
            return Ok((connection, answer));
        }
        let next = location(&answer).ok_or_else(|| connection.control.broken("DESCRIBE", "a redirect to nowhere"))?;
        if next.host() != url.host() {
            credentials = None;
        }
        url = next;
    }
    Err(Error::protocol("DESCRIBE", 0, "it redirects too often"))
}

fn offers_get_parameter(options: &Response) -> bool {
    options.headers.all("Public").flat_map(|list| list.split(',')).any(|method| method.trim() == "GET_PARAMETER")
}

fn is_redirect(answer: &Response) -> bool {
    matches!(answer.status, 301 | 302 | 303 | 305 | 307 | 308)
}

fn location(answer: &Response) -> Option<Url> {
    Some(Url::parse(answer.headers.get("Location")?).ok()?.0)
}

/// The URL that relative ones of the description are relative to (RFC 2326, C.1.1).
fn content_base(answer: &Response) -> Option<Url> {
    let named = ["Content-Base", "Content-Location"].into_iter().find_map(|name| answer.headers.get(name))?;
    Some(Url::parse(named).ok()?.0)
}

/// What a declined request means to a person.
fn refusal(method: &'static str, status: u16) -> Error {
    match status {
        401 | 403 => Error::Unauthorized,
        404 | 410 | 454 => Error::NoSuchPath(status),
        status => Error::Rejected { method, status },
    }
}

/// Foreign text that may be shown: short, one line.
fn printable(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(64).collect()
}

/// A connection that still waits for its answers.
struct Connection {
    control: Control,
    /// The same socket as that of `control`, to wait at.
    stream: TcpStream,
    splitter: Splitter,
    early: Vec<u8>,
}

/// A track that will be asked for.
struct Plan {
    track: Track,
    depacketizer: Depacketizer,
    payload_type: u8,
    url: Url,
}

impl Connection {
    async fn open(url: &Url, auth: Authenticator, allow: &Allow, world: &World) -> Result<Self, Error> {
        let socket = connect(url, allow).await?.into_std()?;
        let stream = TcpStream::from_std(socket.try_clone()?)?;
        let control = Control::new(socket, Dialog::new(url.clone(), auth, world.clone()))?;
        Ok(Self { control, stream, splitter: Splitter::new(), early: Vec::new() })
    }

    /// One request and its answer, with authorization if the camera wants it.
    async fn exchange(&mut self, method: &'static str, url: &Url, extra: &[(&str, &str)]) -> Result<Response, Error> {
        for _ in 0..ATTEMPTS {
            let mut request = Vec::new();
            self.control.dialog.request(&mut request, method, url, extra);
            let answer = timeout(ANSWER, self.send_and_hear(method, &request)).await;
            let answer = answer.map_err(|_| Error::Timeout { step: method, limit: ANSWER })??;
            if answer.status != 401 {
                self.control.dialog.auth.accepted(&answer.headers);
                return Ok(answer);
            }
            self.control.dialog.auth.challenged(&answer.headers)?;
        }
        Err(Error::Unauthorized)
    }

    async fn send_and_hear(&mut self, step: &'static str, request: &[u8]) -> Result<Response, Error> {
        self.stream.write_all(request).await?;
        let mut buffer = vec![0; 16 << 10];
        let mut unanswered = 0;
        loop {
            let len = self.stream.read(&mut buffer).await?;
            if len == 0 {
                return Err(Error::Closed);
            }
            if let Some(answer) = self.hear(step, &buffer[..len])? {
                return Ok(answer);
            }
            unanswered += len;
            if unanswered > UNANSWERED {
                return Err(self.control.broken(step, "megabytes instead of an answer"));
            }
        }
    }

    /// Takes bytes; the answer to the latest request, if they complete it. Media is kept for later.
    fn hear(&mut self, step: &'static str, bytes: &[u8]) -> Result<Option<Response>, Error> {
        let Self { control, splitter, early, .. } = self;
        let cseq = control.dialog.cseq();
        let mut answer = Ok(None);
        splitter.feed(bytes, |frame| match frame {
            Frame::Binary { channel, payload } => keep(early, channel, payload),
            Frame::Text(text) => match Message::parse(text) {
                Ok(Message::Response(it)) if it.headers.cseq().is_none_or(|theirs| theirs == cseq) => {
                    answer = Ok(Some(it))
                }
                Ok(Message::Response(_)) => {}
                Ok(Message::Request { .. }) => drop(control.hear(text)),
                Err(what) => answer = Err(control.broken(step, what)),
            },
        });
        control.flush()?;
        answer
    }

    /// Sorts out the answers that are not "yes".
    fn accept(&self, method: &'static str, answer: &Response) -> Result<(), Error> {
        if (200..300).contains(&answer.status) { Ok(()) } else { Err(refusal(method, answer.status)) }
    }

    /// Sets up the tracks that we record and starts them. Gives the tracks and the names of encodings left out.
    async fn set_up(
        &mut self,
        description: &Response,
        target: &Target,
        allow: &Allow,
        world: &World,
    ) -> Result<(Vec<Stream>, Vec<String>), Error> {
        let session = sdp::parse(&description.body).map_err(|error| self.unreadable(&error))?;
        let base = self.control.dialog.aggregate.clone();
        self.control.dialog.aggregate = base.control(session.control.as_deref().unwrap_or("*"))?;
        let (plans, skipped) = choose(&session, &base, target.audio)?;
        self.check_urls(&plans, &target.url, allow).await?;
        let mut streams = Vec::new();
        for plan in plans {
            let track = plan.track;
            match self.set_up_track(plan, target.transport, streams.len() as u8, allow, world).await {
                Ok(stream) => streams.push(stream),
                // A camera may describe a sound that it does not give; its pictures are worth having without.
                Err(Error::Rejected { .. } | Error::NoSuchPath(_)) if track == Track::Audio => {}
                Err(error) => return Err(error),
            }
        }
        let url = self.control.dialog.aggregate.clone();
        let answer = self.exchange("PLAY", &url, &[("Range", "npt=0.000-")]).await?;
        self.accept("PLAY", &answer)?;
        Ok((streams, skipped))
    }

    fn unreadable(&self, error: &media::Error) -> Error {
        Error::protocol("DESCRIBE", self.control.dialog.cseq(), error.to_string())
    }

    async fn check_urls(&self, plans: &[Plan], ours: &Url, allow: &Allow) -> Result<(), Error> {
        let mentioned = plans.iter().map(|plan| &plan.url).chain([&self.control.dialog.aggregate]);
        for url in mentioned.filter(|url| url.host() != ours.host()) {
            check_mentioned(url, self.control.peer, allow).await?;
        }
        Ok(())
    }

    async fn set_up_track(
        &mut self,
        plan: Plan,
        transport: Transport,
        number: u8,
        allow: &Allow,
        world: &World,
    ) -> Result<Stream, Error> {
        let mut sockets = match transport {
            Transport::Tcp => None,
            Transport::Udp => Some(Sockets::bind(self.control.socket().local_addr()?, self.control.peer)?),
        };
        let offer = match &sockets {
            None => format!("RTP/AVP/TCP;unicast;interleaved={}-{}", 2 * number, 2 * number + 1),
            Some(sockets) => {
                let port = sockets.port()?;
                format!("RTP/AVP;unicast;client_port={port}-{}", port + 1)
            }
        };
        let answer = self.exchange("SETUP", &plan.url, &[("Transport", &offer)]).await?;
        self.accept("SETUP", &answer)?;
        self.control.dialog.set_up(&answer.headers)?;
        let reply = TransportReply::parse(answer.headers.get("Transport").unwrap_or_default());
        if let Some(sockets) = &mut sockets {
            let mut source = self.control.peer;
            if let Some(address) = reply.source {
                source.set_ip(address);
                if address != self.control.peer.ip() {
                    allow.check(source)?;
                }
            }
            sockets.open(
                source,
                reply.server_port,
                &rtcp::receiver_report(u32::from_be_bytes(world.random()), &[], CNAME),
            );
        }
        let depacketizer = if sockets.is_some() { plan.depacketizer.reordering() } else { plan.depacketizer };
        Ok(Stream {
            track: plan.track,
            depacketizer,
            payload_type: plan.payload_type,
            sockets,
            channels: reply.interleaved.unwrap_or((2 * number, 2 * number + 1)),
            reception: Receiver::default(),
            heard: None,
            in_key: false,
        })
    }

    fn into_session(
        self,
        streams: Vec<Stream>,
        skipped: Vec<String>,
        server: Option<String>,
        world: &World,
    ) -> Session {
        let mut session = Session::new(self.control, self.splitter, streams, u32::from_be_bytes(world.random()));
        (session.early, session.skipped, session.server) = (self.early, skipped, server);
        session
    }

    /// Says TEARDOWN and waits a moment for the answer.
    async fn hang_up(&mut self) {
        if !self.control.teardown() {
            return;
        }
        let _ = timeout(FAREWELL, async {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = self.stream.read(&mut buffer).await {
                let mut answered = false;
                self.splitter.feed(&buffer[..len], |frame| answered |= matches!(frame, Frame::Text(_)));
                if answered {
                    return;
                }
            }
        })
        .await;
    }
}

/// Keeps an interleaved frame as it came.
fn keep(early: &mut Vec<u8>, channel: u8, payload: &[u8]) {
    if let Ok(len) = u16::try_from(payload.len())
        && early.len() < EARLY
    {
        early.extend_from_slice(&[b'$', channel]);
        early.extend_from_slice(&len.to_be_bytes());
        early.extend_from_slice(payload);
    }
}

/// The first video and audio track that we can record, and the encodings that we cannot.
fn choose(session: &sdp::Session, base: &Url, audio: bool) -> Result<(Vec<Plan>, Vec<String>), Error> {
    let (mut plans, mut skipped): (Vec<Plan>, Vec<String>) = (Vec::new(), Vec::new());
    for medium in &session.media {
        let track = match medium.kind {
            Kind::Video => Track::Video,
            Kind::Audio if audio => Track::Audio,
            _ => continue,
        };
        if plans.iter().any(|plan| plan.track == track) {
            continue;
        }
        match Depacketizer::new(medium) {
            Ok(depacketizer) => {
                let url = base.control(&medium.control)?;
                plans.push(Plan { track, depacketizer, payload_type: medium.payload_type, url });
            }
            Err(_) if track == Track::Video => return Err(Error::UnsupportedCodec(name(medium))),
            Err(_) => skipped.push(name(medium)),
        }
    }
    if !plans.iter().any(|plan| plan.track == Track::Video) {
        return Err(Error::UnsupportedCodec("no video".into()));
    }
    plans.sort_by_key(|plan| plan.track.id());
    Ok((plans, skipped))
}

/// The encoding of a medium as a person may read it.
fn name(medium: &sdp::Media) -> String {
    match medium.encoding.as_str() {
        "" => format!("RTP payload type {}", medium.payload_type),
        encoding => printable(encoding),
    }
}

/// The Transport header of an answer (RFC 2326, 12.39).
#[derive(Debug, Default, PartialEq, Eq)]
struct TransportReply {
    interleaved: Option<(u8, u8)>,
    server_port: Option<(u16, u16)>,
    source: Option<IpAddr>,
}

impl TransportReply {
    fn parse(header: &str) -> Self {
        let mut reply = Self::default();
        for (name, value) in header.split(';').filter_map(|part| part.trim().split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "interleaved" => {
                    reply.interleaved = pair(value).and_then(|(a, b)| Some((a.try_into().ok()?, b.try_into().ok()?)))
                }
                "server_port" => reply.server_port = pair(value).filter(|&(rtp, rtcp)| rtp != 0 && rtcp != 0),
                "source" => reply.source = value.trim().trim_matches(['[', ']']).parse().ok(),
                _ => {}
            }
        }
        reply
    }
}

/// `8-9`, or `8`, which means the same.
fn pair(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.splitn(2, '-').map(|number| number.trim().parse::<u16>());
    let first = numbers.next()?.ok()?;
    let second = numbers.next().and_then(Result::ok).or_else(|| first.checked_add(1))?;
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transport_answers_are_read_with_their_habits() {
        let reply = TransportReply::parse("RTP/AVP/TCP;unicast; Interleaved = 2-3 ;ssrc=0A");
        assert_eq!(reply.interleaved, Some((2, 3)));
        let reply = TransportReply::parse("RTP/AVP;unicast;client_port=5000-5001;server_port=6000;source=10.0.0.7");
        assert_eq!((reply.server_port, reply.source), (Some((6000, 6001)), Some("10.0.0.7".parse().unwrap())));
        for odd in ["", "interleaved=", "interleaved=300-301", "server_port=0-0", "source=camera", "interleaved=x-1"] {
            assert_eq!(TransportReply::parse(odd), TransportReply::default(), "{odd}");
        }
    }

    #[test]
    fn a_declined_request_says_what_to_do() {
        assert_eq!(refusal("DESCRIBE", 404), Error::NoSuchPath(404));
        assert_eq!(refusal("DESCRIBE", 403), Error::Unauthorized);
        assert_eq!(refusal("SETUP", 461), Error::Rejected { method: "SETUP", status: 461 });
    }
}
