//! G.711: A-law and mu-law to linear 16-bit samples, by table (ITU-T G.711).

/// Linear samples of the A-law codes 0 to 255.
pub static ALAW: [i16; 256] = alaw_table();

/// Linear samples of the mu-law codes 0 to 255.
pub static ULAW: [i16; 256] = ulaw_table();

/// Appends the decoded samples of A-law bytes.
pub fn decode_alaw(coded: &[u8], out: &mut Vec<i16>) {
    out.extend(coded.iter().map(|&code| ALAW[usize::from(code)]));
}

/// Appends the decoded samples of mu-law bytes.
pub fn decode_ulaw(coded: &[u8], out: &mut Vec<i16>) {
    out.extend(coded.iter().map(|&code| ULAW[usize::from(code)]));
}

/// A-law of linear samples.
pub fn encode_alaw(linear: &[i16], out: &mut Vec<u8>) {
    out.extend(linear.iter().map(|&sample| alaw_code(sample)));
}

/// Mu-law of linear samples.
pub fn encode_ulaw(linear: &[i16], out: &mut Vec<u8>) {
    out.extend(linear.iter().map(|&sample| ulaw_code(sample)));
}

const fn alaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let value = code as u8 ^ 0x55;
        let (exponent, mantissa) = ((value >> 4) & 7, (value & 0x0f) as i16);
        let magnitude = match exponent {
            0 => (mantissa << 4) + 8,
            _ => ((mantissa << 4) + 0x108) << (exponent - 1),
        };
        table[code] = if value & 0x80 != 0 { magnitude } else { -magnitude };
        code += 1;
    }
    table
}

const fn ulaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let value = !(code as u8);
        let magnitude = (((((value & 0x0f) as i16) << 3) + 0x84) << ((value >> 4) & 7)) - 0x84;
        table[code] = if value & 0x80 != 0 { -magnitude } else { magnitude };
        code += 1;
    }
    table
}

fn alaw_code(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0x80, sample >> 3) } else { (0, !sample >> 3) };
    let exponent = (16 - (magnitude as u16).leading_zeros()).saturating_sub(5) as i16;
    let mantissa = if exponent == 0 { magnitude >> 1 } else { magnitude >> exponent } & 0x0f;
    (sign | (exponent << 4 | mantissa) as u8) ^ 0x55
}

fn ulaw_code(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0x80, -i32::from(sample)) } else { (0, i32::from(sample)) };
    let biased = magnitude.min(32635) + 0x84;
    let exponent = (31 - (biased as u32).leading_zeros()) as i32 - 7;
    !(sign | (exponent << 4) as u8 | (biased >> (exponent + 3) & 0x0f) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_those_of_the_recommendation() {
        assert_eq!([ALAW[0xd5], ALAW[0x55], ALAW[0xaa], ALAW[0x2a], ALAW[0x80]], [8, -8, 32256, -32256, 5504]);
        assert_eq!([ULAW[0xff], ULAW[0x7f], ULAW[0x80], ULAW[0x00], ULAW[0xf0]], [0, 0, 32124, -32124, 120]);
    }

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for code in 0..=255u8 {
            assert_eq!(alaw_code(ALAW[usize::from(code)]), code, "A-law");
            let back = ulaw_code(ULAW[usize::from(code)]);
            assert!(back == code || (code == 0x7f && back == 0xff), "mu-law has two zeros");
        }
    }
}
