//! What a request is under, from the settings that hold for it.

use std::path::Path;

use crate::config::policy::{Auth, Limits, Policy, Scope, Timeouts};
use crate::config::read::settings::Settings;
use crate::model::rate::Rate;

/// The policy that these settings say. `scope` says what a limit counts by the table that its key stands in.
pub(crate) fn policy(settings: &Settings, folder: &Path, scope: impl Fn(&str) -> Scope) -> Policy {
    let rate = settings.limit_rate().map(|(requests, period)| Rate {
        requests,
        period,
        burst: settings.limit_burst().copied().unwrap_or(requests),
    });
    let concurrent = settings.limit_concurrent();
    Policy {
        timeout: Timeouts {
            connect: settings.timeout_connect(),
            response: settings.timeout_response(),
            idle: settings.timeout_idle(),
            stream: settings.timeout_stream(),
        },
        limit_body: settings.limit_body(),
        limits: Limits {
            concurrent: concurrent.map(|most| (most, scope("limit.concurrent"))),
            rate: rate.map(|rate| (rate, scope("limit.rate"))),
        },
        auth: Auth {
            basic: settings.auth_basic().in_folder(folder),
            allow: settings.auth_allow().as_ref().cloned(),
            except: settings.auth_except(),
        },
        log: settings.log(),
    }
}
