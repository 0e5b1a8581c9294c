//! Names that the proxy treats in a special way: fields and methods, told apart once, while parsing.

/// Field names that the proxy treats in a special way; found once, while parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub enum Name {
    Accept,
    Connection,
    ContentLength,
    ContentType,
    Date,
    Expect,
    Forwarded,
    Host,
    KeepAlive,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    RetryAfter,
    Server,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    XEnvironment,
    XForwardedFor,
    XForwardedHost,
    XForwardedPort,
    XForwardedProto,
    XRealIp,
    XRequestId,
    XRobotsTag,
    /// Any other.
    Other,
}

impl Name {
    /// Which field a name stands for, in any case.
    #[must_use]
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let Some(first) = name.first() else {
            return Self::Other;
        };
        // Length and first letter leave one candidate, seldom two, so that a name is compared once at most.
        let candidates: &[(&[u8], Self)] = match (name.len(), first | 0x20) {
            (2, b't') => &[(b"te", Self::Te)],
            (4, b'd') => &[(b"date", Self::Date)],
            (4, b'h') => &[(b"host", Self::Host)],
            (6, b'a') => &[(b"accept", Self::Accept)],
            (6, b'e') => &[(b"expect", Self::Expect)],
            (6, b's') => &[(b"server", Self::Server)],
            (7, b't') => &[(b"trailer", Self::Trailer)],
            (7, b'u') => &[(b"upgrade", Self::Upgrade)],
            (9, b'f') => &[(b"forwarded", Self::Forwarded)],
            (9, b'x') => &[(b"x-real-ip", Self::XRealIp)],
            (10, b'c') => &[(b"connection", Self::Connection)],
            (10, b'k') => &[(b"keep-alive", Self::KeepAlive)],
            (10, b'u') => &[(b"user-agent", Self::UserAgent)],
            (11, b'r') => &[(b"retry-after", Self::RetryAfter)],
            (12, b'c') => &[(b"content-type", Self::ContentType)],
            (12, b'x') => &[(b"x-request-id", Self::XRequestId), (b"x-robots-tag", Self::XRobotsTag)],
            (13, b'x') => &[(b"x-environment", Self::XEnvironment)],
            (14, b'c') => &[(b"content-length", Self::ContentLength)],
            (15, b'x') => &[(b"x-forwarded-for", Self::XForwardedFor)],
            (16, b'p') => &[(b"proxy-connection", Self::ProxyConnection)],
            (16, b'x') => &[
                (b"x-forwarded-host", Self::XForwardedHost),
                (b"x-forwarded-port", Self::XForwardedPort),
            ],
            (17, b't') => &[(b"transfer-encoding", Self::TransferEncoding)],
            (17, b'x') => &[(b"x-forwarded-proto", Self::XForwardedProto)],
            (18, b'p') => &[(b"proxy-authenticate", Self::ProxyAuthenticate)],
            (19, b'p') => &[(b"proxy-authorization", Self::ProxyAuthorization)],
            _ => &[],
        };
        for (text, kind) in candidates {
            if name.eq_ignore_ascii_case(text) {
                return *kind;
            }
        }
        Self::Other
    }
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
        ("Connection", Name::Connection),
        ("Content-Length", Name::ContentLength),
        ("Content-Type", Name::ContentType),
        ("Date", Name::Date),
        ("Expect", Name::Expect),
        ("Forwarded", Name::Forwarded),
        ("Host", Name::Host),
        ("Keep-Alive", Name::KeepAlive),
        ("Proxy-Authenticate", Name::ProxyAuthenticate),
        ("Proxy-Authorization", Name::ProxyAuthorization),
        ("Proxy-Connection", Name::ProxyConnection),
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
        ("X-Forwarded-Port", Name::XForwardedPort),
        ("X-Forwarded-Proto", Name::XForwardedProto),
        ("X-Real-IP", Name::XRealIp),
        ("X-Request-ID", Name::XRequestId),
        ("X-Robots-Tag", Name::XRobotsTag),
    ];

    #[test]
    fn every_known_name_is_known_in_any_case() {
        for (text, kind) in NAMES {
            assert_eq!(Name::of(text.as_bytes()), *kind, "{text}");
            assert_eq!(Name::of(text.to_ascii_lowercase().as_bytes()), *kind, "{text}");
            assert_eq!(Name::of(text.to_ascii_uppercase().as_bytes()), *kind, "{text}");
        }
    }

    #[test]
    fn a_name_that_differs_in_one_byte_is_another_name() {
        for (text, _) in NAMES {
            for at in 0..text.len() {
                let mut near = text.as_bytes().to_vec();
                near[at] = b'_';
                assert_eq!(Name::of(&near), Name::Other, "{text} at {at}");
            }
            assert_eq!(Name::of(&text.as_bytes()[1..]), Name::Other, "{text}");
            assert_eq!(Name::of(format!("{text}s").as_bytes()), Name::Other, "{text}");
        }
        assert_eq!(Name::of(b""), Name::Other);
        assert_eq!(Name::of(b"Cookie"), Name::Other);
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
