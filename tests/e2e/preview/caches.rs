//! No cache in front keeps an answer of a preview, whatever the app says to it.

use super::{Look, both};
use crate::common::app::send;
use crate::common::fixture::Pair;

/// What single vendors obey before `Cache-Control`, as an app may send it.
const TEMPTING: &str = "HTTP/1.1 200 OK\r\nX-App: green\r\nCache-Control: public, max-age=600\r\nCDN-Cache-Control: max-age=600\r\n\
    Surrogate-Control: max-age=600\r\nCloudflare-CDN-Cache-Control: max-age=600\r\nX-Accel-Expires: 600\r\n\
    X-Robots-Tag: all\r\nX-Environment: production\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test(flavor = "multi_thread")]
async fn n33_an_answer_of_a_preview_is_for_nobody_else_whatever_the_app_and_the_file_say() {
    let pair = Pair::tls("cache = \"1h\"\nlabel = \"staging\"\ncompress = true\n").await;
    pair.green.on("/a.js", vec![send(TEMPTING)]);
    pair.blue.on("/a.js", vec![send(TEMPTING.replace("green", "blue"))]);
    let look = Look::open(&pair.door, "prod", &[]).await;
    for fields in [look.cookie(), look.field()] {
        for answer in both(&pair, "GET", "/a.js", &fields).await {
            assert_eq!(answer.app(), "green");
            let all = |name: &'static str| answer.fields.all(name).collect::<Vec<_>>();
            assert_eq!(all("cache-control"), ["private, no-store"]);
            assert_eq!(all("x-robots-tag"), ["noindex"]);
            assert_eq!(all("x-environment"), ["preview green"]);
            for name in [
                "cdn-cache-control",
                "surrogate-control",
                "cloudflare-cdn-cache-control",
                "x-accel-expires",
            ] {
                assert_eq!(answer.field(name), None, "{answer:?}");
            }
        }
    }
    for answer in both(&pair, "GET", "/a.js", &[]).await {
        assert_eq!(answer.app(), "blue");
        assert_eq!(answer.field("cache-control"), Some("public, max-age=600"));
        assert_eq!(answer.field("cdn-cache-control"), Some("max-age=600"));
        assert_eq!(answer.field("x-environment"), Some("staging"));
    }
}
