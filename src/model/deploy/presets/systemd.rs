//! Units of systemd: those of the machine, or of the caller where the caller has them.

use serde::{Deserialize, Serialize};

use crate::model::deploy::command::{CommandLine, Condition, LOG_LINES, Met};
use crate::model::deploy::placeholders::{NoValue, Placeholder, Template, Values};

/// `systemd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Systemd {
    /// Names of units, at least one.
    pub units: Vec<Template>,
}

/// Whose units they are.
#[derive(Clone, Copy)]
enum Whose {
    Callers,
    Machines,
}

impl Whose {
    const EACH: [Self; 2] = [Self::Callers, Self::Machines];

    /// The beginning of a command to this systemd.
    fn words(self, program: &'static str, verb: &[&'static str]) -> Vec<String> {
        let user = match self {
            Self::Callers => Some("--user"),
            Self::Machines => None,
        };
        let words = std::iter::once(program).chain(user).chain(verb.iter().copied());
        words.map(str::to_owned).collect()
    }

    /// Is met where these units are to be found here.
    fn has(self, units: &[String]) -> Condition {
        let met = match self {
            Self::Callers => Met::Succeeds,
            Self::Machines => Met::Fails,
        };
        let ask = ["systemctl", "--user", "cat"].map(str::to_owned);
        Condition::new(met, ask.iter().chain(units).cloned())
    }
}

impl Systemd {
    /// `restart` starts what does not run. A unit that has failed too often is not started by it until that is forgotten.
    pub(in crate::model::deploy) fn start(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let units = values.fill_all(&self.units)?;
        let commands = Whose::EACH.into_iter().flat_map(|whose| {
            let command = |verb: &[&'static str]| of(whose, verb, &units, values);
            let failed = whose.words("systemctl", &["is-failed", "--quiet"]);
            let failed = Condition::new(Met::Succeeds, failed.iter().chain(&units).cloned());
            [command(&["reset-failed"]).only_if(failed), command(&["restart"])]
        });
        Ok(commands.collect())
    }

    pub(in crate::model::deploy) fn stop(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let units = values.fill_all(&self.units)?;
        Ok(Whose::EACH.map(|whose| of(whose, &["stop"], &units, values)).into())
    }

    pub(in crate::model::deploy) fn log(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let units = values.fill_all(&self.units)?;
        let commands = units.iter().flat_map(|unit| {
            Whose::EACH.map(|whose| {
                let show = ["--no-pager", "--quiet", "--lines", LOG_LINES, "--unit"];
                let mut argv = whose.words("journalctl", &show);
                argv.push(unit.clone());
                CommandLine::new(argv, &values.together()).only_if(whose.has(std::slice::from_ref(unit)))
            })
        });
        Ok(commands.collect())
    }

    pub(in crate::model::deploy) fn parts(&self, values: Values<'_>) -> Result<Vec<String>, NoValue> {
        let units = values.fill_all(&self.units)?;
        let short = units.iter().map(|unit| unit.strip_suffix(".service").unwrap_or(unit));
        Ok(short.map(|unit| format!("unit `{unit}`")).collect())
    }

    pub(in crate::model::deploy) fn names(&self, placeholder: Placeholder) -> bool {
        self.units.iter().any(|unit| unit.names(placeholder))
    }
}

fn of(whose: Whose, verb: &[&'static str], units: &[String], values: Values<'_>) -> CommandLine {
    let words = whose.words("systemctl", verb);
    CommandLine::new(words.iter().chain(units), &values.together()).only_if(whose.has(units))
}
