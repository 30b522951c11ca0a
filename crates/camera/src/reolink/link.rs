//! Requests to a camera's HTTP API (RFC 9112): only to where cameras may be, over TLS that is pinned on first use, with a
//! bound on every answer and every wait. Redirects are not followed.

use super::{
    Error,
    pin::{Fingerprint, Pin},
};
use crate::{Allow, connect, target::split_port};
use base::Secret;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::SendRequest,
    header::{ACCEPT, CONTENT_TYPE, HOST, RANGE},
};
use hyper_util::rt::TokioIo;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// Longest wait for a whole answer.
pub(super) const ANSWER: Duration = Duration::from_secs(15);
/// Bytes of JSON at most.
pub(super) const JSON: usize = 1 << 20;
/// Bytes of a snapshot at most.
pub(super) const JPEG: usize = 8 << 20;

const PATH: &str = "/cgi-bin/api.cgi";
const HTTPS: u16 = 443;
const HTTP: u16 = 80;

/// Where a camera's API is. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct Address {
    host: Secret<String>,
    https: Option<u16>,
    http: Option<u16>,
}

impl Address {
    /// `host`, which is asked over HTTPS and, if nothing listens there, over HTTP; or `https://host[:port]` or
    /// `http://host[:port]`, which is asked only so. A port alone means HTTPS.
    pub fn parse(text: &str) -> Result<Self, crate::Error> {
        let text = text.trim().trim_end_matches('/');
        let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
        let (host, port) = split_port(rest)?;
        let (https, http) = match (scheme.map(str::to_ascii_lowercase).as_deref(), port) {
            (None, None) => (Some(HTTPS), Some(HTTP)),
            (None | Some("https"), port) => (Some(port.unwrap_or(HTTPS)), None),
            (Some("http"), port) => (None, Some(port.unwrap_or(HTTP))),
            _ => return Err(crate::Error::Address("it begins with neither https:// nor http://")),
        };
        Ok(Self { host: Secret::new(host.to_owned()), https, http })
    }

    /// A host, a name or an address without brackets, with the ports of HTTPS and HTTP.
    pub fn new(host: &str, https: Option<u16>, http: Option<u16>) -> Result<Self, crate::Error> {
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let (host, _) = split_port(&bracketed)?;
        Ok(Self { host: Secret::new(host.to_owned()), https, http })
    }

    /// The host, a name or an address; personal.
    pub fn host(&self) -> &str {
        self.host.expose()
    }
}

/// The way to one camera. An idle connection is kept for the next request.
pub(super) struct Link {
    address: Address,
    allow: Allow,
    pin: Arc<Pin>,
    /// HTTPS was refused, and HTTP answered.
    plain: AtomicBool,
    idle: Mutex<Option<Connection>>,
}

type Connection = SendRequest<Full<Bytes>>;

impl Link {
    pub fn new(address: Address, pin: Option<Fingerprint>, allow: Allow) -> Self {
        let plain = AtomicBool::new(address.https.is_none());
        Self { address, allow, pin: Arc::new(Pin::new(pin)), plain, idle: Mutex::default() }
    }

    pub fn host(&self) -> &str {
        self.address.host()
    }

    /// What the certificate of the camera was pinned to; none before the first answer, and over plain HTTP.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.pin.get()
    }

    /// Whether requests travel unencrypted.
    pub fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    /// Posts JSON and answers what comes back, of [`JSON`] bytes at most.
    pub async fn post(&self, query: &Query, body: Vec<u8>) -> Result<Bytes, Error> {
        self.whole(Method::POST, query, body.into(), JSON).await
    }

    /// Gets a whole body of `limit` bytes at most.
    pub async fn get(&self, query: &Query, limit: usize) -> Result<Bytes, Error> {
        self.whole(Method::GET, query, Bytes::new(), limit).await
    }

    async fn whole(&self, method: Method, query: &Query, body: Bytes, limit: usize) -> Result<Bytes, Error> {
        let answered = timeout(ANSWER, async {
            let (response, connection) = self.send(method, query, body, None).await?;
            let bytes = bounded(response, limit).await?;
            // A connection that the camera wants closed is closed by now, and found so when it is next used.
            *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
            Ok(bytes)
        });
        answered.await.unwrap_or(Err(slow("the answer")))
    }

    /// Gets a body that is read by and by, from that byte on. The connection is its own.
    pub async fn open(&self, query: &Query, from: u64) -> Result<(Response<Incoming>, Open), Error> {
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let sent = timeout(ANSWER, self.send(Method::GET, query, Bytes::new(), range));
        let (response, connection) = sent.await.unwrap_or(Err(slow("the answer")))?;
        Ok((response, Open(connection)))
    }

    /// Sends a request, over the idle connection if it still stands.
    async fn send(
        &self,
        method: Method,
        query: &Query,
        body: Bytes,
        range: Option<String>,
    ) -> Result<(Response<Incoming>, Connection), Error> {
        let request = |plain| self.request(&method, query, &body, range.as_deref(), plain);
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut connection) = kept.filter(|connection| !connection.is_closed())
            && connection.ready().await.is_ok()
        {
            match connection.send_request(request(self.is_plain())?).await {
                Ok(response) => return Ok((checked(response)?, connection)),
                // The camera had closed it meanwhile, and did not take the request.
                Err(error) if error.is_canceled() || error.is_incomplete_message() => {}
                Err(error) => return Err(broken(error)),
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.send_request(request(self.is_plain())?).await.map_err(broken)?;
        Ok((checked(response)?, connection))
    }

    fn request(
        &self,
        method: &Method,
        query: &Query,
        body: &Bytes,
        range: Option<&str>,
        plain: bool,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let host = self.address.host().split('%').next().unwrap_or_default();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let port = if plain { self.address.http } else { self.address.https }.unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{PATH}?{}", query.text()))
            .header(HOST, format!("{host}:{port}"))
            .header(ACCEPT, "*/*");
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        request.body(Full::new(body.clone())).map_err(|_| crate::Error::Address("it has no valid host").into())
    }

    /// HTTPS first. HTTP only where nothing listens for HTTPS, and never with a camera that is known by its certificate.
    async fn connect(&self) -> Result<Connection, Error> {
        let (host, Address { https, http, .. }) = (self.address.host(), &self.address);
        if let (Some(port), false) = (*https, self.is_plain()) {
            match connect::connect_to(host, port, &self.allow).await {
                Ok(stream) => {
                    return handshake(self.pin.clone().secure(stream, host).await?).await;
                }
                Err(crate::Error::Refused) if http.is_some() && self.pin.get().is_none() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let port = http.ok_or(crate::Error::Refused)?;
        let stream = connect::connect_to(host, port, &self.allow).await?;
        let connection = handshake(stream).await?;
        self.plain.store(true, Ordering::Relaxed);
        Ok(connection)
    }
}

/// Keeps the connection of a body that is read by and by.
pub(super) struct Open(#[expect(dead_code, reason = "held so that the connection stays")] Connection);

async fn handshake<S>(stream: S) -> Result<Connection, Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends with the sender; what goes wrong on it is told to who waits for an answer.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn checked(response: Response<Incoming>) -> Result<Response<Incoming>, Error> {
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
        StatusCode::MULTIPLE_CHOICES => Err(Error::WantsHttps),
        status if status.is_redirection() => Err(Error::Redirected(status.as_u16())),
        status => Err(Error::Status(status.as_u16())),
    }
}

async fn bounded(response: Response<Incoming>, limit: usize) -> Result<Bytes, Error> {
    match Limited::new(response.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLong { limit }),
        Err(_) => Err(crate::Error::Closed.into()),
    }
}

pub(super) fn slow(step: &'static str) -> Error {
    crate::Error::Timeout { step, limit: ANSWER }.into()
}

/// A failure of HTTP itself; its own words may hold an address.
pub(super) fn broken(error: hyper::Error) -> Error {
    if error.is_parse() {
        return Error::Garbled { command: "the request", what: "no HTTP" };
    }
    crate::Error::Closed.into()
}

/// The query of a request. It holds the token, so it is shown by nobody.
#[derive(Clone, Debug)]
pub(super) struct Query(Secret<String>);

impl Query {
    pub fn new(command: &str, token: Option<&Secret<String>>) -> Self {
        Self(Secret::new(format!("cmd={command}"))).with("token", token.map_or("null", |token| token.expose()))
    }

    /// Adds a value, which may hold anything.
    pub fn with(self, name: &str, value: &str) -> Self {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        Self(Secret::new(format!("{}&{name}={value}", self.0.expose())))
    }

    fn text(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_how_it_is_asked() {
        let ports = |text| Address::parse(text).map(|address| (address.https, address.http));
        assert_eq!(ports("192.168.1.9"), Ok((Some(443), Some(80))));
        assert_eq!(ports("cam.local:8443"), Ok((Some(8443), None)));
        assert_eq!(ports("HTTP://[fe80::1%25eth0]:88/"), Ok((None, Some(88))));
        assert_eq!(ports("https://cam"), Ok((Some(443), None)));
        for wrong in ["ftp://cam", "", "https://", "cam/path", "cam:0", "u:p@cam", "a b"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Address::new("fd00::7", Some(1), None).unwrap().host(), "fd00::7");
    }

    #[test]
    fn a_query_shows_neither_token_nor_what_it_carries() {
        let query = Query::new("Download", Some(&Secret::new("abc".into()))).with("source", "a b&c=d");
        assert_eq!(query.text(), "cmd=Download&token=abc&source=a+b%26c%3Dd");
        assert!(!format!("{query:?}").contains("abc"));
    }
}
