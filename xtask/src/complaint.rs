//! What goes wrong, and how the command line says it: `error:` lines, then one `hint:`.

use std::fmt;
use std::process::ExitCode;

/// Problems that belong together, and what to do about them.
#[derive(Debug)]
pub struct Complaint {
    pub problems: Vec<String>,
    pub hint: String,
}

/// A command that we ran has said what is wrong itself; we end with its code.
#[derive(Debug)]
pub struct Exit(pub u8);

impl Complaint {
    pub fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problems: vec![problem.into()],
            hint: hint.into(),
        }
    }

    /// An error if there are any problems.
    pub fn unless_empty(problems: Vec<String>, hint: &str) -> anyhow::Result<()> {
        if problems.is_empty() {
            return Ok(());
        }
        Err(Self {
            problems,
            hint: hint.to_owned(),
        }
        .into())
    }
}

/// Prints the error to stderr and gives the exit code that goes with it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(Exit(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    match error.downcast_ref::<Complaint>() {
        Some(complaint) => eprintln!("{complaint}"),
        None => eprintln!("error: {error:#}"),
    }
    ExitCode::FAILURE
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "error: {problem}")?;
        }
        write!(f, "hint: {}", self.hint)
    }
}

impl std::error::Error for Complaint {}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a command ended with code {}", self.0)
    }
}

impl std::error::Error for Exit {}
