//! What a camera detects just now, by asking it: `GetEvents`, and on older firmware `GetMdState` with `GetAiState`.

use super::{
    Code, Error, Reolink,
    answer::{Command, Outcome, fits, is_on, items, number},
};
use base::Secret;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// Webhooks of a channel at most.
const HOOKS: usize = 16;
/// Bytes of a webhook's address at most.
const URL: usize = 255;

/// What a channel detects now; none for what it cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    pub motion: Option<bool>,
    pub person: Option<bool>,
    pub vehicle: Option<bool>,
    pub animal: Option<bool>,
    pub face: Option<bool>,
    pub package: Option<bool>,
    pub visitor: Option<bool>,
}

impl Reolink {
    /// What each of these channels detects now; an error for one that is offline. Wakes nobody.
    pub async fn events(&self, channels: &[u8]) -> Result<Vec<Result<Events, Code>>, Error> {
        if self.older_events.load(Ordering::Relaxed) {
            return self.events_of_old(channels).await;
        }
        let commands: Vec<Command> = channels.iter().map(|&channel| Command::channel("GetEvents", channel)).collect();
        let outcomes = self.session.ask(&commands).await?;
        // Firmware that lacks the command lacks it for every channel, for good; one that stumbles may find its feet.
        if !outcomes.is_empty() && outcomes.iter().all(|outcome| is_missing(outcome) || is_stumbling(outcome)) {
            self.older_events.store(outcomes.iter().all(is_missing), Ordering::Relaxed);
            return self.events_of_old(channels).await;
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.map(|value| read(&value))).collect())
    }

    /// Lets the device post to that address when a channel detects something; `http` only, 255 bytes at most. A request is a
    /// hint to ask for events: what it holds is not documented. Such an address of ours that was set before is replaced.
    pub async fn set_webhook(&self, channel: u8, url: &Secret<String>) -> Result<(), Error> {
        if !url.expose().starts_with("http://") || url.expose().len() > URL {
            return Err(Error::Invalid("a device posts to http addresses of 255 bytes at most"));
        }
        let places = self.session.one(Command::channel("GetWebHook", channel)).await?;
        let place = place(&places, url.expose()).ok_or(Error::Invalid("all its webhooks are in use"))?;
        self.write_webhook(channel, place, 1, url.expose()).await
    }

    /// Takes such an address of ours away.
    pub async fn remove_webhook(&self, channel: u8, url: &Secret<String>) -> Result<(), Error> {
        let places = self.session.one(Command::channel("GetWebHook", channel)).await?;
        let ours = items(&places["WebHook"], HOOKS).filter(|place| place["hookUrl"] == url.expose().as_str());
        for place in ours.filter_map(|place| fits(place, "index")) {
            self.write_webhook(channel, place, -1, "").await?;
        }
        Ok(())
    }

    async fn write_webhook(&self, channel: u8, place: u8, enable: i8, url: &str) -> Result<(), Error> {
        let hook = json!({
            "channel": channel, "index": place, "indexEnable": enable, "hookUrl": url, "bCustom": 0, "hookBody": "",
        });
        self.session.one(Command::new("SetWebHook", json!({ "WebHook": hook }))).await.map(drop)
    }

    async fn events_of_old(&self, channels: &[u8]) -> Result<Vec<Result<Events, Code>>, Error> {
        let both = |&channel: &u8| [Command::channel("GetMdState", channel), Command::channel("GetAiState", channel)];
        let commands: Vec<Command> = channels.iter().flat_map(both).collect();
        let outcomes = self.session.ask(&commands).await?;
        let pair = |pair: &[Outcome]| match pair {
            [Err(code), Err(_)] => Err(*code),
            [motion, ai] => Ok(read_old(motion.as_ref().unwrap_or(&Value::Null), ai.as_ref().unwrap_or(&Value::Null))),
            _ => Err(Code::Missing),
        };
        Ok(outcomes.chunks(2).map(pair).collect())
    }
}

fn is_missing(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Code::NotSupported | Code::CommandError | Code::AbilityError))
}

fn is_stumbling(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Code::Timeout | Code::ProtocolError))
}

/// Where a webhook goes: where it is already, or a free place.
fn place(value: &Value, url: &str) -> Option<u8> {
    let find = |wanted: &dyn Fn(&Value) -> bool| items(&value["WebHook"], HOOKS).find(|place| wanted(place));
    let place =
        find(&|place| place["hookUrl"] == url).or_else(|| find(&|place| number(place, "indexEnable") == Some(-1)));
    fits(place?, "index")
}

/// The answer to `GetEvents`.
pub(super) fn read(value: &Value) -> Events {
    let ai = kinds(&value["ai"]);
    // Battery cameras detect by heat, which they call `other`.
    let motion = state(&value["md"]).or_else(|| state(&value["ai"]["other"]));
    Events { motion, visitor: state(&value["visitor"]), ..ai }
}

/// The answers to `GetMdState` and `GetAiState`.
pub(super) fn read_old(motion: &Value, ai: &Value) -> Events {
    Events { motion: motion.get("state").map(|_| is_on(motion, "state")), ..kinds(ai) }
}

fn kinds(ai: &Value) -> Events {
    Events {
        person: state(&ai["people"]),
        vehicle: state(&ai["vehicle"]),
        animal: state(&ai["dog_cat"]),
        face: state(&ai["face"]),
        package: state(&ai["package"]),
        ..Events::default()
    }
}

/// Whether one kind is detected: `{alarm_state, support}`, or a bare number from firmware before 3.0.0-494.
fn state(value: &Value) -> Option<bool> {
    match value {
        Value::Number(number) => Some(number.as_i64() == Some(1)),
        Value::Object(_) => {
            (value.get("support").is_none() || is_on(value, "support")).then(|| is_on(value, "alarm_state"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_supported_is_not_told() {
        let on = json!({"alarm_state": 1, "support": 1});
        let value = json!({"ai": {"people": on, "face": {"alarm_state": 1, "support": 0}}, "md": on});
        let expected = Events { motion: Some(true), person: Some(true), ..Events::default() };
        assert_eq!(read(&value), expected);
    }

    #[test]
    fn old_firmware_tells_bare_numbers() {
        let events = read_old(&json!({"state": 1}), &json!({"channel": 0, "people": 0, "vehicle": 1}));
        assert_eq!((events.motion, events.person, events.vehicle), (Some(true), Some(false), Some(true)));
    }

    #[test]
    fn the_heat_sensor_of_a_battery_camera_is_motion() {
        let value = json!({"ai": {"other": {"alarm_state": 1, "support": 1}}, "md": {"alarm_state": 0, "support": 0}});
        assert_eq!(read(&value).motion, Some(true));
    }
}
