//! What an operator looks at on ports of its own, the dashboard and the metrics: switched on and off by a reload, refused where the port
//! is taken, opened again by a restart, handed over by an upgrade.

use std::net::{SocketAddr, TcpListener};

use greengate::model::api::exit;

use crate::common::client::Client;
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::fixture::Pair;
use crate::common::{eventually, holds, secs};

/// One of them.
struct Site {
    /// Its key in `[server]`.
    key: &'static str,
    /// What is there.
    page: &'static str,
}

const SITES: [Site; 2] = [
    Site {
        key: "dashboard",
        page: "/",
    },
    Site {
        key: "metrics",
        page: "/metrics",
    },
];

impl Site {
    /// The line that opens it there.
    fn at(&self, address: impl std::fmt::Display) -> String {
        format!("{} = \"{address}\"", self.key)
    }

    fn place(&self, door: &Door) -> Option<SocketAddr> {
        door.site(self.key)
    }

    async fn assert_open(&self, address: SocketAddr) {
        let mut client = Client::plain(address).await.unwrap();
        let answer = client.get("localhost", self.page).await.unwrap();
        assert_eq!(answer.status, 200, "{} at {address}: {answer:?}", self.key);
    }
}

/// Whether nobody listens there.
async fn is_closed(address: SocketAddr) -> bool {
    Client::plain(address).await.is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_switches_each_on_and_off_and_is_refused_where_its_port_is_taken() {
    for site in SITES {
        let pair = Pair::plain("").await;
        let door = &pair.door;
        assert_eq!(site.place(door), None);
        let without = std::fs::read_to_string(door.config()).unwrap();
        let with = |line: &str| without.replace("[server]\n", &format!("[server]\n{line}\n"));
        door.restore(&with(&site.at("127.0.0.1:0")));
        let output = door.proxyctl(&["reload"]).await;
        output.assert_code(0).assert_says(&[site.key]);
        let here = site.place(door).expect("it is open");
        site.assert_open(here).await;
        // A taken port: nothing changes, whoever asks.
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let elsewhere = taken.local_addr().unwrap();
        door.restore(&with(&site.at(elsewhere)));
        for args in [&["reload", "--dry-run"][..], &["reload"]] {
            let refused = door.proxyctl(args).await;
            refused.assert_code(exit::REFUSED);
            for words in [site.key, &elsewhere.to_string(), "nothing was reloaded"] {
                refused.assert_says(&[words]);
            }
        }
        assert_eq!(site.place(door), Some(here));
        site.assert_open(here).await;
        // Elsewhere, when that is free.
        drop(taken);
        door.reload(&[]).await.assert_code(0);
        assert_eq!(site.place(door), Some(elsewhere));
        site.assert_open(elsewhere).await;
        assert!(is_closed(here).await);
        door.restore(&without);
        door.reload(&[]).await.assert_code(0);
        assert_eq!(site.place(door), None);
        assert!(is_closed(elsewhere).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_fails_where_a_port_is_taken_and_says_whose() {
    for site in SITES {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.toml");
        let text = format!(
            "[server]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\nsocket = \"{0}/control.sock\"\nstate_dir = \"{0}/state\"\n\
             {1}\n{QUICK_PLAIN}\n[env.prod]\nhost = \"a.test\"\nupstream = {2}\n",
            folder.path().display(),
            site.at(address),
            address.port(),
        );
        std::fs::write(&file, text).unwrap();
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_proxyd"))
            .arg("--config")
            .arg(&file)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(i32::from(exit::FAILED)), "{said}");
        let wanted = format!("the {}: cannot listen on {address}", site.key);
        assert!(said.contains(&wanted), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_opens_both_again_where_they_were_and_an_upgrade_hands_them_over() {
    // Some ports that nobody has just now.
    let free = SITES.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let here = free.each_ref().map(|port| port.local_addr().unwrap());
    drop(free);
    let lines: Vec<_> = SITES.iter().zip(here).map(|(site, address)| site.at(address)).collect();
    let pair = Pair::plain_with(&lines.join("\n"), "").await;
    let door = &pair.door;
    door.sigterm();
    door.end(secs(30)).await;
    door.restart().await;
    for (site, address) in SITES.iter().zip(here) {
        assert_eq!(site.place(door), Some(address));
        site.assert_open(address).await;
    }
    door.watch(&["upgrade"]).finish().await.assert_code(exit::DONE);
    for (site, address) in SITES.iter().zip(here) {
        // Nobody is refused meanwhile: the socket is the same.
        site.assert_open(address).await;
        eventually(secs(10), || async {
            let place = site.place(door);
            holds(place == Some(address), || format!("{place:?}"))
        })
        .await;
    }
}
