//! Nothing outside of the folder, ever: by no name, by no link, and by no race.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Site;
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::fixture::{HOST, PLAIN};
use crate::common::{count, secs};

const SECRET: &str = "nobody may read this";

/// A secret beside the folder, with its name.
fn secret(site: &Site) -> tempfile::TempDir {
    let outside = tempfile::tempdir_in(site.blue.path().parent().unwrap()).unwrap();
    std::fs::write(outside.path().join("secret.txt"), SECRET).unwrap();
    std::fs::write(outside.path().join("index.html"), SECRET).unwrap();
    outside
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_out_or_to_what_is_hidden() {
    let site = Site::start("").await;
    let outside = secret(&site);
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    site.put("a/b/c.txt", "inside");
    site.put(".env", SECRET);
    site.put(".git/config", SECRET);
    site.put("a/.hidden/secret.txt", SECRET);
    site.put(".well-known/.secret", SECRET);
    site.put(".well-known/security.txt", "for everybody");
    assert_eq!(site.get("/.well-known/security.txt").await.text(), "for everybody");
    let up = format!("{name}/secret.txt");
    for target in [
        format!("/../{up}"),
        format!("/a/../../{up}"),
        format!("/a/b/../../../{up}"),
        format!("/%2e%2e/{up}"),
        format!("/.%2e/{up}"),
        format!("/%2E%2E/{up}"),
        format!("/..%2f{name}%2fsecret.txt"),
        format!("/%2e%2e%2f{name}%2fsecret.txt"),
        format!("/..%5c{name}%5csecret.txt"),
        format!("/..\\{name}\\secret.txt"),
        format!("/%252e%252e/{up}"),
        format!("/..;/{up}"),
        format!("/a/..%00/{up}"),
        format!("//{}/secret.txt", outside.path().display()),
        format!("/{}/secret.txt", outside.path().display()),
        format!("/%2f{}/secret.txt", outside.path().display()),
        "/%c0%ae%c0%ae/secret.txt".to_owned(),
        "/a/b/c.txt%00.html".to_owned(),
        "/a/b/c.txt%00".to_owned(),
        "/a//b/c.txt".to_owned(),
        "/a/./b/c.txt".to_owned(),
        "/a%2fb%2fc.txt".to_owned(),
        "/.env".to_owned(),
        "/%2eenv".to_owned(),
        "/.git/config".to_owned(),
        "/a/.hidden/secret.txt".to_owned(),
        "/.well-known/.secret".to_owned(),
        "/.well-known/../.env".to_owned(),
        "/.".to_owned(),
        "/..".to_owned(),
        format!("/{}", "a".repeat(5000)),
        format!("/{}", "a/".repeat(3000)),
        format!("/{}", "%61".repeat(300)),
    ] {
        for answer in [
            site.over_h1("GET", &target, &[]).await,
            site.over_h2("GET", &target, &[]).await,
        ] {
            assert_eq!(answer.status, 404, "{target:.100}");
            assert!(!answer.text().contains(SECRET), "{target:.100}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_followed_as_long_as_it_stays_inside() {
    let site = Site::start("").await;
    let outside = secret(&site);
    site.put("real/page.txt", "inside");
    let link = |to: &Path, name: &str| symlink(to, site.blue.path().join(name)).unwrap();
    link(Path::new("real/page.txt"), "file.txt");
    link(Path::new("real"), "folder");
    link(Path::new("../real/page.txt"), "real/up.txt");
    for target in ["/file.txt", "/folder/page.txt", "/real/up.txt", "/folder/up.txt"] {
        assert_eq!(site.get(target).await.text(), "inside", "{target}");
    }
    let name = outside.path().file_name().unwrap();
    link(&Path::new("..").join(name).join("secret.txt"), "relative.txt");
    link(&Path::new("..").join(name), "relative");
    link(&outside.path().join("secret.txt"), "absolute.txt");
    link(outside.path(), "absolute");
    link(&site.blue.path().join("real/page.txt"), "absolute-inside.txt");
    link(Path::new("loop.txt"), "loop.txt");
    link(Path::new("nowhere"), "dangling.txt");
    link(Path::new("/proc/self/root"), "proc");
    link(Path::new("/proc/self/fd/0"), "descriptor.txt");
    link(Path::new("/dev/zero"), "zero.txt");
    link(Path::new("relative.txt"), "twice.txt");
    for target in [
        "/relative.txt",
        "/relative/secret.txt",
        "/relative/",
        "/relative",
        "/absolute.txt",
        "/absolute/secret.txt",
        "/absolute/",
        "/absolute",
        "/absolute-inside.txt",
        "/loop.txt",
        "/dangling.txt",
        "/proc/etc/passwd",
        "/proc/",
        "/descriptor.txt",
        "/zero.txt",
        "/twice.txt",
    ] {
        let answer = site.get(target).await;
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.text().contains(SECRET), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_blocks_nobody() {
    let site = Site::start("").await;
    let at = |name: &str| site.blue.path().join(name);
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe.txt"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket.txt")).unwrap();
    std::fs::create_dir(at("folder.txt")).unwrap();
    for target in ["/pipe.txt", "/socket.txt", "/folder.txt", "/pipe.txt/", "/socket.txt/a"] {
        let answer = tokio::time::timeout(secs(10), site.get(target)).await.unwrap();
        assert_eq!(answer.status, 404, "{target}");
    }
    assert_eq!(site.get("/").await.status, 200);
}

/// A link, and a folder, that lead inside and outside in turns, as fast as may be, while clients ask.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_exchanged_while_it_is_asked_for_never_leads_out() {
    let site = Site::start("").await;
    let outside = secret(&site);
    site.put("real/secret.txt", "inside");
    let root = site.blue.path().to_owned();
    let stop = Arc::new(AtomicBool::new(false));
    let exchanger = std::thread::spawn({
        let (stop, outside) = (stop.clone(), outside.path().to_owned());
        move || {
            let (link, next) = (root.join("link"), root.join("next"));
            let (place, aside) = (root.join("place"), root.join("aside"));
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                let to: &Path = if rounds % 2 == 0 { Path::new("real") } else { &outside };
                symlink(to, &next).unwrap();
                std::fs::rename(&next, &link).unwrap();
                // A folder in which somebody stands is moved away and back, and a link to the outside takes its place.
                std::fs::create_dir_all(&place).unwrap();
                std::fs::write(place.join("secret.txt"), "inside").unwrap();
                std::fs::rename(&place, &aside).unwrap();
                symlink(&outside, &place).unwrap();
                std::fs::remove_file(&place).unwrap();
                std::fs::rename(&aside, &place).unwrap();
                std::fs::remove_dir_all(&place).unwrap();
                rounds += 1;
            }
            rounds
        }
    });
    let mut clients = Vec::new();
    for target in [
        "/link/secret.txt",
        "/place/secret.txt",
        "/link/../link/secret.txt",
        "/link/",
    ] {
        let mut client = site.door.tls(HOST).await.unwrap();
        clients.push(tokio::spawn(async move {
            let mut served = 0;
            for _ in 0..count(400, 20_000) {
                let answer = client.get(HOST, target).await.unwrap();
                assert!(!answer.text().contains(SECRET), "{target}");
                assert!(matches!(answer.status, 200 | 404), "{target}: {}", answer.status);
                served += usize::from(answer.status == 200);
            }
            served
        }));
    }
    let mut served = 0;
    for client in clients {
        served += client.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let rounds = exchanger.join().unwrap();
    assert!(rounds > 10 && served > 0, "{rounds} exchanges, {served} files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_moved_on_changes_nothing_for_what_is_served() {
    let place = tempfile::tempdir().unwrap();
    for release in ["one", "two"] {
        std::fs::create_dir(place.path().join(release)).unwrap();
        std::fs::write(place.path().join(release).join("index.html"), release).unwrap();
    }
    let current = place.path().join("current");
    symlink("one", &current).unwrap();
    let config = format!(
        "{QUICK_PLAIN}\n[env.prod]\nhost = \"{PLAIN}\"\nupstream = \"files:{}\"\n",
        current.display()
    );
    let door = Door::start(&config).await;
    let mut client = door.plain().await;
    assert_eq!(client.get(PLAIN, "/").await.unwrap().text(), "one");
    symlink("two", place.path().join("next")).unwrap();
    std::fs::rename(place.path().join("next"), &current).unwrap();
    assert_eq!(client.get(PLAIN, "/").await.unwrap().text(), "one");
    // Also for the period behind a pause, which is another of the same.
    door.proxyctl(&["pause", "prod"]).await.assert_code(0);
    door.proxyctl(&["resume", "prod"]).await.assert_code(0);
    assert_eq!(client.get(PLAIN, "/").await.unwrap().text(), "one");
}
