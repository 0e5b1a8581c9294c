//! What stands in `http` for all servers: upstreams, zones, who is trusted.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::units;
use crate::import::directive::Directive;
use crate::import::draft::{Note, Slots, Target};
use crate::import::spell;

/// What servers refer to.
#[derive(Debug, Default)]
pub(super) struct Http {
    upstreams: BTreeMap<String, Vec<String>>,
    /// Rates by their zone, and whether they count client addresses.
    pub(super) rates: BTreeMap<String, (String, bool)>,
    /// Zones of connections, and whether they count client addresses.
    pub(super) counts: BTreeMap<String, bool>,
    trusted: RefCell<Vec<String>>,
    told_of_log: Cell<bool>,
}

/// What became of a directive.
pub(super) struct Taken {
    pub(super) carried: usize,
    pub(super) notes: Vec<Note>,
}

impl Http {
    /// Takes what servers refer to; `None` where it is something else.
    pub(super) fn take(&mut self, directive: &Directive) -> Option<Taken> {
        match directive.name.as_str() {
            "upstream" => Some(self.upstream(directive)),
            "limit_req_zone" => {
                let zone = zone(directive);
                let rate = directive
                    .args
                    .iter()
                    .find_map(|arg| units::rate(arg.strip_prefix("rate=")?));
                self.rates.insert(zone?, (rate?, is_client(directive.arg(0))));
                Some(carried())
            }
            "limit_conn_zone" => {
                self.counts.insert(zone(directive)?, is_client(directive.arg(0)));
                Some(carried())
            }
            "map" if is_of_websockets(directive) => Some(carried()),
            "map" => look(
                directive,
                "there are no variables: say what it decides where it is used",
            ),
            "log_format" => {
                let format = directive.args.join("");
                let usual = ["$remote_addr", "$request", "$status"];
                if usual.iter().all(|word| format.contains(word)) {
                    Some(carried())
                } else {
                    look(
                        directive,
                        "lines are JSON with all of it, or `[server] access_log_format = \"combined\"`",
                    )
                }
            }
            _ => None,
        }
    }

    /// Notes a network whose word about clients is believed.
    pub(super) fn trust(&self, network: &str) {
        let mut trusted = self.trusted.borrow_mut();
        if !trusted.iter().any(|known| known == network) {
            trusted.push(network.to_owned());
        }
    }

    /// The networks whose word is believed.
    pub(super) fn trusted(&self) -> Vec<String> {
        self.trusted.borrow().clone()
    }

    /// Whether something was said about the log before; from now on something was.
    pub(super) fn tells_of_log(&self) -> bool {
        self.told_of_log.replace(true)
    }

    /// Who answers behind the URL of a `proxy_pass`.
    pub(super) fn target(&self, url: &str, strip: bool) -> Target {
        let nothing = |why: &str| Target {
            slots: Slots::Nothing(why.to_owned()),
            strip,
        };
        let Some((scheme, rest)) = url.split_once("://") else {
            return nothing("its address is a variable, which says where it runs");
        };
        if scheme != "http" {
            return nothing("apps over TLS are not supported: let the app listen for plain HTTP");
        }
        let authority = match rest.strip_prefix("unix:") {
            Some(path) => format!("unix:{}", path.split(':').next().unwrap_or_default()),
            None => rest.split('/').next().unwrap_or_default().to_owned(),
        };
        if let Some(slots) = self.coloured(&authority) {
            return Target { slots, strip };
        }
        if let Some(addresses) = self.upstreams.get(&authority) {
            let slots = match addresses.is_empty() {
                true => Slots::Nothing("its upstream has no server".to_owned()),
                false => Slots::Upstream(addresses.clone()),
            };
            return Target { slots, strip };
        }
        match spell::address(&authority) {
            Some(address) => Target {
                slots: Slots::Upstream(vec![address]),
                strip,
            },
            None => nothing("its address is a variable, which says where it runs"),
        }
    }

    /// Blue and green, where two upstreams are called so.
    fn coloured(&self, name: &str) -> Option<Slots> {
        let other = other_colour(name)?;
        let (own, theirs) = (self.upstreams.get(name)?, self.upstreams.get(&other)?);
        if own.is_empty() || theirs.is_empty() || own.iter().any(|address| theirs.contains(address)) {
            return None;
        }
        let (blue, green) = if name.contains("blue") {
            (own, theirs)
        } else {
            (theirs, own)
        };
        Some(Slots::Pair {
            blue: blue.clone(),
            green: green.clone(),
        })
    }

    fn upstream(&mut self, directive: &Directive) -> Taken {
        let mut addresses: Vec<String> = Vec::new();
        let mut notes = Vec::new();
        let mut carried = 1;
        for server in directive.below() {
            let mut note = |nearest: &str| {
                notes.push(Note {
                    place: server.place,
                    what: format!("`{}` of `upstream {}`", server.shown(), directive.arg(0)),
                    nearest: nearest.to_owned(),
                });
            };
            let has = |word: &str| {
                server
                    .args
                    .iter()
                    .any(|arg| arg == word || arg.starts_with(&format!("{word}=")))
            };
            match server.name.as_str() {
                "server" if has("backup") => {
                    note("instances are equal; a second slot, `green`, is for the next version")
                }
                "server" if has("down") => note("left out, as it is down"),
                "server" => match spell::address(server.arg(0)) {
                    Some(address) => {
                        if has("weight") {
                            note("the instance with the fewest requests in flight is next");
                        } else {
                            carried += 1;
                        }
                        if !addresses.contains(&address) {
                            addresses.push(address);
                        }
                    }
                    None => note("an instance is `host:port` or a socket"),
                },
                "keepalive" | "keepalive_timeout" | "keepalive_requests" | "keepalive_time" | "least_conn" | "zone" => {
                    carried += 1;
                }
                _ => note("the instance with the fewest requests in flight is next, whoever the client is"),
            }
        }
        self.upstreams.insert(directive.arg(0).to_owned(), addresses);
        Taken { carried, notes }
    }
}

fn carried() -> Taken {
    Taken {
        carried: 1,
        notes: Vec::new(),
    }
}

fn look(directive: &Directive, nearest: &str) -> Option<Taken> {
    let note = Note {
        place: directive.place,
        what: format!("`{}`", directive.shown()),
        nearest: nearest.to_owned(),
    };
    Some(Taken {
        carried: 0,
        notes: vec![note],
    })
}

/// The name in `zone=NAME:SIZE`.
fn zone(directive: &Directive) -> Option<String> {
    let zone = directive.args.iter().find_map(|arg| arg.strip_prefix("zone="))?;
    Some(zone.split(':').next().unwrap_or(zone).to_owned())
}

fn is_client(key: &str) -> bool {
    matches!(
        key,
        "$binary_remote_addr" | "$remote_addr" | "${binary_remote_addr}" | "$http_x_forwarded_for"
    )
}

/// `map $http_upgrade $connection_upgrade`, whatever the second is called.
fn is_of_websockets(directive: &Directive) -> bool {
    directive.arg(0) == "$http_upgrade"
}

fn other_colour(name: &str) -> Option<String> {
    match (name.contains("blue"), name.contains("green")) {
        (true, false) => Some(name.replacen("blue", "green", 1)),
        (false, true) => Some(name.replacen("green", "blue", 1)),
        _ => None,
    }
}
