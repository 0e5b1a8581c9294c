//! Taking over from certbot.

use std::path::Path;

use greengate::model::api::Imported;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::common::acme_door::Trick;
use crate::common::app::App;
use crate::common::pebble::{Manners, Pebble, environment, refused, report};
use crate::common::{eventually, holds, secs};

/// A lineage of certbot for these hosts, of which so many days are gone and left; less than none when it has expired.
pub(crate) fn lineage(folder: &Path, name: &str, hosts: &[&str], gone: i64, left: i64) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Certbot's CA");
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    let now = std::time::SystemTime::now();
    let day = std::time::Duration::from_secs(86_400);
    params.not_before = (now - day * u32::try_from(gone).unwrap()).into();
    params.not_after = match u32::try_from(left) {
        Ok(left) => now + day * left,
        Err(_) => now - day * u32::try_from(-left).unwrap(),
    }
    .into();
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let place = folder.join("live").join(name);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("fullchain.pem"), leaf.pem()).unwrap();
    std::fs::write(place.join("privkey.pem"), key.serialize_pem()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn certbots_certificates_are_served_at_once_and_renewed_by_us() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.ca.always("/dir", Trick::Plain(503, "closed"));
    let config = pebble.acme("") + &environment("prod", "[\"a.example.test\", \"b.example.test\"]", &app);
    let door = pebble.door(&config).await;
    refused(&door, "a.example.test", "status 503").await;
    refused(&door, "b.example.test", "status 503").await;

    let folder = pebble.folder().join("letsencrypt");
    lineage(&folder, "a.example.test", &["a.example.test", "b.example.test"], 10, 80);
    lineage(&folder, "other.example.test", &["other.example.test"], 10, 80);
    std::fs::create_dir_all(folder.join("live/torn")).unwrap();
    std::fs::write(folder.join("live/torn/fullchain.pem"), "torn").unwrap();
    std::fs::write(folder.join("live/torn/privkey.pem"), "torn").unwrap();
    std::fs::write(folder.join("live/README"), "not a lineage").unwrap();
    let imported = door.proxyctl(&["certs", "import", folder.to_str().unwrap()]).await;
    imported
        .assert_code(1)
        .assert_says(&["✓ a.example.test: serves a.example.test, b.example.test"]);
    imported
        .assert_says(&["other.example.test: covers no host of this daemon"])
        .assert_says(&["`torn` is of no use"]);
    assert!(!imported.all().contains("PRIVATE"));
    for host in ["a.example.test", "b.example.test"] {
        let report = report(&door, host).await;
        assert_eq!(
            (report.issuer.as_str(), report.imported, report.failures),
            ("Certbot's CA", true, 0)
        );
        assert!(!report.running && report.next.is_some());
    }
    // Again: there is nothing better in it.
    let again = door
        .proxyctl(&["certs", "import", folder.join("live/a.example.test").to_str().unwrap()])
        .await;
    again.assert_code(0).assert_says(&["has one that is good for as long"]);
    assert!(!again.all().contains("nothing was taken"), "{again:?}");
    let json = door
        .proxyctl(&["certs", "import", "--json", folder.to_str().unwrap()])
        .await;
    let imported: Vec<Imported> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(imported.len(), 2, "{imported:?}");
    assert!(imported[0].left[0].contains("has one that is good for as long"));
    let nowhere = door.proxyctl(&["certs", "import", "/nowhere"]).await;
    nowhere
        .assert_code(1)
        .assert_says(&["`/nowhere` cannot be read: no such file or directory\nhint: a folder with `live/NAME/"]);

    door.kill9();
    door.end(secs(30)).await;
    door.restart().await;
    assert_eq!(report(&door, "a.example.test").await.issuer, "Certbot's CA");
    pebble.ca.behave();
    door.proxyctl(&["certs", "renew", "a.example.test"])
        .await
        .assert_code(0);
    assert_eq!(pebble.get(&door, "a.example.test").await, Ok(200));
    assert!(!report(&door, "a.example.test").await.imported);
    assert_eq!(pebble.ca.asked("/order-plz").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_certificate_that_is_due_is_renewed_at_once_and_one_near_its_end_is_a_warning_until_then() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.ca.always("/dir", Trick::Plain(503, "closed"));
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    refused(&door, "a.example.test", "status 503").await;
    let folder = pebble.folder().join("letsencrypt");
    lineage(&folder, "a.example.test", &["a.example.test"], 85, 5);
    door.proxyctl(&["certs", "import", folder.to_str().unwrap()])
        .await
        .assert_code(0);
    refused(&door, "a.example.test", "status 503").await;
    let warnings = door.status().await.warnings;
    assert!(
        warnings
            .iter()
            .any(|line| line.starts_with("the certificate of `a.example.test` ends ")),
        "{warnings:?}"
    );
    eventually(secs(10), || async {
        holds(
            door.process()
                .log()
                .text()
                .contains("the certificate of `a.example.test` ends "),
            || "not in the log".into(),
        )
    })
    .await;
    pebble.ca.behave();
    door.proxyctl(&["certs", "renew", "a.example.test"])
        .await
        .assert_code(0);
    pebble.served(&door, "a.example.test").await;
    assert_eq!(door.status().await.warnings, Vec::<String>::new());
}
