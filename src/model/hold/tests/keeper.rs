//! When it connects, whom it releases, when it leaves.

use super::*;

/// A queue with its keeper.
struct Stage {
    queue: Queue<u32>,
    keeper: Keeper,
    app: App,
    new_page: bool,
}

const LIVE: App = live(APP);

const fn live(activation: u64) -> App {
    App::Live {
        activation,
        period: ms(30_000),
    }
}

const WAIT: Step = Step::Wait { until: None };

/// A step that waits until this many milliseconds.
const fn wait(until: u64) -> Step {
    Step::Wait { until: Some(ms(until)) }
}

const fn connect(until: u64) -> Step {
    Step::Connect { until: Some(ms(until)) }
}

impl Stage {
    fn new(app: App) -> Self {
        Self {
            queue: Queue::default(),
            keeper: Keeper::new(Times::USUAL),
            app,
            new_page: false,
        }
    }

    /// Requests that come to a queue without bounds.
    fn enter(&mut self, newcomers: impl IntoIterator<Item = Newcomer<u32>>, millis: u64) -> &mut Self {
        let bounds = Bounds {
            max_requests: usize::MAX,
            ..bounds()
        };
        let bounds = Bounds {
            max_bytes: u64::MAX,
            ..bounds
        };
        for newcomer in newcomers {
            self.queue.enter(newcomer, &bounds, at(millis)).unwrap();
        }
        self
    }

    fn look(&mut self, news: News, millis: u64) -> (Vec<(u32, Verdict)>, Step) {
        let outlook = Outlook {
            app: self.app,
            new_page: std::mem::take(&mut self.new_page),
        };
        let turn = self.keeper.look(&mut self.queue, news, outlook, at(millis));
        (turn.told, turn.step)
    }

    /// A look after which nobody is told anything.
    fn step(&mut self, news: News, millis: u64) -> Step {
        let (told, step) = self.look(news, millis);
        assert!(told.is_empty(), "{told:?}");
        step
    }
}

/// A keeper of one request whose app could not be reached at 0 ms, and not at the first try either.
fn absence() -> Stage {
    let mut stage = Stage::new(LIVE);
    stage.enter([away(1)], 0);
    assert_eq!(stage.step(News::Changed, 0), connect(30_000));
    assert_eq!(stage.step(News::Failed, 0), wait(10));
    stage
}

#[test]
fn n12_it_tries_again_after_10_ms_doubling_to_250() {
    let mut stage = absence();
    let mut now = 10;
    for pause in [20, 40, 80, 160, 250, 250, 250] {
        assert_eq!(stage.step(News::Time, now), connect(30_000));
        assert_eq!(stage.step(News::Failed, now), wait(now + pause));
        now += pause;
    }
}

#[test]
fn n12_newcomers_do_not_make_it_try_sooner() {
    let mut stage = absence();
    stage.enter([away(2)], 5);
    assert_eq!(stage.step(News::Room, 5), wait(10));
    assert_eq!(stage.step(News::Room, 9), wait(10));
    assert_eq!(stage.step(News::Time, 10), connect(30_000));
}

#[test]
fn a_change_makes_it_try_at_once_and_with_the_first_pause() {
    let mut stage = absence();
    stage.step(News::Time, 10);
    assert_eq!(stage.step(News::Failed, 10), wait(30));
    assert_eq!(stage.step(News::Changed, 12), connect(30_000));
    assert_eq!(stage.step(News::Failed, 12), wait(22));
    stage.step(News::Time, 22);
    assert_eq!(stage.step(News::Changed, 23), connect(30_000), "the try goes on");
    assert_eq!(stage.step(News::Failed, 24), wait(34));
}

#[test]
fn n12_a_swap_while_it_pauses_is_followed_at_once() {
    let mut stage = absence();
    stage.app = live(APP + 1);
    assert_eq!(stage.step(News::Room, 3), connect(30_000));
    let (told, step) = stage.look(News::Connected, 4);
    assert_eq!((released(&told), step), (vec![1], Step::Rest));
}

#[test]
fn n12_a_connection_to_an_older_activation_releases_nobody() {
    let mut stage = absence();
    stage.step(News::Time, 10);
    stage.app = live(APP + 1);
    assert_eq!(stage.step(News::Connected, 11), Step::Connect { until: None });
    assert_eq!(stage.step(News::Failed, 12), wait(22));
    assert_eq!(stage.queue.away(), Some(APP + 1));
    assert_eq!(stage.queue.away_since().map(|since| since.at), Some(ms(12)));
}

#[test]
fn n12_when_the_app_is_back_all_go_in_order_as_answers_come_in() {
    let mut stage = Stage::new(LIVE);
    stage.enter((1..=200).map(away), 0);
    stage.step(News::Changed, 0);
    let (told, step) = stage.look(News::Connected, 100);
    assert_eq!((released(&told), step), ((1..=64).collect(), wait(350)));
    let first = batch(&told);
    assert_eq!(stage.queue.away(), None);

    assert!(stage.queue.answered(first));
    let (told, step) = stage.look(News::Room, 200);
    assert_eq!(
        (released(&told), step),
        (vec![65], wait(450)),
        "each answer is a sign of life"
    );
    for _ in 0..63 {
        stage.queue.answered(first);
    }
    let (told, _) = stage.look(News::Room, 300);
    assert_eq!(released(&told), (66..=128).collect::<Vec<_>>());
}

#[test]
fn n12_a_batch_without_an_answer_does_not_keep_the_others_waiting() {
    let mut stage = Stage::new(LIVE);
    stage.enter((1..=130).map(away), 0);
    stage.step(News::Changed, 0);
    let (slow, step) = stage.look(News::Connected, 0);
    assert_eq!(step, wait(250));
    assert_eq!(stage.step(News::Time, 249), wait(499), "not a moment too early");
    let (told, step) = stage.look(News::Time, 499);
    assert_eq!((released(&told), step), ((65..=128).collect(), wait(749)));
    assert!(!stage.queue.answered(batch(&slow)));
    assert_eq!(stage.step(News::Room, 600), wait(850));
    let (told, step) = stage.look(News::Time, 850);
    assert_eq!((released(&told), step), (vec![129, 130], Step::Rest));
}

#[test]
fn n12_after_the_window_everybody_is_told_and_the_keeper_goes_on() {
    let mut stage = absence();
    stage.enter([away(2)], 20_000);
    assert_eq!(stage.step(News::Time, 29_900), connect(30_000));
    assert_eq!(
        stage.step(News::Failed, 29_990),
        wait(30_000),
        "not at the next try only"
    );
    let (told, step) = stage.look(News::Time, 30_000);
    assert_eq!(refused(&told, Refusal::Over), [1, 2]);
    assert_eq!(step, wait(30_010));
    assert_eq!(stage.queue.enter(away(3), &bounds(), at(30_005)), Err(Refusal::Over));
    assert_eq!(stage.step(News::Room, 30_005), wait(30_010));

    assert_eq!(stage.step(News::Time, 30_010), Step::Connect { until: None });
    assert_eq!(
        stage.step(News::Failed, 30_010),
        wait(30_050),
        "nobody waits, and it goes on"
    );
    stage.step(News::Time, 30_050);
    assert_eq!(stage.step(News::Connected, 30_051), Step::Rest);
    assert_eq!(stage.queue.away_since().map(|since| since.at), None);
}

#[test]
fn n12_the_window_ends_while_it_connects() {
    let mut stage = absence();
    assert_eq!(stage.step(News::Time, 10), connect(30_000));
    let (told, step) = stage.look(News::Time, 30_000);
    assert_eq!(refused(&told, Refusal::Over), [1]);
    assert_eq!(step, Step::Connect { until: None });
}

#[test]
fn n12_a_window_that_opens_while_it_connects_ends_in_time() {
    let mut stage = Stage::new(App::Paused);
    stage.enter([paused(1)], 0);
    stage.step(News::Changed, 0);
    stage.app = LIVE;
    assert_eq!(stage.step(News::Changed, 10), Step::Connect { until: None });
    stage.enter([away(2)], 20);
    assert_eq!(stage.step(News::Room, 20), connect(30_020), "the same try goes on");
    let (told, step) = stage.look(News::Time, 30_020);
    assert_eq!(refused(&told, Refusal::Over), [1, 2]);
    assert_eq!(step, Step::Connect { until: None });
    assert_eq!(stage.step(News::Connected, 30_030), Step::Rest, "it goes on to the end");
}

#[test]
fn without_a_window_nobody_waits_for_an_app_after_a_pause() {
    let mut stage = Stage::new(App::Paused);
    stage.enter([paused(1)], 0);
    assert_eq!(stage.step(News::Changed, 0), WAIT);
    stage.app = App::Live {
        activation: APP,
        period: ms(0),
    };
    assert_eq!(stage.step(News::Changed, 10), Step::Connect { until: None });
    let (told, _) = stage.look(News::Failed, 11);
    assert_eq!(refused(&told, Refusal::Over), [1]);
}

#[test]
fn n12_an_app_that_is_away_again_at_once_gets_its_requests_back_in_order() {
    let mut stage = Stage::new(LIVE);
    stage.enter((1..=100).map(away), 0);
    stage.step(News::Changed, 0);
    let (told, _) = stage.look(News::Connected, 1_000);
    for name in released(&told).into_iter().rev() {
        let returning = Newcomer {
            before: Some(u64::from(name)),
            ..away(name)
        };
        stage.enter([returning], 1_001);
        stage.queue.answered(batch(&told));
    }
    assert_eq!(stage.step(News::Room, 1_001), connect(31_001), "a window of its own");
    assert_eq!(stage.step(News::Failed, 1_002), wait(1_012));
    stage.step(News::Time, 1_012);
    let (told, _) = stage.look(News::Connected, 1_013);
    assert_eq!(released(&told), (1..=64).collect::<Vec<_>>());
}

#[test]
fn a_request_that_finds_the_app_away_stops_the_release() {
    let mut stage = Stage::new(LIVE);
    stage.enter((1..=100).map(away), 0);
    stage.step(News::Changed, 0);
    let (told, _) = stage.look(News::Connected, 0);
    stage.enter([away(101)], 10);
    stage.queue.answered(batch(&told));
    assert_eq!(
        stage.step(News::Room, 10),
        connect(30_010),
        "there is room, and nobody is released"
    );
}

#[test]
fn an_app_that_is_back_counts_nobody_of_its_life_before() {
    let mut stage = Stage::new(LIVE);
    stage.enter((1..=128).map(away), 0);
    stage.step(News::Changed, 0);
    let (before, _) = stage.look(News::Connected, 0);
    stage.enter(
        [Newcomer {
            before: Some(1),
            ..away(1)
        }],
        10,
    );
    stage.step(News::Room, 10);
    let (told, _) = stage.look(News::Connected, 11);
    assert_eq!((told.len(), told[0].0), (64, 1));
    assert!(!stage.queue.answered(batch(&before)));
}

#[test]
fn it_rests_when_nobody_waits_and_another_begins_by_trying() {
    let mut stage = Stage::new(LIVE);
    stage.enter([away(1)], 0);
    stage.step(News::Changed, 0);
    let (told, step) = stage.look(News::Connected, 1);
    assert_eq!((released(&told), step), (vec![1], Step::Rest));

    stage.keeper = Keeper::new(Times::USUAL);
    stage.enter([away(2)], 50);
    assert_eq!(stage.step(News::Changed, 50), connect(30_050));
    let (told, step) = stage.look(News::Connected, 51);
    assert_eq!((released(&told), step), (vec![2], Step::Rest));
}

#[test]
fn it_does_not_rest_while_the_app_is_away() {
    let mut stage = absence();
    stage.queue.leave(1);
    assert_eq!(stage.step(News::Time, 10), connect(30_000));
    assert_eq!(stage.step(News::Failed, 11), wait(31));
    stage.step(News::Time, 31);
    assert_eq!(stage.step(News::Connected, 32), Step::Rest);
}

#[test]
fn n13_in_a_pause_nobody_tries_and_no_window_runs() {
    let mut stage = Stage::new(App::Paused);
    stage.enter([paused(1)], 0);
    assert_eq!(stage.step(News::Changed, 0), WAIT);
    assert_eq!(stage.step(News::Changed, 60_000), WAIT);
    // A request from before the pause, which has tried long.
    stage.enter([away(2)], 70_000);
    assert_eq!(stage.step(News::Room, 70_000), WAIT);
    assert_eq!(stage.queue.away_since().map(|since| since.at), None);
    stage.queue.leave(1);
    stage.queue.leave(2);
    assert_eq!(stage.step(News::Changed, 80_000), Step::Rest);
}

#[test]
fn n13_a_pause_that_ends_while_the_app_is_away_leaves_a_whole_window() {
    let mut stage = absence();
    stage.app = App::Paused;
    assert_eq!(stage.step(News::Changed, 1_000), WAIT);
    stage.app = LIVE;
    assert_eq!(stage.step(News::Changed, 100_000), Step::Connect { until: None });
    assert_eq!(stage.step(News::Failed, 100_000), wait(100_010));
    assert_eq!(stage.step(News::Time, 100_010), connect(130_000));
    let (told, _) = stage.look(News::Connected, 129_999);
    assert_eq!(released(&told), [1]);
}

#[test]
fn n13_a_pause_while_it_releases_keeps_the_rest_waiting() {
    let mut stage = Stage::new(LIVE);
    stage.enter((1..=100).map(away), 0);
    stage.step(News::Changed, 0);
    let (told, _) = stage.look(News::Connected, 0);
    stage.app = App::Paused;
    stage.queue.answered(batch(&told));
    assert_eq!(stage.step(News::Room, 10), WAIT);
    stage.app = LIVE;
    assert_eq!(
        stage.step(News::Changed, 20),
        Step::Connect { until: None },
        "it may be another app now"
    );
    let (told, _) = stage.look(News::Connected, 21);
    assert_eq!(released(&told), (65..=100).collect::<Vec<_>>());
}

#[test]
fn those_who_wait_for_a_service_that_is_gone_look_for_their_route_again() {
    let mut stage = absence();
    stage.enter((2..=100).map(away), 1);
    stage.app = App::Gone;
    let (told, step) = stage.look(News::Changed, 5);
    assert_eq!((released(&told), step), ((1..=100).collect(), Step::Yield));
    assert_eq!(stage.step(News::Changed, 5), Step::Rest);
}

#[test]
fn a_new_maintenance_page_is_shown_to_everybody_once() {
    for (app, step) in [(App::Paused, WAIT), (LIVE, connect(30_006))] {
        let mut stage = absence();
        stage.app = app;
        stage.new_page = true;
        let (told, yields) = stage.look(News::Changed, 5);
        assert_eq!((released(&told), yields), (vec![1], Step::Yield));
        stage.queue.mark_reached();
        // A client that the page lets in.
        stage.enter(
            [Newcomer {
                before: Some(1),
                ..away(1)
            }],
            6,
        );
        assert_eq!(stage.step(News::Changed, 6), step);
    }
    let mut stage = absence();
    stage.queue.leave(1);
    stage.new_page = true;
    assert_eq!(stage.step(News::Time, 10), connect(30_000), "nobody is there to see it");
}

#[test]
fn news_that_come_late_change_nothing() {
    let mut stage = absence();
    assert_eq!(stage.step(News::Connected, 3), wait(10), "no try is under way");
    assert_eq!(stage.step(News::Failed, 3), wait(10));
    assert_eq!(stage.step(News::Time, 9), wait(10));
}
