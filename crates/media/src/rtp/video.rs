//! Pictures from packets: H.264 (RFC 6184) and H.265 (RFC 7798).

use super::{
    Packet, Unit,
    order::{Extender, Held},
};
use crate::{Error, Result, VideoCodec, VideoParams, bits::Bits, h264, h265, malformed, nal, sdp};
use base64::Engine as _;

/// Bytes of a picture at most.
const MAX_UNIT: usize = 16 * 1024 * 1024;

/// What to do with a NAL unit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Slice {
        key: bool,
    },
    /// VPS, SPS, PPS: 0, 1, 2.
    Set(usize),
    /// Kept with the picture: SEI and what is unknown.
    Keep,
    /// Delimiters and filler.
    Drop,
}

const fn role(codec: VideoCodec, nal_type: u8) -> Role {
    match (codec, nal_type) {
        (VideoCodec::H264, 1 | 2) => Role::Slice { key: false },
        (VideoCodec::H264, h264::nal_type::IDR) => Role::Slice { key: true },
        (VideoCodec::H264, h264::nal_type::SPS) => Role::Set(1),
        (VideoCodec::H264, h264::nal_type::PPS) => Role::Set(2),
        (VideoCodec::H264, h264::nal_type::AUD | h264::nal_type::FILLER) => Role::Drop,
        (VideoCodec::H265, h265::nal_type::BLA_W_LP..=h265::nal_type::CRA) => Role::Slice { key: true },
        (VideoCodec::H265, 0..=31) => Role::Slice { key: false },
        (VideoCodec::H265, h265::nal_type::VPS) => Role::Set(0),
        (VideoCodec::H265, h265::nal_type::SPS) => Role::Set(1),
        (VideoCodec::H265, h265::nal_type::PPS) => Role::Set(2),
        (VideoCodec::H265, h265::nal_type::AUD | h265::nal_type::FILLER) => Role::Drop,
        _ => Role::Keep,
    }
}

/// The unit under way.
#[derive(Default)]
struct Open {
    timestamp: Option<u32>,
    /// Its bytes at the end of the buffer.
    len: usize,
    /// Where in the unit the length of a fragmented NAL unit stands that has no end yet.
    fragmented: Option<usize>,
    has_slice: bool,
    has_sets: bool,
    key: bool,
    /// Something is missing: nothing more is taken until the unit ends.
    damaged: bool,
}

pub(super) struct Assembler {
    codec: VideoCodec,
    pub(super) clock: Extender,
    open: Open,
    /// A packet of the next unit, come before a marker ended this one.
    next: Option<Held>,
    lost: u16,
    /// Something was lost since the last key.
    broken: bool,
    /// The first slice of the next unit must be the first of its picture: something was lost before it.
    unsure: bool,
    /// Timestamp of the last unit that a marker ended.
    marked: Option<u32>,
    /// Markers come before the end of the picture: only a new timestamp ends it.
    markers_lie: bool,
    /// Start codes were seen inside NAL units.
    embedded: bool,
    sets: [Vec<u8>; 3],
    sets_changed: bool,
    params: Option<VideoParams>,
}

impl Assembler {
    pub(super) fn new(media: &sdp::Media) -> Result<Self> {
        let codec = if media.encoding == "H264" { VideoCodec::H264 } else { VideoCodec::H265 };
        let interleaved = media.parameter("packetization-mode") == Some("2");
        if interleaved || media.parameter("sprop-max-don-diff").is_some_and(|diff| diff != "0") {
            return Err(Error::Unsupported(format!("interleaved {}", media.encoding)));
        }
        let mut assembler = Self {
            codec,
            clock: Extender::default(),
            open: Open::default(),
            next: None,
            lost: 0,
            broken: true,
            unsure: true,
            marked: None,
            markers_lie: false,
            embedded: false,
            sets: Default::default(),
            sets_changed: false,
            params: None,
        };
        assembler.take_sprop(media);
        assembler.refresh_params();
        assembler.open = Open::default();
        Ok(assembler)
    }

    /// Parameter sets of the session description; what cannot be read will come in the stream.
    fn take_sprop(&mut self, media: &sdp::Media) {
        let names = ["sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"];
        for text in names.iter().filter_map(|name| media.parameter(name)).flat_map(|list| list.split(',')) {
            let lenient = base64::engine::GeneralPurposeConfig::new()
                .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
                .with_decode_allow_trailing_bits(true);
            let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
            for piece in nal::annex_b(&engine.decode(text.trim()).unwrap_or_default()) {
                if let Role::Set(which) = self.role(piece) {
                    self.take_set(which, piece);
                }
            }
        }
    }

    pub(super) fn params(&self) -> Option<&VideoParams> {
        self.params.as_ref()
    }

    /// Whether the unit under way is a key, as far as it came.
    pub(super) fn key_is_open(&self) -> bool {
        self.open.key
    }

    #[inline]
    pub(super) fn push(&mut self, packet: &Packet<'_>, lost: u16, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        if lost > 0 {
            self.gap(lost, packet.timestamp, out);
        }
        if self.open.timestamp != Some(packet.timestamp) {
            if let Some(unit) = self.end(out) {
                self.next = Some(Held::new(packet));
                return Ok(Some(unit));
            }
            self.open.timestamp = Some(packet.timestamp);
        }
        self.add(packet, out)
    }

    /// A unit that the packet kept back completes.
    #[inline]
    pub(super) fn more(&mut self, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        match self.next.take() {
            Some(held) => {
                self.open.timestamp = Some(held.packet().timestamp);
                self.add(&held.packet(), out)
            }
            None => Ok(None),
        }
    }

    fn add(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        let mut taken = if self.open.damaged { Ok(()) } else { self.payload(packet.payload, out) };
        if self.open.len > MAX_UNIT {
            taken = Err(malformed("rtp", "picture over 16 MiB"));
        }
        if taken.is_err() {
            self.damage(out);
        }
        let unit = if packet.marker && !self.markers_lie { self.end_by_marker(out) } else { None };
        // Damage leaves no unit, so that an error never hides one.
        taken.map(|()| unit)
    }

    fn payload(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self.codec {
            VideoCodec::H264 => self.h264(payload, out),
            VideoCodec::H265 => self.h265(payload, out),
        }
    }

    /// RFC 6184 5.2.
    #[inline]
    fn h264(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        const STAP_A: u8 = 24;
        const FU_A: u8 = 28;
        match payload {
            [] => Ok(()),
            [indicator, fu, rest @ ..] if indicator & 0x1f == FU_A => {
                self.fragment(&[indicator & 0xe0 | fu & 0x1f], *fu, rest, out)
            }
            [head, rest @ ..] if head & 0x1f == STAP_A => self.aggregate(rest, out),
            [head, ..] if head & 0x1f > STAP_A => Err(malformed("rtp", "unknown H.264 packet type")),
            nal => self.whole(nal, out),
        }
    }

    /// RFC 7798 4.4.
    fn h265(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        const AP: u8 = 48;
        const FU: u8 = 49;
        match payload {
            [] => Ok(()),
            [head, layer, fu, rest @ ..] if head >> 1 & 0x3f == FU => {
                self.fragment(&[head & 0x81 | (fu & 0x3f) << 1, *layer], *fu, rest, out)
            }
            [head, _, rest @ ..] if head >> 1 & 0x3f == AP => self.aggregate(rest, out),
            [head, ..] if head >> 1 & 0x3f >= AP => Err(malformed("rtp", "unknown H.265 packet type")),
            nal => self.whole(nal, out),
        }
    }

    /// NAL units with 2-byte lengths: STAP-A and AP.
    fn aggregate(&mut self, mut rest: &[u8], out: &mut Vec<u8>) -> Result<()> {
        while !rest.is_empty() {
            let nal = h264::take_set(&mut rest).ok_or(malformed("rtp", "truncated aggregation packet"))?;
            self.whole(nal, out)?;
        }
        Ok(())
    }

    /// A part of a NAL unit: FU-A and FU. `head` is the header of the NAL unit.
    #[inline]
    fn fragment(&mut self, head: &[u8], fu: u8, rest: &[u8], out: &mut Vec<u8>) -> Result<()> {
        const START: u8 = 0x80;
        const END: u8 = 0x40;
        if fu & START != 0 {
            self.start_fragmented(head, rest, out)?;
        } else if self.open.fragmented.is_none() {
            return Err(malformed("rtp", "fragment without a start"));
        }
        self.append(rest, out);
        if fu & END != 0 { self.end_fragmented(out) } else { Ok(()) }
    }

    fn start_fragmented(&mut self, head: &[u8], rest: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.no_fragment()?;
        if let Role::Slice { key } = self.role(head) {
            self.slice(key, rest.first(), out)?;
        }
        self.open.fragmented = Some(self.open.len);
        self.append(&[0; 4], out);
        self.append(head, out);
        Ok(())
    }

    fn end_fragmented(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(at) = self.open.fragmented.take() else { return Ok(()) };
        let start = out.len() - (self.open.len - at);
        let nal = &out[start + 4..];
        if matches!(self.role(nal), Role::Slice { .. }) && !self.embedded {
            let len = nal.len() as u32;
            out[start..start + 4].copy_from_slice(&len.to_be_bytes());
            return Ok(());
        }
        let nal = nal.to_vec();
        out.truncate(start);
        self.open.len = at;
        self.whole(&nal, out)
    }

    fn no_fragment(&self) -> Result<()> {
        match self.open.fragmented {
            Some(_) => Err(malformed("rtp", "fragment without an end")),
            None => Ok(()),
        }
    }

    /// A whole NAL unit, or several that a camera put into one with start codes between.
    fn whole(&mut self, nal: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.no_fragment()?;
        if matches!(self.role(nal), Role::Slice { .. }) && !self.embedded {
            return self.one(nal, out);
        }
        self.embedded |= nal::start_code(nal).is_some();
        nal::annex_b(nal).try_for_each(|piece| self.one(piece, out))
    }

    fn one(&mut self, nal: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self.role(nal) {
            Role::Drop => return Ok(()),
            Role::Set(which) => self.take_set(which, nal),
            Role::Slice { key } => self.slice(key, nal.get(self.head_len()), out)?,
            Role::Keep => {}
        }
        self.append(&(nal.len() as u32).to_be_bytes(), out);
        self.append(nal, out);
        Ok(())
    }

    #[inline]
    fn append(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        self.open.len += bytes.len();
    }

    fn role(&self, nal: &[u8]) -> Role {
        match self.codec {
            VideoCodec::H264 => role(self.codec, h264::nal_type(nal)),
            VideoCodec::H265 => role(self.codec, h265::nal_type(nal)),
        }
    }

    const fn head_len(&self) -> usize {
        match self.codec {
            VideoCodec::H264 => 1,
            VideoCodec::H265 => 2,
        }
    }

    /// A slice begins, whose first byte after the NAL header is given. Its first bit tells the first slice of a
    /// picture (first_mb_in_slice is 0, first_slice_segment_in_pic_flag).
    fn slice(&mut self, key: bool, first_byte: Option<&u8>, out: &mut Vec<u8>) -> Result<()> {
        let first = first_byte.is_some_and(|byte| byte & 0x80 != 0);
        if !self.open.has_slice && !first {
            self.markers_lie |= !self.unsure && self.marked == self.open.timestamp;
            if self.unsure || self.markers_lie {
                return Err(malformed("rtp", "picture without its first slice"));
            }
        }
        if key && !self.open.has_slice && !self.open.has_sets {
            self.insert_sets(out);
        }
        self.open.has_slice = true;
        self.open.key |= key;
        Ok(())
    }

    /// Puts the parameter sets before a key picture that came without: every key can be decoded by itself.
    fn insert_sets(&mut self, out: &mut Vec<u8>) {
        let mut sets = Vec::with_capacity(256);
        self.sets.iter().filter(|set| !set.is_empty()).for_each(|set| nal::push_prefixed(set, &mut sets));
        let start = out.len() - self.open.len;
        self.open.len += sets.len();
        out.splice(start..start, sets);
    }

    /// Remembers a parameter set; not one with another id than the one that is known.
    fn take_set(&mut self, which: usize, nal: &[u8]) {
        self.open.has_sets |= which == 1;
        let set = &self.sets[which];
        if set != nal && (set.is_empty() || self.set_id(which, set) == self.set_id(which, nal)) {
            self.sets[which] = nal.to_vec();
            self.sets_changed = true;
        }
    }

    /// The id of an H.264 SPS or of a PPS; others have one id in practice.
    fn set_id(&self, which: usize, set: &[u8]) -> Option<u32> {
        let start = match (self.codec, which) {
            (VideoCodec::H264, 1) => 4,
            (VideoCodec::H264, 2) => 1,
            (VideoCodec::H265, 2) => 2,
            _ => return None,
        };
        Bits::new(set.get(start..)?).ue()
    }

    /// Whether the parameters are others now. Sets that cannot be read are not believed.
    fn refresh_params(&mut self) -> bool {
        let [vps, sps, pps] = &self.sets;
        if !std::mem::take(&mut self.sets_changed) || sps.is_empty() || pps.is_empty() {
            return false;
        }
        let parsed = match self.codec {
            VideoCodec::H264 => VideoParams::h264(sps, pps),
            VideoCodec::H265 => VideoParams::h265(vps, sps, pps),
        };
        let changed = parsed.is_ok() && parsed.as_ref().ok() != self.params.as_ref();
        if changed {
            self.params = parsed.ok();
        }
        changed
    }

    /// Packets are missing before the one with `timestamp`.
    #[cold]
    fn gap(&mut self, lost: u16, timestamp: u32, out: &mut Vec<u8>) {
        self.lost = self.lost.saturating_add(lost);
        self.broken = true;
        self.unsure = true;
        if self.open.timestamp != Some(timestamp) {
            self.discard(out);
            self.open = Open::default();
        } else if self.open.len > 0 || self.open.fragmented.is_some() {
            self.damage(out);
        }
    }

    #[cold]
    fn damage(&mut self, out: &mut Vec<u8>) {
        self.discard(out);
        self.open.fragmented = None;
        self.open.damaged = true;
        self.broken = true;
    }

    fn discard(&mut self, out: &mut Vec<u8>) {
        out.truncate(out.len().saturating_sub(self.open.len));
        self.open.len = 0;
    }

    fn end_by_marker(&mut self, out: &mut Vec<u8>) -> Option<Unit> {
        let timestamp = self.open.timestamp;
        let unit = self.end(out)?;
        self.marked = timestamp;
        Some(unit)
    }

    /// Ends the unit under way. One without a slice is not a picture: its bytes go with the next one.
    fn end(&mut self, out: &mut Vec<u8>) -> Option<Unit> {
        if self.open.fragmented.is_some() {
            self.damage(out);
        }
        if self.open.damaged {
            self.open = Open::default();
            return None;
        }
        let timestamp = self.open.timestamp.filter(|_| self.open.has_slice)?;
        let Open { len, key, .. } = std::mem::take(&mut self.open);
        self.broken &= !key;
        self.unsure = false;
        Some(Unit {
            timestamp: self.clock.extend(timestamp),
            len,
            key,
            params_changed: self.refresh_params(),
            lost: std::mem::take(&mut self.lost),
            broken: self.broken,
        })
    }
}
