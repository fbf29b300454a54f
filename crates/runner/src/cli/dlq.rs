//! `kunder dlq`: dead letters, read, replayed and dropped.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::letter::{DeadLetter, FullLetter, LetterId, LetterKind, LetterState};
use serde_json::Value;

use super::{Common, Failure, ask, output};
use crate::client::Client;
use crate::control::{Replays, Request, Response};
use crate::progress;

/// Letters asked for at a time.
const PAGE: usize = 500;
/// Letters that stay open are named up to this many; the list shows all.
const REFUSED_NAMED_MAX: usize = 10;

#[derive(Subcommand)]
pub(crate) enum DlqCommand {
    /// Open letters, the newest first: when, what, for whom, and why it was given up
    List {
        /// How many at most
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: usize,
        /// Replayed and dropped ones too
        #[arg(long)]
        all: bool,
    },
    /// One letter with everything it holds
    Show {
        /// The letter's id
        id: String,
    },
    /// Try once more what a letter holds; twice is once
    Replay(ReplayArgs),
    /// Put a letter aside; it can still be replayed
    Drop {
        /// The letter's id
        id: String,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ReplayArgs {
    /// The letter's id
    id: Option<String>,
    /// Every open letter, the oldest first
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(
    common: &Common,
    command: DlqCommand,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let mut client = common.client(Arc::clone(&clock)).await?;
    let done = match command {
        DlqCommand::List { limit, all } => list(&mut client, limit, all, common.json).await,
        DlqCommand::Show { id } => show(&mut client, id, common.json).await,
        DlqCommand::Replay(ReplayArgs { id: Some(id), .. }) => {
            let request = Request::Replay {
                id: LetterId::new(id),
            };
            end(&mut client, &request, common.json).await
        }
        DlqCommand::Replay(ReplayArgs { id: None, .. }) => {
            replay_all(&mut client, clock.as_ref(), common.json).await
        }
        DlqCommand::Drop { id } => {
            let request = Request::Drop {
                id: LetterId::new(id),
            };
            end(&mut client, &request, common.json).await
        }
    };
    client.close().await;
    done
}

async fn list(client: &mut Client, limit: usize, all: bool, as_json: bool) -> Result<ExitCode, Failure> {
    let (mut before, mut left, mut shown) = (None, limit, 0_usize);
    while left > 0 {
        let limit = left.min(PAGE);
        let letters = match client.call(&Request::Letters { before, limit, all }).await? {
            Response::Letters(letters) => letters,
            other => return Err(ask::unexpected(&other)),
        };
        for letter in &letters {
            row(letter, as_json);
        }
        shown += letters.len();
        left -= letters.len();
        before = letters.last().map(|letter| letter.number);
        if letters.len() < limit {
            break;
        }
    }
    if !as_json && shown == 0 {
        eprintln!("no {} letters", if all { "dead" } else { "open dead" });
    } else if !as_json {
        let more = if left == 0 { "; --limit shows more" } else { "" };
        eprintln!("kunder dlq show ID tells what a letter holds{more}");
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(client: &mut Client, id: String, as_json: bool) -> Result<ExitCode, Failure> {
    let full = match client
        .call(&Request::Letter {
            id: LetterId::new(id),
        })
        .await?
    {
        Response::Letter(full) => full,
        other => return Err(ask::unexpected(&other)),
    };
    if as_json {
        output::json(&full.shown());
    } else {
        output::line(&words(&full));
    }
    Ok(ExitCode::SUCCESS)
}

async fn end(client: &mut Client, request: &Request, as_json: bool) -> Result<ExitCode, Failure> {
    let letter = match client.call(request).await? {
        Response::Ended(letter) => letter,
        other => return Err(ask::unexpected(&other)),
    };
    if as_json {
        output::json(&letter);
    } else {
        output::line(&format!("{} {}", letter.id, became(&letter)));
        if let Some(task) = &letter.replayed_as {
            eprintln!("kunder task status {task} tells how it ends");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Batch by batch; where the runtime is full, it waits until there is room.
async fn replay_all(client: &mut Client, clock: &dyn Clock, as_json: bool) -> Result<ExitCode, Failure> {
    let bar = progress::bar(1, progress::PARTS, "replaying");
    let (mut after, mut upto) = (0, None);
    let mut sum = Replays::default();
    loop {
        let batch = match client.call(&Request::ReplayNext { after, upto }).await {
            Ok(Response::Replays(batch)) => batch,
            Ok(other) => return Err(ask::unexpected(&other)),
            Err(failure) => {
                eprintln!("{} replayed before that", letters(sum.replayed));
                return Err(failure);
            }
        };
        sum.replayed += batch.replayed;
        sum.refused.extend(batch.refused);
        (after, upto) = (batch.after, Some(batch.upto));
        bar.set_length(batch.upto.max(1));
        bar.set_position(after);
        if !batch.more {
            break;
        }
        if let Some(wait_ms) = batch.retry_after_ms {
            let wait = SignedDuration::from_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX));
            clock.sleep_until(clock.now() + wait).await;
        }
    }
    bar.finish_and_clear();
    if as_json {
        let refused: Vec<Value> = sum
            .refused
            .iter()
            .map(|(id, reason)| serde_json::json!({"id": id, "reason": reason}))
            .collect();
        output::json(&serde_json::json!({"replayed": sum.replayed, "refused": refused}));
    } else {
        output::line(&format!("{} replayed", letters(sum.replayed)));
        for (id, reason) in sum.refused.iter().take(REFUSED_NAMED_MAX) {
            eprintln!("{id} stays open: {reason}");
        }
        if let Some(others) = sum
            .refused
            .len()
            .checked_sub(REFUSED_NAMED_MAX)
            .filter(|others| *others > 0)
        {
            eprintln!("and {others} more stay open: kunder dlq list");
        }
    }
    Ok(if sum.refused.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn letters(count: u64) -> String {
    match count {
        1 => "1 letter".to_owned(),
        _ => format!("{count} letters"),
    }
}

fn row(letter: &DeadLetter, as_json: bool) {
    if as_json {
        return output::json(letter);
    }
    let state = match letter.state {
        LetterState::Open => "",
        LetterState::Replayed => "(replayed) ",
        LetterState::Dropped => "(dropped) ",
    };
    output::line(&format!(
        "{}  {}  {:<12}  {:<17}  {state}{}",
        letter.id,
        letter.at.strftime("%Y-%m-%d %H:%M:%SZ"),
        letter.kind.as_str(),
        letter.to,
        letter.reason
    ));
}

/// What became of a letter: `is replayed as task k-…`.
fn became(letter: &DeadLetter) -> String {
    match (letter.state, &letter.replayed_as) {
        (LetterState::Open, _) => "is open".to_owned(),
        (LetterState::Replayed, Some(task)) => format!("is replayed as task {task}"),
        (LetterState::Replayed, None) => "is announced again".to_owned(),
        (LetterState::Dropped, _) => "is dropped".to_owned(),
    }
}

fn words(full: &FullLetter) -> String {
    let letter = &full.letter;
    let (kind, to) = match letter.kind {
        LetterKind::Task => ("a task that could not be worked on", "agent"),
        LetterKind::Announcement => ("something of ours that could not be delivered", "to"),
        LetterKind::Message => ("a message that was not accepted", "stream"),
    };
    let times = match letter.replays {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let mut lines = vec![
        format!("letter    {} {}", letter.id, became(letter)),
        format!("what      {kind}"),
        format!("when      {}", letter.at.strftime("%Y-%m-%d %H:%M:%SZ")),
        format!("{to:<8}  {}", letter.to),
        format!("subject   {}", letter.subject),
        format!("why       {}", letter.reason),
        format!("replayed  {times}"),
    ];
    lines.extend(
        full.headers
            .iter()
            .map(|(name, value)| format!("header    {name}: {value}")),
    );
    let body = match serde_json::from_slice::<Value>(&full.body) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(&full.body).into_owned(),
    };
    lines.push(format!("holds     {} bytes", full.body.len()));
    lines.push(body);
    lines.join("\n")
}
