//! Networks and single addresses, as `[server] trusted_proxies` and `auth.allow` name them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::plain;
use crate::config::text::raw::Value;
use crate::config::text::report::Diagnostic;

/// Reads at least one of them.
pub(crate) fn networks(key: &str, value: &Value, problems: &mut Vec<Diagnostic>) -> Option<Vec<IpNet>> {
    let expected = "a list of networks or addresses, as `[\"10.0.0.0/8\", \"192.0.2.7\"]`";
    let values = plain::one_or_many(key, value, expected, problems)?;
    let networks = plain::each(key, values, problems, |value, problems| {
        let text = plain::text(key, value, problems)?;
        let network = match text.parse::<IpNet>() {
            Ok(network) => Some(network.trunc()),
            Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
        };
        if network.is_none() {
            problems.push(
                Diagnostic::error(&value.span, format!("`{text}` is neither a network nor an address"))
                    .expected(format!("expected {expected}")),
            );
        }
        network
    })?;
    Some(networks.into_iter().map(|network| network.value).collect())
}
