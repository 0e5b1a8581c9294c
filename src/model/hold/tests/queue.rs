//! Places, order, bounds, clients that leave, batches.

use super::*;
use crate::model::hold::queue::AT_A_TIME;

/// A queue with so many places taken, and room for as many as there are.
fn crowd(count: u32) -> (Queue<u32>, Bounds) {
    let bounds = Bounds {
        max_requests: usize::MAX,
        max_bytes: u64::MAX,
        ..bounds()
    };
    let mut queue = Queue::default();
    for name in 1..=count {
        assert_eq!(queue.enter(away(name), &bounds, at(0)), Ok(u64::from(name)));
    }
    (queue, bounds)
}

/// Tries every way in which a count could be left behind: an empty queue holds nothing, and admits to its bounds again.
fn assert_empty(queue: &mut Queue<u32>) {
    queue.mark_reached();
    assert_eq!((queue.held(), queue.is_at_rest()), (0, true));
    let whole = Bounds {
        max_requests: 1,
        max_bytes: 100,
        ..bounds()
    };
    let number = queue.enter(paused(99), &whole, at(0)).unwrap();
    assert!(queue.doubt(number, &whole), "a doubtful client is still counted");
    queue.leave(number);
}

#[test]
fn n12_the_queue_is_bounded_in_requests() {
    let mut queue = Queue::default();
    for name in 1..=3 {
        assert!(queue.enter(away(name), &bounds(), at(0)).is_ok());
    }
    assert_eq!(queue.enter(away(4), &bounds(), at(0)), Err(Refusal::Full));
    assert_eq!(queue.enter(paused(4), &bounds(), at(0)), Err(Refusal::Full));
    assert_eq!(queue.held(), 3);
    queue.leave(2);
    assert_eq!(queue.enter(away(5), &bounds(), at(0)), Ok(4), "a number is given once");
    assert_eq!(released(&queue.release_all()), [1, 3, 5]);
    assert_empty(&mut queue);
}

#[test]
fn n12_the_queue_is_bounded_in_bytes() {
    let heavy = |name, bytes| Newcomer { bytes, ..away(name) };
    let mut queue = Queue::default();
    assert!(queue.enter(heavy(1, 600), &bounds(), at(0)).is_ok());
    assert_eq!(queue.enter(heavy(2, 401), &bounds(), at(0)), Err(Refusal::Full));
    assert_eq!(queue.enter(heavy(2, u64::MAX), &bounds(), at(0)), Err(Refusal::Full));
    assert!(queue.enter(heavy(2, 400), &bounds(), at(0)).is_ok(), "exactly full");
    assert_eq!(queue.enter(heavy(3, 1), &bounds(), at(0)), Err(Refusal::Full));
    queue.leave(1);
    assert!(queue.enter(heavy(3, 600), &bounds(), at(0)).is_ok());
    queue.leave(2);
    queue.leave(3);
    assert_empty(&mut queue);
}

#[test]
fn n12_what_a_request_takes_up_while_it_waits_counts_too() {
    let mut queue = Queue::default();
    let (one, other) = (1, 2);
    for name in [1, 2] {
        assert_eq!(queue.enter(away(name), &bounds(), at(0)), Ok(u64::from(name)));
    }
    assert!(queue.grow(one, 900, &bounds()), "exactly full");
    assert!(!queue.grow(other, 101, &bounds()));
    assert!(
        queue.grow(other, 100, &bounds()) && queue.grow(other, 0, &bounds()),
        "no more than before"
    );
    assert_eq!(queue.enter(away(3), &bounds(), at(0)), Err(Refusal::Full));
    // Those in doubt have bytes of their own.
    assert!(queue.doubt(one, &bounds()));
    assert!(queue.grow(one, 1000, &bounds()) && !queue.grow(one, 1001, &bounds()));
    assert!(queue.grow(other, 1000, &bounds()));
    queue.leave(one);
    assert_eq!(released(&queue.release_all()), [2]);
    assert!(queue.grow(other, u64::MAX, &bounds()), "it waits no longer");
    assert_empty(&mut queue);
}

#[test]
fn n12_the_window_is_counted_from_the_moment_the_app_went_away() {
    let mut queue = Queue::default();
    assert!(queue.enter(away(1), &bounds(), at(5_000)).is_ok());
    assert!(queue.enter(away(2), &bounds(), at(34_999)).is_ok());
    assert_eq!(queue.enter(away(3), &bounds(), at(35_000)), Err(Refusal::Over));
    assert_eq!(queue.held(), 2, "who waits is told by the keeper");
    let returning = Newcomer {
        before: Some(3),
        ..away(3)
    };
    assert_eq!(queue.enter(returning, &bounds(), at(35_000)), Err(Refusal::Over));
    assert_eq!(queue.away_since().map(|since| since.at), Some(ms(5_000)));

    queue.mark_reached();
    assert!(queue.enter(away(3), &bounds(), at(35_001)).is_ok(), "a new absence");
    assert_eq!(queue.away_since().map(|since| since.at), Some(ms(35_001)));
}

#[test]
fn an_absence_goes_on_when_another_activation_cannot_be_reached_either() {
    let mut queue = Queue::default();
    assert_eq!(queue.away(), None);
    assert!(queue.enter(newcomer(1, Why::Away(APP)), &bounds(), at(0)).is_ok());
    assert!(
        queue
            .enter(newcomer(2, Why::Away(APP + 1)), &bounds(), at(1_000))
            .is_ok()
    );
    assert_eq!(queue.away(), Some(APP + 1));
    assert_eq!(queue.away_since().map(|since| since.at), Some(ms(0)));
}

#[test]
fn a_request_that_waits_for_a_pause_opens_no_window() {
    let mut queue = Queue::default();
    assert!(queue.enter(paused(1), &bounds(), at(0)).is_ok());
    assert_eq!((queue.away(), queue.away_since().is_some()), (None, false));
    assert!(!queue.is_over(ms(0), ms(u64::MAX)));
}

#[test]
fn n12_a_request_that_comes_back_takes_its_old_place_though_the_queue_is_full() {
    let mut queue = Queue::default();
    for name in 1..=3 {
        queue.enter(away(name), &bounds(), at(0)).unwrap();
    }
    let told = queue.release();
    assert_eq!(released(&told), [1, 2, 3]);
    for name in 4..=6 {
        queue.enter(away(name), &bounds(), at(0)).unwrap();
    }
    for name in [2, 1] {
        let returning = Newcomer {
            before: Some(u64::from(name)),
            ..away(name)
        };
        assert_eq!(queue.enter(returning, &bounds(), at(0)), Ok(u64::from(name)));
        queue.answered(batch(&told));
    }
    assert_eq!(queue.held(), 5);
    assert_eq!(queue.enter(away(7), &bounds(), at(0)), Err(Refusal::Full));
    assert_eq!(released(&queue.release()), [1, 2, 4, 5, 6]);
    assert_empty(&mut queue);
}

#[test]
fn n12_at_most_64_are_released_at_the_same_time_and_in_order() {
    let (mut queue, _) = crowd(200);
    let first = queue.release();
    assert_eq!(released(&first), (1..=64).collect::<Vec<_>>());
    assert_eq!(AT_A_TIME, 64);
    assert!(queue.release().is_empty());
    assert!(queue.answered(batch(&first)) && queue.answered(batch(&first)));
    assert_eq!(released(&queue.release()), [65, 66]);
    assert!(queue.release().is_empty());
    assert_eq!(queue.held(), 134);
}

#[test]
fn a_batch_that_is_forgotten_makes_room_once() {
    let (mut queue, _) = crowd(200);
    let slow = batch(&queue.release());
    queue.forget_batch();
    let next = queue.release();
    assert_eq!(released(&next), (65..=128).collect::<Vec<_>>());
    assert_ne!(batch(&next), slow);
    assert!(!queue.answered(slow), "its answers come late, and count no more");
    assert!(queue.release().is_empty());
    assert!(queue.answered(batch(&next)));
    assert_eq!(released(&queue.release()), [129]);
}

#[test]
fn those_who_are_released_all_at_once_count_in_no_batch() {
    let (mut queue, bounds) = crowd(100);
    let told = queue.release_all();
    assert_eq!(released(&told), (1..=100).collect::<Vec<_>>());
    assert!(!queue.answered(batch(&told)));
    for name in 101..=200 {
        queue.enter(paused(name), &bounds, at(0)).unwrap();
    }
    assert_eq!(queue.release().len(), AT_A_TIME);
}

#[test]
fn everybody_who_waits_is_refused_in_order_and_nobody_else() {
    for why in [Refusal::Over, Refusal::PauseOver, Refusal::Stopping] {
        let mut queue = Queue::default();
        for name in 1..=3 {
            queue.enter(away(name), &bounds(), at(0)).unwrap();
        }
        assert!(queue.doubt(2, &bounds()));
        assert_eq!(refused(&queue.refuse(why), why), [1, 2, 3]);
        assert!(queue.refuse(why).is_empty());
        assert_empty(&mut queue);
    }
}

#[test]
fn n17_a_client_in_doubt_frees_its_place_and_waits_on() {
    let mut queue = Queue::default();
    for name in 1..=3 {
        queue.enter(away(name), &bounds(), at(0)).unwrap();
    }
    assert!(
        queue.doubt(1, &bounds()) && queue.doubt(1, &bounds()),
        "doubted once, seen twice"
    );
    assert_eq!(queue.held(), 2);
    assert!(queue.enter(away(4), &bounds(), at(0)).is_ok());
    assert_eq!(released(&queue.release()), [1, 2, 3, 4], "it keeps its turn");
    assert_empty(&mut queue);
}

#[test]
fn n17_there_is_room_for_so_many_clients_in_doubt_and_no_more() {
    let mut queue = Queue::default();
    for name in 1..=6 {
        let number = queue.enter(away(name), &bounds(), at(0)).unwrap();
        assert_eq!(queue.doubt(number, &bounds()), name <= 3, "{name}");
    }
    assert_eq!(queue.held(), 3);
    for name in 1..=6 {
        queue.leave(name);
    }
    assert_empty(&mut queue);

    let light = Bounds {
        max_bytes: 150,
        ..bounds()
    };
    let first = queue.enter(away(7), &light, at(0)).unwrap();
    assert!(queue.doubt(first, &light));
    let second = queue.enter(away(8), &light, at(0)).unwrap();
    assert!(!queue.doubt(second, &light), "bytes count, too");
    queue.leave(second);
    queue.leave(first);
    assert_empty(&mut queue);
}

#[test]
fn a_client_can_leave_at_any_moment() {
    let mut queue = Queue::default();
    let waits = queue.enter(away(1), &bounds(), at(0)).unwrap();
    queue.leave(waits);
    queue.leave(waits);
    assert_empty(&mut queue);

    let doubtful = queue.enter(away(2), &bounds(), at(0)).unwrap();
    assert!(queue.doubt(doubtful, &bounds()));
    queue.leave(doubtful);
    assert_empty(&mut queue);

    let goes = queue.enter(away(3), &bounds(), at(0)).unwrap();
    let told = queue.release();
    queue.leave(goes);
    assert!(queue.doubt(goes, &bounds()), "it waits no longer");
    assert!(queue.answered(batch(&told)));
    assert_empty(&mut queue);

    let refused = queue.enter(away(4), &bounds(), at(0)).unwrap();
    assert_eq!(queue.refuse(Refusal::Stopping).len(), 1);
    queue.leave(refused);
    assert!(queue.doubt(refused, &bounds()));
    assert_empty(&mut queue);

    // Turned away at the door: it never had a place.
    assert_eq!(
        queue.enter(Newcomer { bytes: 1001, ..away(5) }, &bounds(), at(0)),
        Err(Refusal::Full)
    );
    assert_empty(&mut queue);
}
