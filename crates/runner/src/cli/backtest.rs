//! `kunder health backtest`: does a model tell who left from who stayed, on history whose end is known (requirements C-01)?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kunder_agent_core::clock::Clock;
use kunder_connect::{RowError, Sheet};
use kunder_domain::backtest::{Backtest, Fit, Proposal, Report};
use kunder_domain::definitions::{Definitions, PACKS, Pack};
use kunder_domain::health::CompiledModel;
use kunder_domain::metrics::day;
use serde::Serialize;

use super::{Common, Failure, day as day_of, output};
use crate::app;

mod stored;
mod table;
mod words;

/// Broken rows that are told one by one.
const TOLD_MAX: usize = 10;

#[derive(Args)]
pub(crate) struct BacktestArgs {
    /// A shipped model by its id (boekhouding, gitlab/health), or a folder of definitions [default: the one in force]
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// A CSV file: a label, and the model's metrics by name; with --as-of a label and `customer` (docs/backtest.md)
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// The column that says 1 for who left and 0 for who stayed
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    label: String,
    /// Measure the customers of the data folder as of the end of this day, in place of columns of the file
    #[arg(long, value_name = "DAY", value_parser = day_of)]
    as_of: Option<Date>,
    /// Propose weights by logistic regression, written to --out and never applied
    #[arg(long, requires = "out")]
    fit: bool,
    /// Where the proposed definition goes; a file that is there already is left alone
    #[arg(long, value_name = "FILE", requires = "fit")]
    out: Option<PathBuf>,
}

/// What the model is tested on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    labels: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<Date>,
    /// Rows of the file without a label.
    unlabelled: usize,
}

/// For machines.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    source: &'a Source,
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    fit: Option<&'a Fit>,
}

pub(super) async fn run(
    common: &Common,
    args: BacktestArgs,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode, Failure> {
    if let Some(out) = args.out.as_ref().filter(|out| out.exists()) {
        let what = format!("{} is there already", out.display());
        return Err(Failure::usage(what).hint("a proposal never takes the place of a file: name a new one"));
    }
    let (files, definitions) = model(common, args.model.as_deref())?;
    let compiled = CompiledModel::compile(&definitions.health, &definitions.metrics.body)
        .map_err(|error| Failure::usage(Failure::chain(&error)))?;
    let zone = TimeZone::get(&definitions.organisation.body.time_zone)
        .map_err(|error| Failure::usage(format!("the organisation's time zone is unknown: {error}")))?;
    let sheet = Sheet::read(&args.labels).map_err(|error| {
        let hint = error
            .hint
            .clone()
            .unwrap_or_else(|| "docs/backtest.md has the format".to_owned());
        Failure::usage(Failure::chain(&error)).hint(hint)
    })?;
    let mut test = Backtest::new(&compiled, &definitions.health.body, &definitions.metrics.body);
    let now = clock.now();
    let unlabelled = match args.as_of {
        None => table::fill(
            &mut test,
            &sheet,
            &args.label,
            &compiled,
            &definitions,
            now,
            &zone,
        )?,
        Some(as_of) => {
            let labels = stored::labels(&sheet, &args.label)?;
            let mut client = common.client(Arc::clone(&clock)).await?;
            let filled =
                stored::fill(&mut test, &labels, &mut client, files.clone(), as_of, &zone, now).await;
            client.close().await;
            filled?;
            labels.unlabelled
        }
    };
    let report = test.report().map_err(|error| {
        Failure::usage(format!("{}: {error}", sheet.file)).hint("a back-test needs some of either kind")
    })?;
    let source = Source {
        labels: sheet.file.clone(),
        as_of: args.as_of,
        unlabelled,
    };
    let fit = match &args.out {
        None => None,
        Some(out) => {
            let fit = test.fit().map_err(|error| {
                Failure::usage(format!("no weights are proposed: {error}"))
                    .hint("without --fit the back-test is printed")
            })?;
            let today = day(now, &zone);
            propose(&fit, out, &source, &report, (&files, &definitions), today)?;
            Some(fit)
        }
    };
    if common.json {
        output::json(&Told {
            source: &source,
            report: &report,
            fit: fit.as_ref(),
        });
    } else {
        output::line(&words::report(&report, &source));
        if let (Some(fit), Some(out)) = (&fit, &args.out) {
            output::line(&words::fit(fit, out, &report));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The files of a model's organisation, and the same loaded.
fn model(common: &Common, name: Option<&str>) -> Result<(BTreeMap<String, String>, Definitions), Failure> {
    let in_force = || -> Result<Option<PathBuf>, Failure> { Ok(common.config()?.definitions) };
    let folder = match name {
        None => in_force()?,
        Some(name) => Some(PathBuf::from(name)).filter(|folder| folder.is_dir()),
    };
    let files = match (folder, name) {
        (Some(folder), _) => app::definition_files(&folder)?,
        (None, None) => PACKS[0].texts(),
        (None, Some(name)) => {
            let short = name.strip_suffix("/health").unwrap_or(name);
            let pack = Pack::find(short).ok_or_else(|| {
                let shipped: Vec<&str> = PACKS.iter().map(|pack| pack.name).collect();
                Failure::usage(format!("there is no model `{name}`")).hint(format!(
                    "shipped are {}; or name a folder of definitions",
                    shipped.join(", ")
                ))
            })?;
            pack.texts()
        }
    };
    let definitions =
        Definitions::parse_over_shipped(&files).map_err(|errors| Failure::usage(errors.to_string()))?;
    Ok((files, definitions))
}

fn propose(
    fit: &Fit,
    out: &Path,
    source: &Source,
    report: &Report,
    (files, definitions): (&BTreeMap<String, String>, &Definitions),
    today: Date,
) -> Result<(), Failure> {
    let fitted_on = match source.as_of {
        None => format!("{}, {} subjects", source.labels, report.subjects),
        Some(day) => format!("{}, {} customers as of {day}", source.labels, report.subjects),
    };
    let simulated = report.simulated.as_ref().map(|found| found.reasons.join("; "));
    let proposal = Proposal {
        fit,
        today,
        fitted_on: &fitted_on,
        simulated: simulated.as_deref(),
    };
    let text = proposal
        .file(files, definitions)
        .map_err(|error| Failure::usage(Failure::chain(&error)))?;
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create_new(out)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    write().map_err(|error| Failure::usage(format!("cannot write {}: {error}", out.display())))
}

/// The end of a row, 1 or 0; `None` where the row has none.
fn end(text: &str) -> Result<Option<bool>, String> {
    match text.parse::<rust_decimal::Decimal>() {
        _ if text.is_empty() => Ok(None),
        Ok(number) if number.is_zero() => Ok(Some(false)),
        Ok(number) if number == rust_decimal::Decimal::ONE => Ok(Some(true)),
        _ => Err(format!("the label `{text}` is neither 0 nor 1")),
    }
}

/// The place of a column that must be there.
fn need(sheet: &Sheet, column: &str, why: &str) -> Result<usize, Failure> {
    sheet.place(column).ok_or_else(|| {
        let columns: Vec<&str> = sheet.columns.iter().take(20).map(String::as_str).collect();
        Failure::usage(format!("{} has no column `{column}`, {why}", sheet.file)).hint(format!(
            "its columns are {}; docs/backtest.md has the format",
            columns.join(", ")
        ))
    })
}

/// Nothing is computed of a file with broken rows: what is left out would be no accident.
fn refuse(sheet: &Sheet, mut broken: Vec<RowError>) -> Result<(), Failure> {
    if broken.is_empty() {
        return Ok(());
    }
    broken.sort_by_key(|error| error.line);
    for error in broken.iter().take(TOLD_MAX) {
        eprintln!("error: {error}");
    }
    let rows = match broken.len() {
        1 => "a row is".to_owned(),
        many => format!("{many} rows are"),
    };
    Err(
        Failure::usage(format!("{}: {rows} wrong, nothing was computed", sheet.file))
            .hint("mend or remove what is wrong; a value that is not known is left empty"),
    )
}
