//! Where WebSocket frames begin and end, beside a reader of the simplest kind.

use std::collections::BTreeSet;

use greengate::proxy::Frames;

use crate::fuzz;

const WORDS: &[&[u8]] = &[
    b"\x88\x02\x03\xf4",
    b"\x88\x82\x01\x02\x03\x04\x02\xf6",
    b"\x81\x00",
    b"\x81\x85\0\0\0\0hello",
    b"\x82\x7e\x00\x80",
    b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x03abc",
    b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00",
    b"\x89\x00",
    b"\x8a\xfe\x00\x01",
];

#[test]
fn boundaries_and_closes_are_found_in_any_parts() {
    fuzz("websocket_frames", WORDS, |bytes| {
        let (boundaries, closes) = read(bytes);
        for size in [1, 2, 3 + bytes.len() / 7, bytes.len().max(1)] {
            let (mut frames, mut at) = (Frames::default(), 0);
            for part in bytes.chunks(size) {
                let mut rest = part;
                while !rest.is_empty() {
                    let step = frames.advance(rest);
                    assert!(step > 0 && step <= rest.len(), "a step of {step} in {}", rest.len());
                    (at, rest) = (at + step, &rest[step..]);
                    assert_eq!(
                        frames.at_boundary(),
                        boundaries.contains(&at),
                        "at {at}, in parts of {size}"
                    );
                    assert_eq!(frames.closed, closes.is_some_and(|close| close <= at), "at {at}");
                }
            }
            let mut followed = Frames::default();
            followed.follow(bytes);
            assert_eq!(
                (followed.at_boundary(), followed.closed),
                (frames.at_boundary(), frames.closed)
            );
        }
    });
}

/// Every boundary, the beginning included, and where the header of the first Close ends.
fn read(bytes: &[u8]) -> (BTreeSet<usize>, Option<usize>) {
    let (mut boundaries, mut closes, mut at) = (BTreeSet::from([0]), None, 0u128);
    loop {
        let rest = bytes
            .get(usize::try_from(at).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        let &[first, second, ..] = rest else { break };
        let number = |bytes: &[u8]| bytes.iter().fold(0u128, |sum, byte| sum << 8 | u128::from(*byte));
        let (extended, length) = match second & 0x7f {
            126 => (2, rest.get(2..4).map(number)),
            127 => (8, rest.get(2..10).map(number)),
            short => (0, Some(u128::from(short))),
        };
        let header = 2 + extended + usize::from(second >> 7) * 4;
        let (Some(length), true) = (length, rest.len() >= header) else {
            break;
        };
        if first & 0x0f == 8 {
            closes = closes.or(usize::try_from(at).ok().map(|at| at + header));
        }
        at += header as u128 + length;
        match usize::try_from(at) {
            Ok(end) if end <= bytes.len() => drop(boundaries.insert(end)),
            _ => break,
        }
    }
    (boundaries, closes)
}
