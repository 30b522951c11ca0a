//! RTCP (RFC 3550 6): what is read of a camera's reports and what is answered.

use crate::Result;

/// The sender's half of a sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    pub ssrc: u32,
    /// NTP time, 32.32 seconds since 1900. Cameras are often years off.
    pub ntp: u64,
    /// The same instant on the RTP clock.
    pub rtp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// One packet of a compound; types that nobody needs are `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Sender(SenderReport),
    /// The source says that it leaves.
    Bye { ssrc: u32 },
    Other { packet_type: u8 },
}

/// How well a source is received, for a receiver report (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    /// The source that is reported on.
    pub ssrc: u32,
    /// Lost since the report before, of 256.
    pub fraction_lost: u8,
    /// Lost since the start; 24 bits are sent.
    pub lost: u32,
    /// Highest sequence number with its cycles.
    pub highest: u32,
    /// Interarrival jitter in ticks.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report.
    pub last_report: u32,
    /// Since then, in 1/65536 s.
    pub delay: u32,
}

/// Reads a compound packet; an error at the first packet that is broken.
pub fn parse(_compound: &[u8]) -> Result<Vec<Report>> {
    unimplemented!()
}

/// A compound of a sender report and a CNAME.
pub fn sender_report(_report: &SenderReport, _cname: &str) -> Vec<u8> {
    unimplemented!()
}

/// A compound of a receiver report of `ssrc` and a CNAME.
pub fn receiver_report(_ssrc: u32, _reception: &[Reception], _cname: &str) -> Vec<u8> {
    unimplemented!()
}
