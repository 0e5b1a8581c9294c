//! Is the new side worse than the old one was? Asked about once a second while the bake window is open, of counters alone; probes
//! of its health are `probing`'s.

/// What counts as worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Share of bad answers (0.0 to 1.0) up to which nothing is worse.
    pub max_error_rate: f64,
}

/// Requests that have to be seen before their share of errors says anything.
const ENOUGH: u64 = 20;

/// What one side of one service did over a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that failed by the app's fault.
    pub app_errors: u64,
    /// Requests that failed by the proxy's own.
    pub proxy_errors: u64,
    /// Those of `app_errors` for which the app was not there.
    pub absences: u64,
    /// Times that the app could not be reached.
    pub connect_failures: u64,
}

impl Sample {
    /// The share of requests that went wrong, 0.0 to 1.0. A failed connect counts, but not beside the error it led to.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        let unseen = self.connect_failures.saturating_sub(self.absences);
        let bad = self.app_errors.saturating_add(self.proxy_errors).saturating_add(unseen);
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        match self.requests {
            0 => 0.0,
            requests => bad.min(requests) as f64 / requests as f64,
        }
    }
}

/// Why the new side is worse than the old one was, in words; `None` when it is not.
#[must_use]
pub fn worse(rule: Rule, new: Sample, before: Sample) -> Option<String> {
    let (now, then) = (new.error_rate(), before.error_rate());
    (new.requests >= ENOUGH && now > rule.max_error_rate && now > 2.0 * then).then(|| {
        format!(
            "{:.1} % of {} requests failed, where {:.1} % are allowed and {:.1} % failed before",
            now * 100.0,
            new.requests,
            rule.max_error_rate * 100.0,
            then * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { max_error_rate: 0.05 };

    fn sample(requests: u64, app_errors: u64) -> Sample {
        Sample {
            requests,
            app_errors,
            ..Sample::default()
        }
    }

    #[test]
    fn a_share_above_the_limit_and_above_twice_the_old_one_is_worse() {
        let reason = worse(RULE, sample(100, 10), sample(1000, 10)).unwrap();
        assert!(reason.contains("10.0 % of 100 requests"), "{reason}");
    }

    #[test]
    fn what_was_already_bad_before_is_not_worse() {
        assert_eq!(worse(RULE, sample(100, 10), sample(100, 5)), None);
        assert!(worse(RULE, sample(100, 11), sample(100, 5)).is_some());
    }

    #[test]
    fn up_to_the_limit_nothing_is_worse() {
        assert_eq!(worse(RULE, sample(100, 5), sample(100, 0)), None);
        assert!(worse(RULE, sample(100, 6), sample(100, 0)).is_some());
    }

    #[test]
    fn fewer_than_twenty_requests_say_nothing() {
        assert_eq!(worse(RULE, sample(19, 19), sample(0, 0)), None);
        assert!(worse(RULE, sample(20, 20), sample(0, 0)).is_some());
    }

    #[test]
    fn failed_connects_count_once() {
        let new = Sample {
            requests: 100,
            app_errors: 4,
            proxy_errors: 0,
            absences: 4,
            connect_failures: 8,
        };
        assert!((new.error_rate() - 0.08).abs() < 1e-9);
        assert!(worse(RULE, new, Sample::default()).is_some());
    }
}
