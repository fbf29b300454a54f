//! `kunder import`: files in by a mapping; every broken row is told, none stops the rest.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::outcome::{OUTCOME_PROTOCOL, Outcome, Report, Status};
use kunder_connect::{FactCheck, ImportError, Mapping, RowError, Rows};
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::{Fact, FactBody};

use super::{Common, Failure, ask, output};
use crate::app;
use crate::client::Client;
use crate::control::{Imported, Request, Response};
use crate::progress;
use crate::service::new_id;

/// Broken rows told one by one; all of them go to the file.
const TOLD_MAX: usize = 10;

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The mapping: which columns make what (docs/import.md)
    #[arg(long, value_name = "MAP.yaml")]
    map: PathBuf,
    /// The files
    #[arg(required = true, num_args = 1.., value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where broken rows are listed [default: the first file's name and .errors.txt, in the current folder]
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
}

/// What came of all files.
#[derive(Default)]
struct Sum {
    imported: Imported,
    rows: u64,
    broken: Vec<RowError>,
    /// Of measurements.
    metrics: BTreeSet<String>,
}

pub(super) async fn run(
    common: &Common,
    args: &ImportArgs,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    let mapping = Mapping::load(&args.map).map_err(|error| {
        let hint = error
            .hint
            .clone()
            .unwrap_or_else(|| "docs/import.md has the format".to_owned());
        Failure::usage(Failure::chain(&error)).hint(hint)
    })?;
    for file in &args.files {
        if !file.is_file() {
            return Err(Failure::usage(format!(
                "{} is not a file that can be read",
                file.display()
            )));
        }
    }
    for file in &args.files {
        // A file that cannot be read this way is told before anything of the others is stored.
        mapping
            .open(file)
            .map_err(|error| Failure::usage(Failure::chain(&error)))?;
    }
    let (definitions, _) = app::definitions(common.config()?.definitions.as_deref())?;
    let started = clock.now();
    let mut client = common.client(Arc::clone(&clock)).await?;
    let mut sum = Sum::default();
    let open = |file: &Path| {
        let rows = mapping.open(file)?;
        Ok(rows.checked_by(readings_are_possible(Arc::clone(&definitions), started)))
    };
    let read = files(&mut client, open, &args.files, &mut sum).await;
    client.close().await;
    read?;
    let errors = match sum.broken.is_empty() {
        true => None,
        false => Some(list_errors(args, &sum.broken)?),
    };
    let report = report(&sum, errors.as_deref());
    if !common.json {
        for error in sum.broken.iter().take(TOLD_MAX) {
            eprintln!("error: {error}");
        }
        if let (Some(path), true) = (&errors, sum.broken.len() > TOLD_MAX) {
            eprintln!(
                "hint: all {} broken rows are listed in {}",
                sum.broken.len(),
                path.display()
            );
        }
    }
    let outcome = Outcome {
        protocol: OUTCOME_PROTOCOL.to_owned(),
        task_id: new_id(clock.as_ref()),
        agent: "kunder/import".to_owned(),
        started_at: started,
        finished_at: clock.now(),
        report,
        criteria: Vec::new(),
        warnings: unread(&sum.metrics, &definitions),
        cut: Vec::new(),
    };
    Ok(output::outcome(&outcome, common.json))
}

/// How far ahead of us the day of a source may be.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// A reading beyond the bounds of its metric, or from tomorrow, would be scored silently or never.
fn readings_are_possible(definitions: Arc<Definitions>, now: Timestamp) -> FactCheck {
    Box::new(move |fact: &Fact| {
        let FactBody::Measurement(measurement) = &fact.body else {
            return Ok(());
        };
        if fact.observed > now + AHEAD {
            let zone = TimeZone::get(&definitions.organisation.body.time_zone).unwrap_or(TimeZone::UTC);
            let day = fact.observed.to_zoned(zone).date();
            return Err(format!("a measurement of {day} is from the future"));
        }
        let refusal = definitions.metrics.body.refusal(measurement);
        refusal.map_or(Ok(()), |why| {
            Err(format!("metric `{}`: {why}", measurement.metric))
        })
    })
}

/// Metrics that were imported and that nothing reads.
fn unread(imported: &BTreeSet<String>, definitions: &Definitions) -> Vec<String> {
    let unread = imported
        .iter()
        .filter(|name| !definitions.metrics.body.is_read(name) && !definitions.kpis.body.is_read(name));
    unread
        .take(TOLD_MAX)
        .map(|name| format!("no metric or KPI of the definitions reads `{name}`"))
        .collect()
}

async fn files(
    client: &mut Client,
    open: impl Fn(&Path) -> Result<Rows, ImportError>,
    files: &[PathBuf],
    sum: &mut Sum,
) -> Result<(), Failure> {
    for file in files {
        let mut rows = open(file).map_err(|error| {
            let hint = error
                .hint
                .clone()
                .unwrap_or_else(|| "see what the mapping says of the file's format".to_owned());
            Failure::usage(Failure::chain(&error)).hint(hint)
        })?;
        let bar = progress::bar(
            rows.total_bytes().unwrap_or(0),
            progress::BYTES,
            &file.display().to_string(),
        );
        let batch_max = client.import_batch();
        let mut batch: Vec<Fact> = Vec::with_capacity(batch_max);
        while let Some(row) = rows.next() {
            match row {
                Ok(facts) => {
                    sum.rows += 1;
                    let measured = facts.iter().filter_map(|fact| match &fact.body {
                        FactBody::Measurement(measurement) => Some(measurement.metric.clone()),
                        _ => None,
                    });
                    sum.metrics.extend(measured);
                    batch.extend(facts);
                }
                Err(error) => sum.broken.push(error),
            }
            if batch.len() >= batch_max {
                send(client, std::mem::take(&mut batch), &mut sum.imported).await?;
                bar.set_position(rows.bytes_read());
            }
        }
        send(client, batch, &mut sum.imported).await?;
        bar.finish_and_clear();
    }
    Ok(())
}

async fn send(client: &mut Client, facts: Vec<Fact>, imported: &mut Imported) -> Result<(), Failure> {
    if facts.is_empty() {
        return Ok(());
    }
    let request = Request::Import { facts };
    match client.call(&request).await? {
        Response::Imported(batch) => {
            imported.new += batch.new;
            imported.known += batch.known;
            imported.conflicting += batch.conflicting;
            imported
                .examples
                .extend(batch.examples.iter().map(|id| told(&request, id)));
            imported.examples.truncate(TOLD_MAX);
            Ok(())
        }
        other => Err(ask::unexpected(&other)),
    }
}

/// A fact by what it is and whose: its id says nothing to a person.
fn told(request: &Request, id: &str) -> String {
    let Request::Import { facts } = request else {
        return id.to_owned();
    };
    let Some(fact) = facts.iter().find(|fact| fact.id == id) else {
        return id.to_owned();
    };
    let body = serde_json::to_value(&fact.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
    let which = ["number", "key", "field"]
        .into_iter()
        .find_map(text)
        .unwrap_or_default();
    format!(
        "{} {which} of customer {}",
        text("kind").unwrap_or("fact"),
        fact.customer
    )
}

fn list_errors(args: &ImportArgs, broken: &[RowError]) -> Result<PathBuf, Failure> {
    let path = args.errors.clone().unwrap_or_else(|| {
        let name = args
            .files
            .first()
            .and_then(|file| file.file_name())
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        PathBuf::from(format!("{name}.errors.txt"))
    });
    let write = || -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
        for error in broken {
            writeln!(file, "{error}")?;
        }
        file.flush()
    };
    write().map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

fn report(sum: &Sum, errors: Option<&std::path::Path>) -> Report {
    let Imported {
        new,
        known,
        conflicting,
        ..
    } = sum.imported;
    let status = match (sum.rows, sum.broken.is_empty()) {
        (_, true) => Status::Complete,
        (0, false) => Status::Failed,
        (_, false) => Status::Partial,
    };
    let broken = sum.broken.len();
    let summary = match (sum.rows, broken) {
        (0, 0) => "No rows to read.".to_owned(),
        (rows, _) => format!(
            "{} read, {broken} broken: {} new, {known} known already.",
            counted(rows, "row"),
            counted(new, "fact")
        ),
    };
    let mut report = Report::new(status, summary);
    if let Some(path) = errors {
        report.blockers.push(format!(
            "{} broken and left out; the list is in {}",
            counted(broken as u64, "row"),
            path.display()
        ));
    }
    if conflicting > 0 {
        let examples = sum.imported.examples.join(", ");
        let more = if conflicting > sum.imported.examples.len() as u64 {
            " …"
        } else {
            ""
        };
        report.block(format!(
            "{} known with another content, kept as it was: {examples}{more}",
            counted(conflicting, "fact")
        ));
    }
    report.set("import", &serde_json::json!({"rows": sum.rows, "broken": broken, "new": new, "known": known, "conflicting": conflicting}));
    report
}

fn counted(count: u64, thing: &str) -> String {
    if count == 1 {
        format!("1 {thing}")
    } else {
        format!("{count} {thing}s")
    }
}
