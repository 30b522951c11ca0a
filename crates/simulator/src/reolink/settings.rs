//! What can be set in a device: a setting is what its `Get…` answers, and its `Set…` lays known keys of the same type over
//! it. Each starts as the device leaves the factory.

use super::{Model, Refusal};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Bytes of a name at most.
const NAME: usize = 31;
/// Masks of a camera at most.
const MASKS: usize = 4;

const INVALID: Refusal = Refusal(-4, "param error");

/// The key under which a command carries it, and its value at the factory.
pub(super) type Factory = (&'static str, Value);

/// The settings of one device, kept by command and channel.
#[derive(Default)]
pub(super) struct Settings(Mutex<BTreeMap<(String, usize), Value>>);

impl Settings {
    /// The setting as it stands.
    pub fn get(&self, name: &str, channel: usize, factory: Factory) -> Value {
        let changed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changed.get(&(name.to_owned(), channel)).cloned().unwrap_or(factory.1)
    }

    /// Lays a change over the setting; all of it or nothing.
    pub fn set(&self, name: &str, channel: usize, factory: Factory, change: &Value) -> Result<(), Refusal> {
        let mut value = self.get(name, channel, factory);
        lay(&mut value, change)?;
        check(name, &value)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((name.to_owned(), channel), value);
        Ok(())
    }
}

/// Lays `change` over `value`. The channel only says whose setting it is.
fn lay(value: &mut Value, change: &Value) -> Result<(), Refusal> {
    match (value, change) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes.iter().filter(|(name, _)| *name != "channel") {
                lay(fields.get_mut(name).ok_or(INVALID)?, change)?;
            }
        }
        (value @ Value::Array(_), Value::Array(_))
        | (value @ Value::String(_), Value::String(_))
        | (value @ Value::Number(_), Value::Number(_))
        | (value @ Value::Bool(_), Value::Bool(_)) => *value = change.clone(),
        _ => return Err(INVALID),
    }
    Ok(())
}

/// The ranges that the vendor documents.
fn check(name: &str, value: &Value) -> Result<(), Refusal> {
    let within = |pointer: &str, range: std::ops::RangeInclusive<i64>| {
        value.pointer(pointer).and_then(Value::as_i64).is_some_and(|number| range.contains(&number))
    };
    let one_of = |pointer: &str, words: &[&str]| {
        value.pointer(pointer).and_then(Value::as_str).is_some_and(|word| words.contains(&word))
    };
    let short = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).is_none_or(|text| text.len() <= NAME);
    if !short("/name") || !short("/osdChannel/name") {
        return Err(Refusal(-22, "string too long"));
    }
    let valid = match name {
        "IrLights" => one_of("/state", &["Auto", "On", "Off"]),
        "PowerLed" => one_of("/state", &["Auto", "On", "Off"]),
        "WhiteLed" => within("/state", 0..=1) && within("/mode", 0..=5) && within("/bright", 0..=100),
        "Isp" => one_of("/dayNight", &["Auto", "Color", "Black&White"]) && within("/dayNightThreshold", 0..=100),
        "Mask" => within("/enable", 0..=1) && value["area"].as_array().is_some_and(|areas| are_masks(areas)),
        _ => true,
    };
    if valid { Ok(()) } else { Err(INVALID) }
}

fn are_masks(areas: &[Value]) -> bool {
    let inside = |area: &Value| {
        let number = |pointer: &str| area.pointer(pointer).and_then(Value::as_i64).filter(|number| *number >= 0);
        let reaches = |from: &str, len: &str, whole: &str| {
            let whole = number(whole).filter(|&whole| whole > 0)?;
            (number(from)?.checked_add(number(len)?)? <= whole).then_some(())
        };
        reaches("/block/x", "/block/width", "/screen/width").is_some()
            && reaches("/block/y", "/block/height", "/screen/height").is_some()
    };
    areas.len() <= MASKS && areas.iter().all(inside)
}

/// A week in hours, each of them on.
fn week() -> String {
    "1".repeat(168)
}

/// The settings that belong to the device as a whole.
pub(super) fn of_device(name: &str, model: Model) -> Option<Factory> {
    let factory = match name {
        "DevName" => ("DevName", json!({"name": model.name()})),
        "P2p" => ("P2p", json!({"enable": 1, "uid": model.uid(0)})),
        "Ntp" => ("Ntp", json!({"enable": 1, "interval": 1440, "port": 123, "server": "pool.ntp.org"})),
        "PushCfg" => ("PushCfg", json!({"enable": 1, "pushInterval": 60})),
        "StateLight" if model == Model::Recorder => ("stateLight", json!({"enable": 1})),
        _ => return None,
    };
    Some(factory)
}

/// The settings of one channel; `name` is what stands in its picture.
pub(super) fn of_channel(setting: &str, model: Model, channel: usize, name: &str) -> Option<Factory> {
    let battery = model == Model::Battery;
    let factory = match setting {
        "Osd" => ("Osd", osd(channel, name)),
        "Isp" => ("Isp", isp(channel)),
        "Image" => (
            "Image",
            json!({"bright": 128, "channel": channel, "contrast": 128, "hue": 128, "saturation": 128, "sharpen": 128}),
        ),
        "IrLights" => ("IrLights", json!({"state": "Auto"})),
        "PowerLed" => ("PowerLed", json!({"channel": channel, "state": "On"})),
        "WhiteLed" => ("WhiteLed", white_led(channel)),
        "Mask" => ("Mask", json!({"area": [], "channel": channel, "enable": 0})),
        "AudioCfg" => (
            "AudioCfg",
            json!({"channel": channel, "talkAndReplyVolume": 100, "visitorLoudspeaker": 1, "visitorVolume": 100, "volume": 100}),
        ),
        "ManualRec" => ("Rec", json!({"channel": channel, "enable": 0})),
        "MdAlarm" => ("MdAlarm", md_alarm(channel)),
        "AiCfg" => (
            "AiCfg",
            json!({"AiDetectType": {"dog_cat": 1, "face": 0, "people": 1, "vehicle": 1}, "aiTrack": 0, "trackType": {"dog_cat": 0, "face": 0, "people": 1, "vehicle": 0}}),
        ),
        "PtzGuard" if !battery => {
            ("PtzGuard", json!({"benable": 0, "bexistPos": 0, "channel": channel, "timeout": 60}))
        }
        "AudioAlarmV20" => (
            "Audio",
            json!({"enable": 0, "schedule": schedule(channel, &["MD", "AI_PEOPLE", "AI_VEHICLE", "AI_DOG_CAT"])}),
        ),
        "PushV20" => (
            "Push",
            json!({"enable": 1, "scheduleEnable": 1, "schedule": schedule(channel, &["MD", "AI_PEOPLE", "AI_VEHICLE", "AI_DOG_CAT", "TIMING"])}),
        ),
        "EmailV20" => ("Email", email(channel)),
        "FtpV20" => ("Ftp", ftp(channel)),
        "RecV20" if !battery => ("Rec", rec(channel)),
        _ => return None,
    };
    Some(factory)
}

/// What a setting may be, for a command that asks with `action: 1`.
pub(super) fn range(setting: &str) -> Option<Value> {
    let range = match setting {
        "IrLights" => json!({"IrLights": {"state": ["Auto", "On", "Off"]}}),
        "PowerLed" => json!({"PowerLed": {"state": ["Auto", "On", "Off"]}}),
        "Isp" => {
            json!({"Isp": {"dayNight": ["Auto", "Color", "Black&White"], "dayNightThreshold": {"max": 100, "min": 0}}})
        }
        "WhiteLed" => json!({"WhiteLed": {"bright": {"max": 100, "min": 0}, "mode": [0, 1, 2, 3], "state": "boolean"}}),
        "Mask" => json!({"Mask": {"area": {"maxNum": MASKS}, "enable": "boolean"}}),
        "RecV20" => {
            json!({"Rec": {"enable": "boolean", "overwrite": "boolean", "packTime": ["30 Minutes", "45 Minutes", "60 Minutes"], "postRec": ["15 Seconds", "30 Seconds", "1 Minute"], "preRec": "boolean", "schedule": {"channel": 0}}})
        }
        _ => return None,
    };
    Some(range)
}

fn schedule(channel: usize, triggers: &[&str]) -> Value {
    let table: serde_json::Map<_, _> = triggers.iter().map(|trigger| ((*trigger).into(), week().into())).collect();
    json!({"channel": channel, "table": table})
}

fn osd(channel: usize, name: &str) -> Value {
    json!({
        "bgcolor": 0, "channel": channel, "watermark": 0,
        "osdChannel": {"enable": 1, "name": name, "pos": "Lower Right"},
        "osdTime": {"enable": 1, "pos": "Top Center"},
    })
}

fn isp(channel: usize) -> Value {
    json!({
        "antiFlicker": "Outdoor", "backLight": "DynamicRangeControl", "blc": 128, "blueGain": 128, "cdsType": 1,
        "channel": channel, "constantFrameRate": 0, "dayNight": "Auto", "dayNightThreshold": 50, "drc": 128,
        "exposure": "Auto", "gain": {"max": 62, "min": 1}, "mirroring": 0, "nr3d": 1, "redGain": 128, "rotation": 0,
        "shutter": {"max": 125, "min": 0}, "whiteBalance": "Auto",
    })
}

fn white_led(channel: usize) -> Value {
    json!({
        "LightingSchedule": {"EndHour": 6, "EndMin": 0, "StartHour": 18, "StartMin": 0}, "bright": 100,
        "channel": channel, "mode": 1, "state": 0, "wlAiDetectType": {"dog_cat": 1, "face": 0, "people": 1, "vehicle": 1},
    })
}

fn md_alarm(channel: usize) -> Value {
    let sens: Vec<Value> = (0..4)
        .map(|id| json!({"beginHour": 6 * id, "beginMin": 0, "enable": 0, "endHour": 6 * id + 5, "endMin": 59, "id": id, "priority": 0, "sensitivity": 10}))
        .collect();
    json!({
        "channel": channel, "newSens": {"sens": sens, "sensDef": 10}, "useNewSens": 1,
        "scope": {"cols": 80, "rows": 60, "table": "1".repeat(80 * 60)},
    })
}

fn email(channel: usize) -> Value {
    json!({
        "addr1": "", "addr2": "", "addr3": "", "attachmentType": 1, "enable": 0, "interval": "5 Minutes", "nickName": "",
        "password": "", "schedule": schedule(channel, &["MD", "AI_PEOPLE", "AI_VEHICLE", "AI_DOG_CAT", "VL"]), "scheduleEnable": 1,
        "smtpPort": 465, "smtpServer": "", "ssl": 1, "userName": "",
    })
}

fn ftp(channel: usize) -> Value {
    json!({
        "anonymous": 0, "enable": 0, "interval": 30, "maxSize": 100, "onlyFtps": 1, "password": "", "port": 21,
        "remoteDir": "", "scheduleEnable": 1, "schedule": schedule(channel, &["MD", "AI_PEOPLE", "AI_VEHICLE", "AI_DOG_CAT", "TIMING"]),
        "server": "", "streamType": 0, "userName": "",
    })
}

fn rec(channel: usize) -> Value {
    json!({
        "enable": 1, "overwrite": 1, "packTime": "60 Minutes", "postRec": "1 Minute", "preRec": 1, "saveDay": 30, "scheduleEnable": 1,
        "schedule": schedule(channel, &["MD", "TIMING", "AI_PEOPLE", "AI_VEHICLE", "AI_DOG_CAT"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factory(setting: &str) -> Factory {
        of_channel(setting, Model::Camera, 0, "Porch").unwrap()
    }

    fn set(settings: &Settings, setting: &str, change: Value) -> Result<(), Refusal> {
        settings.set(setting, 0, factory(setting), &change)
    }

    #[test]
    fn a_change_is_laid_over_a_setting_and_the_rest_of_it_stays() {
        let settings = Settings::default();
        set(&settings, "WhiteLed", json!({"channel": 0, "bright": 7, "wlAiDetectType": {"face": 1}})).unwrap();
        let led = settings.get("WhiteLed", 0, factory("WhiteLed"));
        assert_eq!((&led["bright"], &led["mode"]), (&json!(7), &json!(1)));
        assert_eq!(led["wlAiDetectType"], json!({"dog_cat": 1, "face": 1, "people": 1, "vehicle": 1}));
    }

    #[test]
    fn a_change_that_is_not_valid_changes_nothing() {
        let settings = Settings::default();
        for (setting, change, code) in [
            ("WhiteLed", json!({"bright": 7, "mode": 9}), -4),
            ("WhiteLed", json!({"bright": "7"}), -4),
            ("WhiteLed", json!({"colour": 7}), -4),
            ("WhiteLed", json!([]), -4),
            ("IrLights", json!({"state": "Dim"}), -4),
            ("Osd", json!({"osdChannel": {"name": "x".repeat(32)}}), -22),
        ] {
            assert_eq!(set(&settings, setting, change).unwrap_err().0, code, "{setting}");
            assert_eq!(settings.get(setting, 0, factory(setting)), factory(setting).1);
        }
    }

    #[test]
    fn masks_are_four_at_most_and_lie_in_the_picture() {
        let area = |x: i64| json!({"block": {"x": x, "y": 0, "width": 60, "height": 40}, "screen": {"width": 160, "height": 90}});
        let settings = Settings::default();
        assert!(set(&settings, "Mask", json!({"enable": 1, "area": [area(0), area(100)]})).is_ok());
        assert!(set(&settings, "Mask", json!({"area": [area(101)]})).is_err());
        assert!(set(&settings, "Mask", json!({"area": [area(-1)]})).is_err());
        assert!(set(&settings, "Mask", json!({"area": vec![area(0); 5]})).is_err());
    }
}
