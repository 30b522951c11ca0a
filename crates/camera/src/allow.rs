//! Where a camera may be: the rule that keeps a camera's address from reaching what is not a camera (SSRF).
//!
//! It is asked about the resolved address that is then connected to, and again for redirects and control URLs.

use crate::Error;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The networks where cameras may be, and the ports that are our own.
#[derive(Clone, Debug)]
pub struct Allow {
    nets: Vec<IpNet>,
    own_ports: Vec<u16>,
}

/// Private (RFC 1918), unique-local (RFC 4193) and link-local ranges.
const DEFAULT_NETS: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

/// Where clouds answer questions of their machines.
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))];

impl Allow {
    /// Cameras may be in `nets`, never at one of `own_ports`. Loopback counts only where a net lies wholly in it.
    pub fn new(nets: Vec<IpNet>, own_ports: Vec<u16>) -> Self {
        Self { nets, own_ports }
    }

    /// Private, unique-local and link-local networks.
    pub fn default_nets() -> Vec<IpNet> {
        DEFAULT_NETS.iter().map(|net| net.parse().expect("the default networks are valid")).collect()
    }

    /// Whether a camera may be at this resolved address.
    pub fn check(&self, address: SocketAddr) -> Result<(), Error> {
        let ip = address.ip();
        let forbidden = |reason| Err(Error::Forbidden(reason));
        if self.own_ports.contains(&address.port()) {
            return forbidden("the port is one of our own");
        }
        if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return forbidden("it is no address of a single machine");
        }
        if METADATA.contains(&ip) {
            return forbidden("it is a metadata service");
        }
        if carries_ipv4(ip) {
            return forbidden("it is an IPv4 address in disguise");
        }
        if ip.is_loopback() && !self.nets.iter().any(|net| in_loopback(net) && net.contains(&ip)) {
            return forbidden("it is this machine itself");
        }
        if !self.nets.iter().any(|net| net.contains(&ip)) {
            return forbidden("it is outside the allowed networks");
        }
        Ok(())
    }
}

fn in_loopback(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.network().is_loopback() && net.prefix_len() >= 8,
        IpNet::V6(net) => net.network().is_loopback() && net.prefix_len() == 128,
    }
}

/// IPv4-mapped and -compatible (RFC 4291), 6to4 (RFC 3056), Teredo (RFC 4380), translated (RFC 6052, 8215).
fn carries_ipv4(ip: IpAddr) -> bool {
    let IpAddr::V6(ip) = ip else { return false };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, high, low] => (high, low) != (0, 1),
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => true,
        [0x2002, ..] | [0x2001, 0, ..] | [0x64, 0xff9b, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default() -> Allow {
        Allow::new(Allow::default_nets(), vec![8480])
    }

    fn allowed(allow: &Allow, address: &str) -> bool {
        allow.check(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn cameras_may_be_at_home() {
        for address in [
            "10.1.2.3:554",
            "172.16.0.1:554",
            "172.31.255.255:554",
            "192.168.1.9:8554",
            "169.254.7.7:554",
            "[fd12::9]:554",
            "[fe80::1]:554",
        ] {
            assert!(allowed(&default(), address), "{address}");
        }
    }

    #[test]
    fn nothing_else_is_reached_through_a_camera_address() {
        for address in [
            "127.0.0.1:554",
            "127.1.2.3:554",
            "0.0.0.0:554",
            "255.255.255.255:554",
            "224.0.0.1:554",
            "169.254.169.254:80",
            "172.32.0.1:554",
            "8.8.8.8:554",
            "100.64.0.1:554",
            "192.168.1.9:8480",
            "[::]:554",
            "[::1]:554",
            "[ff02::1]:554",
            "[fd00:ec2::254]:80",
            "[::ffff:192.168.1.9]:554",
            "[::ffff:127.0.0.1]:554",
            "[::192.168.1.9]:554",
            "[2002:c0a8:0109::1]:554",
            "[64:ff9b::c0a8:109]:554",
            "[2001:4860:4860::8888]:554",
        ] {
            assert!(!allowed(&default(), address), "{address}");
        }
    }

    #[test]
    fn even_everything_does_not_mean_this_machine() {
        let everything = Allow::new(vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()], vec![]);
        assert!(allowed(&everything, "8.8.8.8:554"));
        for address in ["127.0.0.1:554", "[::1]:554", "0.0.0.0:554", "169.254.169.254:80", "[::ffff:8.8.8.8]:554"] {
            assert!(!allowed(&everything, address), "{address}");
        }
    }

    #[test]
    fn loopback_is_allowed_only_by_name() {
        let demo = Allow::new(vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()], vec![8480]);
        assert!(allowed(&demo, "127.0.0.1:554") && allowed(&demo, "[::1]:554"));
        assert!(!allowed(&demo, "127.0.0.1:8480") && !allowed(&demo, "[::ffff:127.0.0.1]:554"));
    }
}
