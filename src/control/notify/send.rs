//! One attempt to hand a message over: over HTTP, signed where there is a secret, or to a command. It ends in its time, and what is
//! answered is read within bounds.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use tokio::time::Instant;

use crate::config::{Destination, SecretUrl, Way, secrets};
use crate::control::clock::unix_now;
use crate::control::commands::{self, Order};
use crate::model::notify::{Message, Payload, Verdict, of_status, payload};
use crate::model::treacherous::escape;
use crate::tls::{Line, Origin, Read, Trust, retry_after};

/// Bytes of an answer that are read.
const ANSWER: usize = 4 * 1024;
/// Characters of an answer that are shown.
const SHOWN: usize = 200;
/// To connect to one address.
const CONNECT: Duration = Duration::from_secs(5);
/// What is longer than this is no URL and no secret.
const FILE: u64 = 16 * 1024;
const AGENT: &str = concat!("greengate/", env!("CARGO_PKG_VERSION"));

/// What came of it.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) verdict: Verdict,
    /// Of an answer.
    pub(super) status: Option<u16>,
    /// Its beginning, safe to print.
    pub(super) answer: String,
    pub(super) took: Duration,
}

impl Attempt {
    fn without_answer(verdict: Verdict) -> Self {
        Self {
            verdict,
            status: None,
            answer: String::new(),
            took: Duration::ZERO,
        }
    }

    fn later(why: impl Into<String>) -> Self {
        Self::without_answer(Verdict::Later {
            why: why.into(),
            wish: None,
        })
    }
}

/// Hands a message over once. `trust` is kept from one attempt to the next.
pub(super) async fn attempt(
    destination: &Destination,
    message: &Message,
    deadline: Duration,
    trust: &mut Option<Trust>,
) -> Attempt {
    let began = Instant::now();
    let payload = payload(destination.format, message);
    let attempt = match &destination.way {
        Way::Command(argv) => command(argv, message, payload, deadline).await,
        Way::Url(_) | Way::UrlFile(_) => {
            let sent = tokio::time::timeout(deadline, post(destination, message, payload, trust)).await;
            match sent {
                Ok(Ok((answer, url))) => answered(&answer, &url),
                Ok(Err(why)) => Attempt::later(why),
                Err(_) => Attempt::later(format!("no answer within {} s", deadline.as_secs_f32())),
            }
        }
    };
    Attempt {
        took: began.elapsed(),
        ..attempt
    }
}

async fn command(argv: &[String], message: &Message, payload: Payload, deadline: Duration) -> Attempt {
    let order = Order {
        environment: message.environments.first().cloned(),
        key: "notify.command",
        argv: argv.to_vec(),
        deadline,
        input: Some(payload.body.into_bytes()),
    };
    // What it leaves behind loses the other end of its output: it has nothing more to say.
    match commands::run(order).await.0 {
        Ok(()) => Attempt::without_answer(Verdict::Delivered),
        Err(why) => Attempt::later(why),
    }
}

async fn post(
    destination: &Destination,
    message: &Message,
    payload: Payload,
    trust: &mut Option<Trust>,
) -> Result<(Response<Bytes>, SecretUrl), String> {
    let url = match &destination.way {
        Way::Url(url) => url.clone(),
        Way::UrlFile(path) => {
            let text = file(path).await?;
            SecretUrl::parse(text.trim()).map_err(|why| format!("`{}` {why}", path.display()))?
        }
        Way::Command(_) => return Err("it has no URL".to_owned()),
    };
    let secrets = match &destination.secret_file {
        Some(path) => {
            let text = file(path).await?;
            secrets(&text).map_err(|why| format!("`{}` {why}", path.display()))?
        }
        None => Vec::new(),
    };
    let unfit = |_| "its URL cannot be sent".to_owned();
    let uri: Uri = url.reveal().parse().map_err(|_| "it has no URL".to_owned())?;
    let origin = Origin::of(&uri).ok_or("it has no URL")?;
    if origin.secure && trust.is_none() {
        // It reads every root of the system.
        let read = tokio::task::spawn_blocking(|| Trust::new(None)).await;
        *trust = Some(read.map_err(|error| error.to_string())??);
    }
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::post(target)
        .body(Bytes::from(payload.body))
        .map_err(|_| "its URL cannot be sent".to_owned())?;
    let body = request.body().clone();
    let fields = request.headers_mut();
    fields.insert(HOST, HeaderValue::from_str(&origin.authority).map_err(unfit)?);
    fields.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(payload.content_type));
    for (name, value) in payload.fields {
        fields.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(&value).map_err(unfit)?,
        );
    }
    if let Some(password) = url.password() {
        let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(password))).map_err(unfit)?;
        value.set_sensitive(true);
        fields.insert(AUTHORIZATION, value);
    }
    sign(fields, &message.id, unix_now(), &body, &secrets)?;
    let mut line = Line::open(trust.as_ref(), &origin, CONNECT)
        .await
        .map_err(|failure| failure.what)?;
    let answer = line.exchange(request, Read::First(ANSWER)).await;
    Ok((answer.map_err(|failure| failure.what)?, url))
}

/// The fields of Standard Webhooks: a number, the time of the attempt, and a signature for each secret.
fn sign(fields: &mut HeaderMap, id: &str, time: i64, body: &[u8], secrets: &[Vec<u8>]) -> Result<(), String> {
    let mut set = |name: &'static str, value: String| {
        let value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
        fields.insert(HeaderName::from_static(name), value);
        Ok::<_, String>(())
    };
    set("webhook-id", id.to_owned())?;
    set("webhook-timestamp", time.to_string())?;
    if secrets.is_empty() {
        return Ok(());
    }
    let signature = |secret: &Vec<u8>| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
        context.update(format!("{id}.{time}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    };
    let all: Vec<String> = secrets.iter().map(signature).collect();
    set("webhook-signature", all.join(" "))
}

fn answered(answer: &Response<Bytes>, url: &SecretUrl) -> Attempt {
    let to = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let to = to.and_then(|value| value.parse::<Uri>().ok());
    let wish = retry_after(answer.headers()).and_then(|seconds| u64::try_from(seconds).ok());
    let status = answer.status().as_u16();
    // Cut behind the veil: half a secret is one.
    let said = url.veil(String::from_utf8_lossy(answer.body()).trim());
    let beginning: String = said.chars().take(SHOWN).collect();
    let beginning = escape(beginning.trim_end()).into_owned();
    let verdict = of_status(status, to.as_ref().and_then(Uri::host), wish.map(Duration::from_secs));
    let said = |why: String| {
        if beginning.is_empty() {
            why
        } else {
            format!("{why}: {beginning}")
        }
    };
    let verdict = match verdict {
        Verdict::Delivered => Verdict::Delivered,
        Verdict::Later { why, wish } => Verdict::Later { why: said(why), wish },
        Verdict::Never(why) => Verdict::Never(said(why)),
    };
    Attempt {
        verdict,
        status: Some(status),
        answer: beginning,
        took: Duration::ZERO,
    }
}

/// All of a small file; never waits for a pipe.
async fn file(path: &Path) -> Result<String, String> {
    let own = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let metadata = std::fs::metadata(&own)?;
        if !metadata.is_file() || metadata.len() > FILE {
            return Err(std::io::Error::other("no file of this kind"));
        }
        std::fs::read_to_string(&own)
    });
    match read.await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(format!("`{}` cannot be read: {error}", path.display())),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_standard_webhooks() {
        // The example of their specification's libraries.
        let secret = secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut fields = HeaderMap::new();
        let body = br#"{"test": 2432232314}"#;
        sign(
            &mut fields,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            body,
            &secret,
        )
        .unwrap();
        assert_eq!(
            fields["webhook-signature"],
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(fields["webhook-timestamp"], "1614265330");
        sign(&mut fields, "msg_1", 1, body, &[secret[0].clone(), vec![7; 24]]).unwrap();
        assert_eq!(fields["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    }

    #[test]
    fn a_redirect_is_told_by_its_host_and_an_answer_by_its_beginning() {
        let url = SecretUrl::parse("https://a.test/hush").unwrap();
        let answer = Response::builder()
            .status(302)
            .header("location", "https://evil.test/secret");
        let attempt = answered(&answer.body(Bytes::from_static(b"moved\x1b")).unwrap(), &url);
        let Verdict::Never(why) = attempt.verdict else {
            panic!("followed")
        };
        assert!(
            why.contains("evil.test") && !why.contains("secret") && why.ends_with("moved\\u{1b}"),
            "{why}"
        );
        let answer = Response::builder().status(429).header("retry-after", "30");
        let attempt = answered(&answer.body(Bytes::from(vec![b'x'; 4096])).unwrap(), &url);
        assert!(matches!(attempt.verdict, Verdict::Later { wish: Some(wish), .. } if wish.as_secs() == 30));
        assert_eq!(attempt.answer.len(), SHOWN);
    }
}
