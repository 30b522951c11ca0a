//! The sound of a scene: air, a bird now and then, and a tick at each full second by which sound and clock compare.

use base::Time;
use std::f32::consts::TAU;

/// Samples a second.
pub(crate) const RATE: u32 = 8000;

/// Appends `count` linear samples, the first of them sampled at `from`.
pub(crate) fn samples(from: Time, count: usize, out: &mut Vec<i16>) {
    let first = from.micros().div_euclid(125);
    out.extend((first..first + count as i64).map(|sample| (level(sample) * 32_767.0) as i16));
}

/// The level, -1 to 1, of the n-th sample since 1970.
fn level(sample: i64) -> f32 {
    let second = sample.div_euclid(i64::from(RATE));
    let t = sample.rem_euclid(i64::from(RATE)) as f32 / RATE as f32;
    air(sample, t) + tick(t) + bird(second, t)
}

fn air(sample: i64, t: f32) -> f32 {
    let hiss = (sample as u32).wrapping_mul(0x9E37_79B1) >> 16;
    (hiss as f32 / 65_536.0 - 0.5) * 0.006 + 0.008 * (TAU * 100.0 * t).sin()
}

/// Ten milliseconds of 1 kHz.
fn tick(t: f32) -> f32 {
    if t < 0.010 { 0.35 * (1.0 - t / 0.010) * (TAU * 1000.0 * t).sin() } else { 0.0 }
}

/// Three falling whistles in some of the seconds.
fn bird(second: i64, t: f32) -> f32 {
    let mood = crate::scene::canvas::chance(second as u32, 77);
    let note = ((t - 0.30) / 0.16).floor();
    if mood > 0.22 || !(0.0..3.0).contains(&note) {
        return 0.0;
    }
    let within = (t - 0.30) / 0.16 - note;
    let envelope = (within * std::f32::consts::PI).sin().powi(2);
    let pitch = 2500.0 + 800.0 * mood / 0.22 - 350.0 * within;
    0.10 * envelope * (TAU * pitch * (t - 0.30)).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_begins_with_a_tick_that_stands_out() {
        let mut sound = Vec::new();
        samples(Time::from_micros(1_772_366_400_500_000), 8000, &mut sound);
        let loudest = (0..sound.len()).max_by_key(|&at| sound[at].unsigned_abs()).unwrap();
        assert!((4000..4080).contains(&loudest), "half a second in, at the full second: {loudest}");
    }

    #[test]
    fn the_sound_is_the_same_however_it_is_cut() {
        let start = Time::from_micros(1_772_366_400_000_000);
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        samples(start, 1600, &mut whole);
        samples(start, 800, &mut parts);
        samples(start + std::time::Duration::from_millis(100), 800, &mut parts);
        assert_eq!(whole, parts);
    }
}
