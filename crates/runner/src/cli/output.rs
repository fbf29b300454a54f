//! Data to stdout; a closed pipe is the reader's right and ends the command quietly.

use std::io::Write;
use std::process::ExitCode;

use kunder_agent_core::outcome::{Outcome, Status};
use serde::Serialize;

use crate::chat::words;

/// One line to stdout.
pub(super) fn line(text: &str) {
    let mut stdout = std::io::stdout().lock();
    if writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}

/// One JSON object on one line to stdout.
pub(super) fn json(value: &impl Serialize) {
    line(&serde_json::to_string(value).expect("what is printed is plain data and always serializes"));
}

/// An outcome, for a person or a machine.
pub(super) fn outcome(outcome: &Outcome, as_json: bool) -> ExitCode {
    if as_json {
        json(outcome);
    } else {
        line(&words(outcome));
        for warning in &outcome.warnings {
            eprintln!("note: {warning}");
        }
    }
    match outcome.report.status {
        Status::Complete | Status::Partial => ExitCode::SUCCESS,
        Status::Failed => ExitCode::FAILURE,
    }
}

/// For a machine one block of an outcome, and what is missing from it to stderr; for a person the outcome in words.
pub(super) fn block(answered: &Outcome, name: &str, as_json: bool) -> ExitCode {
    let Some(block) = answered.report.blocks.get(name).filter(|_| as_json) else {
        return outcome(answered, as_json);
    };
    json(block);
    for blocker in &answered.report.blockers {
        eprintln!("note: {blocker}");
    }
    ExitCode::SUCCESS
}
