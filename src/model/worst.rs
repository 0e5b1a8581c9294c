//! The requests of the last hour that an operator would ask for: those that failed, and those that took longest. Of a flood the newest
//! failures are kept, and of every minute the few slowest, so that one bad minute does not hide an hour.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::model::api::{Blame, NotedRequest, Requests};

/// Failed requests that are kept.
pub const FAILED: usize = 500;
/// Slow ones that are kept of each minute.
pub const SLOWEST: usize = 10;
/// Minutes that are kept.
const MINUTES: u64 = 60;
/// Bytes of a text that are kept.
const LONGEST: usize = 256;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Worst {
    /// With their minutes, oldest first.
    failed: VecDeque<(u64, NotedRequest)>,
    /// By the minute, oldest first; slowest first.
    slowest: VecDeque<(u64, Vec<NotedRequest>)>,
    left_out: u64,
}

impl Worst {
    /// A request has ended, in the minute `now`, since whenever.
    pub fn note(&mut self, mut request: NotedRequest, now: u64) {
        self.forget(now);
        for text in [&mut request.path, &mut request.host, &mut request.method] {
            shorten(text);
        }
        self.note_slow(&request, now);
        if matches!(request.fault, Some(Blame::App | Blame::Proxy)) {
            if self.failed.len() >= FAILED {
                self.failed.pop_front();
                self.left_out += 1;
            }
            self.failed.push_back((now, request));
        }
    }

    /// So many have failed, and there was no time to look at them.
    pub fn leave_out(&mut self, failed: u64) {
        self.left_out += failed;
    }

    fn note_slow(&mut self, request: &NotedRequest, now: u64) {
        if self.slowest.back().is_none_or(|&(minute, _)| minute != now) {
            self.slowest.push_back((now, Vec::new()));
        }
        // Where the clock has been set back, several may be of one minute.
        while self.slowest.len() as u64 > MINUTES {
            self.slowest.pop_front();
        }
        let Some((_, minute)) = self.slowest.back_mut() else {
            return;
        };
        let place = minute.partition_point(|one| one.waited_us() >= request.waited_us());
        if place < SLOWEST {
            minute.insert(place, request.clone());
            minute.truncate(SLOWEST);
        }
    }

    fn forget(&mut self, now: u64) {
        forget(&mut self.failed, now);
        forget(&mut self.slowest, now);
    }

    /// What is remembered in the minute `now`, of one environment or of all, at most `limit` of each kind.
    #[must_use]
    pub fn shown(&mut self, now: u64, environment: Option<&str>, limit: usize) -> Requests {
        self.forget(now);
        let wanted = |request: &&NotedRequest| environment.is_none_or(|name| request.environment == name);
        let failed = self.failed.iter().rev().map(|(_, request)| request).filter(wanted);
        let mut slowest: Vec<_> = self
            .slowest
            .iter()
            .flat_map(|(_, minute)| minute)
            .filter(wanted)
            .collect();
        slowest.sort_by_key(|request| Reverse(request.waited_us()));
        Requests {
            failed: failed.take(limit).cloned().collect(),
            slowest: slowest.into_iter().take(limit).cloned().collect(),
            left_out: self.left_out,
        }
    }

    /// How many failed and how many slow ones are kept, and what they take, in bytes.
    #[must_use]
    pub fn kept(&self) -> (usize, usize, usize) {
        let slowest = self.slowest.iter().flat_map(|(_, minute)| minute);
        let all = self.failed.iter().map(|(_, request)| request).chain(slowest.clone());
        (self.failed.len(), slowest.count(), all.map(size).sum())
    }
}

/// Forgets what is older than an hour. What comes from a minute that is still to come was noted before the clock was set back, and is as
/// old as anything of now.
fn forget<T>(noted: &mut VecDeque<(u64, T)>, now: u64) {
    let minutes = noted.iter_mut().rev().map(|(minute, _)| minute);
    minutes
        .take_while(|minute| **minute > now)
        .for_each(|minute| *minute = now);
    while noted.front().is_some_and(|(minute, _)| minute + MINUTES <= now) {
        noted.pop_front();
    }
}

fn size(request: &NotedRequest) -> usize {
    let texts = [
        &request.time,
        &request.environment,
        &request.service,
        &request.slot,
        &request.method,
        &request.host,
        &request.path,
        &request.termination,
        &request.reason,
        &request.request_id,
    ];
    size_of::<(u64, NotedRequest)>() + texts.iter().map(|text| text.capacity()).sum::<usize>()
}

/// Cuts a text that a client has sent, and shows that.
fn shorten(text: &mut String) {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(waited_us: u64, fault: Option<Blame>) -> NotedRequest {
        NotedRequest {
            time: "2026-01-01T00:00:00.000Z".into(),
            environment: "prod".into(),
            service: "web".into(),
            slot: "blue".into(),
            path: "/".into(),
            duration_us: waited_us,
            fault,
            termination: "app: unreachable".into(),
            request_id: "0123456789abcdef".into(),
            ..NotedRequest::default()
        }
    }

    fn waits(requests: &[NotedRequest]) -> Vec<u64> {
        requests.iter().map(NotedRequest::waited_us).collect()
    }

    #[test]
    fn the_newest_that_failed_are_kept_newest_first() {
        let mut worst = Worst::default();
        for number in 0..FAILED as u64 + 7 {
            worst.note(request(number, Some(Blame::App)), 1);
        }
        worst.note(request(9_000, None), 1);
        worst.note(request(9_000, Some(Blame::Client)), 1);
        let shown = worst.shown(1, None, 3);
        let newest = FAILED as u64 + 6;
        assert_eq!(waits(&shown.failed), [newest, newest - 1, newest - 2]);
        assert_eq!(shown.left_out, 7);
        worst.leave_out(10);
        assert_eq!(worst.shown(1, None, FAILED).left_out, 17);
        assert_eq!(worst.shown(1, None, usize::MAX).failed.len(), FAILED);
    }

    #[test]
    fn one_bad_minute_does_not_hide_the_slow_requests_of_the_others() {
        let mut worst = Worst::default();
        for number in 0..1_000 {
            worst.note(request(1_000_000 + number, None), 1);
        }
        worst.note(request(500, None), 2);
        let slowest = waits(&worst.shown(2, None, usize::MAX).slowest);
        assert_eq!(slowest.len(), SLOWEST + 1);
        assert_eq!((slowest[0], slowest[SLOWEST]), (1_000_999, 500));
    }

    #[test]
    fn what_is_older_than_an_hour_is_forgotten_also_when_nothing_comes_after_it() {
        let mut worst = Worst::default();
        worst.note(request(5, Some(Blame::Proxy)), 100);
        let kinds = |worst: &mut Worst, now| {
            let shown = worst.shown(now, None, 10);
            (shown.failed.len(), shown.slowest.len())
        };
        assert_eq!(kinds(&mut worst, 159), (1, 1));
        assert_eq!(kinds(&mut worst, 160), (0, 0));
        assert_eq!(worst.kept(), (0, 0, 0));
    }

    #[test]
    fn a_clock_that_is_set_back_again_and_again_makes_nothing_grow_and_keeps_nothing_for_ever() {
        let mut worst = Worst::default();
        for number in 0..5_000 {
            let minute = 2_000 - number / 10 + number % 3;
            worst.note(request(5, None), minute);
            worst.note(request(5, Some(Blame::App)), minute);
        }
        let (failed, slowest, _) = worst.kept();
        assert!(failed <= FAILED && slowest <= SLOWEST * 60, "{failed}, {slowest}");
        let now = 1_000;
        assert_eq!(
            worst.shown(now, None, usize::MAX).failed.len(),
            FAILED,
            "nothing is lost at once"
        );
        assert_eq!(worst.shown(now + MINUTES, None, 1).failed.len(), 0);
        assert_eq!(worst.kept(), (0, 0, 0));
    }

    #[test]
    fn an_environment_is_shown_alone() {
        let mut worst = Worst::default();
        worst.note(request(5, Some(Blame::App)), 1);
        assert_eq!(worst.shown(1, Some("prod"), 10).failed.len(), 1);
        assert_eq!(worst.shown(1, Some("dev"), 10), Requests::default());
    }

    #[test]
    fn the_memory_has_a_bound_whatever_clients_ask_for() {
        let mut worst = Worst::default();
        for number in 0..MINUTES * 1_000 {
            let long = NotedRequest {
                path: "ü".repeat(10_000),
                host: "h".repeat(10_000),
                method: "M".repeat(10_000),
                ..request(number, Some(Blame::App))
            };
            worst.note(long, number / 1_000);
        }
        let (failed, slowest, bytes) = worst.kept();
        assert_eq!((failed, slowest), (FAILED, SLOWEST * 60));
        assert!((500_000..2_000_000).contains(&bytes), "{bytes}");
    }
}
