//! What most tests begin with: one environment `prod`, two apps, and the door in front of them.

use greengate::model::api::SafeToStop;

use super::app::App;
use super::client::{Client, Response};
use super::door::{Door, QUICK, QUICK_PLAIN, TIMES, environment};
use super::ledger::Ledger;
use super::load::Target;
use super::secs;

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

impl Pair {
    /// Over TLS, at [`HOST`]; `more` are lines of the environment.
    pub async fn tls(more: &str) -> Self {
        Self::start("", QUICK, HOST, more).await
    }

    /// On the plain port, at [`PLAIN`]; `more` are lines of the environment.
    pub async fn plain(more: &str) -> Self {
        Self::start("", QUICK_PLAIN, PLAIN, more).await
    }

    /// As [`Pair::plain`], with lines for `[server]` too.
    pub async fn plain_with(server: &str, more: &str) -> Self {
        Self::start(server, QUICK_PLAIN, PLAIN, more).await
    }

    /// The same with short times of the data plane, as [`TIMES`] takes them.
    pub async fn hasty(self, times: &str) -> Self {
        std::fs::write(self.door.folder().join(TIMES), times).expect("the times can be written");
        self.door.sigterm();
        self.door.end(secs(30)).await;
        self.door.restart().await;
        self
    }

    /// As [`Pair::tls`], with lines for `[server]` too.
    pub async fn tls_with(server: &str, more: &str) -> Self {
        Self::start(server, QUICK, HOST, more).await
    }

    async fn start(server: &str, defaults: &str, host: &'static str, more: &str) -> Self {
        let ledger = Ledger::default();
        let blue = App::start_in("blue", "v1", &ledger).await;
        let green = App::start_in("green", "v2", &ledger).await;
        let config = format!("{defaults}{}{more}\n", environment("prod", host, &blue, &green));
        let door = Door::start_with(server, &config).await;
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
