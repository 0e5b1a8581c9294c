//! `proxyctl rollback ENV`: as ever where nothing says how a side is started; else the previous side is started first where it does
//! not run, and the one that is left is stopped.

use std::rc::Rc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::deploy::{dry_run, held, is_deployed};
use super::drive::Deployment;
use super::hold;
use super::show::Show;
use crate::cli::args::RollbackArgs;
use crate::cli::client::Client;
use crate::cli::commands::swap::{self, confirmed};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output;
use crate::cli::output::deploy::deploy_plan;
use crate::cli::signals::Interruptions;
use crate::model::api::{DeployPlan, DeployRequest, Kind};
use crate::model::course::Script;

/// To the previous side.
///
/// # Errors
/// Everything that is not a final event.
pub async fn rollback(client: &Client, args: &RollbackArgs) -> Outcome {
    let common = &args.common;
    let name = common.environment.as_str();
    let mut lock = DeployRequest {
        environment: common.environment.clone(),
        kind: Kind::Rollback,
        version: None,
        confirmed: None,
        dry_run: false,
        wait_ms: None,
        since: None,
    };
    // What speaks against it is said by the rollback itself.
    let plan = match hold::plan(client, lock.clone(), |_| {}).await {
        Ok(plan) if is_deployed(&plan) => plan,
        Ok(_) | Err(_) => return swap::rollback(client, args).await,
    };
    lock.version = version(&plan);
    let filled = |plan: &DeployPlan| {
        Script::new(name, Kind::Rollback, version(plan).as_deref(), plan).map_err(|error| {
            let idle = plan.idle;
            Stop::usage(error.to_string()).hint(format!(
                "start {idle} yourself, and say `proxyctl rollback {name}` again: a side that answers is not started"
            ))
        })
    };
    let script = filled(&plan)?;
    if common.dry_run {
        return dry_run(&lock, &plan, script, common.json).await;
    }
    let lines = |plan: &DeployPlan| {
        let style = output::err_style();
        deploy_plan(name, Kind::Rollback, None, plan, Timestamp::now(), style)
    };
    let shown = || lines(&plan).iter().for_each(|line| output::err(line));
    lock.confirmed = confirmed(client, name, common.switch.yes.as_deref(), "rollback", shown).await?;

    let show = Rc::new(Show::new(name, Kind::Rollback, common.json));
    let mut interruptions = Interruptions::listen()?;
    let until = common.timeout.map(|time| Instant::now() + time);
    let hold = match held(client, &lock, &show, &mut interruptions, until).await {
        Ok(hold) => hold,
        Err(outcome) => return outcome,
    };
    let script = filled(&hold.plan)?;
    show.plan(&lines(&hold.plan), &script);
    let mut swap = common.request(Kind::Rollback, lock.confirmed.clone());
    swap.version.clone_from(&lock.version);
    let deployment = Deployment {
        client,
        lock,
        swap,
        waits: !common.no_wait,
        patience: args.patience,
        until,
        show: &show,
    };
    deployment.run(script, hold, &mut interruptions).await
}

/// The version that ran on the previous side.
fn version(plan: &DeployPlan) -> Option<String> {
    plan.deployed_idle.as_ref().map(|deployed| deployed.version.clone())
}
