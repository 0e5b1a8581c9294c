//! The file of users: what a change of it does, and what happens where it cannot be used.

use super::{ANNA, BASIC, CHEAP, DEV, FILE, Guarded, PROD, assert_asked, basic, users, write};
use crate::common::door::QUICK_PLAIN;
use crate::common::{eventually, holds, secs};

/// Waits until the door has noticed a change: then these credentials get this status.
async fn until(it: &Guarded, name_and_password: &str, status: u16) {
    eventually(secs(10), || async {
        let answer = it.get("/", &basic(name_and_password)).await;
        holds(answer.status == status, || {
            format!("{name_and_password} gets {}", answer.status)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_counts_without_a_reload_and_forgets_who_was_let_in() {
    let it = Guarded::plain(BASIC).await;
    assert_eq!(it.get("/", &basic(ANNA)).await.status, 200);
    users(it.door.folder(), &["anna:another", "bert:new"], CHEAP);
    until(&it, "bert:new", 200).await;
    assert_asked(&it.get("/", &basic(ANNA)).await, "a password of before");
    assert_eq!(it.get("/", &basic("anna:another")).await.status, 200);
    users(it.door.folder(), &["bert:new"], CHEAP);
    until(&it, "anna:another", 401).await;
    assert_eq!(it.get("/", &basic("bert:new")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_any_more_keeps_who_was_in_it_and_is_told_of() {
    let it = Guarded::plain(BASIC).await;
    let file = it.door.folder().join(FILE);
    let good = std::fs::read_to_string(&file).unwrap();
    for (text, why) in [
        (
            Some(format!("{good}bert:hunter2\n")),
            "line 2: the hash of `bert` is no bcrypt hash",
        ),
        (None, "no such file"),
    ] {
        match text {
            Some(text) => write(it.door.folder(), &text),
            None => std::fs::remove_file(&file).unwrap(),
        }
        it.door.says(why).await;
        assert_eq!(it.get("/", &basic(ANNA)).await.status, 200, "{why}");
        assert_asked(&it.get("/", &basic("bert:hunter2")).await, why);
        let log = it.door.process().log().text();
        let warned = "a file of users cannot be used, and its users of before are kept";
        assert!(log.contains(warned) && !log.contains("hunter2"), "{log}");
    }
    write(it.door.folder(), &good);
    it.door.says("a file of users was read again").await;
    assert_eq!(it.get("/", &basic(ANNA)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_without_its_file_dev_is_closed_and_prod_serves() {
    let it = Guarded::start("", QUICK_PLAIN, &format!("{BASIC}\nauth.except = \"/hooks\""), |_| {}).await;
    for fields in [String::new(), basic(ANNA)] {
        let answer = it.get("/", &fields).await;
        assert_eq!((answer.status, answer.app()), (503, ""), "never open");
    }
    assert_eq!(it.get("/hooks", "").await.app(), "dev");
    assert_eq!(it.door.plain().await.get(PROD, "/").await.unwrap().app(), "prod");
    it.door
        .says("a file of users cannot be used, and nobody gets in by it")
        .await;
    let line = &it.door.logged("proxy: no file of users", 2).await[0];
    assert_eq!(line["reason"], "the file of `auth.basic` was never read");
    it.door
        .proxyctl(&["check", "proxy.toml"])
        .await
        .assert_code(2)
        .assert_says(&["cannot read"]);
    users(it.door.folder(), &[ANNA], CHEAP);
    until(&it, ANNA, 200).await;
    assert_asked(&it.get("/", "").await, "from now on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_a_guard_on_and_off_and_refuses_a_file_that_is_missing() {
    let it = Guarded::plain("").await;
    assert_eq!(it.get("/", "").await.app(), "dev");
    let open = std::fs::read_to_string(it.door.config()).unwrap();
    it.door.restore(&format!("{open}auth.basic = \"nowhere.htpasswd\"\n"));
    let refused = it.door.proxyctl(&["reload"]).await;
    refused.assert_code(2).assert_says(&["nowhere.htpasswd"]);
    assert_eq!(it.get("/", "").await.app(), "dev", "what was served is served on");

    it.door
        .restore(&format!("{open}{BASIC}\nauth.allow = \"127.0.0.0/8\"\n"));
    let shown = it.door.proxyctl(&["reload"]).await;
    shown.assert_code(0).assert_says(&["auth.basic"]);
    assert_asked(&it.get("/", "").await, "at once");
    assert_eq!(it.get("/", &basic(ANNA)).await.app(), "dev", "at once");
    it.door.restore(&open);
    it.door.proxyctl(&["reload"]).await.assert_code(0);
    assert_eq!(it.get("/", "").await.app(), "dev");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_is_guarded_as_its_model_is_unless_it_says_otherwise() {
    let twins = format!(
        "{BASIC}\n[env.twin]\nextends = \"dev\"\nhost = \"twin.localhost\"\nupstream = 1\n[env.open]\nextends = \"dev\"\n\
         host = \"open.localhost\"\nupstream = 2\nauth.basic = \"off\"\nhold.for = \"off\"\n"
    );
    let it = Guarded::plain(&twins).await;
    let get = async |host: &str| it.door.plain().await.get(host, "/").await.unwrap().status;
    assert_eq!((get("twin.localhost").await, get(DEV).await), (401, 401));
    assert_eq!(
        get("open.localhost").await,
        503,
        "nothing runs there, and nobody is asked"
    );
}
