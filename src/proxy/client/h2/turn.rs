//! Whose turn it is to write, among the streams of a connection (RFC 9218 §10). Pure.
//!
//! More urgent streams come first, and of those that are as urgent, the one whose last turn is the longest ago. Where the client has
//! said that the beginning of an answer alone is of no use to it, the stream that it has begun first is served to its end first. One of
//! which it has said nothing takes turns: a download that does not end keeps nothing back that was asked for behind it.

use crate::http2::priority::Priority;

/// What is known of a stream's place in the order. The least is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    urgency: u8,
    /// When its last turn was, counted in turns; of one that is served to its end, before all others.
    last_turn: u64,
    stream: u32,
}

/// What the client has said of a stream, if it has said something, and the stream's last turn.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    pub(crate) priority: Option<Priority>,
    pub(crate) last_turn: u64,
}

impl Standing {
    /// Where it stands.
    pub(crate) fn rank(self, stream: u32) -> Rank {
        let takes_turns = self.priority.is_none_or(|priority| priority.incremental);
        Rank {
            urgency: self.priority.unwrap_or_default().urgency,
            last_turn: if takes_turns { self.last_turn } else { 0 },
            stream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The streams in the order in which they have turns, of which each has so many to take.
    fn served(streams: &[(u32, &str, usize)]) -> Vec<u32> {
        let mut standing: Vec<_> = streams
            .iter()
            .map(|(stream, said, turns)| {
                let priority = (!said.is_empty()).then(|| Priority::of(said.as_bytes()));
                (*stream, *turns, Standing { priority, last_turn: 0 })
            })
            .collect();
        let (mut order, mut turn) = (Vec::new(), 0);
        while let Some(next) = standing
            .iter_mut()
            .filter(|(_, turns, _)| *turns > 0)
            .min_by_key(|(stream, _, standing)| standing.rank(*stream))
        {
            turn += 1;
            next.1 -= 1;
            next.2.last_turn = turn;
            order.push(next.0);
        }
        order
    }

    #[test]
    fn streams_of_which_nothing_is_said_take_turns() {
        assert_eq!(served(&[(1, "", 3), (3, "", 2), (5, "", 1)]), [1, 3, 5, 1, 3, 1]);
    }

    /// RFC 9218 §10.
    #[test]
    fn the_more_urgent_come_first_and_what_is_of_no_use_in_parts_is_served_whole() {
        assert_eq!(served(&[(1, "u=5", 2), (3, "u=1", 2), (5, "", 1)]), [3, 3, 5, 1, 1]);
        assert_eq!(served(&[(1, "u=3", 2), (3, "u=3", 2)]), [1, 1, 3, 3]);
        assert_eq!(served(&[(1, "u=3, i", 2), (3, "u=3, i", 2)]), [1, 3, 1, 3]);
    }
}
