//! Footage as a file, as a playlist, and as pictures.

use crate::{
    App,
    auth::Who,
    error::{Problem, Result},
    extract::{Path, Query},
    media::{Ticket, instant, range},
};
use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use base::{Error, Time};
use cloud::Still;
use devices::CameraId;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use std::{ops::Range, sync::Arc};
use uuid::Uuid;

/// Which stream, and whether with sound.
#[derive(Deserialize)]
pub struct Which {
    stream: Option<String>,
    audio: Option<u8>,
}

impl Which {
    pub fn stream(&self) -> base::Result<cloud::Stream> {
        let word = self.stream.as_deref().unwrap_or("main");
        word.parse().map_err(|_| Error::invalid("stream is main or sub").field("stream"))
    }

    pub fn audio(&self) -> bool {
        self.audio != Some(0)
    }
}

/// Footage between two instants as one MP4, 24 hours at most. It starts at the key frame at or before `start` and says so in
/// an edit list; an `end` in the future is cut to the newest footage and stays there. Byte ranges are answered.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/recording.mp4", tag = "footage", params(
    ("id" = Uuid, Path),
    ("start" = String, Query, format = DateTime),
    ("end" = String, Query, format = DateTime),
    ("stream" = Option<String>, Query, description = "`main` (default) or `sub`"),
), responses(
    (status = 200, description = "The file", content_type = "video/mp4"),
    (status = 206, description = "A part of it", content_type = "video/mp4"),
    (status = 404, description = "No such camera, or no footage", body = Problem),
    (status = 416, description = "No such bytes", body = Problem),
    (status = 422, description = "Over 24 hours", body = Problem),
))]
pub async fn recording(
    State(app): State<Arc<App>>,
    Ticket(ticket): Ticket,
    Query(which): Query<Which>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let wanted = ticket.range();
    let recording = app.cloud.recording(ticket, which.stream()?, wanted).await?;
    let (len, tag) = (recording.len(), HeaderValue::from_str(recording.etag()).map_err(no_header)?);
    let name = recording.range().start.to_string().replace(':', "-");
    let disposition = HeaderValue::from_str(&format!("inline; filename=\"{name}.mp4\"")).map_err(no_header)?;
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static("video/mp4")),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::CONTENT_DISPOSITION, disposition),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == tag) {
        return Ok((StatusCode::NOT_MODIFIED, fixed).into_response());
    }
    let asked = match asked(&headers, &tag, len) {
        Asked::Whole => None,
        Asked::Part(part) => Some(part),
        Asked::Nowhere => {
            let unsatisfied = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            return Ok((unsatisfied, Problem::range_not_satisfiable()).into_response());
        }
    };
    let part = asked.clone().unwrap_or(0..len);
    let size = part.end - part.start;
    let range = asked.map(|part| [(header::CONTENT_RANGE, format!("bytes {}-{}/{len}", part.start, part.end - 1))]);
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let body = if method == Method::HEAD { Body::empty() } else { Body::from_stream(recording.content(part)) };
    Ok((status, fixed, range, [(header::CONTENT_LENGTH, size)], body).into_response())
}

fn no_header(error: http::header::InvalidHeaderValue) -> Error {
    Error::internal("a header could not be written").because(error)
}

/// Which bytes a request asks for.
#[derive(Debug, PartialEq)]
pub enum Asked {
    Whole,
    Part(Range<u64>),
    Nowhere,
}

/// Reads `Range` (RFC 9110, 14.2): one range of bytes. What is malformed, of another unit or of several ranges is answered
/// with the whole, as is a range of another version of the file (`If-Range`).
pub fn asked(headers: &HeaderMap, tag: &HeaderValue, len: u64) -> Asked {
    if headers.get(header::IF_RANGE).is_some_and(|version| version != tag) {
        return Asked::Whole;
    }
    let spec = headers.get(header::RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
    let Some((first, last)) = spec.and_then(|spec| spec.trim().split_once('-')) else { return Asked::Whole };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().unwrap_or(u64::MAX));
    let (Some(first_number), Some(last_number)) = (number(first), number(last)) else { return Asked::Whole };
    let (start, end) = match (first.is_empty(), last.is_empty()) {
        (true, true) => return Asked::Whole,
        (true, false) => (len.saturating_sub(last_number), if last_number == 0 { 0 } else { len }),
        (false, true) => (first_number, len),
        (false, false) if last_number < first_number => return Asked::Whole,
        (false, false) => (first_number, last_number.saturating_add(1).min(len)),
    };
    if start < end { Asked::Part(start..end) } else { Asked::Nowhere }
}

/// The footage between two instants as an HLS playlist (RFC 8216) of fragmented MP4, 24 hours at most. Its addresses are
/// relative and need the same credential.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/playlist.m3u8", tag = "footage", params(
    ("id" = Uuid, Path),
    ("start" = String, Query, format = DateTime),
    ("end" = String, Query, format = DateTime),
    ("stream" = Option<String>, Query, description = "`main` (default) or `sub`"),
    ("audio" = Option<u8>, Query, description = "0 leaves the sound out"),
), responses((status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl")))]
pub async fn playlist(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Query(which): Query<Which>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse> {
    let longest = cloud::playback::LONGEST_RECORDING;
    let wanted = range(&query.unwrap_or_default(), longest, "a playlist covers at most 24 hours")?;
    let (stream, audio) = (which.stream()?, which.audio());
    let footage = app.cloud.footage(&caller, CameraId::from(id), stream, wanted).await?;
    let uri = |file: &str, at: Time| format!("{file}?stream={}&audio={}&at={at}", stream.as_str(), u8::from(audio));
    let ended = wanted.end <= app.world.clock.now();
    let text = footage.playlist(|at| uri("init.mp4", at), |at| uri("segment.m4s", at), ended);
    Ok(([(header::CONTENT_TYPE, "application/vnd.apple.mpegurl")], text))
}

/// The initialisation segment for the fragments around an instant. It holds no picture.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/init.mp4", tag = "footage", params(
    ("id" = Uuid, Path),
    ("at" = String, Query, format = DateTime),
    ("stream" = Option<String>, Query, description = "`main` (default) or `sub`"),
    ("audio" = Option<u8>, Query, description = "0 leaves the sound out"),
), responses((status = 200, description = "ftyp and moov", content_type = "video/mp4")))]
pub async fn init(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Query(which): Query<Which>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse> {
    let at = at(&query.unwrap_or_default())?;
    let (mime, bytes) = app.cloud.init(&caller, CameraId::from(id), which.stream()?, at, which.audio()).await?;
    Ok(([(header::CONTENT_TYPE, mime)], bytes))
}

/// One fragment, as a playlist names it. Sound that browsers cannot play (G.711) comes as Opus.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/segment.m4s", tag = "footage", params(
    ("id" = Uuid, Path),
    ("at" = String, Query, format = DateTime),
    ("stream" = Option<String>, Query, description = "`main` (default) or `sub`"),
    ("audio" = Option<u8>, Query, description = "0 leaves the sound out"),
), responses((status = 200, description = "moof and mdat", content_type = "video/iso.segment")))]
pub async fn segment(
    State(app): State<Arc<App>>,
    Ticket(ticket): Ticket,
    Query(which): Query<Which>,
) -> Result<impl IntoResponse> {
    let at = ticket.range().start;
    let bytes = app.cloud.segment(ticket, which.stream()?, at, which.audio()).await?;
    Ok(([(header::CONTENT_TYPE, "video/iso.segment")], bytes))
}

fn at(query: &str) -> base::Result<Time> {
    instant(query, "at")?.ok_or_else(|| Error::invalid("say at, as an RFC 3339 instant").field("at"))
}

/// A picture in full size: at an instant, or the newest.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/snapshot.jpg", tag = "footage", params(
    ("id" = Uuid, Path),
    ("at" = Option<String>, Query, format = DateTime),
    ("stream" = Option<String>, Query, description = "`main` (default) or `sub`"),
), responses((status = 200, description = "JPEG; Last-Modified tells when it was taken", content_type = "image/jpeg")))]
pub async fn snapshot(
    State(app): State<Arc<App>>,
    Ticket(ticket): Ticket,
    Query(which): Query<Which>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let at = instant(&query.unwrap_or_default(), "at")?;
    Ok(picture(app.cloud.snapshot(ticket, which.stream()?, at).await?))
}

/// A small picture of an instant.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/thumbnail.jpg", tag = "footage", params(
    ("id" = Uuid, Path),
    ("at" = String, Query, format = DateTime),
), responses((status = 200, description = "JPEG", content_type = "image/jpeg")))]
pub async fn thumbnail(State(app): State<Arc<App>>, Ticket(ticket): Ticket) -> Result<Response> {
    let at = ticket.range().start;
    Ok(picture(app.cloud.thumbnail(ticket, at).await?))
}

fn picture(still: Still) -> Response {
    let taken = still.time.to_string();
    let headers = [(header::CONTENT_TYPE, "image/jpeg"), (TAKEN, taken.as_str())];
    (headers, still.bytes).into_response()
}

/// When the picture was taken, as an RFC 3339 instant.
const TAKEN: header::HeaderName = header::HeaderName::from_static("nightjar-taken");

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(range: &str) -> Asked {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_str(range).unwrap())]);
        asked(&headers, &HeaderValue::from_static("\"a\""), 1000)
    }

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        assert_eq!(ask("bytes=0-0"), Asked::Part(0..1));
        assert_eq!(ask("bytes=500-"), Asked::Part(500..1000));
        assert_eq!(ask("bytes=-1"), Asked::Part(999..1000));
        assert_eq!(ask("bytes=-5000"), Asked::Part(0..1000));
        assert_eq!(ask("bytes=990-99999999999999999999999"), Asked::Part(990..1000));
        for nowhere in ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(ask(nowhere), Asked::Nowhere, "{nowhere}");
        }
        for whole in ["bytes=5-4", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "seconds=0-1", "bytes", "bytes=+1-2"] {
            assert_eq!(ask(whole), Asked::Whole, "{whole}");
        }
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole() {
        let mut headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-0"))]);
        for (version, part) in [("\"a\"", true), ("\"b\"", false), ("W/\"a\"", false)] {
            headers.insert(header::IF_RANGE, HeaderValue::from_str(version).unwrap());
            let found = asked(&headers, &HeaderValue::from_static("\"a\""), 1000);
            assert_eq!(found == Asked::Part(0..1), part, "{version}");
        }
    }
}
