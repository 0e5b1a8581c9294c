//! Commands that the configuration writes out: `start` and `stop`.

use serde::{Deserialize, Serialize};

use crate::model::deploy::command::CommandLine;
use crate::model::deploy::placeholders::{NoValue, Placeholder, Values};
use crate::model::deploy::words::Words;

/// `start` and `stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain {
    /// Commands that start a side, at least one.
    pub start: Vec<Words>,
    /// Commands that stop it; none where it is a folder, in which nothing runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<Words>,
}

impl Plain {
    /// A command that names an instance is run for each of them.
    pub(in crate::model::deploy) fn commands(
        commands: &[Words],
        values: Values<'_>,
    ) -> Result<Vec<CommandLine>, NoValue> {
        let instances = commands.iter().flat_map(|words| {
            values
                .each(words.names_an_instance())
                .into_iter()
                .map(move |one| (words, one))
        });
        instances
            .map(|(words, instance)| CommandLine::of_words(words, &instance))
            .collect()
    }

    pub(in crate::model::deploy) fn names(&self, placeholder: Placeholder) -> bool {
        self.start
            .iter()
            .chain(&self.stop)
            .any(|words| words.names(placeholder))
    }
}
