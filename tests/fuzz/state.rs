//! `state.json`: it is read as it was written, or refused; it is never guessed.

use greengate::model::state::State;

use crate::fuzz;

const WORDS: &[&[u8]] = &[
    b"\"version\": 1,",
    b"\"version\": 2,",
    b"\"next_operation\": 18446744073709551615,",
    b"\"environments\": {},",
    b"\"live\": \"blue\",",
    b"\"live\": \"green\",",
    b"\"generation\": 0,",
    b"\"overrides\": {\"web\": {\"green\": {\"addresses\": [\"127.0.0.1:3005\"], \"file\": [\"127.0.0.1:3001\"]}}},",
    b"\"unix:/run/a b.sock\"",
    b"\"[::1]:80\"",
    b"\"previous\": null,",
    b"null",
    b"-1",
    b"1e400",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
];

#[test]
fn a_state_is_read_as_it_was_written_or_refused() {
    fuzz("state_file", WORDS, |bytes| match State::parse(bytes) {
        Ok(state) => {
            let written = state.written().expect("what was read can be written");
            assert_eq!(State::parse(&written).as_ref(), Ok(&state));
            assert_eq!(State::parse(&written).unwrap().written().as_ref(), Ok(&written));
            // A file that was torn is never another state.
            for end in (0..written.len() - 1).step_by(1 + written.len() / 200) {
                assert!(State::parse(&written[..end]).is_err(), "torn after {end} bytes");
            }
        }
        Err(why) => assert!(why.starts_with("is damaged") || why.starts_with("has version"), "{why}"),
    });
}
