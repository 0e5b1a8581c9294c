//! `proxyd`, the daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    greengate::control::run(std::env::args_os())
}
