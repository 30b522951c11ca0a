//! The four places that simulated cameras look at, drawn in real time: a still ground, and what moves in front of it.

pub(crate) mod canvas;
mod drive;
mod figures;
mod font;
mod garden;
mod nursery;
mod porch;

use crate::{config::Daylight, strip};
use base::Time;
use canvas::{Area, Canvas, HEIGHT, Rgb, Shape, WIDTH, Yuv};

/// A place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Porch,
    Drive,
    Garden,
    Nursery,
}

impl Place {
    /// The place of the n-th camera, counted from 0.
    pub fn of(camera: usize) -> Self {
        [Place::Porch, Place::Drive, Place::Garden, Place::Nursery][camera % 4]
    }

    /// Who and what is there at that time, as the pictures show it.
    pub fn seen(self, time: Time) -> Subjects {
        match self {
            Place::Porch => porch::seen(time),
            Place::Drive => drive::seen(time),
            Place::Garden => garden::seen(time),
            Place::Nursery => nursery::seen(time),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Place::Porch => "PORCH",
            Place::Drive => "DRIVE",
            Place::Garden => "GARDEN",
            Place::Nursery => "NURSERY",
        }
    }
}

/// What of the kinds that a camera tells apart is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subjects {
    pub person: bool,
    pub vehicle: bool,
    pub animal: bool,
}

/// What the light is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Light {
    Day,
    /// The camera's own infra-red lamp: grey, bright in the middle, black where nothing returns its light.
    Night,
}

impl Light {
    /// The light at that time.
    pub fn at(daylight: Daylight, time: Time) -> Self {
        match daylight {
            Daylight::Day => Light::Day,
            Daylight::Night => Light::Night,
            Daylight::Cycle(day) => {
                let part =
                    time.micros().rem_euclid((day.as_micros() as i64).max(1)) as f64 / day.as_micros().max(1) as f64;
                if (0.27..0.8).contains(&part) { Light::Day } else { Light::Night }
            }
        }
    }

    /// A colour of something that moves, at its place, in this light.
    fn on(self, colour: Rgb, x: f32, y: f32) -> Rgb {
        match self {
            Light::Day => colour,
            Light::Night => infrared(colour, x, y),
        }
    }
}

/// What an infra-red lamp beside the lens shows: cloth and leaves are brighter than by day, edges fade.
fn infrared(colour: Rgb, x: f32, y: f32) -> Rgb {
    let (dx, dy) = ((x - 640.0) / 760.0, (y - 420.0) / 470.0);
    let lamp = (1.12 - 0.62 * (dx * dx + dy * dy)).clamp(0.16, 1.0);
    let reflected = 0.08 + 0.85 * (0.5 * colour.0 + 0.4 * colour.1 + 0.1 * colour.2);
    let grey = (reflected * lamp).powf(1.05);
    Rgb(grey, grey, grey)
}

/// A scene as it is drawn picture by picture; only what changes is drawn again.
pub(crate) struct Scene {
    place: Place,
    light: Light,
    number: usize,
    ground: Canvas,
    canvas: Canvas,
    picture: Yuv,
    half: Yuv,
    /// Areas of the last picture that differ from the ground.
    moved: Vec<Area>,
}

impl Scene {
    /// The scene of the n-th camera, counted from 0.
    pub fn new(number: usize, light: Light) -> Self {
        let mut scene = Self {
            place: Place::of(number),
            light,
            number,
            ground: Canvas::new(),
            canvas: Canvas::new(),
            picture: Yuv::new(WIDTH, HEIGHT),
            half: Yuv::new(WIDTH / 2, HEIGHT / 2),
            moved: Vec::new(),
        };
        scene.repaint();
        scene
    }

    /// Draws the picture of that time.
    pub fn draw(&mut self, time: Time, light: Light) {
        if light != self.light {
            self.light = light;
            self.repaint();
        }
        let restored = std::mem::take(&mut self.moved);
        for &area in &restored {
            self.canvas.restore(&self.ground, area);
        }
        self.canvas.damage.clear();
        self.draw_moving(time);
        self.moved = merged(&self.canvas.damage);
        let changed: Vec<Area> = restored.iter().chain(&self.moved).copied().collect();
        for area in merged(&changed) {
            self.canvas.convert(area, &mut self.picture);
            self.half.halve(&self.picture, area);
        }
    }

    /// The main picture, 1280x720.
    pub fn picture(&self) -> &Yuv {
        &self.picture
    }

    /// The sub picture, 640x360.
    pub fn half(&self) -> &Yuv {
        &self.half
    }

    fn repaint(&mut self) {
        let mut ground = match self.place {
            Place::Porch => porch::ground(self.light),
            Place::Drive => drive::ground(self.light),
            Place::Garden => garden::ground(self.light),
            Place::Nursery => nursery::ground(self.light),
        };
        ground.damage.clear();
        self.canvas = ground.clone();
        self.ground = ground;
        self.moved = vec![Area::WHOLE];
    }

    fn draw_moving(&mut self, time: Time) {
        let canvas = &mut self.canvas;
        match self.place {
            Place::Porch => porch::moving(canvas, self.light, time),
            Place::Drive => drive::moving(canvas, self.light, time),
            Place::Garden => garden::moving(canvas, self.light, time),
            Place::Nursery => nursery::moving(canvas, self.light, time),
        }
        draw_clock(canvas, time, self.place, self.number);
        draw_strip(canvas, time);
    }
}

fn draw_clock(canvas: &mut Canvas, time: Time, place: Place, number: usize) {
    // 2026-11-24T08:21:50.123456Z: the date and the time to the millisecond.
    let millis = Time::from_micros(time.micros().div_euclid(1000) * 1000);
    let told = millis.to_string();
    let (date, clock) = told.trim_end_matches('Z').split_once('T').unwrap_or((&told, ""));
    let fraction = millis.micros().rem_euclid(1_000_000) / 1000;
    let clock = clock.split('.').next().unwrap_or(clock);
    font::write(canvas, &format!("{date} {clock}.{fraction:03} UTC"), 24.0, 22.0);
    let name = format!("CAM {} {}", number + 1, place.name());
    font::write(canvas, &name, WIDTH as f32 - 24.0 - name.len() as f32 * 18.0, 22.0);
}

fn draw_strip(canvas: &mut Canvas, time: Time) {
    let (width, height) = ((WIDTH / strip::CELLS) as f32, (HEIGHT / strip::HEIGHT_DIVISOR) as f32);
    let ground = Shape::rect(0.0, HEIGHT as f32 - height, WIDTH as f32, height);
    canvas.fill(&ground, Rgb(0.0, 0.0, 0.0));
    for (cell, white) in strip::cells(time).into_iter().enumerate() {
        if white {
            let shape = Shape::rect(cell as f32 * width, HEIGHT as f32 - height, width, height);
            canvas.fill(&shape, Rgb(1.0, 1.0, 1.0));
        }
    }
}

/// Areas that cover the given ones, aligned for halving, with those that overlap made one.
fn merged(areas: &[Area]) -> Vec<Area> {
    let mut merged: Vec<Area> = Vec::new();
    for area in areas.iter().map(|area| area.aligned(4)) {
        let mut area = area;
        while let Some(at) = merged.iter().position(|other| overlap(area, *other)) {
            let other = merged.swap_remove(at);
            area = Area {
                left: area.left.min(other.left),
                top: area.top.min(other.top),
                right: area.right.max(other.right),
                bottom: area.bottom.max(other.bottom),
            };
        }
        merged.push(area);
    }
    merged
}

fn overlap(a: Area, b: Area) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}
