//! What an attack may cost the proxy and whoever else uses it: a client that behaves beside it, and the memory and the processor's time
//! of the daemon before, during and after.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::fixture::Pair;
use super::load::{Kind, Load};
use super::ms;
use super::process::Process;

/// Exchanges of the good client by which the proxy is measured, before and after.
const EXCHANGES: u64 = 80;

/// What an attack may cost the proxy.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// Memory beyond what it had before, at any moment.
    pub mib: u64,
    /// Time of a core, beside what the good client costs.
    pub cpu: Duration,
}

/// Runs an attack beside a client that behaves well: it sees no failure, and the proxy keeps to what is allowed.
pub async fn beside_a_good_client<T>(pair: &Pair, allowed: Allowed, attack: impl Future<Output = T>) -> T {
    let kinds = if pair.target().tls.is_some() {
        &[(Kind::Get, 1), (Kind::Fresh, 1), (Kind::H2, 1)][..]
    } else {
        &[(Kind::Get, 1), (Kind::Fresh, 1), (Kind::Post, 1)][..]
    };
    let load = Load::start(pair.target(), kinds).await;
    let process = pair.door.process();
    load.more(EXCHANGES).await;
    let quiet = per_exchange(&load, &process).await;

    let memory = process.own_kib();
    let (cpu, good) = (process.cpu_time(), load.so_far().total());
    let peak = Peak::follow(&process);
    let result = attack.await;
    let (cpu, good) = (process.cpu_time() - cpu, load.so_far().total() - good);
    let cost = cpu.saturating_sub(quiet.mul_f64(good as f64));
    assert!(
        cost <= allowed.cpu,
        "the attack cost {cost:?} of a core, beside {good} good exchanges of {quiet:?}: {allowed:?}"
    );

    load.so_far().assert_no_failures();
    let after = per_exchange(&load, &process).await;
    let spared = ms(100).div_f64(EXCHANGES as f64);
    assert!(
        after <= 2 * quiet + spared,
        "an exchange costs {after:?} after the attack, and cost {quiet:?} before"
    );
    let grown = peak.stop().await.max(process.own_kib()).saturating_sub(memory);
    eprintln!(
        "the attack cost {cost:?} of a core and {grown} KiB, beside {good} good exchanges of {quiet:?}: {allowed:?}"
    );
    assert!(grown <= allowed.mib * 1024, "{grown} KiB of memory more: {allowed:?}");
    load.stop().await.assert_no_failures();
    result
}

/// Time of a core that an exchange of the good client costs.
async fn per_exchange(load: &Load, process: &Process) -> Duration {
    let (cpu, good) = (process.cpu_time(), load.so_far().total());
    load.more(EXCHANGES).await;
    (process.cpu_time() - cpu).div_f64((load.so_far().total() - good) as f64)
}

/// The most memory that a process has had.
pub struct Peak(Arc<Mutex<u64>>, JoinHandle<()>);

impl Peak {
    /// From now on.
    pub fn follow(process: &Arc<Process>) -> Self {
        let (peak, process) = (Arc::new(Mutex::new(0)), Arc::clone(process));
        let seen = Arc::clone(&peak);
        let task = tokio::spawn(async move {
            loop {
                let now = process.own_kib();
                {
                    let mut peak = seen.lock().unwrap();
                    *peak = now.max(*peak);
                }
                tokio::time::sleep(ms(5)).await;
            }
        });
        Self(peak, task)
    }

    /// Until now: the most, in KiB.
    pub async fn stop(self) -> u64 {
        self.1.abort();
        drop(self.1.await);
        *self.0.lock().unwrap()
    }
}
