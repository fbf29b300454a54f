//! The outcome of a task: the Output Protocol (S3-57), its nine fields named as there, and additive ones.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::criteria::Verdict;
use crate::id::{AgentName, TaskId};
use crate::task::{Locale, Task};

/// The protocol version of results.
pub const OUTCOME_PROTOCOL: &str = "outcome/1";

/// `complete`, `partial` (something is missing: see the blockers) or `failed` (see the blockers for why) (S3-58).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Complete,
    Partial,
    Failed,
}

impl Status {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// The answer to a task; at most one per task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub protocol: String,
    pub task_id: TaskId,
    /// `kunder/customer-health`.
    pub agent: String,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    #[serde(flatten)]
    pub report: Report,
    /// One verdict per acceptance criterion, in their order (D-37).
    #[serde(default)]
    pub criteria: Vec<Verdict>,
    /// What was read differently from how it was written, such as aliases of field names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Lists that were cut to fit, with the full count and the artifact that holds all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<Cut>,
}

/// What an agent says; the runtime makes an [`Outcome`] of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub status: Status,
    /// One sentence.
    pub summary: String,
    /// Paths below the data folder.
    #[serde(default)]
    pub artifacts: Vec<String>,
    #[serde(default)]
    pub customers: CustomerCounts,
    #[serde(default)]
    pub actions: Vec<Action>,
    #[serde(default)]
    pub nps: Nps,
    #[serde(default)]
    pub recommendations: Vec<String>,
    #[serde(default)]
    pub blockers: Vec<String>,
    /// What was read: sources, with how many facts and how new.
    #[serde(default)]
    pub sources: Vec<SourceUse>,
    /// Which definitions decided (S0-36).
    #[serde(default)]
    pub definitions: Vec<DefinitionUse>,
    /// A question back to the asker, with the answers that would do; the same question stands in `blockers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    /// The answer in words, in the language of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What this agent adds: `health`, `onboarding`, `pipeline`, `brief` …
    #[serde(flatten)]
    pub blocks: Map<String, Value>,
}

/// How many customers there are, and in which state (D-03): `total_managed` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerCounts {
    pub total_managed: u64,
    pub healthy: u64,
    #[serde(default)]
    pub neutral: u64,
    pub at_risk: u64,
    pub critical: u64,
    #[serde(default)]
    pub not_scored: u64,
}

/// Something done or to be done for a customer; `outcome` is `pending` until it is known (S3-61).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    pub customer: String,
    pub action: String,
    pub outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Promoters (9–10), passives (7–8), detractors (0–6); the score is computed, null without answers (S3-62).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nps {
    pub score: Option<i64>,
    pub promoters: u64,
    pub passives: u64,
    pub detractors: u64,
    /// Answers.
    #[serde(default)]
    pub n: u64,
    /// Whole points by which the score may be off, upwards or downwards, in 19 of 20 such surveys: 1.96 standard errors of the
    /// mean of +1, 0 and −1 (S1-40). Null under two answers; below some 30 answers it is a rough figure.
    #[serde(default)]
    pub margin: Option<u64>,
}

impl Nps {
    /// Counts answers from 0 to 10: 9 and 10 promote, 7 and 8 are passive, the rest detract.
    #[must_use]
    pub fn of(answers: impl IntoIterator<Item = u8>) -> Self {
        let (mut promoters, mut passives, mut detractors) = (0, 0, 0);
        for answer in answers {
            match answer {
                9.. => promoters += 1,
                7..=8 => passives += 1,
                _ => detractors += 1,
            }
        }
        Self::from_counts(promoters, passives, detractors)
    }

    /// The score is 100·(promoters − detractors)/n, rounded to the nearest whole, halves away from zero. Counts are those of
    /// answers: up to a billion each.
    #[must_use]
    pub fn from_counts(promoters: u64, passives: u64, detractors: u64) -> Self {
        let count = promoters + passives + detractors;
        let (difference, n) = (promoters as i64 - detractors as i64, count as i64);
        let margin = (n > 1).then(|| {
            let (n, difference) = (u128::from(count), u128::from(difference.unsigned_abs()));
            let spread = n * u128::from(promoters + detractors) - difference * difference;
            // Twice the margin, so that one more halving rounds it.
            let twice = (4 * 196 * 196 * spread / (n * n * n)).isqrt();
            u64::try_from(twice.div_ceil(2)).unwrap_or(u64::MAX)
        });
        Self {
            score: (n > 0).then(|| (200 * difference + difference.signum() * n) / (2 * n)),
            promoters,
            passives,
            detractors,
            n: count,
            margin,
        }
    }
}

/// A source that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceUse {
    pub source: String,
    pub facts: u64,
    /// The newest observation that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
}

/// A definition that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionUse {
    pub id: String,
    pub version: u32,
    /// The first 16 hex digits of the BLAKE3 of the file.
    pub hash: String,
}

/// A question with the answers that would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    pub text: String,
    pub options: Vec<QuestionOption>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuestionOption {
    pub id: String,
    pub label: String,
}

/// A list that was cut: `list` is its path in the outcome, most urgent rows are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cut {
    pub list: String,
    pub shown: u64,
    pub total: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
}

impl Outcome {
    /// The outcome of an open task below this one, which was cancelled: in the language of that task, which `agent` accepted
    /// at `accepted`.
    #[must_use]
    pub fn of_one_below(&self, task: &Task, agent: &AgentName, accepted: Timestamp) -> Self {
        let (summary, blocker) = match task.locale() {
            Locale::Sv => (
                "Avbruten.",
                format!(
                    "Avbröts tillsammans med uppgiften {}, som den hör till.",
                    self.task_id
                ),
            ),
            Locale::En => (
                "Cancelled.",
                format!(
                    "Cancelled together with task {}, which it belongs to.",
                    self.task_id
                ),
            ),
        };
        let process = self
            .agent
            .split_once('/')
            .map_or("kunder", |(process, _)| process);
        Self {
            protocol: OUTCOME_PROTOCOL.to_owned(),
            task_id: task.task_id.clone(),
            agent: format!("{process}/{agent}"),
            started_at: accepted.min(self.finished_at),
            finished_at: self.finished_at,
            report: Report::failed(summary, blocker),
            criteria: Vec::new(),
            warnings: Vec::new(),
            cut: Vec::new(),
        }
    }
}

impl Report {
    #[must_use]
    pub fn new(status: Status, summary: impl Into<String>) -> Self {
        Self {
            status,
            summary: summary.into(),
            artifacts: Vec::new(),
            customers: CustomerCounts::default(),
            actions: Vec::new(),
            nps: Nps::default(),
            recommendations: Vec::new(),
            blockers: Vec::new(),
            sources: Vec::new(),
            definitions: Vec::new(),
            question: None,
            text: None,
            blocks: Map::new(),
        }
    }

    /// A failure says why (S3-58).
    #[must_use]
    pub fn failed(summary: impl Into<String>, blocker: impl Into<String>) -> Self {
        let mut report = Self::new(Status::Failed, summary);
        report.blockers.push(blocker.into());
        report
    }

    /// Adds a blocker; a complete report becomes partial.
    pub fn block(&mut self, blocker: impl Into<String>) {
        self.blockers.push(blocker.into());
        if self.status == Status::Complete {
            self.status = Status::Partial;
        }
    }

    /// Sets a block of this agent.
    pub fn set<T: Serialize>(&mut self, name: &str, block: &T) {
        let value = serde_json::to_value(block).expect("blocks are plain data and always serialize");
        self.blocks.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3-62: the seed's example says 52 for 30/15/5; 50 is right.
    #[test]
    fn nps_is_computed_from_its_counts() {
        let answers = [vec![10; 30], vec![8; 15], vec![3; 5]].concat();
        assert_eq!(
            Nps::of(answers),
            Nps {
                score: Some(50),
                promoters: 30,
                passives: 15,
                detractors: 5,
                n: 50,
                margin: Some(19),
            }
        );
        assert_eq!(
            (Nps::of([]).score, Nps::of([]).n, Nps::of([]).margin),
            (None, 0, None)
        );
        assert_eq!((Nps::of([9]).score, Nps::of([9]).margin), (Some(100), None));
        // All alike: no spread at all.
        assert_eq!(Nps::of([9; 4]).margin, Some(0));
        // 196 times the root of 2/4.
        assert_eq!(Nps::of([9, 3]).margin, Some(139));
        assert_eq!(
            Nps::of([9, 7, 7, 7, 7, 7, 7, 7]).score,
            Some(13),
            "12.5 rounds away from zero"
        );
        assert_eq!(Nps::of([0, 7, 7, 7, 7, 7, 7, 7]).score, Some(-13));
        assert_eq!(
            Nps::from_counts(30, 15, 5),
            Nps::of([vec![10; 30], vec![8; 15], vec![3; 5]].concat())
        );
        assert_eq!(Nps::from_counts(1_000_000_000, 0, 1_000_000_000).score, Some(0));
    }

    /// S3-45, S3-46, S3-47: the groups at their edges.
    #[test]
    fn nine_promotes_seven_is_passive_six_detracts() {
        let group = |answer| {
            let Nps {
                promoters,
                passives,
                detractors,
                ..
            } = Nps::of([answer]);
            [promoters, passives, detractors]
        };
        for (answer, expected) in [
            (0, [0, 0, 1]),
            (6, [0, 0, 1]),
            (7, [0, 1, 0]),
            (8, [0, 1, 0]),
            (9, [1, 0, 0]),
            (10, [1, 0, 0]),
        ] {
            assert_eq!(group(answer), expected, "{answer}");
        }
    }
}
