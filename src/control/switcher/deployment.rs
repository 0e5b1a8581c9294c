//! What deployments need of the rest: carries the effects of `model::deployment` out, and tells it what serves (N32).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::owner::Owner;
use super::request::Reply;
use crate::control::evidence::instance::Instance;
use crate::control::evidence::prober;
use crate::model::api::{DeployPlan, Problem, ReleaseRequest, Step, StepRequest, exit};
use crate::model::deployment::{Effect, Input, Surroundings};
use crate::model::environment;
use crate::model::history::Caller;

/// Time for the idle side to take a connection: what does not answer by then is taken for stopped.
const LOOK: Duration = Duration::from_secs(1);

impl Owner {
    /// A command of a deployment is about to run, or has run.
    pub(super) fn step(&mut self, request: StepRequest, caller: Caller, reply: Reply) {
        let Some(place) = self.deploying(request.operation) else {
            return over(request.operation, reply);
        };
        let surroundings = self.surroundings(place, &request.step);
        let reply = self.notices.await_answer(reply);
        let step = Input::Step {
            reply,
            request,
            caller,
            surroundings,
        };
        self.inputs.push_back((place, environment::Input::Deploy(step)));
    }

    /// A deployment is over.
    pub(super) fn release(&mut self, request: ReleaseRequest, caller: Caller, reply: Reply) {
        let Some(place) = self.deploying(request.operation) else {
            return over(request.operation, reply);
        };
        let reply = self.notices.await_answer(reply);
        let release = Input::Release { reply, request, caller };
        self.inputs.push_back((place, environment::Input::Deploy(release)));
    }

    /// Carries out what the deployments of an environment say.
    pub(super) fn deploy(&mut self, place: usize, effect: Effect) {
        let Some(environment) = self.environments.get(place) else {
            return;
        };
        match effect {
            Effect::Tell { operation, event } => self.notices.tell(Some(&environment.name), operation, event),
            Effect::Watch { operation } => {
                let (hung_up, reply) = (self.notices.hung_up(operation), self.errands.reply());
                self.errands.run("deployment's caller", async move {
                    if hung_up.await {
                        reply.input(place, environment::Input::Deploy(Input::Left { operation }));
                    }
                });
            }
            Effect::Look { operation, plan } => self.look(place, operation, plan),
            Effect::Reply { reply, result } => self.notices.answer(reply, result),
        }
    }

    /// The environments that were free all at once may have somebody waiting for them.
    pub(super) fn let_the_next_deploy(&mut self) {
        for (place, environment) in self.environments.iter().enumerate() {
            if !environment.machines.deployments().is_idle() || environment.machines.asleep().is_some() {
                // Before anybody else gets in.
                self.inputs.push_front((place, environment::Input::Tick));
            }
        }
    }

    /// Says how the file deploys, and asks every instance of the idle side for a connection.
    fn look(&self, place: usize, operation: u64, mut plan: Box<DeployPlan>) {
        let Some(environment) = self.environments.get(place) else {
            return;
        };
        let served = self.current.load_full();
        let file = served.config.environments.iter().find(|it| it.name == environment.name);
        if let Some(deploy) = file.map(|file| &file.deploy) {
            plan.table.clone_from(&deploy.table);
            for service in &mut plan.services {
                service.table = deploy.services.get(&*service.name).cloned();
            }
        }
        let mut all = JoinSet::new();
        for (index, service) in plan.services.iter().enumerate() {
            let Some(config) = environment.pairs.iter().find(|pair| *pair.name == *service.name) else {
                continue;
            };
            for address in &service.idle.addresses {
                let instance = Instance::new(config.clone(), address.clone());
                all.spawn_local(async move {
                    let answered = timeout(LOOK, prober::connect(&instance)).await;
                    (index, answered.is_ok_and(|report| report.passed))
                });
            }
        }
        let reply = self.errands.reply();
        self.errands.run("deployment's look", async move {
            let looked = all.join_all().await;
            for (index, service) in plan.services.iter_mut().enumerate() {
                service.idle_answers = looked.iter().all(|(of, answers)| *of != index || *answers);
            }
            let looked = Input::Looked { operation, plan };
            reply.input(place, environment::Input::Deploy(looked));
        });
    }

    /// What serves and what is inside of apps, as far as the step has to do with it.
    fn surroundings(&self, place: usize, step: &Step) -> Surroundings {
        let slot = match step {
            Step::Begun(begun) if begun.step.touches_a_side() => begun.slot,
            Step::Begun(_) | Step::Ended(_) => None,
        };
        let (Some(slot), Some(environment)) = (slot, self.environments.get(place)) else {
            return Surroundings::default();
        };
        let snapshot = self.publisher.snapshot();
        let live = snapshot.services().iter().map(|live| &live.activation);
        let retired = self.environments.iter().flat_map(|it| &it.retired);
        let mut surroundings = Surroundings {
            live: live.flat_map(|activation| activation.addresses.clone()).collect(),
            inside: retired.flat_map(|it| it.activation.addresses.clone()).collect(),
        };
        let addresses = environment.machines.addresses(slot);
        if !is_ready(self.publisher.elders.have_left(addresses.clone())) {
            surroundings.inside.extend(addresses);
        }
        surroundings
    }

    /// The place of the environment that a deployment holds.
    fn deploying(&self, operation: u64) -> Option<usize> {
        let has = |machines: &environment::Environment| machines.deployments().has(operation);
        self.environments.iter().position(|it| has(&it.machines))
    }
}

fn over(operation: u64, reply: Reply) {
    // Who asked may have left.
    let _ = reply.send(Err(Problem {
        code: exit::REFUSED,
        reason: format!("deployment {operation} holds no environment"),
        hint: None,
    }));
}

/// Whether a future has nothing to wait for.
fn is_ready(future: impl Future<Output = ()>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(pin!(future).poll(&mut context), Poll::Ready(()))
}
