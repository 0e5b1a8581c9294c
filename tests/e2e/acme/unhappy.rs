//! The unhappy table: what the operator sees when something is wrong, word for word.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use greengate::model::api::{CommonStep, Event};

use crate::common::acme_door::{AcmeDoor, Trick};
use crate::common::app::App;
use crate::common::door::Door;
use crate::common::pebble::{Manners, Pebble, environment, refused, report, tls};
use crate::common::port::reserve;
use crate::common::{eventually, holds, secs};

const HOST: &str = "a.example.test";

/// A daemon for [`HOST`] in front of a Pebble that was told to misbehave.
async fn misbehaving(more: &str, part: &str, trick: Trick) -> (Pebble, App, Door) {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.ca.always(part, trick);
    let door = pebble
        .door(&(pebble.acme(more) + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    (pebble, app, door)
}

/// Every way in which an operator asks shows these words.
async fn seen_everywhere(door: &Door, words: &str) {
    let words = refused(door, HOST, words).await;
    door.proxyctl(&["certs"]).await.assert_code(0).assert_says(&[&words]);
    door.proxyctl(&["status"]).await.assert_code(0).assert_says(&[&words]);
    let quoted = serde_json::to_string(&words).unwrap();
    door.says(quoted.trim_matches('"')).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_down() {
    let (_reserved, nobody): (_, SocketAddr) = reserve();
    let app = App::start("app", "v1").await;
    let acme = format!("[acme]\ndirectory = \"https://{nobody}/dir\"\n");
    let door = Door::start(&(acme + &environment("prod", "\"a.example.test\"", &app))).await;
    seen_everywhere(
        &door,
        &format!("the CA at `https://{nobody}/dir` cannot be reached: connection refused"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_directory_that_answers_503_can_be_reached() {
    let (pebble, _app, door) = misbehaving("", "/dir", Trick::Plain(503, "busy")).await;
    seen_everywhere(
        &door,
        &format!("the CA at `{}` answered with status 503", pebble.ca.directory()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_down_with_another_to_fall_back_on() {
    let (_reserved, nobody) = reserve();
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let list = format!("directory = [\"https://{nobody}/dir\", \"{}\"]", pebble.ca.directory());
    let acme = pebble
        .acme("")
        .replace(&format!("directory = \"{}\"", pebble.ca.directory()), &list);
    let door = pebble
        .door(&(acme + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, HOST).await;
    assert_eq!(report(&door, HOST).await.error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_that_is_not_trusted() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let acme = format!("[acme]\ndirectory = \"{}\"\n", pebble.ca.directory());
    let door = pebble
        .door(&(acme + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    seen_everywhere(&door, "its certificate is from a CA that this machine does not trust").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_wrong() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.dns("/set-servfail", serde_json::json!({"host": HOST})).await;
    let door = pebble
        .door(&(pebble.acme("challenge = \"http-01\"") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    let words = refused(&door, HOST, "the CA could not check `a.example.test` by http-01: ").await;
    assert!(words.contains(HOST), "{words}");
    seen_everywhere(&door, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_answers() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    // The other machine: a daemon that knows nothing of the order.
    let other = pebble.other_machine().await;
    let config = pebble.acme("challenge = \"http-01\"") + &environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door_with_closed_port_80(&config).await;
    let words = refused(&door, HOST, "by http-01: ").await;
    assert!(
        words.contains("hint: something else answered: do A and AAAA of `a.example.test` both point here"),
        "{words}"
    );
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn caa() {
    let detail = "CAA record for a.example.test prevents issuance".to_owned();
    let (_pebble, _app, door) = misbehaving("", "/order-plz", Trick::Problem(403, "caa", detail)).await;
    seen_everywhere(
        &door,
        "the domain's CAA record forbids it: CAA record for a.example.test prevents issuance; hint: name the CA in the CAA \
         record, or another CA in `[acme] directory`",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limited() {
    let detail = "too many certificates already issued for example.test".to_owned();
    let (pebble, _app, door) = misbehaving("", "/order-plz", Trick::Limited(429, "rateLimited", detail, 7200)).await;
    let began = jiff::Timestamp::now().as_second();
    seen_everywhere(
        &door,
        "the CA's limit is reached: too many certificates already issued for example.test",
    )
    .await;
    let next = report(&door, HOST)
        .await
        .next
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap()
        .as_second();
    assert!((7190..7300).contains(&(next - began)), "{}", next - began);
    let forced = door.proxyctl(&["certs", "renew", HOST]).await;
    forced
        .assert_code(4)
        .assert_says(&["Z, as the CA asks for; the last error: the CA's limit is reached"]);
    assert_eq!(pebble.ca.asked("/order-plz").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_deactivated() {
    let trick = Trick::Problem(401, "unauthorized", "account is deactivated".into());
    let (_pebble, _app, door) = misbehaving("", "/order-plz", trick).await;
    seen_everywhere(
        &door,
        "the CA refuses our account: account is deactivated; hint: if the account was deactivated, move `acme/account.json` \
         out of the state folder; a new one is made",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn account_forgotten_by_the_ca_is_made_anew() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let gone = "unable to find existing account".to_owned();
    pebble
        .ca
        .next("/order-plz", Trick::Problem(400, "accountDoesNotExist", gone));
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, HOST).await;
    assert_eq!(pebble.ca.asked("/sign-me-up").len(), 2);
    assert_eq!(report(&door, HOST).await.failures, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = tls(folder.path(), Some((2020, 1, 1)));
    let ca = AcmeDoor::start(server, client, "127.0.0.1:1".parse().unwrap()).await;
    let app = App::start("app", "v1").await;
    let root = folder.path().join("root.pem");
    let acme = format!(
        "[acme]\ndirectory = \"{}\"\nroot = \"{}\"\n",
        ca.directory(),
        root.display()
    );
    let door = Door::start(&(acme + &environment("prod", "\"a.example.test\"", &app))).await;
    let words = refused(&door, HOST, "cannot be reached: ").await;
    let hint = "hint: is this machine's clock right? `date` shows it, and `timedatectl` whether it is kept right";
    assert!(words.contains("expired") && words.ends_with(hint), "{words}");
    seen_everywhere(&door, hint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_file_not_readable() {
    let more = "eab = { kid = \"kid-1\", key_file = \"eab.key\" }\n";
    let (pebble, _app, door) = misbehaving(more, "/nothing", Trick::Stall).await;
    seen_everywhere(
        &door,
        "eab.key` of `eab` cannot be read: no such file; hint: `key_file` in `[acme]` names a file that `proxyd` can read, with \
         the key that the CA gave",
    )
    .await;
    assert!(pebble.ca.asked("/sign-me-up").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_command_fails() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let hook = pebble.folder().join("hook");
    std::fs::write(
        &hook,
        "#!/bin/sh\necho trying >&2\necho 'no zone for this name' >&2\nexit 3\n",
    )
    .unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = pebble.acme(&format!("challenge = {{ dns = \"{}\" }}\n", hook.display()));
    let door = pebble
        .door(&(config + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    seen_everywhere(&door, "` ended with exit status: 3: no zone for this name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_record_left_behind() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let hook = pebble.folder().join("hook");
    std::fs::write(&hook, "#!/bin/sh\n[ $1 = present ] || exit 4\nexit 3\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = pebble.acme(&format!("challenge = {{ dns = \"{}\" }}\n", hook.display()));
    let door = pebble
        .door(&(config + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    eventually(secs(30), || async {
        let log = door.process().log().text();
        let said = |line: &str| {
            line.contains("the DNS record of a challenge is left behind")
                && line.contains("_acme-challenge.a.example.test")
                && line.contains("ended with exit status: 4")
        };
        holds(log.lines().any(said), || log.clone())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_command_not_there() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let config = pebble.acme("challenge = { dns = \"/nowhere/hook\" }\n");
    let door = pebble
        .door(&(config + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    seen_everywhere(&door, "the DNS command `/nowhere/hook` cannot be run: no such file").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_certificate_is_not_a_cas_to_give() {
    let app = App::start("app", "v1").await;
    let door = Door::start(&format!(
        "{}tls = \"internal\"\n",
        environment("prod", "\"a.localhost\"", &app)
    ))
    .await;
    for host in ["a.localhost", "nowhere.example.test"] {
        let renewed = door.proxyctl(&["certs", "renew", host]).await;
        renewed.assert_code(2).assert_says(&[&format!(
            "`{host}` is no host with `tls = \"acme\"`\nhint: `proxyctl certs` lists"
        )]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn account_file_not_readable() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let config = pebble.acme("") + &environment("prod", "\"a.example.test\"", &app);
    // A folder: what not even root can read.
    let prepare = |folder: &std::path::Path| std::fs::create_dir_all(folder.join("state/acme/account.json")).unwrap();
    let door = pebble.door_prepared(&config, prepare).await;
    let words = refused(
        &door,
        HOST,
        "account.json` cannot be read: is a directory; hint: give it to the user",
    )
    .await;
    assert!(words.ends_with("or move it away: a new account is made"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_says_in_preflight_that_a_host_has_no_valid_certificate_and_goes_on() {
    let pebble = Pebble::start(Manners::default()).await;
    let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
    pebble.mislead(HOST).await;
    let environment = crate::common::door::environment("prod", HOST, &blue, &green);
    let quick = "[defaults]\nhealth.interval = \"20ms\"\nhealth.passes = 1\n";
    let door = pebble
        .door(&(pebble.acme("challenge = \"http-01\"") + quick + &environment))
        .await;
    let error = refused(&door, HOST, "could not check").await;
    let finished = door.swap("prod", &[]).await;
    finished.assert_done();
    let warned = finished.events.iter().any(|event| match event {
        Event::Common(CommonStep::Warning { message }) => {
            message.contains("certificate of `a.example.test`: the local CA stands in") && message.contains(&error)
        }
        _ => false,
    });
    assert!(warned, "{:#?}", finished.events);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_says_which_hosts_do_not_lead_here() {
    let app = App::start("app", "v1").await;
    let acme = "[acme]\ndirectory = \"https://127.0.0.1:1/dir\"\n";
    let door = Door::start(&(acme.to_owned() + &environment("prod", "\"nowhere.invalid\"", &app))).await;
    let checked = door.proxyctl(&["check", "proxy.toml", "--online"]).await;
    checked
        .assert_code(1)
        .assert_says(&["✗ nowhere.invalid: cannot be resolved"]);
    let json = door.proxyctl(&["check", "proxy.toml", "--online", "--json"]).await;
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["online"][0]["host"], "nowhere.invalid", "{value}");
    eventually(secs(10), || async {
        holds(value["online"][0]["good"] == false, || value.to_string())
    })
    .await;
}
