//! The way of messages to one destination: one after the other, each until it has arrived or is given up.

use std::rc::Rc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::desk::{Desk, Post};
use super::send::attempt;
use crate::config::Destination;
use crate::model::notify::{Letter, Outbox, Verdict};
use crate::tasks::Group;
use crate::tls::Trust;

/// Follows the file: a task for each destination; what was for those that are gone is dropped. Takes the place of the sender where there is
/// something to send. Whether this process is the sender.
pub(super) async fn follow_the_file(desk: &Rc<Desk>) -> bool {
    let destinations = desk.destinations();
    if desk.gone.get() || (destinations.is_empty() && desk.place.borrow().is_none()) {
        return false;
    }
    if desk.place.borrow().is_none() && !desk.take_place().await {
        return false;
    }
    let is_same = |key: &String, post: &mut Post| {
        destinations
            .iter()
            .any(|(own, it)| own == key && *it == post.destination)
    };
    desk.posts.borrow_mut().retain(is_same);
    let keys: Vec<String> = destinations.iter().map(|(key, _)| key.clone()).collect();
    let lost = desk.kept.borrow_mut().outbox.keep(&keys);
    if lost > 0 {
        tracing::warn!(
            lost,
            "messages wait for a destination that is not in the file any more, and are dropped"
        );
        desk.changed();
    }
    for (key, destination) in destinations {
        if desk.posts.borrow().contains_key(&key) {
            continue;
        }
        let tasks = Group::new("notify");
        tasks.spawn_local("destination", deliver(desk.clone(), key.clone(), destination.clone()));
        let post = Post {
            destination,
            bell: Rc::new(Notify::new()),
            failing: None,
            delivered: None,
            _tasks: tasks,
        };
        desk.posts.borrow_mut().insert(key, post);
    }
    true
}

/// Sends what comes. Never ends.
async fn deliver(desk: Rc<Desk>, key: String, destination: Destination) {
    let mut trust = None;
    loop {
        let letter = match desk.next(&key) {
            Some(letter) => letter,
            None => {
                // What is trusted is read again after a silence, and takes no memory meanwhile.
                trust = None;
                desk.something_new(&key).await
            }
        };
        desk.kept().await;
        bring(&desk, &key, &destination, letter, &mut trust).await;
    }
}

async fn bring(desk: &Desk, key: &str, destination: &Destination, letter: Letter, trust: &mut Option<Trust>) {
    let Letter { number, message } = letter;
    // The clock on the wall is asked once: it may jump.
    let (age, began) = (Outbox::age(&message, jiff::Timestamp::now()), Instant::now());
    let mut attempts: u32 = 0;
    loop {
        let Some(busy) = desk.begin() else {
            // Another process goes on with it.
            return std::future::pending().await;
        };
        let outcome = attempt(destination, &message, desk.deadline, trust).await;
        attempts = attempts.saturating_add(1);
        let (why, pause) = match outcome.verdict {
            Verdict::Delivered => {
                desk.delivered(key, number);
                return;
            }
            Verdict::Never(why) => {
                desk.give_up(key, number, &why);
                return;
            }
            Verdict::Later { why, wish } => {
                let age = age.saturating_add(began.elapsed());
                match desk.schedule.pause(attempts, age, wish, fastrand::f64()) {
                    Some(pause) => (why, pause),
                    None => {
                        desk.give_up(key, number, &why);
                        return;
                    }
                }
            }
        };
        desk.failed(key, &why);
        drop(busy);
        tokio::time::sleep(pause).await;
        if !desk.waits(key, number) {
            // There was no room for it any more.
            return;
        }
    }
}
