//! The store without a handshake, at times of the test's own.

use std::time::Duration;

use super::super::certificate::Certificate;
use super::super::hosts::ACME_NOTE;
use super::*;
use crate::config::Tls;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn host(name: &str, tls: Tls) -> Host {
    Host { name: name.into(), tls }
}

fn shown(store: &Store, name: &str) -> Arc<Certificate> {
    Arc::clone(store.state().certificate(name).unwrap())
}

#[test]
fn a_local_leaf_is_renewed_when_a_third_of_its_life_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let start = clock::now();
    let hosts = vec![host("app.localhost", Tls::Internal), host("example.com", Tls::Acme)];
    let (store, warnings) = Store::open_at(hosts, folder.path(), start).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let first = shown(&store, "example.com");

    assert_eq!(store.refresh_at(start + DAY * 59), Vec::<String>::new());
    assert!(Arc::ptr_eq(&first, &shown(&store, "example.com")));
    assert_eq!(
        store.refresh_at(start + DAY * 60),
        ["renewed 2 of the local CA's certificates"]
    );
    let second = shown(&store, "example.com");
    assert_ne!(first.not_after(), second.not_after());
    assert!(store.refresh_at(start + DAY * 61).is_empty());
    assert_eq!(
        store.status_at("example.com", start + DAY * 61).note.as_deref(),
        Some(ACME_NOTE)
    );
}

#[test]
fn a_leaf_that_was_made_under_a_wrong_clock_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let now = clock::now();
    let (store, _) = Store::open_at(vec![host("a.localhost", Tls::Internal)], folder.path(), now + DAY * 30).unwrap();
    assert!(
        store
            .status_at("a.localhost", now)
            .note
            .unwrap()
            .contains("not valid yet")
    );
    assert_eq!(store.refresh_at(now).len(), 1);
    assert_eq!(store.status_at("a.localhost", now).note, None);
}

#[test]
fn hosts_that_stay_keep_their_certificates_when_others_change() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(vec![host("a.localhost", Tls::Internal)], folder.path()).unwrap();
    let before = shown(&store, "a.localhost");
    let hosts = vec![host("A.localhost.", Tls::Internal), host("b.localhost", Tls::Acme)];
    assert!(store.replace_hosts(hosts).unwrap().is_empty());
    assert!(Arc::ptr_eq(&before, &shown(&store, "a.localhost")));
    assert!(store.covers("b.localhost", "b.localhost"));
    assert!(
        store
            .replace_hosts(vec![host("b.localhost", Tls::Acme)])
            .unwrap()
            .is_empty()
    );
    assert!(!store.covers("a.localhost", "a.localhost"));
}

#[test]
fn a_host_with_two_sources_is_told_about_and_the_first_counts() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = vec![host("example.com", Tls::Internal), host("example.com", Tls::Acme)];
    let (store, warnings) = Store::open(hosts, folder.path()).unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(store.status("example.com").note, None);
}

#[test]
fn a_name_that_no_certificate_can_have_takes_down_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = vec![
        host("münchen.example", Tls::Internal),
        host("example.com", Tls::Internal),
    ];
    let (store, warnings) = Store::open(hosts, folder.path()).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(store.covers("example.com", "example.com"));
    assert_eq!(
        store.status("münchen.example").note.as_deref(),
        Some("handshakes are refused")
    );
    assert_eq!(
        store.status("other.example").note.as_deref(),
        Some("not served over TLS")
    );
}
