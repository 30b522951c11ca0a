//! What is at an address that somebody typed: a Reolink device, or a camera that speaks RTSP.

use crate::{
    Allow, Credentials, Error, Probe, Target, Transport, probe,
    reolink::{self, Address, Identity, Reolink, Streams, Wake},
};
use base::World;

/// What answers at an address.
pub enum Found {
    Reolink(Box<Device>),
    /// An RTSP server, and what it sends under the path that was typed, or why nothing.
    Rtsp(Result<Box<Probe>, Error>),
}

/// A Reolink device.
pub struct Device {
    /// Signed in. Its fingerprint is to be kept.
    pub client: Reolink,
    pub identity: Identity,
    /// The channels that are online, with their streams and the best way to them, or why there are none.
    pub streams: Vec<(u8, Result<Streams, reolink::Error>)>,
}

/// Says what is at `host`, `host:port`, or an `https`, `http` or `rtsp` URL. The password is sent to what has shown that it
/// knows what to do with it, and once.
///
/// # Errors
/// Says precisely why nothing is found, or why a Reolink device that is there tells nothing.
pub async fn identify(
    address: &str,
    credentials: &Credentials,
    wake: Wake,
    allow: &Allow,
    world: &World,
) -> Result<Found, reolink::Error> {
    if address.trim().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("rtsp://")) {
        return Ok(rtsp(address, credentials, allow, world).await?);
    }
    let client = Reolink::new(Address::parse(address)?, credentials.clone(), None, allow, world);
    match client.is_there().await {
        Ok(()) => Ok(Found::Reolink(Box::new(device(client, wake).await?))),
        Err(error) if is_final(&error) => Err(error),
        Err(_) => {
            let rest = address.trim().split_once("://").map_or(address.trim(), |(_, rest)| rest);
            Ok(rtsp(&format!("rtsp://{rest}"), credentials, allow, world).await?)
        }
    }
}

/// Whether another protocol would fail the same way.
fn is_final(error: &reolink::Error) -> bool {
    use Error::{Address, Forbidden, UnknownHost};
    matches!(error, reolink::Error::Camera(Address(_) | Forbidden(_) | UnknownHost))
}

async fn device(client: Reolink, wake: Wake) -> Result<Device, reolink::Error> {
    let identity = client.identity().await?;
    let mut streams = Vec::new();
    for channel in identity.channels.iter().filter(|channel| channel.online) {
        streams.push((channel.number, client.streams(channel.number, wake).await));
    }
    Ok(Device { client, identity, streams })
}

async fn rtsp(url: &str, credentials: &Credentials, allow: &Allow, world: &World) -> Result<Found, Error> {
    let target = Target::new(url, Transport::Tcp, true)?;
    // What stands in the URL was typed with it.
    let target = if target.credentials().is_some() { target } else { target.with_credentials(credentials.clone()) };
    match probe(&target, allow, world).await {
        Ok(seen) => Ok(Found::Rtsp(Ok(Box::new(seen)))),
        Err(error) if speaks_rtsp(&error) => Ok(Found::Rtsp(Err(error))),
        Err(error) => Err(error),
    }
}

/// Whether it takes an RTSP server to fail so.
fn speaks_rtsp(error: &Error) -> bool {
    matches!(error, Error::Unauthorized | Error::NoSuchPath(_) | Error::UnsupportedCodec(_) | Error::Rejected { .. })
}
