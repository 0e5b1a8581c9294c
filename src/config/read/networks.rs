//! Networks and single addresses, as `[server] trusted_proxies` and `auth.allow` name them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::plain::{self, Problems};
use crate::config::text::raw::Value;
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::cloudflare;

const NETWORKS: &str = "a list of networks or addresses, as `[\"10.0.0.0/8\", \"192.0.2.7\"]`";
const TRUSTED: &str =
    "a list of networks or addresses, as `[\"10.0.0.0/8\", \"192.0.2.7\"]`, or `\"cloudflare\"` among them";

/// Reads at least one of them.
pub(crate) fn networks(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<IpNet>> {
    let values = plain::one_or_many(key, value, NETWORKS, problems)?;
    let networks = plain::each(key, values, problems, |value, problems| {
        let text = plain::text(key, value, problems)?;
        let network = network(&text);
        if network.is_none() {
            problems.push(refused(value, &text, NETWORKS));
        }
        network
    })?;
    Some(networks.into_iter().map(|network| network.value).collect())
}

/// Whose word is taken for who a client is.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) networks: Vec<IpNet>,
    /// Whether Cloudflare's list is among them, as `"cloudflare"` asks for.
    pub(crate) cloudflare: bool,
}

/// Reads at least one of them, or the name of a list.
pub(crate) fn trusted(key: &str, value: &Value, problems: &mut Problems) -> Option<Trusted> {
    let values = plain::one_or_many(key, value, TRUSTED, problems)?;
    // Without a network it is the list.
    let named = plain::each(key, values, problems, |value, problems| {
        let text = plain::text(key, value, problems)?;
        if text == cloudflare::NAME {
            return Some(None);
        }
        let network = network(&text);
        if network.is_none() {
            let near = words::nearest(&text, [cloudflare::NAME]);
            let refused = refused(value, &text, TRUSTED);
            problems.push(match near {
                Some(near) => refused.hint(format!("did you mean `{near}`?")),
                None => refused,
            });
        }
        network.map(Some)
    })?;
    let mut networks: Vec<IpNet> = named.iter().filter_map(|named| named.value).collect();
    let cloudflare = named.iter().any(|named| named.value.is_none());
    if cloudflare {
        networks.extend(cloudflare::networks());
    }
    Some(Trusted { networks, cloudflare })
}

fn network(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(network) => Some(network.trunc()),
        Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

fn refused(value: &Value, text: &str, expected: &str) -> Diagnostic {
    Diagnostic::error(&value.span, format!("`{text}` is neither a network nor an address"))
        .expected(format!("expected {expected}"))
}
