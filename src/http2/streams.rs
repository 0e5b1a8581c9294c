//! The streams of a connection that are open on either side, and those that were, as far as that matters (RFC 9113 §5.1).

use std::collections::VecDeque;

use super::window::{ReceiveWindow, SendWindow};

/// Streams that ended lately are remembered, to tell late frames from impossible ones.
const ENDED: usize = 16;

/// Memory for so many streams is kept when all of them have ended.
const KEPT: usize = 4;

/// What this side has sent of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Answer {
    Nothing,
    Head,
    /// END_STREAM.
    Ended,
}

/// One stream that is open, or half closed.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) sending: SendWindow,
    pub(super) receiving: ReceiveWindow,
    /// The other side has sent END_STREAM.
    pub(super) request_ended: bool,
    pub(super) answer: Answer,
    /// What is missing of the length that was announced.
    pub(super) missing: Option<u64>,
    /// Its request is CONNECT.
    pub(super) connects: bool,
}

/// All streams.
#[derive(Debug)]
pub(super) struct Streams {
    /// By their numbers, which only grow.
    open: Vec<Stream>,
    /// Those that this side has reset while the other might still send on them: what comes is ignored.
    reset: VecDeque<u32>,
    most_reset: usize,
    /// Those that have ended otherwise, in a ring.
    ended: [u32; ENDED],
    next_ended: usize,
}

/// What a number that is no open stream's stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// This side has reset it: what the other has sent before it knew is ignored.
    Reset,
    /// It has ended.
    Ended,
    /// It ended long ago, or never was.
    Unknown,
}

impl Streams {
    /// None yet. `most` may be open at once.
    pub(super) fn new(most: u32) -> Self {
        Self {
            open: Vec::new(),
            reset: VecDeque::new(),
            most_reset: most.max(16) as usize,
            ended: [0; ENDED],
            next_ended: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn push(&mut self, stream: Stream) {
        debug_assert!(
            self.open.last().is_none_or(|last| last.id < stream.id),
            "numbers only grow"
        );
        self.open.push(stream);
    }

    fn place(&self, id: u32) -> Option<usize> {
        self.open.binary_search_by_key(&id, |stream| stream.id).ok()
    }

    #[inline]
    pub(super) fn get(&self, id: u32) -> Option<&Stream> {
        self.place(id).map(|place| &self.open[place])
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        self.place(id).map(|place| &mut self.open[place])
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.open.iter_mut()
    }

    /// Takes a stream out that has ended on both sides, or was reset by the other.
    pub(super) fn end(&mut self, id: u32) -> Option<Stream> {
        let stream = self.take(id)?;
        self.ended[self.next_ended] = id;
        self.next_ended = (self.next_ended + 1) % ENDED;
        Some(stream)
    }

    /// Takes a stream out that this side resets.
    pub(super) fn reset(&mut self, id: u32) -> Option<Stream> {
        if self.get(id)?.request_ended {
            return self.end(id);
        }
        let stream = self.take(id);
        self.refuse(id);
        stream
    }

    /// This side has reset a stream at once.
    pub(super) fn refuse(&mut self, id: u32) {
        if self.reset.len() == self.most_reset {
            self.reset.pop_front();
        }
        self.reset.push_back(id);
    }

    /// The other side sends nothing more on a stream that this one has reset.
    pub(super) fn forget_reset(&mut self, id: u32) {
        if let Some(place) = self.reset.iter().position(|reset| *reset == id) {
            self.reset.remove(place);
        }
        self.give_back();
    }

    pub(super) fn past(&self, id: u32) -> Past {
        if self.reset.contains(&id) {
            Past::Reset
        } else if self.ended.contains(&id) {
            Past::Ended
        } else {
            Past::Unknown
        }
    }

    fn take(&mut self, id: u32) -> Option<Stream> {
        let stream = self.open.remove(self.place(id)?);
        self.give_back();
        Some(stream)
    }

    /// An idle connection holds little.
    fn give_back(&mut self) {
        if self.open.is_empty() && self.open.capacity() > KEPT {
            self.open.shrink_to(KEPT);
        }
        if self.reset.is_empty() && self.reset.capacity() > KEPT {
            self.reset = VecDeque::new();
        }
    }

    /// Bytes that it has of the allocator.
    pub(super) fn memory(&self) -> usize {
        self.open.capacity() * size_of::<Stream>() + self.reset.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(id: u32, request_ended: bool) -> Stream {
        Stream {
            id,
            sending: SendWindow::new(1),
            receiving: ReceiveWindow::new(1),
            request_ended,
            answer: Answer::Nothing,
            missing: None,
            connects: false,
        }
    }

    #[test]
    fn what_has_ended_is_told_from_what_was_reset() {
        let mut streams = Streams::new(4);
        for id in [1, 3, 5, 9] {
            streams.push(stream(id, id == 5));
        }
        assert!(streams.get(3).is_some() && streams.get(7).is_none());
        streams.end(1).unwrap();
        streams.reset(3).unwrap();
        // Nothing more can come of it.
        streams.reset(5).unwrap();
        assert!(streams.end(1).is_none() && streams.reset(3).is_none());
        let past = [1, 3, 5, 7].map(|id| streams.past(id));
        assert_eq!(past, [Past::Ended, Past::Reset, Past::Ended, Past::Unknown]);
        streams.forget_reset(3);
        assert_eq!(streams.past(3), Past::Unknown);
        assert_eq!(streams.len(), 1);
    }

    #[test]
    fn e26_what_is_remembered_of_the_past_is_bounded_and_memory_is_given_back() {
        let mut streams = Streams::new(4);
        for id in (1..20_000).step_by(2) {
            streams.push(stream(id, id % 4 == 1));
            if id > 400 {
                streams.reset(id - 400).unwrap();
            }
        }
        assert!(streams.memory() < 64 * 1024, "{}", streams.memory());
        assert_eq!(streams.reset.len(), 16);
        for id in (1..20_000).step_by(2) {
            let _ = streams.end(id);
            streams.forget_reset(id);
        }
        assert_eq!(streams.len(), 0);
        assert!(streams.memory() < 512, "{}", streams.memory());
    }
}
