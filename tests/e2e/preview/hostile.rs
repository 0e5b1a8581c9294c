//! Whatever is sent, nobody without a valid token is served by the idle side. The pure half of it, with 10,000 tokens and more, stands
//! beside the code of tokens.

use greengate::model::api::exit;

use super::{COOKIE, FIELD, LINK, Look, heads, lines};
use crate::common::app::App;
use crate::common::door::{Door, QUICK, environment};
use crate::common::fixture::HOST;
use crate::common::{count, eventually, holds, secs};
use bytes::Bytes;

const DEV: &str = "dev.localhost";

/// Tokens that were valid once, or are elsewhere, and what is made of them.
struct Hostile {
    known: Vec<String>,
    random: fastrand::Rng,
}

impl Hostile {
    fn letters(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        (0..length)
            .map(|_| char::from(LETTERS[self.random.usize(..64)]))
            .collect()
    }

    /// A token that is not valid for prod now.
    fn token(&mut self) -> String {
        let mut known = self.known[self.random.usize(..self.known.len())].clone();
        match self.random.u8(..7) {
            0 => format!("ggp_{}", self.letters(64)),
            1 => {
                let length = self.random.usize(..90);
                self.letters(length)
            }
            // The last of them is valid as it is: it is only ever changed.
            2 if known != self.known[self.known.len() - 1] => known,
            3 => {
                known.truncate(self.random.usize(..known.len()));
                known
            }
            4 => known + &self.letters(1),
            5 => known.replace("ggp_", ""),
            _ => {
                let place = self.random.usize(4..known.len());
                let other = self.letters(1);
                let same = known[place..=place] == other;
                known.replace_range(place..=place, if same { "." } else { &other });
                known
            }
        }
    }

    /// Fields that show it somewhere, or twice.
    fn fields(&mut self, valid: &str) -> Vec<(&'static str, String)> {
        let (one, other) = (self.token(), self.token());
        match self.random.u8(..9) {
            0 => vec![(FIELD, one)],
            1 => vec![("Cookie", format!("{COOKIE}={one}"))],
            2 => vec![("Cookie", format!("a=1; {COOKIE}={one}; {COOKIE}={other}"))],
            // A valid one beside another is nobody's.
            3 => vec![("Cookie", format!("{COOKIE}={valid}; {COOKIE}={other}"))],
            4 => vec![
                ("Cookie", format!("{COOKIE}={one}")),
                ("Cookie", format!("{COOKIE}={valid}")),
            ],
            5 => vec![(FIELD, valid.to_owned()), (FIELD, valid.to_owned())],
            // A field counts before a cookie.
            6 => vec![(FIELD, one), ("Cookie", format!("{COOKIE}={valid}"))],
            // Where a valid one means nothing.
            7 => vec![
                (
                    "Cookie",
                    format!("greengate-preview={valid}; {COOKIE}s={valid}; x{COOKIE}={valid}"),
                ),
                ("X-Preview", valid.to_owned()),
                ("X_Greengate_Preview", valid.to_owned()),
                ("Authorization", format!("Bearer {valid}")),
                ("Referer", format!("https://{HOST}{LINK}{valid}")),
            ],
            _ => vec![("Cookie", format!("{COOKIE}=\"{valid}\"; {COOKIE}2={one}"))],
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_no_request_without_a_valid_token_reaches_the_idle_side_whatever_it_shows() {
    let [blue, green] = [App::start("blue", "1").await, App::start("green", "2").await];
    let [old, new] = [App::start("dev-blue", "1").await, App::start("dev-green", "2").await];
    for app in [&blue, &green, &old, &new] {
        app.remember_all();
    }
    let door = Door::start(&format!(
        "{QUICK}{}{}",
        environment("prod", HOST, &blue, &green),
        environment("dev", DEV, &old, &new)
    ))
    .await;
    let mut known = Vec::new();
    // Of a generation before, of the other side, of one that was ended, of one that has run out, of another environment.
    known.push(Look::open(&door, "prod", &[]).await.token);
    door.swap("prod", &[]).await.assert_done();
    known.push(Look::open(&door, "prod", &[]).await.token);
    door.rollback("prod", &[]).await.assert_done();
    known.push(Look::open(&door, "prod", &[]).await.token);
    door.proxyctl(&["preview", "prod", "--end"])
        .await
        .assert_code(exit::DONE);
    known.push(Look::open(&door, "prod", &["--for", "1s"]).await.token);
    known.push(Look::open(&door, "dev", &[]).await.token);
    let valid = Look::open(&door, "prod", &[]).await.token;
    known.push(valid.clone());
    eventually(secs(10), || async {
        let open = door.environment("prod").await.previews.len();
        holds(open == 1, || format!("{open} are open"))
    })
    .await;
    let idle = green.requests();
    let mut hostile = Hostile {
        known,
        random: fastrand::Rng::with_seed(0x33),
    };
    let mut h1 = door.tls(HOST).await.unwrap();
    let h2 = door.h2(HOST).await.unwrap();
    let rounds = count(600, 10_000);
    for round in 0..rounds {
        let mut fields = hostile.fields(&valid);
        // What no field can hold would be refused for that.
        fields.retain(|(_, value)| value.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        let target = match hostile.random.u8(..8) {
            0 => format!("{LINK}{}", hostile.token()),
            1 => format!("/?x={valid}"),
            _ => "/page".to_owned(),
        };
        let one = h1.request("GET", HOST, &target, &lines(&fields), b"").await.unwrap();
        let mut request = http::Request::get(format!("https://{HOST}{target}"));
        for (name, value) in &fields {
            request = request.header(*name, value);
        }
        let other = h2.send(request, Bytes::new()).await.unwrap();
        for answer in [one, other] {
            let app = answer.app();
            let right = match answer.status {
                200 => app == "blue",
                400 | 403 => app.is_empty(),
                _ => false,
            };
            assert!(right, "round {round}: {target} {fields:?} {answer:?}");
            assert_eq!(answer.field("set-cookie"), None, "round {round}: {target}");
            assert_eq!(
                answer.field("x-environment"),
                None,
                "round {round}: {target} {fields:?}"
            );
        }
    }
    assert_eq!(green.requests(), idle, "the idle side was asked");
    // The other way round: it is valid, and was all the time.
    let answer = h1
        .request("GET", HOST, "/page", &format!("{FIELD}: {valid}\r\n"), b"")
        .await
        .unwrap();
    assert_eq!(answer.app(), "green");
    let answer = h1.get(HOST, &format!("{LINK}{valid}")).await.unwrap();
    assert_eq!(answer.status, 303);
    for app in [&blue, &green, &old, &new] {
        let heads = heads(app);
        for token in &hostile.known {
            assert!(!heads.contains(&token[..40]), "an app has seen {token}");
        }
    }
    let logs = super::leaks::logs(&door, 2 * rounds).await;
    for token in &hostile.known {
        assert!(!logs.contains(&token[..40]), "a log has {token}");
    }
}
