//! The drive: a street with houses opposite; cars pass, people walk by, and one car comes home and leaves.

use super::{
    Light, Subjects,
    canvas::{Canvas, Rgb, Shape, cloud, noise},
    figures::{self, Car, Person, Visit},
};
use base::Time;

const HORIZON: f32 = 250.0;

/// What does not move.
pub(crate) fn ground(light: Light) -> Canvas {
    let mut canvas = Canvas::new();
    figures::sky(&mut canvas, light, HORIZON + 30.0);
    hills(&mut canvas, light);
    for (x, w, wall, roof) in [
        (60.0, 230.0, 0xd9c9b0, 0x8a4b3c),
        (345.0, 200.0, 0xc7d3d6, 0x54606b),
        (600.0, 250.0, 0xe3d6c0, 0x7b5642),
        (910.0, 210.0, 0xcdd8c4, 0x5f4a44),
        (1165.0, 220.0, 0xdcc8b8, 0x6c4038),
    ] {
        house(&mut canvas, light, x, w, Rgb::hex(wall), Rgb::hex(roof));
    }
    for (index, x) in [24.0, 316.0, 574.0, 880.0, 1142.0].into_iter().enumerate() {
        figures::tree(
            &mut canvas,
            light,
            (x, 352.0),
            150.0 + 20.0 * (index % 3) as f32,
            Rgb::hex(0x5b8c45),
            index as u32 + 3,
        );
    }
    street(&mut canvas, light);
    figures::lawn(&mut canvas, &Shape::rect(0.0, 508.0, 1280.0, 212.0), light, 430.0);
    drive(&mut canvas);
    hedges(&mut canvas, light);
    if light == Light::Night {
        canvas.grade(super::infrared);
        // Somebody is still up in three of the houses.
        for (x, width) in [(161.0, 34.0), (433.0, 30.0), (785.0, 37.0)] {
            canvas.haze(&Shape::rect(x, 272.0, width, 34.0), Rgb(0.9, 0.9, 0.9), 0.35, 14.0);
            canvas.shade(&Shape::rect(x, 272.0, width, 34.0), Rgb(0.92, 0.92, 0.92), Rgb(0.74, 0.74, 0.74));
            canvas.glaze(&Shape::rect(x + width / 2.0 - 1.0, 272.0, 2.0, 34.0), Rgb(0.1, 0.1, 0.1), 0.8);
        }
    }
    canvas
}

fn hills(canvas: &mut Canvas, light: Light) {
    for (base, depth, scale) in [(HORIZON - 46.0, 0.95, 260.0), (HORIZON - 18.0, 0.7, 150.0)] {
        let colour = figures::far(light, Rgb::hex(0x5f8a56), depth);
        let ridge: Vec<_> = (0..=32)
            .map(|n| (n as f32 * 40.0, base + 52.0 * (0.5 - cloud(n as f32 * 40.0 / scale, depth * 9.0))))
            .collect();
        let outline = [&ridge[..], &[(1280.0, HORIZON + 80.0), (0.0, HORIZON + 80.0)]].concat();
        canvas.fill(&Shape::polygon(&outline), colour);
    }
    let meadow = Shape::rect(0.0, HORIZON + 20.0, 1280.0, 110.0);
    canvas.shade(&meadow, figures::far(light, Rgb::hex(0x7ea25c), 0.6), figures::far(light, Rgb::hex(0x6f9a4b), 0.35));
}

fn house(canvas: &mut Canvas, light: Light, x: f32, w: f32, wall: Rgb, roof: Rgb) {
    let far = |colour| figures::far(light, colour, 0.42);
    let (top, bottom) = (HORIZON - 2.0, 352.0);
    canvas.shade(&Shape::rect(x, top, w, bottom - top), far(wall), far(wall.lit(0.86)));
    let gable =
        [(x - 14.0, top + 6.0), (x + w * 0.22, top - 72.0), (x + w * 0.78, top - 72.0), (x + w + 14.0, top + 6.0)];
    canvas.texture(&Shape::polygon(&gable), |px, py| far(roof.lit(0.86 + 0.24 * noise(px / 9.0, py / 5.0))));
    canvas.fill(&Shape::rect(x + w * 0.68, top - 92.0, 20.0, 34.0), far(Rgb::hex(0x84523f)));
    for column in [0.12, 0.44, 0.74] {
        let (wx, wy) = (x + w * column, top + 24.0);
        canvas.fill(&Shape::rect(wx - 3.0, wy - 3.0, w * 0.15 + 6.0, 40.0), far(Rgb::hex(0xf3f0e8)));
        canvas.shade(&Shape::rect(wx, wy, w * 0.15, 34.0), far(Rgb::hex(0xa9c6d6)), far(Rgb::hex(0x4e6674)));
    }
    canvas.fill(&Shape::rect(x + w * 0.46, bottom - 34.0, w * 0.11, 34.0), far(roof.mix(Rgb::hex(0x224466), 0.6)));
}

fn street(canvas: &mut Canvas, light: Light) {
    let pavement = |canvas: &mut Canvas, y: f32, h: f32, slab: f32| {
        canvas.texture(&Shape::rect(0.0, y, 1280.0, h), |px, py| {
            let joint = px.rem_euclid(slab) < 2.0;
            let stone = Rgb::hex(0xb7b2a8).lit(0.9 + 0.14 * noise(px / 6.0, py / 4.0));
            figures::far(light, if joint { stone.lit(0.82) } else { stone }, 0.12)
        });
    };
    pavement(canvas, 350.0, 20.0, 46.0);
    canvas.texture(&Shape::rect(0.0, 370.0, 1280.0, 96.0), |x, y| {
        Rgb::hex(0x5d6066).lit(0.86 + 0.16 * noise(x / 2.6, y / 1.7) + 0.10 * cloud(x / 210.0, y / 26.0))
    });
    canvas.fill(&Shape::rect(0.0, 366.0, 1280.0, 5.0), Rgb::hex(0x8f8b83));
    for dash in 0..12 {
        canvas.glaze(&Shape::rect(dash as f32 * 112.0 + 14.0, 413.0, 58.0, 5.0), Rgb::hex(0xf2efe6), 0.85);
    }
    canvas.fill(&Shape::rect(0.0, 464.0, 1280.0, 8.0), Rgb::hex(0x9b968c));
    pavement(canvas, 472.0, 38.0, 74.0);
}

fn drive(canvas: &mut Canvas) {
    let outline = [(520.0, 466.0), (806.0, 466.0), (1050.0, 700.0), (240.0, 700.0)];
    canvas.texture(&Shape::polygon(&outline), |x, y| {
        let depth = (y - 400.0) / 300.0;
        let row = (depth * 22.0).floor();
        let along = (x - 655.0) / (0.25 + depth) / 34.0 + row * 0.5;
        let joint = along.rem_euclid(1.0) < 0.07 || (depth * 22.0).rem_euclid(1.0) < 0.12;
        let brick = Rgb::hex(0xa8836b).lit(0.84 + 0.30 * noise(along.floor() * 2.7, row * 1.9));
        if joint { brick.lit(0.70) } else { brick }
    });
    for (from, to) in [((520.0, 466.0), (240.0, 700.0)), ((806.0, 466.0), (1050.0, 700.0))] {
        canvas.fill(&Shape::limb(from, to, 7.0, 17.0), Rgb::hex(0xcfc7b8));
    }
}

fn hedges(canvas: &mut Canvas, light: Light) {
    for (index, x) in (0..9).map(|n| n as f32 * 56.0 - 20.0).chain((0..8).map(|n| 872.0 + n as f32 * 58.0)).enumerate()
    {
        figures::foliage(canvas, light, (x, 506.0), (44.0, 30.0), Rgb::hex(0x47773a), index as u32 + 90);
    }
    for x in [500.0, 832.0] {
        canvas.haze(&Shape::ellipse(x + 8.0, 530.0, 34.0, 7.0), Rgb(0.0, 0.0, 0.0), 0.4, 6.0);
        canvas.texture(&Shape::rect(x - 20.0, 432.0, 40.0, 98.0), |px, py| {
            let joint = py.rem_euclid(13.0) < 2.0 || (px + (py / 13.0).floor() * 11.0).rem_euclid(22.0) < 2.0;
            if joint { Rgb::hex(0xbfb3a2) } else { Rgb::hex(0x9c5a44).lit(0.85 + 0.3 * noise(px / 11.0, py / 13.0)) }
        });
        canvas.fill(&Shape::rounded(x - 26.0, 422.0, 52.0, 14.0, 3.0), Rgb::hex(0xd8d2c6));
        canvas.fill(&Shape::ellipse(x, 410.0, 13.0, 13.0), Rgb::hex(0xe7e2d8));
    }
}

/// The street's traffic, farthest first.
pub(crate) fn moving(canvas: &mut Canvas, light: Light, time: Time) {
    passing(time).for_each(|car| car.draw(canvas, light));
    if let Some((visit, near)) = home(time) {
        home_car(canvas, light, visit, near);
    }
    for person in walkers(time) {
        person.draw(canvas, light);
    }
}

/// Whether cars and people are there.
pub(crate) fn seen(time: Time) -> Subjects {
    let vehicle = passing(time).next().is_some() || home(time).is_some();
    Subjects { person: walkers(time).next().is_some(), vehicle, animal: false }
}

/// The cars on the street.
fn passing(time: Time) -> impl Iterator<Item = Car> {
    let passes = [(21, 17.0, 1.0, 402.0, 205.0), (22, 23.0, -1.0, 452.0, 245.0)];
    passes.into_iter().filter_map(move |(kind, period, facing, y, length)| {
        let visit = figures::visit(time, period, kind, 0.62)?;
        let speed = 250.0 + 120.0 * super::canvas::chance(visit.number, 8);
        let way = visit.age * speed - length;
        let x = if facing > 0.0 { way } else { 1280.0 - way };
        (way < 1280.0 + 2.0 * length).then_some(Car { at: (x, y), length, facing, look: visit.number })
    })
}

/// The people on the pavement.
fn walkers(time: Time) -> impl Iterator<Item = Person> {
    [(23, 1.0), (24, -1.0)].into_iter().filter_map(move |(kind, facing)| {
        let visit = figures::visit(time, 61.0, kind, 0.7)?;
        let way = visit.age * 62.0 - 60.0;
        let (x, look) = (if facing > 0.0 { way } else { 1280.0 - way }, visit.number);
        let stride = Some(way);
        (way < 1400.0).then_some(Person {
            at: (x, 484.0),
            height: 150.0,
            facing,
            stride,
            look,
            reach: 0.0,
            bag: look % 3 == 0,
        })
    })
}

/// The car of the house, while it is there: how far up the drive, from 0 to 1.
fn home(time: Time) -> Option<(Visit, f32)> {
    const STAY: f32 = 38.0;
    let visit = figures::visit(time, 97.0, 25, 0.85)?;
    let near = match visit.age {
        age if age < 6.0 => age / 6.0,
        age if age < 6.0 + STAY => 1.0,
        age if age < 13.0 + STAY => 1.0 - (age - 6.0 - STAY) / 7.0,
        _ => return None,
    };
    Some((visit, near))
}

/// A car that comes up the drive, stays for a while and backs out again.
fn home_car(canvas: &mut Canvas, light: Light, visit: Visit, near: f32) {
    // Slow at either end, as a driver is.
    let near = near * near * (3.0 - 2.0 * near);
    let scale = 0.42 + 0.58 * near;
    front(canvas, light, (663.0 - 20.0 * near, 446.0 + 200.0 * near), scale, visit.number);
}

/// A car seen from the front; `scale` 1 is two metres in 250 pixels.
fn front(canvas: &mut Canvas, light: Light, (x, y): (f32, f32), scale: f32, look: u32) {
    let u = scale * 2.5;
    let at = |dx: f32, dy: f32| (x + dx * u, y - dy * u);
    let tint = |colour: u32| light.on(Rgb::hex(colour), x, y);
    let paint = tint([0x9c2f2f, 0x31597f, 0xd8d5cd, 0x3f6b57][(look % 4) as usize]);
    canvas.haze(&Shape::ellipse(x, y, 54.0 * u, 8.0 * u), Rgb(0.02, 0.02, 0.03), 0.6, 6.0 * u);
    for side in [-1.0f32, 1.0] {
        let wheel = at(side * 36.0, 12.0);
        canvas.fill(&Shape::rounded(wheel.0 - 8.0 * u, wheel.1, 16.0 * u, 12.5 * u, 3.5 * u), tint(0x17181a));
        canvas.fill(
            &Shape::rounded(at(side * 50.0, 50.0).0 - 5.0 * u, at(0.0, 50.0).1, 10.0 * u, 7.0 * u, 3.0 * u),
            paint.lit(0.85),
        );
    }
    canvas.fill(
        &Shape::polygon(&[
            at(-44.0, 44.0),
            at(-33.0, 68.0),
            at(-24.0, 72.0),
            at(24.0, 72.0),
            at(33.0, 68.0),
            at(44.0, 44.0),
        ]),
        paint.lit(0.9),
    );
    canvas.shade(
        &Shape::polygon(&[at(-38.0, 45.0), at(-29.0, 66.0), at(29.0, 66.0), at(38.0, 45.0)]),
        tint(0x7d96a5),
        tint(0x22323d),
    );
    canvas.glaze(
        &Shape::polygon(&[at(-8.0, 46.0), at(6.0, 65.0), at(16.0, 65.0), at(4.0, 46.0)]),
        Rgb(1.0, 1.0, 1.0),
        0.16,
    );
    let body = at(-48.0, 46.0);
    canvas.shade(
        &Shape::rounded(body.0, body.1, 96.0 * u, 39.0 * u, 10.0 * u),
        paint.mix(Rgb(1.0, 1.0, 1.0), 0.16),
        paint.lit(0.78),
    );
    let grille = at(-20.0, 33.0);
    canvas.fill(&Shape::rounded(grille.0, grille.1, 40.0 * u, 9.0 * u, 3.0 * u), tint(0x202327));
    let plate = at(-15.0, 18.0);
    canvas.fill(&Shape::rounded(plate.0, plate.1, 30.0 * u, 6.5 * u, 1.0 * u), tint(0xf1eee4));
    for side in [-1.0f32, 1.0] {
        let lamp = at(side * 35.0, 32.0);
        canvas.fill(&Shape::ellipse(lamp.0, lamp.1, 9.0 * u, 5.0 * u), Rgb(0.97, 0.97, 0.92));
        if light == Light::Night {
            canvas.haze(&Shape::ellipse(lamp.0, lamp.1, 10.0 * u, 8.0 * u), Rgb(1.0, 1.0, 1.0), 0.85, 12.0 * u);
        }
    }
}
