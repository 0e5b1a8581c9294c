//! What a command has written: told line by line, and its end kept.

use std::collections::VecDeque;

use crate::model::api::CommandEnded;

/// Bytes of a line after which it is told in pieces.
const LINE: usize = 4 * 1024;

/// Lines that stand for the end of a log.
const TAIL: usize = 30;

/// The output of one command.
#[derive(Debug, Default)]
pub(super) struct Output {
    kept: VecDeque<u8>,
    line: Vec<u8>,
    lines: usize,
}

impl Output {
    /// Takes bytes as they come, and tells every line that they end.
    pub(super) fn push(&mut self, bytes: &[u8], mut tell: impl FnMut(&str)) {
        self.kept.extend(bytes);
        let over = self.kept.len().saturating_sub(CommandEnded::OUTPUT);
        self.kept.drain(..over);
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= LINE {
                self.flush(&mut tell);
            }
        }
    }

    /// Tells the last line, where nothing has ended it.
    pub(super) fn flush(&mut self, mut tell: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.lines += 1;
            tell(String::from_utf8_lossy(&self.line).trim_end_matches(['\n', '\r']));
            self.line.clear();
        }
    }

    /// Its end, as it goes into the journal.
    pub(super) fn text(&self) -> String {
        let (front, back) = self.kept.as_slices();
        let text = String::from_utf8_lossy(&[front, back].concat()).into_owned();
        // What is no UTF-8 grows by being replaced.
        let over = text.len().saturating_sub(CommandEnded::OUTPUT);
        let begin = (over..=text.len()).find(|&at| text.is_char_boundary(at));
        text[begin.unwrap_or_default()..].to_owned()
    }

    /// How many lines were told.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// The lines of its end: the last 30, and no more than `most`.
    pub(super) fn tail(&self, most: usize) -> Vec<String> {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(TAIL.min(most))..];
        last.iter().map(|&line| line.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_as_they_end_and_a_long_one_in_pieces() {
        let (mut output, mut told) = (Output::default(), Vec::new());
        output.push(b"one\ntw", |line| told.push(line.to_owned()));
        output.push(b"o\r\n\nthree", |line| told.push(line.to_owned()));
        assert_eq!(told, ["one", "two", ""]);
        output.flush(|line| told.push(line.to_owned()));
        assert_eq!(told.last().unwrap(), "three");
        told.clear();
        output.push(&[b'x'; 3 * LINE], |line| told.push(line.to_owned()));
        assert_eq!(told.iter().map(String::len).sum::<usize>(), 3 * LINE);
    }

    #[test]
    fn no_more_than_the_end_is_kept_whatever_it_is() {
        let mut output = Output::default();
        for number in 0..20_000_u32 {
            output.push(format!("line {number}\n").as_bytes(), |_| {});
        }
        assert_eq!(output.kept.len(), CommandEnded::OUTPUT);
        assert!(output.text().ends_with("line 19998\nline 19999\n"));
        assert_eq!(output.lines(), 20_000);
        assert_eq!(output.tail(usize::MAX).len(), TAIL);
        assert_eq!(output.tail(1), ["line 19999"]);
        output.push(&[0xff; CommandEnded::OUTPUT], |_| {});
        assert!(output.text().len() <= CommandEnded::OUTPUT);
    }
}
