//! `kunder kpi`: every KPI with its target, what it was divided by, and where it was before.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;
use kunder_agent_core::clock::Clock;

use super::{Common, Failure, LocaleArg, day, notes, output};

#[derive(Args)]
pub(crate) struct KpiArgs {
    /// As of the end of this day, 2026-11-22
    #[arg(long, value_name = "DAY", value_parser = day)]
    as_of: Option<Date>,
    /// The language
    #[arg(long)]
    locale: Option<LocaleArg>,
}

pub(super) async fn run(common: &Common, args: KpiArgs, clock: Arc<dyn Clock>) -> Result<ExitCode, Failure> {
    let mut task = notes::task("kpi", Vec::new(), args.locale.map(Into::into), clock.as_ref());
    task.as_of = args.as_of;
    let outcome = notes::answered(common, &task, clock).await?;
    Ok(output::block(&outcome, "kpis", common.json))
}
