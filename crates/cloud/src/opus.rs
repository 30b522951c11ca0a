//! G.711 to Opus, for browsers, and only while somebody listens.
//!
//! Media Source Extensions play no G.711. The encoder starts anew with every fragment and pads the last packet, so a
//! fragment gives the same bytes each time it is asked for.

use base::{Error, Result};
use media::AudioCodec;

/// Samples of one packet: 20 ms at 8 kHz.
const PACKET: usize = 160;
/// Bits a second: enough for 4 kHz speech and birds.
const BITRATE: i32 = 24_000;
/// Of 0 to 10. Telephone sound has nothing that a longer search would find, and a player waits for it.
const COMPLEXITY: i32 = 1;

/// An encoder from G.711 at 8 kHz mono to Opus packets of 20 ms.
pub struct Transcoder {
    encoder: Encoder,
    law: AudioCodec,
    pending: Vec<i16>,
}

impl Transcoder {
    /// An encoder for one fragment (or one live session) of A-law or µ-law audio.
    pub fn new(law: AudioCodec) -> Result<Self> {
        Ok(Self { encoder: Encoder::new()?, law, pending: Vec::with_capacity(2 * PACKET) })
    }

    /// Takes G.711 bytes and gives each full packet to `emit`.
    pub fn push(&mut self, bytes: &[u8], mut emit: impl FnMut(&[u8])) -> Result<()> {
        match self.law {
            AudioCodec::Pcmu => media::g711::decode_ulaw(bytes, &mut self.pending),
            _ => media::g711::decode_alaw(bytes, &mut self.pending),
        }
        let whole = self.pending.len() / PACKET * PACKET;
        for packet in self.pending[..whole].chunks_exact(PACKET) {
            emit(self.encoder.encode(packet)?);
        }
        self.pending.drain(..whole);
        Ok(())
    }

    /// Samples of 8 kHz that wait for a full packet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Pads what is left with silence to a last packet.
    pub fn finish(mut self, mut emit: impl FnMut(&[u8])) -> Result<()> {
        if !self.pending.is_empty() {
            self.pending.resize(PACKET, 0);
            emit(self.encoder.encode(&self.pending)?);
        }
        Ok(())
    }
}

/// Frames of 48 kHz that one packet of 20 ms lasts.
pub const PACKET_DURATION: u32 = 960;

/// libopus, transpiled to Rust.
struct Encoder {
    state: std::ptr::NonNull<unsafe_libopus::OpusEncoder>,
    out: [u8; 400],
}

// SAFETY: the state is owned by this value alone and libopus keeps no thread-local or shared state.
#[allow(unsafe_code)]
unsafe impl Send for Encoder {}

impl Encoder {
    #[allow(unsafe_code)]
    fn new() -> Result<Self> {
        let mut error = 0;
        // SAFETY: `error` outlives the call; the returned pointer is checked and freed in `drop`.
        let state =
            unsafe { unsafe_libopus::opus_encoder_create(8000, 1, unsafe_libopus::OPUS_APPLICATION_AUDIO, &mut error) };
        let state = std::ptr::NonNull::new(state)
            .ok_or_else(|| Error::internal(format!("the Opus encoder did not start (code {error})")))?;
        // SAFETY: `state` is a live encoder and each request takes one i32 by value.
        unsafe {
            unsafe_libopus::opus_encoder_ctl!(state.as_ptr(), unsafe_libopus::OPUS_SET_BITRATE_REQUEST, BITRATE);
            unsafe_libopus::opus_encoder_ctl!(state.as_ptr(), unsafe_libopus::OPUS_SET_COMPLEXITY_REQUEST, COMPLEXITY);
        }
        Ok(Self { state, out: [0; 400] })
    }

    #[allow(unsafe_code)]
    fn encode(&mut self, samples: &[i16]) -> Result<&[u8]> {
        // SAFETY: `samples` holds as many samples as are named and `out` as many bytes as are offered.
        let length = unsafe {
            unsafe_libopus::opus_encode(
                self.state.as_ptr(),
                samples.as_ptr(),
                samples.len() as i32,
                self.out.as_mut_ptr(),
                self.out.len() as i32,
            )
        };
        match usize::try_from(length) {
            Ok(length) if length <= self.out.len() => Ok(&self.out[..length]),
            _ => Err(Error::internal(format!("the Opus encoder failed (code {length})"))),
        }
    }
}

impl Drop for Encoder {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the state was created by `opus_encoder_create` and is freed once.
        unsafe { unsafe_libopus::opus_encoder_destroy(self.state.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut transcoder = Transcoder::new(AudioCodec::Pcma).unwrap();
        for chunk in bytes.chunks(200) {
            transcoder.push(chunk, |packet| packets.push(packet.to_vec())).unwrap();
        }
        transcoder.finish(|packet| packets.push(packet.to_vec())).unwrap();
        packets
    }

    #[test]
    fn the_same_sound_gives_the_same_packets_and_none_is_lost() {
        let tone: Vec<u8> = (0..1000u32).map(|n| (n * 37 % 256) as u8).collect();
        let first = packets(&tone);
        assert_eq!(first.len(), 7);
        assert_eq!(first, packets(&tone));
        assert!(first.iter().all(|packet| !packet.is_empty()));
    }
}
