//! Renewals beside a CA that never gives anything.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::renewer::Renewer;
use crate::config::{Acme, Config, Tls};
use crate::control::clock::unix_now;
use crate::model::api::exit;
use crate::tls::{Bundle, Challenges, Host, Meta, Secret, Store};

const HOST: &str = "a.example";

fn settings(directory: &str) -> Acme {
    let text = format!("[acme]\ndirectory = \"{directory}\"\n[env.a]\nhost = \"{HOST}\"\nupstream = 3000\n");
    Config::parse(Path::new("/etc/greengate/proxy.toml"), &text)
        .unwrap()
        .0
        .acme
}

fn renewer(directory: &str) -> (TempDir, Rc<Renewer>) {
    let folder = tempfile::tempdir().unwrap();
    let host = Host {
        name: HOST.into(),
        tls: Tls::Acme,
    };
    let (store, _) = Store::open(vec![host], folder.path()).unwrap();
    let challenges = Arc::new(Challenges::default());
    let renewer = Renewer::new(
        &settings(directory),
        &store,
        &challenges,
        folder.path(),
        &mut Vec::new(),
    );
    (folder, renewer)
}

fn bundle() -> Bundle {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new([HOST.to_owned()]).unwrap();
    Bundle {
        chain: params.self_signed(&key).unwrap().pem(),
        key: Secret(key.serialize_pem()),
        meta: Meta::default(),
    }
}

fn local(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.unwrap(), test);
}

#[test]
fn what_a_ca_asked_for_counts_also_when_a_certificate_is_imported() {
    let (_folder, renewer) = renewer("https://127.0.0.1:1/dir");
    let now = unix_now();
    renewer.ledger.borrow_mut().change(HOST, |record| {
        record.attempts.validation_failed(now);
        record.attempts.failed(now, "too many".into(), Some(7200), 0.0);
        record.directories.insert("https://127.0.0.1:1/dir".into(), now + 7200);
    });
    renewer.import(HOST, bundle()).unwrap();
    let record = renewer.ledger.borrow().of(HOST);
    assert_eq!((record.attempts.failures, record.attempts.error), (0, None));
    assert_eq!(
        (record.attempts.held, record.attempts.not_before),
        (now + 7200, now + 7200)
    );
    assert_eq!(record.attempts.failed_validations, [now]);
    assert_eq!(record.directories["https://127.0.0.1:1/dir"], now + 7200);
}

#[test]
fn nothing_is_renewed_or_imported_while_another_process_is_about_to_take_over() {
    local(async {
        let (_folder, renewer) = renewer("https://127.0.0.1:1/dir");
        renewer.hold(true);
        let refused = renewer.clone().renew(HOST).await.unwrap_err();
        assert_eq!(refused.code, exit::REFUSED);
        assert!(refused.reason.contains("about to take over"), "{refused:?}");
        assert_eq!(renewer.may_change().unwrap_err().code, exit::REFUSED);
        renewer.hold(false);
        assert_eq!(renewer.may_change(), Ok(()));
        let failed = renewer.clone().renew(HOST).await.unwrap_err();
        assert_eq!(failed.code, exit::FAILED, "{failed:?}");
    });
}

#[test]
fn who_waits_for_an_attempt_hears_that_an_upgrade_has_cut_it_off() {
    local(async {
        let ca = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_folder, renewer) = renewer(&format!("https://{}/dir", ca.local_addr().unwrap()));
        let upgrade = async {
            let line = ca.accept().await.unwrap();
            assert!(renewer.reports()[0].running);
            renewer.stop(Duration::from_secs(10)).await.unwrap();
            drop(line);
        };
        let (asked, ()) = tokio::join!(renewer.clone().renew(HOST), upgrade);
        let problem = asked.unwrap_err();
        assert!(problem.reason.contains("an upgrade has cut the attempt"), "{problem:?}");
        assert!(!renewer.reports()[0].running);
    });
}

#[test]
fn an_attempt_that_a_reload_has_overtaken_does_not_keep_the_host_waiting() {
    local(async {
        for (changed, added) in [(true, false), (false, true), (false, false)] {
            let ca = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let directory = format!("https://{}/dir", ca.local_addr().unwrap());
            let (_folder, renewer) = renewer(&directory);
            let next = if changed { "https://127.0.0.1:1/dir" } else { &directory };
            let added: BTreeSet<String> = added.then(|| HOST.to_owned()).into_iter().collect();
            let meanwhile = async {
                let line = ca.accept().await.unwrap();
                renewer.reload(&settings(next), &added);
                drop((line, ca));
            };
            let (asked, ()) = tokio::join!(renewer.clone().renew(HOST), meanwhile);
            asked.unwrap_err();
            let attempts = renewer.ledger.borrow().of(HOST).attempts;
            let waits = attempts.next(0, unix_now()) > unix_now();
            assert_eq!(attempts.failures, 1);
            assert_eq!(waits, !changed && added.is_empty(), "{changed} {added:?}: {attempts:?}");
        }
    });
}
