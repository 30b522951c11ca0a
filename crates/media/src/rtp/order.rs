//! The order of packets: loss and duplicates by sequence number, a small window for UDP, 64-bit timestamps.

use super::Packet;

/// Packets that wait at most for one that they overtook.
pub const WINDOW: usize = 16;

/// A sequence number this far behind is an old packet; farther is a sender that started anew.
const MAX_LATE: i16 = -512;

/// What to do with a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is the next one, after `lost` that did not come.
    Now { lost: u16 },
    /// It came early and was copied.
    Wait,
    /// It is a duplicate, or came when it had been given up.
    Never,
}

/// A packet that waits for those before it.
pub(super) struct Held {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload_type: u8,
    ssrc: u32,
    payload: Vec<u8>,
}

impl Held {
    pub(super) fn new(packet: &Packet<'_>) -> Self {
        let Packet { payload_type, sequence, timestamp, ssrc, marker, payload } = *packet;
        Self { payload_type, sequence, timestamp, ssrc, marker, payload: payload.to_vec() }
    }

    pub(super) fn packet(&self) -> Packet<'_> {
        let Self { payload_type, sequence, timestamp, ssrc, marker, ref payload } = *self;
        Packet { payload_type, sequence, timestamp, ssrc, marker, payload }
    }
}

/// Puts the packets of one source in order.
pub(super) struct Order {
    next: Option<(u32, u16)>,
    window: usize,
    held: Vec<Held>,
}

impl Order {
    pub(super) const fn new() -> Self {
        Self { next: None, window: 0, held: Vec::new() }
    }

    /// Lets early packets wait.
    pub(super) fn wait(&mut self) {
        self.window = WINDOW;
    }

    #[inline]
    pub(super) fn admit(&mut self, packet: &Packet<'_>) -> Turn {
        let ahead = match self.next {
            Some((ssrc, next)) if ssrc == packet.ssrc => packet.sequence.wrapping_sub(next) as i16,
            Some(_) => return self.restart(packet, 1),
            None => return self.restart(packet, 0),
        };
        match ahead {
            0 => self.now(packet, 0),
            ..0 if ahead >= MAX_LATE => Turn::Never,
            ..0 => self.restart(packet, 1),
            _ if ahead as usize > 8 * WINDOW || self.window == 0 => self.restart(packet, ahead as u16),
            _ => self.hold(packet),
        }
    }

    fn now(&mut self, packet: &Packet<'_>, lost: u16) -> Turn {
        self.next = Some((packet.ssrc, packet.sequence.wrapping_add(1)));
        Turn::Now { lost }
    }

    fn restart(&mut self, packet: &Packet<'_>, lost: u16) -> Turn {
        self.held.clear();
        self.now(packet, lost)
    }

    fn hold(&mut self, packet: &Packet<'_>) -> Turn {
        if self.held.iter().any(|held| held.sequence == packet.sequence) {
            return Turn::Never;
        }
        self.held.push(Held::new(packet));
        Turn::Wait
    }

    /// A held packet whose turn has come, or the earliest one if too many wait; with how many were lost before it.
    #[inline]
    pub(super) fn release(&mut self) -> Option<(Held, u16)> {
        if self.held.is_empty() { None } else { self.release_held() }
    }

    fn release_held(&mut self) -> Option<(Held, u16)> {
        let (ssrc, next) = self.next?;
        let ahead = |held: &Held| held.sequence.wrapping_sub(next);
        let first = (0..self.held.len()).min_by_key(|&at| ahead(&self.held[at]))?;
        let lost = ahead(&self.held[first]);
        if lost > 0 && self.held.len() <= self.window {
            return None;
        }
        let held = self.held.swap_remove(first);
        self.next = Some((ssrc, held.sequence.wrapping_add(1)));
        Some((held, lost))
    }
}

/// Extends 32-bit timestamps to 64 bits, each near to the one before.
#[derive(Default)]
pub(super) struct Extender {
    last: Option<i64>,
}

impl Extender {
    #[inline]
    pub(super) fn extend(&mut self, timestamp: u32) -> i64 {
        let extended = self.near(timestamp).unwrap_or(i64::from(timestamp));
        self.last = Some(extended);
        extended
    }

    /// The extension nearest to the last timestamp.
    #[inline]
    pub(super) fn near(&self, timestamp: u32) -> Option<i64> {
        self.last.map(|last| last + i64::from(timestamp.wrapping_sub(last as u32) as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16) -> Packet<'static> {
        Packet { payload_type: 96, sequence, timestamp: 0, ssrc: 1, marker: false, payload: b"x" }
    }

    fn sequences(order: &mut Order, arrivals: &[u16]) -> Vec<(u16, u16)> {
        let mut out = Vec::new();
        for &sequence in arrivals {
            if let Turn::Now { lost } = order.admit(&packet(sequence)) {
                out.push((sequence, lost));
            }
            while let Some((held, lost)) = order.release() {
                out.push((held.sequence, lost));
            }
        }
        out
    }

    #[test]
    fn early_packets_wait_and_duplicates_go() {
        let mut order = Order::new();
        order.wait();
        let got = sequences(&mut order, &[65534, 0, 65535, 65535, 2, 2, 1, 3]);
        assert_eq!(got, [65534, 65535, 0, 1, 2, 3].map(|sequence| (sequence, 0)));
    }

    #[test]
    fn a_packet_that_does_not_come_is_given_up_after_the_window() {
        let mut order = Order::new();
        order.wait();
        let arrivals: Vec<u16> = std::iter::once(9).chain(12..30).collect();
        let got = sequences(&mut order, &arrivals);
        assert_eq!(got[..3], [(9, 0), (12, 2), (13, 0)]);
        assert_eq!(got.len(), arrivals.len());
    }

    #[test]
    fn without_a_window_a_gap_is_told_at_once_and_a_restart_is_a_loss() {
        let mut order = Order::new();
        assert_eq!(sequences(&mut order, &[10, 13, 12, 14, 40000]), [(10, 0), (13, 2), (14, 0), (40000, 1)]);
        assert_eq!(sequences(&mut order, &[20000]), [(20000, 1)]);
    }

    #[test]
    fn timestamps_wrap_and_step_back() {
        let mut clock = Extender::default();
        let extended = [u32::MAX - 9, 10, u32::MAX, 20].map(|timestamp| clock.extend(timestamp));
        let start = i64::from(u32::MAX) - 9;
        assert_eq!(extended.map(|timestamp| timestamp - start), [0, 20, 9, 30]);
    }
}
