//! What is asked for, until a machine takes it: every operation gets a number, and begins when that is saved.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::owner::Owner;
use super::request::Request;
use super::saves::{Asked, Save};
use crate::model::api::{CommonStep, Event, Problem, ReloadRequest, exit};
use crate::model::environment::Input;
use crate::model::history::{Caller, Record};
use crate::model::sleep::{self, Wanted};
use crate::model::succession::Succession;
use crate::model::switch::Elsewhere;
use crate::model::{deployment, pause, reload, switch};

impl Owner {
    /// Takes a number for it; the operation begins when that is saved, so that no number is given twice.
    pub(super) fn ask(&mut self, request: Request, caller: Caller, stream: UnboundedSender<Event>) {
        if let Some(refused) = self.upgrade.succession.refusal() {
            // Who asked may have left.
            let _ = stream.send(refused);
            return;
        }
        let place = request.environment().map(|name| (name, self.place(name)));
        if let Some((name, None)) = place {
            // Who asked may have left.
            let _ = stream.send(self.unknown(name));
            return;
        }
        if let Request::Operate(asked) = &request
            && let Some(source) = asked.promotes.as_deref().filter(|name| self.place(name).is_none())
        {
            // Who asked may have left.
            let _ = stream.send(self.unknown(source));
            return;
        }
        match (&request, place) {
            (Request::Reload(ReloadRequest { dry_run: true }), _) => return self.read_file(Some(stream)),
            (Request::Resume(request), Some((_, Some(place)))) => {
                let resume = pause::Input::Resume {
                    listener: self.notices.arrive(stream),
                    request: request.clone(),
                    caller,
                };
                return self.inputs.push_back((place, Input::Pause(resume)));
            }
            (
                Request::Operate(_)
                | Request::Reload(_)
                | Request::Pause(_)
                | Request::Resume(_)
                | Request::Maintenance(_)
                | Request::Upgrade(_)
                | Request::Preview(_)
                | Request::Deploy(_)
                | Request::Sleep(_)
                | Request::Wake(_),
                _,
            ) => {}
        }
        let operation = self.saves.number();
        self.notices.listen(operation, stream);
        if matches!(request, Request::Reload(_)) {
            let user = caller.user.clone();
            self.go_on_with_reload(reload::Input::Ask { operation, user });
            if self.reload.machine.operation() != Some(operation) {
                return;
            }
        }
        self.saves.push(Save::Number(Asked {
            operation,
            request,
            caller,
        }));
        self.saves.next(&self.errands);
    }

    /// Its number is saved, or `unsaved` says why not.
    pub(super) fn begin(&mut self, asked: Asked, unsaved: Option<&str>) {
        let Asked {
            operation,
            request,
            caller,
        } = asked;
        if request.is_dry() {
            self.notices.keep_unwritten(operation);
        }
        let record = Record::Asked {
            kind: request.action(),
            caller: caller.clone(),
            within: request.within(),
        };
        self.notices.record(request.environment(), operation, record);
        let refusal = match (&request, &self.upgrade.succession) {
            // An upgrade says itself what is in its way, and a reload hears by itself that the process ends.
            (Request::Upgrade(_), _) | (Request::Reload(_), Succession::Stopping) => None,
            (_, succession) => succession.refusal(),
        };
        if let Some(refused) = refusal {
            return self.notices.tell(request.environment(), operation, refused);
        }
        let place = match request.environment() {
            None if matches!(request, Request::Upgrade(_)) => return self.upgrade(operation, caller.user, unsaved),
            None => return self.go_on_with_reload(reload::Input::Numbered { operation }),
            Some(name) => match self.place(name) {
                Some(place) => place,
                // A reload may have taken it away meanwhile.
                None => return self.notices.tell(Some(name), operation, self.unknown(name)),
            },
        };
        let user = caller.user.clone();
        let input = match request {
            Request::Operate(request) => Input::Switch(switch::Input::Ask {
                operation,
                user,
                warnings: (self.surroundings.warnings)(&request.environment),
                elsewhere: self.elsewhere(&request.environment),
                request,
            }),
            Request::Pause(request) => Input::Pause(pause::Input::Ask {
                operation,
                request,
                user,
            }),
            Request::Deploy(request) => Input::Deploy(deployment::Input::Ask {
                operation,
                request,
                caller,
            }),
            Request::Sleep(request) => Input::Sleep(sleep::Input::Ask {
                operation,
                wanted: Wanted::Asleep {
                    patience: Duration::from_millis(request.timeout_ms),
                },
                user,
            }),
            Request::Wake(_) => Input::Sleep(sleep::Input::Ask {
                operation,
                wanted: Wanted::Awake,
                user,
            }),
            // Maintenance needs nobody's leave: it may be what is wanted in the middle of a deploy that goes wrong.
            Request::Maintenance(request) => return self.toggle(operation, request, user),
            // So does a preview, which ends by itself with the switch.
            Request::Preview(request) => return self.preview(operation, place, request, user),
            // None comes here: two have no environment, and one needs no number.
            Request::Reload(_) | Request::Upgrade(_) | Request::Resume(_) => return,
        };
        self.inputs.push_back((place, input));
    }

    /// What is live in all environments but this one.
    fn elsewhere(&self, environment: &str) -> Vec<Elsewhere> {
        let snapshot = self.publisher.snapshot();
        let live = snapshot.services().iter();
        let others = live.filter(|live| *live.service.environment != *environment);
        others
            .map(|live| Elsewhere {
                environment: live.service.environment.to_string(),
                service: live.service.name.to_string(),
                addresses: live.activation.addresses.clone(),
            })
            .collect()
    }

    fn unknown(&self, name: &str) -> Event {
        let Problem { code, reason, hint } = self.no_environment(name);
        Event::Common(CommonStep::Refused {
            code,
            reason,
            evidence: Vec::new(),
            hint,
            live: None,
            health: Vec::new(),
        })
    }

    /// What is said to a name that no environment has.
    pub(super) fn no_environment(&self, name: &str) -> Problem {
        let known = self.environments.iter().filter(|it| !it.gone);
        let names: Vec<_> = known.map(|it| format!("`{}`", it.name)).collect();
        Problem {
            code: exit::USAGE,
            reason: format!("there is no environment `{name}`"),
            hint: Some(format!("the environments are {}", names.join(", "))),
        }
    }
}
