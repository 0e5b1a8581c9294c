//! What the data plane does for an environment that is paused or under maintenance (N13), without a daemon around it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use crate::common::app::App;
use crate::common::client::{Client, Response};
use crate::common::incoming::Broken;
use crate::common::{eventually, holds, secs};
use greengate::config::{AccessLogFormat, AccessLogTarget, Config};
use greengate::model::hold::Refusal;
use greengate::model::slot::{Generation, Slot};
use greengate::proxy::{
    Activation, Ask, DataPlane, Front, Held, MaintenancePage, Routing, Settings, Snapshot, Stance, Times, TlsChallenges,
};
use greengate::telemetry::{AccessLog, Totals};
use tokio::task::JoinHandle;

const CORES: usize = 2;
const HOST: &str = "app.test";
const OTHER: &str = "other.test";

/// A data plane, and nobody who controls it but the test.
struct Bench {
    app: App,
    _other: App,
    address: SocketAddr,
    routing: Arc<Routing>,
    plane: DataPlane,
    log: AccessLog,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn start(trusted: &str) -> Self {
        let (app, other) = (App::start("app", "v1").await, App::start("other", "v1").await);
        let text = format!(
            "[defaults]\ntls = \"off\"\nhold.max_requests = 8\n[env.prod]\nhost = \"{HOST}\"\nupstream = \"{}\"\n\
             [env.dev]\nhost = \"{OTHER}\"\nupstream = \"{}\"\n",
            app.address(),
            other.address()
        );
        let (config, _) = Config::parse(Path::new("proxy.toml"), &text).unwrap();
        let totals = Totals::new(CORES);
        let snapshot = Snapshot::new(&config, |service| {
            let addresses = service.slots.get(Slot::Upstream).unwrap().to_vec();
            let names = (service.environment.clone(), service.name.clone());
            Activation::new(names.0, names.1, Slot::Upstream, Generation(1), addresses, &totals)
        });
        let folder = tempfile::tempdir().unwrap();
        let log = AccessLog::open(
            &AccessLogTarget::File(folder.path().join("access.log")),
            AccessLogFormat::Json,
        )
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            workers: CORES,
            trusted_proxies: trusted
                .split_whitespace()
                .map(|network| network.parse().unwrap())
                .collect(),
            proxy_protocol: false,
            max_connections: 1000,
            max_connections_per_client: 1000,
            https_port: None,
            times: Times::USUAL,
        };
        let routing = Routing::new(snapshot);
        let plane = DataPlane::start(settings, &routing, front(), &log).unwrap();
        plane.listen(&[listener], &[]).unwrap();
        Self {
            app,
            _other: other,
            address,
            routing,
            plane,
            log,
            folder,
        }
    }

    fn stance(&self, stance: &Stance) {
        self.routing.publish(self.routing.load().with_stance("prod", stance));
        self.plane.poke();
    }

    async fn get(&self, more: &str) -> Response {
        let mut client = Client::plain(self.address).await.unwrap();
        client.request("GET", HOST, "/", more, b"").await.unwrap()
    }

    fn send(&self, method: &'static str, n: usize) -> JoinHandle<Result<Response, Broken>> {
        let address = self.address;
        tokio::spawn(async move {
            let mut client = Client::plain(address).await?;
            client.request(method, HOST, &format!("/echo?n={n}"), "", b"").await
        })
    }

    async fn held(&self, wanted: usize) {
        eventually(secs(10), || async {
            let held = self.plane.waiting("prod", "prod").held;
            holds(held == wanted, || format!("{held} are held, not {wanted}"))
        })
        .await;
    }

    fn stop(self) -> String {
        self.plane.stop();
        assert!(self.log.close(secs(5)));
        std::fs::read_to_string(self.folder.path().join("access.log")).unwrap()
    }
}

/// No TLS is spoken here; the data plane wants a configuration all the same.
fn front() -> Front {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    Front {
        tls: Arc::new(tls),
        covers: Arc::new(|_, _| false),
        acme: Arc::new(|token| (token == "token").then(|| "token.key".to_owned())),
        challenge: TlsChallenges::default(),
        users: Arc::default(),
        assets: Arc::default(),
    }
}

fn paused() -> Stance {
    Stance {
        held: Held::Everything,
        ..Stance::default()
    }
}

fn under(page: MaintenancePage) -> Stance {
    Stance {
        maintenance: Some(Arc::new(page)),
        ..Stance::default()
    }
}

fn page() -> MaintenancePage {
    MaintenancePage {
        message: Some("Back at noon <b>& better</b>".to_owned()),
        page: None,
        retry_after: 600,
        allow: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_requests_of_a_paused_environment_wait_and_are_let_go_when_it_is_open() {
    let bench = Bench::start("").await;
    assert_eq!(bench.get("").await.status, 200);
    bench.stance(&paused());
    let before = bench.app.requests();
    let waiting: Vec<_> = (0..8)
        .map(|n| bench.send(if n % 2 == 0 { "GET" } else { "POST" }, n))
        .collect();
    bench.held(8).await;
    assert_eq!(bench.app.requests(), before, "a paused app is left alone");
    let live = bench.routing.load().services()[0].activation.clone();
    assert_eq!(live.in_flight(), (0, 0), "a waiter owns no claim (N1)");
    // Bounded, as everything that waits.
    let refused = bench.get("").await;
    assert_eq!(refused.status, 503);
    assert!(refused.field("retry-after").is_some());
    // Others do not notice, and neither does the daemon itself.
    let mut client = Client::plain(bench.address).await.unwrap();
    assert_eq!(client.get(OTHER, "/").await.unwrap().app(), "other");
    let ask = Ask {
        host: HOST.into(),
        target: "/health".into(),
        secure: false,
        timeout: secs(5),
    };
    assert_eq!(bench.plane.ask(ask).await.unwrap().status, 200);
    // The app is restarted meanwhile: no window runs.
    bench.app.relaunch("v2").await;
    assert!(bench.plane.waiting("prod", "prod").away_since.is_none());

    bench.stance(&Stance::default());
    for one in waiting {
        let answer = one.await.unwrap().unwrap();
        assert_eq!((answer.status, answer.version()), (200, "v2"));
    }
    bench.held(0).await;
    let log = bench.stop();
    let held = log
        .lines()
        .filter(|line| line.contains("/echo") && !line.contains("\"held_ms\":0,"))
        .count();
    assert_eq!(held, 8, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_pause_that_ends_badly_answers_503_and_what_comes_after_it_is_new() {
    let bench = Bench::start("").await;
    bench.stance(&paused());
    let waiting: Vec<_> = (0..3).map(|n| bench.send("POST", n)).collect();
    bench.held(3).await;
    bench.plane.turn_away("dev", Refusal::PauseOver);
    bench.held(3).await;
    bench.plane.turn_away("prod", Refusal::PauseOver);
    for one in waiting {
        let answer = one.await.unwrap().unwrap();
        assert_eq!(answer.status, 503);
        assert!(answer.field("retry-after").is_some());
    }
    let later = bench.send("GET", 4);
    bench.held(1).await;
    bench.stance(&Stance::default());
    assert_eq!(later.await.unwrap().unwrap().status, 200);
    assert_eq!(bench.app.requests(), 1);
    assert!(bench.stop().contains("proxy: pause is over"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_after_a_pause_an_app_that_is_not_back_is_held_for_as_long_as_any() {
    let bench = Bench::start("").await;
    bench.stance(&paused());
    let waiting = bench.send("POST", 1);
    bench.held(1).await;
    bench.app.stop_hard().await;
    bench.stance(&Stance::default());
    eventually(secs(10), || async {
        let waiting = bench.plane.waiting("prod", "prod");
        holds(waiting.away_since.is_some() && waiting.held == 1, || {
            format!("{waiting:?}")
        })
    })
    .await;
    // And the other way round: a pause while the app is away ends the window.
    bench.stance(&paused());
    eventually(secs(10), || async {
        let waiting = bench.plane.waiting("prod", "prod");
        holds(waiting.away_since.is_none() && waiting.held == 1, || {
            format!("{waiting:?}")
        })
    })
    .await;
    bench.app.listen().await;
    bench.stance(&Stance::default());
    assert_eq!(waiting.await.unwrap().unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_is_a_503_with_a_page_or_json() {
    let bench = Bench::start("").await;
    bench.stance(&under(page()));
    let html = bench.get("Accept: text/html\r\n").await;
    assert_eq!((html.status, html.field("retry-after")), (503, Some("600")));
    assert!(
        html.text().contains("Back at noon &lt;b&gt;&amp; better&lt;/b&gt;"),
        "{}",
        html.text()
    );
    let json = bench.get("Accept: application/json\r\n").await;
    let value: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(value["message"], "Back at noon <b>& better</b>");

    let own = MaintenancePage {
        page: Some(b"<h1>Ours</h1>".to_vec().into()),
        ..page()
    };
    bench.stance(&under(own));
    assert_eq!(bench.get("Accept: text/html\r\n").await.text(), "<h1>Ours</h1>");
    let mut client = Client::plain(bench.address).await.unwrap();
    // An upload is not read, and the connection goes on being used as far as it can be.
    let posted = client.post(HOST, "/", b"body").await.unwrap();
    assert_eq!(posted.status, 503);
    let mut client = Client::plain(bench.address).await.unwrap();
    assert_eq!(client.get(OTHER, "/").await.unwrap().app(), "other");
    let challenge = client.get(HOST, "/.well-known/acme-challenge/token").await.unwrap();
    assert_eq!((challenge.status, challenge.text().as_str()), (200, "token.key"));
    assert_eq!(bench.app.requests(), 0);
    let counters = bench.routing.load().services()[0].activation.counters();
    assert_eq!(counters.proxy_errors, 0, "what an operator wanted is no error");

    bench.stance(&Stance::default());
    assert_eq!(bench.get("").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_lets_some_networks_in_behind_trusted_proxies_too() {
    let local = MaintenancePage {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..page()
    };
    let bench = Bench::start("").await;
    bench.stance(&under(local.clone()));
    assert_eq!(bench.get("").await.status, 200);
    // Nobody else can say that he is let in.
    let other = MaintenancePage {
        allow: vec!["198.51.100.0/24".parse().unwrap()],
        ..page()
    };
    bench.stance(&under(other.clone()));
    assert_eq!(bench.get("X-Forwarded-For: 198.51.100.7\r\n").await.status, 503);

    let behind = Bench::start("127.0.0.1/32 192.0.2.0/24").await;
    behind.stance(&under(other));
    assert_eq!(behind.get("X-Forwarded-For: 198.51.100.7\r\n").await.status, 200);
    assert_eq!(
        behind.get("X-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n").await.status,
        200
    );
    assert_eq!(
        behind
            .get("X-Forwarded-For: 198.51.100.7, 203.0.113.1\r\n")
            .await
            .status,
        503
    );
    assert_eq!(
        behind.get("X-Forwarded-For: 198.51.100.7, nonsense\r\n").await.status,
        503
    );
    behind.stance(&under(local));
    assert_eq!(behind.get("X-Forwarded-For: 198.51.100.7\r\n").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_maintenance_lets_in_waits_for_a_pause_like_everybody() {
    let bench = Bench::start("").await;
    let page = MaintenancePage {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..page()
    };
    let both = Stance {
        held: Held::Everything,
        ..under(page.clone())
    };
    bench.stance(&both);
    let waiting = bench.send("POST", 1);
    bench.held(1).await;
    assert_eq!(bench.app.requests(), 0);
    bench.stance(&under(page));
    assert_eq!(waiting.await.unwrap().unwrap().status, 200);
    bench.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_for_a_pause_get_the_page_when_maintenance_follows_it() {
    let bench = Bench::start("").await;
    bench.stance(&paused());
    let waiting = bench.send("GET", 1);
    bench.held(1).await;
    bench.stance(&under(page()));
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("600")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_inherits_stances_and_previous_sides() {
    let bench = Bench::start("").await;
    let before = bench.routing.load().with_stance("prod", &paused());
    let previous = ["127.0.0.1:9".parse().unwrap()];
    let before = before.with_previous("dev", "dev", &previous);
    let next = bench.routing.load().inheriting(&before);
    assert_eq!(next.stance("prod").held, Held::Everything);
    assert!(next.stance("dev").is_open());
    assert!(next.stance("nobody").is_open());
    let sides: Vec<_> = next.services().iter().map(|live| live.previous.is_some()).collect();
    assert_eq!(sides, [false, true]);
}
