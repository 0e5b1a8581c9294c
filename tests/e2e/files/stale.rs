//! Files of the version before (N23), where a folder is on either side of a swap.

use super::Site;
use crate::common::app::App;
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::fixture::PLAIN;

const ASSETS: &str = "stale_assets = [\"/assets/\"]\nhealth.path = \"/\"\n";
const OLD: &str = "/assets/app.3f9c2a1b.js";

#[tokio::test(flavor = "multi_thread")]
async fn n23_a_folder_gives_what_only_the_folder_before_it_has_and_no_page_in_its_place() {
    for more in [
        ASSETS.to_owned(),
        format!("{ASSETS}files.fallback = \"/index.html\""),
        format!("{ASSETS}files.not_found = \"/index.html\""),
    ] {
        let site = Site::start(&more).await;
        site.put(&OLD[1..], "let old = 1;");
        site.put("other/app.3f9c2a1b.js", "let old = 1;");
        site.put("assets/both.js", "blue");
        std::fs::create_dir(site.green.path().join("assets")).unwrap();
        std::fs::write(site.green.path().join("assets/both.js"), "green").unwrap();
        site.door.swap("prod", &[]).await.assert_done();
        assert_eq!(site.get("/").await.text(), "<h1>green</h1>", "{more}");
        let old = site.get(OLD).await;
        assert_eq!((old.status, old.text().as_str()), (200, "let old = 1;"), "{more}");
        assert_eq!(old.field("cache-control"), Some("max-age=31536000, immutable"));
        let tag = old.field("etag").unwrap();
        assert_eq!(site.ask("GET", OLD, &[("if-none-match", tag)]).await.status, 304);
        assert_eq!(site.ask("GET", OLD, &[("range", "bytes=4-6")]).await.text(), "old");
        assert_eq!(site.ask("HEAD", OLD, &[]).await.field("content-length"), Some("12"));
        assert_eq!(site.get("/assets/both.js").await.text(), "green");
        for target in [
            "/other/app.3f9c2a1b.js",
            "/assets/none",
            "/assets/none.js",
            "/assets/../index.html",
        ] {
            assert_eq!(site.over_h1("GET", target, &[]).await.status, 404, "{more}{target}");
        }
        let line = &site.door.logged(OLD, 8).await[0];
        assert_eq!(line["slot"], "green", "{line}");
        assert_eq!(
            line["upstream"],
            format!("files:{}", site.blue.path().display()),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_an_app_and_a_folder_know_what_the_other_has_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    for (name, content) in [("index.html", "page"), ("assets/of-folder.js", "let folder = 1;")] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let app = App::start("app", "v1").await;
    app.says("/", "200 OK", "app");
    app.says("/assets/of-app.js", "200 OK", "let app = 1;");
    app.says("/assets/of-folder.js", "404 Not Found", "");
    app.says("/assets/none.js", "404 Not Found", "not of the app");
    let config = format!(
        "{QUICK_PLAIN}\n[env.prod]\nhost = \"{PLAIN}\"\nblue = \"{}\"\ngreen = \"files:{}\"\n{ASSETS}",
        app.address(),
        folder.path().display()
    );
    let door = Door::start(&config).await;
    let mut client = door.plain().await;
    for (live, expected) in [
        ("app", [404, 200, 404]),
        ("page", [200, 200, 404]),
        ("app", [200, 200, 404]),
    ] {
        assert_eq!(client.get(PLAIN, "/").await.unwrap().text(), live);
        let targets = ["/assets/of-folder.js", "/assets/of-app.js", "/assets/none.js"];
        let bodies = ["let folder = 1;", "let app = 1;"];
        for (place, target) in targets.into_iter().enumerate() {
            // Twice: the connection to the app has to be in step behind it.
            for _ in 0..2 {
                let answer = client.get(PLAIN, target).await.unwrap();
                assert_eq!(answer.status, expected[place], "{live} {target}");
                if answer.status == 200 {
                    assert_eq!(answer.text(), bodies[place], "{live} {target}");
                }
            }
        }
        door.swap("prod", &[]).await.assert_done();
        door.quiet("prod").await;
    }
}
