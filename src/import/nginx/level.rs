//! What one level of nginx's blocks sets: `http`, a `server`, or a `location`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::http::Http;
use super::{known, units, variables};
use crate::import::closing;
use crate::import::directive::Directive;
use crate::import::draft::{Note, Settings};
use crate::import::fields;
use crate::import::source::Place;
use crate::import::spell;
use crate::import::value::{Value, dotted};

/// How long an answer may take at most before it is taken for a stream.
const LONG: Duration = Duration::from_secs(600);

/// Our default of `timeout.stream`.
const STREAM: Duration = Duration::from_secs(3600);

/// What becomes of pages for errors.
const ERROR_PAGES: &str =
    "`error_pages = \"FOLDER\"` holds 502.html, 5xx.html and the like, for errors that the proxy makes";

/// Our default of `timeout.idle`.
const USUAL: Duration = Duration::from_secs(60);

/// Where files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) path: String,
    /// Whether the location's prefix is taken off (`alias`).
    pub(super) strip: bool,
}

/// The settings of a level, and what is said about those that are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    pub(super) settings: Settings,
    pub(super) notes: Vec<Note>,
    /// Directives that were carried over.
    pub(super) carried: usize,
    pub(super) folder: Option<Folder>,
    /// The location that says who may enter.
    pub(super) asks: Option<(String, Place)>,
    /// What `set` and `auth_request_set` have named.
    pub(super) variables: BTreeMap<String, String>,
    /// Fields whose value is a variable of this level, and who set them.
    pub(super) told: Vec<(String, String, Place, String)>,
    /// Pages that stand in for errors.
    pub(super) pages: Vec<String>,
    /// Those whose names are as `error_pages` wants them, with what is said where nobody knows their folder.
    pub(super) named_pages: Vec<(String, Note)>,
    allowed: Vec<String>,
    is_closed: bool,
    is_open: bool,
    upgrades: bool,
    read: Option<Duration>,
}

impl Level {
    /// A level inside of another, whose variables it knows.
    pub(super) fn within(outer: &Self) -> Self {
        Self {
            variables: outer.variables.clone(),
            ..Self::default()
        }
    }

    /// Counts a directive as carried over.
    pub(super) fn carry(&mut self) {
        self.carried += 1;
    }

    /// Keeps a directive for a look, with the nearest thing that we have.
    pub(super) fn look(&mut self, directive: &Directive, nearest: impl Into<String>) {
        self.notes.push(Note {
            place: directive.place,
            what: format!("`{}`", directive.shown()),
            nearest: nearest.into(),
        });
    }

    /// Takes a directive that may stand on any level; returns whether it did.
    pub(super) fn take(&mut self, directive: &Directive, http: &Http, is_tls: bool) -> bool {
        let first = directive.arg(0);
        match directive.name.as_str() {
            "client_max_body_size" => match (first, units::size(first)) {
                ("0", _) => {
                    self.settings
                        .set_with("limit.body", Value::text("1TiB"), Some("nginx had no limit".to_owned()))
                }
                (_, Some(size)) => self.settings.set("limit.body", Value::Text(size)),
                (_, None) => return self.refuse(directive),
            },
            "proxy_read_timeout" => match units::duration(first) {
                Some(read) => self.read = Some(read),
                None => return self.refuse(directive),
            },
            "proxy_connect_timeout" => match units::duration(first) {
                Some(time) => self.settings.set("timeout.connect", Value::Text(spell::duration(time))),
                None => return self.refuse(directive),
            },
            "gzip" | "brotli" => {
                let is_on = first == "on";
                if is_on || directive.name == "gzip" {
                    self.settings.set("compress", Value::Flag(is_on));
                }
            }
            "add_header" => return self.add_header(directive, is_tls),
            "proxy_hide_header" | "more_clear_headers" => {
                self.settings.set(&dotted("headers.response", first), Value::text(""));
            }
            "proxy_set_header" => return self.set_header(directive, is_tls),
            "expires" => return self.expires(directive),
            "limit_req" => return self.limit_req(directive, http),
            "limit_conn" => return self.limit_conn(directive, http),
            "auth_basic" => {
                if first == "off" {
                    self.settings.set("auth.basic", Value::text("off"));
                }
            }
            "auth_basic_user_file" => self.settings.set_with(
                "auth.basic",
                Value::text(first),
                Some("bcrypt alone; `proxyctl passwd` sets others anew".to_owned()),
            ),
            "auth_request" if first == "off" => self.settings.set("auth.forward", Value::text("off")),
            "auth_request" => self.asks = Some((first.to_owned(), directive.place)),
            "auth_request_set" => {
                self.variables.insert(first.to_owned(), directive.arg(1).to_owned());
            }
            "set" if !directive.arg(1).contains('$') => {
                self.variables.insert(first.to_owned(), directive.arg(1).to_owned());
            }
            // The first rule that fits a client counts, and this one fits all.
            "allow" if self.is_closed => {
                self.look(directive, "`deny all` stands before it");
                return true;
            }
            "allow" => match first {
                "all" => {
                    self.allowed.clear();
                    self.is_open = true;
                }
                // No client comes by a socket.
                "unix:" => {}
                _ => self.allowed.push(first.to_owned()),
            },
            "deny" if first == "all" => self.is_closed = true,
            "deny" => {
                self.look(
                    directive,
                    "`auth.allow` names who may enter; keep others out by the firewall",
                );
            }
            "satisfy" if first == "any" => {
                self.look(
                    directive,
                    "where both are asked for, `auth.basic` and `auth.allow` both have to pass",
                );
            }
            "satisfy" => {}
            "root" | "alias" if first.contains('$') => self.look(directive, "a folder has one name"),
            "root" | "alias" => {
                self.folder = Some(Folder {
                    path: first.to_owned(),
                    strip: directive.name == "alias",
                });
            }
            // What stands for a script is that of an app.
            "index"
                if directive
                    .args
                    .iter()
                    .any(|name| name == "index.html" || name.ends_with(".php")) => {}
            "index" => {
                self.look(directive, "a folder shows its `index.html`");
                return true;
            }
            "error_page" => return self.error_page(directive),
            "access_log" => return self.access_log(directive, http),
            "proxy_cache" if first == "off" => {}
            "set_real_ip_from" => http.trust(first),
            name if known::is_done_by_itself(name) => {}
            _ => return false,
        }
        self.carry();
        true
    }

    /// Keeps for a look what no level has taken.
    pub(super) fn refuse(&mut self, directive: &Directive) -> bool {
        self.look(directive, known::nearest(&directive.name));
        true
    }

    /// What only all directives together say: who may enter, and how long an answer may take.
    pub(super) fn finish(&mut self) {
        match (self.is_closed, self.allowed.is_empty()) {
            (true, false) => {
                let allowed = std::mem::take(&mut self.allowed);
                self.settings.set(
                    "auth.allow",
                    Value::List(allowed.into_iter().map(Value::Text).collect()),
                );
            }
            (true, true) => closing::close(&mut self.settings, "for nobody but this machine"),
            (false, _) if self.is_open => self.settings.set("auth.allow", Value::text("off")),
            (false, _) => {}
        }
        let Some(read) = self.read.take() else { return };
        let time = || Value::Text(spell::duration(read));
        if self.upgrades || read > STREAM {
            self.settings.set("timeout.stream", time());
        }
        if !self.upgrades || read <= LONG {
            self.settings.set("timeout.response", time());
            if read > USUAL {
                self.settings.set("timeout.idle", time());
            }
        }
    }

    fn add_header(&mut self, directive: &Directive, is_tls: bool) -> bool {
        let (name, value) = (directive.arg(0), directive.arg(1));
        let Some(value) = variables::value(value, is_tls) else {
            self.look(
                directive,
                "values may hold {client}, {host}, {path}, {request_id} and the like",
            );
            return true;
        };
        fields::set(&mut self.settings, name, &value);
        self.carry();
        true
    }

    fn expires(&mut self, directive: &Directive) -> bool {
        let first = directive.arg(0);
        let is_immutable = self.settings.get("cache") == Some(&Value::text("immutable"));
        match (first, units::duration(first)) {
            ("off", _) => {}
            ("max", _) => self.settings.set("cache", Value::text("immutable")),
            (_, Some(time)) if !time.is_zero() => {
                // `expires` beside `add_header Cache-Control immutable` says how long, which that has said already.
                if !is_immutable {
                    self.settings.set("cache", Value::Text(spell::duration(time)));
                }
            }
            ("epoch" | "0", _) => self.no_cache(),
            (text, None) if text.starts_with('-') => self.no_cache(),
            _ => {
                self.look(directive, "`cache` is a duration, \"immutable\" or \"no-store\"");
                return true;
            }
        }
        self.carry();
        true
    }

    fn no_cache(&mut self) {
        self.settings
            .set("headers.response.Cache-Control", Value::text("no-cache"));
    }

    fn set_header(&mut self, directive: &Directive, is_tls: bool) -> bool {
        let (name, value) = (directive.arg(0), directive.arg(1));
        if name.eq_ignore_ascii_case("upgrade") && !value.is_empty() {
            self.upgrades = true;
        }
        if variables::is_sent_anyway(name, value) {
            self.carry();
            return true;
        }
        if value.starts_with('$') && self.variables.contains_key(value) {
            let told = (name.to_owned(), value.to_owned(), directive.place, directive.shown());
            self.told.push(told);
            self.carry();
            return true;
        }
        if name.eq_ignore_ascii_case("host") {
            self.look(directive, "an app is told the host that the client asked for");
            return true;
        }
        match variables::value(value, is_tls) {
            Some(value) => {
                self.settings.set(&dotted("headers.request", name), Value::Text(value));
                self.carry();
            }
            None => self.look(
                directive,
                "values may hold {client}, {host}, {path}, {request_id} and the like",
            ),
        }
        true
    }

    fn limit_req(&mut self, directive: &Directive, http: &Http) -> bool {
        let option = |name: &str| directive.args.iter().find_map(|arg| arg.strip_prefix(name));
        let zone = option("zone=").and_then(|zone| http.rates.get(zone));
        let burst = option("burst=").map_or(Some(0), |burst| burst.parse::<i64>().ok());
        match (zone, burst) {
            (Some((rate, true)), Some(burst)) => {
                self.settings.set("limit.rate", Value::text(rate));
                // nginx counts those beyond the first.
                self.settings.set("limit.burst", Value::Number(burst.saturating_add(1)));
                self.carry();
            }
            (Some((_, false)), _) => self.look(directive, "`limit.rate` counts the requests of one client address"),
            _ => self.look(directive, "its zone is not known: `limit.rate = \"10/s\"`"),
        }
        true
    }

    fn limit_conn(&mut self, directive: &Directive, http: &Http) -> bool {
        let number = directive.arg(1).parse::<i64>().ok();
        match (http.counts.get(directive.arg(0)), number) {
            (Some(true), _) => self.look(
                directive,
                "`[server] max_connections_per_client` counts connections of a client, for all hosts together",
            ),
            (Some(false), Some(number)) => {
                self.settings.set("limit.concurrent", Value::Number(number));
                self.carry();
            }
            _ => self.look(
                directive,
                "its zone is not known: `limit.concurrent` counts requests in flight",
            ),
        }
        true
    }

    /// `error_page 404 /404.html;` and its kin; pages of our errors are a folder of theirs.
    fn error_page(&mut self, directive: &Directive) -> bool {
        let Some((page, statuses)) = directive.args.split_last() else {
            return self.refuse(directive);
        };
        if page.starts_with('/') && !statuses.iter().any(|status| status == "401") {
            self.pages.push(page.clone());
        }
        let changes = statuses.iter().any(|one| one.starts_with('='));
        let is_missing = statuses.iter().all(|status| status == "404");
        if page.starts_with('/') && is_missing && !changes && !page.contains('$') {
            self.settings.set("files.not_found", Value::text(page));
            self.carry();
        } else if statuses.iter().any(|status| status == "401") {
            self.look(
                directive,
                "an answer of `auth.forward` goes to the client as it is: let the one that is asked redirect to the login",
            );
        } else {
            let note = Note {
                place: directive.place,
                what: format!("`{}`", directive.shown()),
                nearest: ERROR_PAGES.to_owned(),
            };
            if is_named_for(page, statuses) {
                self.named_pages.push((page.clone(), note));
            } else {
                self.notes.push(note);
            }
        }
        true
    }

    /// Nobody knows the folder of the pages for errors.
    pub(super) fn tell_of_pages(&mut self) {
        self.notes.extend(self.named_pages.drain(..).map(|(_, note)| note));
    }

    fn access_log(&mut self, directive: &Directive, http: &Http) -> bool {
        if directive.arg(0) == "off" {
            self.settings.set("log", Value::Flag(false));
        } else if !http.tells_of_log() {
            self.look(
                directive,
                "one log for all, on standard output; `[server] access_log = \"FILE\"` and `access_log_format = \"combined\"` \
                 write it as nginx did",
            );
            return true;
        }
        self.carry();
        true
    }
}

/// Whether a page is named for these statuses: `/errors/404.html` for 404, `/5xx.html` for 502 and 503.
fn is_named_for(page: &str, statuses: &[String]) -> bool {
    let name = page.rsplit('/').next().and_then(|name| name.strip_suffix(".html"));
    let (Some(name), Some(first)) = (name, statuses.first()) else {
        return false;
    };
    let class = first.get(..1).map(|class| format!("{class}xx"));
    let is_status = |status: &String| status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    statuses.iter().all(is_status)
        && !page.contains('$')
        && match statuses {
            [status] if status == name => true,
            _ => class.as_deref() == Some(name) && statuses.iter().all(|status| status[..1] == first[..1]),
        }
}
