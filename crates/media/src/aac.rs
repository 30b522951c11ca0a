//! AAC: the AudioSpecificConfig of ISO/IEC 14496-3, 1.6.2.1.

use crate::{Result, bits::Bits, malformed};

/// Samples in a frame of AAC-LC.
pub const FRAME: u32 = 1024;

const RATES: [u32; 13] = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

/// The part of an AudioSpecificConfig that playing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// 2 is AAC-LC, 5 is HE-AAC.
    pub object_type: u8,
    /// Samples a second, 7,350 to 96,000 or explicit.
    pub rate: u32,
    pub channels: u8,
}

impl Config {
    /// Reads an AudioSpecificConfig; what follows the first fields is not looked at.
    pub fn parse(config: &[u8]) -> Result<Self> {
        let mut bits = Bits::new(config);
        Self::read(&mut bits).ok_or(malformed("aac", "truncated AudioSpecificConfig")).and_then(Self::checked)
    }

    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let object_type = match bits.read(5)? {
            31 => 32 + bits.read(6)?,
            other => other,
        };
        let rate = match bits.read(4)? {
            15 => bits.read(24)?,
            index => RATES.get(index as usize).copied().unwrap_or(0),
        };
        let channels = match bits.read(4)? {
            7 => 8,
            other => other,
        };
        Some(Self { object_type: object_type as u8, rate, channels: channels as u8 })
    }

    fn checked(self) -> Result<Self> {
        if self.rate == 0 || !(1..=8).contains(&self.channels) {
            return Err(malformed("aac", "impossible rate or channels"));
        }
        Ok(self)
    }

    /// The two bytes of an AudioSpecificConfig for one of the 13 standard rates; none for another rate.
    pub fn encode(self) -> Option<Vec<u8>> {
        let index = RATES.iter().position(|&rate| rate == self.rate)? as u16;
        let channels = if self.channels == 8 { 7 } else { u16::from(self.channels) };
        let word = u16::from(self.object_type) << 11 | index << 7 | channels << 3;
        Some(word.to_be_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_read_and_written_alike() {
        let config = Config { object_type: 2, rate: 16000, channels: 1 };
        assert_eq!(config.encode().unwrap(), [0x14, 0x08]);
        assert_eq!(Config::parse(&[0x14, 0x08]).unwrap(), config);
        assert_eq!(Config::parse(&[0x11, 0x90]).unwrap(), Config { object_type: 2, rate: 48000, channels: 2 });
    }

    #[test]
    fn an_impossible_config_is_named_not_believed() {
        assert!(Config::parse(&[]).is_err() && Config::parse(&[0x14]).is_err());
        assert!(Config::parse(&[0x17, 0x08]).is_err(), "rate index 14 is reserved");
        assert!(Config::parse(&[0x14, 0x00]).is_err(), "no channels");
    }
}
