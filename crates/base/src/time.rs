//! Instants and ranges: microseconds since 1970 in UTC, written as RFC 3339.

use crate::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr, time::Duration};

/// An instant in UTC with microsecond precision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// The earliest instant that can be told.
    pub const MIN: Time = Time(-62_135_596_800_000_000);
    /// The latest instant that can be told (year 9999).
    pub const MAX: Time = Time(253_402_207_200_000_000);

    /// The instant that many microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// How much later `self` is than `earlier`; zero if it is not.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// Signed microseconds from `other` to `self`.
    pub const fn micros_from(self, other: Time) -> i64 {
        self.0.saturating_sub(other.0)
    }

    /// The start of the UTC hour that holds this instant.
    pub const fn hour(self) -> Time {
        Time(self.0 - self.0.rem_euclid(3_600_000_000))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, step: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(step.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, step: Duration) -> Time {
        Time(self.0.saturating_sub(i64::try_from(step.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Time {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        text.parse::<jiff::Timestamp>()
            .map(|timestamp| Time(timestamp.as_microsecond()))
            .map_err(|_| Error::invalid(format!("not an RFC 3339 instant: {:.64}", text.escape_debug().to_string())))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A half-open range of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub start: Time,
    pub end: Time,
}

impl Range {
    /// The range from `start` to `end`; an error unless `start` is earlier.
    pub fn new(start: Time, end: Time) -> Result<Self> {
        if end <= start {
            return Err(Error::invalid("end must be later than start").field("end"));
        }
        Ok(Self { start, end })
    }

    /// How long the range is.
    pub fn duration(self) -> Duration {
        self.end.since(self.start)
    }

    /// Whether the instant lies inside.
    pub fn contains(self, time: Time) -> bool {
        self.start <= time && time < self.end
    }

    /// The part that both ranges share, if any.
    pub fn intersection(self, other: Range) -> Option<Range> {
        let (start, end) = (self.start.max(other.start), self.end.min(other.end));
        (start < end).then_some(Range { start, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_to_the_microsecond() {
        let time: Time = "2026-10-25T02:30:00.000001+02:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-10-25T00:30:00.000001Z");
        assert!("yesterday".parse::<Time>().is_err());
    }

    #[test]
    fn a_range_ends_after_it_starts() {
        let (a, b) = (Time::from_micros(10), Time::from_micros(20));
        assert!(Range::new(b, a).is_err() && Range::new(a, a).is_err());
        let range = Range::new(a, b).unwrap();
        assert!(range.contains(a) && !range.contains(b));
    }
}
