//! Folders as slots, as an operator meets them: the gate, the switch, a reload, a start and an upgrade with a folder in the place of
//! an app. What a folder answers is told in `files`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use greengate::model::api::{Event, Progress, SwapStep, exit};
use greengate::model::slot::Slot;
use tempfile::TempDir;

use crate::common::app::{App, Health};
use crate::common::client::Client;
use crate::common::door::{Door, QUICK, QUICK_PLAIN};
use crate::common::fixture::{HOST, PLAIN};
use crate::common::onward::Onward;
use crate::common::{count, eventually, holds, secs};

/// A site with a folder for each side, and the door before it; blue is live.
struct Site {
    door: Door,
    folder: TempDir,
}

impl Site {
    /// Blue holds version 1, green version 2; `more` are lines of the environment.
    async fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        build(&folder.path().join("blue"), "1");
        build(&folder.path().join("green"), "2");
        let at = |side: &str| folder.path().join(side).display().to_string();
        let config = format!(
            "{QUICK_PLAIN}\n[env.prod]\nhost = \"{PLAIN}\"\nblue = \"files:{}\"\ngreen = \"files:{}\"\n{more}",
            at("blue"),
            at("green"),
        );
        let door = Door::start(&config).await;
        Self { door, folder }
    }

    fn path(&self, side: &str) -> PathBuf {
        self.folder.path().join(side)
    }

    /// What a client gets.
    async fn page(&self) -> String {
        page(&self.door, PLAIN).await
    }
}

/// What is built of a version: a page, a script, and what names the version.
fn build(folder: &Path, version: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("app.js", format!("export const version = {version};\n"));
    write("version.json", format!("{{\"version\":\"{version}\"}}\n"));
    write("index.html", version.to_owned());
}

/// The text of the first page; the status where there is none.
async fn page(door: &Door, host: &str) -> String {
    let answer = door.plain().await.get(host, "/").await.unwrap();
    match answer.status {
        200 => answer.text(),
        status => status.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_swapped_like_an_app_once_it_has_something_to_show() {
    let site = Site::start("").await;
    std::fs::remove_file(site.path("green").join("index.html")).unwrap();
    let before = site.door.unmoved("prod").await;
    let refused = site.door.proxyctl(&["swap", "prod", "--deadline", "500ms"]).await;
    refused
        .assert_code(exit::REFUSED)
        .assert_says(&["did not pass /: the folder has nothing there"]);
    assert_eq!(site.door.unmoved("prod").await, before);
    assert_eq!(site.page().await, "1");

    build(&site.path("green"), "2");
    let done = site.door.proxyctl(&["swap", "prod"]).await;
    let (blue, green) = (site.path("blue"), site.path("green"));
    done.assert_code(0)
        .assert_says(&[&format!("blue {} → green {}", blue.display(), green.display())]);
    done.assert_says(&[&format!("Safe to change: prod {}.", blue.display())]);
    assert_eq!(site.page().await, "2");
    assert_eq!(site.door.rollback("prod", &[]).await.assert_done(), Slot::Blue);
    assert_eq!(site.page().await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_or_is_none_does_not_pass() {
    let site = Site::start("").await;
    let before = site.door.unmoved("prod").await;
    std::fs::remove_dir_all(site.path("green")).unwrap();
    let refused = |args: &'static [&'static str]| async { site.door.proxyctl(args).await };
    refused(&["swap", "prod", "--deadline", "500ms"])
        .await
        .assert_code(exit::REFUSED)
        .assert_says(&["no such folder"]);
    // Who forces it goes without health, but not without a folder (N8).
    refused(&["swap", "prod", "--force", "--deadline", "500ms"])
        .await
        .assert_code(exit::REFUSED)
        .assert_says(&["cannot be opened: no such folder"]);
    std::fs::write(site.path("green"), "a file").unwrap();
    refused(&["swap", "prod", "--deadline", "500ms"])
        .await
        .assert_code(exit::REFUSED)
        .assert_says(&["it is no folder"]);
    assert_eq!(site.door.unmoved("prod").await, before);
    assert_eq!(site.page().await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_names_its_version_and_is_refused_with_another() {
    let site = Site::start("health.path = \"/version.json\"\nhealth.version = \"json:version\"\n").await;
    site.door
        .proxyctl(&["swap", "prod", "--expect-version", "3", "--deadline", "500ms"])
        .await
        .assert_code(exit::REFUSED)
        .assert_says(&["is version `2`, expected `3`"]);
    let done = site.door.proxyctl(&["swap", "prod", "--expect-version", "2"]).await;
    done.assert_code(0).assert_says(&["version 2"]);
    eventually(secs(10), || async {
        let health = site.door.environment("prod").await.services[0].health[0].clone();
        let version = health.last.as_ref().and_then(|last| last.version.clone());
        holds(health.healthy == Some(true) && version.as_deref() == Some("2"), || {
            format!("{health:?}")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n6_a_folder_is_not_gated_by_the_one_that_is_live() {
    let site = Site::start("").await;
    let live = format!("files:{}", site.path("blue").display());
    site.door
        .proxyctl(&["swap", "prod", "--to", &live])
        .await
        .assert_code(exit::REFUSED)
        .assert_says(&["put the new version into another folder"]);
    // A folder that the file does not name is as good as one that it does.
    build(&site.path("other"), "3");
    let other = format!("files:{}", site.path("other").display());
    site.door.swap("prod", &["--to", &other]).await.assert_done();
    assert_eq!(site.page().await, "3");
    // It is state: what serves now serves after a crash, too (N27).
    site.door.kill9();
    site.door.process().end(secs(30)).await;
    site.door.restart().await;
    assert_eq!(site.page().await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_flipped_changes_nothing_until_the_next_swap() {
    let site = Site::start("").await;
    build(&site.path("next"), "3");
    std::fs::remove_dir_all(site.path("green")).unwrap();
    let link = |to: &str| {
        symlink(site.path(to), site.path("link")).unwrap();
        std::fs::rename(site.path("link"), site.path("green")).unwrap();
    };
    build(&site.path("first"), "2");
    link("first");
    site.door.swap("prod", &[]).await.assert_done();
    link("next");
    assert_eq!(site.page().await, "2");
    // Neither do other changes of the file, a pause, and maintenance.
    site.door.rewrite(|text| format!("{text}label = \"dev\"\n"));
    site.door.reload(&[]).await.assert_code(0);
    assert_eq!(site.page().await, "2");
    site.door.proxyctl(&["pause", "prod"]).await.assert_code(0);
    site.door.proxyctl(&["resume", "prod"]).await.assert_code(0);
    assert_eq!(site.page().await, "2");
    site.door.proxyctl(&["maintenance", "prod", "on"]).await.assert_code(0);
    assert_eq!(site.page().await, "503");
    site.door.proxyctl(&["maintenance", "prod", "off"]).await.assert_code(0);
    assert_eq!(site.page().await, "2");
    for _ in 0..2 {
        site.door.swap("prod", &[]).await.assert_done();
    }
    assert_eq!(site.page().await, "3");
}

/// The gate of an environment passes at once or not at all: while an app keeps it waiting, the folder is known already.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_gated_is_what_serves_even_where_its_path_leads_elsewhere_by_then() {
    let folder = tempfile::tempdir().unwrap();
    let at = |side: &str| folder.path().join(side);
    for (side, version) in [("blue", "1"), ("good", "2"), ("bad", "3")] {
        build(&at(side), version);
    }
    symlink(at("good"), at("green")).unwrap();
    let (blue, green) = (App::start("blue", "1").await, App::start("green", "2").await);
    green.health(Health::status(503));
    let door = Door::start(&format!(
        "{QUICK_PLAIN}\n[env.prod.service.site]\nhost = \"{PLAIN}\"\nblue = \"files:{}\"\n\
         green = \"files:{}\"\n[env.prod.service.api]\nhost = \"{PLAIN}\"\npath = \"/api\"\nblue = \"{}\"\ngreen = \"{}\"\n",
        at("blue").display(),
        at("green").display(),
        blue.address(),
        green.address(),
    ))
    .await;
    let mut swap = door.watch(&["swap", "prod"]);
    swap.until("a folder that has passed", |event| match event {
        Event::Progress(Progress::Gating { instances, .. }) => instances
            .iter()
            .any(|report| report.last.service == "site" && report.passes >= report.needed),
        _ => false,
    })
    .await;
    symlink(at("bad"), at("link")).unwrap();
    std::fs::rename(at("link"), at("green")).unwrap();
    green.health(Health::status(200));
    swap.finish().await.assert_done();
    assert_eq!(page(&door, PLAIN).await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_a_reload_gates_the_folder_that_is_to_serve_and_is_refused_without_it() {
    let site = Site::start("health.deadline = \"3s\"\n").await;
    let (blue, next) = (site.path("blue"), site.path("next"));
    let move_to = |path: &Path| {
        site.door.replace(
            &format!("blue = \"files:{}\"", blue.display()),
            &format!("blue = \"files:{}\"", path.display()),
        );
    };
    let before = site.door.unmoved("prod").await;
    move_to(&next);
    let missing = site.door.proxyctl(&["check", "proxy.toml"]).await;
    missing
        .assert_code(exit::USAGE)
        .assert_says(&["is not there"])
        .assert_says(&["expected a folder"]);
    site.door
        .proxyctl(&["reload"])
        .await
        .assert_code(exit::USAGE)
        .assert_says(&["is not there"]);
    std::fs::create_dir(&next).unwrap();
    site.door.proxyctl(&["check", "proxy.toml"]).await.assert_code(0);
    site.door
        .proxyctl(&["reload"])
        .await
        .assert_code(exit::REFUSED)
        .assert_says(&["the folder has nothing there"]);
    assert_eq!(site.door.unmoved("prod").await, before);
    assert_eq!(site.page().await, "1");
    build(&next, "3");
    site.door.reload(&[]).await.assert_code(0);
    assert_eq!(site.page().await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_moves_from_an_app_to_a_folder_and_back() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "2");
    let app = App::start("blue", "1").await;
    let door = Door::start(&format!(
        "{QUICK_PLAIN}\n[env.prod]\nhost = \"{PLAIN}\"\nblue = \"{}\"\ngreen = \"files:{}\"\n",
        app.address(),
        folder.path().display(),
    ))
    .await;
    let answer = door.plain().await.get(PLAIN, "/").await.unwrap();
    assert_eq!(answer.app(), "blue");
    let probed = app.probes();
    assert!(probed > 0, "an app is asked for its health");
    door.swap("prod", &[]).await.assert_done();
    assert_eq!(page(&door, PLAIN).await, "2");
    assert_eq!(door.rollback("prod", &[]).await.assert_done(), Slot::Blue);
    let answer = door.plain().await.get(PLAIN, "/").await.unwrap();
    assert_eq!(answer.app(), "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_a_live_folder_that_is_missing_takes_nothing_else_down_and_serves_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let app = App::start("app", "1").await;
    let door = Door::start(&format!(
        "{QUICK_PLAIN}\n[env.site]\nhost = \"site.test\"\nupstream = \"files:{}\"\n\
         [env.prod]\nhost = \"{PLAIN}\"\nupstream = \"{}\"\n",
        site.display(),
        app.address(),
    ))
    .await;
    assert_eq!(page(&door, "site.test").await, "503");
    let answer = door.plain().await.get(PLAIN, "/").await.unwrap();
    assert_eq!(answer.app(), "app");
    door.says("is not there").await;
    build(&site, "1");
    eventually(secs(10), || async {
        let page = page(&door, "site.test").await;
        holds(page == "1", || page)
    })
    .await;
}

/// Three kinds of a request, each with the version that answers it: a page, its script, and the API behind it.
#[tokio::test(flavor = "multi_thread")]
async fn n3_no_client_gets_the_page_of_one_version_after_the_script_or_the_api_of_a_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |side: usize| folder.path().join(["blue", "green"][side]);
    build(&at(0), "1");
    build(&at(1), "2");
    let api = [App::start("blue", "1").await, App::start("green", "2").await];
    let door = Door::start(&format!(
        "{QUICK}\n[env.prod.service.site]\nhost = \"{HOST}\"\nblue = \"files:{}\"\ngreen = \"files:{}\"\n\
         [env.prod.service.api]\nhost = \"{HOST}\"\npath = \"/api\"\nstrip_prefix = true\nblue = \"{}\"\ngreen = \"{}\"\n",
        at(0).display(),
        at(1).display(),
        api[0].address(),
        api[1].address(),
    ))
    .await;
    let mut clients = Onward::default();
    for number in 0..6 {
        let target = door.target(HOST);
        clients.spawn(|seen| async move {
            let mut connection = target.client().await.unwrap();
            let mut turn = number;
            while seen.goes_on() {
                turn = (turn + 1) % 3;
                let bound = seen.newest();
                let path = ["/", "/app.js", "/api/"][turn];
                let answer = connection.get(&target.host, path).await.unwrap();
                assert_eq!(answer.status, 200, "{path}: {answer:?}");
                let digits: String = answer.text().chars().filter(char::is_ascii_digit).collect();
                seen.see(path, if turn == 2 { answer.version() } else { &digits }, bound);
            }
        });
    }
    let rounds = count(8, 100);
    for round in 0..rounds {
        clients.swap(&door, &["site", "api"], 60).await;
        // The side that was left comes back as the version after the next.
        let left = round % 2;
        let version = (round + 3).to_string();
        build(&at(left), &version);
        api[left].relaunch(&version).await;
    }
    clients.end(rounds as u64 + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_a_download_ends_in_the_folder_that_it_began_in_and_is_waited_for() {
    let site = Site::start("").await;
    for (side, byte) in [("blue", b'1'), ("green", b'2')] {
        std::fs::write(site.path(side).join("large"), vec![byte; 4 << 20]).unwrap();
    }
    let mut client = Client::narrow(site.door.http()).await.unwrap();
    let request = format!("GET /large HTTP/1.1\r\nHost: {PLAIN}\r\nConnection: close\r\n\r\n");
    client.send(request).await.unwrap();
    assert_eq!(client.head().await.unwrap().0, 200);
    let mut swap = site.door.watch(&["swap", "prod"]);
    swap.switched().await;
    assert_eq!(site.page().await, "2");
    let draining = site.door.environment("prod").await.draining;
    assert_eq!(
        draining.iter().map(|one| (one.slot, one.streams)).collect::<Vec<_>>(),
        [(Slot::Blue, 1)]
    );
    let body = client.until_end().await.unwrap();
    assert_eq!(body.len(), 4 << 20);
    assert!(body.iter().all(|byte| *byte == b'1'), "a piece of the other side");
    let finished = swap.finish().await;
    finished.assert_done();
    let blue = format!("files:{}", site.path("blue").display());
    assert_eq!(finished.safe_to_stop()[0].addresses[0].to_string(), blue);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_loses_its_page_in_the_bake_window_is_left_again() {
    let site = Site::start("bake.for = \"20s\"\n").await;
    let mut swap = site.door.watch(&["swap", "prod"]);
    swap.switched().await;
    assert_eq!(site.page().await, "2");
    std::fs::remove_file(site.path("green").join("index.html")).unwrap();
    let finished = swap.finish().await;
    finished.assert_code(exit::ROLLED_BACK);
    assert_eq!(site.page().await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn n8_a_folder_without_health_is_forced_and_warmed_up_all_the_same() {
    let site = Site::start("warmup = [\"/app.js\", \"/missing.js\"]\nhealth.body = \"never there\"\n").await;
    let forced = site.door.swap("prod", &["--force"]).await;
    let warmed = forced.find(|event| match event {
        Event::Swap(SwapStep::Warmed { requests, failed, .. }) => Some((*requests, *failed)),
        _ => None,
    });
    assert_eq!(warmed, Some((2, 1)), "{forced:?}");
    assert_eq!(site.page().await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_requests_for_a_folder_wait_for_the_end_of_a_pause() {
    let site = Site::start("").await;
    site.door.proxyctl(&["pause", "prod"]).await.assert_code(0);
    let door = &site.door;
    let (page, ()) = tokio::join!(site.page(), async {
        door.held("prod", 1).await;
        // What is written meanwhile is there when it is over.
        build(&site.path("blue"), "3");
        door.proxyctl(&["resume", "prod"]).await.assert_code(0);
    });
    assert_eq!(page, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn n25_what_serves_before_an_upgrade_serves_after_it() {
    let site = Site::start("").await;
    site.door.swap("prod", &[]).await.assert_done();
    let upgraded = site.door.watch(&["upgrade"]).finish().await;
    upgraded.assert_code(exit::DONE);
    assert_eq!(site.page().await, "2");
    assert_eq!(site.door.rollback("prod", &[]).await.assert_done(), Slot::Blue);
    assert_eq!(site.page().await, "1");
}
