//! The examples of RFC 7541, appendix C; those of C.1 stand beside the numbers.

use super::{Decoder, Encoder, Indexing};
use crate::http2::field::Pseudo;
use crate::http2::list::{FieldList, Limits};

const LIMITS: Limits = Limits {
    bytes: 16 * 1024,
    fields: 100,
};

const PSEUDO: [(&str, Pseudo); 5] = [
    (":method", Pseudo::Method),
    (":scheme", Pseudo::Scheme),
    (":authority", Pseudo::Authority),
    (":path", Pseudo::Path),
    (":status", Pseudo::Status),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

type Fields<'f> = &'f [(&'f str, &'f str)];

/// One field block: its fields, and the size of the table behind it.
type Block<'b> = (&'b str, Fields<'b>, usize);

/// Fields of a list, pseudo-header fields in the order of the example.
fn shown(list: &FieldList, expected: Fields<'_>) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut shown = Vec::new();
    for (name, _) in expected.iter().filter(|(name, _)| name.starts_with(':')) {
        let (_, pseudo) = PSEUDO.iter().find(|(known, _)| known == name).unwrap();
        shown.push(((*name).to_owned(), text(list.pseudo(*pseudo).unwrap())));
    }
    shown.extend(list.iter().map(|(name, value)| (text(name), text(value))));
    shown
}

fn check(decoder: &mut Decoder, block: Block<'_>) {
    let mut list = FieldList::new(LIMITS);
    decoder.decode(&bytes(block.0), &mut list).unwrap();
    let expected: Vec<_> = block
        .1
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(shown(&list, block.1), expected);
    assert_eq!(decoder.table_size(), block.2);
}

fn decoded(table_size: Option<u32>, blocks: &[Block<'_>]) {
    let mut decoder = Decoder::new(4096);
    if let Some(size) = table_size {
        let mut sizes = Vec::new();
        super::integer::write(&mut sizes, 0x20, 5, size);
        decoder.decode(&sizes, &mut FieldList::new(LIMITS)).unwrap();
    }
    for block in blocks {
        check(&mut decoder, *block);
    }
}

fn encoded(most: u32, blocks: &[Block<'_>]) {
    let mut encoder = Encoder::new(most);
    encoder.begin(&mut Vec::new());
    for (hex, fields, size) in blocks {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        for (name, value) in *fields {
            encoder.field(&mut out, name.as_bytes(), value.as_bytes(), Indexing::Keep);
        }
        assert_eq!(out, bytes(hex));
        assert_eq!(encoder.table_size(), *size);
    }
}

/// C.2.1 to C.2.4: one field each.
#[test]
fn c_2_representations() {
    let examples: [Block<'_>; 4] = [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            &[("custom-key", "custom-header")],
            55,
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", &[(":path", "/sample/path")], 0),
        (
            "1008 7061 7373 776f 7264 0673 6563 7265 74",
            &[("password", "secret")],
            0,
        ),
        ("82", &[(":method", "GET")], 0),
    ];
    for example in examples {
        check(&mut Decoder::new(4096), example);
    }
    let mut list = FieldList::new(LIMITS);
    Decoder::new(4096).decode(&bytes(examples[2].0), &mut list).unwrap();
    assert_eq!(list.never_indexed, [0]);
}

const REQUESTS: [Fields<'static>; 3] = [
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

/// C.3.1 to C.3.3.
#[test]
fn c_3_requests_without_huffman_code() {
    decoded(
        None,
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", REQUESTS[0], 57),
            ("8286 84be 5808 6e6f 2d63 6163 6865", REQUESTS[1], 110),
            (
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
                REQUESTS[2],
                164,
            ),
        ],
    );
}

/// C.4.1 to C.4.3.
#[test]
fn c_4_requests_with_huffman_code() {
    let blocks = [
        ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", REQUESTS[0], 57),
        ("8286 84be 5886 a8eb 1064 9cbf", REQUESTS[1], 110),
        (
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            REQUESTS[2],
            164,
        ),
    ];
    decoded(None, &blocks);
    encoded(4096, &blocks);
}

const RESPONSES: [Fields<'static>; 3] = [
    &[
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "307"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("location", "https://www.example.com"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
];

/// C.5.1 to C.5.3: a table of 256 bytes, which evicts.
#[test]
fn c_5_responses_without_huffman_code() {
    decoded(
        Some(256),
        &[
            (
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 \
                 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                RESPONSES[0],
                222,
            ),
            ("4803 3330 37c1 c0bf", RESPONSES[1], 222),
            (
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 \
                 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 \
                 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
                RESPONSES[2],
                215,
            ),
        ],
    );
}

/// C.6.1 to C.6.3: the same with Huffman code.
#[test]
fn c_6_responses_with_huffman_code() {
    let blocks = [
        (
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 \
             63c7 8f0b 97c8 e9ae 82ae 43d3",
            RESPONSES[0],
            222,
        ),
        ("4883 640e ffc1 c0bf", RESPONSES[1], 222),
        (
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 \
             b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            RESPONSES[2],
            215,
        ),
    ];
    decoded(Some(256), &blocks);
    // Where the code is no shorter, the string is written as it is.
    let second = ("4803 3330 37c1 c0bf", RESPONSES[1], 222);
    encoded(256, &[blocks[0], second, blocks[2]]);
}
