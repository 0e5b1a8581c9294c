//! The networks that Cloudflare's proxies come from, as it publishes them at `https://www.cloudflare.com/ips-v4` and `/ips-v6`.

use ipnet::IpNet;

/// What stands for the list in `trusted_proxies`.
pub const NAME: &str = "cloudflare";

/// The day on which the list was published so. It had not changed since 2023.
pub const PUBLISHED: &str = "2026-10-14";

/// The list. Who mends it moves [`PUBLISHED`], too.
const NETWORKS: [&str; 22] = [
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
];

/// Every network of the list.
pub fn networks() -> impl Iterator<Item = IpNet> {
    NETWORKS.iter().filter_map(|network| network.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn every_network_of_the_list_is_one_and_none_lies_in_another() {
        let all: Vec<IpNet> = networks().collect();
        assert_eq!(all.len(), NETWORKS.len());
        for (place, network) in all.iter().enumerate() {
            assert_eq!(*network, network.trunc());
            let others = all.iter().enumerate().filter(|(other, _)| *other != place);
            assert!(others.clone().all(|(_, other)| !other.contains(network)), "{network}");
        }
        let holds = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            all.iter().any(|network| network.contains(&address))
        };
        assert!(holds("172.71.255.255") && holds("2606:4700::1"));
        // Its public resolver is nobody's proxy.
        assert!(!holds("1.1.1.1") && !holds("172.72.0.0"));
    }
}
