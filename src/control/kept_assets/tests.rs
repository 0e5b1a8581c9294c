//! What is kept on disk, by one process and by two.

use super::*;

fn open(folder: &Path) -> Arc<KeptAssets> {
    KeptAssets::open(folder, Duration::ZERO, Arc::default())
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
fn n23_a_file_that_the_index_names_is_there_whatever_a_change_has_no_need_of() {
    let folder = tempfile::tempdir().unwrap();
    let kept = open(folder.path());
    let (file, other) = (fetched(folder.path(), "/a"), fetched(folder.path(), "/b"));
    let again = file.clone();
    let change = |known: &mut KeptFiles| {
        known.put(other.clone());
        known.put(file);
        let gone = known.expire(u64::MAX);
        known.put(again);
        gone
    };
    kept.change("prod", change).unwrap();
    assert_eq!(count(&open(folder.path())), 1);
    assert!(!folder.path().join("prod").join(&other.file).exists());
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
