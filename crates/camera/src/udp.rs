//! The pair of UDP sockets of a track: RTP on the even port, RTCP on the next.

use socket2::SockRef;
use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
};

/// Asked of the kernel for RTP: more than a tick of a 16 Mbit/s camera with a key frame in it.
const RECEIVE_BUFFER: usize = 2 << 20;
/// Pairs of ports that are tried before we give up.
const TRIES: usize = 64;
/// Datagrams read from one socket in one go.
const BATCH: usize = 2048;

pub(crate) struct Sockets {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    /// The machine that may send to us; datagrams of others are dropped. Its port means nothing.
    source: SocketAddr,
    /// Where the camera's RTP and RTCP ports are, if it said.
    remote: Option<(u16, u16)>,
}

impl Sockets {
    /// A pair of neighbouring ports on the address of `local`, for the camera at `source`.
    pub fn bind(local: SocketAddr, source: SocketAddr) -> io::Result<Self> {
        let mut last = io::Error::from(ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            match pair(local) {
                Ok((rtp, rtcp)) => return Ok(Self { rtp, rtcp, source, remote: None }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Our port for RTP; RTCP is the next.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.rtp.local_addr()?.port())
    }

    /// Takes where the camera sends from, and sends it something so that gates between let its packets in.
    pub fn open(&mut self, source: SocketAddr, remote: Option<(u16, u16)>, report: &[u8]) {
        (self.source, self.remote) = (source, remote);
        const EMPTY_RTP: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        if let Some((port, _)) = remote {
            let _ = self.rtp.send_to(&EMPTY_RTP, at(source, port));
        }
        self.report(report);
    }

    /// Sends an RTCP compound; one that is lost is followed by the next.
    pub fn report(&self, compound: &[u8]) {
        if let Some((_, port)) = self.remote {
            let _ = self.rtcp.send_to(compound, at(self.source, port));
        }
    }

    /// Calls `each` with every datagram of the camera that waits at `socket`; how many bytes they were, and whether
    /// the batch ended before the datagrams did.
    pub fn drain(
        &self,
        socket: &UdpSocket,
        buffer: &mut [u8],
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<(usize, bool)> {
        let mut total = 0;
        for _ in 0..BATCH {
            match socket.recv_from(buffer) {
                Ok((len, from)) if from.ip() == self.source.ip() => {
                    total += len;
                    each(&buffer[..len]);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((total, false)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok((total, true))
    }
}

/// The same machine (and the same link, for link-local IPv6), another port.
fn at(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

fn pair(local: SocketAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let first = UdpSocket::bind(at(local, 0))?;
    let port = first.local_addr()?.port();
    let second = UdpSocket::bind(at(local, port ^ 1))?;
    let (rtp, rtcp) = if port % 2 == 0 { (first, second) } else { (second, first) };
    for socket in [&rtp, &rtcp] {
        socket.set_nonblocking(true)?;
    }
    SockRef::from(&rtp).set_recv_buffer_size(RECEIVE_BUFFER)?;
    Ok((rtp, rtcp))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "127.0.0.1:0";

    fn here() -> Sockets {
        Sockets::bind(HERE.parse().unwrap(), HERE.parse().unwrap()).unwrap()
    }

    #[test]
    fn rtp_has_the_even_port_and_rtcp_the_next() {
        let sockets = here();
        let port = sockets.port().unwrap();
        assert_eq!((port % 2, sockets.rtcp.local_addr().unwrap().port()), (0, port + 1));
    }

    #[test]
    fn datagrams_of_others_are_dropped() {
        let camera = UdpSocket::bind(HERE).unwrap();
        let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
        let sockets = here();
        for (socket, text) in [(&stranger, b"evil"), (&camera, b"good")] {
            socket.send_to(text, ("127.0.0.1", sockets.port().unwrap())).unwrap();
        }
        let mut heard = Vec::new();
        let drained = sockets.drain(&sockets.rtp, &mut [0; 2048], |bytes| heard.push(bytes.to_vec())).unwrap();
        assert_eq!((heard, drained), (vec![b"good".to_vec()], (4, false)));
    }
}
