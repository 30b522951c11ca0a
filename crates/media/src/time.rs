//! Time discipline: a camera's RTP clock, kept to our UTC.
//!
//! Between two pictures the camera's clock counts; over minutes ours does. When pictures arrive is known only to the
//! tick at which sockets are drained, and networks delay, so only the least delayed arrival of each two seconds counts,
//! and nothing is corrected that may be chance: players and their users see uneven time, not a tenth of a second.

use crate::rtcp::SenderReport;
use base::Time;
use std::time::Duration;

/// Against prediction by more than this: the camera's clock jumped.
const JUMP: i64 = 2_000_000;

/// Presentation times step back by at most this (B-frames); more is a jump.
const REORDER: i64 = 1_000_000;

/// How long arrivals are watched before the clock is corrected.
const WINDOW: Duration = Duration::from_secs(2);

/// A unit may seem to come before its time by this much; more is proof that the time is too late.
const EARLY: i64 = 20_000;

/// The least lateness may be this much over half a tick before the time counts as too early.
const LATE: i64 = 50_000;

/// Corrections are made at this pace, in microseconds a second, unless drift needs more.
const PACE: i64 = 10_000;

/// The fastest pace.
const MAX_PACE: i64 = 50_000;

/// Reports of two tracks that are farther apart than this are not of one clock.
const MAX_REPORT_DISTANCE: i64 = 60_000_000;

/// A sender report may move a track against arrival by at most this.
const MAX_ALIGNMENT: i64 = 1_000_000;

/// The time of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    pub time: Time,
    /// Whether a clock jumped here: a new run starts with this unit.
    pub jump: bool,
}

/// Maps the extended RTP timestamps of one track to UTC.
pub struct Discipline {
    clock_rate: i64,
    anchor: Option<Anchor>,
    /// Microseconds added to what the camera's clock says.
    correction: i64,
    /// What the correction still lacks.
    lacking: i64,
    /// How many microseconds of it are made up in a second.
    pace: i64,
    /// Sender reports put this track where it is, not arrivals.
    aligned: bool,
    report: Option<(u64, i64)>,
}

/// Gives units the camera's own intervals on the disciplined clock.
///
/// A clock that is slewed stretches every interval a little, and players and ffmpeg guess a frame rate from intervals.
/// So between corrections time runs as the camera's timestamps do, and what the discipline has found is made up in
/// steps, where the caller allows one (at the start of a fragment): forward at once when it is worth it, backward by
/// less than a frame at a time.
pub struct Cadence {
    clock_rate: i64,
    anchor: Option<(i64, Time)>,
    /// Microseconds from the disciplined time to the time that was told last.
    offset: i64,
}

/// Less than this is not corrected.
const WORTHWHILE: i64 = 100_000;

/// The largest step back.
const STEP_BACK: i64 = 5_000;

impl Cadence {
    /// For timestamps of `clock_rate` ticks a second.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate: i64::from(clock_rate.max(1)), anchor: None, offset: 0 }
    }

    /// The time of the unit that the discipline mapped so.
    pub fn time(&mut self, timestamp: i64, mapped: Mapped) -> Time {
        let (from, start) = match self.anchor {
            Some(anchor) if !mapped.jump => anchor,
            _ => *self.anchor.insert((timestamp, mapped.time)),
        };
        let ticks = i128::from(timestamp) - i128::from(from);
        let micros = ticks * 1_000_000 / i128::from(self.clock_rate);
        let time = Time::from_micros(start.micros().saturating_add(i64::try_from(micros).unwrap_or(0)));
        self.offset = time.micros_from(mapped.time);
        time
    }

    /// The same unit again, where a correction may be made.
    pub fn corrected(&mut self, timestamp: i64, mapped: Mapped) -> Time {
        let time = self.time(timestamp, mapped);
        let step = match -self.offset {
            late if late > WORTHWHILE => late,
            early if early < -WORTHWHILE => -STEP_BACK,
            _ => return time,
        };
        let moved = Time::from_micros(time.micros() + step);
        self.anchor = Some((timestamp, moved));
        self.offset += step;
        moved
    }

    /// Where another track belongs whose discipline says `time`: sound stays with its picture.
    pub fn beside(&self, time: Time) -> Time {
        Time::from_micros(time.micros().saturating_add(self.offset))
    }
}

/// Where the present run began, and what was seen of it.
struct Anchor {
    timestamp: i64,
    time: Time,
    newest: i64,
    /// How far behind the newest a picture was sent: by so much others are sent ahead of their time.
    reordered: i64,
    window_start: Time,
    /// The least lateness in the window, and in the one before.
    least: i64,
    least_before: Option<i64>,
}

impl Discipline {
    /// For timestamps of `clock_rate` ticks a second.
    pub fn new(clock_rate: u32) -> Self {
        let clock_rate = i64::from(clock_rate.max(1));
        Self { clock_rate, anchor: None, correction: 0, lacking: 0, pace: PACE, aligned: false, report: None }
    }

    /// The time of a unit that arrived at `arrival` or up to a `tick` before. Presentation timestamps may step back
    /// as B-frames do. A jump is a step of more than 2 s against prediction, or backwards by more than 1 s.
    pub fn map(&mut self, timestamp: i64, arrival: Time, tick: Duration) -> Mapped {
        let Some(newest) = self.anchor.as_ref().map(|anchor| anchor.newest) else {
            return self.start(timestamp, arrival - tick, false);
        };
        let step = self.micros(timestamp.saturating_sub(newest));
        self.slew(step);
        let time = self.predict(timestamp);
        let late = arrival.micros_from(time);
        let tick = tick.as_micros() as i64;
        if step < -REORDER || late < -JUMP - tick || self.observe(late, arrival, tick) {
            return self.start(timestamp, self.resume_at(arrival, tick), true);
        }
        if let Some(anchor) = &mut self.anchor {
            anchor.newest = anchor.newest.max(timestamp);
            anchor.reordered = anchor.reordered.max(-step);
        }
        Mapped { time, jump: false }
    }

    /// Takes a sender report of this track; `timestamp` is its RTP time, extended. Only differences of its NTP time
    /// are ever used.
    pub fn sender_report(&mut self, report: &SenderReport, timestamp: i64) {
        self.report = Some((report.ntp, timestamp));
    }

    /// Moves this track (audio) slowly to where the sender reports put it relative to `other` (video). Reports that
    /// contradict arrival by more than a second are not believed.
    pub fn align(&mut self, other: &Discipline) {
        self.aligned = match self.misalignment(other) {
            Some(error) if error.abs() <= MAX_ALIGNMENT => {
                (self.lacking, self.pace) = (error, PACE);
                true
            }
            _ => false,
        };
    }

    fn misalignment(&self, other: &Discipline) -> Option<i64> {
        let ((ntp, timestamp), (other_ntp, other_timestamp)) = (self.report?, other.report?);
        self.anchor.as_ref().and(other.anchor.as_ref())?;
        let apart = ((i128::from(ntp) - i128::from(other_ntp)) * 1_000_000) >> 32;
        let apart = i64::try_from(apart).ok().filter(|apart| apart.abs() <= MAX_REPORT_DISTANCE)?;
        let wanted = other.predict(other_timestamp).micros().checked_add(apart)?;
        wanted.checked_sub(self.predict(timestamp).micros())
    }

    fn start(&mut self, timestamp: i64, time: Time, jump: bool) -> Mapped {
        self.anchor = Some(Anchor {
            timestamp,
            time,
            newest: timestamp,
            reordered: 0,
            window_start: time,
            least: i64::MAX,
            least_before: None,
        });
        (self.correction, self.lacking) = (0, 0);
        (self.aligned, self.report) = (false, None);
        Mapped { time, jump }
    }

    /// After a jump: the arrival, but not before what has been told, unless our own clock stepped back.
    fn resume_at(&self, arrival: Time, tick: i64) -> Time {
        let told = self.anchor.as_ref().map_or(arrival, |anchor| self.predict(anchor.newest));
        if told.micros_from(arrival) > JUMP + tick { arrival } else { arrival.max(told + Duration::from_millis(1)) }
    }

    fn micros(&self, ticks: i64) -> i64 {
        let micros = i128::from(ticks) * 1_000_000 / i128::from(self.clock_rate);
        micros.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64
    }

    fn predict(&self, timestamp: i64) -> Time {
        let Some(anchor) = &self.anchor else { return Time::default() };
        let micros = self.micros(timestamp.saturating_sub(anchor.timestamp));
        Time::from_micros(anchor.time.micros().saturating_add(micros).saturating_add(self.correction))
    }

    /// Makes up a part of what is lacking over the time that passed.
    fn slew(&mut self, step: i64) {
        let most = step.clamp(0, JUMP) * self.pace / 1_000_000;
        let part = self.lacking.clamp(-most, most);
        self.lacking -= part;
        self.correction += part;
    }

    /// Watches how late units are; at the end of a window corrects, or tells that the camera's clock has fallen behind.
    fn observe(&mut self, late: i64, arrival: Time, tick: i64) -> bool {
        let Some(anchor) = &mut self.anchor else { return false };
        anchor.least = anchor.least.min(late);
        if arrival.since(anchor.window_start) < WINDOW {
            return false;
        }
        let least = std::mem::replace(&mut anchor.least, i64::MAX).saturating_add(anchor.reordered);
        let before = anchor.least_before.replace(least);
        anchor.window_start = arrival;
        if least > JUMP {
            return true;
        }
        if !self.aligned {
            self.correct(excess(least, before, tick), before.is_none());
        }
        false
    }

    /// Drift comes again in each window and is made up within one; the `first` window may only look like it. What is
    /// lacking from before is not forgotten, unless the time is too late.
    fn correct(&mut self, excess: i64, first: bool) {
        if excess < 0 || excess > self.lacking {
            self.lacking = excess;
            let pace = excess.abs() / WINDOW.as_secs() as i64 + 1;
            self.pace = if first { PACE } else { pace.min(MAX_PACE) };
        }
    }
}

/// By how much the least lateness of a window is beyond what may be chance.
fn excess(least: i64, before: Option<i64>, tick: i64) -> i64 {
    if least < -EARLY {
        return least + EARLY;
    }
    match before {
        // The first window: time was begun a tick early, so that it need not be turned back.
        None => (least - tick / 4 - EARLY).max(0),
        Some(before) => (least.min(before) - tick / 2 - LATE).max(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000_000;
    const TICK: Duration = Duration::from_millis(200);

    fn at(micros: i64) -> Time {
        Time::from_micros(START + micros)
    }

    /// When a socket that is drained every 200 ms shows what arrived at `micros`.
    fn drained(micros: i64) -> Time {
        at((micros + 199_999) / 200_000 * 200_000)
    }

    /// Maps 15 pictures a second whose camera's clock runs `ppm` too fast; the errors in microseconds.
    fn errors(ppm: i64, seconds: i64) -> Vec<i64> {
        let mut discipline = Discipline::new(90_000);
        let frames = (0..seconds * 15).map(|frame| {
            let real = frame * 1_000_000 / 15;
            let camera = real + real * ppm / 1_000_000;
            let mapped = discipline.map(camera * 9 / 100, drained(real), TICK);
            assert!(!mapped.jump, "picture {frame}");
            mapped.time.micros() - START - real
        });
        frames.collect()
    }

    #[test]
    fn drift_is_slewed_and_times_stay_within_a_tick() {
        for ppm in [-20_000, -500, 0, 500, 20_000] {
            let errors = errors(ppm, 600);
            let worst = errors[900..].iter().map(|error| error.abs()).max().unwrap();
            println!("{ppm} ppm: at most {worst} µs off");
            assert!(worst < 200_000, "{ppm} ppm: {worst} µs");
            let steps = errors.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().unwrap();
            assert!(steps < 6_000, "{ppm} ppm: a step of {steps} µs between pictures");
        }
    }

    #[test]
    fn a_steady_camera_is_not_disturbed_however_ticks_and_pictures_beat() {
        for (rate, off) in [(15, 0), (15, 30), (15, -30), (30, 100), (25, -100), (5, 50)] {
            let mut discipline = Discipline::new(90_000);
            let times = (0..rate * 900).map(|frame: i64| {
                let real = 12_345 + frame * 1_000_000 / rate;
                let seen = drained(real + real * off / 1_000_000 + 3_000);
                discipline.map(frame * 90_000 / rate, seen, TICK).time.micros()
            });
            let times: Vec<i64> = times.collect();
            let settled = &times[rate as usize * 60..];
            let most = settled.iter().zip(0..).map(|(time, at)| time - at * 1_000_000 / rate);
            let (least, most) = (most.clone().min().unwrap(), most.max().unwrap());
            assert!(most - least < 120_000, "{rate} a second, {off} ppm: moved by {} µs", most - least);
        }
    }

    #[test]
    fn pictures_that_are_sent_ahead_of_their_time_are_not_early() {
        let mut discipline = Discipline::new(90_000);
        // Ten pictures a second, each fourth one sent before the three that are shown before it.
        let sent = (0..600i64)
            .map(|frame| if frame == 0 { 0 } else { (frame - 1) / 4 * 4 + [4, 2, 1, 3][(frame - 1) as usize % 4] });
        let moved = sent.zip(0..).map(|(shown, frame)| {
            let time = discipline.map(shown * 9_000, at(frame * 100_000), Duration::ZERO).time;
            time.micros() - START - shown * 100_000
        });
        let moved: Vec<i64> = moved.collect();
        assert!(moved.iter().all(|by| *by == moved[0]), "the times of a steady camera were corrected: {moved:?}");
    }

    #[test]
    fn jumps_start_a_new_run_and_b_frames_do_not() {
        let mut discipline = Discipline::new(90_000);
        let mut arrival = 0;
        let mut map = |timestamp: i64| {
            arrival += 66_667;
            discipline.map(timestamp, at(arrival), Duration::ZERO).jump
        };
        let reordered = [0, 24_000, 12_000, 6_000, 18_000, 48_000, 36_000, 30_000, 42_000];
        assert!(reordered.iter().all(|&timestamp| !map(timestamp)));
        assert!(map(48_000 + 10 * 90_000), "ten seconds forward");
        assert!(!map(54_000 + 10 * 90_000));
        assert!(map(54_000), "and back");
        assert!(!map(60_000));
    }

    #[test]
    fn a_pause_of_the_network_is_no_jump_but_a_clock_that_stood_still_is() {
        let mut discipline = Discipline::new(90_000);
        for frame in 0..30 {
            discipline.map(frame * 6_000, at(frame * 66_667), Duration::ZERO);
        }
        let late = (30..90).map(|frame| discipline.map(frame * 6_000, at(6_000_000 + frame), Duration::ZERO));
        assert!(late.into_iter().all(|mapped| !mapped.jump), "four seconds of pictures at once");
        let stood =
            (90..150).map(|frame| discipline.map(frame * 6_000, at(6_000_000 + frame * 66_667), Duration::ZERO));
        assert_eq!(stood.filter(|mapped| mapped.jump).count(), 1, "six seconds late for good");
    }

    #[test]
    fn after_a_jump_nothing_is_told_twice() {
        let mut discipline = Discipline::new(90_000);
        let before = discipline.map(0, at(0), Duration::ZERO).time;
        let ahead = discipline.map(90_000, at(0), Duration::ZERO);
        let after = discipline.map(-900_000, at(10_000), Duration::ZERO);
        assert!(after.jump && before < ahead.time && ahead.time < after.time);
    }

    #[test]
    fn sound_is_aligned_by_sender_reports_however_absurd_their_date() {
        let (mut video, mut audio) = (Discipline::new(90_000), Discipline::new(8_000));
        let report = |ntp| SenderReport { ssrc: 1, ntp, rtp: 0, packets: 0, octets: 0 };
        let mut apart = 0;
        for frame in 0..3000 {
            let real = frame * 20_000;
            let time = video.map(real * 9 / 100, at(real), Duration::ZERO).time;
            // The sound of the same instant comes 300 ms later.
            let sound = audio.map(real * 8 / 1000 - 2400, at(real), Duration::ZERO).time;
            apart = sound.micros_from(time) + 300_000;
            if frame == 100 {
                video.sender_report(&report(5 << 32), real * 9 / 100);
                audio.sender_report(&report(5 << 32), real * 8 / 1000);
                audio.align(&video);
            }
        }
        assert!(apart.abs() < 2_000, "{apart} µs apart");
        audio.sender_report(&report(500_000 << 32), 0);
        audio.align(&video);
        assert!(!audio.aligned, "reports of different clocks are not believed");
    }

    proptest::proptest! {
        #[test]
        fn any_timestamps_are_mapped_without_panic(steps: Vec<(i64, i64)>, rate: u32) {
            let mut discipline = Discipline::new(rate);
            for (timestamp, arrival) in steps {
                discipline.map(timestamp, Time::from_micros(arrival), TICK);
                discipline.sender_report(&SenderReport { ssrc: 0, ntp: timestamp as u64, rtp: 0, packets: 0, octets: 0 }, arrival);
                let mut other = Discipline::new(8000);
                other.map(arrival, Time::from_micros(timestamp), TICK);
                discipline.align(&other);
            }
        }
    }

    #[test]
    fn intervals_are_the_cameras_own_and_corrections_are_steps() {
        let mut cadence = Cadence::new(90_000);
        let at = |micros: i64| Mapped { time: Time::from_micros(micros), jump: false };
        assert_eq!(cadence.time(0, at(0)).micros(), 0);
        // The discipline stretches time by a tenth: the intervals stay.
        assert_eq!(cadence.time(90_000, at(1_100_000)).micros(), 1_000_000);
        assert_eq!(cadence.corrected(90_000, at(1_100_000)).micros(), 1_000_000, "not worth a step");
        assert_eq!(cadence.corrected(180_000, at(2_200_000)).micros(), 2_200_000, "made up at once");
        assert_eq!(cadence.time(186_000, at(2_266_666)).micros(), 2_266_666);
        assert_eq!(cadence.corrected(270_000, at(3_000_000)).micros(), 3_195_000, "back by little");
        assert_eq!(cadence.beside(Time::from_micros(3_100_000)).micros(), 3_295_000);
        let jumped = Mapped { time: Time::from_micros(9_000_000), jump: true };
        assert_eq!(cadence.time(0, jumped).micros(), 9_000_000);
    }
}
