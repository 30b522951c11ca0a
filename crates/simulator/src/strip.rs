//! The time as a strip of black and white cells along the bottom edge of a picture, for tests.
//!
//! Geometry, as fractions of the frame so that any scaled copy reads alike (`docs/reference/strip.md`): the strip is
//! the full width and the lowest 1/30 of the height; 64 cells of equal width, white is 1 and black is 0, first the
//! milliseconds since 1970 (48 bits, most significant first), then their CRC-16 (16 bits).

use base::Time;

/// Cells in the strip.
pub const CELLS: usize = 64;

/// The strip is this fraction of the height: one 30th.
pub const HEIGHT_DIVISOR: usize = 30;

/// The cells that tell `time`, to the millisecond. Times outside 1970 to 10889 are told as the nearest that can be.
pub fn cells(time: Time) -> [bool; CELLS] {
    let millis = (time.micros() / 1000).clamp(0, (1 << 48) - 1) as u64;
    let word = millis << 16 | u64::from(checksum(millis));
    std::array::from_fn(|cell| word >> (CELLS - 1 - cell) & 1 == 1)
}

/// Reads the strip of a decoded picture from its luma plane (any range: the cells are compared with their own mean).
/// None if the plane is too small or the checksum does not fit.
pub fn read(luma: &[u8], width: usize, height: usize, stride: usize) -> Option<Time> {
    let strip = height / HEIGHT_DIVISOR;
    if strip < 2 || width < CELLS * 2 || stride < width || luma.len() < (height - 1) * stride + width {
        return None;
    }
    let levels: [u32; CELLS] = std::array::from_fn(|cell| level(luma, cell, width, height, stride));
    let (low, high) = (levels.iter().min()?, levels.iter().max()?);
    let middle = (low + high) / 2;
    let word = levels.iter().fold(0u64, |word, &level| word << 1 | u64::from(level > middle));
    let millis = word >> 16;
    let whole = word as u16 == checksum(millis) && high - low > 32;
    whole.then(|| Time::from_micros(millis as i64 * 1000))
}

/// The mean brightness of the middle of a cell; its edges are where coding blurs.
fn level(luma: &[u8], cell: usize, width: usize, height: usize, stride: usize) -> u32 {
    let strip = height / HEIGHT_DIVISOR;
    let (top, bottom) = (height - strip + strip / 4, height - strip / 4);
    let (from, to) = ((4 * cell + 1) * width / (4 * CELLS), ((4 * cell + 3) * width).div_ceil(4 * CELLS));
    let rows = (top..bottom).map(|y| &luma[y * stride + from..y * stride + to]);
    let sum: u32 = rows.flatten().map(|&value| u32::from(value)).sum();
    sum / ((bottom - top) * (to - from)) as u32
}

/// Of the six bytes of a time, most significant first.
fn checksum(millis: u64) -> u16 {
    crc16(&millis.to_be_bytes()[2..])
}

/// CRC-16/IBM-3740: polynomial 0x1021, initial value 0xFFFF.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| crc << 1 ^ if crc & 0x8000 != 0 { 0x1021 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(time: Time, width: usize, height: usize, stride: usize) -> Vec<u8> {
        let cells = cells(time);
        let mut luma = vec![90; height * stride];
        for y in height - height / HEIGHT_DIVISOR..height {
            for x in 0..width {
                luma[y * stride + x] = if cells[x * CELLS / width] { 235 } else { 16 };
            }
        }
        luma
    }

    #[test]
    fn the_time_survives_painting_at_any_size() {
        let time = Time::from_micros(1_795_508_512_345_000);
        for (width, height, stride) in [(1280, 720, 1280), (640, 360, 704), (960, 540, 960), (427, 240, 427)] {
            assert_eq!(read(&paint(time, width, height, stride), width, height, stride), Some(time), "{width}");
        }
    }

    #[test]
    fn a_wrong_cell_or_a_flat_picture_is_no_time() {
        let time = Time::from_micros(1_795_508_512_345_000);
        let mut luma = paint(time, 640, 360, 640);
        for y in 348..360 {
            luma[y * 640 + 100..y * 640 + 110].iter_mut().for_each(|value| *value = 251 - *value);
        }
        assert_eq!(read(&luma, 640, 360, 640), None);
        for level in [0, 16, 128, 255] {
            assert_eq!(read(&vec![level; 640 * 360], 640, 360, 640), None);
        }
        assert_eq!(read(&[], 640, 360, 640), None);
        assert_eq!(read(&[0; 100], 10, 10, 10), None);
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
    }
}
