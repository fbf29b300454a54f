//! `kunder ask`: a quick command in, words or an outcome out.

use std::process::ExitCode;
use std::sync::Arc;

use kunder_agent_core::clock::Clock;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::outcome::Outcome;

use super::{AskArgs, Common, Failure, output};
use crate::client::Client;
use crate::control::{ChatRequest, Request, Response};
use crate::progress;

/// How long one call waits before progress is shown.
const SLICE_MS: u64 = 400;

pub(super) async fn run(common: &Common, args: AskArgs, clock: Arc<dyn Clock>) -> Result<ExitCode, Failure> {
    let mut client = common.client(clock).await?;
    let request = ChatRequest {
        text: args.text.join(" "),
        locale: args.locale.map(Into::into),
        user: std::env::var("USER").ok(),
        conversation: args.conversation,
        as_of: args.as_of,
        wait_ms: Some(SLICE_MS),
    };
    let asked = ask(&mut client, request).await;
    client.close().await;
    Ok(output::outcome(&asked?, common.json))
}

/// Asks, and waits for the outcome however long it takes.
pub(super) async fn ask(client: &mut Client, request: ChatRequest) -> Result<Outcome, Failure> {
    let reply = match client.call(&Request::Ask(request)).await? {
        Response::Chat(reply) => reply,
        other => return Err(unexpected(&other)),
    };
    match (reply.outcome, reply.task_id) {
        (Some(outcome), _) => Ok(outcome),
        (None, Some(task_id)) => wait(client, task_id).await,
        (None, None) => Err(Failure::failed("the runtime gave no answer")),
    }
}

/// Waits for an outcome, with progress for a person who watches.
pub(super) async fn wait(client: &mut Client, task_id: TaskId) -> Result<Outcome, Failure> {
    let bar = progress::bar(1, progress::PARTS, "working");
    loop {
        let request = Request::Outcome {
            task_id: task_id.clone(),
            wait_ms: SLICE_MS,
        };
        match client.call(&request).await? {
            Response::Outcome(outcome) => {
                bar.finish_and_clear();
                return Ok(*outcome);
            }
            Response::Pending(status) => {
                if let Some((done, all)) = status.progress {
                    bar.set_length(all);
                    bar.set_position(done);
                }
            }
            other => return Err(unexpected(&other)),
        }
    }
}

pub(super) fn unexpected(response: &Response) -> Failure {
    let text = serde_json::to_string(response).unwrap_or_default();
    Failure::failed(format!(
        "the runtime answered something else than was asked: {}",
        text.chars().take(200).collect::<String>()
    ))
}
