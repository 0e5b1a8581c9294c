//! The owner's loop: takes a message, lets the machines decide, and carries out what they say. It never waits for an effect.

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use super::environment::Environment;
use super::message::{Begun, Message};
use super::owner::Owner;
use super::request::Report;
use super::saves::{Left, Save};
use crate::control::ports::Durability;
use crate::model::environment::{Effect, Input};
use crate::model::history::Record;
use crate::model::hold::Refusal;
use crate::model::state::State;
use crate::model::succession::Succession;
use crate::model::{
    api::{Action, CommonStep, Event, SwapStep, UpgradeStep},
    clock::Moment,
    pause, reload, switch,
};

impl Owner {
    pub(super) async fn run(mut self, mut mail: UnboundedReceiver<Message>) {
        self.sleep_on();
        if self.has_leave {
            self.end_lost_previews();
        }
        loop {
            let wake = self.wake();
            tokio::select! {
                message = mail.recv() => match message {
                    None => return,
                    Some(Message::Stop { reply }) => {
                        self.stop().await;
                        // Who waits for this wants what the tasks still hold: the data plane, the store.
                        self.errands.end().await;
                        drop(self);
                        let _ = reply.send(());
                        return;
                    }
                    Some(message) => self.receive(message),
                },
                () = sleep_until(wake) => self.tick(),
            }
            self.work();
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Ask {
                request,
                caller,
                stream,
            } => self.ask(request, caller, stream),
            Message::Input { environment, input } => {
                if let Some(it) = self.environments.get_mut(environment) {
                    it.listen(&input);
                }
                self.inputs.push_back((environment, input));
            }
            Message::Drained {
                environment,
                left,
                service,
                activation,
                ended,
            } => {
                if let Some(it) = self.environments.get_mut(environment) {
                    let heard = Environment::heard_by_a_pause(left, activation);
                    let input = it.drained(left, service, activation, ended);
                    let inputs = heard.into_iter().chain([input]);
                    self.inputs.extend(inputs.map(|input| (environment, input)));
                }
            }
            Message::Ends {
                environment,
                operation,
                event,
                saved,
            } => self.ends(environment, operation, *event, saved.as_deref()),
            Message::Reload(input) => self.go_on_with_reload(input),
            Message::Loaded { dry, file } => self.loaded(dry, *file),
            Message::Saved { state, result } => self.saved(*state, result),
            Message::Probed {
                activation,
                address,
                report,
            } => self.vigil.seen(activation, address, report, &*self.publisher.plane),
            Message::Status { reply } => {
                let _ = reply.send(Report {
                    environments: self.status(),
                    warnings: self.told(),
                });
            }
            Message::Parity { a, b, reply } => self.parity(a, b, reply),
            Message::FirstProbes { reply } => self.vigil.tell_when_all_seen(reply),
            Message::Entered { operation, phase } => {
                self.notices
                    .tell(None, operation, UpgradeStep::Entered { phase }.into());
            }
            Message::Handed { operation, handed } => self.handed(operation, handed),
            Message::Begun { reply } => {
                let _ = reply.send(Begun {
                    inside: self.inside(),
                    ahead: self.ahead(),
                    operations: self.notices.has_unfinished(),
                });
            }
            Message::Leave => {
                self.has_leave = true;
                self.end_lost_previews();
            }
            Message::Step { request, caller, reply } => self.step(request, caller, reply),
            Message::Release { request, caller, reply } => self.release(request, caller, reply),
            Message::Hurry { addresses } => self.hurry(&addresses),
            // `run` takes it out before.
            Message::Stop { reply } => drop(reply),
        }
    }

    /// When time alone brings something about.
    fn wake(&self) -> Instant {
        let vigil = self.vigil.wake(self.epoch);
        if !self.has_leave {
            return vigil;
        }
        let machines = self.environments.iter().filter_map(|it| it.machines.wake());
        let next = machines.chain(self.preview_wake()).min();
        let next = next.map(|at| self.epoch + at);
        next.map_or(vigil, |next| next.min(vigil))
    }

    fn tick(&mut self) {
        if !self.has_leave {
            return;
        }
        let now = self.epoch.elapsed();
        for (place, environment) in self.environments.iter().enumerate() {
            if environment.machines.wake().is_some_and(|at| at <= now) {
                self.inputs.push_back((place, Input::Tick));
            }
        }
        self.look_at_previews();
    }

    /// Handles inputs until there are none, then looks after what is live.
    fn work(&mut self) {
        while let Some((place, input)) = self.inputs.pop_front() {
            let now = self.moment();
            let Some(environment) = self.environments.get_mut(place) else {
                continue;
            };
            for effect in environment.machines.handle(input, now) {
                match effect {
                    Effect::Switch(effect) => self.switch(place, effect, now),
                    Effect::Pause(effect) => self.pause(place, effect),
                    Effect::Sleep(effect) => self.sleep(place, effect),
                    Effect::Deploy(effect) => self.deploy(place, effect),
                }
            }
            if let Some(environment) = self.environments.get_mut(place)
                && environment.machines.holder().is_none()
            {
                environment.gated.forget();
            }
        }
        let (snapshot, now) = (self.publisher.snapshot(), self.moment());
        self.vigil.look(&snapshot, now, &*self.publisher.plane, &self.errands);
    }

    /// Carries out what the switch of an environment says.
    fn switch(&mut self, place: usize, effect: switch::Effect, now: Moment) {
        let Some(environment) = self.environments.get_mut(place) else {
            return;
        };
        let (publisher, errands) = (&self.publisher, &self.errands);
        match effect {
            switch::Effect::Tell { operation, mut event } => {
                match &mut event {
                    // Where it is refused in the end, it is said how the side does that serves on.
                    Event::Swap(SwapStep::Plan { .. }) => self.vigil.hurry(),
                    Event::Common(CommonStep::Refused { health, .. }) => {
                        *health = self.vigil.health_of(&environment.name, &publisher.snapshot());
                    }
                    Event::Swap(SwapStep::Done { .. })
                        if matches!(self.upgrade.succession, Succession::Over { .. }) =>
                    {
                        return self.ask_before_the_end(place, operation, event);
                    }
                    _ => {}
                }
                self.notices.tell(Some(&environment.name), operation, event);
            }
            switch::Effect::Probe {
                ticket,
                service,
                address,
                look,
            } => environment.probe(ticket, (service, address), look, publisher, errands),
            switch::Effect::Require {
                ticket,
                requires,
                version,
                moves,
            } => self.require(place, ticket, &requires, version, &moves),
            switch::Effect::Warm { ticket, instances } => environment.warm(ticket, instances, errands),
            switch::Effect::ConnectAhead { ticket, moves } => {
                environment.connect_ahead(ticket, &moves, publisher, errands);
            }
            switch::Effect::Persist { ticket, state } => {
                let name = environment.name.clone();
                self.saves.push(Save::Environment {
                    place,
                    name,
                    ticket,
                    state,
                });
                self.saves.next(errands);
            }
            switch::Effect::Publish { generation, moves } => {
                environment.publish(generation, &moves, now, self.vigil.past(), publisher, errands);
                self.end_previews_before(place, generation);
            }
            switch::Effect::Verify { ticket, moves } => environment.verify(ticket, moves, publisher, errands),
            switch::Effect::Measure { generation } => {
                let measured = environment.measured(generation);
                self.inputs.extend(measured.map(|input| (place, input)));
            }
        }
    }

    /// Carries out what the pause of an environment says.
    fn pause(&mut self, place: usize, effect: pause::Effect) {
        let Some(name) = self.environments.get(place).map(|it| it.name.clone()) else {
            return;
        };
        let stance = self.stance(&name);
        let Some(environment) = self.environments.get_mut(place) else {
            return;
        };
        let (publisher, errands) = (&self.publisher, &self.errands);
        match effect {
            pause::Effect::Tell { operation, event } => {
                self.notices.tell(Some(&name), operation, event);
            }
            pause::Effect::Refuse { listener, event } => self.notices.turn_away(listener, event),
            pause::Effect::Join { listener, operation } => self.notices.join(listener, operation),
            pause::Effect::Asked { operation, caller } => {
                let kind = Action::Resume;
                let within = None;
                let record = Record::Asked { kind, caller, within };
                self.notices.record(Some(&name), operation, record);
            }
            pause::Effect::Watch { operation } => {
                let (hung_up, reply) = (self.notices.hung_up(operation), errands.reply());
                errands.run("pause's caller", async move {
                    if hung_up.await {
                        reply.input(place, Input::Pause(pause::Input::Left { operation }));
                    }
                });
            }
            pause::Effect::Hold { operation, writes } => {
                let closed = match writes {
                    true => {
                        let previews = self.previews.left_behind(&name).collect();
                        environment.hold_writes(operation, &stance, previews, publisher, errands)
                    }
                    false => environment.hold(&stance, publisher, errands),
                };
                self.inputs.push_back((place, closed));
            }
            pause::Effect::Count { leaving } => {
                let counted = pause::Input::Counted(environment.count(&leaving, publisher));
                self.inputs.push_back((place, Input::Pause(counted)));
            }
            pause::Effect::Gate { operation, patience } => environment.gate(operation, patience, publisher, errands),
            pause::Effect::TurnAway => publisher.plane.turn_away(&name, Refusal::PauseOver),
            pause::Effect::Release => self.publish_stance(&name),
        }
    }

    /// A save is over: what waited for it goes on.
    fn saved(&mut self, state: State, result: Result<Durability, String>) {
        let now = self.moment();
        match self.saves.over(state, &result, now) {
            None => {}
            // The process that comes reads what is saved: nothing may be on its way there.
            Some(Save::Number(asked)) if asked.request.action() == Action::Upgrade && self.saves.is_waiting() => {
                self.saves.push(Save::Number(asked));
            }
            Some(Save::Number(asked)) => {
                // It goes on: the switch itself will have to be saved, and that decides.
                if let Err(error) = &result {
                    tracing::warn!(operation = asked.operation, %error, "the operation's number could not be saved");
                }
                self.begin(asked, result.err().as_deref());
            }
            Some(Save::Environment { place, ticket, .. }) => {
                let persisted = switch::Input::Persisted { ticket, result };
                self.inputs.push_back((place, Input::Switch(persisted)));
            }
            Some(Save::Reload(_)) => self.go_on_with_reload(reload::Input::Persisted(result)),
            Some(Save::Sleep(save)) => self.sleep_saved(&save, result),
            Some(Save::Maintenance(toggle)) => self.maintenance_saved(toggle, result),
            Some(Save::Preview(save)) => self.preview_saved(save, result),
        }
        self.saves.next(&self.errands);
    }

    /// Answers everybody who still waits.
    async fn stop(&mut self) {
        for place in 0..self.environments.len() {
            self.inputs.push_back((place, Input::Stop));
        }
        if !self.upgrade.succession.has_begun() {
            self.upgrade.succession = Succession::Stopping;
        }
        loop {
            let Left {
                asked,
                toggles,
                previews,
            } = self.saves.stop().await;
            if asked.is_empty() && toggles.is_empty() && previews.is_empty() {
                break;
            }
            // What begins now may want to be saved in its turn.
            for asked in asked {
                self.begin(asked, None);
            }
            for toggle in toggles {
                self.toggle_stopped(&toggle);
            }
            for save in previews {
                self.preview_stopped(&save);
            }
        }
        self.work();
        self.go_on_with_reload(reload::Input::Stop);
    }
}
