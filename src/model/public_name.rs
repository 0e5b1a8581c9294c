//! Which hosts no CA signs that browsers trust: by their spelling, or because nobody owns them in public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Top-level domains that are in no public DNS, by decree (RFC 6761, 6762, 7686, 8375, 9476; ICANN's `internal`) or because nobody
/// has them and many use them at home.
const PRIVATE: &[&str] = &[
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "test",
];

/// Why no public CA signs a certificate for `host`, in the form of [`canonical_host`](super::host::canonical_host) and perhaps a
/// wildcard; `None` where nothing speaks against it. From the Baseline Requirements of the CA/Browser Forum, §3.2.2 and §7.1.4.
#[must_use]
pub fn objection(host: &str) -> Option<&'static str> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return (!is_public(address)).then_some("the address is reserved or private");
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let Some((_, top)) = name.rsplit_once('.') else {
        return Some(if name == host {
            "a name without a dot is in no public DNS"
        } else {
            "nobody owns all of a top-level domain"
        });
    };
    if PRIVATE.contains(&top) {
        return Some("its top-level domain is in no public DNS");
    }
    if top.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("no top-level domain is a number");
    }
    name.split('.').find_map(of_label)
}

fn of_label(label: &str) -> Option<&'static str> {
    if label.contains('_') {
        Some("a public CA signs no name with an underscore")
    } else if label.starts_with('-') || label.ends_with('-') {
        Some("a label begins or ends with a hyphen")
    } else if label.get(2..4) == Some("--") && !label.starts_with("xn--") {
        // RFC 5890 §2.3.1: reserved.
        Some("a label that is not punycode has `--` in third place")
    } else {
        None
    }
}

/// Whether an address may be somebody's on the internet. Those of documentation stand for such ones, as example.com does.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// RFC 6890, and 100.64.0.0/10 of RFC 6598.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let reserved = first == 0
        || first >= 240
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && second & 0xfe == 18);
    !(reserved || address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast())
}

/// Global unicast is 2000::/3 (RFC 4291 §2.4).
fn is_public_v6(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xe000 == 0x2000
}

#[cfg(test)]
mod tests {
    use super::objection;

    #[test]
    fn f13_hosts_that_no_public_ca_signs() {
        for (host, word) in [
            ("my_app.shop.com", "underscore"),
            ("*.my_app.shop.com", "underscore"),
            ("app.my_shop.com", "underscore"),
            ("-app.shop.com", "hyphen"),
            ("app-.shop.com", "hyphen"),
            ("ab--cd.shop.com", "punycode"),
            ("intranet", "without a dot"),
            ("*.com", "nobody owns"),
            ("app.local", "no public DNS"),
            ("*.app.internal", "no public DNS"),
            ("nas.home.arpa", "no public DNS"),
            ("app.test", "no public DNS"),
            ("shop.123", "number"),
            ("10.1.2.3", "private"),
            ("172.16.0.1", "private"),
            ("192.168.1.10", "private"),
            ("100.64.0.1", "private"),
            ("169.254.1.1", "private"),
            ("198.18.0.1", "reserved"),
            ("0.0.0.0", "reserved"),
            ("255.255.255.255", "reserved"),
            ("[fd00::1]", "private"),
            ("[fe80::1]", "private"),
            ("[::2]", "reserved"),
        ] {
            let objection = objection(host).unwrap_or_else(|| panic!("{host} is signed"));
            assert!(objection.contains(word), "{host}: {objection}");
        }
    }

    #[test]
    fn f13_hosts_that_a_public_ca_may_sign() {
        for host in [
            "shop.com",
            "app.shop.com",
            "*.shop.com",
            "a-b.shop.co.uk",
            "xn--mnchen-3ya.de",
            "shop.xn--p1ai",
            "1.shop.com",
            "a--b.shop.com",
            "local.shop.com",
            "test.dev",
            "100.128.0.1",
            "8.8.8.8",
            "172.32.0.1",
            "203.0.113.7",
            "[2a00:1450:4001:80e::200e]",
        ] {
            assert_eq!(objection(host), None, "{host}");
        }
    }
}
