//! What holds for every request, before any route is looked at: encrypted, for this host, not sent by a foreign page;
//! and the headers that every answer carries.

use crate::{App, Http, auth, error::Problem};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base::Error;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::Authority};
use policy::enforce;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The connection that a request came on; put into its extensions by the listener.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
}

/// Answers refused requests and lets the others pass.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let asks_for_no_tracking = request.headers().contains_key("dnt");
    let mut response = match check(&app.http, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => *refusal,
    };
    protect(&app.http, response.headers_mut());
    if asks_for_no_tracking {
        // Not tracking (Tracking Preference Expression, section 6.2): nobody is, whatever the header says.
        response.headers_mut().insert("tk", HeaderValue::from_static("N"));
    }
    response
}

fn check(http: &Http, request: &Request) -> Result<(), Box<Response>> {
    let refuse = |problem: Problem| Box::new(problem.into_response());
    let connection = connection(request).map_err(refuse)?;
    let host = host(request)
        // Under any other name nobody would know whose policy they read.
        .filter(|host| http.answers_to(host.host(), connection.local.ip()) || !enforce!(C0_4))
        .ok_or_else(|| refuse(Problem::misdirected()))?;
    enforce!(C6_4, connection.encrypted || !http.encrypted, Box::new(towards_encryption(&host, request)));
    same_origin(&host, request).map_err(|error| refuse(error.into()))
}

/// The connection of a request.
pub fn connection(request: &Request) -> Result<Connection, Problem> {
    let found = request.extensions().get::<Connection>().copied();
    found.ok_or_else(|| Error::internal("the listener gave no connection").into())
}

/// The host that the request names: `:authority` of HTTP/2, `Host` of HTTP/1.
fn host(request: &Request) -> Option<Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?.parse().ok()?;
    hosts.next().is_none().then_some(host)
}

impl Http {
    /// Whether `host` means this server: a configured name, the address that the connection came to, or, on this machine,
    /// `localhost`. Any other name could be a foreign page's own name that resolves to us (DNS rebinding).
    fn answers_to(&self, host: &str, local: IpAddr) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let address = host.parse::<IpAddr>().map(|ip| ip.to_canonical());
        match address {
            Ok(address) if address == local.to_canonical() => true,
            Ok(address) if address.is_loopback() => local.to_canonical().is_loopback(),
            Err(_) if host.eq_ignore_ascii_case("localhost") => local.to_canonical().is_loopback(),
            _ => self.names.iter().any(|name| name.eq_ignore_ascii_case(host)),
        }
    }
}

/// Plain HTTP on a server with TLS: a page is sent to its encrypted address, the API refuses without reading the body.
fn towards_encryption(host: &Authority, request: &Request) -> Response {
    let page = matches!(*request.method(), Method::GET | Method::HEAD) && !is_program_path(request.uri().path());
    let location = format!("https://{host}{}", request.uri().path_and_query().map_or("/", |path| path.as_str()));
    match HeaderValue::from_str(&location) {
        Ok(location) if page => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
        _ => {
            let mut response = Problem::from(Error::denied("this server answers over https only")).into_response();
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}

/// Whether a program and not a browser's address bar asks for the path.
pub fn is_program_path(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/") || matches!(path, "/metrics" | "/healthz" | "/readyz")
}

/// Refuses what a page of another origin sent: unsafe methods and WebSocket handshakes with a foreign `Origin` or
/// `Sec-Fetch-Site`. Programs send neither header and carry a token, but a WebSocket with a cookie must say its origin.
fn same_origin(host: &Authority, request: &Request) -> Result<(), Error> {
    let headers = request.headers();
    let websocket = headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
        || request.method() == Method::CONNECT;
    if request.method().is_safe() && !websocket {
        return Ok(());
    }
    let foreign = || Error::denied("the request came from a page of another origin");
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err(foreign());
    }
    match headers.get(header::ORIGIN) {
        Some(origin) => {
            let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            let same = origin.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host.as_str()));
            same.then_some(()).ok_or_else(foreign)
        }
        None if websocket && auth::has_cookie(headers) => Err(foreign()),
        None => Ok(()),
    }
}

/// Headers of every answer. The content policy of pages is set where pages are made; everything else may load nothing.
fn protect(http: &Http, headers: &mut HeaderMap) {
    const FIXED: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=(), payment=(), usb=(), fullscreen=(self), autoplay=(self)",
        ),
    ];
    // Without these a page elsewhere would learn where its visitor came from, and could hold on to our pages.
    for (name, value) in FIXED.into_iter().filter(|_| enforce!(C10_2)) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    only_known_cookies(headers);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if http.encrypted {
        headers
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    }
}

/// A cookie that the data map does not know is not set: the policy's table would not name it.
fn only_known_cookies(headers: &mut HeaderMap) {
    let is_known = |cookie: &HeaderValue| {
        let name = cookie.as_bytes().split(|byte| *byte == b'=').next().unwrap_or_default();
        crate::data_map::COOKIES.columns.iter().any(|entry| entry.name.as_bytes() == name)
    };
    let http::header::Entry::Occupied(cookies) = headers.entry(header::SET_COOKIE) else { return };
    let (known, unknown): (Vec<_>, Vec<_>) = cookies.remove_entry_mult().1.partition(is_known);
    if !unknown.is_empty() {
        tracing::error!("a cookie without an entry in the data map was not set");
    }
    for cookie in known.into_iter().chain(unknown.into_iter().filter(|_| !enforce!(C4_2))) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn http(encrypted: bool) -> Http {
        Http { names: vec!["nightjar.example".into()], encrypted, demo: None }
    }

    fn connection(encrypted: bool, local: &str) -> Connection {
        Connection { encrypted, local: local.parse().unwrap(), peer: "127.0.0.1:50000".parse().unwrap() }
    }

    fn request(method: Method, path: &str, headers: &[(&str, &str)], connection: Connection) -> Request {
        let mut request = http::Request::builder().method(method).uri(path).extension(connection);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    fn status(http: &Http, request: Request) -> u16 {
        check(http, &request).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn a_cookie_that_the_policy_does_not_name_is_not_set() {
        policy::prove!(C4_2);
        let mut headers = HeaderMap::new();
        for cookie in ["_ga=GA1.2", "__Host-session=abc; Secure", "__Host-sessions=1", "visitor"] {
            headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
        }
        protect(&http(false), &mut headers);
        assert_eq!(headers.get_all(header::SET_COOKIE).iter().collect::<Vec<_>>(), ["__Host-session=abc; Secure"]);
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
    }

    #[test]
    fn only_our_own_names_and_the_address_itself_are_answered() {
        let http = http(false);
        let at =
            |host: &str, local| status(&http, request(Method::GET, "/", &[("host", host)], connection(false, local)));
        for host in ["127.0.0.1:8480", "localhost:8480", "[::1]:8480", "nightjar.example", "NIGHTJAR.example."] {
            assert_eq!(at(host, "127.0.0.1:8480"), 200, "{host}");
        }
        for host in ["evil.example", "192.0.2.1", "127.0.0.1.evil.example", "", "nightjar.example@evil.example"] {
            assert_eq!(at(host, "127.0.0.1:8480"), 421, "{host}");
        }
        assert_eq!(at("192.168.1.9:8480", "192.168.1.9:8480"), 200);
        assert_eq!(at("localhost", "192.168.1.9:8480"), 421);
        assert_eq!(status(&http, request(Method::GET, "/", &[], connection(false, "127.0.0.1:1"))), 421);
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(status(&http, request(Method::GET, "/", &twice, connection(false, "127.0.0.1:1"))), 421);
    }

    #[test]
    fn plain_http_on_a_tls_server_redirects_pages_and_refuses_the_api() {
        policy::prove!(C6_4);
        let plain = connection(false, "127.0.0.1:8480");
        let ask = |method, path| check(&http(true), &request(method, path, &[("host", "localhost:8480")], plain));
        let page = ask(Method::GET, "/cameras?x=1").unwrap_err();
        assert_eq!(page.status(), 308);
        assert_eq!(page.headers()[header::LOCATION], "https://localhost:8480/cameras?x=1");
        for (method, path) in [(Method::GET, "/api/v1/cameras"), (Method::POST, "/"), (Method::GET, "/metrics")] {
            assert_eq!(ask(method, path).unwrap_err().status(), 403, "{path}");
        }
        let encrypted = connection(true, "127.0.0.1:8480");
        assert_eq!(status(&http(true), request(Method::GET, "/", &[("host", "localhost")], encrypted)), 200);
    }

    #[test]
    fn a_page_of_another_origin_can_neither_write_nor_open_a_socket() {
        let http = http(false);
        let ask = |method, more: &[(&str, &str)]| {
            let headers = [&[("host", "localhost:8480")], more].concat();
            status(&http, request(method, "/api/v1/session", &headers, connection(false, "127.0.0.1:8480")))
        };
        assert_eq!(ask(Method::POST, &[("origin", "http://localhost:8480"), ("sec-fetch-site", "same-origin")]), 200);
        assert_eq!(ask(Method::POST, &[]), 200, "a program sends neither");
        for foreign in ["http://evil.example", "http://localhost:9999", "null", "http://localhost:8480.evil.example"] {
            assert_eq!(ask(Method::POST, &[("origin", foreign)]), 403, "{foreign}");
            assert_eq!(ask(Method::GET, &[("origin", foreign), ("upgrade", "WebSocket")]), 403, "{foreign}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(ask(Method::DELETE, &[("sec-fetch-site", site)]), 403, "{site}");
        }
        let cookie = format!("{}=x", auth::COOKIE);
        assert_eq!(ask(Method::GET, &[("upgrade", "websocket"), ("cookie", &cookie)]), 403);
        assert_eq!(ask(Method::GET, &[("upgrade", "websocket")]), 200, "a token needs no origin");
        assert_eq!(
            ask(Method::GET, &[("origin", "http://evil.example")]),
            200,
            "reading answers nothing without a cookie"
        );
    }
}
