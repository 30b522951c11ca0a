//! From a URL to a connected socket, past the rule on where cameras may be.

use crate::{Allow, Error, target::Url};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Longest wait for a name and for each address to accept.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// Asked of the kernel for what comes between two reads. Fixed before the connection stands, because a buffer that grows
/// by itself starts so small that the camera would have to wait for the tick.
const RECEIVE_BUFFER: u32 = 512 << 10;
/// A name with more addresses than this is tried no further.
const ADDRESSES: usize = 4;

/// Connects to the first allowed address of the URL's host that accepts.
pub(crate) async fn connect(url: &Url, allow: &Allow) -> Result<TcpStream, Error> {
    connect_to(url.host(), url.port, allow).await
}

/// Connects to the first allowed address of the host, a name or an address without brackets, that accepts.
pub(crate) async fn connect_to(host: &str, port: u16, allow: &Allow) -> Result<TcpStream, Error> {
    let mut last = Error::UnknownHost;
    for address in permitted(lookup(host, port).await?, allow)?.into_iter().take(ADDRESSES) {
        match timeout(CONNECT, dial(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = Error::Timeout { step: "the connection", limit: CONNECT },
        }
    }
    Err(last)
}

async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.connect(address).await
}

/// Refuses a URL that a camera names for a track if it leads to where cameras may not be.
///
/// The request for it travels over the connection that is open already, so a name without an address does no harm.
pub(crate) async fn check_mentioned(url: &Url, peer: SocketAddr, allow: &Allow) -> Result<(), Error> {
    match lookup(url.host(), url.port).await {
        Ok(addresses) if addresses.iter().any(|address| address.ip() == peer.ip()) => Ok(()),
        Ok(addresses) => permitted(addresses, allow).map(drop),
        Err(_) => Ok(()),
    }
}

async fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let host = host.replace("%25", "%");
    let found = timeout(CONNECT, tokio::net::lookup_host((host, port))).await;
    let found = found.map_err(|_| Error::Timeout { step: "the name server", limit: CONNECT })?;
    let addresses: Vec<SocketAddr> = found.map_err(|_| Error::UnknownHost)?.collect();
    if addresses.is_empty() { Err(Error::UnknownHost) } else { Ok(addresses) }
}

/// Those addresses that the rule allows; the reason of the refusal if it allows none.
fn permitted(addresses: Vec<SocketAddr>, allow: &Allow) -> Result<Vec<SocketAddr>, Error> {
    let mut refusal = Error::UnknownHost;
    let mut allowed = Vec::new();
    for address in addresses {
        match allow.check(address) {
            Ok(()) => allowed.push(address),
            Err(reason) => refusal = reason,
        }
    }
    if allowed.is_empty() { Err(refusal) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reach(url: &str) -> Error {
        let allow = Allow::new(Allow::default_nets(), vec![]);
        connect(&Url::parse(url).unwrap().0, &allow).await.unwrap_err()
    }

    #[tokio::test]
    async fn loopback_in_disguise_is_recognised_after_it_is_resolved() {
        for host in [
            "localhost",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0",
            "[::ffff:127.0.0.1]",
            "[::]",
            "0xa9fea9fe",
        ] {
            let error = reach(&format!("rtsp://{host}:1/")).await;
            assert!(matches!(error, Error::Forbidden(_) | Error::UnknownHost), "{host}: {error}");
        }
        assert!(matches!(reach("rtsp://127.1:1/").await, Error::Forbidden(_)));
    }

    #[tokio::test]
    async fn a_closed_port_is_refused_and_a_name_without_address_says_so() {
        let allow = Allow::new(vec!["127.0.0.0/8".parse().unwrap()], vec![]);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = Url::parse(&format!("rtsp://127.0.0.1:{port}/")).unwrap().0;
        assert_eq!(connect(&url, &allow).await.unwrap_err(), Error::Refused);
        assert_eq!(reach("rtsp://no-such-camera.invalid/").await, Error::UnknownHost);
    }
}
