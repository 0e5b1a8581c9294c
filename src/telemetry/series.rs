//! What environments and services did lately, kept for charts: each second for ten minutes, every ten seconds for two hours, each
//! minute for a day. Pure: steps go in, columns come out.

use std::collections::VecDeque;

use super::counters::Counters;
use crate::model::api::{self, Range, SeriesStatus};
use crate::model::slot::Slot;

/// What all of it may take, in bytes.
const ROOM: usize = 4 * 1024 * 1024;
/// What one track takes at most.
const TRACK: usize = size_of::<Point>() * (600 + 720 + 1440) + size_of::<Track>();
/// Points that a ring begins with.
const FIRST: usize = 30;
/// So many are kept; of what comes behind them in the file nothing is.
const TRACKS: usize = ROOM / TRACK;

/// Who did it: an environment, or one of its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The environment's name.
    pub environment: String,
    /// The service's; `None` stands for all of them.
    pub service: Option<String>,
}

/// What somebody did in one second.
#[derive(Debug, Clone, Default)]
pub struct Deeds {
    /// Counted in this second, of all slots.
    counters: Counters,
    /// Requests by slot.
    requests: [u64; 3],
    /// Requests that wait for the app now.
    pub held: u64,
    /// Requests and streams that are under way now.
    pub in_flight: u64,
}

impl Deeds {
    /// A slot of theirs has counted this.
    pub fn count(&mut self, slot: Slot, counters: &Counters) {
        self.requests[place(slot)] += counters.requests;
        self.counters.merge(counters);
    }

    /// What a service of theirs did, too.
    pub fn merge(&mut self, other: &Self) {
        self.follow(other);
        self.held += other.held;
        self.in_flight += other.in_flight;
    }

    /// And then this.
    fn follow(&mut self, other: &Self) {
        self.counters.merge(&other.counters);
        for (sum, n) in self.requests.iter_mut().zip(other.requests) {
            *sum += n;
        }
    }

    fn point(&self) -> Point {
        let latency = |share| self.counters.percentile(share).map_or(0, narrow);
        Point {
            requests: self.requests.map(narrow),
            app_errors: narrow(self.counters.app_errors),
            proxy_errors: narrow(self.counters.proxy_errors),
            client_errors: narrow(self.counters.client_errors),
            p50_us: latency(0.50),
            p95_us: latency(0.95),
            held: narrow(self.held),
            in_flight: narrow(self.in_flight),
        }
    }
}

fn place(slot: Slot) -> usize {
    match slot {
        Slot::Blue => 0,
        Slot::Green => 1,
        Slot::Upstream => 2,
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// One step, as it is kept.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    requests: [u32; 3],
    app_errors: u32,
    proxy_errors: u32,
    client_errors: u32,
    p50_us: u32,
    p95_us: u32,
    held: u32,
    in_flight: u32,
}

/// Steps of one length.
#[derive(Debug)]
struct Ring {
    points: VecDeque<Point>,
    most: usize,
    /// What was done in the step that goes on.
    open: Deeds,
}

impl Ring {
    fn new(most: usize) -> Self {
        Self {
            points: VecDeque::new(),
            most,
            open: Deeds::default(),
        }
    }

    fn follow(&mut self, deeds: &Deeds) {
        self.open.follow(deeds);
        (self.open.held, self.open.in_flight) = (deeds.held, deeds.in_flight);
    }

    fn close(&mut self) {
        let known = self.points.len();
        if known == self.most {
            self.points.pop_front();
        } else if known == self.points.capacity() {
            // By itself it would grow to twice what it needs.
            self.points
                .reserve_exact(known.clamp(FIRST, self.most).min(self.most - known));
        }
        self.points.push_back(std::mem::take(&mut self.open).point());
    }
}

/// What one of them did.
#[derive(Debug)]
struct Track {
    actor: Actor,
    seconds: Ring,
    tens: Ring,
    minutes: Ring,
}

impl Track {
    fn new(actor: Actor) -> Self {
        let ring = |range: Range| Ring::new(range.steps());
        Self {
            actor,
            seconds: ring(Range::TenMinutes),
            tens: ring(Range::TwoHours),
            minutes: ring(Range::Day),
        }
    }

    fn bytes(&self) -> usize {
        let points = [&self.seconds, &self.tens, &self.minutes].map(|ring| ring.points.capacity());
        size_of::<Self>() + points.iter().sum::<usize>() * size_of::<Point>()
    }

    fn shown(&self, range: Range) -> api::Track {
        let ring = match range {
            Range::Minute | Range::TenMinutes => &self.seconds,
            Range::TwoHours => &self.tens,
            Range::Day => &self.minutes,
        };
        let before = ring.points.len().saturating_sub(range.steps());
        let points = ring.points.range(before..);
        let column = |of: fn(&Point) -> u32| {
            let column: Vec<u32> = points.clone().map(of).collect();
            if column.iter().all(|&n| n == 0) {
                Vec::new()
            } else {
                column
            }
        };
        api::Track {
            environment: self.actor.environment.clone(),
            service: self.actor.service.clone(),
            steps: points.len(),
            blue: column(|it| it.requests[0]),
            green: column(|it| it.requests[1]),
            upstream: column(|it| it.requests[2]),
            app_errors: column(|it| it.app_errors),
            proxy_errors: column(|it| it.proxy_errors),
            client_errors: column(|it| it.client_errors),
            p50_us: column(|it| it.p50_us),
            p95_us: column(|it| it.p95_us),
            held: column(|it| it.held),
            in_flight: column(|it| it.in_flight),
        }
    }
}

/// What all of them did.
#[derive(Debug, Default)]
pub struct Series {
    tracks: Vec<Track>,
    left_out: usize,
    /// Seconds that are over.
    seconds: u64,
}

impl Series {
    /// A second is over. `all` says what everybody did in it, in the order of the file: environments come before services where there is
    /// no room for all. Who is not named any more is forgotten.
    pub fn second(&mut self, mut all: Vec<(Actor, Deeds)>) {
        let mut known: Vec<Track> = std::mem::take(&mut self.tracks);
        let of_services = all.iter().filter(|(actor, _)| actor.service.is_some()).count();
        let mut room_for_services = TRACKS.saturating_sub(all.len() - of_services);
        let before = all.len();
        all.retain(|(actor, _)| {
            let fits = actor.service.is_none() || room_for_services > 0;
            room_for_services -= usize::from(fits && actor.service.is_some());
            fits
        });
        all.truncate(TRACKS);
        self.left_out = before - all.len();
        self.seconds += 1;
        for (actor, deeds) in all {
            let place = known.iter().position(|track| track.actor == actor);
            let mut track = place.map_or_else(|| Track::new(actor), |place| known.swap_remove(place));
            track.seconds.follow(&deeds);
            track.seconds.close();
            for (ring, length) in [(&mut track.tens, 10), (&mut track.minutes, 60)] {
                ring.follow(&deeds);
                if self.seconds.is_multiple_of(length) {
                    ring.close();
                }
            }
            self.tracks.push(track);
        }
    }

    /// What everybody did, to the end of the newest step; `now` is in seconds since 1970.
    #[must_use]
    pub fn shown(&self, range: Range, now: i64) -> api::Series {
        let into_the_next = self.seconds % u64::from(range.step());
        api::Series {
            range,
            step_s: range.step(),
            end: now - i64::try_from(into_the_next).unwrap_or(0),
            tracks: self.tracks.iter().map(|track| track.shown(range)).collect(),
        }
    }

    /// What it takes.
    #[must_use]
    pub fn status(&self) -> SeriesStatus {
        let bytes: usize = self.tracks.iter().map(Track::bytes).sum();
        SeriesStatus {
            tracks: self.tracks.len(),
            left_out: self.left_out,
            bytes: bytes as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::counters::CoreCounters;
    use crate::telemetry::outcomes::{Ended, ErrorFrom};

    fn actor(environment: &str, service: Option<&str>) -> Actor {
        Actor {
            environment: environment.into(),
            service: service.map(str::to_owned),
        }
    }

    fn deeds(slot: Slot, requests: usize) -> Deeds {
        let core = CoreCounters::default();
        for _ in 0..requests {
            core.answered(&Ended::good(b"GET", 200, 1_000));
        }
        let mut deeds = Deeds::default();
        deeds.count(slot, &Counters::sum([&core]));
        deeds
    }

    #[test]
    fn a_swap_is_one_column_ending_and_another_beginning() {
        let mut series = Series::default();
        for slot in [Slot::Blue, Slot::Blue, Slot::Green] {
            series.second(vec![(actor("prod", None), deeds(slot, 3))]);
        }
        let shown = series.shown(Range::Minute, 1_000);
        assert_eq!((shown.step_s, shown.end), (1, 1_000));
        let prod = &shown.tracks[0];
        assert_eq!(
            (prod.steps, prod.blue.as_slice(), prod.green.as_slice()),
            (3, &[3, 3, 0][..], &[0, 0, 3][..])
        );
        assert!(prod.upstream.is_empty() && prod.app_errors.is_empty());
        assert!(prod.p50_us.iter().all(|it| (1_000..1_300).contains(it)), "{prod:?}");
    }

    #[test]
    fn longer_steps_add_up_what_the_seconds_had_and_end_when_they_end() {
        let mut series = Series::default();
        let slow = CoreCounters::default();
        slow.answered(&Ended {
            error: Some(ErrorFrom::App),
            ..Ended::good(b"GET", 500, 900_000)
        });
        for second in 0..25 {
            let mut deeds = deeds(Slot::Upstream, 1);
            if second == 3 {
                deeds.count(Slot::Upstream, &Counters::sum([&slow]));
            }
            (deeds.held, deeds.in_flight) = (second, 2);
            series.second(vec![(actor("dev", None), deeds)]);
        }
        let shown = series.shown(Range::TwoHours, 1_000);
        let dev = &shown.tracks[0];
        assert_eq!((shown.end, dev.steps), (995, 2));
        assert_eq!(
            (dev.upstream.as_slice(), dev.app_errors.as_slice()),
            (&[11, 10][..], &[1, 0][..])
        );
        assert_eq!(
            (dev.held.as_slice(), dev.in_flight.as_slice()),
            (&[9, 19][..], &[2, 2][..])
        );
        assert!(dev.p95_us[0] >= 900_000 && dev.p95_us[1] < 2_000, "{dev:?}");
    }

    #[test]
    fn a_day_of_all_that_is_kept_fits_into_its_room() {
        let mut track = Track::new(actor("prod", None));
        for ring in [&mut track.seconds, &mut track.tens, &mut track.minutes] {
            for _ in 0..ring.most + 100 {
                ring.close();
            }
            assert_eq!((ring.points.len(), ring.points.capacity()), (ring.most, ring.most));
        }
        assert!(track.bytes() * TRACKS <= ROOM, "{}", track.bytes());
        assert_eq!(track.shown(Range::Day).steps, 1440);
    }

    #[test]
    fn environments_come_before_services_where_there_is_no_room_for_all() {
        let services = (0..100).map(|n| actor("env0", Some(&format!("service{n}"))));
        let environments = (0..10).map(|n| actor(&format!("env{n}"), None));
        let all = services.chain(environments).map(|actor| (actor, Deeds::default()));
        let mut series = Series::default();
        series.second(all.collect());
        let status = series.status();
        assert_eq!((status.tracks, status.left_out), (TRACKS, 110 - TRACKS));
        assert!((24..100).contains(&TRACKS), "{TRACKS}");
        let shown = series.shown(Range::Day, 0);
        assert_eq!(shown.tracks.iter().filter(|track| track.service.is_none()).count(), 10);
    }

    #[test]
    fn who_left_the_configuration_is_forgotten() {
        let mut series = Series::default();
        series.second(vec![
            (actor("prod", None), deeds(Slot::Blue, 1)),
            (actor("dev", None), deeds(Slot::Upstream, 1)),
        ]);
        series.second(vec![(actor("dev", None), deeds(Slot::Upstream, 2))]);
        let shown = series.shown(Range::Minute, 0);
        assert_eq!(shown.tracks.len(), 1);
        assert_eq!(shown.tracks[0].upstream, [1, 2]);
    }
}
