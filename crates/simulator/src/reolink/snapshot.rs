//! What a camera sees just now, for `Snap` and for its detections. A mask in the camera blackens it here as in its streams.

use super::{Alarm, Channel, Refusal, State, lock};
use crate::scene::{Light, Place, Scene, canvas::Yuv};
use base::Time;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use serde_json::Value;
use std::sync::Mutex;

const QUALITY: u8 = 85;

/// The scene as `Snap` last drew it: its ground is costly.
#[derive(Default)]
pub(super) struct Lens(Mutex<Option<Scene>>);

impl State {
    /// A JPEG of the scene at this moment. Costs milliseconds.
    pub(super) fn snap(&self, channel: usize, sub: bool) -> Result<Vec<u8>, Refusal> {
        self.wake();
        self.look(self.channel(channel)?, sub).ok_or(Refusal(-48, "snap failed"))
    }

    /// None where there is no scene to look at: the camera plays a file.
    fn look(&self, channel: &Channel, sub: bool) -> Option<Vec<u8>> {
        let now = self.world.clock.now();
        let light = Light::at(self.daylight?, now);
        let mut lens = lock(&channel.lens.0);
        let scene = lens.get_or_insert_with(|| Scene::new(channel.number, light));
        scene.draw(now, light);
        let picture = if sub { scene.half() } else { scene.picture() };
        jpeg(&channel.camera.mask.applied(picture))
    }
}

/// The areas of a mask, as parts of the picture: left, top, right, bottom.
pub(super) fn areas(mask: &Value) -> Vec<[f32; 4]> {
    let area = |area: &Value| {
        let number = |pointer: &str| area.pointer(pointer).and_then(Value::as_f64);
        let (width, height) = (number("/screen/width")?, number("/screen/height")?);
        let (x, y) = (number("/block/x")?, number("/block/y")?);
        let (right, bottom) = (x + number("/block/width")?, y + number("/block/height")?);
        Some([x / width, y / height, right / width, bottom / height].map(|part| part as f32))
    };
    let on = mask["enable"] == 1;
    mask["area"].as_array().filter(|_| on).map(|areas| areas.iter().filter_map(area).collect()).unwrap_or_default()
}

/// What the scene of the n-th camera shows at that time, as the camera would tell it.
pub(super) fn seen(number: usize, time: Time) -> Vec<Alarm> {
    let subjects = Place::of(number).seen(time);
    [(subjects.person, Alarm::Person), (subjects.vehicle, Alarm::Vehicle), (subjects.animal, Alarm::Animal)]
        .into_iter()
        .filter_map(|(there, alarm)| there.then_some(alarm))
        .collect()
}

fn jpeg(picture: &Yuv) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(picture.y.len() / 6);
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let (width, height) = (u16::try_from(picture.width).ok()?, u16::try_from(picture.height).ok()?);
    encoder.encode(&rgb(picture), width, height, ColorType::Rgb).ok()?;
    Some(bytes)
}

/// From BT.709 in the limited range.
fn rgb(picture: &Yuv) -> Vec<u8> {
    let mut out = Vec::with_capacity(3 * picture.width * picture.height);
    for (row, line) in picture.y.chunks_exact(picture.width).enumerate() {
        let chroma = row / 2 * (picture.width / 2);
        for (column, &luma) in line.iter().enumerate() {
            let centred = |plane: &[u8]| (f32::from(plane[chroma + column / 2]) - 128.0) / 224.0;
            let (y, cb, cr) = ((f32::from(luma) - 16.0) / 219.0, centred(&picture.u), centred(&picture.v));
            let rgb = [y + 1.5748 * cr, y - 0.1873 * cb - 0.4681 * cr, y + 1.8556 * cb];
            out.extend(rgb.map(|part| (part * 255.0).round().clamp(0.0, 255.0) as u8));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn colours_come_back_from_a_picture_as_they_went_in() {
        let mut picture = Yuv::new(2, 2);
        assert_eq!(rgb(&picture), vec![0; 12], "black");
        (picture.y, picture.u, picture.v) = (vec![63; 4], vec![102], vec![240]);
        let (r, g, b) = (rgb(&picture)[0], rgb(&picture)[1], rgb(&picture)[2]);
        assert!(r > 250 && g < 5 && b < 5, "red is {r} {g} {b}");
    }

    #[test]
    fn a_mask_counts_only_while_it_is_on() {
        let area =
            json!({"block": {"x": 0, "y": 45, "width": 80, "height": 45}, "screen": {"width": 160, "height": 90}});
        assert_eq!(areas(&json!({"enable": 1, "area": [area]})), [[0.0, 0.5, 0.5, 1.0]]);
        assert!(areas(&json!({"enable": 0, "area": [area]})).is_empty());
    }
}
