//! Every refusal and every rule, one at a time. `tests/simulation.rs` mixes them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

mod after;
mod gate;
mod refusals;
mod requiring;

use super::example::service;
use super::*;
use crate::model::api::{
    Check, CommonStep, Event, GateReport, Kind, OperationRequest, ProbeReport, Progress, SwapStep, Target, Traffic,
    exit,
};
use crate::model::bake::{Rule, Sample};
use crate::model::clock::Moment;
use crate::model::slot::{Address, Generation, Slot};
use crate::model::state::{Durability, EnvironmentState};

fn at(port: u16) -> Address {
    port.to_string().parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        fixed: vec![("docs".into(), vec![at(9000)])],
        ..example::rules(vec![service("web", 3000, 3010), service("api", 8001, 8011)])
    }
}

fn baking() -> Rules {
    let mut rules = rules();
    rules.services[0].bake = Some(Bake {
        period: Duration::from_secs(30),
        rule: Rule { max_error_rate: 0.05 },
    });
    rules
}

fn swap() -> OperationRequest {
    OperationRequest::new("prod", Kind::Swap)
}

fn rollback() -> OperationRequest {
    OperationRequest {
        kind: Kind::Rollback,
        ..swap()
    }
}

/// A switch, its time, and a world in which everything goes well unless told otherwise.
struct Stage {
    switch: Switch,
    now: Duration,
    /// Ports that answer badly.
    bad: Vec<u16>,
    /// Whether probes stay without an answer.
    silent: bool,
    /// Whether nobody says that connections are made.
    unconnected: bool,
    version: Option<&'static str>,
    front_door: Option<&'static str>,
    disk: Result<Durability, String>,
    figures: Vec<Figures>,
    found: Found,
    events: Vec<(u64, Event)>,
    done: Vec<Effect>,
}

impl Stage {
    fn new(rules: Rules) -> Self {
        Self {
            switch: Switch::new(rules, EnvironmentState::first(String::new())),
            now: Duration::ZERO,
            bad: Vec::new(),
            silent: false,
            unconnected: false,
            version: None,
            front_door: None,
            disk: Ok(Durability::Durable),
            figures: Vec::new(),
            found: Found::default(),
            events: Vec::new(),
            done: Vec::new(),
        }
    }

    fn ask(&mut self, operation: u64, request: OperationRequest) {
        self.input(Input::Ask {
            operation,
            request,
            user: "ci".into(),
            warnings: Vec::new(),
            elsewhere: vec![Elsewhere {
                environment: "dev".into(),
                service: "site".into(),
                addresses: vec![at(4000)],
            }],
        });
    }

    /// Handles an input and everything that follows from it at once.
    fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let wall = jiff::Timestamp::UNIX_EPOCH;
            for effect in self.switch.handle(input, Moment { at: self.now, wall }) {
                self.done.push(effect.clone());
                inputs.extend(self.follow(effect));
            }
        }
    }

    fn follow(&mut self, effect: Effect) -> Option<Input> {
        Some(match effect {
            Effect::Tell { operation, event } => {
                self.events.push((operation, event));
                return None;
            }
            Effect::Publish { .. } => return None,
            Effect::Probe { .. } if self.silent => return None,
            Effect::Probe {
                ticket,
                service,
                address,
                ..
            } => Input::Probed {
                ticket,
                report: self.report(service, &address),
                service,
                address,
            },
            Effect::Require { ticket, .. } => Input::Required {
                ticket,
                found: self.found.clone(),
            },
            Effect::Warm { ticket, instances } => Input::Warmed {
                ticket,
                requests: u32::try_from(instances.len()).unwrap(),
                failed: 1,
            },
            Effect::ConnectAhead { .. } if self.unconnected => return None,
            Effect::ConnectAhead { ticket, .. } => Input::ConnectedAhead { ticket },
            Effect::Persist { ticket, .. } => Input::Persisted {
                ticket,
                result: self.disk.clone(),
            },
            Effect::Verify { ticket, moves } => Input::Verified {
                ticket,
                seen: moves.iter().map(|step| self.seen(&step.service)).collect(),
            },
            Effect::Measure { generation } => Input::Measured {
                generation,
                figures: self.figures.clone(),
                traffic: Traffic::default(),
                before: Traffic::default(),
                served: Traffic::default(),
            },
        })
    }

    fn report(&self, service: usize, address: &Address) -> ProbeReport {
        let bad = self.bad.iter().any(|port| at(*port) == *address);
        ProbeReport {
            service: self.switch.rules().services[service].name.clone(),
            address: address.clone(),
            reached: None,
            passed: !bad,
            status: Some(if bad { 503 } else { 200 }),
            latency_us: 1000,
            reason: bad.then(|| "answered 503".into()),
            body: String::new(),
            version: self.version.map(Into::into),
        }
    }

    fn seen(&self, service: &str) -> Seen {
        Seen {
            check: Check {
                service: service.into(),
                target: "https://example.com/health".into(),
                status: Some(200),
                version: self.version.map(Into::into),
            },
            problem: self.front_door.map(Into::into),
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(wake) = self.switch.wake().filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.input(Input::Tick);
        }
        self.now = until;
    }

    fn drain(&mut self, left: u64) {
        for service in 0..2 {
            self.input(Input::Drained {
                left: Generation(left),
                service,
                ended: Ended {
                    finished: 5,
                    ended: 1,
                    ..Ended::default()
                },
                served: Traffic::default(),
            });
        }
    }

    /// The whole way: asked, gated, switched, drained.
    fn switched(&mut self, operation: u64, request: OperationRequest) {
        self.ask(operation, request);
        self.pass(Duration::from_secs(2));
        let generation = self.switch.state().generation;
        self.drain(generation.0);
        assert!(
            matches!(self.last(operation), Event::Swap(SwapStep::Done { .. })),
            "{:?}",
            self.last(operation)
        );
    }

    fn last(&self, operation: u64) -> &Event {
        let mut events = self.events.iter().rev();
        &events.find(|(of, _)| *of == operation).unwrap().1
    }

    fn refused(&self, operation: u64) -> (u8, &str, Option<&str>) {
        match self.last(operation) {
            Event::Common(CommonStep::Refused { code, reason, hint, .. }) => (*code, reason, hint.as_deref()),
            other => panic!("{other:?}"),
        }
    }

    fn live(&self) -> Slot {
        self.switch.state().live
    }

    fn published(&self) -> usize {
        self.done
            .iter()
            .filter(|effect| matches!(effect, Effect::Publish { .. }))
            .count()
    }
}
