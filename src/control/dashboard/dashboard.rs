//! Answers what a browser asks of the dashboard.

use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use serde::Serialize;

use super::assets::asset;
use super::entrance::Entrance;
use super::feed::Feed;
use super::message::json;
use crate::control::socket::{Desk as _, Office};
use crate::control::web::{Answering, Asked, Names, Payload, Site, reply, stream};
use crate::model::api::{Range, Series};
use crate::proxy::UserFiles;

/// Connections at once: a viewer has one for the feed, and a few while its page loads.
const CONNECTIONS: usize = 160;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// The dashboard.
#[derive(Debug)]
pub(in crate::control) struct Dashboard {
    office: Weak<Office>,
    feed: Rc<Feed>,
    entrance: Entrance,
}

impl Dashboard {
    /// Shows what the office knows, to the users of these files; who sends wrong passwords waits, first for so long.
    pub(in crate::control) fn new(office: &Rc<Office>, files: Arc<UserFiles>, first_wait: Duration) -> Self {
        Self {
            office: Rc::downgrade(office),
            feed: Feed::new(office),
            entrance: Entrance::new(files, first_wait),
        }
    }

    /// Tells viewers what happens. Never ends.
    pub(in crate::control) async fn tell(self: Rc<Self>) {
        self.feed.clone().tell().await;
    }

    async fn answered(&self, asked: Asked) -> Response<Payload> {
        let Some(office) = self.office.upgrade() else {
            return reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, "the daemon is stopping\n");
        };
        let served = office.current.load_full();
        let users = served.config.server.dashboard_users.as_deref();
        let pass = match self.entrance.admit(users, &asked.headers, asked.client).await {
            Ok(pass) => pass,
            Err(refused) => return refused,
        };
        match &*asked.path {
            "/events" => match self.feed.join(pass) {
                Some(pieces) => stream("text/event-stream", pieces),
                None => reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, "as many look already as may\n"),
            },
            "/series" => series(&office, &asked.query),
            path => asset(path, &asked.headers)
                .unwrap_or_else(|| reply(StatusCode::NOT_FOUND, TEXT, "there is nothing here\n")),
        }
    }
}

impl Site for Dashboard {
    fn connections(&self) -> usize {
        CONNECTIONS
    }

    fn names(&self) -> Names {
        let office = self.office.upgrade();
        match office.is_some_and(|office| office.current.load().config.server.dashboard_users.is_some()) {
            true => Names::Any,
            false => Names::Near,
        }
    }

    fn answer(self: Rc<Self>, asked: Asked) -> Answering {
        Box::pin(async move { self.answered(asked).await })
    }
}

/// What was done in a range, and which step is the newest.
#[derive(Serialize)]
struct Told {
    at: u64,
    #[serde(flatten)]
    series: Series,
}

fn series(office: &Office, query: &str) -> Response<Payload> {
    let of = |name: &str| {
        query
            .split('&')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let known = of("range").and_then(|value| Range::ALL.into_iter().find(|range| range.as_str() == value));
    let Some(range) = known else {
        return reply(StatusCode::BAD_REQUEST, TEXT, "`range` is none of 1m, 10m, 2h, 24h\n");
    };
    let mut series = office.series(range);
    if let Some(environment) = of("environment") {
        series.tracks.retain(|track| track.environment == environment);
    }
    let at = *office.sampler.looks().borrow();
    reply(StatusCode::OK, JSON, json(&Told { at, series }))
}
