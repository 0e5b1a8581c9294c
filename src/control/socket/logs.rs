//! Reads the kept lines of the access log for whoever asks: on a thread of its own, because a line has to be looked at before it is
//! known whether it is wanted. Neither the control plane nor a core waits for it, and it waits for its reader alone.

use std::time::Duration;

use bytes::Bytes;
use memchr::memchr_iter;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::query::LogsQuery;
use crate::model::api::{Dropped, Logged, Problem, exit};
use crate::telemetry::{Follower, Next, Recent};

/// Pieces that may wait for whoever reads them.
const WAITING: usize = 2;
/// Between two looks at whether anybody still reads.
const LOOK: Duration = Duration::from_secs(1);

/// Begins to read. The lines come in pieces, each of whole lines.
///
/// # Errors
/// When as many read as may.
pub(super) fn read(recent: &Recent, query: LogsQuery) -> Result<Receiver<Bytes>, Problem> {
    let busy = |reason: String| Problem {
        code: exit::FAILED,
        reason,
        hint: Some("end one of the others: `proxyctl status --json` says how many there are".into()),
    };
    let place = recent
        .follow()
        .ok_or_else(|| busy("as many as may read the log already do".into()))?;
    let (pieces, read) = channel(WAITING);
    let reader = Reader {
        recent: recent.clone(),
        query,
        pieces,
        _place: place,
    };
    // Not the runtime's: the process does not wait for its end.
    let thread = std::thread::Builder::new().name("log-reader".into());
    let started = thread.spawn(move || reader.run());
    started.map_err(|error| busy(format!("the log cannot be read: {error}")))?;
    Ok(read)
}

struct Reader {
    recent: Recent,
    query: LogsQuery,
    pieces: Sender<Bytes>,
    _place: Follower,
}

impl Reader {
    fn run(self) {
        let (oldest, end) = self.recent.bounds();
        let mut at = self.begin(oldest, end);
        while self.query.follow || at < end {
            match self.recent.next(at, LOOK) {
                Next::Piece { piece, from, lost } => {
                    let mut wanted = Vec::new();
                    if lost > 0 {
                        tell_lost(lost, &mut wanted);
                    }
                    self.pick(piece.since(from), &mut wanted);
                    at = piece.end();
                    if !wanted.is_empty() && self.pieces.blocking_send(wanted.into()).is_err() {
                        return;
                    }
                }
                Next::Nothing if !self.pieces.is_closed() => {}
                Next::Nothing | Next::Ended => return,
            }
        }
    }

    /// The number of the line from which on there are as many that are wanted as were asked for.
    fn begin(&self, oldest: u64, end: u64) -> u64 {
        let limit = self.query.limit;
        if self.query.filter.is_everything() || limit == 0 {
            return oldest.max(end.saturating_sub(limit));
        }
        let (mut found, mut at) = (0, end);
        while at > oldest {
            let Some(piece) = self.recent.before(at) else { break };
            let first = piece.first().max(oldest);
            let text = piece.since(first);
            let places: Vec<_> = lines(text).map(|line| self.wants(line)).collect();
            for (place, _) in places.iter().enumerate().rev().filter(|&(_, &wanted)| wanted) {
                found += 1;
                if found == limit {
                    return first + place as u64;
                }
            }
            at = first;
        }
        at
    }

    fn pick(&self, text: &[u8], wanted: &mut Vec<u8>) {
        if self.query.filter.is_everything() {
            return wanted.extend_from_slice(text);
        }
        let picked = lines(text).filter(|line| self.wants(line));
        picked.for_each(|line| wanted.extend_from_slice(line));
    }

    fn wants(&self, line: &[u8]) -> bool {
        let read = serde_json::from_slice::<Logged<'_>>(line);
        read.is_ok_and(|line| self.query.filter.wants(&line))
    }
}

/// The lines of a text, with their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr_iter(b'\n', text).scan(0, |begin, end| {
        let line = &text[*begin..=end];
        *begin = end + 1;
        Some(line)
    })
}

fn tell_lost(dropped: u64, out: &mut Vec<u8>) {
    // Into memory, and of one number.
    let _ = serde_json::to_writer(&mut *out, &Dropped { dropped });
    out.push(b'\n');
}
