//! nginx's configuration: its grammar, and what each directive is called here.
//!
//! - `lex` words, `read` directives, blocks and `include`
//! - `units`, `variables`, `redirect` and `condition` what has a grammar of its own
//! - `known` directives that are known by their name alone
//! - `http` what servers refer to; `level` what any level sets; `passing` which app is asked, `tries` which folder
//! - `location`, `routes` and `server` who answers; `root` what no location is about, and the first page
//! - `unsaid` what is kept closed; `pages` what stands in for errors

mod condition;
mod http;
mod known;
mod level;
mod lex;
mod location;
mod pages;
mod passing;
mod read;
mod redirect;
mod root;
mod routes;
mod server;
mod tries;
mod units;
mod unsaid;
mod variables;

use http::Http;
use level::Level;
use server::{Listener, Server};

use super::directive::Directive;
use super::draft::{Draft, Note, Site};
use super::files::Files;
use super::reached::{self, Reached};
use super::source::{Flaw, Sources};
use super::value::Value;

/// What was understood of the first file of `sources` and those that it includes.
pub(super) fn draft(files: &dyn Files, sources: &mut Sources) -> Result<Draft, Flaw> {
    let (all, missing) = read::read(files, sources)?;
    let mut draft = Draft::default();
    for one in missing {
        if known::is_usual(&one.path) {
            draft.carried += 1;
            continue;
        }
        draft.notes.push(Note {
            place: one.place,
            what: format!("`include {}`", one.path),
            nearest: format!("it cannot be read: {}", one.why),
        });
    }
    let mut outer = Outer::default();
    outer.take(&all);
    let servers: Vec<Server<'_>> = outer
        .servers
        .iter()
        .map(|directive| Server::read(directive, &outer.http, &outer.level))
        .collect();
    let all = Reached::all(servers.iter().map(Server::reached));
    listen(&servers, &all, &mut draft);
    let mut reached = Vec::new();
    for server in servers {
        let own = server.reached();
        server.into_draft(&outer.level, &mut draft);
        reached.resize(draft.sites.len(), own);
    }
    reached::limit(&mut draft.sites, &reached, &all);
    let trusted = outer.http.trusted();
    if !trusted.is_empty() {
        let trusted = trusted.into_iter().map(Value::Text).collect();
        draft.server.set("trusted_proxies", Value::List(trusted));
    }
    draft.carried += outer.level.carried;
    draft.notes.append(&mut outer.level.notes);
    leave_plain_twins(&mut draft);
    Ok(draft)
}

/// What stands around the servers.
#[derive(Default)]
struct Outer<'d> {
    http: Http,
    level: Level,
    servers: Vec<&'d Directive>,
}

impl<'d> Outer<'d> {
    /// Takes what stands in `http`, or in a file that is included there.
    fn take(&mut self, all: &'d [Directive]) {
        let mut rest = Vec::new();
        for directive in all {
            match directive.name.as_str() {
                "http" => {
                    self.level.carry();
                    self.take(directive.below());
                }
                "events" => self.level.carried += 1 + directive.below().len(),
                "server" => self.servers.push(directive),
                _ => match self.http.take(directive) {
                    Some(taken) => {
                        self.level.carried += taken.carried;
                        self.level.notes.extend(taken.notes);
                    }
                    None => rest.push(directive),
                },
            }
        }
        // A zone may be used before it is defined.
        for directive in rest {
            if !self.level.take(directive, &self.http, true) {
                self.level.refuse(directive);
            }
        }
        self.level.finish();
        self.level.tell_of_pages();
    }
}

/// Says where to listen, if that is not the usual.
fn listen(servers: &[Server<'_>], reached: &Reached, draft: &mut Draft) {
    let all: Vec<&Listener> = servers.iter().flat_map(|server| &server.listeners).collect();
    for (key, is_tls, usual) in [("http", false, 80), ("https", true, 443)] {
        let mut addresses: Vec<String> = Vec::new();
        let of_kind = || all.iter().filter(|listener| listener.is_tls == is_tls);
        for listener in of_kind() {
            // One port for every address is enough for those that name one, too.
            let everywhere = format!("[::]:{}", listener.port);
            if of_kind().any(|other| other.address == everywhere) {
                addresses.push(everywhere);
            } else {
                addresses.push(listener.address.clone());
            }
        }
        addresses.sort();
        addresses.dedup();
        // The usual is every address.
        if addresses.is_empty() && reached.listens_here() {
            addresses.push(format!("127.0.0.1:{usual}"));
        }
        if !addresses.is_empty() && addresses != [format!("[::]:{usual}")] {
            draft.server.set(key, Value::texts(addresses));
        }
    }
    if servers.iter().any(|server| server.speaks_proxy_protocol) {
        draft.server.set("proxy_protocol", Value::Flag(true));
    }
}

/// Takes hosts away from sites without TLS that are served with it, too: port 80 leads there by itself.
fn leave_plain_twins(draft: &mut Draft) {
    let encrypted: Vec<String> = draft
        .sites
        .iter()
        .filter(|site| !site.plain)
        .flat_map(|site| site.hosts.clone())
        .collect();
    let is_twin = |site: &Site| site.plain && site.hosts.iter().any(|host| encrypted.contains(host));
    for site in draft.sites.iter_mut().filter(|site| is_twin(site)) {
        let answers = site.routes.iter().any(|route| route.target.is_some());
        let hosts = site.hosts.join(" ");
        site.hosts.retain(|host| !encrypted.contains(host));
        if answers {
            draft.notes.push(Note {
                place: site.place,
                what: format!("{hosts} is served without TLS, too"),
                nearest: "port 80 leads to HTTPS, with 308".to_owned(),
            });
        }
    }
    draft.sites.retain(|site| !site.hosts.is_empty());
}
