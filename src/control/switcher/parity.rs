//! Compares two environments as they are served: what the configuration says, and what their live instances answer.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::owner::Owner;
use crate::config::{self, shape};
use crate::control::evidence::instance::Instance;
use crate::control::evidence::parity::heard;
use crate::model::api::{Parity, Problem, exit};
use crate::model::parity::{Shape, differences};
use crate::proxy::Snapshot;

/// What the file says of an environment, and who is asked about the rest.
type Side = (Shape, Vec<Instance>);

impl Owner {
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
            Ok((shape(&config, environment), serving(&snapshot, name)))
        };
        Ok((one(a)?, one(b)?))
    }
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
