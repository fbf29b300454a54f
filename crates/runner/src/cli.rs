//! The command line: what can be asked for, where data and errors go, and the exit codes.

mod ask;
mod backtest;
mod definitions;
mod demo;
mod digest;
mod dlq;
mod events;
mod failure;
mod health;
mod import;
mod kpi;
mod notes;
mod output;
mod overriding;
mod serve;
mod task;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::task::Locale;
use tracing_subscriber::EnvFilter;

pub use failure::Failure;

use crate::client::Client;
use crate::clock::SystemClock;
use crate::config::{Config, DATA_DEFAULT};

/// Four agents that look after an organisation's customers.
#[derive(Parser)]
#[command(
    name = "kunder",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 complete or partial, 1 failed, 2 usage or configuration."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// Options of every command.
#[derive(Args, Clone)]
pub(crate) struct Common {
    /// The data folder [default: the environment's KUNDER_DATA, else kunder-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The NATS server, nats://127.0.0.1:4222; commands then go to who serves there
    #[arg(long, global = true, value_name = "URL")]
    nats: Option<String>,
    /// The configuration file (YAML)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A folder of definitions in place of the shipped ones
    #[arg(long, global = true, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Machine-readable: one JSON object, or one per line for lists
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Show what the agents do, on an invented portfolio
    Demo(demo::DemoArgs),
    /// Run the agents until stopped
    Serve,
    /// A quick command, as a chat frontend sends it: "Kör kundhälsokoll", "Pipeline-analys",
    /// "Onboarding för KUND", "Hämta kundinfo KUND", or the same in English
    Ask(AskArgs),
    /// Send an Input Protocol envelope, follow a task, cancel it, list tasks
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Dead letters, what was given up: read them, try them once more, put them aside
    #[command(subcommand)]
    Dlq(dlq::DlqCommand),
    /// Import customers and what is known of them from files
    Import(import::ImportArgs),
    /// What was announced: events, and tasks for other processes
    Events(events::EventsArgs),
    /// Write the schemas and examples of the protocols
    Schema {
        /// The folder to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// How a customer is, and why
    #[command(subcommand)]
    Health(health::HealthCommand),
    /// Every KPI: value, target, what it was divided by, and where it was before
    Kpi(kpi::KpiArgs),
    /// The files of rules: check them
    #[command(subcommand)]
    Definitions(definitions::DefinitionsCommand),
    /// Note a meeting, call or mail with a customer
    Log(notes::LogArgs),
    /// Todos of customers
    Todo(notes::TodoArgs),
    /// What is configured, what is reachable, and what would be lost if what died
    Doctor,
    /// The account of all tasks and what went wrong, as Prometheus reads it
    Metrics,
}

/// Arguments of `ask`.
#[derive(Args)]
pub(crate) struct AskArgs {
    /// The quick command; several words need no quotes
    #[arg(required = true, num_args = 1.., value_name = "TEXT")]
    text: Vec<String>,
    /// Answer as of the end of this day, 2026-11-22; a past day raises no alerts
    #[arg(long, value_name = "DAY", value_parser = day)]
    as_of: Option<Date>,
    /// The language of the answer
    #[arg(long)]
    locale: Option<LocaleArg>,
    /// The answer to a question continues the conversation with the same name
    #[arg(long, value_name = "NAME")]
    conversation: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LocaleArg {
    Sv,
    En,
}

impl From<LocaleArg> for Locale {
    fn from(locale: LocaleArg) -> Self {
        match locale {
            LocaleArg::Sv => Self::Sv,
            LocaleArg::En => Self::En,
        }
    }
}

/// A day on the command line.
fn day(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_| "a day that exists is written like 2026-11-22".to_owned())
}

impl Common {
    fn config(&self) -> Result<Config, Failure> {
        let mut config =
            Config::load(self.config.as_deref()).map_err(|error| Failure::usage(Failure::chain(&error)))?;
        config.nats = self.nats.clone().or(config.nats);
        config.definitions = self.definitions.clone().or(config.definitions);
        Ok(config)
    }

    fn data(&self, config: &Config) -> PathBuf {
        let environment = || std::env::var_os("KUNDER_DATA").map(PathBuf::from);
        self.data
            .clone()
            .or_else(environment)
            .or_else(|| config.data.clone())
            .unwrap_or_else(|| PathBuf::from(DATA_DEFAULT))
    }

    /// A way to the runtime for one command.
    pub(crate) async fn client(&self, clock: Arc<dyn Clock>) -> Result<Client, Failure> {
        let config = self.config()?;
        Client::open(self.data(&config), self.nats.as_deref(), config, clock).await
    }
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let quiet = !matches!(cli.command, Command::Serve);
    let filter = EnvFilter::try_from_env("KUNDER_LOG")
        .unwrap_or_else(|_| EnvFilter::new(if quiet { "error" } else { "info,async_nats=warn" }));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(cli));
    // A decision that hangs on its thread must not keep the process from ending.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(failure) => failure.print(),
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let common = cli.common;
    match cli.command {
        Command::Demo(args) => demo::run(&common, &args).await,
        Command::Serve => serve::run(&common, clock).await,
        Command::Ask(args) => ask::run(&common, args, clock).await,
        Command::Task(command) => task::run(&common, command, clock).await,
        Command::Dlq(command) => dlq::run(&common, command, clock).await,
        Command::Import(args) => import::run(&common, &args, clock).await,
        Command::Events(args) => events::run(&common, &args, clock).await,
        Command::Schema { out } => {
            let written = crate::schema::write(&out)
                .map_err(|error| Failure::usage(format!("cannot write to {}: {error}", out.display())))?;
            output::line(&format!("{written} files written to {}", out.display()));
            Ok(ExitCode::SUCCESS)
        }
        Command::Health(command) => health::run(&common, command, clock).await,
        Command::Kpi(args) => kpi::run(&common, args, clock).await,
        Command::Definitions(command) => definitions::run(&common, command),
        Command::Log(args) => notes::log(&common, args, clock).await,
        Command::Todo(args) => notes::todo(&common, args, clock).await,
        Command::Doctor => serve::doctor(&common, clock).await,
        Command::Metrics => serve::metrics(&common, clock).await,
    }
}
