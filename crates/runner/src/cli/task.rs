//! `kunder task`: envelopes in, outcomes out; status, cancellation and the list of tasks.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::envelope::read;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::{TaskState, TaskStatus};
use kunder_agent_core::runtime::RuntimeConfig;
use serde::Serialize;

use super::{Common, Failure, ask, output};
use crate::control::{Request, Response};

#[derive(Subcommand)]
pub(crate) enum TaskCommand {
    /// Send an envelope (JSON) and wait for its outcome
    Send {
        /// The file, or - for standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
        /// The agent, where the envelope names none
        #[arg(long, value_name = "NAME")]
        agent: Option<String>,
    },
    /// How a task stands, with its outcome once there is one
    Status {
        /// The task's id
        id: String,
    },
    /// Cancel a task; one that has ended stays as it ended
    Cancel {
        /// The task's id
        id: String,
    },
    /// The newest tasks first
    List {
        /// How many at most
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: usize,
    },
}

pub(super) async fn run(
    common: &Common,
    command: TaskCommand,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let request = match command {
        TaskCommand::Send { file, agent } => {
            let payload = payload(&file)?;
            // Checked before anything is opened, so that a broken envelope is told at once.
            let limit = common
                .config()?
                .limits
                .payload_bytes_max
                .unwrap_or(RuntimeConfig::default().payload_bytes_max);
            read(&payload, limit).map_err(Failure::refused)?;
            let envelope = String::from_utf8(payload).expect("an envelope that was read is UTF-8");
            Request::Send {
                agent,
                envelope,
                wait_ms: 400,
            }
        }
        TaskCommand::Status { id } => Request::Status {
            task_id: task_id(&id)?,
        },
        TaskCommand::Cancel { id } => {
            let by = std::env::var("USER").unwrap_or_else(|_| "kunder task cancel".to_owned());
            Request::Cancel {
                task_id: task_id(&id)?,
                by,
            }
        }
        TaskCommand::List { limit } => Request::List { limit },
    };
    let cancelling = matches!(request, Request::Cancel { .. });
    let mut client = common.client(clock).await?;
    let answered = match client.call(&request).await {
        Ok(Response::Pending(status)) => ask::wait(&mut client, status.task_id)
            .await
            .map(|outcome| Response::Outcome(Box::new(outcome))),
        other => other,
    };
    client.close().await;
    match answered? {
        Response::Outcome(outcome) => return Ok(output::outcome(&outcome, common.json)),
        Response::Status(status) if cancelling => row(&status, common.json),
        Response::Status(status) => show(&status, common.json),
        Response::List(list) => list.iter().for_each(|status| row(status, common.json)),
        other => return Err(ask::unexpected(&other)),
    }
    Ok(ExitCode::SUCCESS)
}

fn payload(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut payload = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .read_to_end(&mut payload)
            .map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
    } else {
        payload = std::fs::read(file)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    }
    Ok(payload)
}

fn task_id(text: &str) -> Result<TaskId, Failure> {
    TaskId::new(text).map_err(|error| Failure::usage(format!("the task id {error}")))
}

fn show(status: &TaskStatus, as_json: bool) {
    if as_json {
        return match (&status.outcome, progress(status)) {
            (Some(outcome), _) => output::json(outcome),
            (None, None) => output::json(status),
            (None, Some((percent, words))) => output::json(&Live {
                status,
                percent,
                words,
            }),
        };
    }
    row(status, false);
    if let Some((_, words)) = progress(status) {
        output::line(&words);
    }
    if let Some(outcome) = &status.outcome {
        output::line(&crate::chat::words(outcome));
    }
}

/// How a task stands while it works on its pages.
#[derive(Serialize)]
struct Live<'a> {
    #[serde(flatten)]
    status: &'a TaskStatus,
    /// Pages done, in whole percent, rounded down.
    percent: u64,
    words: String,
}

/// How far an open task is, in percent and in words; `None` where it has no pages.
fn progress(status: &TaskStatus) -> Option<(u64, String)> {
    let (done, all) = status.progress.filter(|_| status.outcome.is_none())?;
    let percent = done.saturating_mul(100).checked_div(all)?;
    Some((percent, format!("{done} of {all} pages done ({percent} %)")))
}

fn row(status: &TaskStatus, as_json: bool) {
    if as_json {
        return output::json(status);
    }
    let state = match (&status.outcome, status.state) {
        (Some(outcome), _) => outcome.report.status.as_str(),
        (None, TaskState::Queued) => "queued",
        (None, TaskState::Running) => "running",
        (None, TaskState::Waiting) => "waiting",
        (None, TaskState::Done) => "done",
    };
    let summary = status
        .outcome
        .as_ref()
        .map_or("", |outcome| outcome.report.summary.as_str());
    output::line(&format!(
        "{}  {:<17}  {state:<8}  {}  {summary}",
        status.accepted_at.strftime("%Y-%m-%d %H:%M:%SZ"),
        status.agent.as_str(),
        status.task_id
    ));
}
