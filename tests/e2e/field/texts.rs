//! Texts that told an operator what was not so, or not what to do (F17). Each test has the words.

use greengate::model::api::exit;

use super::Pair;
use crate::common::app::Health;
use crate::common::operation::Output;

/// Version 1: `openssl x509 -req` without extensions makes it.
const OLD: &str = "-----BEGIN CERTIFICATE-----
MIIBHDCBwwIUYO8nm8Iqg9Fn9LIwV8b49lz96sEwCgYIKoZIzj0EAwIwEDEOMAwG
A1UEAwwFYS5jb20wIBcNMjYxMTI1MjI1MTI2WhgPMjEyNjExMDEyMjUxMjZaMBAx
DjAMBgNVBAMMBWEuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERHauMSiE
je44RD5s2xpTIDs2WHOQWpGJbBeE4DYUgJuIFsk1if8BZUDkXmKnOxT+fv4sNfI/
0mo3qJxXPHaR6TAKBggqhkjOPQQDAgNIADBFAiEA+DUYQXyeFoXi+C1/9ioV3LCU
YeMxBQJrGiKzJ1zFWoUCIDd8WHWhQ85EeXbo+FYfD/I9S3HA3KZY5ZvbhgtwUiv1
-----END CERTIFICATE-----
";

fn assert_silent(output: &Output, words: &str) {
    assert!(!output.all().contains(words), "`{words}` is said: {output:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_refused_swap_does_not_say_that_a_side_serves_that_is_down() {
    let pair = Pair::tls("").await;
    pair.blue.stop_hard().await;
    pair.green.stop_hard().await;
    let output = pair.door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    output.assert_code(exit::REFUSED).assert_says(&[
        "Nothing was switched; blue stays live, and is not healthy (connection refused): proxyctl status prod.",
    ]);
    assert_silent(&output, "serves");
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_forced_swap_says_what_was_looked_at_and_what_was_not() {
    let pair = Pair::tls("").await;
    pair.green.health(Health::status(503));
    let output = pair.door.proxyctl(&["swap", "prod", "--force"]).await;
    output
        .assert_code(exit::DONE)
        .assert_says(&["! gate    prod accepts connections (1/1)  (not asked for its health: --force)"]);
    assert_silent(&output, "no answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_status_that_is_no_pass_is_said_once() {
    let pair = Pair::tls("").await;
    pair.green.health(Health::status(401));
    let refused = pair.door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    refused.assert_code(exit::REFUSED).assert_says(&["answered 401"]);
    assert_silent(&refused, "401, answered");
    assert_silent(&refused, "401: answered");
    pair.door
        .proxyctl(&["swap", "prod", "--force"])
        .await
        .assert_code(exit::DONE);
    let status = pair.door.proxyctl(&["status"]).await;
    status.assert_says(&[": answered 401"]);
    assert_silent(&status, "401, answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_check_says_what_an_old_certificate_lacks_and_not_that_its_key_is_wrong() {
    let pair = Pair::tls("").await;
    let folder = pair.door.folder();
    std::fs::write(folder.join("old.pem"), OLD).unwrap();
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(folder.join("old.key"), key).unwrap();
    let old = "[env.prod]\nhost = \"a.com\"\ntls = { cert = \"old.pem\", key = \"old.key\" }\nupstream = 3000\n";
    let file = folder.join("old.toml");
    std::fs::write(&file, old).unwrap();
    let output = pair.door.proxyctl(&["check", file.to_str().unwrap()]).await;
    output
        .assert_says(&["`old.pem` is an X.509 v1 certificate, which no client takes"])
        .assert_says(&["expected version 3, with the host as subjectAltName"])
        .assert_says(&["`-addext subjectAltName=DNS:HOST`"]);
    assert_silent(&output, "does not fit");
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_check_hints_at_what_an_address_or_a_time_was_meant_to_be() {
    let pair = Pair::tls("").await;
    let text = "[env.a]\nhost = \"a.com\"\nupstream = [\"::1:3000\", \"/run/app.sock\", \"/run/php/php-fpm.sock\"]\n\
                [env.b]\nhost = \"b.com\"\nupstream = 3001\nhold.for = false\n";
    let file = pair.door.folder().join("almost.toml");
    std::fs::write(&file, text).unwrap();
    let output = pair.door.proxyctl(&["check", file.to_str().unwrap()]).await;
    output
        .assert_code(exit::USAGE)
        .assert_says(&["hint: write `\"[::1]:3000\"`"])
        .assert_says(&["hint: write `\"unix:/run/app.sock\"`"])
        .assert_says(&["hint: an app has to speak HTTP"])
        .assert_says(&["hint: write `\"off\"`"]);
}

#[test]
fn f17_nobody_is_promised_the_mails_of_a_ca() {
    let read =
        |file: &str| std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    assert!(!read("README.md").contains("email"));
    assert!(read("proxy.toml.example").contains("Let's Encrypt sends no mails"));
    assert!(read("docs/certificates.md").contains("Let's Encrypt has sent no mails since June 2025"));
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_check_warns_of_hosts_that_no_public_ca_signs() {
    let pair = Pair::tls("").await;
    let file = pair.door.folder().join("names.toml");
    let text = |acme: &str| {
        format!("{acme}[env.prod]\nhost = [\"shop.com\", \"my_app.shop.com\", \"nas.local\"]\nupstream = 3000\n")
    };
    std::fs::write(&file, text("")).unwrap();
    let output = pair.door.proxyctl(&["check", file.to_str().unwrap()]).await;
    output
        .assert_code(exit::DONE)
        .assert_says(&["warning: no certificate can be had for `my_app.shop.com`"])
        .assert_says(&["a public CA signs no name with an underscore"])
        .assert_says(&["its top-level domain is in no public DNS"])
        .assert_says(&["2 warnings"]);
    std::fs::write(&file, text("[acme]\ndirectory = \"https://ca.shop.lan/dir\"\n")).unwrap();
    let own = pair.door.proxyctl(&["check", file.to_str().unwrap()]).await;
    own.assert_code(exit::DONE).assert_says(&["nothing to complain about"]);
}
