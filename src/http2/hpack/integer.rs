//! Numbers (RFC 7541 §5.1): some bits of a byte, and more bytes where these are not enough.

use super::error::Error;

/// Bytes behind the first: enough for 32 bits, and for zeros that somebody writes before they end.
const MORE: u32 = 5;

/// Reads the number whose first byte stands at `at` and has `bits` bits of it; returns it with the offset behind it.
#[inline]
pub(super) fn read(bytes: &[u8], at: usize, bits: u32) -> Result<(u32, usize), Error> {
    let most = (1u32 << bits) - 1;
    let first = u32::from(*bytes.get(at).ok_or(Error::Truncated)?) & most;
    if first < most {
        return Ok((first, at + 1));
    }
    read_more(bytes, at + 1, most)
}

fn read_more(bytes: &[u8], mut at: usize, first: u32) -> Result<(u32, usize), Error> {
    let mut number = u64::from(first);
    for place in 0..MORE {
        let byte = *bytes.get(at).ok_or(Error::Truncated)?;
        at += 1;
        number += u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return u32::try_from(number)
                .map(|number| (number, at))
                .map_err(|_| Error::Integer);
        }
    }
    Err(Error::Integer)
}

/// Appends a number; the first byte has `flags` before its `bits` bits.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, flags: u8, bits: u32, number: u32) {
    let most = (1u32 << bits) - 1;
    if number < most {
        out.push(flags | number as u8);
        return;
    }
    out.push(flags | most as u8);
    let mut rest = number - most;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bits: u32, number: u32) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, 0, bits, number);
        out
    }

    /// RFC 7541 C.1.1.
    #[test]
    fn c_1_1_ten_in_five_bits() {
        assert_eq!(written(5, 10), [0b0_1010]);
        assert_eq!(read(&[0b1110_1010], 0, 5), Ok((10, 1)));
    }

    /// RFC 7541 C.1.2.
    #[test]
    fn c_1_2_a_larger_number_in_five_bits() {
        assert_eq!(written(5, 1337), [0b1_1111, 0b1001_1010, 0b0000_1010]);
        assert_eq!(read(&[0xff, 0b1001_1010, 0b0000_1010], 0, 5), Ok((1337, 3)));
    }

    /// RFC 7541 C.1.3.
    #[test]
    fn c_1_3_a_whole_byte() {
        assert_eq!(written(8, 42), [0b0010_1010]);
        assert_eq!(read(&[0, 0b0010_1010], 1, 8), Ok((42, 2)));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for bits in 4..=8 {
            for number in [
                0,
                1,
                14,
                15,
                16,
                30,
                31,
                62,
                63,
                126,
                127,
                128,
                254,
                255,
                256,
                16_383,
                1 << 20,
                u32::MAX,
            ] {
                let bytes = written(bits, number);
                assert_eq!(read(&bytes, 0, bits), Ok((number, bytes.len())), "{number} in {bits}");
                for end in 0..bytes.len() {
                    assert_eq!(read(&bytes[..end], 0, bits), Err(Error::Truncated));
                }
            }
        }
    }

    /// RFC 7541 §5.1: "MUST be treated as decoding errors".
    #[test]
    fn numbers_beyond_32_bits_and_without_an_end_are_refused() {
        // 2^32 and its predecessor.
        assert_eq!(read(&[0x0f, 0xf1, 0xff, 0xff, 0xff, 0x0f], 0, 4), Err(Error::Integer));
        assert_eq!(read(&[0x0f, 0xf0, 0xff, 0xff, 0xff, 0x0f], 0, 4), Ok((u32::MAX, 6)));
        assert_eq!(read(&[0x0f, 0x80, 0x80, 0x80, 0x80, 0x00], 0, 4), Ok((15, 6)));
        assert_eq!(
            read(&[0x0f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 0, 4),
            Err(Error::Integer)
        );
        assert_eq!(read(&[0xff; 64], 0, 4), Err(Error::Integer));
    }
}
