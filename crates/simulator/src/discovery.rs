//! Lets simulated devices be found (WS-Discovery of April 2005): answers who asks for devices that send video.

use base::{Error, Result, Shutdown};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::UdpSocket;

/// Bytes of a question at most.
const QUESTION: usize = 16 << 10;

/// How a device presents itself.
pub(crate) struct Card {
    /// What it keeps whatever its address.
    pub id: String,
    pub name: String,
    pub hardware: String,
}

/// Answers questions that come to that address, as a member of the group of WS-Discovery unless it is on loopback, until
/// told to stop. The address that it listens at.
pub(crate) async fn answer(at: SocketAddr, cards: Vec<Card>, stop: Shutdown) -> Result<SocketAddr> {
    let failed = |error| Error::unavailable("cannot listen for discovery").because(error);
    let socket = UdpSocket::bind(at).await.map_err(failed)?;
    if !at.ip().is_loopback() {
        socket.join_multicast_v4(Ipv4Addr::new(239, 255, 255, 250), Ipv4Addr::UNSPECIFIED).map_err(failed)?;
    }
    let listens = socket.local_addr().map_err(failed)?;
    tokio::spawn(async move {
        tokio::select! {
            () = stop.begun() => {}
            () = serve(&socket, &cards) => {}
        }
    });
    Ok(listens)
}

async fn serve(socket: &UdpSocket, cards: &[Card]) {
    let mut buffer = vec![0; QUESTION];
    loop {
        let Ok((len, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(id) = std::str::from_utf8(&buffer[..len]).ok().and_then(asked) else { continue };
        for card in cards {
            // Who asked may be gone.
            let _ = socket.send_to(matched(card, id).as_bytes(), peer).await;
        }
    }
}

/// The id of a question for devices that send video, or for all.
fn asked(text: &str) -> Option<&str> {
    let about_us = !text.contains("Types") || text.contains("NetworkVideoTransmitter");
    let probe = text.contains("http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe<");
    let (_, rest) = text.split_once("MessageID>")?;
    let id = rest.split_once('<')?.0.trim();
    let plain = id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-._".contains(&byte));
    (about_us && probe && plain).then_some(id)
}

/// The answer of one device. It names no service, since it has none of ONVIF.
fn matched(card: &Card, id: &str) -> String {
    let Card { id: own, name, hardware } = card;
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
<s:Header>
<a:MessageID>urn:uuid:{own}-{}</a:MessageID>
<a:RelatesTo>{id}</a:RelatesTo>
<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action>
</s:Header>
<s:Body><d:ProbeMatches><d:ProbeMatch>
<a:EndpointReference><a:Address>urn:uuid:{own}</a:Address></a:EndpointReference>
<d:Types>dn:NetworkVideoTransmitter</d:Types>
<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/name/{} onvif://www.onvif.org/hardware/{}</d:Scopes>
<d:MetadataVersion>1</d:MetadataVersion>
</d:ProbeMatch></d:ProbeMatches></s:Body>
</s:Envelope>"#,
        id.rsplit([':', '-']).next().unwrap_or_default(),
        escaped(name),
        escaped(hardware),
    )
}

/// A word of a URI (RFC 3986, 2.1).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_question_for_devices_that_send_video_is_answered() {
        let probe = |types: &str, id: &str| {
            format!(
                "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action><a:MessageID>{id}</a:MessageID>{types}"
            )
        };
        assert_eq!(asked(&probe("<d:Types>dn:NetworkVideoTransmitter</d:Types>", "urn:uuid:7")), Some("urn:uuid:7"));
        assert_eq!(asked(&probe("", "urn:uuid:7")), Some("urn:uuid:7"));
        assert_eq!(asked(&probe("<d:Types>wsdp:Printer</d:Types>", "urn:uuid:7")), None);
        assert_eq!(asked(&probe("", "\"><x/>")), None);
        assert_eq!(asked("Hello"), None);
    }
}
