//! Names that the proxy treats in a special way: fields and methods, told apart once, while parsing.

/// Field names that the proxy treats in a special way; found once, while parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub enum Name {
    Accept,
    Authorization,
    Connection,
    ContentLength,
    ContentType,
    Cookie,
    Date,
    Expect,
    Forwarded,
    /// Any other by which proxies tell apps of the client, or of the scheme, host, port, prefix or URL that it asked for.
    Forwarding,
    Host,
    IfMatch,
    IfNoneMatch,
    KeepAlive,
    Proxy,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    Referer,
    RetryAfter,
    Server,
    Te,
    Trailer,
    TransferEncoding,
    /// One of a request's names above, with `_` for `-`: some apps cannot tell the two apart.
    Twin,
    Upgrade,
    UserAgent,
    XEnvironment,
    XForwardedFor,
    XForwardedHost,
    XForwardedPrefix,
    XForwardedProto,
    XGreengatePreview,
    XRealIp,
    XRequestId,
    XRobotsTag,
    /// Any other.
    Other,
}

/// What begins like this is [`Name::Forwarding`], whatever follows.
const FORWARDED: &[u8] = b"x-forwarded-";

impl Name {
    /// Which field a name stands for, in any case.
    #[must_use]
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let (Some(first), Some(last)) = (name.first(), name.last()) else {
            return Self::Other;
        };
        let (first, last) = (first | 0x20, last | 0x20);
        // Length and first letter leave few candidates, and mostly none, so that a name is seldom compared more than once.
        let candidates: &[(&[u8], Self)] = match (name.len(), first) {
            (2, b't') => &[(b"te", Self::Te)],
            (4, b'd') => &[(b"date", Self::Date)],
            (4, b'h') => &[(b"host", Self::Host)],
            (5, b'p') => &[(b"proxy", Self::Proxy)],
            (6, b'a') => &[(b"accept", Self::Accept)],
            (6, b'c') => &[(b"cookie", Self::Cookie)],
            (6, b'e') => &[(b"expect", Self::Expect)],
            (6, b's') => &[(b"server", Self::Server)],
            (6, b'x') => &[(b"x-host", Self::Forwarding)],
            (7, b'r') => &[(b"referer", Self::Referer)],
            (7, b't') => &[(b"trailer", Self::Trailer)],
            (7, b'u') => &[(b"upgrade", Self::Upgrade)],
            (8, b'i') => &[(b"if-match", Self::IfMatch)],
            (8, b'x') => &[(b"x-scheme", Self::Forwarding)],
            (9, b'c') => &[(b"client-ip", Self::Forwarding)],
            (9, b'f') => &[(b"forwarded", Self::Forwarded)],
            (9, b'p') => &[(b"path-info", Self::Forwarding)],
            (9, b'x') => &[(b"x-real-ip", Self::XRealIp), (b"x-arr-ssl", Self::Forwarding)],
            (10, b'c') => &[
                (b"connection", Self::Connection),
                (b"cdn-src-ip", Self::Forwarding),
                (b"cf-visitor", Self::Forwarding),
            ],
            (10, b'f') => &[(b"fastly-ssl", Self::Forwarding)],
            (10, b'k') => &[(b"keep-alive", Self::KeepAlive)],
            (10, b'u') => &[(b"user-agent", Self::UserAgent)],
            (11, b'c') => &[(b"client-cert", Self::Forwarding)],
            (11, b'r') => &[(b"retry-after", Self::RetryAfter)],
            (11, b's') => &[(b"script-name", Self::Forwarding)],
            (11, b'x') => &[
                (b"x-client-ip", Self::Forwarding),
                (b"x-forwarded", Self::Forwarding),
                (b"x-real-port", Self::Forwarding),
                (b"x-remote-ip", Self::Forwarding),
            ],
            (12, b'c') => &[(b"content-type", Self::ContentType)],
            (12, b'x') => &[
                (b"x-request-id", Self::XRequestId),
                (b"x-robots-tag", Self::XRobotsTag),
                (b"x-url-scheme", Self::Forwarding),
            ],
            (13, b'a') => &[(b"authorization", Self::Authorization)],
            (13, b'f') => &[
                (b"fly-client-ip", Self::Forwarding),
                (b"forwarded-for", Self::Forwarding),
            ],
            (13, b'i') => &[(b"if-none-match", Self::IfNoneMatch)],
            (13, b'x') => &[
                (b"x-environment", Self::XEnvironment),
                (b"x-remote-addr", Self::Forwarding),
                (b"x-request-uri", Self::Forwarding),
                (b"x-rewrite-url", Self::Forwarding),
                (b"x-script-name", Self::Forwarding),
            ],
            (14, b'c') => &[
                (b"content-length", Self::ContentLength),
                (b"cf-pseudo-ipv4", Self::Forwarding),
            ],
            (14, b't') => &[(b"true-client-ip", Self::Forwarding)],
            (14, b'x') => &[
                (b"x-ingress-path", Self::Forwarding),
                (b"x-original-for", Self::Forwarding),
                (b"x-original-uri", Self::Forwarding),
                (b"x-original-url", Self::Forwarding),
                (b"x-proxyuser-ip", Self::Forwarding),
            ],
            (15, b'a') => &[(b"ali-cdn-real-ip", Self::Forwarding)],
            (15, b'f') => &[(b"front-end-https", Self::Forwarding)],
            (15, b'p') => &[(b"proxy-client-ip", Self::Forwarding)],
            (15, b'x') => &[
                (b"x-forwarded-for", Self::XForwardedFor),
                (b"x-original-host", Self::Forwarding),
                (b"x-original-path", Self::Forwarding),
                (b"x-original-port", Self::Forwarding),
                (b"x-replaced-path", Self::Forwarding),
            ],
            (16, b'c') => &[(b"cf-connecting-ip", Self::Forwarding)],
            (16, b'd') => &[(b"do-connecting-ip", Self::Forwarding)],
            (16, b'f') => &[(b"fastly-client-ip", Self::Forwarding)],
            (16, b'p') => &[(b"proxy-connection", Self::ProxyConnection)],
            (16, b'x') => &[
                (b"x-forwarded-host", Self::XForwardedHost),
                (b"x-azure-clientip", Self::Forwarding),
                (b"x-azure-socketip", Self::Forwarding),
                (b"x-original-proto", Self::Forwarding),
                (b"x-originating-ip", Self::Forwarding),
            ],
            (17, b'c') => &[(b"client-cert-chain", Self::Forwarding)],
            (17, b't') => &[(b"transfer-encoding", Self::TransferEncoding)],
            (17, b'x') => &[
                (b"x-forwarded-proto", Self::XForwardedProto),
                (b"x-original-method", Self::Forwarding),
                (b"x-original-prefix", Self::Forwarding),
                (b"x-original-scheme", Self::Forwarding),
            ],
            (18, b'c') => &[(b"cf-connecting-ipv6", Self::Forwarding)],
            (18, b'p') => &[(b"proxy-authenticate", Self::ProxyAuthenticate)],
            (18, b'w') => &[(b"wl-proxy-client-ip", Self::Forwarding)],
            (18, b'x') => &[
                (b"x-forwarded-prefix", Self::XForwardedPrefix),
                (b"x-proxycontextpath", Self::Forwarding),
            ],
            (19, b'p') => &[(b"proxy-authorization", Self::ProxyAuthorization)],
            (19, b'x') => &[
                (b"x-greengate-preview", Self::XGreengatePreview),
                (b"x-appengine-user-ip", Self::Forwarding),
                (b"x-cluster-client-ip", Self::Forwarding),
            ],
            (20, b'x') => &[
                (b"x-http-host-override", Self::Forwarding),
                (b"x-vercel-proxied-for", Self::Forwarding),
            ],
            (21, b'x') => &[(b"x-envoy-original-path", Self::Forwarding)],
            (22, b'x') => &[
                (b"x-original-remote-addr", Self::Forwarding),
                (b"x-vercel-forwarded-for", Self::Forwarding),
            ],
            (24, b'x') => &[
                (b"x-envoy-external-address", Self::Forwarding),
                (b"x-original-forwarded-for", Self::Forwarding),
            ],
            (25, b'c') => &[(b"cloudfront-viewer-address", Self::Forwarding)],
            (25, b'x') => &[(b"x-nf-client-connection-ip", Self::Forwarding)],
            (26, b'c') => &[(b"cloudfront-forwarded-proto", Self::Forwarding)],
            _ => &[],
        };
        for (text, kind) in candidates {
            // The last letter tells most of them apart.
            if text.last() != Some(&last) {
                continue;
            }
            if name.eq_ignore_ascii_case(text) {
                return *kind;
            }
            if is_twin(name, text) {
                return kind.twin();
            }
        }
        if first == b'x' && matches!(name.get(2), Some(b'f' | b'F')) {
            return forwarded(name);
        }
        Self::Other
    }

    /// What the name is with `_` for `-`. Those that mean nothing in a request are harmless in any spelling.
    fn twin(self) -> Self {
        match self {
            Self::IfMatch | Self::IfNoneMatch | Self::RetryAfter | Self::UserAgent | Self::XRobotsTag => Self::Other,
            _ => Self::Twin,
        }
    }
}

/// A name with an x and an f that has no place of its own.
fn forwarded(name: &[u8]) -> Name {
    match name.get(..FORWARDED.len()) {
        Some(start) if start.eq_ignore_ascii_case(FORWARDED) => Name::Forwarding,
        Some(start) if is_twin(start, FORWARDED) => Name::Twin,
        _ => Name::Other,
    }
}

/// Whether a name that differs from `text` (in lower case) is the same once `_` is `-`.
#[inline]
fn is_twin(name: &[u8], text: &[u8]) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.iter().zip(text).all(|(byte, letter)| fold(*byte) == *letter)
}

/// `GET`, `HEAD` … (RFC 9110 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the method of its name")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
    Connect,
    Trace,
    /// Any other token.
    Other,
}

impl Method {
    /// Which method a token stands for. Methods are case-sensitive (RFC 9110 §9.1): `get` is [`Method::Other`].
    #[must_use]
    #[inline]
    pub fn of(text: &[u8]) -> Self {
        match text {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Whether it asks for nothing to be changed (RFC 9110 §9.2.1). An unknown method may.
    #[must_use]
    pub fn is_safe(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Trace => true,
            Self::Post | Self::Put | Self::Delete | Self::Patch | Self::Connect | Self::Other => false,
        }
    }

    /// Whether asking twice means the same as asking once (RFC 9110 §9.2.2). An unknown method is not.
    #[must_use]
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Put | Self::Delete | Self::Trace => true,
            Self::Post | Self::Patch | Self::Connect | Self::Other => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, Name};

    const NAMES: &[(&str, Name)] = &[
        ("Accept", Name::Accept),
        ("Authorization", Name::Authorization),
        ("Connection", Name::Connection),
        ("Content-Length", Name::ContentLength),
        ("Content-Type", Name::ContentType),
        ("Cookie", Name::Cookie),
        ("Date", Name::Date),
        ("Expect", Name::Expect),
        ("Forwarded", Name::Forwarded),
        ("Host", Name::Host),
        ("If-Match", Name::IfMatch),
        ("If-None-Match", Name::IfNoneMatch),
        ("Keep-Alive", Name::KeepAlive),
        ("Proxy", Name::Proxy),
        ("Proxy-Authenticate", Name::ProxyAuthenticate),
        ("Proxy-Authorization", Name::ProxyAuthorization),
        ("Proxy-Connection", Name::ProxyConnection),
        ("Referer", Name::Referer),
        ("Retry-After", Name::RetryAfter),
        ("Server", Name::Server),
        ("TE", Name::Te),
        ("Trailer", Name::Trailer),
        ("Transfer-Encoding", Name::TransferEncoding),
        ("Upgrade", Name::Upgrade),
        ("User-Agent", Name::UserAgent),
        ("X-Environment", Name::XEnvironment),
        ("X-Forwarded-For", Name::XForwardedFor),
        ("X-Forwarded-Host", Name::XForwardedHost),
        ("X-Forwarded-Prefix", Name::XForwardedPrefix),
        ("X-Forwarded-Proto", Name::XForwardedProto),
        ("X-Greengate-Preview", Name::XGreengatePreview),
        ("X-Real-IP", Name::XRealIp),
        ("X-Request-ID", Name::XRequestId),
        ("X-Robots-Tag", Name::XRobotsTag),
    ];

    /// The rest of [`Name::Forwarding`], in lower case.
    const FORWARDING: &str = "ali-cdn-real-ip cdn-src-ip cf-connecting-ip cf-connecting-ipv6 cf-pseudo-ipv4 cf-visitor \
        client-cert client-cert-chain client-ip cloudfront-forwarded-proto cloudfront-viewer-address do-connecting-ip \
        fastly-client-ip fastly-ssl fly-client-ip forwarded-for front-end-https path-info \
        proxy-client-ip script-name true-client-ip wl-proxy-client-ip x-appengine-user-ip x-arr-ssl \
        x-azure-clientip x-azure-socketip x-client-ip x-cluster-client-ip x-envoy-external-address x-envoy-original-path \
        x-forwarded x-host x-http-host-override x-ingress-path x-nf-client-connection-ip x-original-for \
        x-original-forwarded-for x-original-host x-original-method x-original-path x-original-port x-original-prefix \
        x-original-proto x-original-remote-addr x-original-scheme x-original-uri x-original-url x-originating-ip \
        x-proxycontextpath x-proxyuser-ip x-real-port x-remote-addr x-remote-ip x-replaced-path \
        x-request-uri x-rewrite-url x-scheme x-script-name x-url-scheme x-vercel-forwarded-for \
        x-vercel-proxied-for";

    fn all() -> impl Iterator<Item = (&'static str, Name)> {
        let forwarding = FORWARDING.split(' ').filter(|name| !name.is_empty());
        let ours = ["X-Forwarded-Port", "X-Forwarded-Ssl", "X-Forwarded-Anything_At.All"];
        let forwarding = forwarding.chain(ours).map(|name| (name, Name::Forwarding));
        NAMES.iter().copied().chain(forwarding)
    }

    #[test]
    fn every_known_name_is_known_in_any_case() {
        for (text, kind) in all() {
            assert_eq!(Name::of(text.as_bytes()), kind, "{text}");
            assert_eq!(Name::of(text.to_ascii_lowercase().as_bytes()), kind, "{text}");
            assert_eq!(Name::of(text.to_ascii_uppercase().as_bytes()), kind, "{text}");
        }
    }

    #[test]
    fn a_name_that_differs_in_one_byte_is_another_name() {
        for (text, _) in all() {
            let open = text
                .get(..12)
                .is_some_and(|start| start.eq_ignore_ascii_case("x-forwarded-"));
            for at in 0..text.len() {
                let mut near = text.as_bytes().to_vec();
                near[at] = b'!';
                let expected = if open && at >= 12 {
                    Name::Forwarding
                } else {
                    Name::Other
                };
                assert_eq!(Name::of(&near), expected, "{text} at {at}");
            }
            assert_eq!(Name::of(&text.as_bytes()[1..]), Name::Other, "{text}");
            let longer = if open { Name::Forwarding } else { Name::Other };
            assert_eq!(Name::of(format!("{text}s").as_bytes()), longer, "{text}");
        }
        for other in [
            "",
            "Cookie_",
            "Set-Cookie",
            "X-Requested-With",
            "X_Other",
            "X-Forwarder",
            "X-Original-Filename",
        ] {
            assert_eq!(Name::of(other.as_bytes()), Name::Other, "{other}");
        }
    }

    #[test]
    fn a_twin_is_known_in_any_case_and_mixture() {
        for (text, kind) in all().filter(|(text, _)| text.contains('-')) {
            let twin = match kind {
                Name::IfMatch | Name::IfNoneMatch | Name::RetryAfter | Name::UserAgent | Name::XRobotsTag => {
                    Name::Other
                }
                _ => Name::Twin,
            };
            let first = text.replacen('-', "_", 1);
            for written in [text.replace('-', "_"), text.to_uppercase().replace('-', "_"), first] {
                assert_eq!(Name::of(written.as_bytes()), twin, "{written}");
            }
        }
        assert_eq!(Name::of(b"X-Forwarded_Port"), Name::Twin);
    }

    #[test]
    fn methods_are_told_apart_with_their_case() {
        let table: &[(&[u8], Method, bool)] = &[
            (b"GET", Method::Get, true),
            (b"HEAD", Method::Head, true),
            (b"POST", Method::Post, false),
            (b"PUT", Method::Put, true),
            (b"DELETE", Method::Delete, true),
            (b"OPTIONS", Method::Options, true),
            (b"PATCH", Method::Patch, false),
            (b"CONNECT", Method::Connect, false),
            (b"TRACE", Method::Trace, true),
            (b"get", Method::Other, false),
            (b"PROPFIND", Method::Other, false),
        ];
        for (text, method, idempotent) in table {
            assert_eq!(Method::of(text), *method);
            assert_eq!(method.is_idempotent(), *idempotent, "{method:?}");
        }
    }
}
