//! Making an outcome fit: long lists are cut at a stated number, the whole list becomes an artifact, and no outcome is over the limit.

use serde_json::Value;

use crate::decision::Artifact;
use crate::outcome::{Cut, Outcome, Report};
use crate::subject::token;

/// How large an outcome may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows a list keeps.
    pub rows_max: usize,
    /// Bytes of the whole outcome as JSON.
    pub bytes_max: usize,
}

/// Longest a single text stays when the outcome is over its bytes, in characters.
const TEXT_CHARS: usize = 4_000;
/// Longest name of a task's folder, in bytes.
const FOLDER_BYTES_MAX: usize = 100;
/// Lists that are never cut: they are short by construction, and a consumer needs them whole.
const WHOLE: [&str; 3] = ["cut", "definitions", "question"];

/// Cuts what is too long, returns the outcome that fits and the artifacts that hold what was cut.
/// Lists are expected most urgent first, so that what is kept is what matters most.
#[must_use]
pub fn fit(outcome: Outcome, limits: Limits) -> (Outcome, Vec<Artifact>) {
    // Nearly all do, and are not worth a second representation.
    if lists_are_short(&outcome, limits.rows_max) && bytes(&outcome) <= limits.bytes_max {
        return (outcome, Vec::new());
    }
    let folder = folder(outcome.task_id.as_str());
    let whole = serde_json::to_value(&outcome).expect("an outcome is plain data and always serializes");
    let mut artifacts = Vec::new();
    let mut rows = limits.rows_max;
    loop {
        let mut value = whole.clone();
        let mut cuts = Vec::new();
        cut_lists(&mut value, "", rows, &mut cuts);
        if rows == 0 {
            cut_texts(&mut value);
        }
        artifacts.clear();
        let mut paths = Vec::new();
        for (list, full) in &cuts {
            let path = format!("{folder}/{}.jsonl", list.replace(['.', '/'], "-"));
            paths.push(path.clone());
            artifacts.push(Artifact {
                path,
                content: json_lines(full),
            });
        }
        let mut fitted: Outcome =
            serde_json::from_value(value).expect("cutting lists and texts keeps the shape");
        fitted.cut = cuts
            .iter()
            .zip(&paths)
            .map(|((list, full), path)| Cut {
                list: list.clone(),
                shown: rows as u64,
                total: full.len() as u64,
                artifact: Some(path.clone()),
            })
            .collect();
        fitted.report.artifacts.extend(paths);
        if bytes(&fitted) <= limits.bytes_max || rows == 0 {
            return (fitted, artifacts);
        }
        rows /= 2;
    }
}

/// Whether no list would be cut to so many rows; [`cut_lists`] says which are looked at.
fn lists_are_short(outcome: &Outcome, rows: usize) -> bool {
    // Whoever adds a list is made to add it here.
    let Outcome {
        protocol: _,
        task_id: _,
        agent: _,
        started_at: _,
        finished_at: _,
        report,
        criteria,
        warnings,
        cut: _,
    } = outcome;
    let Report {
        status: _,
        summary: _,
        artifacts: _,
        customers: _,
        actions,
        nps: _,
        recommendations,
        blockers,
        sources,
        definitions: _,
        question: _,
        text: _,
        blocks,
    } = report;
    let lists = [
        criteria.len(),
        warnings.len(),
        actions.len(),
        recommendations.len(),
        blockers.len(),
        sources.len(),
    ];
    lists.iter().all(|list| *list <= rows) && blocks.iter().all(|block| is_short(block, rows))
}

fn is_short((name, value): (&String, &Value), rows: usize) -> bool {
    match value {
        _ if WHOLE.contains(&name.as_str()) => true,
        Value::Array(items) => items.len() <= rows,
        Value::Object(fields) => fields.iter().all(|field| is_short(field, rows)),
        _ => true,
    }
}

/// The size of an outcome as JSON, in bytes.
pub(crate) fn bytes(outcome: &Outcome) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, outcome).expect("an outcome is plain data and always serializes");
    counter.0
}

/// The folder of a task's artifacts; a long id is told by its hash, so that every file system takes the path.
fn folder(task_id: &str) -> String {
    let token = token(task_id);
    if token.len() <= FOLDER_BYTES_MAX {
        return format!("tasks/{token}");
    }
    format!("tasks/{}", &blake3::hash(task_id.as_bytes()).to_hex()[..32])
}

fn cut_lists(value: &mut Value, path: &str, rows: usize, cuts: &mut Vec<(String, Vec<Value>)>) {
    let Value::Object(fields) = value else { return };
    for (name, field) in fields.iter_mut() {
        if WHOLE.contains(&name.as_str()) || (path.is_empty() && name == "artifacts") {
            continue;
        }
        let at = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match field {
            Value::Array(items) if items.len() > rows => {
                let full = std::mem::take(items);
                items.extend(full.iter().take(rows).cloned());
                cuts.push((at, full));
            }
            Value::Object(_) => cut_lists(field, &at, rows, cuts),
            _ => {}
        }
    }
}

fn cut_texts(value: &mut Value) {
    match value {
        Value::String(text) if text.chars().count() > TEXT_CHARS => {
            *text = text.chars().take(TEXT_CHARS).chain("…".chars()).collect();
        }
        Value::Array(items) => items.iter_mut().for_each(cut_texts),
        Value::Object(fields) => fields.values_mut().for_each(cut_texts),
        _ => {}
    }
}

fn json_lines(rows: &[Value]) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, row).expect("a JSON value always serializes");
        lines.push(b'\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TaskId;
    use crate::outcome::{OUTCOME_PROTOCOL, Report, Status};

    fn outcome(rows: usize, width: usize) -> Outcome {
        let mut report = Report::new(Status::Complete, "s");
        report.set(
            "health",
            &(0..rows)
                .map(|row| format!("{row}{}", "x".repeat(width)))
                .collect::<Vec<_>>(),
        );
        report.set("pipeline", &serde_json::json!({"customers": vec![1; rows]}));
        Outcome {
            protocol: OUTCOME_PROTOCOL.to_owned(),
            task_id: TaskId::new("a.b").unwrap(),
            agent: "kunder/x".to_owned(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            finished_at: jiff::Timestamp::UNIX_EPOCH,
            report,
            criteria: Vec::new(),
            warnings: Vec::new(),
            cut: Vec::new(),
        }
    }

    #[test]
    fn short_outcomes_stay_as_they_are() {
        let before = outcome(10, 1);
        let (after, artifacts) = fit(
            before.clone(),
            Limits {
                rows_max: 10,
                bytes_max: 10_000,
            },
        );
        assert_eq!((after, artifacts.len()), (before, 0));
    }

    #[test]
    fn every_list_is_cut_wherever_it_stands() {
        let row = |text: &str| vec![text.to_owned(); 3];
        let long = |change: &dyn Fn(&mut Outcome)| {
            let mut outcome = outcome(1, 1);
            change(&mut outcome);
            let limits = Limits {
                rows_max: 2,
                bytes_max: 10_000,
            };
            let (after, _) = fit(outcome, limits);
            after.cut.into_iter().map(|cut| cut.list).collect::<Vec<_>>()
        };
        assert_eq!(long(&|outcome| outcome.warnings = row("w")), ["warnings"]);
        assert_eq!(long(&|outcome| outcome.report.blockers = row("b")), ["blockers"]);
        assert_eq!(
            long(&|outcome| outcome.report.recommendations = row("r")),
            ["recommendations"]
        );
        let deep = serde_json::json!({"a": {"b": [1, 2, 3]}, "cut": [1, 2, 3]});
        assert_eq!(long(&|outcome| outcome.report.set("brief", &deep)), ["brief.a.b"]);
        assert_eq!(
            long(&|outcome| outcome.report.artifacts = row("tasks/x")),
            [""; 0]
        );
    }

    #[test]
    fn long_lists_are_cut_with_their_count_and_kept_whole_as_artifacts() {
        let (after, artifacts) = fit(
            outcome(500, 1),
            Limits {
                rows_max: 200,
                bytes_max: 100_000,
            },
        );
        let cuts: Vec<(&str, u64, u64)> = after
            .cut
            .iter()
            .map(|cut| (cut.list.as_str(), cut.shown, cut.total))
            .collect();
        assert_eq!(cuts, [("health", 200, 500), ("pipeline.customers", 200, 500)]);
        assert_eq!(
            after.report.artifacts,
            ["tasks/a=2Eb/health.jsonl", "tasks/a=2Eb/pipeline-customers.jsonl"]
        );
        assert_eq!(
            artifacts[0].content.iter().filter(|byte| **byte == b'\n').count(),
            500
        );
        assert_eq!(after.report.blocks["health"].as_array().unwrap().len(), 200);
    }

    #[test]
    fn the_longest_id_still_has_a_path_that_a_file_system_takes() {
        let mut long = outcome(3, 1);
        long.task_id = TaskId::new("å".repeat(64)).unwrap();
        let (after, _) = fit(
            long,
            Limits {
                rows_max: 1,
                bytes_max: 100_000,
            },
        );
        assert!(
            after.report.artifacts.iter().all(|path| path.len() < 100),
            "{:?}",
            after.report.artifacts
        );
    }

    #[test]
    fn an_outcome_always_fits_its_bytes() {
        for (rows, width) in [(500, 4_000), (3, 400_000), (100_000, 10)] {
            let limits = Limits {
                rows_max: 200,
                bytes_max: 60_000,
            };
            let (after, _) = fit(outcome(rows, width), limits);
            assert!(
                serde_json::to_vec(&after).unwrap().len() <= limits.bytes_max,
                "{rows} rows of {width}"
            );
        }
    }
}
