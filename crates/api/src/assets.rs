//! The web app, embedded in the program: pre-compressed, cached for good where its name holds a hash, with a content
//! policy that runs our own scripts only. Paths that the app routes itself get its one page.

use crate::App;
use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::{borrow::Cow, sync::Arc, sync::LazyLock};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/build"]
#[allow_missing = true]
struct Web;

/// Shown when the program was built before the web app was.
const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Nightjar</title>\
<h1>Nightjar is running</h1><p>The web app is not part of this build. Run <code>npm ci</code> and \
<code>npm run build</code> in <code>web</code>, then build the program again. The API answers under \
<code>/api/v1</code>.</p></html>";

/// The page of the app, and the content policy under which it runs.
static PAGE: LazyLock<(Cow<'static, [u8]>, HeaderValue)> = LazyLock::new(|| {
    let page = Web::get("index.html").map_or(Cow::Borrowed(ABSENT.as_bytes()), |file| file.data);
    let policy = content_policy(&String::from_utf8_lossy(&page));
    (page, HeaderValue::from_str(&policy).expect("hashes are base64"))
});

/// Answers whatever no route of the API has taken.
pub async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return crate::error::Problem::method_not_allowed().into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    match Web::get(path).filter(|_| path != "index.html") {
        Some(file) => asset(path, file, request.headers()),
        None if is_navigation(path, request.headers()) => page(&app, request.uri().path(), request.headers()).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Whether a browser goes to a page, rather than a page asking for a file that is not there.
fn is_navigation(path: &str, headers: &HeaderMap) -> bool {
    let html = |accept: &HeaderValue| {
        accept.to_str().is_ok_and(|accept| accept.contains("text/html") || accept.contains("*/*"))
    };
    let file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    (!file || path == "index.html") && headers.get(header::ACCEPT).is_none_or(html)
}

async fn page(app: &App, path: &str, headers: &HeaderMap) -> Response {
    let (page, policy) = &*PAGE;
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, policy.clone()),
    ];
    let mut response = (fixed, page.clone().into_owned()).into_response();
    if let Some(cookie) = crate::auth::demo_session(app, path, headers).await {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A file of the app: its compressed sibling if the client takes it, and how long it may be kept.
fn asset(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = BASE64_STANDARD.encode(&file.metadata.sha256_hash()[..12]);
    let cached = if path.contains("/immutable/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let (data, encoding) = compressed(path, headers).unwrap_or((file.data, None));
    let tag = HeaderValue::from_str(&format!("\"{tag}{}\"", encoding.map_or(String::new(), |name| format!("-{name}"))))
        .expect("base64 is a header value");
    let unchanged = headers.get(header::IF_NONE_MATCH) == Some(&tag);
    let fixed = [
        (header::CACHE_CONTROL, HeaderValue::from_static(cached)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (header::ETAG, tag),
    ];
    if unchanged {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    let mut response = (fixed, [(header::CONTENT_TYPE, content_type(path))], data.into_owned()).into_response();
    if let Some(encoding) = encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    // A worker runs under the policy of its own script, not of the page.
    if path == "service-worker.js" {
        let policy = HeaderValue::from_static("default-src 'none'; connect-src 'self'");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The smallest pre-compressed sibling that the client accepts.
fn compressed(path: &str, headers: &HeaderMap) -> Option<(Cow<'static, [u8]>, Option<&'static str>)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let accepts = |name: &str| {
        accepted.split(',').any(|one| {
            let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
            coding.trim().eq_ignore_ascii_case(name) && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
    };
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(coding))
        .find_map(|(coding, suffix)| Some((Web::get(&format!("{path}.{suffix}"))?.data, Some(coding))))
}

fn content_type(path: &str) -> HeaderValue {
    HeaderValue::from_static(match path.rsplit('.').next().unwrap_or_default() {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    })
}

/// Our own scripts, by address or, for the one that starts the app inside the page, by hash; nothing foreign.
fn content_policy(page: &str) -> String {
    let hashes = inline_scripts(page).map(|script| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes());
        format!(" 'sha256-{}'", BASE64_STANDARD.encode(digest))
    });
    format!(
        "default-src 'none'; script-src 'self'{}; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
         connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
        hashes.collect::<String>()
    )
}

/// The text of each script element without `src`.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script").skip(1).filter_map(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let (text, _) = rest.split_once("</script")?;
        (!attributes.contains("src=")).then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_the_page_its_own_inline_script_and_no_other() {
        let policy = content_policy("<p>hi</p><script src=\"/a.js\"></script><script>alert(1)</script>");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"alert(1)");
        let hash = format!("script-src 'self' 'sha256-{}';", BASE64_STANDARD.encode(digest));
        assert!(policy.contains(&hash), "{policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"));
        assert!(content_policy(ABSENT).contains("script-src 'self';"));
    }

    #[test]
    fn files_that_are_not_there_are_not_pages() {
        let accept = |value| HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
        assert!(is_navigation("cameras/abc", &accept("text/html,application/xhtml+xml")));
        assert!(is_navigation("", &HeaderMap::new()));
        assert!(!is_navigation("favicon.ico", &accept("*/*")));
        assert!(!is_navigation("cameras", &accept("application/json")));
        assert!(!is_navigation("_app/immutable/gone.js", &accept("text/html")));
    }

    #[test]
    fn only_known_encodings_are_taken_from_the_header() {
        let none = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("br;q=0, deflate"))]);
        assert!(compressed("index.html", &none).is_none());
    }
}
