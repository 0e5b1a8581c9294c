//! A pause (N13): new requests are held, the live ones end, somebody restarts the app, its health is waited for, and the held
//! requests go on. When health does not come back in time, they are answered with 503.
//!
//! ```text
//! Draining → Paused → Gating → over
//! ```
//!
//! What was begun drains as the old side of a swap does: the pause puts a new activation of the same slot in its place, which
//! serves from the release on. A pause is no state of the environment: it ends with the process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::reload::{limits, side};
use super::{Message, Owner, busy};
use crate::control::evidence::gating::{self, Candidate};
use crate::model::api::{
    Action, CommonStep, Event, GateReport, Holder, PauseRequest, PauseStep, Progress, ResumeRequest, exit, millis,
};
use crate::model::history::{Caller, Record};
use crate::model::slot::Generation;
use crate::proxy::{Activation, Live, Patience};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(1);
/// However late it is, the app is asked for this long before held requests are given up.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// The pause of one environment.
#[derive(Debug)]
pub(super) struct Pause {
    operation: u64,
    /// Whoever wants to know: the one who asked for it, then those who asked for its end.
    watchers: Vec<UnboundedSender<Event>>,
    /// Ends the wait for whoever it is attached to.
    _attached: Option<oneshot::Sender<()>>,
    is_attached: bool,
    began: Instant,
    timeout: Duration,
    limit: Instant,
    stage: Stage,
    next_word: Instant,
}

#[derive(Debug)]
enum Stage {
    /// These activations still hold claims.
    Draining { left: Vec<u64> },
    /// The app holds nothing.
    Paused,
    /// The app is asked for its health; why, where nobody asked for the end.
    Gating { why: Option<String> },
}

impl Pause {
    /// When time alone brings something about.
    pub(super) fn wake(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Draining { .. } => Some(self.limit.min(self.next_word)),
            Stage::Paused => Some(self.limit),
            // Its own deadline ends it.
            Stage::Gating { .. } => None,
        }
    }
}

impl Owner {
    /// Begins a pause; nobody holds the environment.
    pub(super) fn pause(
        &mut self,
        index: usize,
        operation: u64,
        request: &PauseRequest,
        caller: Caller,
        stream: UnboundedSender<Event>,
    ) {
        if let Some(holder) = self.rooms[index].holder() {
            let event = busy(&holder, &request.environment);
            return self.answer(&request.environment, operation, &stream, event);
        }
        let now = Instant::now();
        let timeout = Duration::from_millis(request.timeout_ms);
        let attached = request
            .attached
            .then(|| self.watch_caller(index, operation, stream.clone()));
        let name = self.rooms[index].name.clone();
        let since = self.moment().written();
        let snapshot = self.routing.load();
        let of_room = |live: &&Live| live.service.environment == name;
        let old: Vec<Live> = snapshot.services().iter().filter(of_room).cloned().collect();
        let new: Vec<_> = old.iter().map(|live| again(&live.activation, self.cores)).collect();
        let room = &mut self.rooms[index];
        room.held = Some(Holder {
            operation,
            kind: Action::Pause,
            user: caller.user,
            since,
            step: "drain".into(),
        });
        room.pause = Some(Pause {
            operation,
            watchers: vec![stream],
            is_attached: attached.is_some(),
            _attached: attached,
            began: now,
            timeout,
            limit: now + timeout,
            stage: Stage::Draining {
                left: old.iter().map(|live| live.activation.id).collect(),
            },
            next_word: now + PROGRESS,
        });
        for publication in room.publications.values_mut() {
            new.iter().for_each(|activation| publication.also(activation));
        }
        let event = Event::Pause(PauseStep::Pausing {
            operation,
            environment: name.to_string(),
            limit_ms: request.timeout_ms,
        });
        self.tell_pause(index, event);
        self.routing
            .publish(snapshot.with(&new).with_stance(&name, &self.stance(&name)));
        for live in &old {
            live.activation.close();
            live.activation.lose_patience(Patience::Polite);
        }
        self.plane.poke();
        for live in old {
            // What an earlier pause left behind may still drain.
            let number = usize::try_from(live.activation.id).unwrap_or(usize::MAX);
            let left = (number, &side(&live.activation));
            self.rooms[index]
                .switch
                .leave(Generation::default(), std::iter::once(left));
            let limits = limits(&live.service);
            self.retire(index, Generation::default(), number, live.activation, limits);
        }
    }

    /// Something has drained; the pause may have waited for it.
    pub(super) fn pause_drained(&mut self, index: usize, activation: u64) {
        let Some(room) = self.rooms.get_mut(index) else {
            return;
        };
        let Some(pause) = &mut room.pause else { return };
        let Stage::Draining { left } = &mut pause.stage else {
            return;
        };
        left.retain(|id| *id != activation);
        if !left.is_empty() {
            return;
        }
        pause.stage = Stage::Paused;
        let event = Event::Pause(PauseStep::Paused {
            elapsed_ms: millis(pause.began.elapsed()),
            left_ms: millis(pause.limit.saturating_duration_since(Instant::now())),
        });
        if let Some(holder) = &mut room.held {
            holder.step = "paused".into();
        }
        self.tell_pause(index, event);
    }

    /// Somebody wants it to end.
    pub(super) fn resume(&mut self, request: &ResumeRequest, caller: &Caller, stream: &UnboundedSender<Event>) {
        let refuse = |reason: String| {
            let refused = Event::Common(CommonStep::Refused {
                code: exit::REFUSED,
                reason,
                evidence: Vec::new(),
                hint: None,
                live: None,
            });
            let _ = stream.send(refused);
        };
        let name = &request.environment;
        let Some(index) = self.room(name) else { return };
        let Some(pause) = &mut self.rooms[index].pause else {
            return refuse(format!("`{name}` is not paused"));
        };
        let operation = pause.operation;
        if request.operation.is_some_and(|asked| asked != operation) {
            return refuse(format!(
                "that pause of `{name}` is over; pause {operation} holds it now"
            ));
        }
        pause.watchers.push(stream.clone());
        if request.operation.is_none() {
            let record = Record::Asked {
                kind: Action::Resume,
                caller: caller.clone(),
            };
            self.record(Some(name), operation, record);
        }
        if request.force {
            self.release(index, None);
        } else {
            self.gate_pause(index, None);
        }
    }

    /// Whoever it is attached to is gone.
    pub(super) fn pause_left(&mut self, index: usize, operation: u64) {
        let pause = self.rooms.get(index).and_then(|room| room.pause.as_ref());
        if pause.is_some_and(|pause| pause.operation == operation) {
            self.gate_pause(index, Some("whoever asked for it is gone".into()));
        }
    }

    /// Limits that were reached, and progress.
    pub(super) fn tick_pauses(&mut self, now: Instant) {
        for index in 0..self.rooms.len() {
            let room = &mut self.rooms[index];
            let Some(pause) = &mut room.pause else { continue };
            let limit = pause.timeout.as_secs_f64();
            match &mut pause.stage {
                Stage::Draining { left } if now >= pause.limit => {
                    let of_pause = room.retired.iter().filter(|it| left.contains(&it.activation.id));
                    let under_way = of_pause
                        .map(|it| it.activation.in_flight())
                        .fold(0, |sum, (r, s)| sum + r + s);
                    let reason = format!(
                        "{under_way} requests and streams did not end within {limit} s, so the app was not touched; requests \
                         are let through again"
                    );
                    let evidence = Vec::new();
                    self.end_pause(index, Event::Pause(PauseStep::Lapsed { reason, evidence }));
                }
                Stage::Draining { left } if now >= pause.next_word => {
                    pause.next_word = now + PROGRESS;
                    let of_pause = room.retired.iter().filter(|it| left.contains(&it.activation.id));
                    let sum = of_pause.map(|it| it.activation.in_flight());
                    let (requests, streams) = sum.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
                    let elapsed_ms = millis(pause.began.elapsed());
                    let event = Event::Progress(Progress::Draining {
                        requests,
                        streams,
                        elapsed_ms,
                    });
                    self.tell_pause(index, event);
                }
                Stage::Paused if now >= pause.limit => {
                    let why = format!("its limit of {limit} s was reached");
                    self.gate_pause(index, Some(why));
                }
                Stage::Draining { .. } | Stage::Paused | Stage::Gating { .. } => {}
            }
        }
    }

    fn gate_pause(&mut self, index: usize, why: Option<String>) {
        let room = &mut self.rooms[index];
        let Some(pause) = &mut room.pause else { return };
        match pause.stage {
            Stage::Draining { .. } | Stage::Paused => {}
            Stage::Gating { .. } => return,
        }
        pause.stage = Stage::Gating { why };
        if let Some(holder) = &mut room.held {
            holder.step = "gate".into();
        }
        let (name, operation) = (room.name.clone(), pause.operation);
        let patience = pause.limit.saturating_duration_since(Instant::now()).max(LAST_LOOK);
        let snapshot = self.routing.load();
        let own = snapshot
            .services()
            .iter()
            .filter(|live| live.service.environment == name);
        let candidates: Vec<_> = own
            .flat_map(|live| {
                live.activation.addresses.iter().map(|address| Candidate {
                    service: live.service.clone(),
                    address: address.clone(),
                })
            })
            .collect();
        let mailbox = self.mailbox.clone();
        self.tasks.spawn_local("pause's gate", async move {
            let (began, told) = (Instant::now(), mailbox.clone());
            let result = gating::pass(&candidates, patience, move |instances, elapsed| {
                let elapsed_ms = millis(elapsed);
                let event = Event::Progress(Progress::Gating { instances, elapsed_ms });
                let _ = told.send(Message::PauseGating {
                    room: index,
                    operation,
                    event,
                });
            });
            let result = result.await;
            let _ = mailbox.send(Message::PauseGated {
                room: index,
                operation,
                result,
                elapsed: began.elapsed(),
            });
        });
    }

    pub(super) fn pause_gating(&mut self, index: usize, operation: u64, event: Event) {
        if self.is_gating(index, operation) {
            self.tell_pause(index, event);
        }
    }

    /// The app is well again, or was not in time.
    pub(super) fn pause_gated(
        &mut self,
        index: usize,
        operation: u64,
        result: Result<Vec<GateReport>, Vec<GateReport>>,
        elapsed: Duration,
    ) {
        if !self.is_gating(index, operation) {
            return;
        }
        let Some(pause) = &mut self.rooms[index].pause else {
            return;
        };
        let Stage::Gating { why } = &mut pause.stage else {
            return;
        };
        let why = why.take();
        match result {
            Ok(instances) => {
                let event = Event::Common(CommonStep::Gated {
                    instances,
                    version: None,
                    elapsed_ms: millis(elapsed),
                });
                self.tell_pause(index, event);
                self.release(index, why);
            }
            Err(evidence) => {
                let why = why.map_or(String::new(), |why| format!("{why}; "));
                let reason = format!(
                    "{why}{}; the held requests were answered with 503",
                    gating::verdict(&evidence, elapsed)
                );
                self.plane.turn_away(&self.rooms[index].name);
                self.end_pause(index, Event::Pause(PauseStep::Lapsed { reason, evidence }));
            }
        }
    }

    /// Lets the held requests go on.
    fn release(&mut self, index: usize, why: Option<String>) {
        let Some(pause) = &self.rooms[index].pause else { return };
        let event = match why {
            // Whoever runs a command under it has to know that it was not alone to the end.
            Some(why) if pause.is_attached && Instant::now() >= pause.limit => Event::Pause(PauseStep::Lapsed {
                reason: format!("{why}; requests are let through again"),
                evidence: Vec::new(),
            }),
            reason => Event::Pause(PauseStep::Resumed {
                environment: self.rooms[index].name.to_string(),
                elapsed_ms: millis(pause.began.elapsed()),
                reason,
            }),
        };
        self.end_pause(index, event);
    }

    fn end_pause(&mut self, index: usize, event: Event) {
        self.tell_pause(index, event);
        let room = &mut self.rooms[index];
        room.pause = None;
        room.held = None;
        let name = room.name.clone();
        self.publish_stance(&name);
    }

    /// Everybody who waits is answered; the process ends.
    pub(super) fn stop_pauses(&mut self) {
        for index in 0..self.rooms.len() {
            if self.rooms[index].pause.is_some() {
                let reason = "the proxy stopped".into();
                self.end_pause(index, Event::Common(CommonStep::Failed { reason, live: None }));
            }
        }
    }

    fn is_gating(&self, index: usize, operation: u64) -> bool {
        let pause = self.rooms.get(index).and_then(|room| room.pause.as_ref());
        pause.is_some_and(|pause| pause.operation == operation && matches!(pause.stage, Stage::Gating { .. }))
    }

    fn tell_pause(&mut self, index: usize, event: Event) {
        let Some(pause) = &mut self.rooms[index].pause else {
            return;
        };
        pause.watchers.retain(|watcher| watcher.send(event.clone()).is_ok());
        let operation = pause.operation;
        if !event.is_progress() {
            let name = self.rooms[index].name.clone();
            let event = Box::new(event);
            self.record(Some(&name), operation, Record::Step { event });
        }
    }

    /// Notices when whoever asked hangs up. The pause ends the wait by dropping what this returns: the stream would otherwise
    /// never end.
    fn watch_caller(&self, room: usize, operation: u64, stream: UnboundedSender<Event>) -> oneshot::Sender<()> {
        let (attached, over) = oneshot::channel::<()>();
        let mailbox = self.mailbox.clone();
        self.tasks.spawn_local("pause's caller", async move {
            tokio::select! {
                () = stream.closed() => drop(mailbox.send(Message::PauseLeft { room, operation })),
                _ = over => {}
            }
        });
        attached
    }
}

/// A new live period of the same slot, in the same generation.
fn again(activation: &Activation, cores: usize) -> Arc<Activation> {
    Activation::new(
        activation.environment.clone(),
        activation.service.clone(),
        activation.slot,
        activation.generation,
        activation.addresses.clone(),
        cores,
    )
}
