//! One track of a session: from its packets to access units, and what its receiver report says.

use crate::{pump::Sink, udp::Sockets};
use base::Time;
use media::{
    Track,
    rtcp::{self, Reception, Report, SenderReport},
    rtp::{Depacketizer, Packet},
};
use std::time::Duration;

/// The moment of a drain, read once.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub time: Time,
    pub monotonic: Duration,
}

impl Now {
    pub fn of(world: &base::World) -> Self {
        Self { time: world.clock.now(), monotonic: world.clock.monotonic() }
    }
}

/// What was received, counted since the session began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub bytes: u64,
    pub packets: u64,
    /// Frames and messages that meant nothing.
    pub garbage: u64,
}

pub(crate) struct Stream {
    pub track: Track,
    pub depacketizer: Depacketizer,
    pub payload_type: u8,
    /// Where its packets come in; none when they come interleaved.
    pub sockets: Option<Sockets>,
    /// Interleaved channels of RTP and RTCP.
    pub channels: (u8, u8),
    pub reception: Receiver,
    /// When the latest packet came, monotonic.
    pub heard: Option<Duration>,
    /// Whether a key frame is under way.
    pub in_key: bool,
}

impl Stream {
    /// Takes an RTP packet.
    pub fn rtp(&mut self, bytes: &[u8], sink: &mut dyn Sink, now: Now, tally: &mut Tally) {
        let packet = match Packet::parse(bytes) {
            Ok(packet) if packet.payload_type == self.payload_type => packet,
            _ => return tally.garbage += 1,
        };
        tally.packets += 1;
        self.heard = Some(now.monotonic);
        self.reception.packet(packet.ssrc, packet.sequence);
        let mut pushed = self.depacketizer.push(&packet, sink.buffer(self.track));
        while let Ok(Some(unit)) = &pushed {
            sink.unit(self.track, unit, &self.depacketizer, now.time);
            pushed = self.depacketizer.more(sink.buffer(self.track));
        }
        tally.garbage += u64::from(pushed.is_err());
        let key = self.depacketizer.key_is_open();
        if !std::mem::replace(&mut self.in_key, key) && key {
            sink.key_begun();
        }
    }

    /// Takes an RTCP compound. True if the camera says that the stream is over.
    pub fn rtcp(&mut self, bytes: &[u8], sink: &mut dyn Sink, now: Now, tally: &mut Tally) -> bool {
        let Ok(reports) = rtcp::parse(bytes) else {
            tally.garbage += 1;
            return false;
        };
        for report in &reports {
            match report {
                Report::Sender(report) => {
                    self.reception.sender_report(report, now.monotonic);
                    if let Some(timestamp) = self.depacketizer.extend(report.rtp) {
                        sink.sender_report(self.track, report, timestamp, now.time);
                    }
                }
                Report::Bye { .. } => return true,
                Report::Other { .. } => {}
            }
        }
        false
    }
}

/// What a receiver knows of one source (RFC 3550, 6.4.1 and A.1).
#[derive(Default)]
pub(crate) struct Receiver {
    source: Option<Source>,
    /// Lost in sources that are gone.
    lost_before: u64,
}

struct Source {
    ssrc: u32,
    /// Extended sequence numbers.
    first: u32,
    highest: u32,
    received: u32,
    /// Expected and received at the report before.
    reported: (u32, u32),
    /// Middle of the NTP time of the last sender report, and when it came.
    sender_report: Option<(u32, Duration)>,
}

/// A sequence number further off than this is a new beginning, not loss (RFC 3550, A.1: MAX_DROPOUT).
const DROPOUT: u16 = 3000;

impl Receiver {
    fn packet(&mut self, ssrc: u32, sequence: u16) {
        let source = self.source.as_mut().filter(|source| source.ssrc == ssrc);
        if !source.is_some_and(|source| source.advance(sequence)) {
            self.begin(ssrc, sequence);
        }
    }

    fn begin(&mut self, ssrc: u32, sequence: u16) {
        self.lost_before = self.lost();
        let first = u32::from(sequence);
        self.source = Some(Source { ssrc, first, highest: first, received: 1, reported: (0, 0), sender_report: None });
    }

    fn sender_report(&mut self, report: &SenderReport, at: Duration) {
        if let Some(source) = &mut self.source {
            source.sender_report = Some(((report.ntp >> 16) as u32, at));
        }
    }

    /// Packets that never came.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.source.as_ref().map_or(0, |source| u64::from(source.lost()))
    }

    /// The block for a receiver report, once a packet has come. Jitter is not told: packets are read on a tick.
    pub fn report(&mut self, now: Duration) -> Option<Reception> {
        let source = self.source.as_mut()?;
        let (expected, received) = (source.expected(), source.received);
        let (new, came) = (expected.wrapping_sub(source.reported.0), received.wrapping_sub(source.reported.1));
        source.reported = (expected, received);
        let missing = u64::from(new.saturating_sub(came));
        Some(Reception {
            ssrc: source.ssrc,
            fraction_lost: (missing * 256).checked_div(u64::from(new)).unwrap_or(0).min(255) as u8,
            lost: source.lost(),
            highest: source.highest,
            jitter: 0,
            last_report: source.sender_report.map_or(0, |(ntp, _)| ntp),
            delay: source.sender_report.map_or(0, |(_, at)| (now.saturating_sub(at).as_secs_f64() * 65536.0) as u32),
        })
    }
}

impl Source {
    /// Counts a packet; false if its number is so far off that the source must have begun anew.
    fn advance(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let behind = ahead.wrapping_neg();
        if ahead.min(behind) > DROPOUT {
            return false;
        }
        if ahead < behind {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        }
        self.received = self.received.wrapping_add(1);
        true
    }

    fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.first).wrapping_add(1)
    }

    fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(sequences: impl IntoIterator<Item = u16>) -> Receiver {
        let mut receiver = Receiver::default();
        sequences.into_iter().for_each(|sequence| receiver.packet(1, sequence));
        receiver
    }

    #[test]
    fn loss_is_counted_over_the_wrap_and_late_packets_are_no_loss() {
        assert_eq!(receiver([65534, 65535, 0, 1]).lost(), 0);
        assert_eq!(receiver([65534, 1]).lost(), 2);
        assert_eq!(receiver([5, 7, 6, 8]).lost(), 0);
        assert_eq!(receiver((0..40_000).chain(40_001..60_000)).lost(), 1);
    }

    #[test]
    fn a_jump_or_a_new_source_starts_anew_and_keeps_the_count() {
        let mut receiver = receiver([1, 3, 30_000, 30_001]);
        assert_eq!(receiver.lost(), 1);
        receiver.packet(2, 7);
        receiver.packet(2, 9);
        assert_eq!(receiver.lost(), 2);
    }

    #[test]
    fn a_report_tells_the_loss_since_the_one_before() {
        let mut receiver = receiver([0, 1, 2, 4]);
        let ntp = 0x0102_0304_0506_0708;
        receiver.sender_report(&SenderReport { ssrc: 1, ntp, rtp: 0, packets: 0, octets: 0 }, Duration::from_secs(1));
        let report = receiver.report(Duration::from_millis(1500)).unwrap();
        assert_eq!((report.fraction_lost, report.lost, report.highest), (51, 1, 4));
        assert_eq!((report.last_report, report.delay), (0x0304_0506, 32768));
        receiver.packet(1, 5);
        assert_eq!(receiver.report(Duration::from_secs(2)).unwrap().fraction_lost, 0);
        assert!(Receiver::default().report(Duration::ZERO).is_none());
    }
}
