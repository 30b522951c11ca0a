//! Finds cameras in the local network by asking who is there (WS-Discovery of April 2005, as ONVIF's core specification
//! uses it in chapter 7): one multicast question, and whoever answers within the time.
//!
//! Answers come from anybody. They are read within bounds, and say nothing about another machine than the one they come
//! from.

use crate::{Allow, Error};
use base::{Pii, World, uuid};
use roxmltree::{Document, Node, ParsingOptions};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout_at},
};

/// Where cameras listen for the question: `239.255.255.250:3702`.
pub const GROUP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(239, 255, 255, 250)), 3702);

const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const DISCOVERY: &str = "http://schemas.xmlsoap.org/ws/2005/04/discovery";
/// The question is repeated once, since a datagram may be lost (SOAP over UDP, 3.4).
const REPEAT: Duration = Duration::from_millis(400);
/// Bytes of an answer at most.
const ANSWER: usize = 32 << 10;
/// Elements, attributes and texts of an answer at most.
const NODES: u32 = 2048;
/// Devices of one search at most.
const DEVICES: usize = 512;
/// Service addresses of a device, and words of its description, at most.
const WORDS: usize = 32;

/// A device that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Where the answer came from.
    pub address: Pii<IpAddr>,
    /// By what the device knows itself, whatever its address: usually `urn:uuid:…`.
    pub endpoint: Pii<String>,
    /// What its owner calls it.
    pub name: Option<Pii<String>>,
    /// Its model.
    pub hardware: Option<String>,
    /// Its ONVIF services, as far as they are on the same machine.
    pub services: Vec<Pii<String>>,
}

/// Asks `to` (usually [`GROUP`]) out of the network of `from` (unspecified for that of the default route), and collects
/// answers of machines where cameras may be until `wait` is over.
///
/// # Errors
/// An error if the question cannot be sent.
pub async fn discover(
    to: SocketAddr,
    from: Ipv4Addr,
    wait: Duration,
    allow: &Allow,
    world: &World,
) -> Result<Vec<Discovered>, Error> {
    let socket = UdpSocket::bind((from, 0)).await?;
    if !from.is_unspecified() {
        socket2::SockRef::from(&socket).set_multicast_if_v4(&from)?;
    }
    let id = uuid::Builder::from_random_bytes(world.random()).into_uuid().urn().to_string();
    let question = question(&id);
    socket.send_to(question.as_bytes(), to).await?;
    let (began, mut repeat) = (Instant::now(), Some(REPEAT));
    let mut found = BTreeMap::new();
    let mut buffer = vec![0; ANSWER];
    while began.elapsed() < wait && found.len() < DEVICES {
        let until = began + repeat.unwrap_or(wait).min(wait);
        match timeout_at(until, socket.recv_from(&mut buffer)).await {
            Ok(Ok((len, peer))) if allow.check(peer).is_ok() => {
                for device in answers(&buffer[..len], &id, peer.ip()) {
                    found.entry(device.endpoint.open().clone()).or_insert(device);
                }
            }
            // An answer of somebody else, or word that a machine could not be reached.
            Ok(_) => {}
            Err(_) if repeat.take().is_some() => drop(socket.send_to(question.as_bytes(), to).await?),
            Err(_) => break,
        }
    }
    Ok(found.into_values().collect())
}

/// The question for all devices that send video.
fn question(id: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:d="{DISCOVERY}" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
<s:Header>
<a:Action s:mustUnderstand="1">{DISCOVERY}/Probe</a:Action>
<a:MessageID>{id}</a:MessageID>
<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>
</s:Header>
<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body>
</s:Envelope>"#
    )
}

/// The devices of an answer to the question of that id; none if it is no such answer.
fn answers(bytes: &[u8], id: &str, peer: IpAddr) -> Vec<Discovered> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let Ok(document) = Document::parse_with_options(text, options) else { return Vec::new() };
    let all = |space, name| document.descendants().filter(move |node| node.has_tag_name((space, name)));
    if !all(ADDRESSING, "RelatesTo").any(|node| node.text().map(str::trim) == Some(id)) {
        return Vec::new();
    }
    all(DISCOVERY, "ProbeMatch").filter_map(|node| device(node, peer)).collect()
}

fn device(node: Node<'_, '_>, peer: IpAddr) -> Option<Discovered> {
    let text = |space, name| {
        let child = node.descendants().find(|child| child.has_tag_name((space, name)))?;
        child.text().map(str::trim).filter(|text| !text.is_empty())
    };
    let words = |name| text(DISCOVERY, name).into_iter().flat_map(str::split_ascii_whitespace).take(WORDS);
    let scope = |kind: &str| {
        let value =
            words("Scopes").find_map(|scope| scope.strip_prefix("onvif://www.onvif.org/")?.strip_prefix(kind))?;
        // Scopes are URIs: a name in them is escaped.
        let value = crate::target::percent_decode(value.strip_prefix('/')?);
        let value: String = value.chars().filter(|c| !c.is_control()).take(64).collect();
        (!value.is_empty()).then_some(value)
    };
    Some(Discovered {
        address: Pii::new(peer),
        endpoint: Pii::new(text(ADDRESSING, "Address")?.chars().take(256).collect()),
        name: scope("name").map(Pii::new),
        hardware: scope("hardware"),
        services: words("XAddrs").filter(|url| is_on(url, peer)).map(|url| Pii::new(url.to_owned())).collect(),
    })
}

/// Whether a service is on that machine.
fn is_on(url: &str, peer: IpAddr) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let host = authority.and_then(|authority| crate::target::split_port(authority).ok()).map(|(host, _)| host);
    host.and_then(|host| host.parse::<IpAddr>().ok()) == Some(peer)
}

/// For fuzzing: whatever comes in a datagram is read or passed over.
#[cfg(fuzzing)]
pub fn fuzz_discovery(bytes: &[u8]) {
    let peer = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2));
    for device in answers(bytes, "urn:uuid:1", peer) {
        assert!(device.services.iter().all(|url| is_on(url.open(), peer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "urn:uuid:1";
    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2));

    fn answer(relates: &str, scopes: &str, services: &str) -> String {
        format!(
            r#"<s:Envelope xmlns:s="{SOAP}" xmlns:wsa="{ADDRESSING}" xmlns:d="{DISCOVERY}"><s:Header>
            <wsa:RelatesTo>{relates}</wsa:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>
            <wsa:EndpointReference><wsa:Address>urn:uuid:cam</wsa:Address></wsa:EndpointReference>
            <d:Scopes>{scopes}</d:Scopes><d:XAddrs>{services}</d:XAddrs>
            </d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"#
        )
    }

    fn read(text: &str) -> Vec<Discovered> {
        answers(text.as_bytes(), ID, PEER)
    }

    #[test]
    fn a_camera_tells_its_name_and_model() {
        let scopes = "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Front%20door\n onvif://www.onvif.org/hardware/RLC-810A";
        let found = read(&answer(ID, scopes, "http://192.168.1.2:8000/onvif/device_service"));
        let [camera] = &found[..] else { panic!("{found:?}") };
        assert_eq!(camera.name.as_ref().unwrap().open(), "Front door");
        assert_eq!((camera.hardware.as_deref(), camera.services.len()), (Some("RLC-810A"), 1));
        let shown = format!("{camera:?}");
        assert!(!shown.contains("192.168") && !shown.contains("Front") && !shown.contains("urn:"), "{shown}");
    }

    #[test]
    fn a_service_on_another_machine_is_left_out() {
        for url in [
            "http://192.168.1.3/onvif",
            "http://169.254.169.254/latest",
            "http://192.168.1.2@evil/",
            "file:///etc/passwd",
            "http://cam.local/onvif",
        ] {
            assert_eq!(read(&answer(ID, "", url))[0].services, []);
        }
    }

    #[test]
    fn what_answers_another_question_or_is_a_bomb_is_passed_over() {
        assert_eq!(read(&answer("urn:uuid:2", "", "")), []);
        let bomb = format!(r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>{}"#, answer(ID, "&b;", ""));
        assert_eq!(read(&bomb), []);
        let many = answer(ID, "", "").replace("<d:Scopes>", &format!("{}<d:Scopes>", "<d:x/>".repeat(5000)));
        assert_eq!(read(&many), []);
        assert_eq!(answers(&[0xFF; 64], ID, PEER), []);
        assert_eq!(read(&"<a>".repeat(10_000)), []);
    }
}
