//! What a command fails with: `error: what`, then `hint: what to do`, and an exit code.

use std::process::ExitCode;

use kunder_agent_core::door::{Refusal, RefusalCode};

/// A failure of the command line.
#[derive(Debug)]
pub struct Failure {
    what: String,
    hint: Option<String>,
    code: u8,
    held: bool,
}

impl Failure {
    /// Exit code 1.
    #[must_use]
    pub fn failed(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            code: 1,
            held: false,
        }
    }

    /// Exit code 2: usage or configuration.
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            code: 2,
            held: false,
        }
    }

    /// A refusal of the runtime: what the caller sent wrong is usage, the rest is failure.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        let code = match refusal.code {
            RefusalCode::Malformed | RefusalCode::Unknown | RefusalCode::Conflict | RefusalCode::TooLarge => {
                2
            }
            RefusalCode::Busy | RefusalCode::Unavailable => 1,
        };
        let usual = match refusal.code {
            RefusalCode::Malformed => {
                "what is taken stands in protocols/, with examples; kunder schema --out DIR writes it"
            }
            RefusalCode::Unknown => "kunder task list shows what there is",
            RefusalCode::Conflict => "send the same body for the same task, or choose a new id",
            RefusalCode::TooLarge => "put large data into a file and send its reference",
            RefusalCode::Busy | RefusalCode::Unavailable => "try again later",
        };
        Self {
            what: refusal.to_string(),
            hint: refusal.hint.or_else(|| Some(usual.to_owned())),
            code,
            held: false,
        }
    }

    /// What went wrong, on one line.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The data folder is in use by another process.
    #[must_use]
    pub fn held(what: impl Into<String>) -> Self {
        Self {
            held: true,
            ..Self::usage(what)
        }
    }

    #[must_use]
    pub fn folder_is_held(&self) -> bool {
        self.held
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An error with its causes, on one line.
    #[must_use]
    pub fn chain(error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    pub(super) fn print(&self) -> ExitCode {
        eprintln!("error: {}", self.what);
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
        ExitCode::from(self.code)
    }
}
