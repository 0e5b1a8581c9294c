//! A `server`: its hosts, where it listens, its certificate, and what is left to its locations.

use super::condition::{self, If};
use super::http::Http;
use super::level::Level;
use super::location::{Location, On};
use super::redirect::{self, Leads};
use super::routes::Routes;
use crate::import::closing::Answer;
use crate::import::directive::Directive;
use crate::import::draft::{Draft, Elsewhere, Kept, NO_TLS, Note, Route, Settings, Site};
use crate::import::reached::Reached;
use crate::import::source::Place;
use crate::import::value::Value;

/// A place to listen at: what `[server]` writes, and whether TLS is spoken there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) is_tls: bool,
}

/// A server as it is read.
#[derive(Debug)]
pub(super) struct Server<'d> {
    place: Place,
    hosts: Vec<String>,
    /// Names that no host can be.
    unnamed: Vec<Note>,
    pub(super) listeners: Vec<Listener>,
    /// Whether it listens at a socket, which only this machine reaches.
    has_socket: bool,
    pub(super) speaks_proxy_protocol: bool,
    is_tls: bool,
    certificate: Option<(String, Place)>,
    key: Option<String>,
    level: Level,
    routes: Vec<Route>,
    kept: Vec<Kept>,
    /// Whether it answers all requests that there is nothing, whatever its locations say.
    answers_nothing: bool,
    whole: Option<(Leads, &'d Directive)>,
    elsewhere: Vec<Elsewhere>,
}

impl<'d> Server<'d> {
    pub(super) fn read(directive: &'d Directive, http: &'d Http, outer: &Level) -> Self {
        let mut server = Server {
            place: directive.place,
            hosts: Vec::new(),
            unnamed: Vec::new(),
            listeners: Vec::new(),
            has_socket: false,
            speaks_proxy_protocol: false,
            is_tls: false,
            certificate: None,
            key: None,
            level: Level::within(outer),
            routes: Vec::new(),
            kept: Vec::new(),
            answers_nothing: false,
            whole: None,
            elsewhere: Vec::new(),
        };
        server.level.folder.clone_from(&outer.folder);
        server.level.carry();
        let below = directive.below();
        for inner in below.iter().filter(|inner| inner.name == "listen") {
            server.listen(inner);
        }
        server.is_tls |= server.listeners.iter().any(|listener| listener.is_tls);
        server.is_tls |= below.iter().any(|inner| inner.name == "ssl" && inner.arg(0) == "on");
        let mut rest = Vec::new();
        for inner in below {
            if !server.take(inner, http) {
                rest.push(inner);
            }
        }
        server.level.finish();
        let mut routes = Routes::new(http, server.is_tls, server.level.clone());
        for inner in rest {
            server.route(inner, &mut routes);
        }
        let found = routes.finish();
        server.level = found.level;
        server.kept = found.kept;
        // Before its locations are looked for.
        if !server.answers_nothing {
            server.routes = found.routes;
        }
        server.whole = server.whole.take().or(found.whole);
        server
    }

    /// Takes what is no route.
    fn take(&mut self, directive: &'d Directive, http: &Http) -> bool {
        match directive.name.as_str() {
            "listen" => {}
            "server_name" => self.name(directive),
            "ssl" => self.level.carry(),
            "ssl_certificate" => {
                self.certificate = Some((directive.arg(0).to_owned(), directive.place));
                self.level.carry();
            }
            "ssl_certificate_key" => {
                self.key = Some(directive.arg(0).to_owned());
                self.level.carry();
            }
            "return" | "rewrite" | "if" | "location" | "try_files" => return false,
            _ => {
                if !self.level.take(directive, http, self.is_tls) {
                    self.level.refuse(directive);
                }
            }
        }
        true
    }

    /// Takes what says where requests go.
    fn route(&mut self, directive: &'d Directive, routes: &mut Routes<'d>) {
        match directive.name.as_str() {
            "return" => match directive.args.last().and_then(|to| redirect::target(to)) {
                Some(leads) => {
                    routes.level.carry();
                    self.whole = Some((leads, directive));
                }
                // Hosts that nobody serves get 404 anyway.
                None if Answer::of(directive.arg(0)) != Answer::Other => {
                    self.answers_nothing = true;
                    routes.level.carry();
                }
                None => routes.level.look(
                    directive,
                    "an answer of its own is the app's to give, or a file's in `public`",
                ),
            },
            "if" => match condition::read(directive) {
                If::ByItself => routes.level.carry(),
                If::HostTo(from, to) => {
                    routes.level.carry();
                    self.elsewhere.push(Elsewhere {
                        place: directive.place,
                        from,
                        to,
                    });
                    let leading = directive.below().first();
                    if let Some(leading) = leading.filter(|leading| !redirect::is_for_good(leading)) {
                        routes.level.look(leading, redirect::FOR_GOOD);
                    }
                }
                If::PassMissing(url) => routes.pass_missing(&url),
                If::Look(nearest) => routes.level.look(directive, nearest),
            },
            "rewrite" => self.rewrite(directive, routes),
            "try_files" => routes.tries = Some(directive),
            _ => {
                let location = Location::read(directive, routes.http, self.is_tls, &routes.level);
                match &location.on {
                    On::Named(_) => routes.name(location),
                    _ => routes.add(location),
                }
            }
        }
    }

    fn rewrite(&mut self, directive: &'d Directive, routes: &mut Routes<'d>) {
        match redirect::rewrite(directive.arg(0), directive.arg(1), directive.arg(2)) {
            Some(found) if found.prefix == "/" && found.leads == Leads::ToTls => {
                routes.level.carry();
                self.whole = Some((Leads::ToTls, directive));
            }
            Some(found) if found.prefix == "/" && matches!(found.leads, Leads::ToHost(_)) => {
                routes.level.carry();
                self.whole = Some((found.leads, directive));
            }
            Some(found) => routes.rewrite(directive, &found),
            None => routes.level.look(directive, redirect::nearest(directive.arg(0))),
        }
    }

    fn name(&mut self, directive: &Directive) {
        for name in &directive.args {
            match name.as_str() {
                "_" | "" | "localhost.localdomain" => {}
                name if name.starts_with('~') || name.ends_with(".*") || name.contains('$') => {
                    self.unnamed.push(Note {
                        place: directive.place,
                        what: format!("`server_name {name}`"),
                        nearest: "a host is a name, or `*.example.com` for one label".to_owned(),
                    })
                }
                name => match name.strip_prefix('.') {
                    Some(domain) => self.hosts.extend([domain.to_owned(), format!("*.{domain}")]),
                    None => self.hosts.push(name.to_ascii_lowercase()),
                },
            }
        }
        self.level.carry();
    }

    fn listen(&mut self, directive: &Directive) {
        let first = directive.arg(0);
        let has = |word: &str| directive.args.iter().any(|arg| arg == word);
        if has("quic") {
            self.level
                .look(directive, "HTTP/3 is not spoken; HTTP/2 and HTTP/1.1 are");
            return;
        }
        if first.starts_with("unix:") {
            self.has_socket = true;
            self.level
                .look(directive, "clients come by TCP: `[server] http` and `https`");
            return;
        }
        let (host, port) = match first.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
            Some(_) => (first, Some(80)),
            None if first.bytes().all(|byte| byte.is_ascii_digit()) => ("", first.parse().ok()),
            None => (first, Some(80)),
        };
        let Some(port) = port.filter(|port| *port != 0) else {
            self.level
                .look(directive, "`[server] http` and `https` take an address with a port");
            return;
        };
        let host = match host {
            "" | "*" | "0.0.0.0" | "[::]" => "[::]",
            "localhost" => "127.0.0.1",
            other => other,
        };
        self.speaks_proxy_protocol |= has("proxy_protocol");
        self.listeners.push(Listener {
            address: format!("{host}:{port}"),
            port,
            is_tls: has("ssl"),
        });
        self.level.carry();
    }

    /// Where it listens, as far as it says so: every address otherwise.
    pub(super) fn reached(&self) -> Reached {
        match (self.listeners.is_empty(), self.has_socket) {
            (true, true) => Reached::by_socket(),
            (true, false) => Reached::everywhere(),
            (false, _) => Reached::at(self.listeners.iter().map(|listener| listener.address.as_str())),
        }
    }

    /// Puts it into the draft: as a site, as redirects of its hosts, or as nothing where the proxy does it by itself.
    pub(super) fn into_draft(mut self, outer: &Level, draft: &mut Draft) {
        draft.carried += self.level.carried;
        let mut notes = std::mem::take(&mut self.level.notes);
        notes.append(&mut self.unnamed);
        for one in std::mem::take(&mut self.elsewhere) {
            self.hosts.retain(|host| *host != one.from);
            draft.redirects.push(one);
        }
        if let Some((leads, directive)) = self.whole.take() {
            if self.routes.iter().all(|route| route.target.is_none()) {
                notes.extend(self.redirect(&leads, directive, draft));
                draft.notes.append(&mut notes);
                return;
            }
            if let Leads::ToHost(to) = leads {
                notes.push(Note {
                    place: directive.place,
                    what: format!("`{}`", directive.shown()),
                    nearest: format!("`redirect = \"{to}/*\"` of an `at` entry with `path = \"/\"`"),
                });
            }
        }
        if self.routes.is_empty() {
            draft.notes.append(&mut notes);
            return;
        }
        let mut settings = outer.settings.under(&self.level.settings);
        if settings.get("compress") == Some(&Value::Flag(false)) {
            settings.remove("compress");
        }
        for asked in ["auth.basic", "auth.allow"] {
            if settings.get(asked) == Some(&Value::text("off")) {
                settings.remove(asked);
            }
        }
        self.set_certificate(&mut settings, draft);
        if self.hosts.is_empty() {
            notes.push(Note {
                place: self.place,
                what: "this server answers to every name".to_owned(),
                nearest: "name its hosts, `host = \"example.com\"`; others get 404".to_owned(),
            });
            self.hosts.push("localhost".to_owned());
        }
        draft.sites.push(Site {
            place: self.place,
            hosts: self.hosts,
            settings,
            routes: self.routes,
            kept: self.kept,
            notes,
            plain: !self.is_tls,
        });
    }

    /// Hosts that lead elsewhere as a whole.
    fn redirect(&self, leads: &Leads, directive: &Directive, draft: &mut Draft) -> Option<Note> {
        let note = |nearest: &str| {
            Some(Note {
                place: directive.place,
                what: format!("`{}`", directive.shown()),
                nearest: nearest.to_owned(),
            })
        };
        match leads {
            Leads::ToTls => None,
            Leads::ToHost(_) if self.hosts.is_empty() => {
                note("`[redirect]` names the hosts that lead elsewhere; others get 404")
            }
            Leads::To(to) if !to.contains("://") => note("`[redirect]` leads a host to another host"),
            Leads::ToHost(to) | Leads::To(to) => {
                self.lead(directive.place, to, draft);
                if redirect::is_for_good(directive) {
                    None
                } else {
                    note(redirect::FOR_GOOD)
                }
            }
        }
    }

    fn lead(&self, place: Place, to: &str, draft: &mut Draft) {
        for host in &self.hosts {
            draft.redirects.push(Elsewhere {
                place,
                from: host.clone(),
                to: to.to_owned(),
            });
        }
    }

    fn set_certificate(&mut self, settings: &mut Settings, draft: &mut Draft) {
        if !self.is_tls {
            settings.set_with("tls", Value::text("off"), Some(NO_TLS.to_owned()));
            return;
        }
        let (Some((cert, _)), Some(key)) = (self.certificate.take(), self.key.take()) else {
            return;
        };
        if cert.contains("/letsencrypt/live/") {
            let remark = "Certificates come by themselves. Until then, `sudo proxyctl certs import /etc/letsencrypt` takes certbot's over.";
            if !draft.remarks.iter().any(|known| known == remark) {
                draft.remarks.push(remark.to_owned());
            }
            return;
        }
        settings.set(
            "tls",
            Value::Table(vec![("cert", Value::Text(cert)), ("key", Value::Text(key))]),
        );
    }
}
