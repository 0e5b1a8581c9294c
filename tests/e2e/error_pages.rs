//! Error pages of the operator's own, for the errors that the proxy makes: over HTTP/1.1 and HTTP/2, before and after a reload.

use std::io::Read as _;
use std::path::Path;

use crate::common::client::{Client, Response};
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, Pair};
use crate::common::operation::run;
use crate::common::spoken::Rest;

/// What pages need: an app that is away is told of at once.
const PAGES: &str = "error_pages = \"pages\"\nhold.for = \"off\"\nlimit.body = \"4B\"\n";

/// A door with pages in the folder `pages`, and perhaps in others.
async fn door(config: &str, pages: &[(&str, &str)]) -> Door {
    let any = ([127, 0, 0, 1], 0).into();
    Door::start_at(any, any, "", &format!("{QUICK}{config}"), |folder| put(folder, pages)).await
}

fn put(folder: &Path, pages: &[(&str, &str)]) {
    for (name, text) in pages {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// One environment, whose app is not there.
fn away(more: &str) -> String {
    format!("[env.prod]\nhost = \"{HOST}\"\nupstream = 1\n{more}")
}

/// A request over HTTP/1.1 and over HTTP/2.
async fn both(door: &Door, method: &str, target: &str, accept: &str) -> [Response; 2] {
    let rest = Rest {
        fields: &[("accept", accept)],
        body: if method == "POST" { b"too long" } else { b"" },
    };
    [
        door.over_h1(HOST, method, target, rest).await,
        door.over_h2(HOST, method, target, rest).await,
    ]
}

fn assert_page(answer: &Response, status: u16, text: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (status, text));
    assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.field("content-length"), Some(&*text.len().to_string()));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_ours_have_the_operators_page_filled_in_and_the_exact_one_wins() {
    let door = door(
        &away(&format!("{PAGES}security_headers = true\n")),
        &[
            (
                "pages/503.html",
                "<h1>Soon {status}</h1><p>{request_id}</p><style>p{color:red}</style>",
            ),
            ("pages/5xx.html", "some {status}"),
            ("pages/4xx.html", "yours {status}"),
        ],
    )
    .await;
    for answer in both(&door, "GET", "/", "text/html, */*").await {
        let id = answer.field("x-request-id").unwrap().to_owned();
        let text = format!("<h1>Soon 503</h1><p>{id}</p><style>p{{color:red}}</style>");
        assert_page(&answer, 503, &text);
        assert_eq!(answer.field("retry-after"), Some("2"));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        let logged = door.logged(&id, 1).await;
        assert_eq!(logged[0]["bytes_out"], text.len(), "{logged:?}");
    }
    for answer in both(&door, "POST", "/", "*/*").await {
        assert_page(&answer, 413, "yours 413");
    }
    for answer in both(&door, "GET", "/", "application/json").await {
        let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &value["status"]), (503, &503.into()));
    }
    for answer in both(&door, "HEAD", "/", "*/*").await {
        assert_eq!((answer.status, answer.body.len()), (503, 0));
        assert_eq!(answer.field("content-length"), Some("67"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_answers_is_the_apps_own() {
    let pair = Pair::tls("error_pages = \"pages\"").await;
    put(
        pair.door.folder(),
        &[("pages/4xx.html", "ours"), ("pages/5xx.html", "ours")],
    );
    pair.door.reload(&[]).await.assert_code(0);
    for status in [404, 500, 503] {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 4\r\n\r\nmine");
        pair.blue.on("/x", vec![crate::common::app::send(head)]);
        for answer in both(&pair.door, "GET", "/x", "text/html").await {
            assert_eq!((answer.status, answer.text().as_str()), (status, "mine"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_an_error_needs_stay() {
    let door = door(
        &away(&format!("{PAGES}auth.basic = \"nobody\"\nlimit.rate = \"1/h\"\nlimit.burst = 2\n[[env.prod.at]]\npath = \"/open\"\nauth.basic = \"off\"\n")),
        &[("pages/4xx.html", "yours {status}"), ("nobody", "")],
    )
    .await;
    for answer in both(&door, "GET", "/", "*/*").await {
        assert_page(&answer, 401, "yours 401");
        assert!(answer.field("www-authenticate").unwrap().starts_with("Basic "));
    }
    both(&door, "GET", "/open", "*/*").await;
    for answer in both(&door, "GET", "/open", "*/*").await {
        assert_page(&answer, 429, "yours 429");
        assert!(answer.field("retry-after").unwrap().parse::<u32>().unwrap() > 2);
    }
    // Of what is not understood, the name of the connection tells whose page it is.
    let mut client = door.tls(HOST).await.unwrap();
    client
        .send(format!("TRACE / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
        .await
        .unwrap();
    let answer = client.response("TRACE").await.unwrap();
    assert_page(&answer, 405, "yours 405");
    assert!(answer.field("allow").unwrap().contains("GET"));
    for head in [
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        &format!("GET / HTTP/1.1\r\nX: {}\r\n", "a".repeat(70_000)),
    ] {
        let mut client = door.tls(HOST).await.unwrap();
        client.send(head).await.unwrap();
        let answer = client.response("GET").await.unwrap();
        assert_page(&answer, answer.status, &format!("yours {}", answer.status));
        assert!(matches!(answer.status, 400 | 431));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_service_is_known_the_page_is_the_environments_or_the_defaults() {
    let services = "[env.prod]\nerror_pages = \"prod\"\n\
                    [env.prod.service.api]\nhost = [\"app.localhost\", \"*.many.localhost\", \"shared.localhost\"]\npath = \"/api\"\nupstream = 1\n\
                    error_pages = \"api\"\nhold.for = \"off\"\n\
                    [env.dev]\nhost = \"shared.localhost\"\npath = \"/dev\"\nupstream = 2\n";
    let door = door(
        &format!("error_pages = \"all\"\n{services}"),
        &[
            ("all/4xx.html", "all {status}"),
            ("prod/404.html", "prod {status}"),
            ("prod/400.html", "prod {status}"),
            ("api/5xx.html", "api {status}"),
        ],
    )
    .await;
    for answer in both(&door, "GET", "/api", "*/*").await {
        assert_page(&answer, 503, "api 503");
    }
    for answer in both(&door, "GET", "/x", "*/*").await {
        assert_page(&answer, 404, "prod 404");
    }
    for answer in both(&door, "GET", "/%61pi/x", "*/*").await {
        assert_page(&answer, 400, "prod 400");
    }
    let mut client = door.tls("a.many.localhost").await.unwrap();
    let answer = client.get("a.many.localhost", "/x").await.unwrap();
    assert_page(&answer, 404, "prod 404");
    let mut client = door.tls("shared.localhost").await.unwrap();
    let answer = client.get("shared.localhost", "/x").await.unwrap();
    assert_page(&answer, 404, "all 404");
    let mut client = door.plain().await;
    assert_page(&client.get("nobody.test", "/").await.unwrap(), 404, "all 404");
    let mut client = door.tls(HOST).await.unwrap();
    let answer = client.get("nobody.test", "/").await.unwrap();
    assert_page(&answer, 421, "all 421");
    let mut client = Client::plain(door.https()).await.unwrap();
    assert_page(&client.get(HOST, "/").await.unwrap(), 400, "all 400");
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_shows_what_was_said_for_this_time_first() {
    let door = door(
        &away(PAGES),
        &[("pages/503.html", "for all times"), ("page.html", "for this time")],
    )
    .await;
    let page = door.folder().join("page.html").display().to_string();
    for (args, expected) in [
        (&["on"][..], "for all times"),
        (&["on", "--page", &page], "for this time"),
        (&["on", "--message", "Back at noon"], "Back at noon"),
    ] {
        let args = [&["maintenance", "prod"], args].concat();
        door.proxyctl(&args).await.assert_code(0);
        for answer in both(&door, "GET", "/", "*/*").await {
            assert_eq!(answer.status, 503);
            assert!(answer.text().contains(expected), "{}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_reads_pages_again_and_is_refused_where_one_is_broken() {
    let door = door(&away(PAGES), &[("pages/503.html", "first")]).await;
    put(door.folder(), &[("pages/503.html", "second")]);
    assert_page(&both(&door, "GET", "/", "*/*").await[0], 503, "first");
    let reloaded = door.proxyctl(&["reload"]).await;
    reloaded.assert_code(0).assert_says(&["error_pages", "503"]);
    assert_page(&both(&door, "GET", "/", "*/*").await[1], 503, "second");
    put(door.folder(), &[("pages/503.html", "third"), ("pages/foo.html", "x")]);
    let refused = door.proxyctl(&["reload"]).await;
    refused
        .assert_code(2)
        .assert_says(&["foo.html", "is no page of an error", "proxy.toml"]);
    assert_page(&both(&door, "GET", "/", "*/*").await[0], 503, "second");
    // A start makes do with what can be used.
    door.sigterm();
    door.end(crate::common::secs(30)).await;
    door.restart().await;
    assert_page(&both(&door, "GET", "/", "*/*").await[0], 503, "third");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_page_comes_whole_and_encoded_where_that_is_asked_for() {
    let page = format!(
        "{{status}}{}{{request_id}}",
        "<p>a page of many words</p>\n".repeat(2300)
    );
    assert!(page.len() < 64 << 10);
    let door = door(
        &away(&format!("{PAGES}compress = true\n")),
        &[("pages/5xx.html", &page)],
    )
    .await;
    for answer in both(&door, "GET", "/", "*/*").await {
        let id = answer.field("x-request-id").unwrap();
        let expected = page.replace("{status}", "503").replace("{request_id}", id);
        assert!(
            answer.text() == expected,
            "{} of {} bytes",
            answer.body.len(),
            expected.len()
        );
    }
    let mut client = door.tls(HOST).await.unwrap();
    let answer = client
        .request("GET", HOST, "/", "Accept-Encoding: gzip\r\n", b"")
        .await
        .unwrap();
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body[..])
        .read_to_string(&mut text)
        .unwrap();
    let id = answer.field("x-request-id").unwrap();
    assert!(text == page.replace("{status}", "503").replace("{request_id}", id));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_in_a_backup_and_come_back() {
    let door = door(&away(PAGES), &[("pages/503.html", "kept"), ("pages/.hidden", "x")]).await;
    let archive = door.folder().join("backup.tar.gz");
    let (config, state) = (door.config(), door.state_dir());
    let text = |path: &Path| path.display().to_string();
    let made = door
        .proxyctl(&[
            "backup",
            &text(&archive),
            "--config",
            &text(&config),
            "--state-dir",
            &text(&state),
        ])
        .await;
    made.assert_code(0);
    let other = tempfile::tempdir().unwrap();
    let at = |name: &str| other.path().join(name).display().to_string();
    let mut restore = door.command(&["restore", &text(&archive)]);
    restore.args(["--config", &at("proxy.toml"), "--state-dir", &at("state")]);
    run(restore).await.assert_code(0);
    assert_eq!(
        std::fs::read_to_string(other.path().join("pages/503.html")).unwrap(),
        "kept"
    );
    assert!(!other.path().join("pages/.hidden").exists());
}
