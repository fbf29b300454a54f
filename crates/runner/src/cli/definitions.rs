//! `kunder definitions check`: what is odd or wrong in a folder of rules, before anything runs by it (requirements A7.5).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use kunder_domain::definitions::{DefinitionErrors, Definitions, Level, Lint, PACKS};
use serde::Serialize;

use super::{Common, Failure, output};
use crate::app;

#[derive(Subcommand)]
pub(crate) enum DefinitionsCommand {
    /// Check every file: exit 1 where something is wrong, 0 with warnings
    Check {
        /// The folder of one organisation [default: all that are shipped]
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// One line for machines.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    folder: &'a str,
    file: &'a str,
    line: Option<usize>,
    level: String,
    what: &'a str,
    mend: &'a str,
    decision: Option<&'a str>,
}

pub(super) fn run(common: &Common, command: DefinitionsCommand) -> Result<ExitCode, Failure> {
    let DefinitionsCommand::Check { folder } = command;
    let checked = match folder.as_ref().or(common.definitions.as_ref()) {
        Some(folder) => {
            let files = app::definition_files(folder)?;
            vec![(
                folder.display().to_string(),
                lints(Definitions::parse_over_shipped(&files)),
            )]
        }
        None => PACKS
            .iter()
            .map(|pack| (format!("definitions/{}", pack.name), lints(pack.load())))
            .collect(),
    };
    let (mut errors, mut warnings) = (0, 0);
    for (folder, lints) in &checked {
        for lint in lints {
            match lint.level {
                Level::Error => errors += 1,
                Level::Warning => warnings += 1,
            }
            tell(folder, lint, common.json);
        }
    }
    if !common.json {
        let count = |number: usize, one: &str, many: &str| {
            format!("{number} {}", if number == 1 { one } else { many })
        };
        output::line(&format!(
            "{} checked: {}, {}",
            count(checked.len(), "folder", "folders"),
            count(errors, "error", "errors"),
            count(warnings, "warning", "warnings")
        ));
    }
    Ok(if errors > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn lints(loaded: Result<Definitions, DefinitionErrors>) -> Vec<Lint> {
    match loaded {
        Ok(definitions) => definitions.warnings,
        Err(errors) => {
            let error = |fault| Lint {
                level: Level::Error,
                fault,
                decision: None,
            };
            errors.0.into_iter().map(error).collect()
        }
    }
}

fn tell(folder: &str, lint: &Lint, as_json: bool) {
    let fault = &lint.fault;
    if as_json {
        return output::json(&Told {
            folder,
            file: &fault.file,
            line: fault.line,
            level: lint.level.to_string(),
            what: &fault.what,
            mend: &fault.mend,
            decision: lint.decision.as_deref(),
        });
    }
    let line = fault.line.map(|line| format!(":{line}")).unwrap_or_default();
    output::line(&format!(
        "{folder}/{}{line}: {}: {}; {}",
        fault.file, lint.level, fault.what, fault.mend
    ));
}
