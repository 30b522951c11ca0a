//! What stands and moves in the scenes: people, cars, trees, windows, and the timetable by which they come and go.

use super::{
    Light,
    canvas::{Canvas, Point, Rgb, Shape, chance, cloud, noise},
};
use base::Time;
use std::f32::consts::TAU;

/// Somebody or something on the way through the scene.
#[derive(Clone, Copy)]
pub(crate) struct Visit {
    /// Seconds since it came.
    pub age: f32,
    /// Which visit it is: the seed of how it looks.
    pub number: u32,
}

/// The visit that is on at that time, if any. In each stretch of `period` seconds one may begin, at an uneven moment of
/// the first third, so one that lasts less than two thirds of the period is never cut off.
pub(crate) fn visit(time: Time, period: f32, kind: u32, likely: f32) -> Option<Visit> {
    let seconds = time.micros() as f64 / 1e6;
    let number = (seconds / f64::from(period)).floor();
    let into = (seconds - number * f64::from(period)) as f32;
    let number = number as i64 as u32;
    let age = into - period * 0.33 * chance(number, kind);
    (age >= 0.0 && chance(number, kind ^ 0x5EED) < likely).then_some(Visit { age, number: number ^ kind << 16 })
}

/// Seconds within the day: the phase of everything that swings or turns.
pub(crate) fn seconds(time: Time) -> f32 {
    (time.micros().rem_euclid(86_400_000_000) as f64 / 1e6) as f32
}

/// Where along a walk with a stop somebody is.
pub(crate) struct Walk {
    pub x: f32,
    /// +1 to the right, -1 to the left.
    pub facing: f32,
    /// None while standing.
    pub stride: Option<f32>,
}

/// A walk from `from` to `to`, `stay` seconds there, and back; none once it is over. Speed in pixels a second.
pub(crate) fn there_and_back(age: f32, from: f32, to: f32, speed: f32, stay: f32) -> Option<Walk> {
    let way = (to - from).abs() / speed;
    let facing = (to - from).signum();
    if age < way {
        Some(Walk { x: from + facing * speed * age, facing, stride: Some(age * speed) })
    } else if age < way + stay {
        Some(Walk { x: to, facing, stride: None })
    } else if age < 2.0 * way + stay {
        let back = age - way - stay;
        Some(Walk { x: to - facing * speed * back, facing: -facing, stride: Some(back * speed) })
    } else {
        None
    }
}

/// A person seen from the side.
pub(crate) struct Person {
    /// Between the feet, on the ground.
    pub at: Point,
    pub height: f32,
    pub facing: f32,
    /// Pixels walked; none for standing.
    pub stride: Option<f32>,
    /// Seed of hair and clothes.
    pub look: u32,
    /// How far the leading arm is raised, 0 to 1.
    pub reach: f32,
    pub bag: bool,
}

/// Angles from straight down, positive ahead.
#[derive(Clone, Copy)]
struct Leg {
    thigh: f32,
    shin: f32,
}

impl Leg {
    /// How far below the hip the foot is, for a person of that height.
    fn reach(self, height: f32) -> f32 {
        (0.245 * self.thigh.cos() + 0.235 * self.shin.cos()) * height
    }
}

const SHIRTS: [u32; 7] = [0xc8553d, 0x2f6690, 0x588157, 0xe0a030, 0x7d4e8c, 0x3a3f58, 0xd7d2c4];
const TROUSERS: [u32; 5] = [0x2b3a55, 0x3d3a38, 0x5b4a3a, 0x1f2a30, 0x6b7280];
const SKINS: [u32; 4] = [0xf0c8a8, 0xd9a47c, 0xa8714b, 0x74492f];
const HAIRS: [u32; 4] = [0x2a1d16, 0x6b4423, 0xb98d4f, 0x8c8c8c];

fn pick(colours: &[u32], seed: u32, salt: u32) -> Rgb {
    Rgb::hex(colours[(chance(seed, salt) * colours.len() as f32) as usize % colours.len()])
}

impl Person {
    /// Draws the person; answers where the hand of the nearer arm is.
    pub fn draw(&self, canvas: &mut Canvas, light: Light) -> Point {
        let (x, y) = self.at;
        let h = self.height;
        let (swing, pace) = self.stride.map_or((0.0, 0.0), |walked| (walked / (0.40 * h) * TAU / 2.0).sin_cos());
        let (near_leg, far_leg) = (self.leg_angles(swing, pace), self.leg_angles(-swing, -pace));
        // The lower foot stands on the ground.
        let lift = 0.478 * h - near_leg.reach(h).max(far_leg.reach(h));
        canvas.haze(&Shape::ellipse(x, y, 0.2 * h, 0.035 * h), Rgb(0.03, 0.04, 0.05), 0.42, 0.03 * h);
        let tint = |colour: Rgb| light.on(colour, x, y - h / 2.0);
        let (shirt, trousers) = (tint(pick(&SHIRTS, self.look, 1)), tint(pick(&TROUSERS, self.look, 2)));
        let (skin, hair) = (tint(pick(&SKINS, self.look, 3)), tint(pick(&HAIRS, self.look, 4)));
        let hip = (x, y - 0.495 * h + lift);
        let shoulder = (x + 0.015 * h * self.facing, y - 0.80 * h + lift);
        self.leg(canvas, hip, far_leg, trousers.lit(0.72), tint(Rgb::hex(0x241f1c)));
        self.arm(canvas, shoulder, swing, 0.0, shirt.lit(0.72), skin.lit(0.8));
        self.leg(canvas, hip, near_leg, trousers, tint(Rgb::hex(0x2e2723)));
        canvas.fill(&Shape::limb(shoulder, (hip.0, hip.1 + 0.01 * h), 0.165 * h, 0.135 * h), shirt);
        canvas.glaze(
            &Shape::limb(
                (shoulder.0 + 0.035 * h * self.facing, shoulder.1),
                (hip.0 + 0.03 * h * self.facing, hip.1),
                0.07 * h,
                0.05 * h,
            ),
            Rgb(1.0, 1.0, 1.0),
            0.10,
        );
        self.head(canvas, shoulder, skin, hair);
        if self.bag {
            let strap = tint(Rgb::hex(0x5a3d28));
            let bag = (x - 0.09 * h * self.facing, y - 0.50 * h);
            canvas.fill(&Shape::line((shoulder.0 + 0.03 * h * self.facing, shoulder.1), bag, 0.018 * h), strap);
            canvas.fill(&Shape::rounded(bag.0 - 0.07 * h, bag.1 - 0.03 * h, 0.14 * h, 0.13 * h, 0.02 * h), strap);
        }
        self.arm(canvas, shoulder, -swing, self.reach, shirt.lit(0.93), skin)
    }

    /// A leg at `swing` of its stride (1 ahead, -1 behind); it bends while `pace` carries it forward.
    fn leg_angles(&self, swing: f32, pace: f32) -> Leg {
        let thigh = 0.40 * swing + 0.10 * pace.max(0.0);
        Leg { thigh, shin: thigh - 0.06 - 0.62 * pace.max(0.0) }
    }

    fn head(&self, canvas: &mut Canvas, shoulder: Point, skin: Rgb, hair: Rgb) {
        let h = self.height;
        let (x, y) = (shoulder.0 + 0.012 * h * self.facing, shoulder.1 - 0.125 * h);
        canvas.fill(&Shape::line((shoulder.0, shoulder.1 - 0.03 * h), (x, y), 0.055 * h), skin.lit(0.88));
        canvas.fill(&Shape::ellipse(x - 0.008 * h * self.facing, y - 0.012 * h, 0.060 * h, 0.066 * h), hair);
        canvas.fill(&Shape::ellipse(x + 0.012 * h * self.facing, y + 0.006 * h, 0.046 * h, 0.056 * h), skin);
        canvas.fill(&Shape::ellipse(x + 0.056 * h * self.facing, y + 0.012 * h, 0.011 * h, 0.012 * h), skin);
        canvas.fill(
            &Shape::limb(
                (x - 0.045 * h * self.facing, y - 0.03 * h),
                (x + 0.03 * h * self.facing, y - 0.055 * h),
                0.05 * h,
                0.03 * h,
            ),
            hair,
        );
    }

    fn leg(&self, canvas: &mut Canvas, hip: Point, leg: Leg, cloth: Rgb, shoe: Rgb) {
        let h = self.height;
        let knee = (hip.0 + 0.245 * h * leg.thigh.sin() * self.facing, hip.1 + 0.245 * h * leg.thigh.cos());
        let foot = (knee.0 + 0.235 * h * leg.shin.sin() * self.facing, knee.1 + 0.235 * h * leg.shin.cos());
        canvas.fill(&Shape::limb(hip, knee, 0.115 * h, 0.082 * h), cloth);
        canvas.fill(&Shape::limb(knee, foot, 0.082 * h, 0.055 * h), cloth);
        let toe = (foot.0 + 0.075 * h * self.facing, foot.1 + 0.012 * h);
        canvas.fill(&Shape::limb((foot.0, foot.1 + 0.006 * h), toe, 0.05 * h, 0.032 * h), shoe);
    }

    fn arm(&self, canvas: &mut Canvas, shoulder: Point, swing: f32, reach: f32, sleeve: Rgb, skin: Rgb) -> Point {
        let h = self.height;
        let upper = (0.42 * swing * (1.0 - reach) + 0.95 * reach) * self.facing;
        let elbow = (shoulder.0 + 0.155 * h * upper.sin(), shoulder.1 + 0.02 * h + 0.155 * h * upper.cos());
        let lower = upper + (0.35 + 0.55 * reach) * self.facing;
        let hand = (elbow.0 + 0.15 * h * lower.sin(), elbow.1 + 0.15 * h * lower.cos());
        canvas.fill(&Shape::limb((shoulder.0, shoulder.1 + 0.02 * h), elbow, 0.072 * h, 0.055 * h), sleeve);
        canvas.fill(&Shape::limb(elbow, hand, 0.052 * h, 0.038 * h), sleeve);
        canvas.fill(&Shape::ellipse(hand.0, hand.1, 0.024 * h, 0.026 * h), skin);
        hand
    }
}

/// A car seen from the side, 4.4 m long at `length` pixels.
pub(crate) struct Car {
    /// The middle of the car, on the ground.
    pub at: Point,
    pub length: f32,
    pub facing: f32,
    pub look: u32,
}

const PAINTS: [u32; 7] = [0xb3272d, 0x2456a6, 0xe8e6e1, 0x2c2f33, 0x8f9aa3, 0x2f7a5b, 0xe3b23c];

impl Car {
    pub fn draw(&self, canvas: &mut Canvas, light: Light) {
        let (x, y) = self.at;
        let u = self.length / 100.0;
        let at = |dx: f32, dy: f32| (x + dx * u * self.facing, y - dy * u);
        let tint = |colour: Rgb| light.on(colour, x, y - 14.0 * u);
        let paint = tint(pick(&PAINTS, self.look, 5));
        canvas.haze(&Shape::ellipse(x, y - 0.5 * u, 50.0 * u, 4.0 * u), Rgb(0.02, 0.02, 0.03), 0.6, 3.0 * u);
        let body = [
            at(-49.0, 9.0),
            at(-48.5, 19.0),
            at(-44.0, 22.5),
            at(-31.0, 24.0),
            at(20.0, 23.5),
            at(41.0, 20.0),
            at(48.5, 15.5),
            at(49.5, 8.0),
            at(46.0, 5.5),
            at(-46.0, 5.5),
        ];
        canvas.fill(&Shape::polygon(&body), paint);
        let roof = [at(-36.0, 23.0), at(-25.0, 33.0), at(-17.0, 35.5), at(3.0, 35.0), at(11.0, 32.0), at(25.0, 23.0)];
        canvas.fill(&Shape::polygon(&roof), paint.lit(0.94));
        let glass = tint(Rgb::hex(0x2a3d4a));
        let rear = [at(-30.5, 24.0), at(-23.0, 31.5), at(-16.0, 33.5), at(-8.0, 33.3), at(-8.0, 24.0)];
        let front = [at(-5.5, 24.0), at(-5.5, 33.2), at(2.5, 33.0), at(9.0, 30.5), at(19.5, 24.0)];
        for pane in [&rear, &front] {
            canvas.fill(&Shape::polygon(pane), glass);
        }
        canvas.glaze(
            &Shape::polygon(&[at(-4.5, 24.5), at(2.0, 32.5), at(6.0, 31.5), at(-0.5, 24.5)]),
            Rgb(1.0, 1.0, 1.0),
            0.22,
        );
        canvas.glaze(&Shape::line(at(-45.0, 20.5), at(40.0, 18.8), 1.6 * u), Rgb(1.0, 1.0, 1.0), 0.28);
        canvas.glaze(
            &Shape::polygon(&[at(-49.0, 10.0), at(49.0, 10.0), at(46.0, 5.5), at(-46.0, 5.5)]),
            Rgb(0.0, 0.0, 0.0),
            0.32,
        );
        canvas.glaze(&Shape::line(at(-6.8, 24.0), at(-6.8, 9.0), 0.5 * u), Rgb(0.0, 0.0, 0.0), 0.5);
        canvas.fill(&Shape::line(at(-12.0, 20.0), at(-9.0, 20.0), 1.2 * u), paint.lit(0.6));
        self.lamps(canvas, light, &at, u);
        for wheel in [-29.0, 30.0] {
            self.wheel(canvas, light, at(wheel, 8.2), 8.4 * u);
        }
    }

    fn lamps(&self, canvas: &mut Canvas, light: Light, at: &impl Fn(f32, f32) -> Point, u: f32) {
        canvas.fill(&Shape::limb(at(42.0, 17.6), at(47.3, 15.4), 2.4 * u, 3.2 * u), Rgb(0.98, 0.97, 0.88));
        let tail = if light == Light::Night { Rgb(0.8, 0.8, 0.8) } else { Rgb(0.75, 0.08, 0.08) };
        canvas.fill(&Shape::line(at(-47.6, 19.0), at(-47.8, 15.0), 2.2 * u), tail);
        if light == Light::Night {
            canvas.haze(
                &Shape::polygon(&[at(47.0, 17.0), at(150.0, 26.0), at(150.0, 0.0)]),
                Rgb(1.0, 1.0, 1.0),
                0.28,
                9.0 * u,
            );
            canvas.haze(
                &Shape::ellipse(at(47.0, 16.0).0, at(47.0, 16.0).1, 3.0 * u, 3.0 * u),
                Rgb(1.0, 1.0, 1.0),
                0.9,
                6.0 * u,
            );
        }
    }

    fn wheel(&self, canvas: &mut Canvas, light: Light, centre: Point, radius: f32) {
        let (x, y) = centre;
        canvas.fill(&Shape::ellipse(x, y, radius, radius), light.on(Rgb::hex(0x17181a), x, y));
        canvas.fill(&Shape::ellipse(x, y, 0.62 * radius, 0.62 * radius), light.on(Rgb::hex(0xb9bec4), x, y));
        let turn = x / radius * self.facing.abs();
        for spoke in 0..5 {
            let angle = turn + spoke as f32 * TAU / 5.0;
            let end = (x + 0.6 * radius * angle.cos(), y + 0.6 * radius * angle.sin());
            canvas.fill(&Shape::line(centre, end, 0.12 * radius), light.on(Rgb::hex(0x565b61), x, y));
        }
        canvas.fill(&Shape::ellipse(x, y, 0.14 * radius, 0.14 * radius), light.on(Rgb::hex(0x3a3d41), x, y));
    }
}

/// The sky from the upper edge to `horizon`.
pub(crate) fn sky(canvas: &mut Canvas, light: Light, horizon: f32) {
    let area = Shape::rect(0.0, 0.0, 1280.0, horizon);
    if light == Light::Night {
        canvas.shade(&area, Rgb(0.0, 0.0, 0.0), Rgb(0.02, 0.02, 0.02));
        return;
    }
    let (top, bottom) = (Rgb::hex(0x4f93d2), Rgb::hex(0xdcebf4));
    canvas.texture(&area, |x, y| {
        let blue = top.mix(bottom, (y / horizon).powf(0.8));
        let cover = ((cloud(x / 300.0 + 3.0, y / 95.0) - 0.50) * 3.4).clamp(0.0, 0.92);
        blue.mix(Rgb::hex(0xffffff).mix(Rgb::hex(0xd3dde6), cloud(x / 120.0, y / 40.0) * 0.7), cover)
    });
}

/// How a colour looks at a distance: hazy by day, beyond the lamp's reach by night.
pub(crate) fn far(light: Light, colour: Rgb, depth: f32) -> Rgb {
    match light {
        Light::Day => colour.mix(Rgb::hex(0xc9dbe8), depth * 0.7),
        Light::Night => colour.lit(1.0 - 0.92 * depth),
    }
}

/// A lawn, darker and coarser towards the viewer.
pub(crate) fn lawn(canvas: &mut Canvas, shape: &Shape, light: Light, horizon: f32) {
    let (distant, near) = (Rgb::hex(0x9dbb6a), Rgb::hex(0x4d7f35));
    canvas.texture(shape, |x, y| {
        let depth = ((y - horizon) / (700.0 - horizon)).clamp(0.0, 1.0);
        let scale = 3.0 + 9.0 * depth;
        let blades = noise(x / scale * 2.2, y / scale) * 0.22 + cloud(x / 70.0, y / (12.0 + 30.0 * depth)) * 0.30;
        let colour = distant.mix(near, depth.sqrt()).lit(0.76 + blades);
        far(light, colour, (0.55 - depth).max(0.0))
    });
}

/// A mass of leaves, lit from the upper left.
pub(crate) fn foliage(canvas: &mut Canvas, light: Light, (x, y): Point, (rx, ry): Point, colour: Rgb, seed: u32) {
    let leaves = (rx * ry / 22.0).clamp(60.0, 900.0) as u32;
    canvas.haze(&Shape::ellipse(x, y, rx * 0.88, ry * 0.88), shadowed(light, colour, 0.42), 1.0, 5.0);
    for leaf in 0..leaves {
        let draw = |salt: u32| chance(seed.wrapping_mul(7919) + leaf, salt);
        let (angle, out) = (draw(1) * TAU, draw(2).sqrt());
        let (dx, dy) = (angle.cos() * out, angle.sin() * out);
        let sun = (0.62 - 0.30 * dx - 0.42 * dy + 0.30 * (draw(3) - 0.5)).clamp(0.30, 1.25);
        let size = (rx.min(ry) * (0.10 + 0.08 * draw(4))).clamp(2.5, 15.0);
        let tint = colour.mix(Rgb::hex(0xd9d15a), 0.18 * draw(5) * sun);
        canvas.glaze(&Shape::ellipse(x + dx * rx, y + dy * ry, size, size * 0.72), shadowed(light, tint, sun), 0.85);
    }
}

fn shadowed(light: Light, colour: Rgb, sun: f32) -> Rgb {
    match light {
        Light::Day => colour.lit(sun),
        // Leaves return infra-red: they shine.
        Light::Night => Rgb(0.85, 0.85, 0.85).lit(sun * 0.8),
    }
}

/// A tree with a trunk from the ground to its crown.
pub(crate) fn tree(canvas: &mut Canvas, light: Light, (x, y): Point, height: f32, colour: Rgb, seed: u32) {
    let crown = y - height * 0.66;
    let bark = Rgb::hex(0x5b4636);
    canvas.haze(
        &Shape::ellipse(x + 0.1 * height, y, 0.34 * height, 0.035 * height),
        Rgb(0.02, 0.05, 0.02),
        0.45,
        0.03 * height,
    );
    let root = |side: f32, up: f32| (x + side * 0.043 * height * (1.0 + (0.1 - up).max(0.0) * 6.0), y - up * height);
    let trunk = [
        root(-1.0, 0.0),
        root(-1.0, 0.04),
        root(-0.9, 0.1),
        (x - 0.018 * height, crown),
        (x + 0.022 * height, crown),
        root(0.9, 0.1),
        root(1.0, 0.04),
        root(1.0, 0.0),
    ];
    canvas.fill(&Shape::polygon(&trunk), bark);
    canvas.glaze(
        &Shape::polygon(&[
            root(0.25, 0.0),
            root(0.15, 0.1),
            (x + 0.008 * height, crown),
            (x + 0.022 * height, crown),
            root(0.9, 0.1),
            root(1.0, 0.0),
        ]),
        Rgb(0.0, 0.0, 0.0),
        0.25,
    );
    for side in [-1.0, 1.0] {
        let fork = (x, y - 0.33 * height);
        canvas.fill(&Shape::limb(fork, (x + side * 0.15 * height, crown), 0.04 * height, 0.02 * height), bark.lit(0.9));
    }
    for part in 0..5 {
        let angle = part as f32 / 5.0 * TAU + chance(seed, 9);
        let centre = (x + 0.17 * height * angle.cos(), crown + 0.13 * height * angle.sin());
        foliage(canvas, light, centre, (0.20 * height, 0.17 * height), colour, seed * 31 + part);
    }
}

/// A window with white frame and glazing bars; `warm` is light from within.
pub(crate) fn window(canvas: &mut Canvas, (x, y): Point, (w, h): Point, warm: bool) {
    canvas.haze(&Shape::rect(x - 6.0, y - 6.0, w + 14.0, h + 16.0), Rgb(0.0, 0.0, 0.0), 0.25, 4.0);
    canvas.fill(&Shape::rect(x - 8.0, y - 8.0, w + 16.0, h + 16.0), Rgb::hex(0xf4f1ea));
    let (top, bottom) = if warm { (0xf7d9a0, 0xd99a55) } else { (0x9fc0d4, 0x46606f) };
    canvas.shade(&Shape::rect(x, y, w, h), Rgb::hex(top), Rgb::hex(bottom));
    for (left, lean) in [(x, 1.0), (x + w, -1.0)] {
        let folds = [(left, y), (left + lean * w * 0.26, y), (left + lean * w * 0.14, y + h), (left, y + h)];
        canvas.glaze(&Shape::polygon(&folds), Rgb::hex(0xefe6d8), 0.55);
    }
    canvas.glaze(
        &Shape::polygon(&[(x + w * 0.55, y), (x + w * 0.8, y), (x + w * 0.4, y + h), (x + w * 0.15, y + h)]),
        Rgb(1.0, 1.0, 1.0),
        0.10,
    );
    canvas.fill(&Shape::rect(x + w / 2.0 - 2.5, y, 5.0, h), Rgb::hex(0xf4f1ea));
    canvas.fill(&Shape::rect(x, y + h * 0.42, w, 5.0), Rgb::hex(0xf4f1ea));
    canvas.fill(&Shape::rect(x - 14.0, y + h + 6.0, w + 28.0, 9.0), Rgb::hex(0xe2ddd2));
}

/// A toy windmill on a stick, turning in the wind.
pub(crate) fn pinwheel(canvas: &mut Canvas, light: Light, (x, y): Point, radius: f32, time: Time, colours: [u32; 2]) {
    let turn = seconds(time) * 2.4 + 0.8 * (seconds(time) * 0.6).sin();
    for vane in 0..6 {
        let angle = turn + vane as f32 * TAU / 6.0;
        let tip = (x + radius * angle.cos(), y + radius * angle.sin());
        let side = (x + 0.62 * radius * (angle + 0.55).cos(), y + 0.62 * radius * (angle + 0.55).sin());
        let colour = light.on(Rgb::hex(colours[vane % 2]), x, y);
        canvas.fill(&Shape::polygon(&[(x, y), tip, side]), colour);
    }
    canvas.fill(&Shape::ellipse(x, y, radius * 0.13, radius * 0.13), light.on(Rgb::hex(0xf8f4e8), x, y));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_come_irregularly_and_are_the_same_for_the_same_time() {
        let start = 1_795_508_512i64;
        let starts: Vec<i64> = (start..start + 3600)
            .filter(|&second| {
                let at =
                    |second| visit(Time::from_micros(second * 1_000_000), 40.0, 3, 0.7).is_some_and(|v| v.age < 20.0);
                at(second) && !at(second - 1)
            })
            .collect();
        assert!((45..80).contains(&starts.len()), "{} visits in an hour of 90 chances", starts.len());
        let gaps: std::collections::HashSet<i64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.len() > 10, "uneven: {gaps:?}");
    }

    #[test]
    fn a_walk_goes_there_stays_and_returns() {
        let at = |age| there_and_back(age, 0.0, 100.0, 50.0, 3.0);
        assert_eq!(at(1.0).map(|walk| (walk.x, walk.facing)), Some((50.0, 1.0)));
        assert!(at(3.0).is_some_and(|walk| walk.x == 100.0 && walk.stride.is_none()));
        assert_eq!(at(6.0).map(|walk| (walk.x, walk.facing)), Some((50.0, -1.0)));
        assert!(at(7.1).is_none());
    }
}
