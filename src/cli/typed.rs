//! A password as it is typed: twice and unseen on a terminal, or as one line of standard input.

use std::io::{self, IsTerminal as _, Read, Stdin};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::exit::Stop;
use super::output;

/// What is read of standard input. Longer ones are refused by what a password may be.
const MOST: u64 = 4096;

/// Asks for a new password.
///
/// # Errors
/// When nobody typed one, or not the same one twice.
pub(super) fn password(user: &str) -> Result<Vec<u8>, Stop> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(stdin);
    }
    let unseen = Unseen::begin(stdin)?;
    let first = unseen.ask(&format!("Password for {}: ", output::text::escape(user)))?;
    let again = unseen.ask("Once more: ")?;
    if first == again {
        Ok(first)
    } else {
        Err(Stop::failed("the two differ; nothing was written"))
    }
}

/// One line, and nothing behind it.
fn line(stdin: Stdin) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    stdin
        .take(MOST)
        .read_to_end(&mut bytes)
        .map_err(|error| Stop::failed(format!("standard input cannot be read: {error}")))?;
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if bytes.contains(&b'\n') {
        return Err(Stop::usage(
            "standard input has more than one line; nothing was written",
        ));
    }
    Ok(bytes)
}

/// A terminal that shows nothing of what is typed, until this is dropped. Ctrl-C is read as a key: as a signal it would leave the
/// terminal without an echo.
struct Unseen {
    stdin: Stdin,
    before: Termios,
}

impl Unseen {
    fn begin(stdin: Stdin) -> Result<Self, Stop> {
        let silenced = tcgetattr(&stdin).and_then(|before| {
            let mut silent = before.clone();
            silent
                .local_modes
                .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
            tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
            Ok(before)
        });
        let before = silenced.map_err(|error| Stop::failed(format!("the terminal cannot be silenced: {error}")))?;
        Ok(Self { stdin, before })
    }

    fn ask(&self, prompt: &str) -> Result<Vec<u8>, Stop> {
        output::err_raw(prompt);
        let typed = typed(self.stdin.lock().bytes());
        output::err_raw("\n");
        typed
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that has gone needs no echo.
        let _ = tcsetattr(&self.stdin, OptionalActions::Flush, &self.before);
    }
}

/// Keys up to the end of the line, with what a terminal would do for backspace, Ctrl-U, Ctrl-C and Ctrl-D.
fn typed(keys: impl Iterator<Item = io::Result<u8>>) -> Result<Vec<u8>, Stop> {
    let mut typed: Vec<u8> = Vec::new();
    for key in keys {
        match key.map_err(|error| Stop::failed(format!("the terminal cannot be read: {error}")))? {
            b'\r' | b'\n' => return Ok(typed),
            0x03 | 0x04 => break,
            0x08 | 0x7f => {
                // The bytes behind the first of a character belong to it.
                while typed.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
            }
            0x15 => typed.clear(),
            byte => typed.push(byte),
        }
    }
    Err(Stop::failed("nothing was typed; nothing was written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(keys: &[u8]) -> Option<String> {
        let typed = typed(keys.iter().map(|key| Ok(*key))).ok()?;
        Some(String::from_utf8(typed).unwrap())
    }

    #[test]
    fn keys_are_taken_back_as_on_any_terminal() {
        for (keys, expected) in [
            (&b"secret\r"[..], Some("secret")),
            (b"secret\nmore", Some("secret")),
            (b"secrez\x7ft\n", Some("secret")),
            (b"wrong\x15right\n", Some("right")),
            (b"\x7f\x7fa\n", Some("a")),
            ("schlü\u{7f}ue\n".as_bytes(), Some("schlue")),
            (b"\n", Some("")),
            (b"sec\x03ret\n", None),
            (b"sec\x04", None),
            (b"sec", None),
        ] {
            assert_eq!(of(keys).as_deref(), expected, "{keys:?}");
        }
    }
}
