//! The nursery: a cot under a turning mobile; the blanket rises and falls, and a parent looks in.

use super::{
    Light, Subjects,
    canvas::{Canvas, Point, Rgb, Shape, noise},
    figures::{self, Person, Visit, Walk},
};
use base::Time;
use std::f32::consts::TAU;

const SKIRTING: f32 = 500.0;
const COT: f32 = 390.0;

/// What does not move.
pub(crate) fn ground(light: Light) -> Canvas {
    let mut canvas = Canvas::new();
    wall(&mut canvas);
    window(&mut canvas, light);
    floor(&mut canvas);
    shelf(&mut canvas);
    pictures(&mut canvas);
    lamp(&mut canvas, light);
    cot_behind(&mut canvas);
    if light == Light::Night {
        canvas.grade(super::infrared);
    }
    canvas
}

fn wall(canvas: &mut Canvas) {
    let (upper, lower) = (Rgb::hex(0xdce9e6), Rgb::hex(0xc7dbd8));
    canvas.texture(&Shape::rect(0.0, 0.0, 1280.0, SKIRTING), |x, y| {
        let (row, shift) = ((y / 64.0).floor(), (y / 64.0).floor().rem_euclid(2.0) * 36.0);
        let (dx, dy) = ((x + shift).rem_euclid(72.0) - 36.0, y - row * 64.0 - 32.0);
        let dot = (1.0 - ((dx * dx + dy * dy).sqrt() - 4.5)).clamp(0.0, 1.0);
        let paper = upper.mix(lower, y / SKIRTING).lit(0.985 + 0.03 * noise(x / 9.0, y / 9.0));
        paper.mix(Rgb::hex(0xf8fbf9), 0.8 * dot)
    });
    canvas.haze(&Shape::ellipse(640.0, 60.0, 700.0, 180.0), Rgb::hex(0xfff4dc), 0.28, 150.0);
    canvas.fill(&Shape::rect(0.0, SKIRTING - 22.0, 1280.0, 22.0), Rgb::hex(0xfaf8f3));
    canvas.glaze(&Shape::rect(0.0, SKIRTING - 24.0, 1280.0, 2.5), Rgb::hex(0x7d8a88), 0.5);
}

fn window(canvas: &mut Canvas, light: Light) {
    let (x, y, w, h) = (86.0, 96.0, 250.0, 270.0);
    canvas.fill(&Shape::rect(x - 14.0, y - 14.0, w + 28.0, h + 28.0), Rgb::hex(0xfcfaf6));
    let (top, bottom) = if light == Light::Night { (0x05060a, 0x0b0d12) } else { (0x7db7e4, 0xe9f3f8) };
    canvas.shade(&Shape::rect(x, y, w, h), Rgb::hex(top), Rgb::hex(bottom));
    if light == Light::Day {
        canvas.haze(&Shape::ellipse(x + 70.0, y + 90.0, 42.0, 16.0), Rgb::hex(0xffffff), 0.85, 9.0);
        canvas.haze(&Shape::ellipse(x + 104.0, y + 98.0, 34.0, 13.0), Rgb::hex(0xffffff), 0.85, 8.0);
        let hill = [
            (x, y + 210.0),
            (x + 60.0, y + 192.0),
            (x + 140.0, y + 200.0),
            (x + w, y + 222.0),
            (x + w, y + h),
            (x, y + h),
        ];
        canvas.shade(&Shape::polygon(&hill), Rgb::hex(0x9cc57c), Rgb::hex(0x7fae63));
        figures::tree(canvas, light, (x + 176.0, y + 232.0), 118.0, Rgb::hex(0x6aa055), 5);
    }
    canvas.fill(&Shape::rect(x + w, y - 14.0, 14.0, h + 28.0), Rgb::hex(0xfcfaf6));
    canvas.fill(&Shape::rect(x + w / 2.0 - 4.0, y, 8.0, h), Rgb::hex(0xfcfaf6));
    canvas.fill(&Shape::rect(x, y + h * 0.4, w, 7.0), Rgb::hex(0xfcfaf6));
    canvas.fill(&Shape::rounded(x - 74.0, y - 40.0, w + 148.0, 9.0, 4.0), Rgb::hex(0xb98f5f));
    for (left, lean) in [(x - 66.0, 1.0), (x + w + 66.0, -1.0)] {
        let outline = [
            (left, y - 34.0),
            (left + lean * 92.0, y - 34.0),
            (left + lean * 62.0, y + h + 70.0),
            (left - lean * 4.0, y + h + 70.0),
        ];
        canvas.texture(&Shape::polygon(&outline), |px, _| {
            Rgb::hex(0xf2b8a0).lit(0.90 + 0.12 * ((px - left) * 0.33).sin())
        });
    }
    canvas.fill(&Shape::rect(x - 26.0, y + h + 14.0, w + 52.0, 12.0), Rgb::hex(0xefece5));
}

fn floor(canvas: &mut Canvas) {
    canvas.texture(&Shape::rect(0.0, SKIRTING, 1280.0, 220.0), |x, y| {
        let depth = (y - 420.0) / 280.0;
        let plank = (x - 640.0) / (0.4 + depth) / 92.0;
        let tone = 0.88 + 0.16 * noise(plank.floor() * 7.0, 2.0) + 0.10 * noise(x / 3.0, y / 40.0);
        let colour = Rgb::hex(0xc99f70).lit(tone);
        if plank.rem_euclid(1.0) < 0.025 { colour.lit(0.72) } else { colour }
    });
    canvas.haze(&Shape::rect(0.0, SKIRTING - 4.0, 1280.0, 12.0), Rgb::hex(0x3a2a1c), 0.35, 9.0);
    canvas.haze(&Shape::ellipse(650.0, 634.0, 410.0, 62.0), Rgb::hex(0x2a1d12), 0.28, 12.0);
    for (rx, colour) in [(400.0, 0xf4efe6), (330.0, 0xf2b8a0), (262.0, 0xf4efe6), (194.0, 0x9cc5bd), (126.0, 0xf4efe6)]
    {
        canvas.fill(&Shape::ellipse(650.0, 630.0, rx, rx * 0.145), Rgb::hex(colour));
    }
}

fn shelf(canvas: &mut Canvas) {
    canvas.haze(&Shape::rect(1000.0, 262.0, 236.0, 240.0), Rgb::hex(0x2d2a26), 0.3, 10.0);
    canvas.fill(&Shape::rounded(1002.0, 252.0, 230.0, 252.0, 5.0), Rgb::hex(0xf7f3ea));
    for row in 0..2 {
        let y = 264.0 + row as f32 * 122.0;
        canvas.shade(&Shape::rect(1013.0, y, 208.0, 108.0), Rgb::hex(0xcfc6b6), Rgb::hex(0xe0d8c9));
        let mut x = 1018.0;
        for book in 0..9 {
            let chance = |salt| super::canvas::chance(book + row * 40, salt);
            let (w, h) = (11.0 + 9.0 * chance(1), 62.0 + 30.0 * chance(2));
            let colour = [0xd9674f, 0x4f86a8, 0xe8bd5a, 0x6fa287, 0x8a6fa8, 0xf1ede2][(chance(3) * 6.0) as usize % 6];
            if (row == 0 && x < 1140.0) || (row == 1 && x > 1084.0) {
                canvas.fill(&Shape::rounded(x, y + 108.0 - h, w, h, 1.5), Rgb::hex(colour));
                canvas.glaze(&Shape::rect(x + 1.5, y + 108.0 - h + 9.0, w - 3.0, 4.0), Rgb(1.0, 1.0, 1.0), 0.5);
            }
            x += w + 2.5;
        }
    }
    bear(canvas, (1050.0, 494.0), 0.62);
    canvas.fill(&Shape::ellipse(1184.0, 346.0, 26.0, 26.0), Rgb::hex(0xe4572e));
    canvas.fill(&Shape::ellipse(1184.0, 346.0, 26.0, 9.0), Rgb::hex(0xf6f2ea));
    canvas.glaze(&Shape::ellipse(1176.0, 336.0, 8.0, 6.0), Rgb(1.0, 1.0, 1.0), 0.5);
}

fn bear(canvas: &mut Canvas, (x, y): Point, s: f32) {
    let (fur, pale) = (Rgb::hex(0xb07d4f), Rgb::hex(0xe2c19a));
    canvas.fill(&Shape::ellipse(x, y - 40.0 * s, 40.0 * s, 46.0 * s), fur);
    canvas.fill(&Shape::ellipse(x, y - 36.0 * s, 24.0 * s, 30.0 * s), pale);
    for side in [-1.0, 1.0] {
        canvas.fill(&Shape::ellipse(x + side * 27.0 * s, y - 130.0 * s, 13.0 * s, 13.0 * s), fur);
        canvas.fill(
            &Shape::limb((x + side * 32.0 * s, y - 66.0 * s), (x + side * 52.0 * s, y - 34.0 * s), 24.0 * s, 20.0 * s),
            fur,
        );
        canvas.fill(&Shape::ellipse(x + side * 30.0 * s, y - 6.0 * s, 22.0 * s, 15.0 * s), fur.lit(0.92));
    }
    canvas.fill(&Shape::ellipse(x, y - 106.0 * s, 36.0 * s, 33.0 * s), fur);
    canvas.fill(&Shape::ellipse(x, y - 98.0 * s, 17.0 * s, 14.0 * s), pale);
    for side in [-1.0, 1.0] {
        canvas.fill(&Shape::ellipse(x + side * 13.0 * s, y - 114.0 * s, 4.2 * s, 4.6 * s), Rgb::hex(0x221a15));
    }
    canvas.fill(&Shape::ellipse(x, y - 103.0 * s, 6.0 * s, 4.4 * s), Rgb::hex(0x221a15));
}

fn pictures(canvas: &mut Canvas) {
    for (x, y, w, h, sky, land) in [
        (850.0, 120.0, 104.0, 126.0, 0xf6dcb5, 0x7fae9a),
        (984.0, 96.0, 92.0, 106.0, 0xbfdcea, 0xe0a15e),
        (1106.0, 116.0, 112.0, 96.0, 0xf2cfc2, 0x6f93b5),
    ] {
        canvas.haze(&Shape::rect(x + 2.0, y + 4.0, w, h), Rgb::hex(0x22302e), 0.3, 6.0);
        canvas.fill(&Shape::rect(x, y, w, h), Rgb::hex(0xc79f6c));
        canvas.fill(&Shape::rect(x + 6.0, y + 6.0, w - 12.0, h - 12.0), Rgb::hex(0xfdfbf6));
        canvas.fill(&Shape::rect(x + 15.0, y + 15.0, w - 30.0, h - 30.0), Rgb::hex(sky));
        canvas.fill(&Shape::ellipse(x + w * 0.62, y + h * 0.40, 9.0, 9.0), Rgb::hex(0xf2b84b));
        let hill = [
            (x + 15.0, y + h - 15.0),
            (x + 15.0, y + h * 0.70),
            (x + w * 0.42, y + h * 0.52),
            (x + w - 15.0, y + h * 0.78),
            (x + w - 15.0, y + h - 15.0),
        ];
        canvas.fill(&Shape::polygon(&hill), Rgb::hex(land));
    }
}

fn lamp(canvas: &mut Canvas, light: Light) {
    canvas.haze(&Shape::ellipse(1256.0, 664.0, 60.0, 10.0), Rgb::hex(0x2a1d12), 0.4, 8.0);
    canvas.fill(&Shape::line((1256.0, 662.0), (1256.0, 420.0), 7.0), Rgb::hex(0xb98f5f));
    canvas.fill(&Shape::rounded(1222.0, 656.0, 68.0, 9.0, 4.0), Rgb::hex(0xa87f50));
    canvas.shade(
        &Shape::polygon(&[(1222.0, 330.0), (1290.0, 330.0), (1320.0, 430.0), (1192.0, 430.0)]),
        Rgb::hex(0xfbe9c4),
        Rgb::hex(0xf3d08e),
    );
    if light == Light::Day {
        canvas.haze(&Shape::ellipse(1256.0, 400.0, 70.0, 80.0), Rgb::hex(0xffe2a0), 0.22, 60.0);
    }
}

const LEFT: f32 = 420.0;
const RIGHT: f32 = 850.0;

fn cot_behind(canvas: &mut Canvas) {
    let wood = Rgb::hex(0xf3e9d8);
    canvas.haze(&Shape::ellipse(640.0, 640.0, 270.0, 22.0), Rgb::hex(0x2a1d12), 0.45, 16.0);
    bars(canvas, Light::Day, COT - 8.0, 560.0, 0.80);
    canvas.shade(
        &Shape::polygon(&[(LEFT + 14.0, 520.0), (RIGHT - 14.0, 520.0), (RIGHT - 4.0, 592.0), (LEFT + 4.0, 592.0)]),
        Rgb::hex(0xffffff),
        Rgb::hex(0xdfe5e8),
    );
    canvas.fill(&Shape::rounded(LEFT + 30.0, 494.0, 104.0, 44.0, 18.0), Rgb::hex(0xfbfbf7));
    canvas.glaze(&Shape::rounded(LEFT + 34.0, 516.0, 96.0, 20.0, 10.0), Rgb::hex(0xb9c6cc), 0.45);
    bear(canvas, (RIGHT - 60.0, 540.0), 0.42);
    for x in [LEFT, RIGHT] {
        canvas.fill(&Shape::rounded(x - 9.0, COT - 26.0, 18.0, 274.0, 6.0), wood.lit(0.96));
    }
}

fn bars(canvas: &mut Canvas, light: Light, top: f32, bottom: f32, tone: f32) {
    let wood = light.on(Rgb::hex(0xf3e9d8).lit(tone), 640.0, 470.0);
    for bar in 1..12 {
        let x = LEFT + (RIGHT - LEFT) * bar as f32 / 12.0;
        canvas.fill(&Shape::rect(x - 3.5, top, 7.0, bottom - top), wood);
        canvas.glaze(&Shape::rect(x + 1.0, top, 2.5, bottom - top), Rgb(0.0, 0.0, 0.0), 0.14);
    }
    canvas.fill(&Shape::rounded(LEFT - 4.0, top - 7.0, RIGHT - LEFT + 8.0, 14.0, 6.0), wood);
}

/// The mobile, the sleeper, the bars before them, and who looks in.
pub(crate) fn moving(canvas: &mut Canvas, light: Light, time: Time) {
    if let Some((visit, walk)) = looking_in(time) {
        parent(canvas, light, visit, walk);
    }
    sleeper(canvas, light, time);
    bars(canvas, light, COT + 30.0, 606.0, 1.0);
    let wood = light.on(Rgb::hex(0xf3e9d8), 640.0, 600.0);
    canvas.fill(&Shape::rounded(LEFT - 4.0, 600.0, RIGHT - LEFT + 8.0, 15.0, 5.0), wood.lit(0.95));
    for x in [LEFT, RIGHT] {
        canvas.fill(&Shape::rounded(x - 11.0, COT - 4.0, 22.0, 260.0, 7.0), wood);
    }
    mobile(canvas, light, time);
}

/// Whether somebody looks in. The sleeper is no news.
pub(crate) fn seen(time: Time) -> Subjects {
    Subjects { person: looking_in(time).is_some(), ..Subjects::default() }
}

fn looking_in(time: Time) -> Option<(Visit, Walk)> {
    let visit = figures::visit(time, 71.0, 41, 0.75)?;
    Some((visit, figures::there_and_back(visit.age, 1380.0, 905.0, 105.0, 10.0)?))
}

/// Comes to the cot, strokes the sleeper and goes away again.
fn parent(canvas: &mut Canvas, light: Light, visit: Visit, walk: Walk) {
    let reach = if walk.stride.is_none() { 0.45 + 0.2 * (visit.age * 1.6).sin() } else { 0.0 };
    let (at, look) = ((walk.x, 642.0), visit.number);
    Person { at, height: 470.0, facing: walk.facing, stride: walk.stride, look, reach, bag: false }.draw(canvas, light);
}

fn sleeper(canvas: &mut Canvas, light: Light, time: Time) {
    let breath = 2.6 * (figures::seconds(time) * TAU / 3.6).sin();
    let (x, y) = (LEFT + 84.0, 505.0);
    let (skin, hair) = (light.on(Rgb::hex(0xf0c8a8), x, y), light.on(Rgb::hex(0x8a5a34), x, y));
    canvas.fill(&Shape::ellipse(x - 4.0, y - 4.0, 27.0, 24.0), hair);
    canvas.fill(&Shape::ellipse(x + 4.0, y + 2.0, 23.0, 20.0), skin);
    canvas.fill(&Shape::line((x + 8.0, y + 1.0), (x + 15.0, y + 2.0), 2.0), hair.lit(0.7));
    canvas.fill(&Shape::ellipse(x + 12.0, y + 9.0, 3.2, 2.0), light.on(Rgb::hex(0xd98b80), x, y));
    let outline = [
        (x + 22.0, 556.0),
        (x + 30.0, 512.0 - breath),
        (x + 80.0, 496.0 - breath),
        (x + 190.0, 506.0 - breath * 0.7),
        (x + 262.0, 528.0),
        (x + 272.0, 560.0),
    ];
    let (top, bottom) =
        (light.on(Rgb::hex(0x9cc5bd), x + 120.0, 500.0), light.on(Rgb::hex(0x6fa39a), x + 120.0, 550.0));
    canvas.shade(&Shape::polygon(&outline), top, bottom);
    for star in 0..7 {
        let (sx, sy) = (x + 52.0 + star as f32 * 30.0, 526.0 + (star % 2) as f32 * 16.0 - breath * 0.6);
        canvas.glaze(&Shape::ellipse(sx, sy, 4.0, 4.0), Rgb(1.0, 1.0, 1.0), 0.6);
    }
}

fn mobile(canvas: &mut Canvas, light: Light, time: Time) {
    let (x, y) = (635.0, 150.0);
    let thread = light.on(Rgb::hex(0x6b7a78), x, y);
    canvas.fill(&Shape::line((x, 0.0), (x, y), 2.0), thread);
    canvas.fill(&Shape::ellipse(x, y, 8.0, 8.0), light.on(Rgb::hex(0xb98f5f), x, y));
    let turn = figures::seconds(time) * 0.55;
    let mut toys: Vec<(usize, f32)> = (0..5).map(|toy| (toy, turn + toy as f32 * TAU / 5.0)).collect();
    // Those behind are drawn first.
    toys.sort_by(|a, b| a.1.sin().total_cmp(&b.1.sin()));
    for (toy, angle) in toys {
        let near = 1.0 + 0.16 * angle.sin();
        let at = (x + 128.0 * angle.cos(), y + 24.0 * angle.sin());
        let hang = (at.0, at.1 + 74.0 + 14.0 * (toy % 3) as f32 + 3.0 * (turn * 2.0 + toy as f32).sin());
        canvas.fill(&Shape::line((x, y), at, 4.5), light.on(Rgb::hex(0xc79f6c), at.0, at.1));
        canvas.fill(&Shape::line(at, hang, 1.6), thread);
        toy_shape(canvas, light, toy, hang, 24.0 * near, angle);
    }
}

fn toy_shape(canvas: &mut Canvas, light: Light, toy: usize, (x, y): Point, size: f32, angle: f32) {
    let colour = light.on(Rgb::hex([0xf3c14b, 0x7fb2d6, 0xe98a7a, 0xf7f4ec, 0x9a86c4][toy]), x, y);
    match toy {
        0 => {
            let point = |n: usize| {
                let (reach, turn) =
                    (if n.is_multiple_of(2) { size } else { size * 0.45 }, n as f32 * TAU / 10.0 - TAU / 4.0);
                (x + reach * turn.cos(), y + reach * turn.sin())
            };
            canvas.fill(&Shape::polygon(&(0..10).map(point).collect::<Vec<_>>()), colour);
        }
        1 | 4 => {
            // A bird: body, wing, beak; it faces the way it turns.
            let side = if angle.sin() > 0.0 { -1.0 } else { 1.0 };
            canvas.fill(&Shape::ellipse(x, y, size, size * 0.62), colour);
            canvas.fill(&Shape::ellipse(x + side * size * 0.8, y - size * 0.42, size * 0.42, size * 0.40), colour);
            canvas.fill(
                &Shape::polygon(&[
                    (x - side * size * 0.8, y),
                    (x - side * size * 1.5, y - size * 0.5),
                    (x - side * size * 1.4, y + size * 0.25),
                ]),
                colour.lit(0.9),
            );
            canvas.glaze(
                &Shape::ellipse(x - side * size * 0.1, y - size * 0.05, size * 0.5, size * 0.3),
                Rgb(1.0, 1.0, 1.0),
                0.45,
            );
            let beak = light.on(Rgb::hex(0xf0a03c), x, y);
            canvas.fill(
                &Shape::polygon(&[
                    (x + side * size * 1.15, y - size * 0.5),
                    (x + side * size * 1.5, y - size * 0.38),
                    (x + side * size * 1.15, y - size * 0.28),
                ]),
                beak,
            );
        }
        2 => {
            for side in [-1.0, 1.0] {
                canvas.fill(
                    &Shape::limb(
                        (x + side * size * 0.42, y - size * 0.3),
                        (x, y + size * 0.62),
                        size * 0.95,
                        size * 0.25,
                    ),
                    colour,
                );
            }
        }
        _ => {
            for (dx, dy, r) in [(-0.6, 0.1, 0.48), (0.0, -0.18, 0.62), (0.62, 0.1, 0.46), (0.0, 0.18, 0.5)] {
                canvas.fill(&Shape::ellipse(x + dx * size, y + dy * size, r * size, r * size * 0.86), colour);
            }
        }
    }
}
