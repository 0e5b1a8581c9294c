//! The end of the demo: did a client see a deploy? Pure, but for reading the counts.

use std::time::Duration;

use super::rounds::Report;
use super::tally::{RequestKind, Tally};
use crate::cli::output::text::{Style, escape, fit, latency, period, thousands};
use crate::model::api::millis;

/// Characters of an example that are shown.
const EXAMPLE: usize = 90;

/// Everything that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Swaps that were done.
    pub swaps: u32,
    /// Old sides that were killed with -9.
    pub killed: u32,
    /// How long clients asked, in milliseconds.
    pub elapsed_ms: u64,
    /// By kind of request.
    pub kinds: Vec<KindCount>,
    /// The kind of request, the sort of failure, how many, and an example of what failed.
    pub failures: Vec<(String, String, u64, String)>,
    /// Outside of swaps.
    pub calm: Option<Latency>,
    /// In swaps.
    pub in_swap: Option<Latency>,
    /// POSTs that the apps received.
    pub posts: u64,
    /// POSTs that the apps received more than once.
    pub posts_twice: u64,
    /// WebSockets that were asked politely (Close 1012) to connect again.
    pub moved: u64,
    /// Error answers that the proxy made, by its own count.
    pub proxy_errors: u64,
    /// Swaps that went wrong.
    pub trouble: Vec<String>,
}

/// Requests and failures of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindCount {
    /// The kind.
    pub kind: RequestKind,
    /// Requests.
    pub requests: u64,
    /// How many of them failed.
    pub failures: u64,
}

/// Quantiles in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Median.
    pub p50_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
}

impl Verdict {
    /// Reads the counts.
    pub(super) fn new(report: &Report, tally: &Tally, elapsed: Duration) -> Self {
        let failures = tally.failures();
        let of = |kind: RequestKind| {
            failures
                .iter()
                .filter(|((one, _), _)| *one == kind)
                .map(|(_, failed)| failed.count)
                .sum()
        };
        let quantiles = |in_swap| {
            tally
                .latency(in_swap)
                .map(|(p50_us, p99_us)| Latency { p50_us, p99_us })
        };
        let (posts, posts_twice) = tally.posts();
        Self {
            swaps: report.swaps,
            killed: report.killed,
            elapsed_ms: millis(elapsed),
            kinds: RequestKind::ALL
                .into_iter()
                .map(|kind| KindCount {
                    kind,
                    requests: tally.of(kind),
                    failures: of(kind),
                })
                .collect(),
            failures: failures
                .iter()
                .map(|((kind, sort), failed)| (kind.to_string(), sort.clone(), failed.count, failed.example.clone()))
                .collect(),
            calm: quantiles(false),
            in_swap: quantiles(true),
            posts,
            posts_twice,
            moved: tally.moved.get(),
            proxy_errors: report.proxy_errors,
            trouble: report.trouble.clone(),
        }
    }

    /// Requests of every kind.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.kinds.iter().map(|one| one.requests).sum()
    }

    /// Failures of every kind.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.kinds.iter().map(|one| one.failures).sum()
    }

    /// Whether the promise was kept: there was a swap, something was asked of every kind, nothing failed, no POST arrived twice.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.swaps > 0
            && self.failed() == 0
            && self.posts_twice == 0
            && self.trouble.is_empty()
            && !self.kinds.is_empty()
            && self.kinds.iter().all(|one| one.requests > 0)
    }

    /// For people.
    #[must_use]
    pub fn render(&self, style: Style) -> Vec<String> {
        let mut lines = vec![String::new()];
        lines.push(style.bold(&format!("{:<22}{:>10}{:>10}", "clients asked", "requests", "failures")));
        for one in &self.kinds {
            let failures = format!("{:>10}", thousands(one.failures));
            let failures = if one.failures > 0 {
                style.red(&failures)
            } else {
                failures
            };
            lines.push(format!("{:<22}{:>10}{failures}", one.kind, thousands(one.requests)));
        }
        lines.push(String::new());
        lines.push(style.bold(&format!("{:<22}{:>10}{:>10}", "latency", "p50", "p99")));
        for (name, quantiles) in [("between swaps", self.calm), ("during a swap", self.in_swap)] {
            if let Some(Latency { p50_us, p99_us }) = quantiles {
                lines.push(format!("{name:<22}{:>10}{:>10}", latency(p50_us), latency(p99_us)));
            }
        }
        lines.push(String::new());
        for (name, number) in [
            ("POSTs received", self.posts),
            ("POSTs seen twice", self.posts_twice),
            ("WebSockets moved", self.moved),
            ("proxy errors", self.proxy_errors),
            ("old sides killed -9", u64::from(self.killed)),
        ] {
            lines.push(format!("{name:<22}{:>10}", thousands(number)));
        }
        lines.push(String::new());
        for (kind, sort, count, example) in &self.failures {
            let (sort, example) = (escape(sort), escape(example));
            let example = fit(&example, EXAMPLE);
            lines.push(format!(
                "{} {kind}: {} × {sort} ({example})",
                style.red("✗"),
                thousands(*count)
            ));
        }
        for trouble in &self.trouble {
            lines.push(format!("{} {}", style.red("✗"), escape(trouble)));
        }
        let what = format!(
            "{} swaps in {}, {} requests, {} failures",
            self.swaps,
            period(self.elapsed_ms / 1_000 * 1_000),
            thousands(self.requests()),
            thousands(self.failed())
        );
        lines.push(if self.passed() {
            format!("{} {what}: no client saw a deploy.", style.green("✓"))
        } else if self.swaps == 0 && self.failed() == 0 && self.trouble.is_empty() {
            format!("{} {what}: without a swap, nothing is shown.", style.yellow("!"))
        } else {
            format!("{} {what}: the promise was not kept.", style.red("✗"))
        });
        lines
    }

    /// For scripts.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let quantiles =
            |of: Option<Latency>| of.map(|one| serde_json::json!({ "p50_us": one.p50_us, "p99_us": one.p99_us }));
        serde_json::json!({
            "passed": self.passed(),
            "swaps": self.swaps,
            "killed": self.killed,
            "elapsed_ms": self.elapsed_ms,
            "requests": self.requests(),
            "failed": self.failed(),
            "kinds": self.kinds.iter().map(|one| serde_json::json!({
                "kind": one.kind.to_string(), "requests": one.requests, "failures": one.failures,
            })).collect::<Vec<_>>(),
            "failures": self.failures.iter().map(|(kind, sort, count, example)| serde_json::json!({
                "kind": kind, "sort": sort, "count": count, "example": example,
            })).collect::<Vec<_>>(),
            "latency": { "between_swaps": quantiles(self.calm), "in_a_swap": quantiles(self.in_swap) },
            "posts": self.posts,
            "posts_seen_twice": self.posts_twice,
            "websockets_moved": self.moved,
            "proxy_errors": self.proxy_errors,
            "trouble": self.trouble,
        })
    }
}
