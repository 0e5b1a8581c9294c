//! The store without a handshake, at times of the test's own.

use std::time::Duration;

use super::super::certificate::Certificate;
use super::super::hosts::{ACME_NOTE, LENT_NOTE};
use super::super::shelf::Secret;
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

/// Midnight of a day in January 2030, in UTC.
fn clock_of(day: u8) -> SystemTime {
    rcgen::date_time_ymd(2030, 1, day).into()
}

/// A certificate for these names from the first of January 2030 to the day `until`.
fn bundle(names: &[&str], until: u8) -> Bundle {
    bundle_of(names, 1, until)
}

fn bundle_of(names: &[&str], from: u8, until: u8) -> Bundle {
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    (params.not_before, params.not_after) = (clock_of(from).into(), clock_of(until).into());
    Bundle {
        chain: params.self_signed(&key).unwrap().pem(),
        key: Secret(key.serialize_pem()),
        meta: Meta::default(),
    }
}

fn files(folder: &Path, bundle: &Bundle) -> Tls {
    let (cert, key) = (folder.join("site.pem"), folder.join("site.key"));
    crate::durable::write_new(&cert, bundle.chain.as_bytes(), 0o644).unwrap();
    crate::durable::write_new(&key, bundle.key.0.as_bytes(), 0o600).unwrap();
    Tls::Files { cert, key }
}

fn has_its_own(store: &Store, name: &str) -> bool {
    let mut hosts = store.acme_hosts().into_iter();
    hosts.any(|host| host.name == name && host.current.is_some())
}

#[test]
fn a_host_that_goes_from_files_to_a_ca_shows_the_files_until_there_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let tls = files(folder.path(), &bundle(&["a.example"], 30));
    let (store, _) = Store::open_at(vec![host("a.example", tls)], folder.path(), clock_of(2)).unwrap();
    let before = shown(&store, "a.example");
    for _ in 0..2 {
        let told = store
            .replace_hosts_at(vec![host("a.example", Tls::Acme)], clock_of(2))
            .unwrap();
        assert_eq!(told, Vec::<String>::new());
        assert!(Arc::ptr_eq(&before, &shown(&store, "a.example")));
        assert!(!has_its_own(&store, "a.example"), "the order is placed all the same");
    }
    let status = store.status_at("a.example", clock_of(2));
    assert_eq!(status.note.as_deref(), Some(LENT_NOTE));
    assert_ne!(status.issuer, "local CA");
    assert!(store.lives().contains_key("a.example"));
    store
        .install_at("a.example", &bundle(&["a.example"], 20), clock_of(3))
        .unwrap();
    assert!(has_its_own(&store, "a.example") && !Arc::ptr_eq(&before, &shown(&store, "a.example")));
    assert_eq!(store.status_at("a.example", clock_of(3)).note, None);
}

#[test]
fn a_host_without_a_certificate_shows_what_another_host_has_for_it_and_follows_its_renewal() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = ["*.example.com", "a.example.com", "a.b.example.com"];
    let hosts = || hosts.map(|name| host(name, Tls::Acme)).to_vec();
    let (store, _) = Store::open_at(hosts(), folder.path(), clock_of(2)).unwrap();
    for until in [20, 10] {
        store
            .install_at("*.example.com", &bundle(&["*.example.com"], until), clock_of(2))
            .unwrap();
        for _ in 0..2 {
            assert!(Arc::ptr_eq(
                &shown(&store, "*.example.com"),
                &shown(&store, "a.example.com")
            ));
            assert!(!has_its_own(&store, "a.example.com"));
            store.replace_hosts_at(hosts(), clock_of(2)).unwrap();
        }
    }
    assert_eq!(store.status_at("a.b.example.com", clock_of(2)).issuer, "local CA");
    assert!(store.refresh_at(clock_of(10)).is_empty());
    assert_ne!(store.status_at("a.example.com", clock_of(10)).issuer, "local CA");
    assert!(store.refresh_at(clock_of(11)).is_empty());
    assert_eq!(store.status_at("a.example.com", clock_of(11)).issuer, "local CA");
    assert!(shown(&store, "a.example.com").covers("a.example.com"));
}

#[test]
fn a_host_is_lent_another_when_what_it_was_lent_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = ["*.example.com", "a.example.com", "b.example.com"].map(|name| host(name, Tls::Acme));
    let (store, _) = Store::open_at(hosts.to_vec(), folder.path(), clock_of(2)).unwrap();
    let install = |name, names: &[&str], from, until| {
        let installed = store.install_at(name, &bundle_of(names, from, until), clock_of(2));
        installed.unwrap();
    };
    install("*.example.com", &["*.example.com"], 1, 10);
    // Not valid yet, so that it is not lent yet.
    install("b.example.com", &["b.example.com", "a.example.com"], 9, 30);
    let shows_what = |of: &str| Arc::ptr_eq(&shown(&store, "a.example.com"), &shown(&store, of));
    assert!(shows_what("*.example.com"));
    assert!(store.refresh_at(clock_of(11)).is_empty());
    assert!(shows_what("b.example.com"));
    // The last to come is the first to end.
    install("*.example.com", &["*.example.com"], 1, 12);
    assert!(store.refresh_at(clock_of(13)).is_empty());
    assert!(shows_what("b.example.com"));
}

#[test]
fn the_local_ca_stands_in_again_also_where_another_host_gets_a_certificate_when_what_was_lent_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = ["*.example.com", "a.example.com", "other.test"].map(|name| host(name, Tls::Acme));
    let (store, _) = Store::open_at(hosts.to_vec(), folder.path(), clock_of(2)).unwrap();
    let install = |name, until, now| store.install_at(name, &bundle(&[name], until), clock_of(now)).unwrap();
    install("*.example.com", 10, 2);
    install("other.test", 20, 11);
    store.refresh_at(clock_of(11));
    let status = store.status_at("a.example.com", clock_of(11));
    assert_eq!(
        (status.issuer.as_str(), status.note.as_deref()),
        ("local CA", Some(ACME_NOTE))
    );
}

#[test]
fn n27_a_local_ca_that_cannot_stand_in_for_what_was_lent_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    crate::durable::write_new(&folder.path().join("ca"), b"", 0o600).unwrap();
    let hosts = ["*.example.com", "a.example.com"].map(|name| host(name, Tls::Acme));
    let (store, told) = Store::open_at(hosts.to_vec(), folder.path(), clock_of(2)).unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    let lend = |until, now| {
        let bundle = bundle(&["*.example.com"], until);
        store.install_at("*.example.com", &bundle, clock_of(now)).unwrap();
    };
    let note = |now| store.status_at("a.example.com", clock_of(now)).note;
    lend(10, 2);
    assert_eq!(note(2).as_deref(), Some(LENT_NOTE));
    let told = store.refresh_at(clock_of(11));
    assert!(
        told.len() == 1 && told[0].starts_with("`a.example.com`: handshakes are refused, nothing can stand in"),
        "{told:?}"
    );
    assert!(store.refresh_at(clock_of(11)).is_empty());
    assert_eq!(note(11).as_deref(), Some("handshakes are refused"));
    lend(20, 11);
    assert_eq!(note(11).as_deref(), Some(LENT_NOTE));
}

#[test]
fn no_certificate_that_has_ended_or_is_for_others_is_lent_to_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let tls = files(folder.path(), &bundle(&["a.example"], 30));
    let before = vec![host("a.example", tls)];
    let (store, _) = Store::open_at(before, folder.path(), clock_of(31)).unwrap();
    let hosts = vec![host("a.example", Tls::Acme), host("b.example", Tls::Acme)];
    store.replace_hosts_at(hosts, clock_of(31)).unwrap();
    for name in ["a.example", "b.example"] {
        assert_eq!(store.status_at(name, clock_of(31)).issuer, "local CA", "{name}");
    }
}

#[test]
fn n27_a_broken_local_ca_refuses_handshakes_of_hosts_without_a_certificate_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    crate::durable::write_new(&folder.path().join("ca"), b"", 0o600).unwrap();
    let hosts = || vec![host("a.example", Tls::Acme)];
    let (store, told) = Store::open_at(hosts(), folder.path(), clock_of(2)).unwrap();
    assert!(
        told.len() == 1 && told[0].contains("`a.example`: handshakes are refused"),
        "{told:?}"
    );
    let note = store.status_at("a.example", clock_of(2)).note;
    assert_eq!(note.as_deref(), Some("handshakes are refused"));
    assert!(!has_its_own(&store, "a.example"), "it is one to be obtained");
    store
        .install_at("a.example", &bundle(&["a.example"], 20), clock_of(2))
        .unwrap();
    assert!(store.covers("a.example", "a.example"));
    assert!(Store::open_at(vec![host("b.example", Tls::Internal)], folder.path(), clock_of(2)).is_err());
}

#[test]
fn what_is_not_valid_yet_by_a_clock_that_is_behind_is_shown_and_what_has_expired_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let early = clock_of(1) - DAY;
    let (store, _) = Store::open_at(vec![host("a.example", Tls::Acme)], folder.path(), early).unwrap();
    let bundle = bundle(&["a.example"], 20);
    store.install_at("a.example", &bundle, early).unwrap();
    assert!(has_its_own(&store, "a.example"));
    let note = store.status_at("a.example", early).note;
    assert_eq!(note.as_deref(), Some("is not valid yet"));
    assert!(store.install_at("a.example", &bundle, clock_of(21)).is_err());
}

#[test]
fn what_another_process_has_stored_meanwhile_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = || vec![host("a.example", Tls::Acme)];
    let (next, _) = Store::open(hosts(), folder.path()).unwrap();
    let (old, _) = Store::open(hosts(), folder.path()).unwrap();
    old.save("a.example", &bundle(&["a.example"], 20)).unwrap();
    assert!(!has_its_own(&next, "a.example"));
    next.read_shelf_again();
    let first = shown(&next, "a.example");
    assert!(has_its_own(&next, "a.example"));
    next.read_shelf_again();
    assert!(Arc::ptr_eq(&first, &shown(&next, "a.example")));
    crate::durable::replace(&folder.path().join("certificates/a.example"), "key.pem", b"torn").unwrap();
    next.read_shelf_again();
    assert!(Arc::ptr_eq(&first, &shown(&next, "a.example")));
}
