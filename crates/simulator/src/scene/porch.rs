//! The porch: a house front with a blue door, seen from the garden path; people come to the door and leave.

use super::{
    Light, Subjects,
    canvas::{Canvas, Point, Rgb, Shape, noise},
    figures::{self, Person, Visit, Walk},
};
use base::Time;

const FLOOR: f32 = 560.0;

/// What does not move.
pub(crate) fn ground(light: Light) -> Canvas {
    let mut canvas = Canvas::new();
    figures::sky(&mut canvas, light, 420.0);
    let meadow = figures::far(light, Rgb::hex(0x7fa562), 0.4);
    canvas.fill(&Shape::rect(0.0, 400.0, 1280.0, 160.0), meadow);
    for (index, x) in [-10.0, 70.0, 150.0, 1130.0, 1210.0, 1290.0].into_iter().enumerate() {
        let colour = figures::far(light, Rgb::hex(0x5a8a50), 0.3);
        figures::foliage(&mut canvas, light, (x, 440.0), (70.0, 66.0), colour, index as u32 + 70);
    }
    figures::tree(&mut canvas, light, (60.0, 470.0), 430.0, Rgb::hex(0x5f8a3a), 4);
    figures::tree(&mut canvas, light, (1235.0, 480.0), 400.0, Rgb::hex(0x4f7d3c), 9);
    house(&mut canvas);
    figures::lawn(&mut canvas, &Shape::rect(0.0, FLOOR - 8.0, 1280.0, 160.0), light, FLOOR - 80.0);
    path(&mut canvas);
    porch(&mut canvas);
    plants(&mut canvas, light);
    if light == Light::Night {
        canvas.grade(super::infrared);
        canvas.haze(&Shape::ellipse(790.0, 292.0, 10.0, 14.0), Rgb(1.0, 1.0, 1.0), 0.95, 26.0);
    }
    canvas
}

fn house(canvas: &mut Canvas) {
    let wall = Rgb::hex(0xe9dcc3);
    canvas.texture(&Shape::rect(150.0, 150.0, 980.0, FLOOR - 150.0), |x, y| {
        let board = (y - 150.0).rem_euclid(26.0);
        let edge = if board < 2.5 { 0.80 } else { 1.0 - 0.05 * board / 26.0 };
        wall.lit(edge * (0.95 + 0.07 * noise(x / 60.0, y / 7.0)))
    });
    canvas.haze(&Shape::rect(150.0, 150.0, 980.0, 26.0), Rgb::hex(0x2a2118), 0.45, 16.0);
    canvas.texture(&Shape::polygon(&[(96.0, 162.0), (220.0, 62.0), (1060.0, 62.0), (1184.0, 162.0)]), |x, y| {
        let row = (y / 16.0).floor();
        let tile = (x + row * 11.0).rem_euclid(23.0);
        let edge = if tile < 1.8 || y.rem_euclid(16.0) < 2.2 { 0.72 } else { 1.0 };
        Rgb::hex(0x7c4f3f).lit(edge * (0.85 + 0.3 * noise((x + row * 11.0) / 23.0, row)))
    });
    canvas.fill(&Shape::rect(90.0, 158.0, 1100.0, 12.0), Rgb::hex(0xf6f3ec));
    figures::window(canvas, (225.0, 270.0), (190.0, 170.0), false);
    figures::window(canvas, (940.0, 270.0), (130.0, 170.0), true);
    canvas.texture(&Shape::rect(150.0, FLOOR - 48.0, 980.0, 48.0), |x, y| {
        let row = ((y - FLOOR) / 16.0).floor();
        let joint = (x + row * 19.0).rem_euclid(38.0) < 2.0 || (y - FLOOR).rem_euclid(16.0) < 2.0;
        let stone = Rgb::hex(0x9a8f80).lit(0.8 + 0.4 * noise((x + row * 19.0) / 38.0, row * 3.0));
        if joint { Rgb::hex(0x6d655a) } else { stone }
    });
}

fn path(canvas: &mut Canvas) {
    let outline = [(600.0, FLOOR + 24.0), (800.0, FLOOR + 24.0), (960.0, 700.0), (440.0, 700.0)];
    canvas.haze(&Shape::polygon(&outline), Rgb::hex(0x2e3a1f), 0.5, 8.0);
    flags(canvas, &Shape::polygon(&outline));
    // The way along the house, on which people come.
    flags(canvas, &Shape::polygon(&[(0.0, 612.0), (1280.0, 612.0), (1280.0, 652.0), (0.0, 652.0)]));
}

fn flags(canvas: &mut Canvas, shape: &Shape) {
    canvas.texture(shape, |x, y| {
        let depth = (y - 500.0) / 200.0;
        let (row, along) = ((depth * 9.0).floor(), (x - 700.0) / (0.35 + depth) / 62.0);
        let column = (along + row * 0.37).floor();
        let joint = (along + row * 0.37).rem_euclid(1.0) < 0.05 || (depth * 9.0).rem_euclid(1.0) < 0.10;
        let stone = Rgb::hex(0xb9aea0)
            .lit(0.82 + 0.26 * noise(column * 3.1, row * 2.3) + 0.10 * (noise(x / 5.0, y / 3.0) - 0.5));
        if joint { Rgb::hex(0x70695e) } else { stone }
    });
}

fn porch(canvas: &mut Canvas) {
    canvas.haze(&Shape::rect(545.0, 205.0, 310.0, FLOOR - 205.0), Rgb::hex(0x2b2117), 0.30, 22.0);
    door(canvas);
    for (index, y) in [FLOOR - 6.0, FLOOR + 10.0].into_iter().enumerate() {
        let grow = index as f32 * 26.0;
        canvas.fill(&Shape::rect(560.0 - grow, y, 280.0 + 2.0 * grow, 9.0), Rgb::hex(0xd8d0c3));
        canvas.fill(&Shape::rect(560.0 - grow, y + 9.0, 280.0 + 2.0 * grow, 9.0), Rgb::hex(0x8d8579));
    }
    for x in [540.0, 838.0] {
        canvas.shade(&Shape::rect(x, 232.0, 22.0, FLOOR - 232.0), Rgb::hex(0xfbf8f1), Rgb::hex(0xe3ddd1));
        canvas.glaze(&Shape::rect(x + 15.0, 232.0, 7.0, FLOOR - 232.0), Rgb::hex(0x6a6257), 0.35);
        canvas.fill(&Shape::rect(x - 6.0, FLOOR - 22.0, 34.0, 20.0), Rgb::hex(0xefeae0));
    }
    canvas.texture(&Shape::polygon(&[(500.0, 216.0), (700.0, 118.0), (900.0, 216.0)]), |x, y| {
        let shade = if y.rem_euclid(14.0) < 2.0 { 0.78 } else { 1.0 };
        Rgb::hex(0x6e463a).lit(shade * (0.85 + 0.25 * noise(x / 20.0, y / 14.0)))
    });
    canvas.fill(&Shape::polygon(&[(548.0, 212.0), (700.0, 138.0), (852.0, 212.0)]), Rgb::hex(0xefe5d0));
    canvas.fill(&Shape::rect(496.0, 212.0, 408.0, 20.0), Rgb::hex(0xf8f5ee));
    canvas.fill(&Shape::ellipse(700.0, 184.0, 17.0, 17.0), Rgb::hex(0xf8f5ee));
    canvas.shade(&Shape::ellipse(700.0, 184.0, 12.5, 12.5), Rgb::hex(0x8fb6cc), Rgb::hex(0x466170));
    canvas.fill(&Shape::rect(698.5, 171.0, 3.0, 26.0), Rgb::hex(0xf8f5ee));
    canvas.fill(&Shape::rect(687.0, 182.5, 26.0, 3.0), Rgb::hex(0xf8f5ee));
    lantern(canvas, (790.0, 292.0));
}

fn door(canvas: &mut Canvas) {
    canvas.fill(&Shape::rect(608.0, 262.0, 184.0 - 30.0, FLOOR - 268.0), Rgb::hex(0xf6f2ea));
    canvas.shade(&Shape::rect(620.0, 276.0, 130.0, FLOOR - 282.0), Rgb::hex(0x2f6f8f), Rgb::hex(0x1f4f69));
    for (x, y, h) in [
        (632.0, 292.0, 84.0),
        (692.0, 292.0, 84.0),
        (632.0, 394.0, 62.0),
        (692.0, 394.0, 62.0),
        (632.0, 474.0, 62.0),
        (692.0, 474.0, 62.0),
    ] {
        canvas.glaze(&Shape::rounded(x, y, 46.0, h, 3.0), Rgb::hex(0x0d2836), 0.55);
        let glass = y < 300.0;
        let (top, bottom) = if glass { (0xf3dcae, 0xcf9f66) } else { (0x2a6584, 0x1f5069) };
        canvas.shade(&Shape::rounded(x + 3.0, y + 3.0, 41.0, h - 5.0, 2.0), Rgb::hex(top), Rgb::hex(bottom));
    }
    canvas.fill(&Shape::ellipse(738.0, 424.0, 6.0, 6.0), Rgb::hex(0xe8c25a));
    canvas.fill(&Shape::rounded(660.0, 462.0, 50.0, 7.0, 3.0), Rgb::hex(0xd9b24f));
    canvas.fill(&Shape::rounded(775.0, 400.0, 12.0, 26.0, 4.0), Rgb::hex(0x2b2f33));
    canvas.fill(&Shape::ellipse(781.0, 418.0, 3.4, 3.4), Rgb::hex(0x77c3e8));
    canvas.fill(&Shape::rounded(632.0, FLOOR - 12.0, 110.0, 8.0, 2.0), Rgb::hex(0x7a5a3a));
}

fn lantern(canvas: &mut Canvas, (x, y): Point) {
    canvas.haze(&Shape::ellipse(x, y, 34.0, 40.0), Rgb::hex(0xffd98a), 0.35, 26.0);
    canvas.fill(&Shape::rounded(x - 11.0, y - 17.0, 22.0, 34.0, 3.0), Rgb::hex(0x25282b));
    canvas.fill(&Shape::rounded(x - 7.0, y - 12.0, 14.0, 24.0, 2.0), Rgb::hex(0xffe6ae));
    canvas.fill(&Shape::polygon(&[(x - 14.0, y - 16.0), (x, y - 28.0), (x + 14.0, y - 16.0)]), Rgb::hex(0x25282b));
}

fn plants(canvas: &mut Canvas, light: Light) {
    for (index, x) in [190.0, 275.0, 365.0, 450.0, 920.0, 1000.0, 1085.0].into_iter().enumerate() {
        let seed = index as u32 + 40;
        figures::foliage(canvas, light, (x, FLOOR - 22.0), (58.0, 40.0), Rgb::hex(0x4f8443), seed);
        for bloom in 0..14 {
            let (dx, dy) = (
                super::canvas::chance(seed, bloom) * 96.0 - 48.0,
                super::canvas::chance(seed, bloom + 50) * 46.0 - 40.0,
            );
            let colour = [0xe86a92, 0xf4c95d, 0xf7f3ee][(bloom % 3) as usize];
            canvas.fill(&Shape::ellipse(x + dx, FLOOR - 14.0 + dy, 4.2, 4.2), Rgb::hex(colour));
        }
    }
    for x in [520.0, 880.0] {
        canvas.haze(&Shape::ellipse(x, FLOOR + 26.0, 30.0, 6.0), Rgb(0.0, 0.0, 0.0), 0.4, 5.0);
        figures::foliage(canvas, light, (x, FLOOR - 44.0), (34.0, 44.0), Rgb::hex(0x3f7a3f), x as u32);
        let pot =
            [(x - 26.0, FLOOR - 18.0), (x + 26.0, FLOOR - 18.0), (x + 19.0, FLOOR + 26.0), (x - 19.0, FLOOR + 26.0)];
        canvas.shade(&Shape::polygon(&pot), Rgb::hex(0xc7734a), Rgb::hex(0x8f4a2c));
        canvas.fill(&Shape::rounded(x - 29.0, FLOOR - 22.0, 58.0, 9.0, 3.0), Rgb::hex(0xd08257));
    }
    canvas.fill(&Shape::line((1040.0, FLOOR + 40.0), (1040.0, FLOOR - 70.0), 3.5), Rgb::hex(0xc9b48a));
}

/// Who is there, and the windmill in the flower bed.
pub(crate) fn moving(canvas: &mut Canvas, light: Light, time: Time) {
    figures::pinwheel(canvas, light, (1040.0, FLOOR - 72.0), 26.0, time, [0xe4572e, 0xf3c14b]);
    for (visit, to, walk) in callers(time) {
        caller(canvas, light, visit, to, walk);
    }
}

/// Whether somebody is there.
pub(crate) fn seen(time: Time) -> Subjects {
    Subjects { person: callers(time).next().is_some(), ..Subjects::default() }
}

/// Who comes to the door: the visit, where they stand there, and where they are now.
fn callers(time: Time) -> impl Iterator<Item = (Visit, f32, Walk)> {
    let ways = [(11, -70.0, 47.0, 655.0), (12, 1350.0, 83.0, 745.0)];
    ways.into_iter().filter_map(move |(kind, from, period, to)| {
        let visit = figures::visit(time, period, kind, 0.72)?;
        Some((visit, to, figures::there_and_back(visit.age, from, to, 92.0, 6.0)?))
    })
}

/// Walks to the door, rings, waits, and goes away again.
fn caller(canvas: &mut Canvas, light: Light, visit: Visit, to: f32, walk: Walk) {
    let near_door = (1.0 - (walk.x - to).abs() / 90.0).clamp(0.0, 1.0);
    let rings = walk.stride.is_none();
    let person = Person {
        at: (walk.x, 640.0 - 62.0 * near_door),
        height: 292.0 - 22.0 * near_door,
        facing: walk.facing,
        stride: walk.stride,
        look: visit.number,
        reach: if rings { 0.8 } else { 0.0 },
        bag: visit.number.is_multiple_of(2),
    };
    person.draw(canvas, light);
}
