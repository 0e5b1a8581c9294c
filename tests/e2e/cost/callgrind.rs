//! `proxyd` under callgrind, and what that has counted.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::door::{Door, TIMES, UNDER};
use crate::common::operation::run;
use crate::common::tool::tool;

/// How the daemon runs: every thread counted for itself, with its system calls. What a function costs is told without its lines.
/// The folder is its working directory.
const VALGRIND: &str = "valgrind\n--quiet\n--tool=callgrind\n--separate-threads=yes\n--collect-systime=yes\n--dump-line=no\n\
                        --compress-strings=no\n--compress-pos=no\n--callgrind-out-file=counted\n--vgdb-prefix=./vgdb";

/// Chores come with the time, and a busy machine has more of them for each request. With still fewer, most new timers would be the next
/// to come, and for such a one tokio wakes itself.
const FEW_CHORES: &str = "chores=1000";

/// Boots `proxyd` under callgrind.
pub(super) async fn start(server: &str, config: &str) -> Door {
    let any = "127.0.0.1:0".parse().expect("an address");
    // Says who installs it where it is missing.
    let _ = tool("valgrind");
    Door::start_at(any, any, server, config, |folder| {
        std::fs::write(folder.join(UNDER), VALGRIND).expect("the options can be written");
        std::fs::write(folder.join(TIMES), FEW_CHORES).expect("the times can be written");
    })
    .await
}

/// Writes down what was counted since the last time, under a name, and begins anew. (`zero`, which writes nothing, forgets no system calls.)
pub(super) async fn dump(door: &Door, name: &str) {
    let mut command = tool("vgdb");
    command
        .arg("--vgdb-prefix=./vgdb")
        .arg(format!("--pid={}", door.process().pid()))
        .args(["dump", name])
        .current_dir(door.folder());
    run(command).await.assert_code(0);
}

/// What was written down under a name, of the thread that has called a function.
pub(super) fn of_thread(door: &Door, name: &str, function: &str) -> Profile {
    let mut found = profiles(door.folder(), name);
    found.retain(|profile| profile.calls(&[function]) > 0);
    assert_eq!(found.len(), 1, "one thread has called `{function}`");
    found.remove(0)
}

fn profiles(folder: &Path, name: &str) -> Vec<Profile> {
    let files = std::fs::read_dir(folder).expect("the folder can be read");
    let files = files.map(|file| file.expect("a file").path());
    let files = files.filter(|file| {
        file.file_name()
            .is_some_and(|file| file.as_encoded_bytes().starts_with(b"counted."))
    });
    let texts = files.map(|file| std::fs::read_to_string(file).expect("what was counted can be read"));
    let trigger = format!("\ndesc: Trigger: dump {name}\n");
    texts
        .filter(|text| text.contains(&trigger))
        .map(|text| Profile::parse(&text))
        .collect()
}

/// What one thread has done.
#[derive(Debug, Default)]
pub(super) struct Profile {
    functions: BTreeMap<String, Function>,
}

#[derive(Debug, Default)]
struct Function {
    calls: u64,
    /// Instructions of its own.
    own: u64,
    /// Instructions, with those of the functions that it has called.
    inclusive: u64,
    system_calls: u64,
}

impl Profile {
    /// Reads a file of callgrind (its manual, "Callgrind Format Specification").
    fn parse(text: &str) -> Self {
        let mut functions = BTreeMap::<String, Function>::new();
        let (mut here, mut called, mut is_call) = (String::new(), String::new(), false);
        for line in text.lines() {
            if let Some(events) = line.strip_prefix("events: ") {
                assert_eq!(events, "Ir sysCount sysTime", "what is counted, in this order");
            } else if let Some(name) = line.strip_prefix("fn=") {
                here = plain(name);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                called = plain(name);
            } else if let Some(calls) = line.strip_prefix("calls=") {
                let calls = calls.split(' ').next().and_then(|calls| calls.parse::<u64>().ok());
                functions.entry(called.clone()).or_default().calls += calls.expect("how often it was called");
                is_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit()) {
                // Behind the place, and without zeros at the end.
                let mut costs = line.split(' ').skip(1).map(|cost| cost.parse::<u64>().expect("a cost"));
                let (instructions, system_calls) = (costs.next().unwrap_or(0), costs.next().unwrap_or(0));
                if std::mem::take(&mut is_call) {
                    functions.entry(called.clone()).or_default().inclusive += instructions;
                } else {
                    let function = functions.entry(here.clone()).or_default();
                    function.own += instructions;
                    function.system_calls += system_calls;
                }
            }
        }
        Self { functions }
    }

    /// All instructions.
    pub(super) fn instructions(&self) -> u64 {
        self.functions.values().map(|function| function.own).sum()
    }

    /// How often these functions were called, all together.
    pub(super) fn calls(&self, names: &[&str]) -> u64 {
        self.sum(names, |function| function.calls)
    }

    /// The instructions of these functions and of all that they have called.
    pub(super) fn inclusive(&self, names: &[&str]) -> u64 {
        self.sum(names, |function| function.inclusive)
    }

    /// The functions that have called the kernel, and how often.
    pub(super) fn system_calls(&self) -> Vec<(String, u64)> {
        let functions = self.functions.iter().filter(|(_, function)| function.system_calls > 0);
        functions
            .map(|(name, function)| (name.clone(), function.system_calls))
            .collect()
    }

    fn sum(&self, names: &[&str], what: impl Fn(&Function) -> u64) -> u64 {
        let is_one = |function: &str| {
            names.iter().any(|name| {
                let rest = function.strip_prefix(name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::<"))
            })
        };
        let functions = self.functions.iter().filter(|(name, _)| is_one(name));
        functions.map(|(_, function)| what(function)).sum()
    }
}

/// A name without what differs from build to build: a crate's hash (`greengate[0123456789abcdef]`), and a symbol's version (`send@@GLIBC_2.2.5`).
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name.split('@').next().unwrap_or(name);
    while let Some((before, behind)) = rest.split_once('[') {
        plain.push_str(before);
        match behind.split_once(']') {
            Some((hash, behind)) if !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                rest = behind
            }
            _ => {
                plain.push('[');
                rest = behind;
            }
        }
    }
    plain + rest
}
