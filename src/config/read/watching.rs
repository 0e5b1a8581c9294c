//! `[server]`: who may see what an operator looks at.

use super::plain::Problems;
use crate::config::checked::Server;
use crate::config::text::raw::Table;
use crate::config::text::report::Diagnostic;

/// Nobody without a password sees it from elsewhere.
pub(super) fn check(server: &Server, table: &Table, problems: &mut Problems) {
    let span = |key: &str| {
        table
            .entries
            .iter()
            .find(|entry| entry.key.value == key)
            .map(|entry| &entry.value.span)
    };
    match (server.dashboard, &server.dashboard_users) {
        (Some(address), None) if !address.ip().is_loopback() => {
            if let Some(span) = span("dashboard") {
                problems.push(
                    Diagnostic::error(
                        span,
                        format!("everybody who reaches `{address}` would see the dashboard"),
                    )
                    .expected("expected an address of this machine alone, as `\"127.0.0.1:9146\"`")
                    .hint(
                        "`ssh -L 9146:localhost:9146 HOST` brings it to you; or name its users: `dashboard_users = \
                             \"users\"`, a file that `proxyctl passwd` writes",
                    ),
                );
            }
        }
        (None, Some(_)) => {
            if let Some(span) = span("dashboard_users") {
                let what = "there is no dashboard that these users could see";
                problems.push(Diagnostic::error(span, what).hint("`dashboard = \"127.0.0.1:9146\"` switches it on"));
            }
        }
        _ => {}
    }
    let open = server.metrics.filter(|address| !address.ip().is_loopback());
    if let (Some(address), Some(span)) = (open, span("metrics")) {
        problems.push(
            Diagnostic::warning(span, format!("everybody who reaches `{address}` may read the metrics"))
                .hint("they name your hosts and tell how much they are asked; let a firewall keep out all but your Prometheus"),
        );
    }
}
