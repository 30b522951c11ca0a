//! The garden: a lawn with a tree, a shed and flower beds; somebody waters them, a cat passes, a butterfly plays.

use super::{
    Light, Subjects,
    canvas::{Canvas, Point, Rgb, Shape, chance, noise},
    figures::{self, Person, Visit, Walk},
};
use base::Time;
use std::f32::consts::TAU;

const HORIZON: f32 = 330.0;

/// What does not move.
pub(crate) fn ground(light: Light) -> Canvas {
    let mut canvas = Canvas::new();
    figures::sky(&mut canvas, light, HORIZON);
    for (index, x) in (0..9).map(|n| n as f32 * 165.0 - 20.0).enumerate() {
        let colour = figures::far(light, Rgb::hex(0x5f8f55), 0.45);
        let size = (120.0, 78.0 + 26.0 * chance(index as u32, 3));
        figures::foliage(&mut canvas, light, (x, HORIZON - 70.0), size, colour, index as u32 + 60);
    }
    if light == Light::Night {
        canvas.glaze(&Shape::rect(0.0, 0.0, 1280.0, HORIZON), Rgb(0.0, 0.0, 0.0), 0.72);
    }
    fence(&mut canvas, light);
    stripes(&mut canvas, light);
    shed(&mut canvas);
    pond(&mut canvas);
    beds(&mut canvas, light);
    figures::tree(&mut canvas, light, (1085.0, 500.0), 500.0, Rgb::hex(0x5b9140), 17);
    canvas.fill(&Shape::line((505.0, 470.0), (505.0, 372.0), 4.0), Rgb::hex(0xd8c79c));
    if light == Light::Night {
        canvas.grade(super::infrared);
    }
    canvas
}

fn fence(canvas: &mut Canvas, light: Light) {
    let wood = Rgb::hex(0xb08a62);
    canvas.texture(&Shape::rect(0.0, HORIZON - 62.0, 1280.0, 92.0), |x, y| {
        let board = x.rem_euclid(30.0);
        let tone = 0.82 + 0.28 * noise((x / 30.0).floor() * 5.0, 3.0) + 0.12 * noise(x / 3.0, y / 30.0);
        let colour = if board < 2.4 { wood.lit(0.5) } else { wood.lit(tone) };
        figures::far(light, colour, 0.28)
    });
    for y in [HORIZON - 64.0, HORIZON + 4.0] {
        canvas.fill(&Shape::rect(0.0, y, 1280.0, 7.0), figures::far(light, wood.lit(0.82), 0.25));
    }
}

fn stripes(canvas: &mut Canvas, light: Light) {
    let lawn = Shape::rect(0.0, HORIZON + 26.0, 1280.0, 400.0);
    figures::lawn(canvas, &lawn, light, HORIZON - 20.0);
    for stripe in (-7..8).step_by(2) {
        let (near, distant) = (250.0, 62.0);
        let edge = |n: f32, width: f32| 620.0 + n * width;
        let (a, b) = (stripe as f32, stripe as f32 + 1.0);
        let outline = [
            (edge(a, distant), HORIZON + 26.0),
            (edge(b, distant), HORIZON + 26.0),
            (edge(b, near), 720.0),
            (edge(a, near), 720.0),
        ];
        canvas.glaze(&Shape::polygon(&outline), Rgb::hex(0xd9efa0), 0.13);
    }
    canvas.haze(&Shape::rect(-20.0, HORIZON + 16.0, 1320.0, 22.0), Rgb::hex(0x14240f), 0.5, 12.0);
}

fn shed(canvas: &mut Canvas) {
    canvas.haze(&Shape::ellipse(215.0, 470.0, 170.0, 18.0), Rgb(0.02, 0.05, 0.02), 0.5, 14.0);
    canvas.texture(&Shape::rect(80.0, 250.0, 250.0, 218.0), |x, y| {
        let plank = (y - 250.0).rem_euclid(19.0);
        let tone = if plank < 2.0 { 0.68 } else { 0.92 + 0.14 * noise(x / 40.0, (y / 19.0).floor() * 7.0) };
        Rgb::hex(0x7f9a92).lit(tone)
    });
    canvas.texture(&Shape::polygon(&[(56.0, 258.0), (205.0, 168.0), (354.0, 258.0)]), |x, y| {
        Rgb::hex(0x5e4a43).lit(if y.rem_euclid(13.0) < 2.0 { 0.72 } else { 0.9 + 0.2 * noise(x / 14.0, y / 13.0) })
    });
    canvas.fill(&Shape::polygon(&[(104.0, 250.0), (205.0, 190.0), (306.0, 250.0)]), Rgb::hex(0x90aaa1));
    canvas.fill(&Shape::rect(225.0, 306.0, 84.0, 162.0), Rgb::hex(0xf0ebe0));
    canvas.shade(&Shape::rect(231.0, 312.0, 72.0, 156.0), Rgb::hex(0x4f6f68), Rgb::hex(0x3d5751));
    canvas.fill(&Shape::ellipse(241.0, 392.0, 4.0, 4.0), Rgb::hex(0xd8b65a));
    figures::window(canvas, (118.0, 312.0), (70.0, 66.0), false);
}

fn pond(canvas: &mut Canvas) {
    let (x, y) = (700.0, 530.0);
    for stone in 0..26 {
        let angle = stone as f32 / 26.0 * TAU;
        let at = (x + 152.0 * angle.cos(), y + 42.0 * angle.sin());
        let grey = Rgb::hex(0x9d988e).lit(0.75 + 0.4 * chance(stone, 5));
        canvas.fill(&Shape::ellipse(at.0, at.1, 22.0, 11.0), grey);
    }
    canvas.texture(&Shape::ellipse(x, y, 146.0, 37.0), |px, py| {
        Rgb::hex(0x6fa3bd).mix(Rgb::hex(0x2f5d74), (py - y + 37.0) / 74.0).lit(0.92 + 0.16 * noise(px / 26.0, py / 4.0))
    });
    for (dx, dy) in [(-60.0, 6.0), (-34.0, 14.0), (52.0, -4.0)] {
        canvas.fill(&Shape::ellipse(x + dx, y + dy, 19.0, 7.0), Rgb::hex(0x5c9a55));
        canvas.fill(&Shape::ellipse(x + dx + 4.0, y + dy - 4.0, 6.0, 4.0), Rgb::hex(0xf3c6d6));
    }
}

fn beds(canvas: &mut Canvas, light: Light) {
    let colours = [0xe4572e, 0xf3c14b, 0xc45ab3, 0xf6f2ea, 0x6d7fd6];
    for (index, x) in (0..10).map(|n| 395.0 + n as f32 * 58.0).enumerate() {
        let seed = index as u32 + 200;
        figures::foliage(canvas, light, (x, 392.0), (36.0, 24.0), Rgb::hex(0x568f48), seed);
        flowers(canvas, (x, 384.0), 32.0, Rgb::hex(colours[index % 5]), seed, 3.6);
    }
    for (index, x) in (0..8).map(|n| 20.0 + n as f32 * 92.0).enumerate() {
        let seed = index as u32 + 300;
        figures::foliage(canvas, light, (x, 692.0), (66.0, 46.0), Rgb::hex(0x4c8540), seed);
        flowers(canvas, (x, 676.0), 56.0, Rgb::hex(colours[(index + 2) % 5]), seed, 7.0);
    }
}

fn flowers(canvas: &mut Canvas, (x, y): Point, spread: f32, colour: Rgb, seed: u32, size: f32) {
    for bloom in 0..16 {
        let (dx, dy) = (chance(seed, bloom) * 2.0 - 1.0, chance(seed, bloom + 40) * 1.1 - 0.7);
        let (bx, by) = (x + dx * spread, y + dy * spread * 0.55);
        for petal in 0..5 {
            let angle = petal as f32 / 5.0 * TAU;
            canvas.fill(
                &Shape::ellipse(bx + size * 0.8 * angle.cos(), by + size * 0.6 * angle.sin(), size * 0.6, size * 0.5),
                colour.lit(0.86 + 0.2 * chance(seed, bloom + 80)),
            );
        }
        canvas.fill(&Shape::ellipse(bx, by, size * 0.4, size * 0.35), Rgb::hex(0xf6d55c));
    }
}

/// Who is in the garden.
pub(crate) fn moving(canvas: &mut Canvas, light: Light, time: Time) {
    figures::pinwheel(canvas, light, (505.0, 370.0), 30.0, time, [0x3f88c5, 0xf6f2ea]);
    if let Some((visit, walk)) = gardening(time) {
        gardener(canvas, light, visit, walk, time);
    }
    if let Some((visit, way)) = trotting(time) {
        cat(canvas, light, visit, way);
    }
    if light == Light::Day {
        butterfly(canvas, time);
    }
}

/// Whether the gardener and the cat are there.
pub(crate) fn seen(time: Time) -> Subjects {
    Subjects { person: gardening(time).is_some(), vehicle: false, animal: trotting(time).is_some() }
}

fn gardening(time: Time) -> Option<(Visit, Walk)> {
    let visit = figures::visit(time, 67.0, 31, 0.75)?;
    Some((visit, figures::there_and_back(visit.age, 275.0, 560.0 + 160.0 * chance(visit.number, 6), 70.0, 9.0)?))
}

/// The cat, and how far it has come.
fn trotting(time: Time) -> Option<(Visit, f32)> {
    let visit = figures::visit(time, 53.0, 32, 0.6)?;
    let way = visit.age * 105.0 - 80.0;
    (way <= 1440.0).then_some((visit, way))
}

/// Comes from the shed, waters the flowers and goes back.
fn gardener(canvas: &mut Canvas, light: Light, visit: Visit, walk: Walk, time: Time) {
    let waters = walk.stride.is_none();
    let (y, h) = (478.0, 208.0);
    let reach = if waters { 0.55 } else { 0.15 };
    let person = Person {
        at: (walk.x, y),
        height: h,
        facing: walk.facing,
        stride: walk.stride,
        look: visit.number,
        reach,
        bag: false,
    };
    let hand = person.draw(canvas, light);
    let can = (hand.0 + walk.facing * 10.0, hand.1 + 8.0);
    let metal = light.on(Rgb::hex(0x5d8aa8), can.0, can.1);
    canvas.fill(
        &Shape::line((hand.0 - walk.facing * 3.0, can.1 + 2.0), (can.0 + walk.facing * 12.0, hand.1), 3.0),
        metal.lit(0.8),
    );
    canvas.fill(&Shape::rounded(can.0 - 14.0, can.1, 28.0, 26.0, 5.0), metal);
    let spout = (can.0 + walk.facing * 36.0, can.1 + if waters { 12.0 } else { -2.0 });
    canvas.fill(&Shape::limb((can.0 + walk.facing * 10.0, can.1 + 18.0), spout, 7.0, 4.0), metal.lit(0.9));
    if waters {
        for drop in 0..14 {
            let fall = (figures::seconds(time) * 1.7 + drop as f32 / 14.0).rem_euclid(1.0);
            let (x, y) =
                (spout.0 + walk.facing * (6.0 + 20.0 * fall + (drop % 4) as f32 * 2.0), spout.1 + 56.0 * fall * fall);
            canvas.glaze(&Shape::ellipse(x, y, 1.8, 3.2), light.on(Rgb::hex(0xd8eefc), x, y), 0.8);
        }
    }
}

/// Trots across the lawn.
fn cat(canvas: &mut Canvas, light: Light, visit: Visit, way: f32) {
    let facing = if visit.number.is_multiple_of(2) { 1.0 } else { -1.0 };
    let (x, y) = (if facing > 0.0 { way } else { 1280.0 - way }, 618.0);
    let at = |dx: f32, dy: f32| (x + dx * facing, y - dy);
    let fur = light.on(Rgb::hex([0x2c2a2a, 0xc77a3d, 0x8d8680][(visit.number % 3) as usize]), x, y);
    canvas.haze(&Shape::ellipse(x, y + 1.0, 44.0, 6.0), Rgb(0.02, 0.05, 0.02), 0.45, 5.0);
    for (leg, shift) in [(-24.0, 0.0), (-17.0, 0.5), (20.0, 0.25), (27.0, 0.75)] {
        let swing = ((way / 46.0 + shift) * TAU).sin();
        canvas.fill(&Shape::limb(at(leg, 24.0), at(leg + 10.0 * swing, 2.0), 10.0, 6.0), fur.lit(0.85));
    }
    canvas.fill(&Shape::limb(at(-24.0, 30.0), at(24.0, 32.0), 25.0, 23.0), fur);
    canvas.fill(&Shape::ellipse(at(40.0, 46.0).0, at(40.0, 46.0).1, 13.0, 11.5), fur);
    for ear in [34.0, 45.0] {
        canvas.fill(&Shape::polygon(&[at(ear - 4.0, 54.0), at(ear + 1.0, 66.0), at(ear + 5.0, 53.0)]), fur);
    }
    let wave = (visit.age * 3.0).sin() * 6.0;
    canvas.fill(&Shape::limb(at(-30.0, 34.0), at(-48.0, 52.0 + wave * 0.4), 7.0, 6.0), fur);
    canvas.fill(&Shape::limb(at(-48.0, 52.0 + wave * 0.4), at(-50.0 - wave * 0.5, 74.0), 6.0, 4.5), fur);
}

fn butterfly(canvas: &mut Canvas, time: Time) {
    let t = figures::seconds(time);
    let (x, y) = (
        840.0 + 130.0 * (t * 0.31).sin() + 40.0 * (t * 0.97).sin(),
        430.0 + 38.0 * (t * 0.53).cos() + 14.0 * (t * 2.1).sin(),
    );
    let open = 0.35 + 0.65 * (t * 9.0).sin().abs();
    for side in [-1.0, 1.0] {
        canvas.fill(&Shape::ellipse(x + side * 7.0 * open, y - 3.0, 7.5 * open, 8.0), Rgb::hex(0xf08a24));
        canvas.fill(&Shape::ellipse(x + side * 5.0 * open, y + 5.0, 5.0 * open, 5.0), Rgb::hex(0xf6c453));
    }
    canvas.fill(&Shape::line((x, y - 7.0), (x, y + 7.0), 2.6), Rgb::hex(0x2b211b));
}
