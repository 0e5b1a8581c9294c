//! A folder that is looked into before the app: what is a file in it never reaches the app, and everything else reaches it untouched.

use std::path::Path;

use tempfile::TempDir;
use tokio::time::Instant;

use super::fuse::{Disk, HANGS};
use crate::common::client::WEB_SOCKET;
use crate::common::fixture::{PLAIN, Pair};
use crate::common::{eventually, holds, secs};

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn key(path: &Path) -> String {
    format!("public = \"{}\"", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_answered_from_the_folder_and_everything_else_by_the_app() {
    let public = folder(&[
        ("robots.txt", "User-agent: *"),
        ("app.3f9c2a1b.js", "let a = 1;"),
        ("app.3f9c2a1b.js.gz", "gzip"),
        ("index.html", "page"),
        ("docs/index.html", "docs"),
        (".env", "secret"),
    ]);
    for pair in [
        Pair::plain(&key(public.path())).await,
        Pair::tls(&key(public.path())).await,
    ] {
        let target = pair.target();
        let mut client = target.client().await.unwrap();
        let before = pair.blue.requests();
        let script = client.get(&target.host, "/app.3f9c2a1b.js").await.unwrap();
        assert_eq!((script.status, script.text().as_str()), (200, "let a = 1;"));
        assert_eq!(script.field("cache-control"), Some("max-age=31536000, immutable"));
        let tag = script.field("etag").unwrap().to_owned();
        for (method, path, fields, status, body) in [
            ("GET", "/robots.txt", String::new(), 200, "User-agent: *"),
            ("GET", "/robots.txt?v=1", String::new(), 200, "User-agent: *"),
            ("GET", "/index.html", String::new(), 200, "page"),
            ("HEAD", "/robots.txt", String::new(), 200, ""),
            ("GET", "/app.3f9c2a1b.js", format!("If-None-Match: {tag}\r\n"), 304, ""),
            ("GET", "/app.3f9c2a1b.js", "Range: bytes=4-4\r\n".to_owned(), 206, "a"),
            (
                "GET",
                "/app.3f9c2a1b.js",
                "Accept-Encoding: gzip\r\n".to_owned(),
                200,
                "gzip",
            ),
        ] {
            let answer = client.request(method, &target.host, path, &fields, b"").await.unwrap();
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (status, body),
                "{method} {path} {fields}"
            );
            assert_eq!(answer.app(), "", "{method} {path}");
        }
        assert_eq!(
            pair.blue.requests(),
            before,
            "the app was asked for a file of the folder"
        );

        for (method, path, fields) in [
            ("GET", "/", ""),
            ("GET", "/docs/", ""),
            ("GET", "/docs", ""),
            ("GET", "/none", ""),
            ("GET", "/robots.txt/", ""),
            ("GET", "/.env", ""),
            ("GET", "/docs/../robots.txt", ""),
            ("GET", "/x//robots.txt", ""),
            ("GET", "/a%00b", ""),
            ("HEAD", "/none", ""),
            ("POST", "/robots.txt", ""),
            ("DELETE", "/robots.txt", ""),
            ("OPTIONS", "/robots.txt", ""),
            ("GET", "/none", "If-None-Match: *\r\nRange: bytes=0-1\r\n"),
        ] {
            let answer = client.request(method, &target.host, path, fields, b"").await.unwrap();
            assert_eq!(answer.app(), "blue", "{method} {path}");
            assert_eq!(pair.blue.last_seen(path).method, method, "{path}");
        }
        let answer = client.post(&target.host, "/robots.txt", b"body").await.unwrap();
        assert_eq!(answer.app(), "blue");
        // Who wants another protocol, or sends a body, means the app.
        let mut other = target.client().await.unwrap();
        let socket = other
            .request("GET", &target.host, "/robots.txt", WEB_SOCKET, b"")
            .await
            .unwrap();
        assert_eq!(socket.app(), "blue");
        let answer = client
            .request("GET", &target.host, "/robots.txt", "", b"body")
            .await
            .unwrap();
        assert_eq!(answer.app(), "blue");
        let line = &pair.door.logged("/robots.txt?v=1", 1).await[0];
        assert_eq!(line["upstream"], format!("files:{}", public.path().display()), "{line}");
        assert_eq!(
            (&line["slot"], &line["termination"]),
            (&"blue".into(), &"done".into()),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_colour_has_files_of_its_own_and_old_pages_still_get_theirs() {
    let blue = folder(&[("assets/which.js", "blue"), ("assets/old.js", "old")]);
    let green = folder(&[("assets/which.js", "green")]);
    let more = format!(
        "public = {{ blue = \"{}\", green = \"{}\" }}\nstale_assets = [\"/assets/\"]",
        blue.path().display(),
        green.path().display()
    );
    let pair = Pair::plain(&more).await;
    pair.green.says("/assets/old.js", "404 Not Found", "");
    pair.green.says("/assets/none.js", "404 Not Found", "");
    pair.blue.says("/assets/none.js", "404 Not Found", "");
    assert_eq!(pair.get("/assets/which.js").await.text(), "blue");
    pair.door.swap("prod", &[]).await.assert_done();
    assert_eq!(pair.serving().await, "green");
    assert_eq!(pair.get("/assets/which.js").await.text(), "green");
    let old = pair.get("/assets/old.js").await;
    assert_eq!((old.status, old.text().as_str()), (200, "old"));
    assert_eq!(pair.get("/assets/none.js").await.status, 404);
    pair.door.rollback("prod", &[]).await.assert_done();
    assert_eq!(pair.get("/assets/which.js").await.text(), "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_there_while_the_app_is_away_and_nobody_sees_them_who_may_not_enter() {
    let public = folder(&[("robots.txt", "for everybody"), ("inside/plan.txt", "for some")]);
    let more = format!(
        "{}\nhold.for = \"off\"\n[[env.prod.at]]\npath = \"/inside\"\nauth.allow = [\"192.0.2.0/24\"]\n\
         headers.response = {{ X-Part = \"inside\" }}\n",
        key(public.path())
    );
    let pair = Pair::plain(&more).await;
    assert_eq!(pair.get("/inside/plan.txt").await.status, 403);
    pair.blue.stop_hard().await;
    eventually(secs(10), || async {
        let answer = pair.get("/").await;
        holds(answer.status == 503, || answer.status.to_string())
    })
    .await;
    assert_eq!(pair.get("/robots.txt").await.text(), "for everybody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_leaves_everything_to_the_app_and_says_so_once() {
    let public = folder(&[("robots.txt", "of the folder")]);
    let pair = Pair::plain(&key(public.path())).await;
    assert_eq!(pair.get("/robots.txt").await.text(), "of the folder");
    let path = public.path().to_owned();
    std::fs::remove_dir_all(&path).unwrap();
    for _ in 0..5 {
        assert_eq!(pair.get("/robots.txt").await.app(), "blue");
    }
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("robots.txt"), "back").unwrap();
    eventually(secs(10), || async {
        let answer = pair.get("/robots.txt").await;
        holds(answer.text() == "back", || answer.text())
    })
    .await;
    eventually(secs(10), || async {
        let log = pair.door.process().log().text();
        let told = ["is away", "is back"].map(|how| log.matches(&format!("the folder of `public` {how}")).count());
        holds(told == [1, 1], || log)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_keeps_nobody_from_the_app_for_long() {
    let disk = Disk::mount();
    let pair = Pair::plain(&key(disk.path())).await;
    let began = Instant::now();
    let mut client = pair.door.plain().await;
    let path = format!("/{HANGS}.txt");
    assert_eq!(client.get(PLAIN, &path).await.unwrap().app(), "blue");
    let waited = began.elapsed();
    assert!(waited < secs(10), "{waited:?}");
    // From now on nobody waits for it at all.
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(client.get(PLAIN, &path).await.unwrap().app(), "blue");
    }
    assert!(
        began.elapsed() < 25 * waited,
        "{:?} for 50, and {waited:?} for the first",
        began.elapsed()
    );
    pair.door.says("its disk gives no answer").await;
    drop(disk);
}
