//! HTTP/2: connections by the rules of RFC 9113.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests panic freely")]

#[path = "http2_codec/kit.rs"]
mod kit;
#[path = "http2_codec/rules.rs"]
mod rules;
