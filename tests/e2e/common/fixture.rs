//! What most tests begin with: one environment `prod`, two apps, and the door in front of them.

use std::pin::Pin;

use greengate::model::api::SafeToStop;
use tokio::task::JoinHandle;

use super::app::App;
use super::client::{Client, Response};
use super::door::{Door, QUICK, QUICK_PLAIN, TIMES, environment};
use super::ledger::{ID, Ledger};
use super::load::Target;

/// The host that is served over TLS.
pub const HOST: &str = "app.localhost";
/// The host that is served on the plain port.
pub const PLAIN: &str = "app.test";

/// Blue, green, and the door; blue is live.
#[derive(Debug)]
pub struct Pair {
    /// The door.
    pub door: Door,
    /// Version `v1`, live at first.
    pub blue: App,
    /// Version `v2`.
    pub green: App,
    /// What both saw.
    pub ledger: Ledger,
    host: &'static str,
}

/// A [`Pair`] that starts when it is awaited.
#[derive(Debug)]
pub struct Starting {
    server: String,
    defaults: &'static str,
    host: &'static str,
    more: String,
    times: String,
}

impl Starting {
    /// With short times of the data plane, as [`TIMES`] takes them.
    pub fn hasty(self, times: &str) -> Self {
        Self {
            times: times.to_owned(),
            ..self
        }
    }
}

impl IntoFuture for Starting {
    type Output = Pair;
    type IntoFuture = Pin<Box<dyn Future<Output = Pair> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(Pair::start(self))
    }
}

impl Pair {
    /// Over TLS, at [`HOST`]; `more` are lines of the environment.
    pub fn tls(more: &str) -> Starting {
        Self::tls_with("", more)
    }

    /// As [`Pair::tls`], with lines for `[server]` too.
    pub fn tls_with(server: &str, more: &str) -> Starting {
        Self::with(server, QUICK, HOST, more)
    }

    /// On the plain port, at [`PLAIN`]; `more` are lines of the environment.
    pub fn plain(more: &str) -> Starting {
        Self::plain_with("", more)
    }

    /// As [`Pair::plain`], with lines for `[server]` too.
    pub fn plain_with(server: &str, more: &str) -> Starting {
        Self::with(server, QUICK_PLAIN, PLAIN, more)
    }

    fn with(server: &str, defaults: &'static str, host: &'static str, more: &str) -> Starting {
        Starting {
            server: server.to_owned(),
            defaults,
            host,
            more: more.to_owned(),
            times: String::new(),
        }
    }

    async fn start(starting: Starting) -> Self {
        let ledger = Ledger::default();
        let blue = App::start_in("blue", "v1", &ledger).await;
        let green = App::start_in("green", "v2", &ledger).await;
        let Starting {
            defaults, host, more, ..
        } = starting;
        let config = format!("{defaults}{}{more}\n", environment("prod", host, &blue, &green));
        let any = "127.0.0.1:0".parse().expect("an address");
        let door = Door::start_at(any, any, &starting.server, &config, |folder| {
            std::fs::write(folder.join(TIMES), &starting.times).expect("the times can be written");
        })
        .await;
        Self {
            door,
            blue,
            green,
            ledger,
            host,
        }
    }

    /// Where a load goes.
    pub fn target(&self) -> Target {
        if self.host == HOST {
            self.door.target(HOST)
        } else {
            self.door.plain_target(PLAIN)
        }
    }

    /// `GET target` on a connection of its own.
    pub async fn get(&self, target: &str) -> Response {
        let mut client = self.target().client().await.expect("the door accepts");
        client
            .get(self.host, target)
            .await
            .unwrap_or_else(|broken| panic!("GET {target}: {broken}"))
    }

    /// A client that has sent `GET target`; what comes back is for the test to read.
    pub async fn ask(&self, target: &str) -> Client {
        let mut client = self.target().client().await.expect("the door accepts");
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host))
            .await
            .unwrap_or_else(|broken| panic!("GET {target}: {broken}"));
        client
    }

    /// A request without a body on a connection of its own, which may be held; the ledger knows a POST by its target.
    pub fn request(&self, method: &'static str, target: &str) -> JoinHandle<Response> {
        let (place, target) = (self.target(), target.to_owned());
        tokio::spawn(async move {
            let mut client = place.client().await.expect("the door accepts");
            let id = format!("{ID}: {target}\r\n");
            let answer = client.request(method, &place.host, &target, &id, b"").await;
            answer.unwrap_or_else(|broken| panic!("{method} {target}: {broken}"))
        })
    }

    /// As [`Pair::ask`], once blue has read the request.
    pub async fn begin(&self, target: &str) -> Client {
        let client = self.ask(target).await;
        self.blue.reached(target).await;
        client
    }

    /// The app that answers just now.
    pub async fn serving(&self) -> String {
        let answer = self.get("/who").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.app().to_owned()
    }

    /// What `done` says when this app may be stopped.
    pub fn safe(&self, app: &App) -> Vec<SafeToStop> {
        let address = app.address().parse().expect("an address");
        vec![SafeToStop {
            service: "prod".into(),
            addresses: vec![address],
        }]
    }
}
