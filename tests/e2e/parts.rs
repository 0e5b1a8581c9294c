//! `at`: rules for a part of a service. What holds there holds nowhere else, the later entry wins key by key, and no path is read in
//! two ways (E20).

use crate::common::app::{App, Step};
use crate::common::client::WEB_SOCKET;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::{eventually, secs};
use greengate::model::api::{Event, ReloadStep};

const SMALL_UPLOADS: &str = "limit.body = \"1KiB\"\n[[env.prod.at]]\npath = \"/uploads/\"\nlimit.body = \"1MiB\"\n";

async fn post(pair: &Pair, target: &str, length: usize) -> u16 {
    let mut client = pair.target().client().await.unwrap();
    let answer = client.post(PLAIN, target, &vec![b'x'; length]).await.unwrap();
    answer.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_has_a_limit_for_bodies_of_its_own() {
    let pair = Pair::plain(SMALL_UPLOADS).await;
    for (target, length, status) in [
        ("/", 1024, 200),
        ("/", 1025, 413),
        ("/uploads", 1025, 200),
        ("/uploads/x?y=/", 100_000, 200),
        ("/uploads/x", (1 << 20) + 1, 413),
        ("/uploadsx", 1025, 413),
        ("/x/uploads", 1025, 413),
        ("/x?/uploads/", 1025, 413),
    ] {
        assert_eq!(post(&pair, target, length).await, status, "{target} with {length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_unknown_length_and_http2_are_under_the_same_limit() {
    let pair = Pair::tls(SMALL_UPLOADS).await;
    let h2 = pair.door.h2(HOST).await.unwrap();
    for (target, status) in [("/", 413), ("/uploads/x", 200)] {
        let long = vec![b'x'; 5000];
        assert_eq!(h2.post(HOST, target, &long).await.unwrap().status, status, "{target}");
        let mut client = pair.door.tls(HOST).await.unwrap();
        let head = format!("POST {target} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(head).await.unwrap();
        let chunk = format!("1388\r\n{}\r\n0\r\n\r\n", "x".repeat(5000));
        client.send(chunk).await.unwrap();
        assert_eq!(client.response("POST").await.unwrap().status, status, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_entry_wins_key_by_key() {
    let pair = Pair::plain(
        "limit.body = \"10B\"\n[[env.prod.at]]\npath = [\"/a\", \"*.big\"]\nlimit.body = \"100B\"\nlog = false\n\
         [[env.prod.at]]\npath = \"/a/b\"\nlimit.body = \"50B\"\n[[env.prod.at]]\npath = \"*.huge.big\"\nlimit.body = \"1000B\"\n",
    )
    .await;
    for (target, length, status) in [
        ("/x", 11, 413),
        ("/a/x", 100, 200),
        ("/a/x", 101, 413),
        ("/a/b/x", 50, 200),
        ("/a/b/x", 51, 413),
        ("/a/b/x.big", 51, 413),
        ("/a/b/x.huge.big", 1000, 200),
        ("/x.big", 100, 200),
        ("/x.big", 101, 413),
    ] {
        assert_eq!(post(&pair, target, length).await, status, "{target} with {length}");
    }
    // `log` comes from the first entry, where no later one says anything of it.
    let lines = pair.door.logged("\"prod\"", 1).await;
    assert!(lines.iter().all(|line| line["path"] == "/x"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e20_a_path_that_lies_in_another_part_once_decoded_or_collapsed_is_refused() {
    let part = "[[env.prod.at]]\npath = [\"/admin\", \"*.php\"]\nauth.allow = [\"192.0.2.1\"]\n";
    let pair = Pair::tls(part).await;
    let mut client = pair.door.tls(HOST).await.unwrap();
    let h2 = pair.door.h2(HOST).await.unwrap();
    for (target, status) in [
        ("/admin", 403),
        ("/admin/x", 403),
        ("/x.php", 403),
        ("/admin/../x", 400),
        ("/x/../admin", 400),
        ("//admin", 400),
        ("/%61dmin", 400),
        ("/admin%2fx", 400),
        ("/x%2ephp", 400),
        ("/x.php%00", 400),
        ("/admin;x/secret", 400),
        ("/admin;jsessionid=1", 400),
        ("/admin%3bx/secret", 400),
        ("/secret;.php", 400),
        ("/cars;color=red/wheels;size=17", 200),
        ("/x//y", 200),
        ("/a%20b", 200),
        ("/x?y=/admin/../x.php", 200),
    ] {
        let answer = client.get(HOST, target).await.unwrap();
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(
            h2.get(HOST, target).await.unwrap().status,
            status,
            "{target} over HTTP/2"
        );
    }
    assert_eq!(pair.blue.requests(), 8);
    let refused = pair.door.logged("the path could be read in two ways", 22).await;
    assert!(refused.iter().all(|line| line["environment"] == "prod"), "{refused:?}");
    let without = Pair::tls("").await;
    for target in ["/admin/../x", "/x%2ephp"] {
        assert_eq!(
            without.get(target).await.status,
            200,
            "without `at`, {target} is one path for all"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_part_have_counters_of_their_own() {
    let pair = Pair::plain(
        "limit.rate = \"2/h\"\n[[env.prod.at]]\npath = \"/login\"\nlimit.rate = \"1/h\"\n\
         [[env.prod.at]]\npath = [\"/static\", \"*.css\"]\nlimit.rate = \"off\"\n",
    )
    .await;
    let mut client = pair.door.plain().await;
    let mut statuses = Vec::new();
    for target in [
        "/login",
        "/login",
        "/",
        "/",
        "/",
        "/login",
        "/static/1",
        "/x.css",
        "/static/2",
    ] {
        statuses.push(client.get(PLAIN, target).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 429, 200, 200, 429, 429, 200, 200, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_counted_for_the_part_alone_and_through_a_reload() {
    let pair = Pair::plain("[[env.prod.at]]\npath = \"/reports\"\nlimit.concurrent = 1\n").await;
    pair.blue.answer_when("/reports/1", "written", "a report");
    let mut first = pair.begin("/reports/1").await;
    assert_eq!(pair.get("/reports/2").await.status, 503);
    assert_eq!(pair.get("/").await.status, 200);
    pair.door.rewrite(|text| format!("{text}limit.body = \"5MiB\"\n"));
    pair.door.reload(&[]).await.assert_code(0);
    assert_eq!(pair.get("/reports/3").await.status, 503, "the first is still counted");
    pair.blue.release("written");
    assert_eq!(first.response("GET").await.unwrap().status, 200);
    eventually(secs(10), || async {
        let answer = pair.get("/reports/4").await;
        (answer.status == 200)
            .then_some(())
            .ok_or_else(|| answer.status.to_string())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn off_takes_away_what_an_outer_table_has_set() {
    let pair =
        Pair::tls("auth.allow = [\"192.0.2.1\"]\n[[env.prod.at]]\npath = \"/hooks\"\nauth.allow = \"off\"\n").await;
    for (target, status) in [("/", 403), ("/hooks", 200), ("/hooks/x", 200), ("/hooksx", 403)] {
        assert_eq!(pair.get(target).await.status, status, "{target}");
    }
    let closed = Pair::tls("[[env.prod.at]]\npath = \"/ws\"\nauth.allow = [\"192.0.2.1\"]\n").await;
    let mut client = closed.door.tls(HOST).await.unwrap();
    let answer = client.request("GET", HOST, "/ws", WEB_SOCKET, b"").await.unwrap();
    assert_eq!(answer.status, 403, "an upgrade is a request like any other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_may_take_longer_to_answer() {
    let pair =
        Pair::plain("timeout.response = \"200ms\"\n[[env.prod.at]]\npath = \"/slow\"\ntimeout.response = \"10s\"\n")
            .await;
    pair.blue.on("/quick", vec![Step::Wait(crate::common::ms(600))]);
    let (quick, slow) = tokio::join!(pair.get("/quick"), pair.get("/slow?ms=600"));
    assert_eq!((quick.status, slow.status), (504, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_is_under_the_rules_that_hold_when_it_goes_on() {
    let pair = Pair::plain("[[env.prod.at]]\npath = \"/x\"\nlimit.body = \"1MiB\"\n").await;
    pair.blue.stop_listening().await;
    let mut held = pair.ask("/x").await;
    let mut ambiguous = pair.ask("/y/%2e%2e/%78").await;
    assert_eq!(ambiguous.response("GET").await.unwrap().status, 400);
    let mut moved = pair.ask("/z/../y").await;
    pair.door.held("prod", 2).await;
    pair.door.replace(
        "path = \"/x\"\nlimit.body = \"1MiB\"",
        "path = [\"/x\", \"/y\"]\nauth.allow = [\"192.0.2.1\"]",
    );
    pair.door.reload(&[]).await.assert_code(0);
    pair.blue.listen().await;
    assert_eq!(held.response("GET").await.unwrap().status, 403);
    assert_eq!(moved.response("GET").await.unwrap().status, 400);
    assert_eq!(pair.blue.requests() + pair.green.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_tells_what_changes_in_which_entry() {
    let pair = Pair::tls("[[env.prod.at]]\npath = \"/uploads\"\nlimit.body = \"1MiB\"\nauth.allow = \"off\"\n").await;
    pair.door.replace("limit.body = \"1MiB\"", "limit.body = \"2MiB\"");
    pair.door.replace("auth.allow = \"off\"", "log = false");
    let finished = pair.door.reload(&[]).await;
    finished.assert_code(0);
    let changes = finished.events.iter().find_map(|event| match event {
        Event::Reload(ReloadStep::Reloading { changes, .. }) => Some(changes.clone()),
        _ => None,
    });
    let changes = changes.expect("a reload says what it changes");
    let values: Vec<_> = changes[0]
        .values
        .iter()
        .map(|value| (value.key.as_str(), value.from.as_deref(), value.to.as_deref()))
        .collect();
    assert_eq!(
        values,
        [
            ("at 1 (/uploads) limit.body", Some("1 MiB"), Some("2 MiB")),
            ("at 1 (/uploads) log", None, Some("false")),
            ("at 1 (/uploads) auth.allow", Some("off"), None),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_one_environment_have_parts_of_their_own() {
    let (web, api) = (App::start("web", "v1").await, App::start("api", "v1").await);
    let text = format!(
        "{QUICK}\n[env.prod.service.web]\nhost = \"{HOST}\"\nupstream = \"{}\"\n[[env.prod.service.web.at]]\npath = \"/x\"\n\
         limit.body = \"1B\"\n[env.prod.service.api]\nhost = \"{HOST}\"\npath = \"/api\"\nupstream = \"{}\"\n\
         [[env.prod.service.api.at]]\npath = \"/api/x\"\nlimit.body = \"2B\"\n",
        web.address(),
        api.address()
    );
    let door = Door::start(&text).await;
    let mut client = door.tls(HOST).await.unwrap();
    for (target, length, status) in [
        ("/x", 2, 413),
        ("/y", 2, 200),
        ("/api/x", 2, 200),
        ("/api/x", 3, 413),
        ("/api/y", 3, 200),
    ] {
        let body = vec![b'x'; length];
        let mut own = door.tls(HOST).await.unwrap();
        assert_eq!(own.post(HOST, target, &body).await.unwrap().status, status, "{target}");
    }
    let answer = client.get(HOST, "/api/x").await.unwrap();
    assert_eq!(answer.app(), "api");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_explains_what_holds_for_a_url() {
    let pair = Pair::plain("[[env.prod.at]]\npath = \"/uploads\"\nlimit.body = \"1GiB\"\n").await;
    let file = pair.door.config().display().to_string();
    let text = std::fs::read_to_string(&file).unwrap();
    let line = 1 + text.lines().position(|line| line.contains("1GiB")).unwrap();
    let url = format!("http://{PLAIN}/uploads/x");
    let output = pair.door.proxyctl(&["check", &file, "--explain", &url]).await;
    output
        .assert_code(0)
        .assert_says(&["environment prod, service prod"])
        .assert_says(&["at /uploads"])
        .assert_says(&[&format!("line {line}")]);
    let output = pair.door.proxyctl(&["check", &file, "--explain", &url, "--json"]).await;
    let value: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(value["explanation"]["entries"][0]["paths"], "/uploads");
    pair.door
        .proxyctl(&["check", &file, "--explain", "/uploads"])
        .await
        .assert_code(2);
}
