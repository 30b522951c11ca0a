//! The recordings on a device's card or disk: found by time, fetched with a place to go on from. They fill gaps.

use super::{
    Clock, Error, Kind, Reolink, Size,
    answer::{Command, fits, items},
    health::{broken_down, civil, told},
    link::{self, Open, Query},
};
use base::{Range, Time};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Response, StatusCode,
    body::Incoming,
    header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap},
};
use serde_json::{Value, json};

/// Clips of one answer at most.
const CLIPS: usize = 4096;
/// Characters of the name of a clip at most.
const NAME: usize = 512;
/// Bytes of a clip at most: the largest file of a FAT card.
const LARGEST: u64 = u32::MAX as u64;
/// Bytes of an error that came in place of a clip.
const REFUSAL: usize = 64 << 10;

/// A recording on the device.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    pub channel: u8,
    pub size: Size,
    /// What the device calls it.
    name: String,
    /// By our clock, made good for the skew of the device's.
    pub span: Range,
    /// As the device tells it.
    pub bytes: u64,
}

impl Reolink {
    /// The recordings of a channel that share a moment with that time, in order. Wakes nobody.
    pub async fn search(&self, channel: u8, size: Size, wanted: Range) -> Result<Vec<Clip>, Error> {
        let clock = self.clock().await?;
        let shown = |time: Time| {
            let civil = civil(clock.shows(time)).ok_or(Error::Invalid("the time is out of range"))?;
            Ok::<_, Error>(broken_down(civil))
        };
        let search = json!({"Search": {
            "channel": channel, "onlyStatus": 0, "streamType": size.word(),
            "StartTime": shown(wanted.start)?, "EndTime": shown(wanted.end)?,
        }});
        let found = self.session.one(Command::new("Search", search)).await?;
        let mut clips = clips(&found, channel, &clock);
        clips.retain(|clip| clip.span.intersection(wanted).is_some());
        clips.iter_mut().for_each(|clip| clip.size = size);
        Ok(clips)
    }

    /// Fetches a clip from that byte on.
    pub async fn download(&self, clip: &Clip, from: u64) -> Result<Download, Error> {
        let source = match self.kind().await? {
            Kind::Camera => clip.name.clone(),
            Kind::Recorder | Kind::Hub => self.prepare(clip).await?,
        };
        let output = source.rsplit('/').next().unwrap_or_default().to_owned();
        let query = |query: Query| query.with("source", &source).with("output", &output);
        let (response, open) = self.session.link.open(&query(self.session.query("Download").await?), from).await?;
        Download::begin(response, open, from).await
    }

    /// A recorder cuts a file first; the name of that.
    async fn prepare(&self, clip: &Clip) -> Result<String, Error> {
        let clock = self.clock().await?;
        let shown =
            |time: Time| civil(clock.shows(time)).map(broken_down).ok_or(Error::Invalid("the time is out of range"));
        let cut = json!({"NvrDownload": {
            "channel": clip.channel, "streamType": clip.size.word(),
            "StartTime": shown(clip.span.start)?, "EndTime": shown(clip.span.end)?,
        }});
        let made = self.session.one(Command::new("NvrDownload", cut)).await?;
        let files = items(&made["fileList"], CLIPS);
        let largest = files.max_by_key(|file| fits::<u64>(file, "fileSize"));
        largest
            .and_then(|file| name(file, "fileName"))
            .ok_or(Error::Garbled { command: "NvrDownload", what: "no file" })
    }
}

/// The clips of an answer to `Search`.
pub(super) fn clips(value: &Value, channel: u8, clock: &Clock) -> Vec<Clip> {
    let clip = |file: &Value| {
        let (start, end) = (told(&file["StartTime"])?, told(&file["EndTime"])?);
        Some(Clip {
            channel,
            size: Size::Main,
            name: name(file, "name")?,
            span: Range::new(clock.moment(start), clock.moment(end)).ok()?,
            bytes: fits(file, "size").unwrap_or(0),
        })
    };
    let mut clips: Vec<Clip> = items(&value["SearchResult"]["File"], CLIPS).filter_map(clip).collect();
    clips.sort_by_key(|clip| clip.span.start);
    clips
}

fn name(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().filter(|name| !name.is_empty() && name.len() <= NAME).map(str::to_owned)
}

/// A clip on its way.
pub struct Download {
    body: Incoming,
    _open: Open,
    /// Bytes of the whole clip.
    pub len: u64,
    /// How many of them are here: where to go on from if the rest fails.
    pub at: u64,
}

impl Download {
    async fn begin(response: Response<Incoming>, open: Open, from: u64) -> Result<Self, Error> {
        let headers = response.headers();
        let rest: Option<u64> = header(headers, CONTENT_LENGTH).and_then(|length| length.parse().ok());
        // Errors are JSON, which comes as text/html as pages do; a clip comes as bytes, however that is spelt.
        let kind = header(headers, hyper::header::CONTENT_TYPE).unwrap_or_default();
        if kind.starts_with("text/") || kind.ends_with("json") {
            return Err(refused(response).await);
        }
        let whole = || header(headers, CONTENT_RANGE)?.rsplit_once('/')?.1.parse().ok();
        let (at, len) = match response.status() {
            StatusCode::PARTIAL_CONTENT => (from, whole().or_else(|| Some(from + rest?))),
            _ => (0, rest),
        };
        let len = len.filter(|len| (at..=LARGEST).contains(len));
        let len = len.ok_or(Error::Garbled { command: "Download", what: "a video of no known length" })?;
        Ok(Self { body: response.into_body(), _open: open, len, at })
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// An error if the device stops for longer than it may, or sends fewer or more bytes than it said.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = tokio::time::timeout(link::ANSWER, self.body.frame()).await;
            let Some(frame) = frame.map_err(|_| link::slow("the video"))? else { break };
            let Ok(data) = frame.map_err(link::broken)?.into_data() else { continue };
            self.at += data.len() as u64;
            if self.at > self.len {
                return Err(Error::Garbled { command: "Download", what: "more bytes than it said" });
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
        if self.at < self.len { Err(crate::Error::Closed.into()) } else { Ok(None) }
    }
}

async fn refused(response: Response<Incoming>) -> Error {
    let body = http_body_util::Limited::new(response.into_body(), REFUSAL).collect();
    let bytes = tokio::time::timeout(link::ANSWER, body).await.ok().and_then(Result::ok).map(|body| body.to_bytes());
    match bytes.as_deref().and_then(super::answer::refusal) {
        Some(code) => Error::Refused { command: "Download", code },
        None => Error::Garbled { command: "Download", what: "no video" },
    }
}

fn header(headers: &HeaderMap, name: hyper::header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn clips_are_told_in_our_time_and_in_order() {
        let time = |min| json!({"year": 2026, "mon": 11, "day": 24, "hour": 13, "min": min, "sec": 37});
        let file = |name: &str, min| json!({"name": name, "StartTime": time(min), "EndTime": time(min + 1), "size": "14987438"});
        let found = json!({"SearchResult": {"File": [file("b", 1), file("a", 0), {"name": "x"}, file("", 2)]}});
        let clock = Clock { zone: 3600, skew: 37, within: Duration::ZERO };
        let clips = clips(&found, 0, &clock);
        assert_eq!(clips.iter().map(|clip| clip.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(clips[0].span.start, "2026-11-24T12:00:00Z".parse().unwrap());
        assert_eq!(clips[0].bytes, 14_987_438);
    }
}
