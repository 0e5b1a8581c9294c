//! Certificates that end, or cannot be had: each stage is told once, and not again after a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::{Draft, Severity, Topic};
use crate::model::renewal::Life;

/// Failures in a row that are told.
const FAILURES: u32 = 2;
const DAY: i64 = 24 * 60 * 60;

/// How near the end of a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nearing {
    /// Two weeks are left, or the corresponding share of a short life: it should have been renewed.
    Fortnight,
    /// One week is left, or likewise.
    Week,
    /// None is left.
    Expired,
}

impl Nearing {
    /// How near the end of a life is: within 14 and 7 days, and within two thirds and half of the time that it is renewed before its end
    /// where that is shorter.
    #[must_use]
    pub fn of(life: Life, now: i64) -> Option<Self> {
        let (left, lead) = (life.until.saturating_sub(now), life.lead());
        if left <= 0 {
            Some(Self::Expired)
        } else if left < (7 * DAY).min(lead / 2) {
            Some(Self::Week)
        } else if left < (14 * DAY).min(lead / 3 * 2) {
            Some(Self::Fortnight)
        } else {
            None
        }
    }
}

/// How the certificate of a host stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateReading {
    /// The host.
    pub host: String,
    /// The environments that serve it; none for a redirect.
    pub environments: Vec<String>,
    /// Its last second, since 1970; of a stand-in there is none.
    pub until: Option<i64>,
    /// The same, RFC 3339.
    pub not_after: String,
    /// How near that is.
    pub nearing: Option<Nearing>,
    /// Whether it is obtained from a CA by us.
    pub renewed: bool,
    /// Attempts that failed in a row.
    pub failures: u32,
    /// What the CA said, or why there was no answer.
    pub error: Option<String>,
    /// When it is tried again, RFC 3339.
    pub next: Option<String>,
}

/// What was told of every host. Kept on disk in this form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endings {
    #[serde(default)]
    told: BTreeMap<String, Told>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    #[serde(default)]
    until: Option<i64>,
    #[serde(default)]
    nearing: Option<Nearing>,
    #[serde(default)]
    failed: bool,
}

impl Endings {
    /// Takes a look at all certificates. Returns what is to be told.
    pub fn look(&mut self, readings: &[CertificateReading]) -> Vec<Draft> {
        self.told.retain(|host, _| readings.iter().any(|it| it.host == *host));
        let mut drafts = Vec::new();
        for reading in readings {
            let mut told = self.told.get(&reading.host).cloned().unwrap_or_default();
            if told.until != reading.until {
                (told.until, told.nearing) = (reading.until, None);
            }
            if reading.nearing > told.nearing {
                told.nearing = reading.nearing;
                drafts.extend(reading.nearing.map(|nearing| ending(reading, nearing)));
                // It has said what failed.
                told.failed |= reading.failures >= FAILURES;
            } else if reading.failures >= FAILURES && !told.failed {
                told.failed = true;
                drafts.push(failing(reading));
            }
            if reading.failures == 0 {
                told.failed = false;
            }
            if told == Told::default() {
                self.told.remove(&reading.host);
            } else if told.nearing.is_some() || told.failed {
                self.told.insert(reading.host.clone(), told);
            } else {
                self.told.remove(&reading.host);
            }
        }
        drafts
    }
}

fn draft(reading: &CertificateReading, severity: Severity, title: String) -> Draft {
    let mut draft = Draft {
        environments: reading.environments.clone(),
        host: Some(reading.host.clone()),
        evidence: reading.error.clone(),
        ..Draft::new(
            Topic::Certificate,
            severity,
            format!("certificate/{}", reading.host),
            title,
        )
    };
    draft.help = Some(if reading.renewed {
        format!(
            "proxyctl certs; proxyctl check --online; proxyctl certs renew {}",
            reading.host
        )
    } else {
        "proxyctl certs; put a new certificate and its key in the place of the files: they are read at once".to_owned()
    });
    draft
}

fn ending(reading: &CertificateReading, nearing: Nearing) -> Draft {
    let CertificateReading { host, not_after, .. } = reading;
    let (severity, title) = match nearing {
        Nearing::Fortnight => (Severity::Warning, format!("{host}: the certificate ends {not_after}")),
        Nearing::Week => (
            Severity::Critical,
            format!("{host}: the certificate ends soon, {not_after}"),
        ),
        Nearing::Expired => (
            Severity::Critical,
            format!("{host}: the certificate has EXPIRED, {not_after}"),
        ),
    };
    let mut draft = draft(reading, severity, title);
    draft.lines.push(match (nearing, reading.renewed) {
        (Nearing::Expired, _) => "Browsers show an error in place of the site.".to_owned(),
        (_, true) => "It should have been renewed by now, and was not.".to_owned(),
        (_, false) => "It comes from files, and nobody has put newer ones there.".to_owned(),
    });
    draft.lines.extend(tries(reading));
    draft
}

fn failing(reading: &CertificateReading) -> Draft {
    let CertificateReading { host, failures, .. } = reading;
    let title = format!("{host}: no certificate could be had, {failures} times in a row");
    let mut draft = draft(reading, Severity::Warning, title);
    draft.lines.push(match reading.until {
        Some(_) => format!("The one that is served is good until {}.", reading.not_after),
        None => "The local CA stands in until there is one: browsers show a warning.".to_owned(),
    });
    draft.lines.extend(tries(reading));
    draft
}

fn tries(reading: &CertificateReading) -> Option<String> {
    let next = reading.next.as_ref()?;
    (reading.failures > 0).then(|| format!("{} attempts failed; the next one is at {next}.", reading.failures))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(nearing: Option<Nearing>, failures: u32) -> CertificateReading {
        CertificateReading {
            host: "app.example.com".into(),
            environments: vec!["prod".into()],
            until: Some(1_900_000_000),
            not_after: "2030-03-17T17:46:40Z".into(),
            nearing,
            renewed: true,
            failures,
            error: (failures > 0).then(|| "DNS problem: NXDOMAIN".into()),
            next: Some("2030-03-10T00:00:00Z".into()),
        }
    }

    fn titles(endings: &mut Endings, reading: CertificateReading) -> Vec<String> {
        endings.look(&[reading]).into_iter().map(|draft| draft.title).collect()
    }

    #[test]
    fn each_stage_is_told_once_and_not_again_after_a_restart() {
        let mut endings = Endings::default();
        assert!(titles(&mut endings, reading(None, 0)).is_empty());
        assert!(endings.told.is_empty(), "what is in order takes no room");
        let stages = [Nearing::Fortnight, Nearing::Week, Nearing::Expired];
        for (stage, words) in stages.into_iter().zip(["ends 2030", "ends soon", "has EXPIRED"]) {
            let told = titles(&mut endings, reading(Some(stage), 0));
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
            endings = serde_json::from_str(&serde_json::to_string(&endings).unwrap()).unwrap();
            assert!(titles(&mut endings, reading(Some(stage), 0)).is_empty());
        }
        let mut renewed = reading(None, 0);
        renewed.until = Some(2_000_000_000);
        assert!(titles(&mut endings, renewed.clone()).is_empty());
        assert!(endings.told.is_empty());
        renewed.nearing = Some(Nearing::Fortnight);
        assert_eq!(titles(&mut endings, renewed).len(), 1, "of another certificate");
    }

    #[test]
    fn an_end_is_near_by_days_and_by_the_share_of_a_short_life() {
        let of = |days: i64, left: i64| {
            let until = days * DAY;
            Nearing::of(Life { from: 0, until }, until - left * DAY / 4)
        };
        for days in [90, 365] {
            assert_eq!(of(days, 4 * 15), None);
            assert_eq!(of(days, 4 * 13), Some(Nearing::Fortnight));
            assert_eq!(of(days, 4 * 6), Some(Nearing::Week));
            assert_eq!(of(days, 0), Some(Nearing::Expired));
        }
        // It is renewed at its half, with three days left.
        assert_eq!((of(6, 12), of(6, 9)), (None, None));
        assert_eq!((of(6, 7), of(6, 5)), (Some(Nearing::Fortnight), Some(Nearing::Week)));
    }

    #[test]
    fn two_failures_are_told_with_what_the_ca_said_and_counted_anew_after_a_success() {
        let mut endings = Endings::default();
        assert!(endings.look(&[reading(None, 1)]).is_empty());
        let drafts = endings.look(&[reading(None, 2)]);
        let [draft] = drafts.as_slice() else {
            panic!("{drafts:?}")
        };
        assert_eq!(draft.evidence.as_deref(), Some("DNS problem: NXDOMAIN"));
        assert!(
            draft.lines[1].contains("2 attempts failed; the next one is at 2030-03-10"),
            "{draft:?}"
        );
        assert!(endings.look(&[reading(None, 9)]).is_empty());
        assert!(endings.look(&[reading(None, 0)]).is_empty());
        assert_eq!(endings.look(&[reading(None, 2)]).len(), 1);
    }

    #[test]
    fn a_host_that_is_gone_is_forgotten_and_files_are_for_people_to_replace() {
        let mut endings = Endings::default();
        let mut files = reading(Some(Nearing::Week), 0);
        files.renewed = false;
        let drafts = endings.look(&[files]);
        assert!(
            drafts[0].help.as_ref().unwrap().contains("in the place of the files"),
            "{drafts:?}"
        );
        assert!(endings.look(&[]).is_empty() && endings.told.is_empty());
    }
}
