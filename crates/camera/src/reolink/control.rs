//! What a camera can be told to do: lights, siren, movement, restart; and whether there is news of its firmware.

use super::{
    Error, Reolink, Wake,
    answer::{Command, fits, is_on, items, text},
};
use base::Pii;
use serde_json::{Value, json};

/// Presets of a camera at most.
const PRESETS: usize = 64;
/// Bytes of a name at most.
const NAME: usize = 31;
/// The fastest movement.
const FASTEST: u8 = 64;

/// When the infra-red lamp is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Infrared {
    Auto,
    On,
    Off,
}

impl Infrared {
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value["IrLights"]["state"].as_str()? {
            "Auto" => Some(Infrared::Auto),
            "On" => Some(Infrared::On),
            "Off" => Some(Infrared::Off),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Infrared::Auto => "Auto",
            Infrared::On => "On",
            Infrared::Off => "Off",
        }
    }
}

/// The white lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct White {
    pub on: bool,
    /// When it turns on by itself, in the numbers of the API: 0 never, 1 at night when something moves, 3 by schedule…
    pub mode: u8,
    /// Percent.
    pub brightness: u8,
}

/// The lamps of a camera; none for what it lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lights {
    pub infrared: Option<Infrared>,
    pub white: Option<White>,
    /// The light that says that the camera is at work.
    pub status: Option<bool>,
}

/// A movement of the lens. It goes on until [`Move::Stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    Stop,
    Left,
    Right,
    Up,
    Down,
    LeftUp,
    LeftDown,
    RightUp,
    RightDown,
    ZoomIn,
    ZoomOut,
    FocusNear,
    FocusFar,
}

impl Move {
    fn word(self) -> &'static str {
        match self {
            Move::Stop => "Stop",
            Move::Left => "Left",
            Move::Right => "Right",
            Move::Up => "Up",
            Move::Down => "Down",
            Move::LeftUp => "LeftUp",
            Move::LeftDown => "LeftDown",
            Move::RightUp => "RightUp",
            Move::RightDown => "RightDown",
            Move::ZoomIn => "ZoomInc",
            Move::ZoomOut => "ZoomDec",
            Move::FocusNear => "FocusDec",
            Move::FocusFar => "FocusInc",
        }
    }
}

/// A place that the camera can turn to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// From 1 to 64.
    pub id: u8,
    pub name: Pii<String>,
}

impl Reolink {
    /// The lamps of a camera. Wakes a battery camera.
    pub async fn lights(&self, channel: u8, wake: Wake) -> Result<Lights, Error> {
        self.may("GetWhiteLed", channel, wake).await?;
        let commands = ["GetIrLights", "GetWhiteLed", "GetPowerLed"].map(|name| Command::channel(name, channel));
        let mut outcomes = self.session.ask(&commands).await?.into_iter();
        let mut next = || outcomes.next().and_then(Result::ok).unwrap_or_default();
        let (infrared, white, status) = (next(), next(), next());
        Ok(Lights {
            infrared: Infrared::read(&infrared),
            white: self::white(&white),
            status: status["PowerLed"]["state"].as_str().map(|state| state != "Off"),
        })
    }

    /// Sets when the infra-red lamp is on.
    pub async fn set_infrared(&self, channel: u8, infrared: Infrared) -> Result<(), Error> {
        self.set("SetIrLights", json!({"IrLights": {"channel": channel, "state": infrared.word()}})).await
    }

    /// Sets the light that says that the camera is at work.
    pub async fn set_status_light(&self, channel: u8, on: bool) -> Result<(), Error> {
        let state = if on { "On" } else { "Off" };
        self.set("SetPowerLed", json!({"PowerLed": {"channel": channel, "state": state}})).await
    }

    /// Sets the white lamp. Its schedule stays.
    pub async fn set_white(&self, channel: u8, white: White) -> Result<(), Error> {
        if white.brightness > 100 {
            return Err(Error::Invalid("the brightness is a percentage"));
        }
        let state = i32::from(white.on);
        let led = json!({"channel": channel, "state": state, "mode": white.mode, "bright": white.brightness});
        self.set("SetWhiteLed", json!({ "WhiteLed": led })).await
    }

    /// Sounds the siren that many times.
    pub async fn sound_siren(&self, channel: u8, times: u8) -> Result<(), Error> {
        if times == 0 {
            return Err(Error::Invalid("a siren sounds once at least"));
        }
        let play = json!({"alarm_mode": "times", "manual_switch": 0, "times": times, "channel": channel});
        self.set("AudioAlarmPlay", play).await
    }

    /// Switches the siren on until it is switched off, or off.
    pub async fn set_siren(&self, channel: u8, on: bool) -> Result<(), Error> {
        let play = json!({"alarm_mode": "manu", "manual_switch": i32::from(on), "times": 1, "channel": channel});
        self.set("AudioAlarmPlay", play).await
    }

    /// Begins a movement; `speed` goes from 1 to 64.
    pub async fn ptz(&self, channel: u8, movement: Move, speed: u8) -> Result<(), Error> {
        let speed = speed.clamp(1, FASTEST);
        self.set("PtzCtrl", json!({"channel": channel, "op": movement.word(), "speed": speed})).await
    }

    /// Turns to a preset.
    pub async fn go_to(&self, channel: u8, preset: u8) -> Result<(), Error> {
        self.set("PtzCtrl", json!({"channel": channel, "op": "ToPos", "speed": 32, "id": preset})).await
    }

    /// The presets of a channel.
    pub async fn presets(&self, channel: u8) -> Result<Vec<Preset>, Error> {
        self.session.one(Command::channel("GetPtzPreset", channel)).await.map(|value| presets(&value))
    }

    /// Keeps where the camera looks now as a preset.
    pub async fn set_preset(&self, channel: u8, preset: &Preset) -> Result<(), Error> {
        let Preset { id, name } = preset;
        if name.open().len() > NAME {
            return Err(Error::Invalid("a name has 31 characters at most"));
        }
        let value = json!({"channel": channel, "enable": 1, "id": id, "name": name.open()});
        self.set("SetPtzPreset", json!({ "PtzPreset": value })).await
    }

    /// Starts the device anew. It is away for a minute or so.
    pub async fn reboot(&self) -> Result<(), Error> {
        self.set("Reboot", json!({})).await?;
        self.session.forget().await;
        Ok(())
    }

    /// Whether the device knows of newer firmware: its name, if it tells one.
    pub async fn firmware_news(&self) -> Result<Option<String>, Error> {
        let value = self.session.one(Command::host("CheckFirmware")).await?;
        let named = text(&value, "newFirmware").filter(|name| name != "0");
        Ok(named.or_else(|| is_on(&value, "newFirmware").then(String::new)))
    }

    async fn set(&self, command: &'static str, param: Value) -> Result<(), Error> {
        self.session.one(Command::new(command, param)).await.map(drop)
    }
}

fn white(value: &Value) -> Option<White> {
    let led = &value["WhiteLed"];
    Some(White { on: is_on(led, "state"), mode: fits(led, "mode")?, brightness: fits(led, "bright").unwrap_or(100) })
}

/// The presets that are set.
pub(super) fn presets(value: &Value) -> Vec<Preset> {
    let preset = |preset: &Value| {
        let id = fits(preset, "id").filter(|_| is_on(preset, "enable"))?;
        Some(Preset { id, name: Pii::new(text(preset, "name").unwrap_or_else(|| id.to_string())) })
    };
    items(&value["PtzPreset"], PRESETS).filter_map(preset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_presets_that_are_set_are_shown() {
        let value = json!({"PtzPreset": [{"id": 1, "enable": 1, "name": "Gate"}, {"id": 2, "enable": 0, "name": "pos2"}, {"id": 900, "enable": 1}]});
        assert_eq!(presets(&value), [Preset { id: 1, name: Pii::new("Gate".into()) }]);
    }
}
