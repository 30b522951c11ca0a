//! What a device is: model, firmware, channels, and what each of them can do.

use super::{
    Error, Reolink,
    answer::{Command, fits, is_on, items, number, text},
};
use base::{Pii, Secret};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Channels of any device at most.
pub(super) const CHANNELS: usize = 64;
/// Abilities of a channel at most.
const ABILITIES: usize = 1024;

/// What kind of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Camera,
    Recorder,
    /// A hub for battery cameras.
    Hub,
}

/// What a device is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub kind: Kind,
    /// As the vendor sells it, such as `RLC-810A`.
    pub model: String,
    pub hardware: Option<String>,
    pub firmware: Option<String>,
    /// What its owner calls it.
    pub name: Pii<String>,
    /// The number by which the vendor's network finds it; who has it and the password can look.
    pub uid: Option<Pii<String>>,
    pub serial: Option<Secret<String>>,
    /// The address of its network card, by which it is found again.
    pub mac: Option<Pii<String>>,
    /// Whether it can be reached through the vendor's network.
    pub peer_to_peer: bool,
    pub channels: Vec<Channel>,
}

/// A camera at a device; a camera by itself is its own channel 0.
#[derive(Clone, Debug)]
pub struct Channel {
    pub number: u8,
    pub name: Pii<String>,
    pub model: Option<String>,
    pub uid: Option<Pii<String>>,
    pub online: bool,
    /// Whether it is a battery camera that sleeps just now.
    pub asleep: bool,
}

impl Reolink {
    /// What the device is. Wakes nobody.
    pub async fn identity(&self) -> Result<Identity, Error> {
        let commands = ["GetDevInfo", "GetP2p", "GetLocalLink", "GetChannelstatus"].map(Command::host);
        let mut outcomes = self.session.ask(&commands).await?.into_iter();
        let mut next = || outcomes.next().and_then(Result::ok).unwrap_or_default();
        let (info, p2p, link, status) = (next(), next(), next(), next());
        let identity = identity(&info, &p2p, &link, &status);
        let identity = identity.ok_or(Error::Garbled { command: "GetDevInfo", what: "no model" })?;
        // The first answer stands: a camera does not become a recorder.
        let _ = self.kind.set(identity.kind);
        Ok(identity)
    }

    /// What kind of device it is. Asked once.
    pub(super) async fn kind(&self) -> Result<Kind, Error> {
        let ask = async {
            let info = self.session.one(Command::host("GetDevInfo")).await?;
            Ok(kind(&info["DevInfo"]))
        };
        self.kind.get_or_try_init(|| ask).await.copied()
    }

    /// Lets the device be reached through the vendor's network, or not.
    pub async fn set_peer_to_peer(&self, on: bool) -> Result<(), Error> {
        let change = json!({"P2p": {"enable": i32::from(on)}});
        self.session.one(Command::new("SetP2p", change)).await.map(drop)
    }
}

fn kind(info: &Value) -> Kind {
    let is = |word: &str| ["exactType", "type"].iter().any(|key| text(info, key).as_deref() == Some(word));
    if is("HOMEHUB") {
        Kind::Hub
    } else if is("NVR") || is("WIFI_NVR") {
        Kind::Recorder
    } else {
        Kind::Camera
    }
}

fn identity(info: &Value, p2p: &Value, link: &Value, status: &Value) -> Option<Identity> {
    let (info, p2p) = (&info["DevInfo"], &p2p["P2p"]);
    let model = text(info, "model")?;
    let name = text(info, "name").unwrap_or_else(|| model.clone());
    let mut channels = channels(status);
    if channels.is_empty() && kind(info) == Kind::Camera {
        let number = |number| Channel {
            number,
            name: Pii::new(name.clone()),
            model: Some(model.clone()),
            uid: None,
            online: true,
            asleep: false,
        };
        channels = (0..fits::<u8>(info, "channelNum").unwrap_or(1).min(CHANNELS as u8)).map(number).collect();
    }
    Some(Identity {
        kind: kind(info),
        hardware: text(info, "hardVer"),
        firmware: text(info, "firmVer"),
        uid: text(p2p, "uid").map(Pii::new),
        serial: text(info, "serial").map(Secret::new),
        mac: text(&link["LocalLink"], "mac").map(Pii::new),
        peer_to_peer: is_on(p2p, "enable"),
        name: Pii::new(name),
        model,
        channels,
    })
}

/// The channels of `GetChannelstatus`.
pub(super) fn channels(status: &Value) -> Vec<Channel> {
    let channel = |channel: &Value| {
        Some(Channel {
            number: fits(channel, "channel")?,
            name: Pii::new(text(channel, "name").unwrap_or_default()),
            model: text(channel, "typeInfo"),
            uid: text(channel, "uid").map(Pii::new),
            online: is_on(channel, "online"),
            asleep: is_on(channel, "sleep"),
        })
    };
    items(&status["status"], CHANNELS).filter_map(channel).collect()
}

/// Abilities are asked for a user of the device.
pub(super) fn get_ability(username: &str) -> Command {
    Command::new("GetAbility", json!({"User": {"userName": username}}))
}

/// What a device and its channels can do: the version of each ability by its name in the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    device: BTreeMap<String, u32>,
    channels: Vec<BTreeMap<String, u32>>,
}

impl Abilities {
    pub(super) fn read(value: &Value) -> Self {
        let ability = &value["Ability"];
        let channels = items(&ability["abilityChn"], CHANNELS).map(versions).collect();
        Self { device: versions(ability), channels }
    }

    /// The version of an ability of the device, such as `wifi`; 0 if it lacks it.
    pub fn of_device(&self, name: &str) -> u32 {
        self.device.get(name).copied().unwrap_or(0)
    }

    /// The version of an ability of a channel, such as `mask`; 0 if it lacks it.
    pub fn of_channel(&self, channel: u8, name: &str) -> u32 {
        self.channels.get(usize::from(channel)).and_then(|channel| channel.get(name)).copied().unwrap_or(0)
    }

    /// Whether the camera at that channel runs on a battery.
    pub fn has_battery(&self, channel: u8) -> bool {
        self.of_channel(channel, "battery") > 0
    }
}

fn versions(abilities: &Value) -> BTreeMap<String, u32> {
    let fields = abilities.as_object().into_iter().flatten().take(ABILITIES);
    let version = |ability: &Value| number(ability, "ver").and_then(|version| u32::try_from(version).ok());
    fields.filter_map(|(name, ability)| Some((name.clone(), version(ability)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_without_a_list_of_channels_is_its_own() {
        let info = json!({"DevInfo": {"model": "RLC-410", "type": "IPC", "channelNum": 1, "name": "Gate"}});
        let identity = identity(&info, &Value::Null, &Value::Null, &Value::Null).unwrap();
        assert_eq!((identity.kind, identity.channels.len()), (Kind::Camera, 1));
        assert_eq!(identity.channels[0].name.open(), "Gate");
        assert!(identity.uid.is_none());
    }

    #[test]
    fn a_recorder_and_a_hub_are_known_by_their_exact_type() {
        for (exact, expected) in
            [("NVR", Kind::Recorder), ("WIFI_NVR", Kind::Recorder), ("HOMEHUB", Kind::Hub), ("IPC", Kind::Camera)]
        {
            assert_eq!(kind(&json!({"exactType": exact, "type": "IPC"})), expected);
        }
    }

    #[test]
    fn an_ability_of_version_0_is_none() {
        let abilities = Abilities::read(
            &json!({"Ability": {"wifi": {"permit": 7, "ver": 0}, "abilityChn": [{"battery": {"permit": 1, "ver": 1}}]}}),
        );
        assert_eq!(abilities.of_device("wifi"), 0);
        assert!(abilities.has_battery(0) && !abilities.has_battery(1));
    }

    #[test]
    fn debug_shows_neither_names_nor_numbers_of_the_owner() {
        let info = json!({"DevInfo": {"model": "RLC-410", "name": "Nursery", "serial": "0000123"}});
        let p2p = json!({"P2p": {"uid": "95270000SXIPOGIJ"}});
        let text = format!("{:?}", identity(&info, &p2p, &Value::Null, &Value::Null).unwrap());
        assert!(!text.contains("Nursery") && !text.contains("0000123") && !text.contains("SXIPOGIJ"), "{text}");
    }
}
