//! HTTP/2: connections by the rules of RFC 9113, beside `h2`'s client and Python's `hpack`, and in interleavings that nobody would write.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests panic freely")]

#[path = "http2_codec/h2_client.rs"]
mod h2_client;
#[path = "http2_codec/interleaved.rs"]
mod interleaved;
#[path = "http2_codec/kit.rs"]
mod kit;
#[path = "http2_codec/python_side.rs"]
mod python_side;
#[path = "http2_codec/rules.rs"]
mod rules;
