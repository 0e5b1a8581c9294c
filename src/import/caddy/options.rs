//! The options of a Caddyfile: what holds for all sites.

use super::matcher;
use crate::import::directive::Directive;
use crate::import::draft::{Draft, Note};
use crate::import::reached::Reached;
use crate::import::value::Value;

/// What sites have to know of the options.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) http_port: Option<u16>,
    pub(super) https_port: Option<u16>,
    /// Whether certificates are signed on this machine.
    pub(super) is_local: bool,
    /// Whether nothing is served over TLS by itself.
    pub(super) is_plain: bool,
    /// Where sites listen that do not say so themselves.
    pub(super) reached: Option<Reached>,
}

/// Reads them.
pub(super) fn read(directives: &[Directive], draft: &mut Draft) -> Options {
    let mut options = Options::default();
    for directive in directives {
        if let Err(nearest) = take(directive, &mut options, draft) {
            draft.notes.push(Note {
                place: directive.place,
                what: format!("`{}`", directive.shown()),
                nearest: nearest.to_owned(),
            });
        } else {
            draft.carried += 1;
        }
    }
    options
}

fn take(directive: &Directive, options: &mut Options, draft: &mut Draft) -> Result<(), &'static str> {
    let first = directive.arg(0);
    match directive.name.as_str() {
        "email" => draft.acme.set("email", Value::text(first)),
        "acme_ca" => draft.acme.set("directory", Value::text(first)),
        "acme_ca_root" => draft.acme.set("root", Value::text(first)),
        "acme_eab" => return Err("`[acme] eab = { kid = \"…\", key_file = \"FILE\" }`"),
        "acme_dns" => return Err("`[acme] challenge = { dns = \"COMMAND\" }` runs a command of yours"),
        "cert_issuer" => return Err("`[acme] directory` names the CA; a list falls back in order"),
        "http_port" => options.http_port = first.parse().ok(),
        "https_port" => options.https_port = first.parse().ok(),
        "local_certs" => options.is_local = true,
        "auto_https" if first == "off" => options.is_plain = true,
        "auto_https" if first == "disable_redirects" => {
            return Err("port 80 leads to HTTPS; `tls = \"off\"` serves a host there");
        }
        "servers" => {
            for inner in directive.below() {
                match inner.name.as_str() {
                    "trusted_proxies" if inner.arg(0) == "static" => {
                        let networks = matcher::networks(&inner.args[1..]);
                        let networks = networks.into_iter().map(Value::Text).collect();
                        draft.server.set("trusted_proxies", Value::List(networks));
                        draft.carried += 1;
                    }
                    "trusted_proxies" if inner.arg(0) == "cloudflare" => {
                        draft.server.set("trusted_proxies", Value::text("cloudflare"));
                        draft.carried += 1;
                    }
                    "trusted_proxies" => return Err("`[server] trusted_proxies` is a list of networks"),
                    "listener_wrappers" => {
                        return Err("`[server] proxy_protocol = true` reads PROXY headers of trusted proxies");
                    }
                    _ => draft.carried += 1,
                }
            }
        }
        "on_demand_tls" => {
            return Err("certificates are got for the hosts that stand in the file, before the first client");
        }
        "storage" => return Err("certificates are in `[server] state_dir`"),
        "default_bind" => {
            options.reached = Some(Reached::at(directive.args.iter().map(String::as_str)));
            return Err("`[server] http` and `https` say where to listen");
        }
        "layer4" => return Err("raw TCP and UDP are not proxied"),
        "admin"
        | "debug"
        | "log"
        | "order"
        | "grace_period"
        | "shutdown_delay"
        | "persist_config"
        | "skip_install_trust"
        | "renew_interval"
        | "ocsp_stapling"
        | "ocsp_interval"
        | "auto_https"
        | "default_sni"
        | "fallback_sni"
        | "storage_clean_interval"
        | "preferred_chains"
        | "key_type"
        | "metrics"
        | "cert_lifetime" => {}
        _ => return Err("it has no counterpart"),
    }
    Ok(())
}
