//! RTCP (RFC 3550 6): what is read of a camera's reports and what is answered.

use crate::{Result, malformed};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;

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
    Bye {
        ssrc: u32,
    },
    Other {
        packet_type: u8,
    },
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

/// Reads a compound packet; an error if one of its packets is broken.
pub fn parse(compound: &[u8]) -> Result<Vec<Report>> {
    let mut rest = compound;
    let mut reports = Vec::new();
    while !rest.is_empty() {
        reports.push(packet(&mut rest).ok_or(malformed("rtcp", "truncated or not version 2"))?);
    }
    Ok(reports)
}

fn packet(rest: &mut &[u8]) -> Option<Report> {
    let head = rest.first_chunk::<4>()?;
    let len = 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    let (packet, after) = rest.split_at_checked(len)?;
    *rest = after;
    let word = |at: usize| packet.get(4 + 4 * at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word));
    let report = match packet[1] {
        SENDER_REPORT => Report::Sender(SenderReport {
            ssrc: word(0)?,
            ntp: u64::from(word(1)?) << 32 | u64::from(word(2)?),
            rtp: word(3)?,
            packets: word(4)?,
            octets: word(5)?,
        }),
        BYE if packet[0] & 0x1f > 0 => Report::Bye { ssrc: word(0)? },
        packet_type => Report::Other { packet_type },
    };
    (packet[0] >> 6 == 2).then_some(report)
}

/// A compound of a sender report and a CNAME.
pub fn sender_report(report: &SenderReport, cname: &str) -> Vec<u8> {
    let SenderReport { ssrc, ntp, rtp, packets, octets } = *report;
    let mut out = Vec::with_capacity(64);
    push(&mut out, 0, SENDER_REPORT, &[ssrc, (ntp >> 32) as u32, ntp as u32, rtp, packets, octets]);
    describe(&mut out, ssrc, cname);
    out
}

/// A compound of a receiver report of `ssrc`, on at most 31 sources, and a CNAME.
pub fn receiver_report(ssrc: u32, receptions: &[Reception], cname: &str) -> Vec<u8> {
    let receptions = &receptions[..receptions.len().min(31)];
    let mut words = vec![ssrc];
    for it in receptions {
        let lost = u32::from(it.fraction_lost) << 24 | it.lost & 0x00ff_ffff;
        words.extend([it.ssrc, lost, it.highest, it.jitter, it.last_report, it.delay]);
    }
    let mut out = Vec::with_capacity(64);
    push(&mut out, receptions.len() as u8, RECEIVER_REPORT, &words);
    describe(&mut out, ssrc, cname);
    out
}

fn push(out: &mut Vec<u8>, count: u8, packet_type: u8, words: &[u32]) {
    out.extend([0x80 | count, packet_type]);
    out.extend((words.len() as u16).to_be_bytes());
    words.iter().for_each(|word| out.extend(word.to_be_bytes()));
}

/// A source description with a CNAME, cut to 255 bytes.
fn describe(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let cname = &cname.as_bytes()[..cname.len().min(255)];
    let mut chunk = vec![1, cname.len() as u8];
    chunk.extend_from_slice(cname);
    chunk.resize((chunk.len() + 1).next_multiple_of(4), 0);
    out.extend([0x81, SOURCE_DESCRIPTION]);
    out.extend((1 + chunk.len() as u16 / 4).to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    out.extend(chunk);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_report_is_written_and_read_alike() {
        let report = SenderReport { ssrc: 7, ntp: 0xe0_0000_0000_0001, rtp: 90000, packets: 3, octets: 4200 };
        let compound = sender_report(&report, "camera");
        let other = Report::Other { packet_type: SOURCE_DESCRIPTION };
        assert_eq!(parse(&compound).unwrap(), [Report::Sender(report), other]);
    }

    #[test]
    fn a_receiver_report_has_whole_words() {
        let compound = receiver_report(1, &[Reception { ssrc: 7, lost: 3, ..Default::default() }], "nj");
        assert_eq!(compound.len() % 4, 0);
        assert_eq!(&compound[..4], &[0x81, 201, 0, 7]);
        assert_eq!(parse(&compound).unwrap().len(), 2);
    }

    #[test]
    fn a_goodbye_is_heard_and_a_broken_packet_is_an_error() {
        let bye = [0x81, 203, 0, 1, 0, 0, 0, 9];
        assert_eq!(parse(&bye).unwrap(), [Report::Bye { ssrc: 9 }]);
        for len in 1..bye.len() {
            assert!(parse(&bye[..len]).is_err(), "{len} bytes");
        }
        assert!(parse(&[0x41, 203, 0, 1, 0, 0, 0, 9]).is_err(), "version 1");
    }
}
