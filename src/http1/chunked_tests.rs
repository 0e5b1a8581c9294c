//! The decoder's tables; every split of them is in `tests/http1_codec.rs`.

use super::{BodyDecoder, BodyError, Decoded, Framing};

/// Everything that a decoder finds in `input`: data, bytes consumed, and whether it came to the end.
fn all(decoder: &mut BodyDecoder, input: &[u8]) -> Result<(Vec<u8>, usize, bool), BodyError> {
    let mut data = Vec::new();
    let mut at = 0;
    loop {
        let step = decoder.decode(&input[at..])?;
        data.extend_from_slice(&input[at..][step.data]);
        at += step.consumed;
        if step.end || step.consumed == 0 {
            return Ok((data, at, step.end));
        }
    }
}

fn chunked(input: &[u8]) -> Result<(Vec<u8>, usize, bool), BodyError> {
    all(&mut BodyDecoder::of_response(Framing::Chunked), input)
}

#[test]
fn a_decoder_is_small() {
    assert!(size_of::<BodyDecoder>() <= 32, "{}", size_of::<BodyDecoder>());
}

#[test]
fn no_body_is_complete_at_once() {
    let mut decoder = BodyDecoder::of_response(Framing::None);
    assert!(decoder.is_done());
    assert_eq!(decoder.remaining(), Some(0));
    assert_eq!(
        decoder.decode(b"GET /"),
        Ok(Decoded {
            consumed: 0,
            data: 0..0,
            end: true
        })
    );
}

#[test]
fn a_counted_body_leaves_the_next_message_alone() {
    let mut decoder = BodyDecoder::of_response(Framing::Length(5));
    assert_eq!(
        decoder.decode(b""),
        Ok(Decoded {
            consumed: 0,
            data: 0..0,
            end: false
        })
    );
    assert_eq!(
        decoder.decode(b"hel"),
        Ok(Decoded {
            consumed: 3,
            data: 0..3,
            end: false
        })
    );
    assert_eq!(decoder.remaining(), Some(2));
    assert_eq!(
        decoder.decode(b"loGET /"),
        Ok(Decoded {
            consumed: 2,
            data: 0..2,
            end: true
        })
    );
    assert!(decoder.is_done() && !decoder.ends_with_connection());
    assert_eq!(
        decoder.decode(b"GET /"),
        Ok(Decoded {
            consumed: 0,
            data: 0..0,
            end: true
        })
    );
}

#[test]
fn a_body_until_close_takes_everything_and_never_ends() {
    let mut decoder = BodyDecoder::of_response(Framing::UntilClose);
    assert_eq!(
        decoder.decode(b"hello"),
        Ok(Decoded {
            consumed: 5,
            data: 0..5,
            end: false
        })
    );
    assert_eq!(
        decoder.decode(b""),
        Ok(Decoded {
            consumed: 0,
            data: 0..0,
            end: false
        })
    );
    assert!(decoder.ends_with_connection() && !decoder.is_done());
    assert_eq!(decoder.remaining(), None);
}

#[test]
fn a_chunk_and_the_end_are_one_step() {
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    let step = decoder.decode(b"5\r\nhello\r\n0\r\n\r\nGET /");
    assert_eq!(
        step,
        Ok(Decoded {
            consumed: 15,
            data: 3..8,
            end: true
        })
    );
    assert!(decoder.is_done());
    assert_eq!(decoder.remaining(), None);
    assert_eq!(decoder.trailers(), b"");
}

#[test]
fn chunks_come_one_a_step() {
    let input = b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n";
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    let first = decoder.decode(input);
    assert_eq!(
        first,
        Ok(Decoded {
            consumed: 9,
            data: 3..4,
            end: false
        })
    );
    let second = decoder.decode(&input[9..]);
    assert_eq!(
        second,
        Ok(Decoded {
            consumed: 9,
            data: 0..2,
            end: true
        })
    );
}

#[test]
fn chunked_bodies_that_are_fine() {
    let table: &[(&[u8], &[u8])] = &[
        (b"0\r\n\r\n", b""),
        (b"0000000000000000\r\n\r\n", b""),
        (b"0;a\r\n\r\n", b""),
        (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"0000000000000001\r\na\r\n0\r\n\r\n", b"a"),
        (b"1;name=value\r\na\r\n0\r\n\r\n", b"a"),
        (b"1 ;\tname = \"v;\xff\"\r\na\r\n0\r\n\r\n", b"a"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    ];
    for (input, data) in table {
        let found = chunked(input);
        assert_eq!(
            found,
            Ok((data.to_vec(), input.len(), true)),
            "{}",
            input.escape_ascii()
        );
    }
}

/// E5.
#[test]
fn chunked_bodies_that_are_not() {
    let table: &[(&[u8], &str)] = &[
        (b"\r\n", "no chunk size"),
        (b";a\r\n", "no chunk size"),
        (b" 1\r\n", "no chunk size"),
        (b"-1\r\n", "no chunk size"),
        (b"+1\r\n", "no chunk size"),
        (b"x\r\n", "no chunk size"),
        (b"0x1\r\n", "chunk size is not hexadecimal"),
        (b"1g\r\n", "chunk size is not hexadecimal"),
        (b"1_0\r\n", "chunk size is not hexadecimal"),
        (b"8000000000000000\r\n", "chunk size is too large"),
        (b"ffffffffffffffff\r\n", "chunk size is too large"),
        (b"10000000000000000\r\n", "chunk size has too many digits"),
        (b"00000000000000001\r\n", "chunk size has too many digits"),
        (b"1\n", "bare line feed"),
        (b"1;a\n", "bare line feed"),
        (b"1 \n", "bare line feed"),
        (b"1\ra", "bare carriage return"),
        (b"1;a\ra", "bare carriage return"),
        (b"1;a\0\r\n", "control character in a chunk extension"),
        (b"1;\x7f\r\n", "control character in a chunk extension"),
        (b"1 a\r\n", "white space after a chunk size"),
        (b"1\r\nab", "chunk is longer than its size"),
        (b"1\r\na\n", "bare line feed"),
        (b"1\r\na\rb", "bare carriage return"),
        (b"0\r\n\n", "bare line feed"),
        (b"0\r\n\ra", "bare carriage return"),
        (b"0\r\na: b\n\r\n", "bare line feed"),
        (b"0\r\n a: b\r\n", "folded line"),
        (b"0\r\na: b\r\n c\r\n", "folded line"),
        (b"0\r\n: b\r\n", "empty field name"),
        (b"0\r\na: b\rc\r\n", "bare carriage return"),
        (b"0\r\na: \0\r\n", "null byte"),
        (b"0\r\nGET / HTTP/1.1\r\n", "space in a field name"),
    ];
    for (input, why) in table {
        assert_eq!(
            chunked(input),
            Err(BodyError::Malformed(why)),
            "{}",
            input.escape_ascii()
        );
    }
}

/// What apps may write and clients may not.
#[test]
fn f12_extensions_of_requests_are_held_to_the_grammar() {
    let strict = |input: &[u8]| all(&mut BodyDecoder::of_request(Framing::Chunked), input);
    for line in ["5", "5;a", "5;a=b;c=\"d;\\\"\"", "5 ;\ta = b"] {
        let body = format!("{line}\r\nhello\r\n0;last\r\n\r\n");
        let found = (b"hello".to_vec(), body.len(), true);
        assert_eq!(strict(body.as_bytes()), Ok(found.clone()), "{line}");
        assert_eq!(chunked(body.as_bytes()), Ok(found), "{line}");
    }
    for line in [
        "5;", "5; ", "5;a=", "5;a[=1", "5;a b", "5;;a", "5;=b", "5;a=\"b", "5;a ", "5;a=b ",
    ] {
        for body in [
            format!("{line}\r\nhello\r\n0\r\n\r\n"),
            format!("5\r\nhello\r\n0{}\r\n\r\n", &line[1..]),
        ] {
            assert!(
                matches!(strict(body.as_bytes()), Err(BodyError::Malformed(_))),
                "{body:?}"
            );
            assert!(chunked(body.as_bytes()).is_ok(), "{body:?}");
        }
    }
}

#[test]
fn data_before_an_error_is_handed_out_first() {
    let input = b"1\r\naX";
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    assert_eq!(
        decoder.decode(input),
        Ok(Decoded {
            consumed: 4,
            data: 3..4,
            end: false
        })
    );
    assert_eq!(
        decoder.decode(b"X"),
        Err(BodyError::Malformed("chunk is longer than its size"))
    );
    assert_eq!(
        decoder.decode(b"X"),
        Err(BodyError::Malformed("chunk is longer than its size"))
    );
}

#[test]
fn the_largest_chunk_is_read_and_not_waited_for() {
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    let step = decoder.decode(b"7fffffffffffffff\r\nabc");
    assert_eq!(
        step,
        Ok(Decoded {
            consumed: 21,
            data: 18..21,
            end: false
        })
    );
}

/// E5.
#[test]
fn an_endless_extension_is_refused() {
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    assert!(decoder.decode(b"1;").is_ok());
    let mut sent = 0;
    let refused = loop {
        match decoder.decode(&[b'x'; 100]) {
            Ok(_) => sent += 100,
            Err(error) => break error,
        }
        assert!(sent <= 4096);
    };
    assert_eq!(refused, BodyError::TooLarge);
    assert_eq!(
        chunked(&[b"1;", [b'x'; 70_000].as_slice()].concat()),
        Err(BodyError::TooLarge)
    );
}

/// E5.
#[test]
fn endless_extensions_on_tiny_chunks_are_refused_and_on_real_ones_are_not() {
    let tiny = [b"1;".as_slice(), &[b'x'; 4000], b"\r\na\r\n"].concat();
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    let outcomes: Vec<bool> = (0..8).map(|_| all(&mut decoder, &tiny).is_ok()).collect();
    assert_eq!(outcomes, [true, true, true, true, false, false, false, false]);

    let signed = [
        b"1000;chunk-signature=".as_slice(),
        &[b'f'; 64],
        b"\r\n",
        &[b'd'; 4096],
        b"\r\n",
    ]
    .concat();
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    for _ in 0..2000 {
        assert_eq!(all(&mut decoder, &signed).map(|found| found.0.len()), Ok(4096));
    }
}

#[test]
fn trailers_are_kept_as_they_were_written() {
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    let input = b"1\r\na\r\n0\r\nServer-Timing:db;dur=1\r\ngrpc-status:  0 \r\n\r\nrest";
    assert_eq!(all(&mut decoder, input), Ok((b"a".to_vec(), input.len() - 4, true)));
    assert_eq!(decoder.trailers(), b"Server-Timing:db;dur=1\r\ngrpc-status:  0 \r\n");
}

/// E6.
#[test]
fn trailers_that_would_change_the_message_are_dropped() {
    let names = [
        "Content-Length",
        "transfer-encoding",
        "Host",
        "AUTHORIZATION",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Cookie",
        "Set-Cookie",
        "X-Forwarded-For",
        "X-Forwarded-Prefix",
        "X_Forwarded_For",
        "Forwarded",
        "X-Real-IP",
        "Proxy-Authorization",
        "Proxy-Anything",
        "Content-Encoding",
        "Content_Length",
        "X-Request-Id",
    ];
    for name in names {
        let input = format!("0\r\nA: 1\r\n{name}: x\r\nB: 2\r\n\r\n");
        let mut decoder = BodyDecoder::of_response(Framing::Chunked);
        assert!(all(&mut decoder, input.as_bytes()).is_ok_and(|found| found.2), "{name}");
        assert_eq!(decoder.trailers(), b"A: 1\r\nB: 2\r\n", "{name}");
    }
}

/// E5.
#[test]
fn an_endless_trailer_section_is_refused() {
    let mut fields = b"0\r\n".to_vec();
    for _ in 0..100 {
        fields.extend_from_slice(b"a: b\r\n");
    }
    assert!(chunked(&[fields.as_slice(), b"\r\n"].concat()).is_ok_and(|found| found.2));
    assert_eq!(
        chunked(&[fields.as_slice(), b"a: b\r\n"].concat()),
        Err(BodyError::TooLarge)
    );
    let dropped = b"0\r\n"
        .iter()
        .chain(b"Host: a\r\n".repeat(101).iter())
        .copied()
        .collect::<Vec<u8>>();
    assert_eq!(chunked(&dropped), Err(BodyError::TooLarge));

    let line = [b"0\r\na: ".as_slice(), &[b'x'; 16 * 1024]].concat();
    assert_eq!(chunked(&line), Err(BodyError::TooLarge));
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    assert!(decoder.decode(b"0\r\na: ").is_ok());
    let accepted = (0..20_000).take_while(|_| decoder.decode(b"x").is_ok()).count();
    assert_eq!(accepted, 16 * 1024 - 3);
}

/// A size in so many places, and no data to earn them.
#[test]
fn f7_an_apps_blanks_after_a_size_are_tolerated_and_a_clients_are_not() {
    let body = [b"1       \r\na\r\n".repeat(5000).as_slice(), b"0 \t\r\n\r\n"].concat();
    assert_eq!(chunked(&body), Ok((vec![b'a'; 5000], body.len(), true)));
    for line in ["5 ", "5\t", "5 \t  "] {
        for body in [
            format!("{line}\r\nhello\r\n0\r\n\r\n"),
            format!("5\r\nhello\r\n0{}\r\n\r\n", &line[1..]),
        ] {
            let of_request = all(&mut BodyDecoder::of_request(Framing::Chunked), body.as_bytes());
            assert_eq!(
                of_request,
                Err(BodyError::Malformed("white space after a chunk size")),
                "{body:?}"
            );
            assert_eq!(
                chunked(body.as_bytes()),
                Ok((b"hello".to_vec(), body.len(), true)),
                "{body:?}"
            );
        }
    }
    for (body, why) in [
        (&b" 5\r\n"[..], "no chunk size"),
        (b"5 5\r\n", "white space after a chunk size"),
        (b"5 \n", "bare line feed"),
        (b"5 \rx", "bare carriage return"),
    ] {
        assert_eq!(chunked(body), Err(BodyError::Malformed(why)), "{}", body.escape_ascii());
    }
    let endless = [b"1".as_slice(), &[b' '; 4097]].concat();
    assert_eq!(chunked(&endless), Err(BodyError::TooLarge));
}

#[test]
fn f7_an_apps_trailer_loses_the_blanks_before_its_colon() {
    let input = b"0\r\nServer-Timing \t: db\r\nContent-Length : 5\r\ngrpc-status: 0\r\n\r\n";
    let mut decoder = BodyDecoder::of_response(Framing::Chunked);
    assert_eq!(all(&mut decoder, input), Ok((vec![], input.len(), true)));
    assert_eq!(decoder.trailers(), b"Server-Timing: db\r\ngrpc-status: 0\r\n");
    let refused = all(&mut BodyDecoder::of_request(Framing::Chunked), input);
    assert_eq!(refused, Err(BodyError::Malformed("space before the colon")));
}
