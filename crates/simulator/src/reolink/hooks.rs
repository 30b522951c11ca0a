//! Webhooks: a device that detects something posts to the addresses that were set, as long as its push notices are on.
//!
//! What real devices post is in no source; receivers take the request as a hint to ask, so the body is an empty object.

use super::{Alarm, Refusal, State, commands::channel_of, lock, settings};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Weak, time::Duration};
use tokio::net::TcpStream;

/// Webhooks of a channel.
const HOOKS: u64 = 3;
/// Bytes of an address at most.
const URL: usize = 255;
/// How often the device looks whether it detects something new.
const LOOK: Duration = Duration::from_millis(250);
/// Longest wait for a receiver.
const POST: Duration = Duration::from_secs(5);

const INVALID: Refusal = Refusal(-4, "param error");

/// A webhook that was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hook {
    channel: usize,
    index: u64,
    on: bool,
    url: String,
}

impl State {
    /// `GetWebHook`: all places, of which free ones say -1.
    pub(super) fn webhooks(&self, channel: usize) -> Value {
        let hooks = lock(&self.hooks);
        let place = |index| {
            let hook = hooks.iter().find(|hook| (hook.channel, hook.index) == (channel, index));
            let (enable, url) = hook.map_or((-1, ""), |hook| (i32::from(hook.on), hook.url.as_str()));
            json!({"bCustom": 0, "hookBody": "", "hookUrl": url, "index": index, "indexEnable": enable})
        };
        json!({"WebHook": (0..HOOKS).map(place).collect::<Vec<_>>()})
    }

    /// `SetWebHook`: sets a place or frees it.
    pub(super) fn set_webhook(&self, change: &Value) -> Result<(), Refusal> {
        let channel = channel_of(change);
        self.channel(channel)?;
        let index = change["index"].as_u64().filter(|index| *index < HOOKS).ok_or(INVALID)?;
        let enable = change["indexEnable"].as_i64().filter(|enable| (-1..=1).contains(enable)).ok_or(INVALID)?;
        let url = change["hookUrl"].as_str().unwrap_or_default();
        if url.len() > URL {
            return Err(Refusal(-22, "string too long"));
        }
        if enable >= 0 && target(url).is_none() {
            return Err(INVALID);
        }
        let mut hooks = lock(&self.hooks);
        let watched = !hooks.is_empty();
        hooks.retain(|hook| (hook.channel, hook.index) != (channel, index));
        if enable >= 0 {
            hooks.insert(Hook { channel, index, on: enable == 1, url: url.to_owned() });
        }
        if !watched && !hooks.is_empty() {
            tokio::spawn(watch(self.own.clone(), self.doors.stopping()));
        }
        Ok(())
    }

    fn detections(&self) -> BTreeSet<(usize, Alarm)> {
        (0..self.channels.len()).flat_map(|at| self.detects(at).into_iter().map(move |alarm| (at, alarm))).collect()
    }

    fn pushes(&self, channel: usize) -> bool {
        let factory = settings::of_channel("PushV20", self.model, channel, "");
        factory.is_some_and(|factory| self.settings.get("PushV20", channel, factory)["enable"] == 1)
    }

    /// Posts to the hooks of the channels that detect something that they did not at the last look.
    fn notice(&self, seen: &mut BTreeSet<(usize, Alarm)>) {
        let now = self.detections();
        let fresh: BTreeSet<usize> = now.difference(seen).map(|(channel, _)| *channel).collect();
        for hook in lock(&self.hooks).iter().filter(|hook| hook.on && fresh.contains(&hook.channel)) {
            if self.pushes(hook.channel) {
                tokio::spawn(tokio::time::timeout(POST, post(hook.url.clone())));
            }
        }
        *seen = now;
    }
}

/// Looks until no hook is left or the device stops.
async fn watch(state: Weak<State>, stop: base::Shutdown) {
    // What is detected already when the first hook is set is no news.
    let Some(mut seen) = state.upgrade().map(|state| state.detections()) else { return };
    loop {
        tokio::select! {
            () = stop.begun() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        match state.upgrade() {
            Some(state) if !lock(&state.hooks).is_empty() => state.notice(&mut seen),
            _ => return,
        }
    }
}

/// The authority and the path of a plain HTTP address.
fn target(url: &str) -> Option<(String, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let named = !authority.is_empty() && !authority.contains('@');
    let port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let at = if port { authority.to_owned() } else { format!("{authority}:80") };
    named.then_some((at, if path.is_empty() { "/" } else { path }))
}

/// Whether anybody took it is no matter of the camera's.
async fn post(url: String) -> Option<()> {
    let (authority, path) = target(&url)?;
    let stream = TcpStream::connect(&authority).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::post(path).header(header::HOST, &authority).header(header::CONTENT_TYPE, "application/json");
    sender.send_request(request.body(Full::new(Bytes::from_static(b"{}"))).ok()?).await.ok().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_http_address_is_posted_to() {
        assert_eq!(target("http://10.0.0.2:8480/hook?x=1"), Some(("10.0.0.2:8480".into(), "/hook?x=1")));
        assert_eq!(target("http://nvr"), Some(("nvr:80".into(), "/")));
        for url in ["", "https://nvr/", "file:///etc/passwd", "http://", "http://u:p@nvr/"] {
            assert_eq!(target(url), None, "{url}");
        }
    }
}
