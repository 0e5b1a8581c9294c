//! Hosts that lead to this machine, seen from ports 80 and 443 as a CA sees them: `check --online`, and addresses as hosts.

use crate::common::app::App;
use crate::common::network::{Network, in_a_network_of_its_own};
use crate::common::pebble::{Manners, Pebble, environment, report};
use crate::common::secs;

const HERE: &str = "192.0.2.1";

#[test]
fn check_online_tells_hosts_that_lead_here_from_those_that_do_not() {
    let test = "acme::leading_here::check_online_tells_hosts_that_lead_here_from_those_that_do_not";
    let names = [("a.example.test", HERE), ("elsewhere.example.test", "192.0.2.9")];
    let network = Network {
        addresses: &[HERE],
        names: &names,
        ..Network::default()
    };
    in_a_network_of_its_own(test, &network, async {
        let pebble = Pebble::start(Manners {
            well_known: true,
            ..Manners::default()
        })
        .await;
        let app = App::start("app", "v1").await;
        let hosts = "[\"a.example.test\", \"elsewhere.example.test\", \"nowhere.example.test\", \"a.localhost\"]";
        let door = pebble
            .door(&(pebble.acme("") + &environment("prod", hosts, &app)))
            .await;
        let checked = door.proxyctl(&["check", "proxy.toml", "--online"]).await;
        checked.assert_code(1);
        for line in [
            "✓ a.example.test: 192.0.2.1: port 80 answers, and it is this daemon\n",
            "✗ elsewhere.example.test: 192.0.2.9 (not one of this machine's own addresses): port 80 does not answer: network is \
             unreachable; hint: does the address lead to this machine",
            "✗ nowhere.example.test: cannot be resolved: ",
        ] {
            assert!(checked.stdout.contains(line), "{line}{}", checked.stdout);
        }
        assert!(!checked.stdout.contains("a.localhost:"), "{}", checked.stdout);
        door.replace(hosts, "\"a.example.test\"");
        door.proxyctl(&["check", "proxy.toml", "--online"]).await.assert_code(0);
        door.kill9();
        door.end(secs(30)).await;
        let checked = door.proxyctl(&["check", "proxy.toml", "--online"]).await;
        checked
            .assert_code(1)
            .assert_says(&["✗ a.example.test: 192.0.2.1: port 80 does not answer: connection refused; hint: "]);
    });
}

#[test]
fn an_address_is_served_with_a_certificate_of_its_own_by_either_challenge() {
    let test = "acme::leading_here::an_address_is_served_with_a_certificate_of_its_own_by_either_challenge";
    let network = Network {
        addresses: &[HERE],
        ..Network::default()
    };
    in_a_network_of_its_own(test, &network, async {
        let pebble = Pebble::start(Manners {
            well_known: true,
            ..Manners::default()
        })
        .await;
        pebble.ca.offer(&["classic", "shortlived"]);
        let app = App::start("app", "v1").await;
        let config =
            pebble.acme("challenge = \"http-01\"") + &environment("prod", "[\"192.0.2.1\", \"a.example.test\"]", &app);
        let door = pebble.door(&config).await;
        pebble.served(&door, HERE).await;
        pebble.served(&door, "a.example.test").await;
        assert_eq!(report(&door, HERE).await.challenge.as_deref(), Some("http-01"));
        for order in pebble.ca.asked("/order-plz") {
            // The one kind that Let's Encrypt gives for addresses.
            let identifier = &order.payload["identifiers"][0];
            let wanted = (identifier["type"] == "ip").then_some("shortlived");
            assert_eq!(order.payload.get("profile").and_then(|one| one.as_str()), wanted);
        }
        door.replace("challenge = \"http-01\"", "challenge = \"tls-alpn-01\"");
        door.reload(&[]).await.assert_code(0);
        door.proxyctl(&["certs", "renew", HERE]).await.assert_code(0);
        assert_eq!(report(&door, HERE).await.challenge.as_deref(), Some("tls-alpn-01"));
        assert_eq!(pebble.get(&door, HERE).await, Ok(200));
        assert_eq!(pebble.ca.orders(HERE), 2);
    });
}
