//! What is done to inputs that are kept: bytes and lines are taken out, put in, repeated and mixed, and words that mean something
//! to the target stand where they should not.

use std::fmt;
use std::ops::{Bound, Range};

use bolero::generator::bolero_generator::Driver;
use bolero::generator::bolero_generator::ValueGenerator;

/// Changes of one input.
const CHANGES: usize = 6;

/// Bytes of an input; longer ones are cut.
const LONGEST: usize = 96 * 1024;

/// Makes inputs out of those that are kept.
pub(crate) struct Mutations {
    /// What is kept.
    pub(crate) inputs: Vec<Vec<u8>>,
    /// Words that mean something to the target.
    pub(crate) words: &'static [&'static [u8]],
}

/// An input, shown as it could stand in a test.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Input(pub(crate) Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl ValueGenerator for Mutations {
    type Output = Input;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Input> {
        let mut bytes = self.inputs[below(driver, self.inputs.len())?].clone();
        for _ in 0..=below(driver, CHANGES)? {
            self.change(&mut bytes, driver)?;
            bytes.truncate(LONGEST);
        }
        Some(Input(bytes))
    }
}

impl Mutations {
    fn change<D: Driver>(&self, bytes: &mut Vec<u8>, driver: &mut D) -> Option<()> {
        let at = below(driver, bytes.len() + 1)?;
        match below(driver, 12)? {
            0 => insert(bytes, at, self.words[below(driver, self.words.len())?]),
            1 => {
                let range = line_around(bytes, at);
                insert(bytes, range.start, self.words[below(driver, self.words.len())?]);
            }
            2 if at < bytes.len() => bytes[at] ^= 1 << below(driver, 8)?,
            3 if at < bytes.len() => bytes[at] = u8::try_from(below(driver, 256)?).ok()?,
            4 => {
                let odd = b"\r\n\0 \t:;,.=\"'[]{}#\\/?%+-_019afzAFZ\x7f\x80\xff\x0b";
                bytes.insert(at, odd[below(driver, odd.len())?]);
            }
            5 if at < bytes.len() => drop(bytes.remove(at)),
            6 => {
                let end = at + below(driver, bytes.len() - at + 1)?.min(64);
                bytes.drain(at..end);
            }
            7 => bytes.truncate(at),
            8 => {
                let line = bytes[line_around(bytes, at)].to_vec();
                insert(bytes, at, &line);
            }
            9 => {
                let range = line_around(bytes, at);
                let line = bytes[range.clone()].to_vec();
                for _ in 0..=below(driver, 3)? {
                    insert(bytes, range.start, &line);
                }
            }
            10 => {
                let other = &self.inputs[below(driver, self.inputs.len())?];
                let from = below(driver, other.len() + 1)?;
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            // Beyond bounds that are counted in bytes.
            11 if at < bytes.len() => {
                let times = [2, 16, 100, 4_000, 20_000, 70_000][below(driver, 6)?];
                insert(bytes, at, &vec![bytes[at]; times]);
            }
            _ => {}
        }
        Some(())
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    bytes.splice(at..at, what.iter().copied());
}

/// Some number below `bound`, which is at least 1.
fn below<D: Driver>(driver: &mut D, bound: usize) -> Option<usize> {
    driver.gen_usize(Bound::Included(&0), Bound::Excluded(&bound))
}

/// The line that holds the byte at `at`, with its end.
fn line_around(bytes: &[u8], at: usize) -> Range<usize> {
    let start = bytes[..at]
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |found| found + 1);
    let end = bytes[at..].iter().position(|&b| b == b'\n');
    start..end.map_or(bytes.len(), |found| at + found + 1)
}
