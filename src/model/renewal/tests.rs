//! Years of renewals in simulated time, and the bounds of every word that a CA says.

use super::*;

const YEAR: i64 = 365 * DAY;

fn life(from: i64, length: i64) -> Life {
    Life {
        from,
        until: from + length,
    }
}

/// Renews a certificate for years, with outages of the CA; returns how often, and the shortest rest of life at a renewal.
fn years(length: i64, window: impl Fn(Life) -> Option<Window>, outage: impl Fn(i64) -> bool) -> (u32, i64) {
    let (mut now, mut renewals, mut shortest) = (1_800_000_000, 0, i64::MAX);
    let end = now + 5 * YEAR;
    let mut current = life(now, length);
    let mut issued = now;
    let mut attempts = Attempts::default();
    let mut calls = Vec::new();
    while now < end {
        let due = current.due(window(current), 0.5).0.max(current.floor(issued));
        now = now.max(attempts.next(due, now));
        calls.push(now);
        if outage(now) {
            attempts.failed(now, "down".into(), None, 0.5);
            continue;
        }
        shortest = shortest.min(current.until - now);
        current = life(now, length);
        issued = now;
        attempts.succeeded();
        renewals += 1;
        assert!(calls.len() < 5_000, "a loop");
    }
    (renewals, shortest)
}

#[test]
fn certificates_of_6_45_and_90_days_are_renewed_for_years_in_time() {
    for (days, left) in [(6, 3 * DAY), (45, 15 * DAY), (90, 30 * DAY)] {
        let (renewals, shortest) = years(days * DAY, |_| None, |_| false);
        let each = i64::from(renewals) * (days * DAY - left);
        assert_eq!(shortest, left, "{days} days");
        assert!(
            (4 * YEAR..=6 * YEAR).contains(&each),
            "{days} days: {renewals} renewals"
        );
    }
}

#[test]
fn an_outage_of_two_days_a_month_lets_no_certificate_end() {
    for days in [6, 45, 90] {
        let (_, shortest) = years(days * DAY, |_| None, |now| now % (30 * DAY) < 2 * DAY);
        assert!(shortest > 0, "{days} days: {shortest} s left at the worst");
    }
}

#[test]
fn the_window_of_the_ca_decides_where_there_is_one() {
    let certificate = life(0, 90 * DAY);
    let window = Window {
        start: 50 * DAY,
        end: 52 * DAY,
    };
    assert_eq!(certificate.due(Some(window), 0.0), (50 * DAY, Reason::Suggested));
    assert_eq!(certificate.due(Some(window), 0.5), (51 * DAY, Reason::Suggested));
    let suggest = |life: Life| {
        Some(Window {
            start: life.from + 40 * DAY,
            end: life.from + 42 * DAY,
        })
    };
    let (renewals, shortest) = years(90 * DAY, suggest, |_| false);
    assert_eq!(shortest, 49 * DAY);
    assert!((44..=46).contains(&renewals), "{renewals}");
}

#[test]
fn a_window_that_makes_no_sense_or_comes_too_late_does_not_count() {
    let certificate = life(0, 90 * DAY);
    let own = (60 * DAY, Reason::Life);
    for (start, end) in [
        (50, 50),
        (50, 40),
        (85, 86),
        (100, 200),
        (i64::MAX / DAY - 1, i64::MAX / DAY),
    ] {
        let window = Window {
            start: start * DAY,
            end: end * DAY,
        };
        assert_eq!(certificate.due(Some(window), 0.5), own, "{start}–{end}");
    }
}

#[test]
fn a_ca_that_always_wants_a_renewal_right_now_makes_no_loop() {
    let past = |life: Life| {
        Some(Window {
            start: life.from - 2 * DAY,
            end: life.from - DAY,
        })
    };
    let mut now = 0;
    for _ in 0..10 {
        let current = life(now, 90 * DAY);
        let next = current.due(past(current), 0.1).0.max(current.floor(now));
        assert_eq!(next - now, HOUR);
        now = next;
    }
    assert_eq!(life(0, 0).floor(100), 100 + HOUR);
    assert_eq!(life(10, -20).floor(100), 100 + HOUR);
    assert_eq!(life(0, 60).floor(0), 15);
}

#[test]
fn failures_wait_1_10_and_100_minutes_and_then_a_day() {
    let mut attempts = Attempts::default();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        attempts.failed(0, "no".into(), None, 0.0);
        pauses.push(attempts.next(0, 0));
    }
    assert_eq!(pauses, [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY, DAY, DAY]);
    attempts.failed(0, "no".into(), None, 1.0);
    assert_eq!(attempts.next(0, 0), DAY + DAY / 10);
    attempts.succeeded();
    assert_eq!(attempts, Attempts::default());
}

#[test]
fn what_the_ca_says_counts_even_when_a_person_asks() {
    let mut attempts = Attempts::default();
    attempts.failed(0, "rate limited".into(), Some(3 * DAY), 0.0);
    assert_eq!((attempts.next(0, 0), attempts.next_forced(0)), (3 * DAY, 3 * DAY));
    attempts.failed(0, "refused".into(), None, 0.0);
    assert_eq!((attempts.next(0, 0), attempts.next_forced(0)), (10 * MINUTE, 0));
    attempts.failed(0, "rate limited".into(), Some(i64::MAX), 0.0);
    assert_eq!(attempts.next(0, 0), LONGEST_HOLD);
}

#[test]
fn what_was_repaired_waits_for_no_pause_but_for_the_ca_and_the_limit() {
    let mut attempts = Attempts::default();
    for _ in 0..VALIDATIONS_PER_HOUR {
        attempts.failed(0, "dns".into(), Some(3 * DAY), 0.0);
    }
    attempts.reconsider(2 * DAY);
    assert_eq!((attempts.next(0, 0), attempts.next_forced(0)), (2 * DAY, 2 * DAY));
    attempts.reconsider(0);
    assert_eq!((attempts.next(0, 0), attempts.next_forced(0)), (0, 0));
    attempts.failed(0, "dns".into(), None, 0.0);
    assert_eq!(attempts.next(0, 0), DAY, "the failures before still count");
    for _ in 0..VALIDATIONS_PER_HOUR {
        attempts.validation_failed(0);
    }
    attempts.reconsider(0);
    assert_eq!(attempts.next(0, 0), HOUR);
}

#[test]
fn no_more_than_five_validations_fail_within_an_hour() {
    let mut attempts = Attempts::default();
    for minute in 0..5 {
        assert_eq!(attempts.may_validate(minute * MINUTE), minute * MINUTE);
        attempts.validation_failed(minute * MINUTE);
    }
    assert_eq!(attempts.may_validate(5 * MINUTE), HOUR);
    assert_eq!(attempts.next_forced(5 * MINUTE), HOUR);
    assert_eq!(attempts.next(0, 5 * MINUTE), HOUR);
    assert_eq!(attempts.may_validate(HOUR), HOUR);
    attempts.validation_failed(HOUR);
    assert_eq!(attempts.may_validate(HOUR), HOUR + MINUTE);
    // Success does not give new tries: the CA counts on.
    attempts.succeeded();
    assert_eq!(attempts.may_validate(HOUR), HOUR + MINUTE);
}

#[test]
fn a_host_that_never_validates_stays_below_the_limit_for_a_year() {
    let (mut attempts, mut now, mut failed) = (Attempts::default(), 0, Vec::new());
    while now < YEAR {
        // Both challenge types in one attempt, as far as the limit allows.
        for _ in 0..2 {
            if attempts.may_validate(now) == now {
                attempts.validation_failed(now);
                failed.push(now);
            }
        }
        attempts.failed(now, "dns".into(), None, 0.3);
        now = attempts.next(0, now);
    }
    for window in failed.windows(VALIDATIONS_PER_HOUR + 1) {
        assert!(window[VALIDATIONS_PER_HOUR] - window[0] >= HOUR, "{window:?}");
    }
    assert!((350..800).contains(&failed.len()), "{} a year", failed.len());
}

#[test]
fn a_clock_that_went_back_holds_nobody_for_years() {
    let mut attempts = Attempts::default();
    attempts.failed(10 * YEAR, "no".into(), Some(DAY), 0.0);
    attempts.validation_failed(10 * YEAR);
    assert_eq!((attempts.next(0, YEAR), attempts.next_forced(YEAR)), (YEAR, YEAR));
}

#[test]
fn the_warning_fits_the_life() {
    for (days, warned) in [(90, 7 * DAY), (45, 7 * DAY), (6, 3 * DAY / 2)] {
        let certificate = life(0, days * DAY);
        assert!(!certificate.ends_soon(days * DAY - warned), "{days} days");
        assert!(certificate.ends_soon(days * DAY - warned + 1), "{days} days");
        assert!(certificate.ends_soon(days * DAY + YEAR));
    }
}

#[test]
fn a_time_of_a_clock_that_was_wrong_keeps_no_ca_from_being_asked() {
    let now = 1_800_000_000;
    assert_eq!(hold(now, i64::MAX), now + LONGEST_HOLD);
    assert_eq!(hold(now, -1), now);
    assert!(is_held(hold(now, i64::MAX), now) && !is_held(now, now));
    assert!(!is_held(now + YEAR, now) && !is_held(i64::MAX, now));
    assert_eq!(next_question(now, 0), now + MINUTE);
    assert_eq!(next_question(now, i64::MAX), now + DAY);
    assert!(may_ask(now, now) && !may_ask(now + 1, now) && !may_ask(now + DAY, now));
    assert!(may_ask(now + DAY + 1, now) && may_ask(i64::MAX, now));
}

#[test]
fn a_certificate_of_another_program_ends_failures_and_not_what_a_ca_asked_for() {
    let now = 1_800_000_000;
    let mut attempts = Attempts::default();
    for _ in 0..VALIDATIONS_PER_HOUR {
        attempts.validation_failed(now);
    }
    attempts.failed(now, "limit".into(), Some(2 * HOUR), 0.0);
    attempts.failed(now, "limit".into(), Some(2 * HOUR), 0.0);
    attempts.superseded();
    assert_eq!((attempts.failures, attempts.error.as_deref()), (0, None));
    assert_eq!(attempts.next(0, now), now + 2 * HOUR);
    assert_eq!(attempts.next_forced(now), now + 2 * HOUR);
    assert_eq!(attempts.may_validate(now), now + HOUR);
    attempts.failed(now, "dns".into(), None, 0.0);
    attempts.superseded();
    assert_eq!(attempts.next(0, now), now + HOUR, "only the checks that failed count");
}
