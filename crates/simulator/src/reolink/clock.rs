//! The clock of a device, which may be wrong: its skew, its zone, and the broken-down times of the API.

use super::Refusal;
use base::Time;
use jiff::{Timestamp, civil::DateTime, tz::Offset};
use serde_json::{Value, json};

/// How a device's clock stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Seconds by which it is ahead of the truth; negative if it is behind.
    pub skew: i64,
    /// Seconds by which its zone is ahead of UTC.
    pub zone: i32,
}

impl Clock {
    /// What the device's clock shows at that moment.
    pub(super) fn shows(self, time: Time) -> DateTime {
        let micros = time.micros().saturating_add((self.skew + i64::from(self.zone)).saturating_mul(1_000_000));
        let timestamp = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
        Offset::UTC.to_datetime(timestamp)
    }

    /// The moment at which the device's clock shows that.
    pub(super) fn moment(self, shown: DateTime) -> Option<Time> {
        let micros = Offset::UTC.to_timestamp(shown).ok()?.as_microsecond();
        Some(Time::from_micros(micros - (self.skew + i64::from(self.zone)) * 1_000_000))
    }
}

/// `{year, mon, day, hour, min, sec}`.
pub(super) fn broken_down(shown: DateTime) -> Value {
    json!({
        "year": shown.year(), "mon": shown.month(), "day": shown.day(),
        "hour": shown.hour(), "min": shown.minute(), "sec": shown.second(),
    })
}

/// The time that the six fields tell.
pub(super) fn told(value: &Value) -> Result<DateTime, Refusal> {
    let field = |name: &str| value.get(name).and_then(Value::as_i64).and_then(|number| i16::try_from(number).ok());
    let small = |name: &str| field(name).and_then(|number| i8::try_from(number).ok());
    let time = || {
        let (year, month, day) = (field("year")?, small("mon")?, small("day")?);
        DateTime::new(year, month, day, small("hour")?, small("min")?, small("sec")?, 0).ok()
    };
    time().ok_or(Refusal(-4, "param error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_is_wrong_both_ways() {
        let time: Time = "2026-11-24T12:00:00Z".parse().unwrap();
        let clock = Clock { skew: 37, zone: 3600 };
        assert_eq!(clock.shows(time).to_string(), "2026-11-24T13:00:37");
        assert_eq!(clock.moment(clock.shows(time)), Some(time));
        assert_eq!(told(&broken_down(clock.shows(time))), Ok(clock.shows(time)));
        assert!(told(&json!({"year": 2026, "mon": 13, "day": 1, "hour": 0, "min": 0, "sec": 0})).is_err());
    }
}
