//! The memory card: files of what the cameras saw, found by `Search` and fetched by `Download`.
//!
//! A scene is a function of time, so a file is drawn and coded when it is asked for. Its size is told beforehand; what the
//! pictures leave over is filled with a `free` box.

use super::{Channel, Refusal, State, clock, commands::channel_of, lock};
use crate::{
    encode::{Encoder, Settings, params},
    scene::{Light, Scene},
    studio::{MAIN, SUB},
};
use base::Time;
use bytes::Bytes;
use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time as Hour},
};
use media::{StreamParams, VideoParams, fragment, nal};
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Files of one answer at most.
const FOUND: usize = 500;
/// What is kept of what was drawn.
const KEPT: usize = 4;

const INVALID: Refusal = Refusal(-4, "param error");
const MISSING: Refusal = Refusal(-222, "video file not exist");

/// The files drawn last, by name.
#[derive(Default)]
pub(super) struct Card(Mutex<VecDeque<(String, Bytes)>>);

/// A file on the card. It begins and ends on whole seconds of the device's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    channel: usize,
    sub: bool,
    start: DateTime,
    end: DateTime,
}

impl File {
    fn seconds(self) -> u64 {
        self.start.duration_until(self.end).as_secs().unsigned_abs()
    }

    fn settings(self) -> Settings {
        if self.sub { SUB } else { MAIN }
    }

    /// Bytes of the file.
    fn size(self) -> u64 {
        u64::from(self.settings().rate) / 8 * self.seconds() * 5 / 4 + (256 << 10)
    }

    fn name(self) -> String {
        let stream = if self.sub { 'S' } else { 'M' };
        format!(
            "Mp4Record/{}/Rec{stream}{:02}_{}_{}_{}_6D28C08_{:X}.mp4",
            self.start.strftime("%Y-%m-%d"),
            self.channel + 1,
            self.start.strftime("%Y%m%d"),
            self.start.strftime("%H%M%S"),
            self.end.strftime("%H%M%S"),
            self.size(),
        )
    }

    fn parse(name: &str) -> Option<Self> {
        let stem = name.rsplit('/').next()?.strip_suffix(".mp4")?;
        let mut parts = stem.split('_');
        let head = parts.next()?;
        let (sub, channel) = match (head.strip_prefix("RecM"), head.strip_prefix("RecS")) {
            (Some(channel), _) => (false, channel),
            (_, Some(channel)) => (true, channel),
            _ => return None,
        };
        let channel = channel.parse::<usize>().ok()?.checked_sub(1)?;
        let date = Date::strptime("%Y%m%d", parts.next()?).ok()?;
        let mut hour = || Hour::strptime("%H%M%S", parts.next()?).ok();
        let (start, mut end) = (date.to_datetime(hour()?), date.to_datetime(hour()?));
        if end <= start {
            end = end.checked_add(SignedDuration::from_hours(24)).ok()?;
        }
        let file = Self { channel, sub, start, end };
        (file.name() == name).then_some(file)
    }

    fn entry(self) -> Value {
        let (width, height) = if self.sub { (640, 360) } else { (1280, 720) };
        json!({
            "EndTime": clock::broken_down(self.end), "StartTime": clock::broken_down(self.start),
            "frameRate": self.settings().fps, "height": height, "name": self.name(),
            "size": self.size().to_string(), "type": if self.sub { "sub" } else { "main" }, "width": width,
        })
    }
}

impl State {
    /// `Search`: the days of the months asked for, and the files unless only the days are wanted.
    pub(super) fn search(&self, wanted: &Value) -> Result<Value, Refusal> {
        let channel = channel_of(wanted);
        self.channel(channel)?;
        let (start, end) = (clock::told(&wanted["StartTime"])?, clock::told(&wanted["EndTime"])?);
        let sub = match wanted["streamType"].as_str() {
            Some("main") | None => false,
            Some("sub") => true,
            Some(_) => return Err(INVALID),
        };
        let mut result = json!({"Status": self.days(start, end), "channel": channel});
        if wanted["onlyStatus"] != 1 {
            let files = self.files(channel, sub, start, end);
            result["File"] = files.into_iter().take(FOUND).map(File::entry).collect();
        }
        Ok(json!({"SearchResult": result}))
    }

    /// `NvrDownload`: the files that hold that time, cut to it.
    pub(super) fn prepare(&self, wanted: &Value) -> Result<Value, Refusal> {
        let channel = channel_of(wanted);
        self.channel(channel)?;
        let (start, end) = (clock::told(&wanted["StartTime"])?, clock::told(&wanted["EndTime"])?);
        let files = self.files(channel, wanted["streamType"] == "sub", start, end);
        let cut = files.into_iter().map(|file| File { start: file.start.max(start), end: file.end.min(end), ..file });
        let list: Vec<Value> = cut
            .filter(|file| file.start < file.end)
            .map(|file| json!({"fileName": file.name(), "fileSize": file.size().to_string()}))
            .collect();
        if list.is_empty() { Err(MISSING) } else { Ok(json!({"fileCount": list.len(), "fileList": list})) }
    }

    /// From when to when the card holds files, by the device's clock.
    fn held(&self) -> (DateTime, DateTime) {
        let clock = *lock(&self.clock);
        (clock.shows(self.started - self.recorded), clock.shows(self.world.clock.now()))
    }

    /// The finished files of a channel that share a moment with that time.
    fn files(&self, channel: usize, sub: bool, start: DateTime, end: DateTime) -> Vec<File> {
        if self.daylight.is_none() {
            return Vec::new();
        }
        let (from, until) = self.held();
        let length = SignedDuration::from_secs(self.clip.as_secs() as i64);
        let mut files = Vec::new();
        let mut at = self.floor(start.max(from));
        while at < end && files.len() <= FOUND {
            let Ok(next) = at.checked_add(length) else { break };
            if at >= from && next <= until {
                files.push(File { channel, sub, start: at, end: next });
            }
            at = next;
        }
        files
    }

    /// The multiple of a file's length, counted from midnight, at or before that time.
    fn floor(&self, time: DateTime) -> DateTime {
        let midnight = time.date().to_datetime(Hour::midnight());
        let clip = self.clip.as_secs() as i64;
        let into = midnight.duration_until(time).as_secs();
        midnight.checked_add(SignedDuration::from_secs(into - into % clip)).unwrap_or(midnight)
    }

    /// For each month that the time touches, a digit a day: whether there are files.
    fn days(&self, start: DateTime, end: DateTime) -> Vec<Value> {
        let (from, until) = self.held();
        let (first, last) = (from.max(start).date(), until.min(end).date());
        let days: BTreeSet<Date> =
            first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).take(366).collect();
        let months: BTreeSet<(i16, i8)> = days.iter().map(|day| (day.year(), day.month())).collect();
        let digit = |year, month, day| Date::new(year, month, day).is_ok_and(|date| days.contains(&date));
        let month = |(year, month): (i16, i8)| {
            let table: String = (1..=31).map(|day| if digit(year, month, day) { '1' } else { '0' }).collect();
            json!({"mon": month, "table": table, "year": year})
        };
        months.into_iter().map(month).collect()
    }

    /// The file of that name, drawn unless it was lately. Costs seconds.
    pub(super) fn download(&self, name: &str) -> Result<Bytes, Refusal> {
        let file = File::parse(name).ok_or(MISSING)?;
        let channel = self.channel(file.channel)?;
        let (from, until) = self.held();
        if file.start < from || file.end > until || file.seconds() > self.clip.as_secs() {
            return Err(MISSING);
        }
        if let Some((_, bytes)) = lock(&self.card.0).iter().find(|(kept, _)| kept == name) {
            return Ok(bytes.clone());
        }
        let bytes = Bytes::from(self.draw(file, channel).ok_or(Refusal(-220, "download video file failed"))?);
        let mut kept = lock(&self.card.0);
        kept.truncate(KEPT - 1);
        kept.push_front((name.to_owned(), bytes.clone()));
        Ok(bytes)
    }

    fn draw(&self, file: File, channel: &Channel) -> Option<Vec<u8>> {
        let daylight = self.daylight?;
        let start = lock(&self.clock).moment(file.start)?;
        let mut scene = Scene::new(channel.number, Light::at(daylight, start));
        let mut film = Film::new(file.settings(), start).ok()?;
        for number in 0..file.seconds() as u32 * file.settings().fps {
            let time = film.time(number);
            scene.draw(time, Light::at(daylight, time));
            let picture = if file.sub { scene.half() } else { scene.picture() };
            film.take(number, &channel.camera.mask.applied(picture))?;
        }
        padded(film.finish(file.seconds())?, file.size())
    }
}

/// A file under way.
struct Film {
    settings: Settings,
    start: Time,
    encoder: Encoder,
    builder: Option<fragment::Builder>,
    params: Option<Arc<StreamParams>>,
    out: Vec<u8>,
    fragments: u32,
}

impl Film {
    fn new(settings: Settings, start: Time) -> base::Result<Self> {
        let encoder = Encoder::new(settings)?;
        Ok(Self { settings, start, encoder, builder: None, params: None, out: Vec::new(), fragments: 0 })
    }

    /// When the picture of that number is taken.
    fn time(&self, number: u32) -> Time {
        self.start + Duration::from_secs(1) * number / self.settings.fps
    }

    fn take(&mut self, number: u32, picture: &crate::scene::canvas::Yuv) -> Option<()> {
        let time = self.time(number);
        let coded = self.encoder.encode(picture).ok()?;
        let (units, key) = (coded.nals(), coded.key);
        let video = params(&units, picture.width, picture.height, self.settings.fps);
        let mut sample = Vec::new();
        // Parameter sets stand in the header.
        units.iter().filter(|unit| !matches!(unit.first().map(|head| head & 0x1F), Some(7 | 8))).for_each(|unit| {
            nal::push_prefixed(unit, &mut sample);
        });
        if key {
            self.begin(video?, time)?;
        }
        let builder = self.builder.as_mut()?;
        builder.video().extend_from_slice(&sample);
        builder.push_video(sample.len(), time, key);
        Some(())
    }

    /// Ends the fragment under way and begins the next one.
    fn begin(&mut self, video: VideoParams, time: Time) -> Option<()> {
        self.close(time)?;
        if self.params.is_none() {
            let params = Arc::new(StreamParams { video, audio: None });
            self.out = fragment::init_segment(&params);
            self.params = Some(params);
        }
        self.builder = Some(fragment::Builder::new(self.params.clone()?, Vec::new()));
        Some(())
    }

    fn close(&mut self, next: Time) -> Option<()> {
        let (Some(builder), Some(params)) = (self.builder.take(), &self.params) else { return Some(()) };
        let mut fragment = builder.finish(Some(next), self.start)?;
        self.fragments += 1;
        fragment::shift(fragment.plain_mut(), params, self.start, self.start, self.fragments).ok()?;
        self.out.extend_from_slice(fragment.plain());
        Some(())
    }

    fn finish(mut self, seconds: u64) -> Option<Vec<u8>> {
        self.close(self.start + Duration::from_secs(seconds))?;
        Some(self.out)
    }
}

/// The file with a `free` box (ISO/IEC 14496-12, 8.1.2) up to that size; none if it is larger.
fn padded(mut bytes: Vec<u8>, size: u64) -> Option<Vec<u8>> {
    let rest = u32::try_from(size.checked_sub(bytes.len() as u64)?).ok().filter(|&rest| rest >= 8)?;
    bytes.extend_from_slice(&rest.to_be_bytes());
    bytes.extend_from_slice(b"free");
    bytes.resize(usize::try_from(size).ok()?, 0);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strip;
    use media::{mp4::Movie, nal};
    use openh264::{decoder::Decoder, formats::YUVSource};
    use std::io::Cursor;

    /// The times that the strips of a file's pictures tell.
    fn strips(file: &[u8]) -> Vec<Time> {
        let mut reader = Cursor::new(file);
        let movie = Movie::read(&mut reader).unwrap();
        let (track, params) = movie.video().unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut coded = Vec::new();
        let mut sets = Vec::new();
        nal::push_prefixed(&params.sps, &mut sets);
        nal::push_prefixed(&params.pps, &mut sets);
        nal::to_annex_b(&sets, &mut coded);
        let mut times = Vec::new();
        for sample in &track.samples {
            nal::to_annex_b(&track.load(sample, &mut reader).unwrap(), &mut coded);
            let picture = decoder.decode(&coded).unwrap().unwrap();
            let (width, height) = picture.dimensions();
            times.push(strip::read(picture.y(), width, height, picture.strides().0).unwrap());
            coded.clear();
        }
        times
    }

    #[test]
    fn a_film_shows_the_time_for_which_it_was_asked_and_is_as_long_as_was_told() {
        let start: Time = "2026-11-24T12:00:00Z".parse().unwrap();
        let mut scene = Scene::new(0, Light::Day);
        let mut film = Film::new(SUB, start).unwrap();
        for number in 0..3 * SUB.fps {
            scene.draw(film.time(number), Light::Day);
            film.take(number, scene.half()).unwrap();
        }
        let file = padded(film.finish(3).unwrap(), 200_000).unwrap();
        assert_eq!(file.len(), 200_000);
        let step = Duration::from_millis(200);
        assert_eq!(strips(&file), (0..15).map(|number| start + step * number).collect::<Vec<_>>());
    }

    #[test]
    fn a_film_that_is_longer_than_was_told_is_none() {
        assert!(padded(vec![0; 100], 100).is_none() && padded(vec![0; 100], 107).is_none());
        assert_eq!(padded(vec![0; 100], 108).unwrap().len(), 108);
    }

    #[test]
    fn the_name_of_a_file_tells_what_is_in_it_even_over_midnight() {
        let start: DateTime = "2026-11-24T23:59:30".parse().unwrap();
        let end = start.checked_add(SignedDuration::from_secs(60)).unwrap();
        for (channel, sub) in [(0, false), (15, true)] {
            let file = File { channel, sub, start, end };
            assert_eq!(File::parse(&file.name()), Some(file));
        }
        let name = File { channel: 0, sub: false, start, end }.name();
        assert!(name.starts_with("Mp4Record/2026-11-24/RecM01_20261124_235930_000030_"), "{name}");
        for wrong in ["", "../../etc/passwd", "Mp4Record/x/RecM01_20261124_235930_000030_6D28C08_1.mp4"] {
            assert_eq!(File::parse(wrong), None);
        }
    }
}
