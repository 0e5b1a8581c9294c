//! What is kept on disk, by one process and by two.

use std::cell::Cell;

use super::*;

fn open(folder: &Path) -> Arc<KeptAssets> {
    KeptAssets::open(Arc::new(Assets::new(folder.to_owned())), Duration::ZERO)
}

/// Writes a file that no index names yet.
fn fetched(folder: &Path, path: &str) -> KeptFile {
    let (folder, file) = (folder.join("prod"), path.replace('/', "f"));
    durable::private_folder(&folder).unwrap();
    durable::replace(&folder, &file, b"file").unwrap();
    KeptFile {
        service: "web".into(),
        path: path.into(),
        file,
        size: 4,
        until: u64::MAX,
        said: Said::default(),
    }
}

fn put(kept: &KeptAssets, file: KeptFile) {
    kept.change("prod", |known| known.put(file)).unwrap();
}

fn count(kept: &KeptAssets) -> u64 {
    kept.status("prod").map_or(0, |status| status.files)
}

#[test]
fn n23_two_processes_of_an_upgrade_keep_what_either_of_them_has_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let old = open(folder);
    let being_fetched = fetched(folder, "/a");
    let new = open(folder);
    put(&old, being_fetched);
    put(&new, fetched(folder, "/b"));
    assert_eq!(
        (count(&old), count(&new)),
        (1, 2),
        "what is written goes by what is there"
    );
    old.sweep(unix_now());
    assert_eq!(count(&old), 2);
    // The other way round, and of an environment that had nothing when the new one looked.
    put(&new, fetched(folder, "/c"));
    put(&old, fetched(folder, "/d"));
    new.sweep(unix_now());
    assert_eq!((count(&old), count(&new), count(&open(folder))), (4, 4, 4));
    let third = open(&folder.join("prod"));
    third.sweep(unix_now());
    assert_eq!(count(&third), 0, "a file is no environment");
}

#[test]
fn n23_what_was_kept_before_is_served_while_the_disk_takes_no_new_index() {
    let folder = tempfile::tempdir().unwrap();
    let old = open(folder.path());
    put(&old, fetched(folder.path(), "/a"));
    let over = KeptFile {
        until: 1,
        ..fetched(folder.path(), "/over")
    };
    let over_file = folder.path().join("prod").join(&over.file);
    put(&old, over);
    let in_the_way = folder.path().join("prod").join(format!(".{INDEX}.new"));
    fs::create_dir(&in_the_way).unwrap();

    // It begins with a change: what was kept long enough goes.
    let new = open(folder.path());
    assert_eq!(count(&new), 2);
    let more = fetched(folder.path(), "/more");
    new.change("prod", |known| known.put(more.clone())).unwrap_err();
    let served = |path: &[u8]| new.assets.of(&"prod".into(), &"web".into()).kept(path).is_some();
    assert!(served(b"/a") && !served(b"/more") && over_file.exists());
    assert_eq!(count(&new), 2, "only what the index names is known");

    fs::remove_dir(&in_the_way).unwrap();
    new.sweep(unix_now());
    assert!(served(b"/a") && !served(b"/over") && !over_file.exists());
    put(&new, more);
    assert!(served(b"/more"));
    assert_eq!((count(&new), count(&open(folder.path()))), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn another_process_that_says_much_is_looked_at_once_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let kept = open(folder.path());
    let (says, heard) = watch::channel(());
    let looks = Cell::new(0);
    let look = async {
        loop {
            kept.more.notified().await;
            looks.set(looks.get() + 1);
        }
    };
    let speak = async {
        for _ in 0..100 {
            says.send_replace(());
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = kept.clone().follow(heard) => {}
        () = look => {}
        () = speak => {}
    }
    assert!((4..=6).contains(&looks.get()), "{} looks in 5 s", looks.get());
}

#[test]
fn n23_what_a_process_has_left_is_removed_when_nobody_can_be_about_to_name_it() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("prod").join(fetched(folder.path(), "/left").file);
    let kept = open(folder.path());
    put(&kept, fetched(folder.path(), "/a"));
    kept.sweep(unix_now() + LEFT.as_secs() - 60);
    assert!(left.exists());
    kept.sweep(unix_now() + LEFT.as_secs() + 60);
    assert!(!left.exists());
    assert_eq!(count(&open(folder.path())), 1);
}
