//! wip
use super::{Light, canvas::{Canvas, Rgb, Shape}};
use base::Time;
pub(crate) fn ground(light: Light) -> Canvas {
    let mut canvas = Canvas::new();
    canvas.shade(&Shape::rect(0.0, 0.0, 1280.0, 400.0), Rgb::hex(0x6aa5dc), Rgb::hex(0xcfe4f2));
    canvas.shade(&Shape::rect(0.0, 400.0, 1280.0, 320.0), Rgb::hex(0x6f9a4b), Rgb::hex(0x4b7a34));
    if light == Light::Night { canvas.grade(super::infrared); }
    canvas
}
pub(crate) fn moving(canvas: &mut Canvas, light: Light, time: Time) {
    let x = (time.micros() / 1000 % 10_000) as f32 / 10.0;
    canvas.fill(&Shape::ellipse(x, 400.0, 40.0, 40.0), light.on(Rgb::hex(0xcc4422), x, 400.0));
}
