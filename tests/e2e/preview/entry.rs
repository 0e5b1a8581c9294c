//! Who may enter a site may enter its preview, and nobody else: a token opens no other door.

use base64::Engine as _;

use super::{Look, both, over_h1};
use crate::common::fixture::{HOST, Pair};

/// The field by which a client names itself.
fn basic(name_and_password: &str) -> (&'static str, String) {
    let encoded = base64::engine::general_purpose::STANDARD.encode(name_and_password);
    ("Authorization", format!("Basic {encoded}"))
}

/// With more lines of prod, and a user.
async fn guarded(more: &str) -> Pair {
    let pair = Pair::tls("").await;
    let line = format!("anna:{}\n", bcrypt::hash("secret", 4).unwrap());
    std::fs::write(pair.door.folder().join("users"), line).unwrap();
    pair.door.rewrite(|text| format!("{text}{more}\n"));
    pair.door.reload(&[]).await.assert_code(0);
    pair
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_preview_asks_for_the_password_that_its_site_asks_for() {
    let pair = guarded("auth.basic = \"users\"\nauth.except = [\"/open\"]").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    for shown in [look.cookie(), look.field()] {
        for (credentials, status, app) in [
            (None, 401, ""),
            (Some(basic("anna:wrong")), 401, ""),
            (Some(basic("anna:secret")), 200, "green"),
        ] {
            let fields: Vec<_> = shown.iter().cloned().chain(credentials).collect();
            for answer in both(&pair, "GET", "/who", &fields).await {
                assert_eq!((answer.status, answer.app()), (status, app), "{answer:?}");
                assert_eq!(answer.field("cache-control"), Some("private, no-store"), "{answer:?}");
            }
        }
        for answer in both(&pair, "GET", "/open", &shown).await {
            assert_eq!(answer.app(), "green");
        }
    }
    let idle = pair.green.requests();
    for answer in both(&pair, "GET", "/who", &[basic("anna:secret")]).await {
        assert_eq!(answer.app(), "blue");
    }
    assert_eq!(pair.green.requests(), idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_who_waits_for_a_password_while_a_preview_ends_is_not_led_past_it() {
    let pair = guarded("auth.basic = \"users\"").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    // Unknown credentials are checked by a thread, and the route is resolved again behind that.
    let waiting = (0..8).map(|number| {
        let fields = [
            look.field(),
            vec![basic("anna:secret"), ("X-Number", number.to_string())],
        ]
        .concat();
        let pair = &pair;
        async move { over_h1(&pair.door, HOST, "POST", "/echo", &fields).await }
    });
    let ending = pair.door.proxyctl(&["preview", "prod", "--end"]);
    let (answers, ended) = tokio::join!(futures_util::future::join_all(waiting), ending);
    ended.assert_code(0);
    for answer in answers {
        let shown = (answer.status, answer.app());
        assert!(matches!(shown, (200, "green") | (403, "")), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_networks_limits_and_rules_of_paths_hold_for_previews() {
    let pair = guarded(
        "limit.body = \"4B\"\nheaders.response = { X-Slot = \"{slot}\", Cache-Control = \"public, max-age=9\" }\n\
         [[env.prod.at]]\npath = \"/office\"\nauth.allow = [\"192.0.2.0/24\"]\n\
         [[env.prod.at]]\npath = \"/old\"\nredirect = \"/new\"\n\
         [[env.prod.at]]\npath = \"/api\"\nrewrite = \"/v2\"",
    )
    .await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    for answer in both(&pair, "GET", "/office", &look.cookie()).await {
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    for answer in both(&pair, "GET", "/old", &look.cookie()).await {
        assert_eq!(
            (answer.status, answer.field("location")),
            (308, Some("/new")),
            "{answer:?}"
        );
    }
    for answer in both(&pair, "POST", "/echo", &look.cookie()).await {
        assert_eq!(answer.status, 413, "{answer:?}");
    }
    for answer in both(&pair, "GET", "/api/x", &look.cookie()).await {
        assert_eq!(
            (answer.app(), answer.field("x-slot")),
            ("green", Some("green")),
            "{answer:?}"
        );
        assert_eq!(answer.field("cache-control"), Some("private, no-store"));
        assert!(answer.text().contains("/v2"), "{}", answer.text());
    }
}
