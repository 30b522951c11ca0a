//! What is at an address: the first step of adding a camera, for whoever knows only where it is.

use crate::{
    App,
    auth::Who,
    error::{Problem, Result},
    extract::Json,
};
use axum::extract::State;
use base::Pii;
use cloud::{
    Device, Found,
    reolink::{self, Channel, Choice, Kind, Streams},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Where something is, and how to sign in to it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// A host name or address, with a port if it is unusual, or a URL.
    #[schema(max_length = 2048)]
    url: String,
    username: Option<String>,
    password: Option<String>,
}

/// What is there.
#[derive(Serialize, ToSchema)]
pub struct Identified {
    /// What it says of itself; none of a camera that only speaks RTSP.
    device: Option<DeviceFound>,
    /// The cameras at it; each is added by itself.
    channels: Vec<ChannelFound>,
}

/// A device with an API of its own.
#[derive(Serialize, ToSchema)]
pub struct DeviceFound {
    brand: &'static str,
    /// `camera`, `recorder` or `hub`.
    kind: &'static str,
    model: String,
    firmware: Option<String>,
    hardware: Option<String>,
    /// What its owner calls it.
    name: String,
    /// Whether it was asked without encryption, because it has HTTPS switched off.
    plain: bool,
    /// Whether it can be reached through its vendor's network.
    peer_to_peer: bool,
}

/// One camera at a device.
#[derive(Serialize, ToSchema)]
pub struct ChannelFound {
    /// Counted from 1, as on the device.
    number: u16,
    name: String,
    online: bool,
    /// The addresses of its streams, without a credential; none where there is no way to its picture.
    url: Option<String>,
    sub_url: Option<String>,
    /// Why this way, or what to do about none.
    reason: String,
}

/// Say what is at an address: a Reolink device with its cameras, or a camera that speaks RTSP.
#[utoipa::path(post, path = "/api/v1/cameras/identify", tag = "cameras", request_body = Host, responses(
    (status = 200, body = Identified),
    (status = 400, description = "What is wrong with the address or the credential", body = Problem),
    (status = 503, description = "What stands between us and the device", body = Problem),
))]
pub async fn identify(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(host): Json<Host>,
) -> Result<axum::Json<Identified>> {
    let (username, password) = (host.username.unwrap_or_default(), host.password.unwrap_or_default());
    let found = app.cloud.identify(&caller, &host.url, &username, &password).await?;
    Ok(axum::Json(match found.map_err(Problem::of_device)? {
        Found::Reolink(device) => of_reolink(*device),
        Found::Rtsp(seen) => {
            seen.map_err(|error| Problem::of_camera(error, devices::Stream::Main))?;
            of_rtsp(&host.url)
        }
    }))
}

fn of_reolink(device: Device) -> Identified {
    let Device { client, identity, mut streams } = device;
    let channels = identity.channels.iter().map(|channel| {
        let at = streams.iter().position(|(number, _)| *number == channel.number);
        ChannelFound::new(channel, at.map(|at| streams.swap_remove(at).1.map_err(|error| error.to_string())))
    });
    let channels = channels.collect();
    let kind = match identity.kind {
        Kind::Camera => "camera",
        Kind::Recorder => "recorder",
        Kind::Hub => "hub",
    };
    let device = DeviceFound {
        brand: "Reolink",
        kind,
        model: identity.model,
        firmware: identity.firmware,
        hardware: identity.hardware,
        name: shown(&identity.name),
        plain: client.is_plain(),
        peer_to_peer: identity.peer_to_peer,
    };
    Identified { device: Some(device), channels }
}

/// The person who asks knows the device's password; what it says of itself is theirs.
fn shown(name: &Pii<String>) -> String {
    name.open().clone()
}

impl ChannelFound {
    /// `streams`: none of a camera that is not connected.
    fn new(channel: &Channel, streams: Option<std::result::Result<Streams, String>>) -> Self {
        let (urls, reason) = match streams {
            None => (None, "this camera is not connected to the device".into()),
            Some(Err(reason)) => (None, reason),
            Some(Ok(streams)) => match streams.choice {
                Choice::Rtsp(reason) => {
                    let url = |stream: &reolink::Stream| stream.url.expose().clone();
                    (Some((url(&streams.main), streams.sub.as_ref().map(url))), reason.into())
                }
                Choice::Flv(_) => (None, "switch RTSP on in the camera's network settings".into()),
                Choice::None(reason) => (None, reason.into()),
            },
        };
        let (url, sub_url) = urls.map_or((None, None), |(url, sub_url)| (Some(url), sub_url));
        let number = u16::from(channel.number) + 1;
        Self { number, name: shown(&channel.name), online: channel.online, url, sub_url, reason }
    }
}

fn of_rtsp(typed: &str) -> Identified {
    // Of what was typed, without a credential.
    let rest = typed.trim().split_once("://").map_or(typed.trim(), |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let channel = ChannelFound {
        number: 1,
        name: String::new(),
        online: true,
        url: Some(format!("rtsp://{rest}")),
        sub_url: None,
        reason: "it speaks RTSP".into(),
    };
    Identified { device: None, channels: vec![channel] }
}
