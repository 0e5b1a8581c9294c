//! Hosts that are served over plain HTTP: no browser keeps the cookie there, so scripts alone see a preview, or clients of a proxy in front
//! that speaks TLS.

use super::{Look, lines};
use crate::common::fixture::{PLAIN, Pair};

#[tokio::test(flavor = "multi_thread")]
async fn n33_over_plain_http_there_is_no_link_and_a_script_sees_the_preview_by_its_field() {
    let pair = Pair::plain("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    assert_eq!((look.links[0].host.as_str(), &look.links[0].link), (PLAIN, &None));
    let output = pair.door.proxyctl(&["preview", "prod"]).await;
    output
        .assert_code(0)
        .assert_says(&["has no link, because it is served over plain http"]);
    assert_eq!(output.stdout, "");
    let mut client = pair.door.plain().await;
    let answer = client
        .request("GET", PLAIN, "/who", &lines(&look.field()), b"")
        .await
        .unwrap();
    assert_eq!(
        (answer.app(), answer.field("x-environment")),
        ("green", Some("preview green"))
    );
    let answer = client
        .request("GET", PLAIN, "/head", &lines(&look.cookie()), b"")
        .await
        .unwrap();
    assert_eq!(answer.app(), "blue", "no browser has sent that");
    assert!(!answer.text().contains("ggp_"), "{}", answer.text());
    let answer = client.get(PLAIN, &look.path()).await.unwrap();
    assert_eq!((answer.status, answer.field("set-cookie")), (403, None));
    assert!(answer.text().contains("works over https alone"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_behind_a_proxy_that_speaks_tls_a_plain_host_has_links_and_cookies() {
    let pair = Pair::plain_with("trusted_proxies = [\"127.0.0.0/8\"]\n", "").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let expected = format!("https://{PLAIN}{}", look.path());
    assert_eq!(look.links[0].link.as_deref(), Some(&*expected));
    let mut client = pair.door.plain().await;
    for (proto, status, app) in [("https", 303, "green"), ("http", 403, "blue")] {
        let said = format!("X-Forwarded-Proto: {proto}\r\n");
        let link = client.request("GET", PLAIN, &look.path(), &said, b"").await.unwrap();
        assert_eq!(
            (link.status, link.field("set-cookie").is_some()),
            (status, status == 303),
            "{link:?}"
        );
        let fields = said + &lines(&look.cookie());
        let answer = client.request("GET", PLAIN, "/who", &fields, b"").await.unwrap();
        assert_eq!(answer.app(), app, "{proto}");
    }
}
