//! The privacy mask of a camera: areas that it blackens itself in everything it sends. Written, read back, compared.

use super::{
    Error, Reolink, Wake,
    answer::{Command, fits, is_on, items},
};
use serde_json::{Value, json};

/// Areas of a mask at most.
const AREAS: usize = 4;
/// The grid on which areas are laid where the camera does not tell its own.
const GRID: (u32, u32) = (160, 90);

/// A part of the picture, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

/// What a camera blackens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mask {
    pub on: bool,
    pub areas: Vec<Area>,
}

impl Mask {
    pub(super) fn read(value: &Value) -> Result<Self, Error> {
        let mask = value.get("Mask").ok_or(Error::Garbled { command: "GetMask", what: "no mask" })?;
        let areas = items(&mask["area"], AREAS).filter_map(area).collect();
        Ok(Self { on: is_on(mask, "enable"), areas })
    }

    /// As `SetMask` takes it, each area rounded outwards to the grid.
    pub(super) fn value(&self, channel: u8, (width, height): (u32, u32)) -> Value {
        let span = |from: f32, to: f32, cells: u32| {
            let (from, to) = (from.clamp(0.0, 1.0) * cells as f32, to.clamp(0.0, 1.0) * cells as f32);
            // A hair over a line of the grid is rounding, not another cell.
            let first = ((from + 1e-3).floor() as u32).min(cells);
            (first, ((to - 1e-3).ceil() as u32).clamp(first, cells) - first)
        };
        let area = |area: &Area| {
            let ((x, wide), (y, high)) = (span(area.left, area.right, width), span(area.top, area.bottom, height));
            json!({"block": {"x": x, "y": y, "width": wide, "height": high}, "screen": {"width": width, "height": height}})
        };
        let areas: Vec<Value> = self.areas.iter().map(area).collect();
        json!({"Mask": {"channel": channel, "enable": i32::from(self.on), "area": areas}})
    }

    /// Whether this mask covers all that the other does.
    pub fn covers(&self, other: &Mask) -> bool {
        let inside = |outer: &Area, inner: &Area| {
            const ROUNDING: f32 = 1e-3;
            outer.left <= inner.left + ROUNDING
                && outer.top <= inner.top + ROUNDING
                && outer.right >= inner.right - ROUNDING
                && outer.bottom >= inner.bottom - ROUNDING
        };
        !other.on || (self.on && other.areas.iter().all(|inner| self.areas.iter().any(|outer| inside(outer, inner))))
    }
}

fn area(value: &Value) -> Option<Area> {
    let (block, screen) = (&value["block"], &value["screen"]);
    let cells = |value: &Value, key: &str| fits::<u16>(value, key).map(f32::from);
    let (width, height) = (cells(screen, "width")?, cells(screen, "height")?);
    if width == 0.0 || height == 0.0 {
        return None;
    }
    let (x, y) = (cells(block, "x")?, cells(block, "y")?);
    let (right, bottom) = (x + cells(block, "width")?, y + cells(block, "height")?);
    let part = |part: f32| part.clamp(0.0, 1.0);
    Some(Area {
        left: part(x / width),
        top: part(y / height),
        right: part(right / width),
        bottom: part(bottom / height),
    })
}

impl Reolink {
    /// The mask of a channel. Wakes a battery camera.
    pub async fn mask(&self, channel: u8, wake: Wake) -> Result<Mask, Error> {
        self.ask(Command::channel("GetMask", channel), channel, wake).await.and_then(|value| Mask::read(&value))
    }

    /// Sets the mask of a channel, reads it back and answers what the camera then has. Wakes a battery camera.
    ///
    /// # Errors
    /// An error if the camera does not cover afterwards what it was told to.
    pub async fn set_mask(&self, channel: u8, mask: &Mask, wake: Wake) -> Result<Mask, Error> {
        if mask.areas.len() > AREAS {
            return Err(Error::Invalid("a mask has four areas at most"));
        }
        if mask.areas.iter().any(|area| !(area.left < area.right && area.top < area.bottom)) {
            return Err(Error::Invalid("an area of a mask is empty"));
        }
        let before = self.ask(Command::channel("GetMask", channel), channel, wake).await?;
        self.session.one(Command::new("SetMask", mask.value(channel, grid(&before)))).await?;
        let after = self.mask(channel, wake).await?;
        if !after.covers(mask) {
            return Err(Error::Garbled { command: "SetMask", what: "another mask than was set" });
        }
        Ok(after)
    }
}

/// The grid of the areas that the camera has.
fn grid(value: &Value) -> (u32, u32) {
    let screen = &value["Mask"]["area"][0]["screen"];
    let (width, height) = (fits::<u16>(screen, "width"), fits::<u16>(screen, "height"));
    width.zip(height).filter(|(width, height)| *width > 0 && *height > 0).map_or(GRID, |(w, h)| (w.into(), h.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORNER: Area = Area { left: 0.0, top: 0.5, right: 0.333, bottom: 1.0 };

    #[test]
    fn an_area_is_rounded_outwards_to_the_grid_and_covers_what_was_asked() {
        let mask = Mask { on: true, areas: vec![CORNER] };
        let written = Mask::read(&mask.value(0, GRID)).unwrap();
        assert!(written.covers(&mask), "{written:?}");
        assert!(written.areas[0].right - CORNER.right < 1.0 / 160.0);
        let again = Mask::read(&written.value(0, GRID)).unwrap();
        assert_eq!(again, written, "what lies on the grid stays");
    }

    #[test]
    fn a_mask_that_is_off_or_smaller_covers_nothing() {
        let mask = Mask { on: true, areas: vec![CORNER] };
        assert!(!Mask { on: false, ..mask.clone() }.covers(&mask));
        assert!(!Mask { on: true, areas: vec![Area { top: 0.6, ..CORNER }] }.covers(&mask));
        assert!(Mask::default().covers(&Mask { on: false, ..mask }), "nothing is to be covered");
    }

    #[test]
    fn nonsense_is_no_area() {
        let value = json!({"Mask": {"enable": 1, "area": [{"block": {"x": 1, "y": 1, "width": 1, "height": 1}, "screen": {"width": 0, "height": 0}}, 7]}});
        assert_eq!(Mask::read(&value).unwrap().areas, []);
    }
}
