//! Sound from packets: AAC (RFC 3640), Opus (RFC 7587), G.711 (RFC 3551).

use super::{Packet, Unit, order::Extender};
use crate::{AudioCodec, AudioParams, Error, Result, aac, bits::Bits, malformed, sdp};

/// Bytes of an AAC access unit at most; its size has 13 bits.
const MAX_UNIT: usize = 8 * 1024;

/// The widths of the AU header fields (RFC 3640 3.3.6); both modes have an index of the same width as its delta.
#[derive(Clone, Copy)]
struct Widths {
    size: u32,
    index: u32,
    delta: u32,
}

pub(super) struct Unpacker {
    params: AudioParams,
    widths: Option<Widths>,
    /// RTP ticks of an AAC access unit.
    frame: u32,
    pub(super) clock: Extender,
    lost: u16,
    /// Access units of the last packet that are still to be told, one after the other.
    queue: Vec<u8>,
    sizes: Vec<u16>,
    /// Timestamp of the next of them, and where its size and bytes stand.
    timestamp: u32,
    told: usize,
    at: usize,
    /// An access unit over several packets: its size and what has come.
    partial: Option<(usize, usize)>,
}

impl Unpacker {
    pub(super) fn new(media: &sdp::Media) -> Result<Self> {
        let told = media.clock_rate;
        let channels = media.channels.clamp(1, 8);
        let mut widths = None;
        let params = match media.encoding.as_str() {
            "PCMA" => AudioParams::g711(AudioCodec::Pcma, or(told, 8000), channels),
            "PCMU" => AudioParams::g711(AudioCodec::Pcmu, or(told, 8000), channels),
            "OPUS" => AudioParams::opus(if media.parameter("sprop-stereo") == Some("0") { 1 } else { 2 }),
            "MPEG4-GENERIC" => {
                widths = Some(Widths::read(media)?);
                aac_params(media)?
            }
            name => return Err(Error::Unsupported(format!("encoding {:.32}", name.escape_debug().to_string()))),
        };
        let frame = u64::from(aac::FRAME) * u64::from(or(told, params.rate)) / u64::from(params.rate.max(1));
        Ok(Self {
            params,
            widths,
            frame: frame as u32,
            clock: Extender::default(),
            lost: 0,
            queue: Vec::new(),
            sizes: Vec::new(),
            timestamp: 0,
            told: 0,
            at: 0,
            partial: None,
        })
    }

    pub(super) fn params(&self) -> &AudioParams {
        &self.params
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>, lost: u16, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        self.lost = self.lost.saturating_add(lost);
        if lost > 0 {
            self.drop_partial(out);
        }
        match self.widths {
            Some(widths) => self.aac(widths, packet, out),
            None if packet.payload.is_empty() => Ok(None),
            None => {
                out.extend_from_slice(packet.payload);
                Ok(Some(self.unit(packet.timestamp, packet.payload.len())))
            }
        }
    }

    /// The next access unit of the last packet.
    #[inline]
    pub(super) fn more(&mut self, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        let Some(&size) = self.sizes.get(self.told) else { return Ok(None) };
        let size = usize::from(size);
        out.extend_from_slice(&self.queue[self.at..self.at + size]);
        let unit = self.unit(self.timestamp, size);
        self.told += 1;
        self.at += size;
        self.timestamp = self.timestamp.wrapping_add(self.frame);
        Ok(Some(unit))
    }

    fn unit(&mut self, timestamp: u32, len: usize) -> Unit {
        let (timestamp, lost) = (self.clock.extend(timestamp), std::mem::take(&mut self.lost));
        Unit { timestamp, len, key: true, params_changed: false, lost, broken: false }
    }

    fn aac(&mut self, widths: Widths, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        self.told = 0;
        self.at = 0;
        self.timestamp = packet.timestamp;
        let read = widths.sizes(packet.payload, &mut self.sizes);
        let data = read.inspect_err(|_| self.sizes.clear())?;
        let total: usize = self.sizes.iter().map(|&size| usize::from(size)).sum();
        if self.sizes.len() == 1 && (total > data.len() || self.partial.is_some()) {
            self.sizes.clear();
            return self.part(total, data, packet.timestamp, out);
        }
        self.drop_partial(out);
        if total > data.len() {
            self.sizes.clear();
            return Err(malformed("rtp", "AAC access units longer than their packet"));
        }
        self.queue.clear();
        self.queue.extend_from_slice(&data[..total]);
        self.more(out)
    }

    /// A part of an access unit that fills several packets, each with the size of the whole.
    fn part(&mut self, size: usize, data: &[u8], timestamp: u32, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        let (expected, have) = self.partial.unwrap_or((size, 0));
        if expected != size || have + data.len() > size || size > MAX_UNIT {
            self.drop_partial(out);
            return Err(malformed("rtp", "AAC fragments do not fit together"));
        }
        out.extend_from_slice(data);
        self.partial = Some((size, have + data.len()));
        if have + data.len() < size {
            return Ok(None);
        }
        self.partial = None;
        Ok(Some(self.unit(timestamp, size)))
    }

    fn drop_partial(&mut self, out: &mut Vec<u8>) {
        if let Some((_, have)) = self.partial.take() {
            out.truncate(out.len().saturating_sub(have));
        }
    }
}

impl Widths {
    fn read(media: &sdp::Media) -> Result<Self> {
        let width = |name, otherwise| match media.parameter(name) {
            Some(text) => text.parse::<u32>().ok().filter(|&bits| bits <= 16),
            None => Some(otherwise),
        };
        let extras = ["ctsdeltalength", "dtsdeltalength", "streamstateindication", "auxiliarydatasizelength"];
        let plain = extras.iter().all(|name| media.parameter(name).is_none_or(|bits| bits == "0"));
        let widths = (width("sizelength", 13), width("indexlength", 3), width("indexdeltalength", 3));
        match widths {
            (Some(size @ 1..), Some(index), Some(delta)) if plain => Ok(Self { size, index, delta }),
            _ => Err(Error::Unsupported("AAC header format".into())),
        }
    }

    /// Reads the AU header section into `sizes` and gives the bytes after it.
    fn sizes<'a>(self, payload: &'a [u8], sizes: &mut Vec<u16>) -> Result<&'a [u8]> {
        sizes.clear();
        self.read_sizes(payload, sizes).ok_or(malformed("rtp", "broken AAC headers"))
    }

    fn read_sizes<'a>(self, payload: &'a [u8], sizes: &mut Vec<u16>) -> Option<&'a [u8]> {
        let (length, rest) = payload.split_first_chunk::<2>()?;
        let mut left = u32::from(u16::from_be_bytes(*length));
        let (headers, data) = rest.split_at_checked(left.div_ceil(8) as usize)?;
        let mut bits = Bits::new(headers);
        let mut index = self.index;
        while left >= self.size + index {
            sizes.push(bits.read(self.size)? as u16);
            bits.skip(index as usize)?;
            left -= self.size + index;
            index = self.delta;
        }
        Some(data)
    }
}

/// What was told, or the usual if nothing was.
const fn or(told: u32, usual: u32) -> u32 {
    if told == 0 { usual } else { told }
}

fn aac_params(media: &sdp::Media) -> Result<AudioParams> {
    let config = match media.parameter("config") {
        Some(hex) => unhex(hex).ok_or(malformed("sdp", "AAC config is not hexadecimal"))?,
        None => aac::Config { object_type: 2, rate: media.clock_rate, channels: media.channels.clamp(1, 8) }
            .encode()
            .ok_or(Error::Unsupported("AAC without a config".into()))?,
    };
    AudioParams::aac(&config)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_matches('"').as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16);
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
        _ => None,
    });
    pairs.collect()
}
