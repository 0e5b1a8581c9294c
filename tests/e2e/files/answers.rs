//! What is answered for a path: a file, the page of a folder, the way to it, or nothing.

use std::io::Write as _;

use super::Site;
use crate::common::app::App;
use crate::common::client::{Client, WEB_SOCKET};
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::fixture::{HOST, PLAIN};
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_with_what_clients_need_to_know_of_it() {
    let site = Site::start("").await;
    site.put("app.js", "let a = 1;");
    site.put("a/b c/é.txt", "text");
    site.put("picture.png", [137, 80, 78, 71]);
    site.put("unknown.ending", "?");
    site.put("empty.css", "");
    for (target, kind, body) in [
        ("/", "text/html; charset=utf-8", &b"<h1>blue</h1>"[..]),
        ("/index.html", "text/html; charset=utf-8", b"<h1>blue</h1>"),
        ("/app.js", "text/javascript; charset=utf-8", b"let a = 1;"),
        ("/app.js?v=1&x=../y", "text/javascript; charset=utf-8", b"let a = 1;"),
        ("/a/b%20c/%C3%A9.txt", "text/plain; charset=utf-8", b"text"),
        ("/picture.png", "image/png", &[137, 80, 78, 71]),
        ("/unknown.ending", "application/octet-stream", b"?"),
        ("/empty.css", "text/css; charset=utf-8", b""),
    ] {
        let answer = site.get(target).await;
        assert_eq!(
            (answer.status, answer.field("content-type")),
            (200, Some(kind)),
            "{target}"
        );
        assert_eq!(answer.body, body, "{target}");
        let length = body.len().to_string();
        assert_eq!(answer.field("content-length"), Some(&*length), "{target}");
        assert_eq!(answer.field("accept-ranges"), Some("bytes"), "{target}");
        let tag = answer.field("etag").unwrap();
        assert!(tag.ends_with('"'), "{target}: {tag}");
        assert!(answer.field("last-modified").unwrap().ends_with(" GMT"), "{target}");
        assert!(answer.field("date").is_some(), "{target}");

        let head = site.ask("HEAD", target, &[]).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
        for name in [
            "content-type",
            "content-length",
            "etag",
            "last-modified",
            "accept-ranges",
            "vary",
        ] {
            assert_eq!(head.field(name), answer.field(name), "HEAD {target}: {name}");
        }
    }
    let lines = site.door.logged("\"/picture.png\"", 4).await;
    for line in lines {
        assert_eq!(
            (&line["slot"], &line["termination"]),
            (&"blue".into(), &"done".into()),
            "{line}"
        );
        let sent = if line["method"] == "GET" { 4 } else { 0 };
        assert_eq!(
            (&line["status"], &line["bytes_out"]),
            (&200.into(), &sent.into()),
            "{line}"
        );
        assert!(line["upstream"].as_str().unwrap().starts_with("files:/"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_shows_its_page_under_a_name_with_a_slash_and_never_a_list() {
    let site = Site::start("").await;
    site.put("guide/index.html", "guide");
    site.put("guide/index.htm/deep.txt", "deep");
    site.put("bare/file.txt", "file");
    assert_eq!(site.get("/guide/").await.text(), "guide");
    for (target, location) in [
        ("/guide", "/guide/"),
        ("/guide?a=b&c", "/guide/?a=b&c"),
        ("/%67uide", "/%67uide/"),
    ] {
        let answer = site.get(target).await;
        assert_eq!(
            (answer.status, answer.field("location")),
            (308, Some(location)),
            "{target}"
        );
    }
    for target in [
        "/bare",
        "/bare/",
        "/guide/index.htm",
        "/app.js/",
        "/guide/index.html/",
        "/none/",
    ] {
        let answer = site.get(target).await;
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.text().contains("file.txt"), "{target}: {}", answer.text());
    }
    // What a browser would take for another host is no way to a folder.
    std::fs::create_dir_all(site.blue.path().join("evil.example")).unwrap();
    site.put("evil.example/index.html", "");
    for target in [
        "//evil.example",
        "/\\evil.example",
        "//evil.example/",
        "/.//evil.example",
    ] {
        let answer = site.over_h1("GET", target, &[]).await;
        assert_eq!((answer.status, answer.field("location")), (404, None), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_a_folder_is_the_clients_where_the_folder_sees_another_path() {
    let folder = tempfile::tempdir().unwrap();
    for page in ["index.html", "guide/index.html"] {
        let path = folder.path().join(page);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, page).unwrap();
    }
    let config = format!(
        "{QUICK_PLAIN}\n[env.prod]\nhost = \"{PLAIN}\"\npath = \"/docs\"\nstrip_prefix = true\nupstream = \"files:{}\"\n",
        folder.path().display()
    );
    let door = Door::start(&config).await;
    let mut client = door.plain().await;
    for (target, status, expected) in [
        ("/docs/", 200, "index.html"),
        ("/docs/guide/", 200, "guide/index.html"),
        ("/docs", 308, "/docs/"),
        ("/docs/guide?x", 308, "/docs/guide/?x"),
        ("/guide/", 404, ""),
    ] {
        let answer = client.get(PLAIN, target).await.unwrap();
        assert_eq!(answer.status, status, "{target}");
        match status {
            200 => assert_eq!(answer.text(), expected, "{target}"),
            308 => assert_eq!(answer.field("location"), Some(expected), "{target}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_get_and_head_are_answered_and_the_connection_goes_on_where_it_can() {
    let site = Site::start("").await;
    site.put("app.js", "let a = 1;");
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        for target in ["/app.js", "/none"] {
            let answer = site.ask(method, target, &[]).await;
            assert_eq!(
                (answer.status, answer.field("allow")),
                (405, Some("GET, HEAD")),
                "{method} {target}"
            );
        }
    }
    let line = &site.door.logged("\"PATCH\"", 4).await[0];
    assert_eq!(line["termination"], "client: method not allowed");
    assert_eq!(line["reason"], "a folder answers GET and HEAD alone");

    // An upload that nobody wants does not hide the answer, and a GET with a body gets its file.
    let upload = vec![b'x'; 5 << 20];
    let mut client = site.door.tls(HOST).await.unwrap();
    assert_eq!(client.post(HOST, "/app.js", &upload).await.unwrap().status, 405);
    let h2 = site.door.h2(HOST).await.unwrap();
    assert_eq!(h2.post(HOST, "/app.js", &upload).await.unwrap().status, 405);
    assert_eq!(h2.get(HOST, "/app.js").await.unwrap().text(), "let a = 1;");
    let mut client = site.door.tls(HOST).await.unwrap();
    let answer = client.request("GET", HOST, "/app.js", "", b"abc").await;
    assert_eq!(answer.unwrap().text(), "let a = 1;");

    // Without bodies, one connection is enough for all of them.
    let mut client = site.door.tls(HOST).await.unwrap();
    for (method, target, status) in [
        ("GET", "/app.js", 200),
        ("DELETE", "/app.js", 405),
        ("GET", "/none", 404),
        ("HEAD", "/app.js", 200),
        ("GET", "/", 200),
    ] {
        let answer = client.request(method, HOST, target, "", b"").await.unwrap();
        assert_eq!(answer.status, status, "{method} {target}");
    }

    // Nobody is there who would speak another protocol.
    let mut client = site.door.tls(HOST).await.unwrap();
    let answer = client.request("GET", HOST, "/none", WEB_SOCKET, b"").await.unwrap();
    assert_eq!(answer.status, 404);
    let mut client = site.door.tls(HOST).await.unwrap();
    let answer = client.request("GET", HOST, "/app.js", WEB_SOCKET, b"").await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "let a = 1;"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_404_that_says_so_in_the_log() {
    let site = Site::start("").await;
    let page = site.get("/none").await;
    assert_eq!(
        (page.status, page.field("content-type")),
        (404, Some("text/html; charset=utf-8"))
    );
    assert_eq!(page.field("cache-control"), Some("no-store"));
    let json = site.ask("GET", "/none", &[("accept", "application/json")]).await;
    assert_eq!(
        (json.status, json.field("content-type")),
        (404, Some("application/json"))
    );
    let line = &site.door.logged("\"/none\"", 4).await[0];
    assert_eq!((&line["status"], &line["slot"]), (&404.into(), &"blue".into()));
    assert_eq!(line["termination"], "client: unknown path");
    assert_eq!(line["reason"], "the folder has nothing at this path");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_own_pages_are_shown_for_what_a_folder_does_not_have() {
    let pages = tempfile::tempdir().unwrap();
    for status in ["404", "405"] {
        std::fs::write(pages.path().join(format!("{status}.html")), format!("own {status}")).unwrap();
    }
    let site = Site::start(&format!("error_pages = \"{}\"", pages.path().display())).await;
    for (method, target, status) in [("GET", "/none", 404), ("GET", "/.env", 404), ("DELETE", "/", 405)] {
        let answer = site.ask(method, target, &[("accept", "text/html")]).await;
        assert_eq!(
            (answer.status, answer.text()),
            (status, format!("own {status}")),
            "{method} {target}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_is_the_page_of_an_app_and_never_hides_that_a_script_is_not_there() {
    let site = Site::start("files.fallback = \"/index.html\"").await;
    site.put("guide/file.txt", "file");
    for target in [
        "/",
        "/users/7",
        "/deep/er/",
        "/guide",
        "/guide/",
        "/john.doe",
        "/none.html",
    ] {
        let answer = site.get(target).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "<h1>blue</h1>"),
            "{target}"
        );
        assert_eq!(
            answer.field("content-type"),
            Some("text/html; charset=utf-8"),
            "{target}"
        );
        let tag = answer.field("etag").unwrap();
        assert_eq!(
            site.ask("GET", target, &[("if-none-match", tag)]).await.status,
            304,
            "{target}"
        );
    }
    assert_eq!(site.get("/guide/file.txt").await.text(), "file");
    for target in [
        "/none.js",
        "/a/none.css",
        "/none.PNG",
        "/none.js.map",
        "/.env",
        "/..%2findex.html",
    ] {
        assert_eq!(site.get(target).await.status, 404, "{target}");
    }
    // Without the page itself there is nothing to fall back to.
    std::fs::remove_file(site.blue.path().join("index.html")).unwrap();
    assert_eq!(site.get("/users/7").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_for_what_is_not_there_is_sent_with_404_whatever_was_asked() {
    let site = Site::start("files.not_found = \"/404.html\"").await;
    site.put("404.html", "<h1>not here</h1>");
    for target in ["/none", "/none.js", "/none/", "/.env", "/..%2f"] {
        let answer = site.get(target).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (404, "<h1>not here</h1>"),
            "{target}"
        );
        assert_eq!(
            answer.field("content-type"),
            Some("text/html; charset=utf-8"),
            "{target}"
        );
        assert_eq!(
            (answer.field("etag"), answer.field("last-modified")),
            (None, None),
            "{target}"
        );
        // No condition makes a page of it that the client has.
        let fields = [("if-none-match", "*"), ("range", "bytes=0-1")];
        assert_eq!(
            site.ask("GET", target, &fields).await.text(),
            "<h1>not here</h1>",
            "{target}"
        );
        let head = site.ask("HEAD", target, &[]).await;
        assert_eq!(
            (head.status, head.field("content-length")),
            (404, Some("17")),
            "{target}"
        );
    }
    assert_eq!(site.get("/404.html").await.status, 200);
    std::fs::remove_file(site.blue.path().join("404.html")).unwrap();
    assert_eq!(site.get("/none").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_stands_for_its_content_may_be_kept_unless_the_file_says_otherwise() {
    let more = "[[env.prod.at]]\npath = \"/short/\"\ncache = \"60s\"\n\
                [[env.prod.at]]\npath = \"/own/\"\nheaders.response = { Cache-Control = \"private\" }\n";
    let site = Site::start(more).await;
    for name in [
        "app.3f9c2a1b.js",
        "index-DkX3_a9Z.js",
        "_next/static/chunks/main-0123456789abcdef.js",
    ] {
        site.put(name, "1");
        let answer = site.get(&format!("/{name}")).await;
        assert_eq!(
            answer.field("cache-control"),
            Some("max-age=31536000, immutable"),
            "{name}"
        );
        let tag = answer.field("etag").unwrap();
        let known = site.ask("GET", &format!("/{name}"), &[("if-none-match", tag)]).await;
        assert_eq!(
            (known.status, known.field("cache-control")),
            (304, Some("max-age=31536000, immutable"))
        );
        let gone = name.replace('a', "b");
        assert_eq!(
            site.get(&format!("/{gone}")).await.field("cache-control"),
            Some("no-store"),
            "{name}"
        );
    }
    for name in ["app.js", "index.html", "page.3f9c2a1b.html", "release-20240115.js"] {
        site.put(name, "1");
        assert_eq!(
            site.get(&format!("/{name}")).await.field("cache-control"),
            None,
            "{name}"
        );
    }
    for (name, expected) in [
        ("short/app.3f9c2a1b.js", "max-age=60"),
        ("short/app.js", "max-age=60"),
        ("own/app.3f9c2a1b.js", "private"),
    ] {
        site.put(name, "1");
        assert_eq!(
            site.get(&format!("/{name}")).await.field("cache-control"),
            Some(expected),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_for_an_apps_answers_holds_for_files() {
    let more = "security_headers = true\nheaders.response = { X-Site = \"{service} {slot}\" }\nlabel = \"staging\"\n\
                [[env.prod.at]]\npath = \"/gone\"\nredirect = \"/new\"\n\
                [[env.prod.at]]\npath = \"/v2\"\nrewrite = \"/v1/*\"\n";
    let site = Site::start(more).await;
    site.put("v1/app.js", "let v = 1;");
    for (target, status) in [("/", 200), ("/v2/app.js", 200), ("/none", 404), ("/gone", 308)] {
        let answer = site.get(target).await;
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(answer.field("x-environment"), Some("staging"), "{target}");
        assert_eq!(answer.field("x-site"), Some("prod blue"), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_is_a_503_with_one_warning_until_it_is_back() {
    let site = Site::start("").await;
    assert_eq!(site.get("/").await.text(), "<h1>blue</h1>");
    let path = site.blue.path().to_owned();
    std::fs::remove_dir_all(&path).unwrap();
    for _ in 0..3 {
        let answer = site.get("/").await;
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("2")));
    }
    let line = &site.door.logged("\"status\":503", 6).await[0];
    assert_eq!(
        (&line["termination"], &line["reason"]),
        (&"app: unreachable".into(), &"no such folder".into())
    );
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("index.html"), "back").unwrap();
    eventually(secs(10), || async {
        let answer = site.over_h1("GET", "/", &[]).await;
        holds((answer.status, answer.text().as_str()) == (200, "back"), || {
            answer.text()
        })
    })
    .await;
    site.door.says("no such folder").await;
    let log = site.door.process().log().text();
    assert_eq!(log.matches("no such folder").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_is_an_app_and_a_folder_beside_it_are_told_apart_by_what_answers() {
    let app = App::start("api", "v1").await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("index.html"))
        .unwrap()
        .write_all(b"page")
        .unwrap();
    let config = format!(
        "{QUICK_PLAIN}\n[env.prod.service.site]\nhost = \"{PLAIN}\"\nupstream = \"files:{}\"\n\
         [env.prod.service.api]\nhost = \"{PLAIN}\"\npath = \"/api\"\nupstream = \"{}\"\n",
        folder.path().display(),
        app.address()
    );
    let door = Door::start(&config).await;
    let mut client: Client = door.plain().await;
    assert_eq!(client.get(PLAIN, "/").await.unwrap().text(), "page");
    assert_eq!(client.get(PLAIN, "/api/hello").await.unwrap().app(), "api");
    assert_eq!(client.post(PLAIN, "/api/hello", b"body").await.unwrap().app(), "api");
    assert_eq!(client.get(PLAIN, "/hello").await.unwrap().status, 404);
}
