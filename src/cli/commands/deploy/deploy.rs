//! `proxyctl deploy ENV`: what is asked before anything runs. A promotion is a deploy too, of a version that has to prove itself first.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::child;
use super::drive::Deployment;
use super::hold::{self, Hold, NotHeld};
use super::proof::{Promotion, Proof};
use super::show::Show;
use super::version;
use crate::cli::args::{DeployArgs, DeployOptions};
use crate::cli::client::{Client, EventLine};
use crate::cli::commands::swap::confirmed;
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output;
use crate::cli::output::deploy::{deploy_plan, deploy_script};
use crate::cli::output::text::escape;
use crate::cli::signals::Interruptions;
use crate::model::api::{DeployPlan, DeployRequest, Kind, OperationRequest, exit, millis};
use crate::model::course::{Script, Task};
use crate::model::deploy::{NoValue, Values};

/// Starts the idle side, switches to it, and stops the old one.
///
/// # Errors
/// Everything that ends it before the first command.
pub async fn deploy(client: &Client, args: &DeployArgs) -> Outcome {
    let order = Order {
        environment: &args.environment,
        version: match args.version.as_deref() {
            Some(version) => Which::Named(version::named(version)?),
            None => Which::Described,
        },
        wait: args.wait,
        common: &args.common,
    };
    order.carry_out(client).await
}

/// What is to be deployed, and how.
pub(super) struct Order<'a> {
    /// The environment.
    pub(super) environment: &'a str,
    /// Which version.
    pub(super) version: Which<'a>,
    /// How long to wait for other operations, and for what a promotion asks for.
    pub(super) wait: Option<Duration>,
    /// All else that was typed.
    pub(super) common: &'a DeployOptions,
}

/// Which version is deployed.
pub(super) enum Which<'a> {
    /// The one that was named.
    Named(String),
    /// What git calls it.
    Described,
    /// The one that another environment runs.
    Promoted(&'a Promotion<'a>),
}

impl Order<'_> {
    /// Does it, from the first question to the end.
    pub(super) async fn carry_out(&self, client: &Client) -> Outcome {
        let (name, common) = (self.environment, self.common);
        let began = Instant::now();
        let show = Rc::new(Show::new(name, Kind::Swap, common.json));
        let mut lock = DeployRequest {
            environment: name.to_owned(),
            kind: Kind::Swap,
            version: None,
            confirmed: None,
            dry_run: false,
            wait_ms: self.wait.map(millis),
            since: None,
        };
        if let Which::Named(version) = &self.version {
            lock.version = Some(version.clone());
        }
        let refusals = show.lock();
        let seen = |line: &EventLine| (refusals.borrow_mut())(line);
        let plan = match hold::plan(client, lock.clone(), seen).await {
            Ok(plan) => plan,
            Err(not_held) => return not_held.into_outcome(),
        };
        if !is_deployed(&plan) {
            return Err(
                Stop::usage(format!("the file does not say how `{}` is deployed", escape(name))).hint(format!(
                    "`[env.{name}.deploy]` says how a side is started; `proxyctl swap {name}` switches to one that runs"
                )),
            );
        }
        match &self.version {
            Which::Named(_) => {}
            Which::Described => lock.version = version::described(folder(name, &plan).as_deref()).await,
            Which::Promoted(promotion) => {
                if !common.dry_run && !output::interactive() {
                    // Nobody waits for minutes to hear then that a word was missing.
                    confirmed(client, name, common.switch.yes.as_deref(), "deploy", || {}).await?;
                }
                match promotion.proven(client, &show, self.wait, common.timeout).await? {
                    Proof::Version(version) => lock.version = Some(version),
                    Proof::Ended(code) => return Ok(code),
                }
                lock.wait_ms = self.wait.map(|wait| millis(wait.saturating_sub(began.elapsed())));
            }
        }
        let filled = |plan: &DeployPlan| Script::new(name, Kind::Swap, lock.version.as_deref(), plan).map_err(no_value);
        let script = filled(&plan)?;
        let lines = |plan: &DeployPlan| {
            let style = output::err_style();
            deploy_plan(name, Kind::Swap, lock.version.as_deref(), plan, Timestamp::now(), style)
        };
        if common.dry_run {
            return dry_run(&lock, &plan, script, common.json).await;
        }
        let shown = || lines(&plan).iter().for_each(|line| output::err(line));
        lock.confirmed = confirmed(client, name, common.switch.yes.as_deref(), "deploy", shown).await?;

        let mut interruptions = Interruptions::listen()?;
        let spent = match &self.version {
            Which::Promoted(_) => began.elapsed(),
            Which::Named(_) | Which::Described => Duration::ZERO,
        };
        let until = common.timeout.map(|time| Instant::now() + time.saturating_sub(spent));
        let hold = match held(client, &lock, &show, &mut interruptions, until).await {
            Ok(hold) => hold,
            Err(outcome) => return outcome,
        };
        if let (Which::Promoted(promotion), Some(version)) = (&self.version, &lock.version)
            && let Some(code) = promotion.is_still(version, client, &show, &hold).await?
        {
            hold.end().await;
            return Ok(code);
        }
        // Somebody may have switched since we have asked.
        let script = filled(&hold.plan)?;
        show.plan(&lines(&hold.plan), &script);
        let is_compared = !matches!(self.version, Which::Described) && hold.plan.names_version;
        let deployment = Deployment {
            client,
            swap: OperationRequest {
                expect_version: lock.version.clone().filter(|_| is_compared),
                confirmed: lock.confirmed.clone(),
                deadline_ms: common.switch.deadline.map(millis),
                version: lock.version.clone(),
                promotes: match &self.version {
                    Which::Promoted(promotion) => Some(promotion.from.to_owned()),
                    Which::Named(_) | Which::Described => None,
                },
                ..OperationRequest::new(name, Kind::Swap)
            },
            lock,
            waits: true,
            patience: common.patience,
            until,
            show: &show,
        };
        deployment.run(script, hold, &mut interruptions).await
    }
}

/// Takes the lock, before anything runs.
///
/// # Errors
/// How the command ends without it.
pub(super) async fn held(
    client: &Client,
    lock: &DeployRequest,
    show: &Rc<Show>,
    interruptions: &mut Interruptions,
    until: Option<Instant>,
) -> Result<Hold, Outcome> {
    tokio::select! {
        held = Hold::take(client, lock.clone(), show.lock()) => held.map_err(NotHeld::into_outcome),
        () = interruptions.next() => Err(Err(Stop::failed("interrupted; nothing was begun"))),
        () = over(until) => Err(Err(Stop::failed("`--timeout` is over; nothing was begun"))),
    }
}

impl NotHeld {
    /// How a command ends for it.
    pub(super) fn into_outcome(self) -> Outcome {
        match self {
            Self::Refused(code) => Ok(code),
            Self::Unasked(error) => Err(error.into()),
        }
    }
}

/// Whether any table says how a side is started.
pub(super) fn is_deployed(plan: &DeployPlan) -> bool {
    plan.table.is_some() || plan.services.iter().any(|service| service.table.is_some())
}

/// Prints what would be done. It is what was asked for, and so is data.
pub(super) async fn dry_run(lock: &DeployRequest, plan: &DeployPlan, mut script: Script, json: bool) -> Outcome {
    let starts = script.start.iter_mut().map(|part| &mut part.start);
    for tasks in starts.chain([&mut script.stop]) {
        leave_out(tasks).await;
    }
    let version = lock.version.as_deref();
    if json {
        output::out_json(&json!({
            "environment": lock.environment,
            "kind": lock.kind,
            "version": version,
            "plan": plan,
            "start": script.start.iter().flat_map(|part| part.start.iter().map(told)).collect::<Vec<_>>(),
            "before": script.before.iter().map(told).collect::<Vec<_>>(),
            "stop": script.stop.iter().map(told).collect::<Vec<_>>(),
            "after": script.after.iter().map(told).collect::<Vec<_>>(),
            "keep_ms": millis(script.keep),
        }))?;
        return Ok(exit::DONE);
    }
    let style = output::out_style();
    let plan = deploy_plan(&lock.environment, lock.kind, version, plan, Timestamp::now(), style);
    for line in plan.into_iter().chain(deploy_script(&script, lock.kind)) {
        output::out(&line);
    }
    output::err("Nothing was run: this was a dry run.");
    Ok(exit::DONE)
}

/// Leaves out what would not run by how the machine is now. To ask that changes nothing.
async fn leave_out(tasks: &mut Vec<Task>) {
    let (_end, ending) = watch::channel(false);
    for task in std::mem::take(tasks) {
        let mut runs = true;
        for condition in &task.command.only_if {
            // What cannot be asked here is shown.
            runs &= child::holds(condition, &task.command, ending.clone())
                .await
                .unwrap_or(true);
        }
        if runs {
            tasks.push(task);
        }
    }
}

fn told(task: &Task) -> serde_json::Value {
    json!({
        "service": task.service,
        "slot": task.slot,
        "command": task.command.argv,
        "cwd": task.command.cwd,
        "env": task.command.env,
    })
}

/// Where the first table runs its commands, which is where git is asked.
fn folder(environment: &str, plan: &DeployPlan) -> Option<PathBuf> {
    let only = match plan.services.as_slice() {
        [one] => Some(one),
        _ => None,
    };
    let own = plan.table.iter().map(|table| (table, only));
    let services = plan.services.iter();
    let mut tables = own.chain(services.filter_map(|service| Some((service.table.as_ref()?, Some(service)))));
    tables.find_map(|(table, service)| {
        let values = Values {
            environment,
            service: service.map(|service| service.name.as_str()),
            slot: plan.idle,
            addresses: service.map_or(&[], |service| &service.idle.addresses),
            version: None,
        };
        table.cwd(&values).ok().flatten()
    })
}

/// A placeholder has no value.
fn no_value(error: NoValue) -> Stop {
    Stop::usage(error.to_string()).hint("`--version` names the version; without it, `git describe` is asked in `cwd`")
}

/// Resolves at that time, or never.
async fn over(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
