//! One RTSP connection as the sender of media sees it: what it has set up, and the bytes that wait for its socket.

use crate::packetize::Packets;
use base::{Shutdown, Time};
use media::{Track, rtcp};
use std::{
    io,
    net::UdpSocket,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpStream;

/// A client that lets this much wait is cut off: it would never catch up.
const MAX_BACKLOG: usize = 8 << 20;

/// Time between two sender reports of a track.
const REPORT_PERIOD: Duration = Duration::from_secs(5);

/// How a track travels to the client.
pub(crate) enum Route {
    /// Inside the RTSP connection, on this channel and the next one.
    Interleaved { channel: u8 },
    /// As datagrams; both sockets are connected to the client's ports.
    Datagrams { rtp: UdpSocket, rtcp: UdpSocket },
}

/// What a client has set up of one track.
pub(crate) struct Outlet {
    pub route: Route,
    pub ssrc: u32,
    /// Of the next packet.
    pub sequence: u16,
    packets: u32,
    octets: u32,
    reported: Option<Duration>,
}

impl Outlet {
    pub fn new(route: Route, ssrc: u32, sequence: u16) -> Self {
        Self { route, ssrc, sequence, packets: 0, octets: 0, reported: None }
    }
}

/// The moment a unit was sampled, on the clocks that a sender report relates.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    /// When it is sent.
    pub monotonic: Duration,
    pub wall: Time,
    /// `wall` on the RTP clock of the track.
    pub rtp: u32,
}

/// One unit on its way.
pub(crate) struct Shipment<'a> {
    pub track: Track,
    pub packets: &'a mut Packets,
    pub timestamp: u32,
    pub key: bool,
    pub moment: Moment,
    /// Each packet in a write of its own.
    pub packet_writes: bool,
}

struct State {
    outlets: [Option<Outlet>; 2],
    playing: bool,
    /// Playing, but the first key frame has not come yet.
    awaiting_key: bool,
    backlog: Vec<u8>,
}

/// One RTSP connection. Bytes go out in the order of the calls; no call blocks.
pub(crate) struct Client {
    socket: TcpStream,
    state: Mutex<State>,
    /// Given when the connection is to end.
    pub ending: Shutdown,
    /// End with a reset instead of a farewell.
    reset: AtomicBool,
}

impl Client {
    pub fn new(socket: TcpStream) -> Self {
        let state = State { outlets: [None, None], playing: false, awaiting_key: false, backlog: Vec::new() };
        Self { socket, state: Mutex::new(state), ending: Shutdown::new(), reset: AtomicBool::new(false) }
    }

    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Ends the connection from outside.
    pub fn cut(&self, reset: bool) {
        self.reset.store(reset, Ordering::Relaxed);
        self.state().playing = false;
        self.ending.begin();
    }

    pub fn is_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    pub fn set_up(&self, track: Track, outlet: Outlet) {
        self.state().outlets[index(track)] = Some(outlet);
    }

    /// The SSRC and the next sequence number of a track.
    pub fn position(&self, track: Track) -> Option<(u32, u16)> {
        self.state().outlets[index(track)].as_ref().map(|outlet| (outlet.ssrc, outlet.sequence))
    }

    /// Media flows from the next key frame on.
    pub fn play(&self) {
        let mut state = self.state();
        state.awaiting_key |= !state.playing;
        state.playing = true;
    }

    pub fn pause(&self) {
        self.state().playing = false;
    }

    /// Whether the client has sent an RTCP packet since this was last asked.
    pub fn heard_by_datagram(&self) -> bool {
        let mut buffer = [0; 1500];
        let state = self.state();
        let mut heard = false;
        for outlet in state.outlets.iter().flatten() {
            if let Route::Datagrams { rtp, rtcp } = &outlet.route {
                while rtcp.recv(&mut buffer).is_ok() || rtp.recv(&mut buffer).is_ok() {
                    heard = true;
                }
            }
        }
        heard
    }

    /// Sends bytes that are not media: an answer, or garbage. Whatever the socket does not take waits.
    pub fn write(&self, bytes: &[u8]) {
        let mut state = self.state();
        self.push(&mut state, bytes);
    }

    /// Random bytes in place of media.
    pub fn garbage(&self, track: Track, bytes: &[u8]) {
        let mut state = self.state();
        match state.outlets[index(track)].as_ref().map(|outlet| &outlet.route) {
            Some(Route::Datagrams { rtp, .. }) if state.playing => drop(rtp.send(bytes)),
            Some(Route::Interleaved { .. }) if state.playing => self.push(&mut state, bytes),
            _ => {}
        }
    }

    /// Writes what waits. True when nothing waits any longer.
    pub fn flush(&self) -> bool {
        let mut state = self.state();
        self.drain(&mut state);
        state.backlog.is_empty()
    }

    /// Sends one unit, if the client plays that track and a picture may start here.
    pub fn send(&self, shipment: &mut Shipment<'_>) {
        let mut state = self.state();
        if !state.playing || state.outlets[index(shipment.track)].is_none() {
            return;
        }
        if state.awaiting_key && state.outlets[index(Track::Video)].is_some() {
            if shipment.track == Track::Audio || !shipment.key {
                return;
            }
            state.awaiting_key = false;
        }
        self.report_when_due(&mut state, shipment);
        self.ship(&mut state, shipment);
    }

    fn ship(&self, state: &mut State, shipment: &mut Shipment<'_>) {
        let Some(outlet) = &mut state.outlets[index(shipment.track)] else { return };
        let channel = if let Route::Interleaved { channel } = outlet.route { channel } else { 0 };
        shipment.packets.stamp(channel, outlet.sequence, shipment.timestamp, outlet.ssrc);
        outlet.sequence = outlet.sequence.wrapping_add(shipment.packets.len() as u16);
        outlet.packets = outlet.packets.wrapping_add(shipment.packets.len() as u32);
        outlet.octets = outlet.octets.wrapping_add(shipment.packets.octets() as u32);
        match &outlet.route {
            // A datagram that does not go is lost, as on any network.
            Route::Datagrams { rtp, .. } => shipment.packets.iter().for_each(|packet| drop(rtp.send(packet))),
            Route::Interleaved { .. } if shipment.packet_writes => {
                shipment.packets.iter_interleaved().for_each(|packet| self.push(state, packet));
            }
            Route::Interleaved { .. } => self.push(state, shipment.packets.interleaved()),
        }
    }

    fn report_when_due(&self, state: &mut State, shipment: &Shipment<'_>) {
        let Some(outlet) = &mut state.outlets[index(shipment.track)] else { return };
        let now = shipment.moment.monotonic;
        if outlet.reported.is_some_and(|last| now.saturating_sub(last) < REPORT_PERIOD) {
            return;
        }
        outlet.reported = Some(now);
        let report = rtcp::sender_report(
            &rtcp::SenderReport {
                ssrc: outlet.ssrc,
                ntp: ntp(shipment.moment.wall),
                rtp: shipment.moment.rtp,
                packets: outlet.packets,
                octets: outlet.octets,
            },
            "camera",
        );
        match &outlet.route {
            Route::Datagrams { rtcp, .. } => drop(rtcp.send(&report)),
            Route::Interleaved { channel } => {
                let len = (report.len() as u16).to_be_bytes();
                let framed = [&[b'$', channel + 1, len[0], len[1]], &report[..]].concat();
                self.push(state, &framed);
            }
        }
    }

    fn push(&self, state: &mut State, bytes: &[u8]) {
        self.drain(state);
        let taken = if state.backlog.is_empty() { self.try_write(bytes) } else { 0 };
        if state.backlog.len() + bytes.len() - taken > MAX_BACKLOG {
            state.playing = false;
            self.ending.begin();
            return;
        }
        state.backlog.extend_from_slice(&bytes[taken..]);
    }

    fn drain(&self, state: &mut State) {
        if !state.backlog.is_empty() {
            let taken = self.try_write(&state.backlog);
            state.backlog.drain(..taken);
        }
    }

    /// As many bytes as the socket takes now. A broken socket takes all: nobody will read them.
    fn try_write(&self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            match self.socket.try_write(&bytes[taken..]) {
                Ok(0) => break,
                Ok(more) => taken += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.ending.begin();
                    return bytes.len();
                }
            }
        }
        taken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn index(track: Track) -> usize {
    track.id() as usize - 1
}

/// The 64-bit NTP timestamp (RFC 5905 §6): seconds since 1900 and their fraction.
fn ntp(time: Time) -> u64 {
    const FROM_1900_TO_1970: i64 = 2_208_988_800;
    let micros = time.micros();
    let seconds = (micros.div_euclid(1_000_000) + FROM_1900_TO_1970) as u64;
    let fraction = ((micros.rem_euclid(1_000_000) as u64) << 32) / 1_000_000;
    seconds << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_time_counts_from_1900() {
        let half_past = Time::from_micros(1_500_000);
        assert_eq!(ntp(half_past), 2_208_988_801 << 32 | 0x8000_0000);
    }
}
