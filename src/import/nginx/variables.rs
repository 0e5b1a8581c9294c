//! nginx's variables in values of fields: what `proxy.toml` has a word for.

/// A value in our words; `None` where a variable has none.
pub(super) fn value(text: &str, is_tls: bool) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let (name, after) = match behind.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => {
                let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
                behind.split_at(behind.find(|char| !is_part(char)).unwrap_or(behind.len()))
            }
        };
        out.push_str(word(name, is_tls)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn word(variable: &str, is_tls: bool) -> Option<&'static str> {
    Some(match variable {
        "host" | "http_host" | "server_name" => "{host}",
        "remote_addr" => "{client}",
        "request_id" => "{request_id}",
        "uri" | "document_uri" => "{path}",
        "scheme" if is_tls => "https",
        "scheme" => "http",
        "server_port" if is_tls => "443",
        "server_port" => "80",
        _ => return None,
    })
}

/// Whether an app is told this without a word in the file.
pub(super) fn is_sent_anyway(name: &str, value: &str) -> bool {
    let usual: &[&str] = match name.to_ascii_lowercase().as_str() {
        "host" => &["$host", "$http_host", "$host:$server_port", "$server_name"],
        "x-real-ip" | "x-forwarded-for" => &[
            "$remote_addr",
            "$proxy_add_x_forwarded_for",
            "$http_x_forwarded_for",
            "$http_x_real_ip",
            "$http_cf_connecting_ip",
        ],
        "x-forwarded-proto" => &["$scheme", "https", "http", "$http_x_forwarded_proto"],
        "x-forwarded-host" => &["$host", "$http_host", "$server_name", "$host:$server_port"],
        "upgrade" => &["$http_upgrade", "websocket", "Websocket", ""],
        "connection" => return true,
        "x-request-id" => &["$request_id"],
        "accept-encoding" => &["$http_accept_encoding"],
        _ => return value == format!("$http_{}", name.to_ascii_lowercase().replace('-', "_")),
    };
    usual.contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_our_words_or_none() {
        assert_eq!(value("no-store", true).as_deref(), Some("no-store"));
        assert_eq!(
            value("$scheme://$host$uri", true).as_deref(),
            Some("https://{host}{path}")
        );
        assert_eq!(value("a${remote_addr}b", false).as_deref(), Some("a{client}b"));
        assert_eq!(value("$cookie_x", false), None);
        assert_eq!(value("${host", false), None);
        assert_eq!(value("cost: 5$", false), None);
    }
}
