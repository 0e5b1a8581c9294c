//! The Huffman code of RFC 7541, appendix B.
//!
//! The code is canonical: ordered by length and then by symbol, each code is the one before it and one more. So the lengths of
//! appendix B are all that has to be written down, and everything else is computed from them while this is compiled.

use super::error::Error;

/// Bits of each byte's code (RFC 7541, appendix B), and of EOS behind them.
#[rustfmt::skip]
const BITS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const SYMBOLS: usize = 257;

/// The end of a string, which no string may hold.
const EOS: u16 = 256;

/// The longest code.
const LONGEST: usize = 30;

/// What follows from the lengths.
struct Tables {
    /// The code of each symbol, in its lowest bits.
    codes: [u32; SYMBOLS],
    /// By the first eight bits: the symbol, and the bits of its code above it; 0 where the code is longer.
    short: [u16; 256],
    /// All symbols, in the order of their codes.
    ordered: [u16; SYMBOLS],
    /// By length: the first 32 bits that are beyond every code of that length, if they are followed by zeros.
    beyond: [u64; LONGEST + 1],
    /// By length: what to take from a code to get its symbol's place among `ordered`, as the first code less its place.
    offset: [u32; LONGEST + 1],
}

static TABLES: Tables = tables();

const fn tables() -> Tables {
    let mut tables = Tables {
        codes: [0; SYMBOLS],
        short: [0; 256],
        ordered: [0; SYMBOLS],
        beyond: [0; LONGEST + 1],
        offset: [0; LONGEST + 1],
    };
    let (mut code, mut place, mut bits) = (0u32, 0usize, 1usize);
    while bits <= LONGEST {
        tables.offset[bits] = code.wrapping_sub(place as u32);
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if BITS[symbol] as usize == bits {
                tables.codes[symbol] = code;
                tables.ordered[place] = symbol as u16;
                if bits <= 8 {
                    let mut rest = 0;
                    while rest < 1 << (8 - bits) {
                        tables.short[((code as usize) << (8 - bits)) | rest] = (bits as u16) << 8 | symbol as u16;
                        rest += 1;
                    }
                }
                code += 1;
                place += 1;
            }
            symbol += 1;
        }
        tables.beyond[bits] = (code as u64) << (32 - bits);
        code <<= 1;
        bits += 1;
    }
    assert!(place == SYMBOLS, "each symbol has a code");
    tables
}

/// Appends the string that `code` stands for.
pub(super) fn decode(code: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    // The shortest codes have five bits.
    out.resize(start + code.len() * 8 / 5, 0);
    let written = decode_into(code, &mut out[start..]);
    out.truncate(start + written.as_ref().map_or(0, |written| *written));
    written.map(drop)
}

fn decode_into(mut code: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    // The next bits, from the highest down; `count` of them are of the string, and zeros follow.
    let (mut bits, mut count, mut written) = (0u64, 0u32, 0);
    loop {
        if let Some((word, _)) = code.split_first_chunk::<8>() {
            bits |= u64::from_be_bytes(*word) >> count;
            let taken = (63 - count) / 8;
            code = &code[taken as usize..];
            count += taken * 8;
            bits &= u64::MAX << (64 - count);
        } else {
            while count <= 56
                && let [byte, rest @ ..] = code
            {
                bits |= u64::from(*byte) << (56 - count);
                (code, count) = (rest, count + 8);
            }
        }
        let is_last = code.is_empty();
        // While there are more bytes, no code is looked at that may be cut.
        let least = if is_last { 5 } else { LONGEST as u32 };
        while count >= least {
            let short = TABLES.short[(bits >> 56) as usize];
            let (symbol, length) = if short != 0 {
                (short & 0xff, u32::from(short >> 8))
            } else {
                long(bits)
            };
            if length > count {
                return padding(bits, count, written);
            }
            if symbol == EOS {
                return Err(Error::Huffman);
            }
            out[written] = symbol as u8;
            written += 1;
            bits <<= length;
            count -= length;
        }
        if is_last {
            return padding(bits, count, written);
        }
    }
}

/// The symbol of a code that is longer than eight bits, and its length.
fn long(bits: u64) -> (u16, u32) {
    let first = bits >> 32;
    let mut length = 9;
    while length < LONGEST && first >= TABLES.beyond[length] {
        length += 1;
    }
    let code = (first >> (32 - length)) as u32;
    let place = code.wrapping_sub(TABLES.offset[length]) as usize;
    let symbol = TABLES.ordered.get(place).copied().unwrap_or(EOS);
    (symbol, length as u32)
}

/// What remains is the beginning of EOS, and less than a byte (RFC 7541 §5.2).
fn padding(bits: u64, count: u32, written: usize) -> Result<usize, Error> {
    let is_right = count < 8 && (count == 0 || bits >> (64 - count) == (1 << count) - 1);
    if is_right { Ok(written) } else { Err(Error::Huffman) }
}

/// Bytes that a string takes as code.
#[inline]
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(BITS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Appends a string as code.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    // The last `count` bits are not written yet.
    let (mut bits, mut count) = (0u64, 0u32);
    for byte in text {
        let symbol = usize::from(*byte);
        let length = u32::from(BITS[symbol]);
        bits = bits << length | u64::from(TABLES.codes[symbol]);
        count += length;
        if count >= 32 {
            count -= 32;
            out.extend_from_slice(&((bits >> count) as u32).to_be_bytes());
        }
    }
    let last = (bits << 32 >> count) as u32;
    let bytes = count.div_ceil(8) as usize;
    let padding = u32::MAX >> count;
    out.extend_from_slice(&(last | padding).to_be_bytes()[..bytes]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(code: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = b"before".to_vec();
        let result = decode(code, &mut out);
        assert!(out.starts_with(b"before"));
        result.map(|()| out.split_off(6))
    }

    fn encoded(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(text, &mut out);
        assert_eq!(out.len(), encoded_len(text));
        out
    }

    /// RFC 7541, appendix B: from each end of the code, and some of its middle.
    #[test]
    fn codes_are_those_of_appendix_b() {
        for (symbol, code, bits) in [
            (b'0' as usize, 0x0, 5),
            (b't' as usize, 0x9, 5),
            (b' ' as usize, 0x14, 6),
            (b'u' as usize, 0x2d, 6),
            (b':' as usize, 0x5c, 7),
            (b'&' as usize, 0xf8, 8),
            (b'!' as usize, 0x3f8, 10),
            (b'|' as usize, 0x7fc, 11),
            (b'#' as usize, 0xffa, 12),
            (0, 0x1ff8, 13),
            (b'^' as usize, 0x3ffc, 14),
            (b'<' as usize, 0x7ffc, 15),
            (b'\\' as usize, 0x7fff0, 19),
            (128, 0xfffe6, 20),
            (153, 0x1fffdc, 21),
            (129, 0x3fffd2, 22),
            (1, 0x7fffd8, 23),
            (9, 0xffffea, 24),
            (199, 0x1ffffec, 25),
            (192, 0x3ffffe0, 26),
            (203, 0x7ffffde, 27),
            (2, 0xfffffe2, 28),
            (249, 0xffffffe, 28),
            (10, 0x3ffffffc, 30),
            (22, 0x3ffffffe, 30),
            (256, 0x3fffffff, 30),
        ] {
            assert_eq!((TABLES.codes[symbol], BITS[symbol]), (code, bits), "{symbol}");
        }
    }

    #[test]
    fn every_byte_is_read_as_it_was_written_wherever_it_stands() {
        for byte in 0..=255u8 {
            for before in 0..9 {
                for after in 0..9 {
                    let text = [&b"abc0123 xyz"[..before], &[byte; 3], &b"/!|{}~\xff\0z"[..after]].concat();
                    assert_eq!(decoded(&encoded(&text)), Ok(text));
                }
            }
        }
        assert_eq!(decoded(b""), Ok(Vec::new()));
        assert_eq!(encoded(b""), b"");
    }

    /// RFC 7541 §5.2: padding is the beginning of EOS, and shorter than a byte.
    #[test]
    fn padding_of_another_kind_is_refused() {
        // `0`, and three bits.
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
        for last in [0b0000_0000, 0b0000_0011, 0b0000_0110, 0b0000_0101] {
            assert_eq!(decoded(&[last]), Err(Error::Huffman), "{last:#b}");
        }
        assert_eq!(decoded(&[0b0000_0111, 0xff]), Err(Error::Huffman));
        assert_eq!(decoded(&[0xff]), Err(Error::Huffman));
        for length in 2..20 {
            assert_eq!(decoded(&vec![0xff; length]), Err(Error::Huffman), "{length}");
        }
    }

    /// RFC 7541 §5.2: "A Huffman-encoded string literal containing the EOS symbol MUST be treated as a decoding error".
    #[test]
    fn eos_in_a_string_is_refused() {
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(Error::Huffman));
        // `0`, EOS, `0` and five bits.
        assert_eq!(
            decoded(&[0b0000_0111, 0xff, 0xff, 0xff, 0b1110_0000, 0xff]),
            Err(Error::Huffman)
        );
    }

    #[test]
    fn any_bytes_are_read_as_what_writes_them_or_refused() {
        let mut random = fastrand::Rng::with_seed(7541);
        for _ in 0..20_000 {
            let code: Vec<u8> = (0..random.usize(0..24)).map(|_| random.u8(..)).collect();
            if let Ok(text) = decoded(&code) {
                assert_eq!(encoded(&text), code);
            }
        }
    }
}
