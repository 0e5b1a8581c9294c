//! Addresses to listen on.

use std::net::SocketAddr;

use super::plain::{self, Problems};
use crate::config::text::raw::{At, Kind, Value};
use crate::config::text::report::Diagnostic;

/// Reads one address to listen on; `taken` are those before it in the file, and gets it.
pub(super) fn one(
    key: &str,
    value: &Value,
    taken: &mut Vec<At<SocketAddr>>,
    problems: &mut Problems,
) -> Option<SocketAddr> {
    if matches!(value.kind, Kind::List(_)) {
        problems.push(plain::mismatch(
            key,
            value,
            "one address with a port",
            "one, as `\"127.0.0.1:9146\"`",
        ));
        return None;
    }
    let address = listeners(key, value, taken, problems)?.pop()?;
    let there = address.value;
    taken.push(address);
    Some(there)
}

/// Reads one address or several; `taken` are those before them in the file.
pub(super) fn listeners(
    key: &str,
    value: &Value,
    taken: &[At<SocketAddr>],
    problems: &mut Vec<Diagnostic>,
) -> Option<Vec<At<SocketAddr>>> {
    let expected = "an address with a port, as `\"127.0.0.1:8080\"` or `\"[::]:80\"`, or a list of these";
    let values = plain::one_or_many(key, value, expected, problems)?;
    // Port 0 lets the system choose: two of them are two ports.
    let zero = |address: &SocketAddr| address.port() == 0;
    let mut out: Vec<At<SocketAddr>> = Vec::new();
    let mut complete = true;
    for value in values {
        let port = match &value.kind {
            Kind::Integer(Some(port)) => Some(port.to_string()),
            Kind::Text(text) => match text.parse::<SocketAddr>() {
                Ok(address) => {
                    match taken
                        .iter()
                        .chain(&out)
                        .find(|earlier| earlier.value == address && !zero(&address))
                    {
                        Some(earlier) => problems.push(
                            Diagnostic::error(&value.span, format!("`{address}` is listened on twice"))
                                .expected("again here")
                                .related(&earlier.span, "first here"),
                        ),
                        None => out.push(value.at(address)),
                    }
                    continue;
                }
                Err(_) => Some(text.trim_start_matches(':').to_owned()),
            },
            Kind::Integer(None) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
                None
            }
        };
        complete = false;
        let diagnostic = Diagnostic::error(&value.span, format!("`{key}` is not an address to listen on"))
            .expected(format!("expected {expected}"));
        problems.push(match port.filter(|port| port.parse::<u16>().is_ok()) {
            Some(port) => diagnostic.hint(format!(
                "write `\"[::]:{port}\"` for every address of the machine, or `\"127.0.0.1:{port}\"` for this machine alone"
            )),
            None => diagnostic,
        });
    }
    complete.then_some(out)
}
