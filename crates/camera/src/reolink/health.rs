//! How a device fares: Wi-Fi, storage, battery, clock, load; and whether it sees by day or by night.

use super::{
    Code, Error, Infrared, Reolink,
    answer::{Command, fits, is_on, items, number, text},
};
use base::Time;
use serde_json::{Value, json};
use std::time::Duration;

/// Disks of a device at most.
const DISKS: usize = 16;
/// The largest offset of any zone (UTC+14), in seconds.
const ZONES: i64 = 14 * 3600;
const SECOND: i64 = 1_000_000;

/// How a device fares. What it does not tell is none.
#[derive(Clone, Debug)]
pub struct Health {
    pub wifi: Option<Wifi>,
    pub disks: Vec<Disk>,
    pub battery: Option<Battery>,
    pub clock: Clock,
    /// Whether it sets its clock by a time server.
    pub follows_ntp: Option<bool>,
    /// Percent of the processor in use; not asked of a battery camera, which it would wake.
    pub cpu: Option<u8>,
}

/// The strength of a wireless link, as the device tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wifi {
    /// The number as it came.
    pub raw: u8,
    /// What the number means.
    pub scheme: Scheme,
}

/// The scale of a Wi-Fi strength. It is the firmware's, and no measured level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Bars from 0 to 4.
    Bars,
    /// From 0 to 255, as the guide has it.
    Range255,
}

impl Wifi {
    /// About how strong the signal is in dBm, as `reolink_aio` reckons it from bars.
    pub fn dbm(self) -> Option<i16> {
        (self.scheme == Scheme::Bars).then(|| 10 * i16::from(self.raw) - 85)
    }
}

/// A disk or memory card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// MiB.
    pub capacity: u64,
    /// MiB.
    pub free: u64,
    pub mounted: bool,
    pub formatted: bool,
}

/// The battery of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Battery {
    /// Percent.
    pub charge: u8,
    /// What the camera calls its state of charging.
    pub charging: Option<String>,
    /// Degrees Celsius.
    pub temperature: Option<i8>,
}

/// How a device's clock stands against ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Seconds by which its local time is ahead of UTC by its settings.
    pub zone: i32,
    /// Seconds by which its clock is ahead of ours; negative if it is behind.
    pub skew: i64,
    /// How far the truth may be from `skew`: the device tells whole seconds, and the answer took its time.
    pub within: Duration,
}

impl Clock {
    /// The moment at which the device's clock shows that local time, in microseconds as if it were UTC.
    pub(super) fn moment(&self, local: i64) -> Time {
        Time::from_micros(local - (i64::from(self.zone) + self.skew) * SECOND)
    }

    /// What the device's clock shows at that moment, in microseconds as if it were UTC.
    pub(super) fn shows(&self, time: Time) -> i64 {
        time.micros() + (i64::from(self.zone) + self.skew) * SECOND
    }
}

/// Whether a camera sees in colour or by its infra-red lamp. This is its setting: the API does not tell the light itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayNight {
    /// `Auto`, `Color` or `Black&White`, in the words of the camera.
    pub setting: String,
    /// When `Auto` turns to night, from 0 to 100.
    pub threshold: Option<u8>,
    pub lamp: Option<Infrared>,
}

impl Reolink {
    /// How the device fares, without waking anybody.
    pub async fn health(&self) -> Result<Health, Error> {
        let clock = self.clock().await?;
        let battery = self.abilities().await?.has_battery(0);
        let mut commands = ["GetWifiSignal", "GetLocalLink", "GetHddInfo", "GetNtp"].map(Command::host).to_vec();
        commands.push(if battery { Command::channel("GetBatteryInfo", 0) } else { Command::host("GetPerformance") });
        let mut outcomes = self.session.ask(&commands).await?.into_iter();
        let mut next = || outcomes.next().and_then(Result::ok).unwrap_or_default();
        let (signal, link, hdd, ntp, last) = (next(), next(), next(), next(), next());
        let wireless = text(&link["LocalLink"], "activeLink").map(|link| link != "LAN");
        Ok(Health {
            wifi: wifi(&signal, wireless.unwrap_or(true)),
            disks: disks(&hdd),
            battery: if battery { self::battery(&last) } else { None },
            clock,
            follows_ntp: ntp.get("Ntp").map(|ntp| is_on(ntp, "enable")),
            cpu: fits(&last["Performance"], "cpuUsed"),
        })
    }

    /// How the device's clock stands. Wakes nobody.
    pub async fn clock(&self) -> Result<Clock, Error> {
        self.told_time().await.map(|(clock, _)| clock)
    }

    async fn told_time(&self) -> Result<(Clock, Value), Error> {
        // Signing in first, so that it does not count as the way of the answer.
        drop(self.session.query("GetTime").await?);
        let asked = self.world.clock.now();
        let value = self.session.one(Command::host("GetTime")).await?;
        let answered = self.world.clock.now();
        let clock = clock(&value, asked, answered).ok_or(Error::Garbled { command: "GetTime", what: "no time" })?;
        Ok((clock, value))
    }

    /// Sets the device's clock to ours. Its zone stays.
    pub async fn set_clock(&self) -> Result<Clock, Error> {
        let (clock, mut value) = self.told_time().await?;
        let right = Clock { skew: 0, ..clock };
        let shown =
            civil(right.shows(self.world.clock.now())).ok_or(Error::Invalid("our own clock is out of range"))?;
        let time = value.get_mut("Time").and_then(Value::as_object_mut);
        let time = time.ok_or(Error::Garbled { command: "GetTime", what: "no time" })?;
        if let Value::Object(fields) = broken_down(shown) {
            time.extend(fields);
        }
        self.session.one(Command::new("SetTime", value)).await?;
        self.clock().await
    }

    /// Whether the camera at a channel sees by day or by night. Wakes nobody.
    pub async fn day_night(&self, channel: u8) -> Result<DayNight, Error> {
        let commands = ["GetIsp", "GetIrLights"].map(|name| Command::channel(name, channel));
        let mut outcomes = self.session.ask(&commands).await?.into_iter();
        let settings = outcomes.next().unwrap_or(Err(Code::Missing));
        let settings = settings.map_err(|code| Error::Refused { command: "GetIsp", code })?;
        let mut day_night =
            isp(&settings).ok_or(Error::Garbled { command: "GetIsp", what: "no setting of day and night" })?;
        day_night.lamp = outcomes.next().and_then(Result::ok).as_ref().and_then(Infrared::read);
        Ok(day_night)
    }
}

/// The strength of the wireless link, if there is one. A wired device answers 100.
pub(super) fn wifi(value: &Value, wireless: bool) -> Option<Wifi> {
    let raw = fits(value, "wifiSignal").filter(|_| wireless)?;
    Some(Wifi { raw, scheme: if raw <= 4 { Scheme::Bars } else { Scheme::Range255 } })
}

pub(super) fn disks(value: &Value) -> Vec<Disk> {
    let disk = |disk: &Value| {
        Some(Disk {
            capacity: fits(disk, "capacity")?,
            free: fits(disk, "size").unwrap_or(0),
            mounted: is_on(disk, "mount"),
            formatted: is_on(disk, "format"),
        })
    };
    items(&value["HddInfo"], DISKS).filter_map(disk).collect()
}

pub(super) fn battery(value: &Value) -> Option<Battery> {
    let battery = &value["Battery"];
    let charge = fits::<u8>(battery, "batteryPercent").filter(|charge| *charge <= 100)?;
    Some(Battery { charge, charging: text(battery, "chargeStatus"), temperature: fits(battery, "temperature") })
}

pub(super) fn isp(value: &Value) -> Option<DayNight> {
    let settings = &value["Isp"];
    Some(DayNight { setting: text(settings, "dayNight")?, threshold: fits(settings, "dayNightThreshold"), lamp: None })
}

/// The clock of `GetTime`, asked and answered at these moments of ours.
///
/// The sign of `timeZone` differs between firmwares, so the one that leaves less skew is taken; with summer time on, its
/// offset is tried too.
pub(super) fn clock(value: &Value, asked: Time, answered: Time) -> Option<Clock> {
    let (time, dst) = (&value["Time"], &value["Dst"]);
    let local = told(time)?;
    let way = answered.micros_from(asked).max(0);
    let ours = asked.micros() + way / 2;
    // The device tells the second that has begun: half a second later is the middle of what it may mean.
    let ahead = (local - ours + SECOND / 2) as f64 / SECOND as f64;
    let zone = number(time, "timeZone").filter(|zone| zone.abs() <= ZONES).unwrap_or(0);
    let summer = if is_on(dst, "enable") { fits::<i16>(dst, "offset").unwrap_or(0).clamp(0, 2) } else { 0 };
    let summer = i64::from(summer) * 3600;
    let zones = [zone, -zone, zone + summer, summer - zone];
    let zone = zones.into_iter().min_by_key(|zone| (ahead - *zone as f64).abs().round() as i64)?;
    let within = Duration::from_millis(500) + Duration::from_micros(way.unsigned_abs() / 2);
    Some(Clock { zone: i32::try_from(zone).ok()?, skew: (ahead - zone as f64).round() as i64, within })
}

/// The six fields of a local time, in microseconds as if it were UTC.
pub(super) fn told(time: &Value) -> Option<i64> {
    let (year, month, day) = (fits(time, "year")?, fits(time, "mon")?, fits(time, "day")?);
    let (hour, minute, second) = (fits(time, "hour")?, fits(time, "min")?, fits(time, "sec")?);
    let shown = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(shown).ok()?.as_microsecond())
}

/// A local time in microseconds as if it were UTC, as a date and an hour.
pub(super) fn civil(local: i64) -> Option<jiff::civil::DateTime> {
    Some(jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(local).ok()?))
}

/// The six fields of a local time.
pub(super) fn broken_down(shown: jiff::civil::DateTime) -> Value {
    json!({
        "year": shown.year(), "mon": shown.month(), "day": shown.day(),
        "hour": shown.hour(), "min": shown.minute(), "sec": shown.second(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a device tells at 2026-11-24 12:00:00 UTC whose local time is so far ahead.
    fn tells(ahead: i64, zone: i64, dst: Value) -> Clock {
        let now: Time = "2026-11-24T12:00:00Z".parse().unwrap();
        let mut time = broken_down(civil(now.micros() + ahead * SECOND).unwrap());
        time["timeZone"] = zone.into();
        clock(&json!({"Time": time, "Dst": dst}), now, now + Duration::from_millis(40)).unwrap()
    }

    #[test]
    fn the_skew_is_found_whatever_sign_the_zone_has() {
        for sign in [1, -1] {
            let clock = tells(8 * 3600 + 37, sign * 8 * 3600, json!({"enable": 0}));
            assert_eq!((clock.zone, clock.skew), (8 * 3600, 37));
            assert!(clock.within < Duration::from_secs(1));
        }
        assert_eq!(tells(-86_400, 0, json!({})).skew, -86_400, "a day behind");
    }

    #[test]
    fn summer_time_belongs_to_the_zone() {
        let clock = tells(2 * 3600 - 5, -3600, json!({"enable": 1, "offset": 1}));
        assert_eq!((clock.zone, clock.skew), (2 * 3600, -5));
    }

    #[test]
    fn a_wrong_zone_shows_as_skew() {
        assert_eq!(tells(3600, 0, json!({"enable": 0})).skew, 3600);
    }

    #[test]
    fn a_moment_and_what_is_shown_then_lead_to_each_other() {
        let clock = Clock { zone: 3600, skew: -37, within: Duration::ZERO };
        let now: Time = "2026-11-24T12:00:00Z".parse().unwrap();
        assert_eq!(clock.moment(clock.shows(now)), now);
    }

    #[test]
    fn a_wired_device_has_no_wifi_and_bars_are_no_level() {
        assert_eq!(wifi(&json!({"wifiSignal": 100}), false), None);
        let bars = wifi(&json!({"wifiSignal": 3}), true).unwrap();
        assert_eq!((bars.scheme, bars.dbm()), (Scheme::Bars, Some(-55)));
        assert_eq!(wifi(&json!({"wifiSignal": 200}), true).unwrap().dbm(), None);
    }

    #[test]
    fn nonsense_is_no_battery() {
        assert_eq!(battery(&json!({"Battery": {"batteryPercent": 101}})), None);
        assert_eq!(battery(&json!({"Battery": {"batteryPercent": "76"}})).unwrap().charge, 76);
    }
}
