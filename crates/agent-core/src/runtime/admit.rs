//! Admission: find the agent, refuse what cannot be served, reserve a place, journal, and only then say yes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::mailbox::Letter;
use super::places::Full;
use super::{Core, Runtime};
use crate::door::{Answer, Receipt, Refusal, RefusalCode};
use crate::envelope::Envelope;
use crate::id::{Address, AgentName, TaskId};
use crate::journal::{Acceptance, JournalError, NewTask, TaskStatus};
use crate::task::Task;

impl<P: Send + Sync + 'static, C: Send + 'static> Runtime<P, C> {
    /// Accepts a task; `addressed` is the agent its subject names. It is on disk when this returns.
    ///
    /// # Errors
    /// A refusal, of which nothing was journaled: 400 for a bad field, 404 for an unknown agent or command,
    /// 409 for an id that belongs to another body, 429 for a full mailbox, 503 while draining or without a store.
    pub async fn submit(&self, envelope: Envelope, addressed: Option<&str>) -> Result<Receipt, Refusal> {
        self.admit(envelope, addressed, true).await
    }

    /// Accepts a task that was accepted before, under a new id: also one that an agent asks only itself.
    ///
    /// # Errors
    /// As [`Runtime::submit`].
    pub async fn replay(&self, task: Task) -> Result<Receipt, Refusal> {
        let warnings = Vec::new();
        self.admit(Envelope { task, warnings }, None, false).await
    }

    async fn admit(
        &self,
        envelope: Envelope,
        addressed: Option<&str>,
        from_outside: bool,
    ) -> Result<Receipt, Refusal> {
        let core = &self.core;
        if core.draining.load(Ordering::Acquire) {
            return Err(Refusal::new(RefusalCode::Unavailable, "the runtime is stopping")
                .hint("send the task again when it is back"));
        }
        let Envelope { mut task, warnings } = envelope;
        let name = resolve(core, &task, addressed)?;
        let slot = &core.slots[&name];
        task.agent = Some(name.to_string());
        if from_outside {
            command_exists(&task, &name, slot.agent.commands())?;
        }
        if let Err(refusal) = times_fit(core, &task) {
            // A second delivery is answered as the first was, also when its time is over by now.
            if !core.journal.knows(&task.task_id).await.map_err(away)? {
                return Err(refusal);
            }
        }

        let bytes = || task.size_bytes();
        let place = match slot.mailbox.places.reserve(task.requester(), bytes, core.now()) {
            Ok(place) => Some(place),
            // Also a full mailbox answers a second delivery as the first.
            Err(full) if !core.journal.knows(&task.task_id).await.map_err(away)? => {
                return Err(busy(core, &name, &task, &full));
            }
            Err(_) => None,
        };
        let lane = slot.agent.lane(&task, &core.portfolio).await;
        let task_id = task.task_id.clone();
        let new = NewTask {
            task,
            agent: name.clone(),
            lane,
            now: core.now(),
            parent: None,
            not_before: None,
            announced: true,
            warnings,
        };
        match core.journal.accept(new).await.map_err(away)? {
            Acceptance::New(record) => {
                let has_deadline = record.new.task.deadline.is_some();
                match place {
                    Some(place) => {
                        core.lanes.ticket(&record);
                        slot.mailbox.letters().put(Letter::Task(Box::new(record), place));
                    }
                    None => slot.mailbox.nudge(),
                }
                if has_deadline {
                    core.timers.notify_one();
                }
                tracing::debug!(task = %task_id, agent = %name, "task accepted");
                Ok(Receipt {
                    task_id,
                    agent: name,
                    known: false,
                })
            }
            Acceptance::Known(status) => {
                if status.outcome.is_none() {
                    // Whoever submitted it first may have gone away between the journal and the mailbox.
                    slot.mailbox.nudge();
                }
                Ok(Receipt {
                    task_id,
                    agent: status.agent,
                    known: true,
                })
            }
            Acceptance::Conflict => {
                let message = format!("`{task_id}` belongs to a task with another body");
                let refusal = Refusal {
                    code: RefusalCode::Conflict,
                    ..Refusal::field("taskId", message)
                };
                Err(refusal.hint("send the same body for the same task, or choose a new id"))
            }
        }
    }

    /// Waits for the outcome of a task, at most `wait`.
    ///
    /// # Errors
    /// 404 for a task that was never accepted, 503 without a store.
    pub async fn outcome(&self, task: &TaskId, wait: Duration) -> Result<Answer, Refusal> {
        let core = &self.core;
        let mut waiter = core.waiters.wait(task);
        let mut status = self.status(task).await?;
        if status.outcome.is_none() {
            let until =
                core.now() + jiff::SignedDuration::try_from(wait).unwrap_or(jiff::SignedDuration::MAX);
            let told = tokio::select! {
                biased;
                told = waiter.told() => told,
                () = core.clock.sleep_until(until) => None,
            };
            if let Some(outcome) = told {
                return Ok(Answer::Outcome(Box::new(outcome.as_ref().clone())));
            }
            status = self.status(task).await?;
        }
        Ok(match status.outcome.take() {
            Some(outcome) => Answer::Outcome(Box::new(outcome)),
            None => Answer::Pending(Box::new(status)),
        })
    }

    /// What is known of a task.
    ///
    /// # Errors
    /// 404 for a task that was never accepted, 503 without a store.
    pub async fn status(&self, task: &TaskId) -> Result<TaskStatus, Refusal> {
        let status = self.core.journal.status(task).await.map_err(away)?;
        status.ok_or_else(|| Refusal {
            code: RefusalCode::Unknown,
            ..Refusal::field("taskId", format!("`{task}` is not known"))
        })
    }
}

pub(super) fn away(error: JournalError) -> Refusal {
    Refusal::new(RefusalCode::Unavailable, error.to_string()).hint("try again later")
}

/// The refusal of a full mailbox, or of a requester that has its share of one.
fn busy<P, C>(core: &Core<P, C>, name: &AgentName, task: &Task, full: &Full) -> Refusal {
    let (taken, places) = (full.taken, core.config.mailbox);
    let message = if full.mine == 0 {
        format!("the mailbox of {name} is full ({taken} tasks)")
    } else {
        let who = match task.requester() {
            "" => "those who do not say who they are",
            requester => requester,
        };
        let mine = full.mine;
        format!("the mailbox of {name} holds {mine} tasks of {who} ({taken} of {places} places are taken)")
    };
    let mut refusal = Refusal::new(RefusalCode::Busy, message);
    refusal.retry_after_ms = Some(u64::try_from(full.retry_after.as_millis()).unwrap_or(u64::MAX));
    refusal
}

fn resolve<P, C>(core: &Core<P, C>, task: &Task, addressed: Option<&str>) -> Result<AgentName, Refusal> {
    let home = core.config.process.as_str();
    let in_body = task.agent.as_deref().map(|text| Address::parse(text, home));
    let in_subject = addressed.map(|text| Address::parse(text, home));
    if let Some(address) = [&in_body, &in_subject]
        .into_iter()
        .flatten()
        .find(|address| address.process != home)
    {
        let refusal = Refusal::field(
            "agent",
            format!("`{address}` belongs to another process, this one is `{home}`"),
        );
        return Err(Refusal {
            code: RefusalCode::Unknown,
            ..refusal
        });
    }
    let names = [in_body, in_subject].map(|address| address.map(|address| AgentName::new(&address.agent)));
    let name = match names {
        [Some(body), Some(subject)] if body != subject => {
            return Err(
                Refusal::field("agent", format!("is `{body}` but the subject names `{subject}`"))
                    .hint("name the same agent in both places, or leave one out"),
            );
        }
        [Some(name), _] | [None, Some(name)] => name,
        [None, None] => {
            return Err(
                Refusal::field("agent", "is missing").hint(format!("the agents are {}", listed(core)))
            );
        }
    };
    if core.slots.contains_key(&name) {
        return Ok(name);
    }
    let refusal = Refusal {
        code: RefusalCode::Unknown,
        ..Refusal::field("agent", format!("`{name}` is not an agent of `{home}`"))
    };
    Err(refusal.hint(format!("the agents are {}", listed(core))))
}

fn listed<P, C>(core: &Core<P, C>) -> String {
    core.slots
        .keys()
        .map(AgentName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn command_exists(task: &Task, name: &AgentName, commands: &[&str]) -> Result<(), Refusal> {
    match task.command() {
        Some(command) if !commands.contains(&command) => {
            let refusal = Refusal::field(
                "instruction.command",
                format!("`{command}` is not a command of {name}"),
            );
            Err(Refusal {
                code: RefusalCode::Unknown,
                ..refusal
            }
            .hint(format!("its commands are {}", commands.join(", "))))
        }
        _ => Ok(()),
    }
}

fn times_fit<P, C>(core: &Core<P, C>, task: &Task) -> Result<(), Refusal> {
    let now = core.now();
    if let Some(deadline) = task.deadline.filter(|deadline| *deadline <= now) {
        return Err(Refusal::field(
            "deadline",
            format!("is in the past: {deadline}, it is {now}"),
        ));
    }
    let Some(day) = task.as_of else {
        return Ok(());
    };
    let today = now.to_zoned(core.config.zone.clone()).date();
    if day > today {
        return Err(Refusal::field(
            "asOf",
            format!("is in the future: {day}, today is {today}"),
        ));
    }
    Ok(())
}

impl<P, C> Core<P, C> {
    /// Whether a task commits its outcome and nothing else: a dry run, or as of a past day.
    pub(super) fn is_rehearsal(&self, task: &Task, now: jiff::Timestamp) -> bool {
        let today = || now.to_zoned(self.config.zone.clone()).date();
        task.dry_run || task.as_of.is_some_and(|day| day < today())
    }
}
