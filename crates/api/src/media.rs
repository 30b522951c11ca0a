//! Tickets for media routes: which camera and which time a request is about, and the right to it, written to the view
//! log before the handler runs.

use crate::{App, access::View, error::Problem};
use accounts::Caller;
use axum::{
    RequestExt,
    extract::{FromRequestParts, RawPathParams, Request},
};
use base::{Error, Range, Result, Time};
use devices::{
    CameraId,
    grant::{Action, ViewTicket},
};
use http::request::Parts;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// No fragment is longer: what one request for a segment can show.
const LONGEST_FRAGMENT: Duration = Duration::from_secs(4);

/// A ticket on its way from the gate to the handler, which takes it out: it serves once.
#[derive(Clone)]
pub struct Viewing(Arc<Mutex<Option<ViewTicket>>>);

impl Viewing {
    /// Checks the right to what the request asks for and writes the view log.
    pub async fn begin(app: &App, caller: &Caller, view: View, request: &mut Request) -> Result<Self, Problem> {
        let params = request.extract_parts::<RawPathParams>().await.map_err(|_| Error::not_found("no such camera"))?;
        let id = params.iter().find(|(name, _)| *name == "id").map_or("", |(_, value)| value);
        let camera = id.parse::<CameraId>().map_err(|_| Error::not_found("no such camera"))?;
        let range = view.range(request.uri().query().unwrap_or_default())?;
        let ticket = app.devices.ticket(caller, camera, view.action(), range).await?;
        Ok(Self(Arc::new(Mutex::new(Some(ticket)))))
    }
}

/// The ticket of a media route. Only such a route has one.
pub struct Ticket(pub ViewTicket);

impl<S: Sync> FromRequestParts<S> for Ticket {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let viewing = parts.extensions.get::<Viewing>();
        let ticket = viewing.and_then(|viewing| viewing.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        ticket.map(Self).ok_or_else(|| Error::internal("the route has no view line in the table").into())
    }
}

impl View {
    fn action(self) -> Action {
        match self {
            View::Live => Action::Live,
            View::Play => Action::Play,
            View::Download => Action::Download,
            View::Snapshot => Action::Snapshot,
            View::Thumbnail => Action::Thumbnail,
        }
    }

    /// What the query asks to see; `None` is the present moment.
    fn range(self, query: &str) -> Result<Option<Range>> {
        let at = |at: Time, long| Some(Range { start: at, end: at + long });
        Ok(match self {
            View::Live => None,
            View::Play => at(needed(query, "at")?, LONGEST_FRAGMENT),
            View::Download => {
                Some(range(query, cloud::playback::LONGEST_RECORDING, "a recording covers at most 24 hours")?)
            }
            View::Snapshot => instant(query, "at")?.and_then(|time| at(time, Duration::from_micros(1))),
            View::Thumbnail => at(needed(query, "at")?, Duration::from_micros(1)),
        })
    }
}

/// The instant in a field of a query.
pub fn instant(query: &str, field: &'static str) -> Result<Option<Time>> {
    let named =
        |(name, value): (std::borrow::Cow<str>, std::borrow::Cow<str>)| (name == field).then(|| value.into_owned());
    // A plus sign that was not written as %2B arrives as a space; no instant holds one.
    let found = form_urlencoded::parse(query.as_bytes()).find_map(named);
    found.map(|text| text.replace(' ', "+").parse::<Time>().map_err(|error| error.field(field))).transpose()
}

fn needed(query: &str, field: &'static str) -> Result<Time> {
    instant(query, field)?.ok_or_else(|| Error::invalid(format!("say {field}, as an RFC 3339 instant")).field(field))
}

/// `start` and `end` of a query, no further apart than `most`.
pub fn range(query: &str, most: Duration, too_long: &str) -> Result<Range> {
    let range = Range::new(needed(query, "start")?, needed(query, "end")?)?;
    match range.duration() > most {
        true => Err(Error::out_of_range(too_long).field("end")),
        false => Ok(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;

    #[test]
    fn a_query_names_a_range_or_says_which_field_is_wrong() {
        let day = Duration::from_secs(86_400);
        let ask = |query: &str| range(query, day, "too long").map_err(|error| (error.kind(), error.at_field()));
        assert!(ask("start=2026-03-01T00:00:00Z&end=2026-03-01T01:00:00%2B00:00").is_ok());
        assert!(ask("start=2026-03-01T00:00:00+00:00&end=2026-03-01T01:00:00+00:00").is_ok(), "an unescaped plus");
        assert_eq!(ask("end=2026-03-01T00:00:00Z"), Err((Kind::Invalid, Some("start"))));
        assert_eq!(ask("start=2026-03-01T00:00:00Z&end=noon"), Err((Kind::Invalid, Some("end"))));
        assert_eq!(ask("start=2026-03-01T00:00:00Z&end=2026-03-01T00:00:00Z"), Err((Kind::Invalid, Some("end"))));
        assert_eq!(ask("start=2026-03-01T00:00:00Z&end=2027-03-01T00:00:00Z"), Err((Kind::OutOfRange, Some("end"))));
    }

    #[test]
    fn the_log_is_told_of_the_time_that_is_shown() {
        let at: Time = "2026-03-01T00:00:00Z".parse().unwrap();
        assert_eq!(View::Live.range("").unwrap(), None);
        assert_eq!(View::Snapshot.range("").unwrap(), None);
        let play = View::Play.range("stream=main&at=2026-03-01T00:00:00Z").unwrap().unwrap();
        assert_eq!((play.start, play.end), (at, at + LONGEST_FRAGMENT));
        assert!(View::Thumbnail.range("").is_err() && View::Download.range("").is_err());
    }
}
