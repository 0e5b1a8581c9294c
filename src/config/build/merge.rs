//! Which settings hold for each service: `extends` copies them from another environment, then `[defaults]`, environment
//! and service are laid over one another.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::config::checked::Tls;
use crate::config::read::auth::Wanted;
use crate::config::read::environments::{RawEnvironment, RawService, Services};
use crate::config::read::parts::RawPart;
use crate::config::read::settings::Settings;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::config::text::words;

/// A service with all settings that hold for it.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    pub(crate) environment: Arc<str>,
    pub(crate) name: Arc<str>,
    /// Where its name stands.
    pub(crate) span: Range<usize>,
    pub(crate) settings: Settings,
    /// Those of them that stand in its own table, or are copied into it.
    pub(crate) own: Settings,
    /// The folder of error pages that its environment names, whatever it says itself.
    pub(crate) of_environment: Option<At<Wanted<String>>>,
    /// Its parts with rules of their own, which are laid over `settings`.
    pub(crate) parts: Option<At<Vec<RawPart>>>,
}

impl Merged {
    /// Its hosts, each where it stands.
    pub(crate) fn hosts(&self) -> &[At<Arc<str>>] {
        self.settings.host().map_or(&[], Vec::as_slice)
    }

    /// Where its certificate comes from; files are relative to `folder`.
    pub(crate) fn tls(&self, folder: &Path) -> Tls {
        self.settings.tls().in_folder(folder)
    }

    /// `` `web` of `prod` ``; in the short form the service has no name of its own.
    pub(crate) fn title(&self) -> String {
        if self.environment == self.name {
            format!("`{}`", self.environment)
        } else {
            format!("`{}` of `{}`", self.name, self.environment)
        }
    }
}

/// The services of each environment, in the order of the file; `None` where the environment's form is wrong.
pub(crate) fn merge(
    defaults: &Settings,
    environments: &[RawEnvironment],
    problems: &mut Vec<Diagnostic>,
) -> Vec<Option<Vec<Merged>>> {
    let mut shapes = Shapes {
        environments,
        states: vec![State::Unseen; environments.len()],
        problems,
    };
    (0..environments.len())
        .map(|index| {
            let shape = shapes.shape(index)?;
            Some(services(defaults, &environments[index], &shape))
        })
        .collect()
}

fn services(defaults: &Settings, environment: &RawEnvironment, shape: &Shape) -> Vec<Merged> {
    let base = shape.settings.over(defaults);
    let merged = |name: &At<Arc<str>>, own: Settings, parts: &Option<At<Vec<RawPart>>>| Merged {
        environment: Arc::clone(&environment.name.value),
        name: Arc::clone(&name.value),
        span: name.span.clone(),
        settings: own.over(&base),
        own,
        of_environment: base.error_pages.clone(),
        parts: parts.clone(),
    };
    match &shape.services {
        Some(list) => list
            .iter()
            .map(|service| merged(&service.name, service.settings.clone(), &service.parts))
            .collect(),
        None => vec![merged(&environment.name, Settings::default(), &shape.parts)],
    }
}

/// An environment after `extends`, with what it copied as if it had been written there.
#[derive(Debug, Clone)]
struct Shape {
    settings: Settings,
    /// Of the short form.
    parts: Option<At<Vec<RawPart>>>,
    /// `None` in the short form.
    services: Option<Vec<RawService>>,
}

#[derive(Debug, Clone)]
enum State {
    Unseen,
    /// Being built, up a chain of `extends`. To come here again is a circle.
    Open,
    Done(Option<Box<Shape>>),
}

struct Shapes<'a> {
    environments: &'a [RawEnvironment],
    states: Vec<State>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Shapes<'_> {
    fn shape(&mut self, index: usize) -> Option<Shape> {
        match &self.states[index] {
            State::Done(shape) => return shape.as_deref().cloned(),
            // The circle is reported where it closes.
            State::Open => return None,
            State::Unseen => {}
        }
        self.states[index] = State::Open;
        let shape = self.build(index);
        self.states[index] = State::Done(shape.clone().map(Box::new));
        shape
    }

    fn build(&mut self, index: usize) -> Option<Shape> {
        let environment = &self.environments[index];
        let of_short_form = environment.settings.routing_key();
        let of_short_form = of_short_form.or_else(|| Some(("at", &environment.parts.as_ref()?.span)));
        if let (Some((key, span)), Some(services)) = (of_short_form, &environment.services) {
            self.problems.push(
                Diagnostic::error(span, format!("`{key}` stands beside services"))
                    .expected("the short form here")
                    .related(&services.span, "services here")
                    .hint(format!(
                        "move `{key}` under `[env.{}.service.NAME]`",
                        environment.name.value
                    )),
            );
            return None;
        }
        match &environment.extends {
            Some(extends) => {
                let base = self.base(index, extends)?;
                if environment.broken {
                    return None;
                }
                self.extended(environment, extends, &base)
            }
            None if environment.broken => None,
            None => self.own(environment),
        }
    }

    /// An environment that stands on its own.
    fn own(&mut self, environment: &RawEnvironment) -> Option<Shape> {
        let empty = match &environment.services {
            Some(services) => services.list.is_empty(),
            None => environment.settings.routing_key().is_none(),
        };
        if empty {
            let name = &environment.name.value;
            self.problems.push(
                Diagnostic::error(&environment.name.span, format!("environment `{name}` has no services"))
                    .expected("expected `host` and `upstream`, or `blue` and `green`")
                    .hint(format!(
                        "write them under `[env.{name}]`, or under `[env.{name}.service.NAME]`"
                    )),
            );
            return None;
        }
        Some(Shape {
            settings: environment.settings.clone(),
            parts: environment.parts.clone(),
            services: environment.services.as_ref().map(|services| services.list.clone()),
        })
    }

    /// The environment that `extends` names.
    fn base(&mut self, index: usize, extends: &At<String>) -> Option<Shape> {
        let own = &self.environments[index].name.value;
        let expected = "expected another environment of this file";
        if *extends.value == **own {
            self.problems.push(
                Diagnostic::error(&extends.span, format!("environment `{own}` extends itself")).expected(expected),
            );
            return None;
        }
        let named = |environment: &RawEnvironment| *environment.name.value == *extends.value;
        let Some(base) = self.environments.iter().position(named) else {
            let names = self.environments.iter().map(|environment| &*environment.name.value);
            let near = words::nearest(&extends.value, names.filter(|name| **name != **own));
            let diagnostic = Diagnostic::error(&extends.span, format!("there is no environment `{}`", extends.value))
                .expected(expected);
            self.problems.push(match near {
                Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                None => diagnostic,
            });
            return None;
        };
        if matches!(self.states[base], State::Open) {
            self.problems.push(
                Diagnostic::error(
                    &extends.span,
                    format!("environment `{}` extends itself through `{own}`", extends.value),
                )
                .expected("expected an environment that does not lead back"),
            );
            return None;
        }
        self.shape(base)
    }

    fn extended(&mut self, environment: &RawEnvironment, extends: &At<String>, base: &Shape) -> Option<Shape> {
        let settings = environment.settings.over(&base.settings.inheritable());
        let (name, from) = (&environment.name.value, &extends.value);
        let refuse = |what: &str| {
            Diagnostic::error(&extends.span, format!("environment `{name}` extends `{from}`{what}"))
                .expected("its services come from here")
        };
        let services = match (&base.services, &environment.services) {
            (None, None) if environment.settings.routing_key().is_some() => None,
            (None, None) => {
                self.problems
                    .push(refuse(" but does not say where it runs").hint(format!(
                        "write `host` and `upstream`, or `blue` and `green`, under `[env.{name}]`"
                    )));
                return None;
            }
            (None, Some(own)) => {
                self.problems.push(
                    refuse(", which has no named services, but names some itself")
                        .related(&own.span, "named here")
                        .hint(format!("write `host` and where it runs directly under `[env.{name}]`")),
                );
                return None;
            }
            (Some(inherited), own) => {
                let own = own.as_ref().map_or(&[][..], |Services { list, .. }| list);
                let missing: Vec<&str> = inherited
                    .iter()
                    .map(|service| &*service.name.value)
                    .filter(|name| own.iter().all(|service| *service.name.value != **name))
                    .collect();
                if let Some(first) = missing.first() {
                    self.problems.push(
                        refuse(&format!(
                            " but does not say where {} {}",
                            words::all_of(missing.iter().copied()),
                            if missing.len() == 1 { "runs" } else { "run" }
                        ))
                        .hint(format!(
                            "write `host` and `upstream`, or `blue` and `green`, under `[env.{name}.service.{first}]`"
                        )),
                    );
                    return None;
                }
                Some(own.iter().map(|service| inherit(service, inherited)).collect())
            }
        };
        Some(Shape {
            settings,
            parts: environment.parts.clone().or_else(|| base.parts.clone()),
            services,
        })
    }
}

fn inherit(service: &RawService, inherited: &[RawService]) -> RawService {
    let mut service = service.clone();
    if let Some(base) = inherited.iter().find(|base| base.name.value == service.name.value) {
        service.settings = service.settings.over(&base.settings.inheritable());
        // One list takes the place of another, as the values of all keys do.
        service.parts = service.parts.or_else(|| base.parts.clone());
    }
    service
}
