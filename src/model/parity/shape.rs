//! What is compared of an environment, and how.

use std::sync::Arc;

use super::names::Names;
use crate::model::api::{About, Difference};

/// What is shown where a value is a secret.
const VEIL: &str = "***";

/// What is compared of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: Arc<str>,
    /// What holds for all of it.
    pub facts: Vec<Fact>,
    /// Its services.
    pub services: Vec<ServiceShape>,
}

/// What is compared of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceShape {
    /// Its name; that of the environment where it has none of its own.
    pub name: Arc<str>,
    /// Its hosts, which stand for those in the same places of the other service.
    pub hosts: Vec<Arc<str>>,
    /// Everything else.
    pub facts: Vec<Fact>,
}

/// One thing that is true of an environment or a service, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Where it is seen.
    pub about: About,
    /// Its name, which two environments share.
    pub key: String,
    /// What is compared.
    pub value: String,
    /// How it is told.
    pub manner: Manner,
}

/// How a fact is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it is, where the other environment has not the same.
    Plain,
    /// It is nobody's business: that it differs is told, and not how.
    Secret,
    /// A service that does not answer. It is told whatever the other says, and nothing else is compared of its answers.
    Trouble,
}

impl Fact {
    /// A fact that everybody may see.
    #[must_use]
    pub fn new(about: About, key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            about,
            key: key.into(),
            value: value.into(),
            manner: Manner::Plain,
        }
    }

    /// This fact, told in another manner.
    #[must_use]
    pub fn told(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    fn is_trouble(&self) -> bool {
        self.manner == Manner::Trouble
    }

    fn shown(&self) -> String {
        match self.manner {
            Manner::Plain | Manner::Trouble => self.value.clone(),
            Manner::Secret => VEIL.into(),
        }
    }
}

/// Everything that differs between two environments: by service, in the order of the first one, and then by key in its order.
#[must_use]
pub fn differences(a: &Shape, b: &Shape) -> Vec<Difference> {
    let pairs = pairs(a, b);
    let mut names = Names::default();
    for (a, b) in pairs.iter().filter_map(|(a, b)| Some(((*a)?, (*b)?))) {
        a.hosts.iter().zip(&b.hosts).for_each(|(a, b)| names.pair(a, b));
    }
    let mut found = Vec::new();
    compare(None, (&a.facts, &b.facts), &names, &mut found);
    for (of_a, of_b) in pairs {
        let (Some(of_a), Some(of_b)) = (of_a, of_b) else {
            let is_there = |service: Option<&ServiceShape>| service.map(|_| "is there".to_owned());
            found.push(Difference {
                service: of_a.or(of_b).map(|service| service.name.to_string()),
                about: About::Configuration,
                key: "service".into(),
                a: is_there(of_a),
                b: is_there(of_b),
            });
            continue;
        };
        let service = Some(&*of_a.name);
        hosts(&of_a.name, &of_a.hosts, &of_b.hosts, &mut found);
        compare(service, (&of_a.facts, &of_b.facts), &names, &mut found);
    }
    found
}

/// Services that are compared with each other: those of one name, and where one environment names no services, its only one with the
/// other's only one.
fn pairs<'s>(a: &'s Shape, b: &'s Shape) -> Vec<(Option<&'s ServiceShape>, Option<&'s ServiceShape>)> {
    let is_unnamed = |shape: &Shape| shape.services.len() == 1 && shape.services[0].name == shape.name;
    if (is_unnamed(a) || is_unnamed(b)) && a.services.len() == 1 && b.services.len() == 1 {
        return vec![(a.services.first(), b.services.first())];
    }
    let named = |shape: &'s Shape, name: &str| shape.services.iter().find(|service| *service.name == *name);
    let of_a = a.services.iter().map(|one| (Some(one), named(b, &one.name)));
    let only_b = b.services.iter().filter(|one| named(a, &one.name).is_none());
    of_a.chain(only_b.map(|one| (None, Some(one)))).collect()
}

/// Hosts are compared by their places: how many there are, and which of them are wildcards.
fn hosts(service: &str, a: &[Arc<str>], b: &[Arc<str>], found: &mut Vec<Difference>) {
    let is_wildcard = |host: Option<&Arc<str>>| host.map(|host| host.starts_with("*."));
    for place in 0..a.len().max(b.len()) {
        let (of_a, of_b) = (a.get(place), b.get(place));
        if is_wildcard(of_a) != is_wildcard(of_b) {
            found.push(Difference {
                service: Some(service.to_owned()),
                about: About::Configuration,
                key: if place == 0 {
                    "host".into()
                } else {
                    format!("host {}", place + 1)
                },
                a: of_a.map(ToString::to_string),
                b: of_b.map(ToString::to_string),
            });
        }
    }
}

fn compare(service: Option<&str>, (a, b): (&[Fact], &[Fact]), names: &Names, found: &mut Vec<Difference>) {
    let is_silent = a.iter().chain(b).any(Fact::is_trouble);
    let counts = |fact: &&Fact| !is_silent || fact.is_trouble() || fact.about != About::Answers;
    let difference = |of: &Fact, a: Option<&Fact>, b: Option<&Fact>| Difference {
        service: service.map(str::to_owned),
        about: of.about,
        key: of.key.clone(),
        a: a.map(Fact::shown),
        b: b.map(Fact::shown),
    };
    for fact in a.iter().filter(counts) {
        match named(b, fact) {
            Some(other) if !fact.is_trouble() && names.agree(&fact.value, &other.value) => {}
            other => found.push(difference(fact, Some(fact), other)),
        }
    }
    let only_b = b.iter().filter(counts).filter(|fact| named(a, fact).is_none());
    found.extend(only_b.map(|fact| difference(fact, None, Some(fact))));
}

fn named<'f>(facts: &'f [Fact], like: &Fact) -> Option<&'f Fact> {
    let mut facts = facts.iter();
    facts.find(|fact| fact.key == like.key && fact.about == like.about)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, hosts and facts.
    type Service<'s> = (&'s str, &'s [&'s str], &'s [(&'s str, &'s str)]);

    fn shape(name: &str, services: &[Service<'_>]) -> Shape {
        let service = |(name, hosts, facts): &Service<'_>| ServiceShape {
            name: (*name).into(),
            hosts: hosts.iter().map(|host| Arc::from(*host)).collect(),
            facts: facts
                .iter()
                .map(|(key, value)| Fact::new(About::Configuration, *key, *value))
                .collect(),
        };
        Shape {
            name: name.into(),
            facts: Vec::new(),
            services: services.iter().map(service).collect(),
        }
    }

    /// `service key: a | b`, in their order, and the same seen from the other side.
    fn told(a: &Shape, b: &Shape) -> Vec<String> {
        let value = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        let tell = |it: Difference| {
            let service = it.service.unwrap_or_default();
            format!("{service} {}: {} | {}", it.key, value(it.a), value(it.b))
        };
        let told: Vec<String> = differences(a, b).into_iter().map(tell).collect();
        let back = differences(b, a);
        assert_eq!(back.len(), told.len(), "both ways find as much: {told:?} {back:?}");
        told
    }

    #[test]
    fn environments_of_one_shape_have_nothing_to_say() {
        let facts: &[(&str, &str)] = &[
            ("path", "/"),
            ("health.host", "a.com"),
            ("redirect", "308 to https://a.com/x"),
        ];
        let others: &[(&str, &str)] = &[
            ("path", "/"),
            ("health.host", "dev.a.com"),
            ("redirect", "308 to https://dev.a.com/x"),
        ];
        let a = shape("prod", &[("web", &["a.com", "*.a.com"], facts)]);
        let b = shape("dev", &[("web", &["dev.a.com", "*.dev.a.com"], others)]);
        assert_eq!(told(&a, &b), [""; 0]);
        assert_eq!(told(&a, &a), [""; 0]);
    }

    #[test]
    fn a_service_that_only_one_has_is_a_difference() {
        let a = shape(
            "prod",
            &[("web", &["a.com"], &[]), ("api", &["b.com"], &[("path", "/")])],
        );
        let b = shape("dev", &[("web", &["x.com"], &[]), ("docs", &["y.com"], &[])]);
        assert_eq!(
            told(&a, &b),
            ["api service: is there | –", "docs service: – | is there"]
        );
    }

    #[test]
    fn services_without_a_name_of_their_own_are_compared_with_the_only_one() {
        let one = shape("prod", &[("prod", &["a.com"], &[("x", "1")])]);
        let other = shape("dev", &[("dev", &["b.com"], &[("x", "2")])]);
        assert_eq!(told(&one, &other), ["prod x: 1 | 2"]);
        let named = shape("dev", &[("web", &["b.com"], &[("x", "1")])]);
        assert_eq!(told(&one, &named), [""; 0]);
        let two = shape("dev", &[("web", &["b.com"], &[]), ("api", &["c.com"], &[])]);
        assert_eq!(told(&one, &two).len(), 3, "nobody knows which of them is meant");
        let (web, api) = (
            shape("prod", &[("web", &["a.com"], &[])]),
            shape("dev", &[("api", &["b.com"], &[])]),
        );
        assert_eq!(told(&web, &api).len(), 2, "names that were given mean something");
    }

    #[test]
    fn hosts_are_compared_by_their_places() {
        let a = shape("prod", &[("web", &["a.com", "*.a.com"], &[])]);
        let b = shape("dev", &[("web", &["dev.a.com", "www.dev.a.com", "b.com"], &[])]);
        assert_eq!(
            told(&a, &b),
            ["web host 2: *.a.com | www.dev.a.com", "web host 3: – | b.com"]
        );
    }

    #[test]
    fn a_secret_is_compared_and_not_shown() {
        let secret = |value: &str| {
            let mut shape = shape("it", &[("web", &["a.com"], &[])]);
            let fact = Fact::new(About::Configuration, "headers.request.x-key", value);
            shape.services[0].facts.push(fact.told(Manner::Secret));
            shape
        };
        assert_eq!(
            told(&secret("one"), &secret("two")),
            ["web headers.request.x-key: *** | ***"]
        );
        assert_eq!(told(&secret("one"), &secret("one")), [""; 0]);
    }

    #[test]
    fn a_service_that_does_not_answer_is_told_even_where_both_do_not() {
        let answering = |trouble: Option<&str>| {
            let mut shape = shape("it", &[("web", &["a.com"], &[("path", "/")])]);
            let facts = &mut shape.services[0].facts;
            facts.push(Fact::new(About::Answers, "server", trouble.unwrap_or("nginx")));
            let trouble = trouble.map(|why| Fact::new(About::Answers, "answer", why).told(Manner::Trouble));
            facts.extend(trouble);
            shape
        };
        let (away, there) = (answering(Some("connection refused")), answering(None));
        assert_eq!(told(&away, &there), ["web answer: connection refused | –"]);
        assert_eq!(
            told(&away, &away),
            ["web answer: connection refused | connection refused"]
        );
        assert_eq!(told(&there, &there), [""; 0]);
    }
}
