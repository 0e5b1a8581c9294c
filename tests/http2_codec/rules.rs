//! What RFC 9113 asks of a server, rule by rule: which frames end a stream, which the connection, and which nothing.

use greengate::http2::connection::{Event, Fields, NotSent};
use greengate::http2::error::Code;
use greengate::http2::frame::{Kind, MAX_WINDOW, PREFACE, flag};
use greengate::http2::hpack::Indexing;
use greengate::http2::priority::Priority;

use crate::kit::{
    GET, Rig, Seen, block, bounds, data, frame, get, headers, hello, post, rst_stream, settings, window_update,
};

/// What bytes on an open connection lead to, whether they come at once or one by one.
fn read(bytes: &[u8]) -> Vec<Seen> {
    read_after(b"", bytes)
}

fn read_after(before: &[u8], bytes: &[u8]) -> Vec<Seen> {
    let mut rig = Rig::open(bounds());
    rig.read(before);
    let whole = rig.read(bytes);
    let mut parts = Rig::open(bounds());
    parts.read(before);
    let mut seen: Vec<Seen> = Vec::new();
    for byte in bytes {
        for event in parts.read(&[*byte]) {
            match (event, seen.last_mut()) {
                (
                    Seen::Data { data, end, .. },
                    Some(Seen::Data {
                        data: all, end: ended, ..
                    }),
                ) => {
                    all.extend(data);
                    *ended = end;
                }
                (event, _) => seen.push(event),
            }
        }
    }
    assert_eq!(seen, whole, "in single bytes");
    whole
}

fn ends_connection(before: &[u8], bytes: &[u8], code: Code) {
    let seen = read_after(before, bytes);
    assert_eq!(seen.last(), Some(&Seen::Broken { code }), "{bytes:?}");
    // GOAWAY is the last word, and nothing is read behind it.
    let mut rig = Rig::open(bounds());
    rig.read(&[before, bytes].concat());
    let said = rig.said();
    let (head, payload) = said.last().unwrap();
    assert_eq!((head.kind, head.stream), (Kind::GOAWAY, 0));
    assert_eq!(payload[4..8], code.0.to_be_bytes());
    assert_eq!(rig.read(&get(1001)), []);
    assert!(rig.said().is_empty() && rig.connection.is_broken());
}

fn ends_stream(before: &[u8], bytes: &[u8], stream: u32, code: Code) {
    let seen = read_after(before, bytes);
    assert_eq!(seen.last(), Some(&Seen::Failed { stream, code }), "{bytes:?}");
    let mut rig = Rig::open(bounds());
    rig.read(&[before, bytes].concat());
    let resets: Vec<_> = rig
        .said()
        .into_iter()
        .filter(|(head, _)| head.kind == Kind::RST_STREAM)
        .collect();
    assert_eq!(resets.len(), 1);
    assert_eq!(
        (resets[0].0.stream, &resets[0].1[..]),
        (stream, &code.0.to_be_bytes()[..])
    );
    // The connection goes on.
    assert!(matches!(rig.read(&get(1001))[..], [Seen::Request { stream: 1001, .. }]));
}

/// Nothing ends, and nothing is told.
fn ends_nothing(before: &[u8], bytes: &[u8]) {
    assert_eq!(read_after(before, bytes), [], "{bytes:?}");
    let mut rig = Rig::open(bounds());
    rig.read(&[before, bytes].concat());
    assert!(matches!(rig.read(&get(1001))[..], [Seen::Request { stream: 1001, .. }]));
}

#[test]
fn section_3_4_a_connection_begins_with_the_preface_and_settings() {
    let begin = |bytes: &[u8]| {
        let mut rig = Rig::new(bounds());
        rig.out.clear();
        (rig.read(bytes), rig.said())
    };
    let broken = vec![Seen::Broken {
        code: Code::PROTOCOL_ERROR,
    }];
    assert_eq!(begin(b"GET / HTTP/1.1\r\n\r\n").0, broken);
    assert_eq!(begin(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx").0, broken);
    assert_eq!(begin(b"PRI * HTTP/2.0\r\n").0, []);
    assert_eq!(begin(&[PREFACE, &get(1)[..]].concat()).0, broken);
    let acknowledgement = frame(Kind::SETTINGS, flag::ACK, 0, b"");
    assert_eq!(begin(&[PREFACE, &acknowledgement[..]].concat()).0, broken);
    let (seen, said) = begin(&hello());
    assert_eq!(seen, [Seen::Other(Event::Settings)]);
    assert_eq!(
        (said.len(), said[0].0.kind, said[0].0.flags),
        (1, Kind::SETTINGS, flag::ACK)
    );
}

#[test]
fn section_3_4_this_side_begins_with_settings_and_the_rest_of_its_window() {
    let said = Rig::new(bounds()).said();
    assert_eq!((said[0].0.kind, said[0].0.flags), (Kind::SETTINGS, 0));
    assert_eq!(
        said[0].1,
        [0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0x86, 0xa0, 0, 6, 0, 0, 0x40, 0]
    );
    assert_eq!((said[1].0.kind, said[1].0.stream), (Kind::WINDOW_UPDATE, 0));
    assert_eq!(said[1].1, (200_000u32 - 65_535).to_be_bytes());
}

#[test]
fn section_4_1_frames_settings_and_flags_that_nobody_knows_are_ignored() {
    for kind in [0x0b, 0x21, 0x40, 0xff] {
        for stream in [0, 1, 2, 77] {
            ends_nothing(b"", &frame(Kind(kind), 0xff, stream, b"grease"));
        }
    }
    assert_eq!(
        read(&settings(&[(0x0a0a, 1), (0xfafa, u32::MAX)])),
        [Seen::Other(Event::Settings)]
    );
    assert_eq!(read(&frame(Kind::PING, 0xfe, 0, b"12345678")), []);
}

#[test]
fn section_4_2_a_frame_is_no_longer_than_what_was_allowed() {
    let long = vec![0; 16_385];
    for (kind, stream) in [
        (Kind::DATA, 1),
        (Kind::HEADERS, 3),
        (Kind::SETTINGS, 0),
        (Kind(0xee), 0),
    ] {
        ends_connection(&post(1, &[]), &frame(kind, 0, stream, &long), Code::FRAME_SIZE_ERROR);
    }
}

#[test]
fn section_4_3_a_field_block_that_cannot_be_read_ends_the_connection() {
    let unreadable = frame(Kind::HEADERS, flag::END_HEADERS, 1, &[0x80]);
    ends_connection(b"", &unreadable, Code::COMPRESSION_ERROR);
    // On a stream that is dropped, too.
    let mut rig = Rig::open(bounds());
    rig.read(&post(1, &[]));
    rig.connection.reset(1, Code::CANCEL, &mut rig.out);
    let seen = rig.read(&unreadable);
    assert_eq!(
        seen,
        [Seen::Broken {
            code: Code::COMPRESSION_ERROR
        }]
    );
}

#[test]
fn section_6_10_a_field_block_is_continued_by_nothing_else() {
    let whole = block(GET);
    let first = frame(Kind::HEADERS, flag::END_STREAM, 1, &whole[..3]);
    for other in [
        data(1, false, b"x"),
        frame(Kind::PING, 0, 0, b"12345678"),
        frame(Kind(0xee), 0, 0, b""),
        get(3),
        frame(Kind::CONTINUATION, flag::END_HEADERS, 3, &whole[3..]),
    ] {
        ends_connection(&first, &other, Code::PROTOCOL_ERROR);
    }
    ends_connection(
        b"",
        &frame(Kind::CONTINUATION, flag::END_HEADERS, 1, b""),
        Code::PROTOCOL_ERROR,
    );
    ends_connection(
        &get(1),
        &frame(Kind::CONTINUATION, flag::END_HEADERS, 1, b""),
        Code::PROTOCOL_ERROR,
    );
    let mut parts = first;
    for byte in &whole[3..] {
        parts.extend(frame(Kind::CONTINUATION, 0, 1, &[*byte]));
    }
    parts.extend(frame(Kind::CONTINUATION, flag::END_HEADERS, 1, b""));
    let mut many = bounds();
    many.continuations = 100;
    let mut rig = Rig::open(many);
    let seen = rig.read(&parts);
    assert!(matches!(&seen[..], [Seen::Request { stream: 1, end: true, head }] if head.len() == 4));
}

#[test]
fn e27_a_field_block_that_goes_on_and_on_ends_the_connection_within_its_bounds() {
    let calm = [Seen::Broken {
        code: Code::ENHANCE_YOUR_CALM,
    }];
    let mut rig = Rig::open(bounds());
    assert_eq!(rig.read(&frame(Kind::HEADERS, 0, 1, &[0x90; 16_000])), []);
    assert_eq!(rig.read(&frame(Kind::CONTINUATION, 0, 1, &[0x90; 16_000])), []);
    assert!(rig.connection.memory() < 70_000);
    assert_eq!(rig.read(&frame(Kind::CONTINUATION, 0, 1, &[0x90; 16_000])), calm);
    assert!(rig.connection.memory() < 1000);
    let mut rig = Rig::open(bounds());
    rig.read(&frame(Kind::HEADERS, 0, 1, b""));
    for _ in 0..16 {
        assert_eq!(rig.read(&frame(Kind::CONTINUATION, 0, 1, b"")), []);
    }
    assert_eq!(rig.read(&frame(Kind::CONTINUATION, 0, 1, b"")), calm);
}

#[test]
fn e27_a_list_that_is_too_large_is_told_and_the_next_one_is_read() {
    let mut fields = block(GET);
    // What stands for a field of 4,000 bytes, fifty times.
    fields.extend(large_field());
    fields.extend([0xbe; 50]);
    let mut rig = Rig::open(bounds());
    let seen = rig.read(&frame(Kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &fields));
    assert_eq!(seen, [Seen::TooLarge { stream: 1 }]);
    assert!(rig.list.bytes.capacity() < 64 * 1024);
    let mut next = block(GET);
    next.push(0xbe);
    let seen = rig.read(&frame(Kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 3, &next));
    assert!(
        matches!(&seen[..], [Seen::Request { stream: 3, head, .. }] if head[4].1.len() == 4000),
        "{seen:?}"
    );
}

/// One of 4,000 bytes that the table keeps: `0xbe` stands for it then.
fn large_field() -> Vec<u8> {
    [&b"\x40\x01a\x7f\xa1\x1e"[..], &[b'x'; 4000]].concat()
}

#[test]
fn e27_what_stands_for_many_times_the_limits_ends_the_connection_wherever_it_comes() {
    let seed = [block(GET), large_field()].concat();
    let end = flag::END_HEADERS | flag::END_STREAM;
    let bomb = |flags, stream| frame(Kind::HEADERS, flags, stream, &[0xbe; 1000]);
    let upload = frame(Kind::HEADERS, flag::END_HEADERS, 1, &seed);
    // Trailers.
    ends_connection(&upload, &bomb(end, 1), Code::ENHANCE_YOUR_CALM);
    // Of a stream that was reset, whose frames are ignored.
    let reset = [&upload[..], &window_update(1, 0)].concat();
    ends_connection(&reset, &bomb(flag::END_HEADERS, 1), Code::ENHANCE_YOUR_CALM);
    // Of one that is beyond the limit of streams, and refused.
    let others: Vec<u8> = (1..100).flat_map(|number| post(2 * number + 1, &[])).collect();
    ends_connection(
        &[&upload[..], &others].concat(),
        &bomb(end, 201),
        Code::ENHANCE_YOUR_CALM,
    );
}

#[test]
fn section_5_1_idle_streams_begin_with_headers() {
    for stream in [1, 2, 7] {
        for first in [data(stream, true, b"x"), rst_stream(stream), window_update(stream, 1)] {
            ends_connection(b"", &first, Code::PROTOCOL_ERROR);
        }
        ends_nothing(b"", &frame(Kind::PRIORITY, 0, stream, &[0, 0, 0, 99, 1]));
    }
}

#[test]
fn section_5_1_a_stream_whose_client_has_ended_it_takes_no_more_of_it() {
    ends_stream(&get(1), &data(1, false, b"x"), 1, Code::STREAM_CLOSED);
    ends_stream(&get(1), &headers(1, true, &[("x", "y")]), 1, Code::STREAM_CLOSED);
    ends_nothing(&get(1), &window_update(1, 1));
    ends_nothing(&get(1), &frame(Kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 1]));
    let reset = Seen::Reset {
        stream: 1,
        code: Code::CANCEL,
    };
    assert_eq!(read_after(&get(1), &rst_stream(1)), [reset]);
}

#[test]
fn section_5_1_a_stream_that_has_ended_on_both_sides_is_closed() {
    let ended = || {
        let mut rig = Rig::open(bounds());
        rig.read(&get(1));
        rig.connection.send_head(1, 200, true, &mut rig.out, |_| {}).unwrap();
        assert_eq!(rig.connection.open_streams(), 0);
        rig
    };
    for late in [data(1, true, b""), headers(1, true, GET)] {
        let closed = Seen::Broken {
            code: Code::STREAM_CLOSED,
        };
        assert_eq!(ended().read(&late), [closed]);
    }
    for late in [window_update(1, 1), window_update(1, 0), rst_stream(1)] {
        assert_eq!(ended().read(&late), []);
    }
    let closed = Code::STREAM_CLOSED;
    ends_connection(&[get(1), rst_stream(1)].concat(), &data(1, true, b""), closed);
    ends_connection(&[get(1), rst_stream(1)].concat(), &headers(1, true, GET), closed);
    ends_nothing(&[get(1), rst_stream(1)].concat(), &rst_stream(1));
}

#[test]
fn section_5_1_what_was_on_its_way_to_a_stream_that_this_side_has_reset_is_dropped() {
    let mut rig = Rig::open(bounds());
    rig.read(&post(1, &[("content-length", "5")]));
    rig.read(&data(1, false, b"hello"));
    rig.connection.reset(1, Code::CANCEL, &mut rig.out);
    assert_eq!(rig.connection.received(), (0, 199_995));
    for late in [data(1, false, &[0; 1000]), window_update(1, 0), window_update(1, 7)] {
        assert_eq!(rig.read(&late), []);
    }
    assert_eq!(rig.read(&headers(1, true, &[("x", "y")])), []);
    assert_eq!(rig.connection.received().0, 0);
    // Nothing more was on its way behind the end.
    let late = rig.read(&headers(1, true, &[("x", "y")]));
    assert_eq!(
        late,
        [Seen::Broken {
            code: Code::PROTOCOL_ERROR
        }]
    );
}

#[test]
fn section_5_1_a_stream_may_be_reset_between_two_parts_of_a_frame() {
    let mut rig = Rig::open(bounds());
    rig.read(&post(1, &[]));
    let frame = data(1, true, &[b'x'; 1000]);
    rig.read(&frame[..500]);
    rig.connection.reset(1, Code::CANCEL, &mut rig.out);
    rig.out.clear();
    assert_eq!(rig.read(&frame[500..]), []);
    assert_eq!(rig.connection.received(), (0, 199_000));
    assert!(rig.said().is_empty());
    assert!(matches!(rig.read(&get(3))[..], [Seen::Request { .. }]));
}

#[test]
fn section_5_1_1_numbers_of_streams_are_odd_and_grow() {
    ends_connection(b"", &get(2), Code::PROTOCOL_ERROR);
    ends_connection(&get(5), &get(3), Code::PROTOCOL_ERROR);
    assert!(matches!(
        read_after(&get(5), &get(77))[..],
        [Seen::Request { stream: 77, .. }]
    ));
}

#[test]
fn section_5_1_2_streams_beyond_the_limit_are_refused_and_count_again_when_others_end() {
    let mut rig = Rig::open(bounds());
    for number in 0..100 {
        assert_eq!(rig.read(&get(1 + 2 * number)).len(), 1);
    }
    rig.out.clear();
    assert_eq!(rig.read(&[post(201, &[]), data(201, true, b"x")].concat()), []);
    let said = rig.said();
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].0.kind, said[0].0.stream), (Kind::RST_STREAM, 201));
    assert_eq!(said[0].1, Code::REFUSED_STREAM.0.to_be_bytes());
    assert_eq!(
        (rig.connection.counts().refused, rig.connection.open_streams()),
        (1, 100)
    );
    rig.read(&rst_stream(1));
    assert_eq!(rig.read(&get(203)).len(), 1);
}

#[test]
fn section_6_1_padding_is_no_data_and_counts_for_the_windows() {
    let mut rig = Rig::open(bounds());
    rig.read(&post(1, &[("content-length", "5")]));
    let mut payload = b"\x07hello".to_vec();
    payload.extend([0; 7]);
    let seen = rig.read(&frame(Kind::DATA, flag::PADDED | flag::END_STREAM, 1, &payload));
    let hello = Seen::Data {
        stream: 1,
        data: b"hello".to_vec(),
        end: true,
    };
    assert_eq!(seen, std::slice::from_ref(&hello));
    assert_eq!(rig.connection.received(), (5, 200_000 - 13));
    // In single bytes, too.
    let seen = read_after(
        &post(1, &[]),
        &frame(Kind::DATA, flag::PADDED | flag::END_STREAM, 1, &payload),
    );
    assert_eq!(seen, [hello]);
    let all_padding = frame(Kind::DATA, flag::PADDED, 1, b"\x06\0\0\0\0\0\0");
    assert_eq!(read_after(&post(1, &[]), &all_padding), []);
    let too_long = frame(Kind::DATA, flag::PADDED, 1, b"\x07\0\0\0\0\0\0");
    ends_connection(&post(1, &[]), &too_long, Code::PROTOCOL_ERROR);
    ends_connection(
        &post(1, &[]),
        &frame(Kind::DATA, flag::PADDED, 1, b""),
        Code::FRAME_SIZE_ERROR,
    );
}

#[test]
fn section_6_2_headers_have_padding_and_priority() {
    let mut payload = vec![3, 0x80, 0, 0, 0, 9];
    payload.extend(block(GET));
    payload.extend([0; 3]);
    let flags = flag::END_HEADERS | flag::END_STREAM | flag::PADDED | flag::PRIORITY;
    assert!(matches!(
        read(&frame(Kind::HEADERS, flags, 1, &payload))[..],
        [Seen::Request { end: true, .. }]
    ));
    ends_connection(
        b"",
        &frame(Kind::HEADERS, flags, 1, b"\x09abcdefgh"),
        Code::PROTOCOL_ERROR,
    );
    ends_connection(b"", &frame(Kind::HEADERS, flags, 1, b"\x00abc"), Code::FRAME_SIZE_ERROR);
    // RFC 7540 §5.3.1.
    payload[4] = 1;
    let seen = read(&frame(Kind::HEADERS, flags, 1, &payload));
    assert!(matches!(
        seen[..],
        [Seen::Malformed {
            stream: 1,
            why: "a stream depends on itself"
        }]
    ));
}

#[test]
fn section_6_3_priority_ends_its_stream_by_its_length_or_by_depending_on_itself() {
    for (payload, code) in [
        (&[0, 0, 0, 9][..], Code::FRAME_SIZE_ERROR),
        (&[0, 0, 0, 9, 1, 1], Code::FRAME_SIZE_ERROR),
        (&[0, 0, 0, 1, 1], Code::PROTOCOL_ERROR),
    ] {
        let priority = frame(Kind::PRIORITY, 0, 1, payload);
        ends_stream(&post(1, &[]), &priority, 1, code);
        // A stream that was not begun cannot be reset.
        ends_connection(b"", &priority, code);
        ends_nothing(&[get(1), rst_stream(1)].concat(), &priority);
    }
    ends_connection(
        b"",
        &frame(Kind::PRIORITY, 0, 0, &[0, 0, 0, 9, 1]),
        Code::PROTOCOL_ERROR,
    );
}

#[test]
fn section_6_4_to_6_9_lengths_and_streams_of_control_frames() {
    let size = Code::FRAME_SIZE_ERROR;
    ends_connection(&get(1), &frame(Kind::RST_STREAM, 0, 1, b"123"), size);
    ends_connection(b"", &frame(Kind::RST_STREAM, 0, 0, b"1234"), Code::PROTOCOL_ERROR);
    ends_connection(b"", &frame(Kind::SETTINGS, flag::ACK, 0, b"123456"), size);
    ends_connection(b"", &frame(Kind::SETTINGS, 0, 0, b"12345"), size);
    ends_connection(b"", &frame(Kind::SETTINGS, 0, 1, b""), Code::PROTOCOL_ERROR);
    ends_connection(b"", &frame(Kind::PING, 0, 0, b"1234567"), size);
    ends_connection(b"", &frame(Kind::PING, 0, 1, b"12345678"), Code::PROTOCOL_ERROR);
    ends_connection(b"", &frame(Kind::GOAWAY, 0, 0, b"1234567"), size);
    ends_connection(b"", &frame(Kind::GOAWAY, 0, 1, b"12345678"), Code::PROTOCOL_ERROR);
    ends_connection(b"", &frame(Kind::WINDOW_UPDATE, 0, 0, b"123"), size);
    ends_connection(b"", &frame(Kind::PUSH_PROMISE, 4, 1, b"12345"), Code::PROTOCOL_ERROR);
    ends_connection(b"", &settings(&[(2, 2)]), Code::PROTOCOL_ERROR);
    ends_connection(b"", &settings(&[(4, 1 << 31)]), Code::FLOW_CONTROL_ERROR);
    ends_connection(b"", &settings(&[(5, 1)]), Code::PROTOCOL_ERROR);
}

#[test]
fn section_6_7_a_ping_is_answered_and_an_answer_is_told() {
    let mut rig = Rig::open(bounds());
    assert_eq!(rig.read(&frame(Kind::PING, 0, 0, b"12345678")), []);
    let said = rig.said();
    assert_eq!((said[0].0.flags, &said[0].1[..]), (flag::ACK, &b"12345678"[..]));
    let pong = rig.read(&frame(Kind::PING, flag::ACK, 0, b"abcdefgh"));
    assert_eq!(pong, [Seen::Other(Event::Pong(*b"abcdefgh"))]);
    assert!(rig.said().is_empty());
}

#[test]
fn section_6_8_goaway_twice_and_streams_behind_the_last_are_dropped() {
    let mut rig = Rig::open(bounds());
    rig.read(&post(1, &[]));
    rig.connection.announce_end(&mut rig.out);
    rig.connection.announce_end(&mut rig.out);
    assert!(matches!(rig.read(&get(3))[..], [Seen::Request { .. }]));
    rig.connection.end(Code::NO_ERROR, &mut rig.out);
    let said = rig.said();
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].1[..4], MAX_WINDOW.to_be_bytes());
    assert_eq!(said[1].1[..4], 3u32.to_be_bytes());
    // Streams behind it are no streams, and what comes of them leaves nothing; those before go on.
    let late = [
        post(5, &[]),
        data(5, false, &[0; 100]),
        window_update(5, 9),
        rst_stream(5),
    ]
    .concat();
    assert_eq!(rig.read(&late), []);
    assert!(rig.said().is_empty());
    assert_eq!(rig.connection.received().0, 0);
    assert!(matches!(
        rig.read(&data(1, true, b"x"))[..],
        [Seen::Data { end: true, .. }]
    ));
    for stream in [1, 3] {
        assert!(!rig.connection.is_over());
        rig.connection
            .send_head(stream, 200, true, &mut rig.out, |_| {})
            .unwrap();
    }
    assert!(rig.connection.is_over());
    let goaway = Event::Goaway { last: 0, code: Code(9) };
    let seen = rig.read(&frame(Kind::GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 9, b'x']));
    assert_eq!(seen, [Seen::Other(goaway)]);
}

#[test]
fn section_6_9_an_update_of_nothing_ends_its_stream_or_the_connection() {
    ends_stream(&get(1), &window_update(1, 0), 1, Code::PROTOCOL_ERROR);
    ends_connection(b"", &window_update(0, 0), Code::PROTOCOL_ERROR);
}

#[test]
fn section_6_9_1_a_window_is_no_larger_than_2_to_31_less_one() {
    ends_stream(&get(1), &window_update(1, MAX_WINDOW), 1, Code::FLOW_CONTROL_ERROR);
    ends_connection(b"", &window_update(0, MAX_WINDOW), Code::FLOW_CONTROL_ERROR);
    // RFC 9113 §6.9.2: by settings, too.
    let before = [get(1), window_update(1, 1 << 30)].concat();
    ends_connection(&before, &settings(&[(4, MAX_WINDOW)]), Code::FLOW_CONTROL_ERROR);
}

#[test]
fn section_6_9_data_beyond_a_window_ends_its_stream_or_the_connection() {
    let mut before = post(1, &[]);
    for _ in 0..100 {
        before.extend(data(1, false, &[0; 1000]));
    }
    ends_stream(&before, &data(1, false, b"x"), 1, Code::FLOW_CONTROL_ERROR);
    before.extend(post(3, &[]));
    for _ in 0..100 {
        before.extend(data(3, false, &[0; 1000]));
    }
    before.extend(post(5, &[]));
    ends_connection(&before, &data(5, false, b"x"), Code::FLOW_CONTROL_ERROR);
}

#[test]
fn section_6_9_windows_grow_again_as_data_is_released() {
    let mut rig = Rig::open(bounds());
    rig.read(&post(1, &[]));
    for _ in 0..100 {
        rig.read(&data(1, false, &[0; 1000]));
    }
    assert!(rig.said().is_empty());
    rig.connection.release(1, 49_999, &mut rig.out);
    assert!(rig.said().is_empty());
    rig.connection.release(1, 1, &mut rig.out);
    let said = rig.said();
    assert_eq!(
        (said.len(), said[0].0.stream, &said[0].1[..]),
        (1, 1, &50_000u32.to_be_bytes()[..])
    );
    rig.connection.release(1, 50_000, &mut rig.out);
    let streams: Vec<_> = rig.said().iter().map(|(head, _)| head.stream).collect();
    assert_eq!(streams, [1, 0]);
    assert_eq!(rig.connection.received(), (0, 200_000));
}

#[test]
fn section_6_9_uploads_that_stand_still_do_not_keep_others_from_moving() {
    let mut rig = Rig::open(bounds());
    let upload = |rig: &mut Rig, stream, kilobytes| {
        rig.read(&post(stream, &[]));
        for _ in 0..kilobytes {
            assert_eq!(rig.read(&data(stream, false, &[0; 1000])).len(), 1);
        }
    };
    // Nobody takes these.
    upload(&mut rig, 1, 100);
    upload(&mut rig, 3, 50);
    upload(&mut rig, 5, 50);
    rig.connection.release(5, 50_000, &mut rig.out);
    let streams: Vec<_> = rig.said().iter().map(|(head, _)| head.stream).collect();
    assert_eq!(streams, [5, 0]);
    assert_eq!(rig.connection.received(), (150_000, 50_000));
}

#[test]
fn section_6_9_2_a_smaller_window_holds_once_it_is_acknowledged() {
    let mut small = bounds();
    small.settings.initial_window_size = 1000;
    let mut rig = Rig::open(small);
    rig.read(&post(1, &[]));
    assert_eq!(rig.read(&data(1, false, &[0; 10_000])).len(), 1);
    rig.read(&frame(Kind::SETTINGS, flag::ACK, 0, b""));
    assert!(rig.connection.is_acknowledged());
    let beyond = Seen::Failed {
        stream: 1,
        code: Code::FLOW_CONTROL_ERROR,
    };
    assert_eq!(rig.read(&data(1, false, b"x")), [beyond]);
    rig.read(&post(3, &[]));
    assert_eq!(rig.read(&data(3, false, &[0; 1000])).len(), 1);
    assert!(matches!(rig.read(&data(3, false, b"x"))[..], [Seen::Failed { .. }]));
}

#[test]
fn section_6_9_2_what_may_be_sent_follows_the_clients_settings() {
    let mut rig = Rig::open(bounds());
    rig.read(&get(1));
    rig.connection.send_head(1, 200, false, &mut rig.out, |_| {}).unwrap();
    assert_eq!(
        rig.connection.send_data(1, &[0; 10_000], false, &mut rig.out),
        Ok(10_000)
    );
    rig.read(&settings(&[(4, 5000)]));
    assert_eq!(rig.connection.room(1), 0);
    assert_eq!(rig.read(&window_update(1, 5000)), []);
    assert_eq!(rig.read(&window_update(1, 1)), [Seen::Other(Event::Room { stream: 1 })]);
    assert_eq!(rig.connection.room(1), 1);
    rig.read(&settings(&[(4, MAX_WINDOW - 10_000)]));
    assert_eq!(rig.connection.room(1), 55_535);
    assert_eq!(
        rig.connection.send_data(1, &[0; 100_000], true, &mut rig.out),
        Ok(55_535)
    );
    assert_eq!(rig.connection.send_data(1, &[0; 1], true, &mut rig.out), Ok(0));
    assert_eq!(rig.read(&window_update(0, 1)), [Seen::Other(Event::Room { stream: 0 })]);
    assert_eq!(rig.connection.send_data(1, &[0; 1], true, &mut rig.out), Ok(1));
    assert_eq!(rig.connection.open_streams(), 0);
}

#[test]
fn section_8_1_trailers_end_a_request() {
    let before = [post(1, &[("content-length", "1")]), data(1, false, b"x")].concat();
    let seen = read_after(&before, &headers(1, true, &[("x-sum", "1")]));
    let trailers = Seen::Trailers {
        stream: 1,
        fields: vec![("x-sum".to_owned(), "1".to_owned())],
    };
    assert_eq!(seen, [trailers]);
    let malformed = Code::PROTOCOL_ERROR;
    ends_stream(&before, &headers(1, false, &[("x-sum", "1")]), 1, malformed);
    ends_stream(&before, &headers(1, true, &[(":path", "/")]), 1, malformed);
    ends_stream(&before, &headers(1, true, &[("connection", "close")]), 1, malformed);
    ends_stream(&before, &headers(1, true, &[("X-Sum", "1")]), 1, malformed);
}

#[test]
fn f3_a_malformed_request_is_told_and_ends_nobody_else() {
    for (fields, why) in [
        (&[("X-A", "b")][..], "uppercase letter in a field name"),
        (
            &[("connection", "close")],
            "field that speaks of an HTTP/1.1 connection",
        ),
        (&[("te", "gzip")], "TE is not `trailers`"),
        (&[("x", "a\rb")], "control character in a field value"),
        (&[("x", " a")], "field value begins or ends with white space"),
        (&[(":path", "/again")], "the same pseudo-header field twice"),
        (&[(":other", "x")], "unknown pseudo-header field"),
    ] {
        let fields: Vec<_> = GET.iter().chain(fields).copied().collect();
        let seen = read(&[headers(1, true, &fields), get(3)].concat());
        assert_eq!(seen[0], Seen::Malformed { stream: 1, why });
        assert!(matches!(seen[1], Seen::Request { stream: 3, .. }));
    }
    // It may get an answer before it is reset.
    let mut rig = Rig::open(bounds());
    let head = [(":method", "GET"), (":scheme", "https"), (":path", "/caf\u{e9}\n")];
    let seen = rig.read(&headers(1, false, &head));
    assert_eq!(
        seen,
        [Seen::Malformed {
            stream: 1,
            why: "`:path` is no path"
        }]
    );
    rig.connection.send_head(1, 400, true, &mut rig.out, |_| {}).unwrap();
    rig.connection.reset(1, Code::PROTOCOL_ERROR, &mut rig.out);
    let kinds: Vec<_> = rig.said().iter().map(|(head, _)| head.kind).collect();
    assert_eq!(kinds, [Kind::HEADERS, Kind::RST_STREAM]);
    // Bytes beyond ASCII are no fault.
    let head = [(":method", "GET"), (":scheme", "https"), (":path", "/caf\u{e9}?\"<>")];
    assert!(matches!(rig.read(&headers(3, true, &head))[..], [Seen::Request { .. }]));
}

#[test]
fn e10_content_that_is_not_as_long_as_was_announced_ends_its_stream() {
    let five = post(1, &[("content-length", "5")]);
    let code = Code::PROTOCOL_ERROR;
    ends_stream(&five, &data(1, true, b"four"), 1, code);
    ends_stream(&five, &data(1, false, b"sixsix"), 1, code);
    ends_stream(
        &[&five[..], &data(1, false, b"hello")].concat(),
        &data(1, false, b"x"),
        1,
        code,
    );
    ends_stream(&five, &headers(1, true, &[("x", "y")]), 1, code);
    let whole = [data(1, false, b"he"), data(1, true, b"llo")].concat();
    assert!(matches!(&read_after(&five, &whole)[..], [Seen::Data { data, end: true, .. }] if data == b"hello"));
    let all: Vec<_> = GET.iter().chain(&[("content-length", "5")]).copied().collect();
    assert!(matches!(
        read(&headers(1, true, &all))[..],
        [Seen::Malformed { stream: 1, .. }]
    ));
}

#[test]
fn rfc_8441_extended_connect_where_it_is_offered() {
    let fields = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", "a"),
        (":path", "/chat"),
    ];
    assert!(matches!(
        read(&headers(1, false, &fields))[..],
        [Seen::Malformed { .. }]
    ));
    let mut offers = bounds();
    offers.settings.enable_connect_protocol = true;
    let mut rig = Rig::open(offers);
    let seen = rig.read(&headers(1, false, &fields));
    assert!(matches!(&seen[..], [Seen::Request { head, end: false, .. }] if head[4].1 == "websocket"));
    assert_eq!(rig.read(&data(1, false, b"frame")).len(), 1);
    // RFC 9113 §8.5: what follows is data alone.
    let failed = Seen::Failed {
        stream: 1,
        code: Code::PROTOCOL_ERROR,
    };
    assert_eq!(rig.read(&headers(1, true, &[("x-sum", "1")])), [failed]);
}

#[test]
fn rfc_9218_what_a_client_says_of_the_order_is_told() {
    let update = |stream: u32, value: &[u8]| {
        let payload = [&stream.to_be_bytes()[..], value].concat();
        frame(Kind::PRIORITY_UPDATE, 0, 0, &payload)
    };
    let told = Seen::Other(Event::Priority {
        stream: 1,
        priority: Priority {
            urgency: 1,
            incremental: true,
        },
    });
    assert_eq!(read(&update(1, b"u=1, i")), std::slice::from_ref(&told));
    assert_eq!(read_after(&post(1, &[]), &update(1, b"u=1, i")), [told]);
    ends_nothing(&[get(1), rst_stream(1)].concat(), &update(1, b"u=1"));
    ends_connection(b"", &update(0, b"u=1"), Code::PROTOCOL_ERROR);
    ends_connection(b"", &update(2, b"u=1"), Code::PROTOCOL_ERROR);
    ends_connection(b"", &frame(Kind::PRIORITY_UPDATE, 0, 0, b"123"), Code::FRAME_SIZE_ERROR);
    ends_connection(b"", &frame(Kind::PRIORITY_UPDATE, 0, 1, b"1234"), Code::PROTOCOL_ERROR);
}

#[test]
fn e27_floods_are_counted_and_leave_nothing_behind() {
    let mut rig = Rig::open(bounds());
    for number in 0..1000 {
        rig.read(&[get(1 + 2 * number), rst_stream(1 + 2 * number)].concat());
        rig.read(&settings(&[(4, number)]));
        rig.read(&frame(Kind::PING, 0, 0, b"12345678"));
        rig.read(&frame(Kind::PRIORITY, 0, 9, &[0, 0, 0, 3, 1]));
        rig.read(&frame(Kind(0xee), 0, 0, b"x"));
        rig.read(&window_update(0, 1));
    }
    rig.read(&post(2001, &[]));
    for _ in 0..1000 {
        rig.read(&data(2001, false, b""));
    }
    // A fault that makes this side reset.
    for number in 0..1000 {
        rig.read(&[get(2003 + 2 * number), window_update(2003 + 2 * number, 0)].concat());
    }
    let counts = rig.connection.counts();
    assert_eq!((counts.requests, counts.resets, counts.failed), (2001, 1000, 1000));
    assert_eq!((counts.settings, counts.pings, counts.priorities), (1001, 1000, 1000));
    assert_eq!(
        (counts.unknown, counts.window_updates, counts.empty),
        (1000, 2000, 1000)
    );
    assert_eq!(rig.connection.open_streams(), 1);
    assert!(rig.connection.memory() < 1500, "{}", rig.connection.memory());
}

fn none(_: &mut Fields<'_>) {}

#[test]
fn section_8_1_answers_are_interim_heads_a_head_data_and_trailers() {
    let mut rig = Rig::open(bounds());
    rig.read(&get(1));
    let out = &mut rig.out;
    assert_eq!(rig.connection.send_data(1, b"x", false, out), Err(NotSent::OutOfTurn));
    rig.connection
        .send_head(1, 103, true, out, |fields| fields.add(b"link", b"</a>", Indexing::Pass))
        .unwrap();
    rig.connection.send_head(1, 103, false, out, none).unwrap();
    rig.connection.send_head(1, 200, false, out, none).unwrap();
    assert_eq!(
        rig.connection.send_head(1, 200, false, out, none),
        Err(NotSent::OutOfTurn)
    );
    assert_eq!(
        rig.connection.send_head(1, 103, false, out, none),
        Err(NotSent::OutOfTurn)
    );
    assert_eq!(rig.connection.send_data(1, b"hello", false, out), Ok(5));
    rig.connection
        .send_trailers(1, out, |fields| fields.add(b"x-sum", b"5", Indexing::Pass))
        .unwrap();
    assert_eq!(rig.connection.send_trailers(1, out, none), Err(NotSent::Gone));
    assert_eq!(rig.connection.send_data(1, b"x", true, out), Err(NotSent::Gone));
    assert_eq!(rig.connection.send_head(3, 200, true, out, none), Err(NotSent::Gone));
    let said: Vec<_> = rig.said().iter().map(|(head, _)| (head.kind.0, head.flags)).collect();
    assert_eq!(said, [(1, 4), (1, 4), (1, 4), (0, 0), (1, 5)]);
}

/// RFC 7541 §4.2: "the smallest maximum table size that occurs in that interval MUST be signaled", also when it occurs within a frame.
#[test]
fn section_6_5_3_a_table_that_is_emptied_and_grown_by_one_frame_is_said_to_be() {
    for told in [
        settings(&[(1, 0), (1, 4096)]),
        [settings(&[(1, 0)]), settings(&[(1, 4096)])].concat(),
    ] {
        let mut rig = Rig::open(bounds());
        rig.read(&[&told[..], &get(1)].concat());
        rig.out.clear();
        rig.connection.send_head(1, 200, true, &mut rig.out, none).unwrap();
        assert_eq!(rig.said()[0].1[..4], [0x20, 0x3f, 0xe1, 0x1f]);
    }
}

#[test]
fn section_6_10_a_head_that_is_too_long_for_a_frame_is_continued() {
    let mut rig = Rig::open(bounds());
    rig.read(&get(1));
    let long = "#".repeat(20_000);
    rig.connection
        .send_head(1, 200, true, &mut rig.out, |fields| {
            fields.add(b"x-a", long.as_bytes(), Indexing::Keep);
            fields.add(b"x-b", long.as_bytes(), Indexing::Never);
        })
        .unwrap();
    let said = rig.said();
    let shape: Vec<_> = said
        .iter()
        .map(|(head, _)| (head.kind.0, head.flags, head.length))
        .collect();
    assert_eq!(shape[0], (1, flag::END_STREAM, 16_384));
    assert_eq!(shape[1], (9, 0, 16_384));
    assert_eq!((shape.len(), shape[2].0, shape[2].1), (3, 9, flag::END_HEADERS));
}

#[test]
fn section_4_1_nothing_stands_between_a_head_and_its_data() {
    let mut rig = Rig::open(bounds());
    rig.read(&post(1, &[]));
    for _ in 0..100 {
        rig.read(&data(1, false, &[0; 1000]));
    }
    rig.read(&data(1, true, b""));
    rig.connection.send_head(1, 200, false, &mut rig.out, none).unwrap();
    // The end of the stream gives the window back that its upload has held.
    rig.connection.send_data(1, b"hello", true, &mut rig.out).unwrap();
    let said = rig.said();
    let kinds: Vec<_> = said.iter().map(|(head, _)| head.kind).collect();
    assert_eq!(kinds, [Kind::HEADERS, Kind::WINDOW_UPDATE, Kind::DATA]);
    assert_eq!(said[2].1, b"hello");
}
