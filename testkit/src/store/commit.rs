//! A commit and a cancelling in memory: everything is checked before anything changes.

use std::path::Path;

use jiff::Timestamp;
use kunder::store::artifact_path;
use kunder_agent_core::bus::Announcement;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::{Commit, CommitError, End, NewTask};
use kunder_agent_core::letter::NewLetter;
use kunder_agent_core::outcome::Outcome;
use kunder_domain::change::Change;
use kunder_domain::fact::Fact;

use super::Memory;
use super::tasks::State;

impl Memory {
    pub(super) fn commit(&mut self, commit: Commit<Change>, recorded: Timestamp) -> Result<(), CommitError> {
        check_shape(&commit)?;
        let place = self.check(&commit)?;
        let Commit {
            task,
            end,
            changes,
            follow_ups,
            announcements,
            artifacts,
            letter,
            ..
        } = commit;
        for artifact in artifacts {
            self.artifacts.insert(artifact.path, artifact.content);
        }
        for change in changes {
            match change {
                Change::Fact(fact) => drop(self.facts.ingest(vec![fact], recorded)),
                Change::SameHealth(same) => self.health.again(&same),
                Change::Signals(new) => {
                    let new = new.into_iter().map(|one| (one.customer, one.body));
                    self.signals.extend(new);
                }
                Change::Health(records) => records.into_iter().for_each(|record| self.health.insert(record)),
            }
        }
        for follow_up in &follow_ups {
            self.tasks.insert(follow_up);
        }
        match end {
            End::Done(outcome) => self.end(place, *outcome),
            End::Wait(children) => {
                for child in children {
                    self.tasks.insert(&NewTask {
                        parent: Some(task.clone()),
                        ..child
                    });
                }
                self.tasks.park(place);
                // None may be open: there were none to wait for, or an earlier try asked for them and they have ended.
                self.tasks.join(&task);
            }
        }
        for announcement in announcements {
            self.outbox.insert(announcement);
        }
        if let Some(letter) = letter {
            self.letters.insert(letter);
        }
        Ok(())
    }

    pub(super) fn cancel(
        &mut self,
        task: &TaskId,
        outcome: Outcome,
        announcements: Vec<Announcement>,
        letter: Option<NewLetter>,
    ) -> Result<(), CommitError> {
        check_outcome(task, &outcome)?;
        let place = self.open(task)?;
        for below in self.tasks.open_below(task) {
            let new = &self.tasks.entry(below).new;
            let ended = outcome.of_one_below(&new.task, &new.agent, new.now);
            self.tasks.finish(below, ended);
        }
        self.end(place, outcome);
        for announcement in announcements {
            self.outbox.insert(announcement);
        }
        if let Some(letter) = letter {
            self.letters.insert(letter);
        }
        Ok(())
    }

    fn end(&mut self, place: usize, outcome: Outcome) {
        self.tasks.finish(place, outcome);
        if let Some(parent) = self.tasks.entry(place).new.parent.clone() {
            self.tasks.join(&parent);
        }
    }

    /// Whether the task is still ours, and what it rests on has not moved.
    fn check(&self, commit: &Commit<Change>) -> Result<usize, CommitError> {
        let task = || commit.task.clone();
        let place = self.open(&commit.task)?;
        // A task that is not running may be ended by the holder of the present lease: its deadline can pass before it was started.
        let lease = match self.tasks.entry(place).state {
            State::Running { epoch } => epoch,
            State::Queued | State::Waiting | State::Ended(_) => self.tasks.epoch,
        };
        if lease != commit.epoch {
            return Err(CommitError::LeaseLost { task: task() });
        }
        let moved = commit
            .expects
            .iter()
            .find(|expect| self.facts.version(&expect.entity) != expect.version);
        moved.map_or(Ok(place), |expect| {
            Err(CommitError::Stale {
                task: task(),
                entity: format!("customer {}", expect.entity),
            })
        })
    }

    /// The task that is to end.
    fn open(&self, task: &TaskId) -> Result<usize, CommitError> {
        let place = self
            .tasks
            .place(task)
            .ok_or_else(|| invalid(task, "it was never accepted".to_owned()))?;
        if self.tasks.entry(place).is_open() {
            Ok(place)
        } else {
            Err(CommitError::AlreadyDone { task: task.clone() })
        }
    }
}

/// Whether it can be stored at all.
fn check_shape(commit: &Commit<Change>) -> Result<(), CommitError> {
    if let End::Done(outcome) = &commit.end {
        check_outcome(&commit.task, outcome)?;
    }
    let nameless = commit
        .changes
        .iter()
        .filter_map(Change::fact)
        .find(|fact| fact.id.is_empty() || fact.customer.as_str().is_empty());
    if let Some(Fact { id, customer, .. }) = nameless {
        let reason = format!("fact {id:?} of customer {:?} has an empty id", customer.as_str());
        return Err(invalid(&commit.task, reason));
    }
    for artifact in &commit.artifacts {
        artifact_path(Path::new(""), &artifact.path)
            .map_err(|error| invalid(&commit.task, error.to_string()))?;
    }
    Ok(())
}

fn check_outcome(task: &TaskId, outcome: &Outcome) -> Result<(), CommitError> {
    if outcome.task_id == *task {
        Ok(())
    } else {
        Err(invalid(
            task,
            format!("its outcome is that of task {}", outcome.task_id),
        ))
    }
}

fn invalid(task: &TaskId, reason: String) -> CommitError {
    CommitError::Invalid {
        task: task.clone(),
        reason,
    }
}
