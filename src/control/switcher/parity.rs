//! Compares two environments as they are served: what the configuration says, and what their live instances answer; and looks at those that
//! a swap depends on.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::owner::Owner;
use crate::config::{self, shape};
use crate::control::evidence::instance::Instance;
use crate::control::evidence::parity::heard;
use crate::control::evidence::prober;
use crate::model::api::{GateReport, Move, Parity, ProbeReport, Problem, exit};
use crate::model::environment::Input;
use crate::model::parity::{Shape, differences};
use crate::model::switch::{self, Found, Requires, Ticket};
use crate::proxy::Snapshot;

/// What the file says of an environment, and who is asked about the rest.
type Side = (Shape, Vec<Instance>);

impl Owner {
    /// Looks at the environments that a swap depends on.
    pub(super) fn require(
        &self,
        place: usize,
        ticket: Ticket,
        requires: &Requires,
        version: Option<String>,
        moves: &[Move],
    ) {
        let Some(environment) = self.environments.get(place) else {
            return;
        };
        let config = self.current.load().config.clone();
        let snapshot = self.publisher.snapshot();
        let Requires { healthy, parity } = requires;
        let watched = healthy.as_ref().map(|name| serving(&snapshot, name));
        let nobody = healthy.iter().chain(parity).find_map(|name| self.nobody(name));
        // The file names none that it does not have; what is promoted may have left it since it was asked for.
        let compared = parity.as_ref().and_then(|other| {
            let (own, other) = (find(&config, &environment.name)?, find(&config, other)?);
            let candidates = environment.candidates(moves, &snapshot);
            let theirs = serving(&snapshot, &other.name);
            Some(((shape(&config, own), candidates), (shape(&config, other), theirs)))
        });
        let reply = self.errands.reply();
        self.errands.run("require", async move {
            let compared = async {
                match compared {
                    Some(((own, candidates), (other, theirs))) => {
                        let (own, other) = tokio::join!(heard(own, candidates), heard(other, theirs));
                        differences(&own, &other)
                    }
                    None => Vec::new(),
                }
            };
            let (unhealthy, differences) =
                tokio::join!(sick(watched.unwrap_or_default(), version.as_deref()), compared);
            let found = Found {
                nobody,
                unhealthy,
                differences,
            };
            reply.input(place, Input::Switch(switch::Input::Required { ticket, found }));
        });
    }

    /// Compares two environments, and answers when all their instances have.
    pub(super) fn parity(&self, a: String, b: String, reply: oneshot::Sender<Result<Parity, Problem>>) {
        let (of_a, of_b) = match self.both(&a, &b) {
            Ok(both) => both,
            Err(problem) => {
                // Who asked may have left.
                let _ = reply.send(Err(problem));
                return;
            }
        };
        self.errands.run("parity", async move {
            let (of_a, of_b) = tokio::join!(heard(of_a.0, of_a.1), heard(of_b.0, of_b.1));
            let differences = differences(&of_a, &of_b);
            let _ = reply.send(Ok(Parity { a, b, differences }));
        });
    }

    /// Why nobody can be asked there, and what helps: it is gone, or sleeps.
    fn nobody(&self, name: &str) -> Option<(String, String)> {
        if self.place(name).is_none() {
            let Problem { reason, hint, .. } = self.no_environment(name);
            return Some((format!("{reason} any more"), hint.unwrap_or_default()));
        }
        self.asleep(name)
    }

    /// It sleeps.
    fn asleep(&self, name: &str) -> Option<(String, String)> {
        self.environments[self.place(name)?].machines.asleep()
    }

    fn both(&self, a: &str, b: &str) -> Result<(Side, Side), Problem> {
        if a == b {
            return Err(Problem {
                code: exit::USAGE,
                reason: format!("`{a}` is compared with itself"),
                hint: Some("name two environments".into()),
            });
        }
        let config = self.current.load().config.clone();
        let snapshot = self.publisher.snapshot();
        let one = |name: &str| {
            let environment = find(&config, name).ok_or_else(|| self.no_environment(name))?;
            if let Some((reason, hint)) = self.asleep(name) {
                return Err(Problem {
                    code: exit::REFUSED,
                    reason,
                    hint: Some(hint),
                });
            }
            Ok((shape(&config, environment), serving(&snapshot, name)))
        };
        Ok((one(a)?, one(b)?))
    }
}

/// What those of these instances answer that are not healthy, or call themselves by another version.
async fn sick(instances: Vec<Instance>, version: Option<&str>) -> Vec<GateReport> {
    let mut asked = JoinSet::new();
    for instance in instances {
        asked.spawn_local(async move { prober::probe(&instance).await });
    }
    let reports = asked.join_all().await.into_iter();
    let reports = reports
        .map(|report| under(version, report))
        .filter(|report| !report.passed);
    let once = |last| GateReport {
        last,
        passes: 0,
        needed: 1,
        probes: 1,
    };
    let mut sick: Vec<GateReport> = reports.map(once).collect();
    sick.sort_by(|one, other| one.last.service.cmp(&other.last.service));
    sick
}

/// An answer of an app that calls itself otherwise is no pass.
fn under(version: Option<&str>, mut report: ProbeReport) -> ProbeReport {
    if let (Some(wanted), Some(called)) = (version, &report.version)
        && wanted != called
    {
        report.passed = false;
        report
            .reason
            .get_or_insert(format!("calls itself `{called}`, not `{wanted}`"));
    }
    report
}

/// An environment of the configuration that is served.
pub(super) fn find<'c>(config: &'c Arc<config::Config>, name: &str) -> Option<&'c config::Environment> {
    config.environments.iter().find(|it| *it.name == *name)
}

/// The instances that serve an environment.
pub(super) fn serving(snapshot: &Snapshot, environment: &str) -> Vec<Instance> {
    let services = snapshot.services().iter();
    let own = services.filter(|live| *live.service.environment == *environment);
    own.flat_map(Instance::serving).collect()
}
