//! The command line, for administrators, agents and scripts.
//!
//! In: arguments, `dozvon.toml`, the environment. Out: a table, a sheet or a line on standard output; on failure, a
//! line on standard error; and an [`Exit`] code. Each subcommand has a file with `struct Args` and `async fn run(Args,
//! &Context) -> Result<Exit, Failure>`. **Invariant:** a subcommand works on the database, whether or not a controller
//! runs. A running controller sees the change at once.

mod agent;
mod apply;
mod audit;
mod backup;
mod calendar;
mod call;
mod callback;
mod case;
mod check;
mod completions;
mod context;
mod demo;
mod dialplan;
mod dnc;
mod duty;
mod erase;
mod export;
mod failure;
mod files;
mod hours;
mod init;
mod migrate;
mod outbox;
mod parse;
mod policy;
mod prompt;
mod queue;
mod report;
mod retention;
mod route;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::config::database::DatabaseUrl;
use crate::language::Language;
use crate::telemetry::LogFormat;

pub use context::Context;
pub use failure::{Exit, Failure};

/// How long background threads may take to end after the command's output is written.
const ENDING: Duration = Duration::from_secs(5);

const AFTER_HELP: &str = "\
Examples:
  dozvon agent list                       who is there and what they do
  dozvon queue show sales                 who waits, who serves
  dozvon route test 84951234567           where a call to this number goes now, and why
  dozvon call list --ending abandoned     callers who gave up
  dozvon case list                        callers who are to be called back
  dozvon report calls --format csv        numbers for a spreadsheet

Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  not found
  4  refused: a rule forbids it, or something else is there already
  5  the database or a FreeSWITCH cannot be reached
  6  `serve` has ended because an essential task has ended: start it again";

/// Gets callers through to people, and turns every missed call into a case.
#[derive(Debug, Parser)]
#[command(name = "dozvon", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Options of every subcommand.
#[derive(Debug, clap::Args)]
pub struct Globals {
    /// The configuration [default: dozvon.toml here, else /etc/dozvon/dozvon.toml].
    #[arg(long, global = true, value_name = "FILE", env = "DOZVON_CONFIG", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// The database to use instead of the configured one: sqlite:FILE or postgres://USER@HOST/NAME. Put a password into
    /// DOZVON_DATABASE instead, because everybody on this machine can see arguments.
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    database: Option<DatabaseUrl>,
    /// Write JSON: stable field names, times as RFC 3339 in UTC, durations in milliseconds.
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// Who makes the change, for the audit [default: SUDO_USER, USER or LOGNAME, else the system's user].
    #[arg(long, global = true, value_name = "NAME", value_parser = parse::person, help_heading = "Global options")]
    by: Option<String>,
    /// When to use colours: auto (on a terminal, unless NO_COLOR is set), always or never.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    #[arg(hide_possible_values = true)]
    color: Colour,
    /// The language of headings and words: en or ru [default: that of LC_ALL, LC_MESSAGES or LANG].
    #[arg(long, global = true, value_name = "LANGUAGE", help_heading = "Global options")]
    #[arg(hide_possible_values = true)]
    lang: Option<Language>,
    /// What is logged: error, warn, info, debug, trace, or a filter such as dozvon::switch=debug.
    #[arg(long, global = true, value_name = "FILTER", env = "DOZVON_LOG", help_heading = "Global options")]
    log: Option<String>,
    /// How the log is written to standard error: text or json [default: the configuration's, text].
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Global options")]
    #[arg(hide_possible_values = true)]
    log_format: Option<LogFormat>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always, also into a file or pipe.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Take calls until told to stop.
    Serve(serve::Args),
    /// Play a busy half-minute without a FreeSWITCH, and print its report.
    Demo(demo::Args),
    /// Write the first settings, rules and dialplan for this host.
    Init(init::Args),
    /// Check the installation.
    Check(check::Args),
    /// Make the rules in the database equal to a file.
    Apply(apply::Args),
    /// Write the rules in the database as a file.
    Export(export::Args),
    /// Print or write FreeSWITCH's dialplan for these settings.
    Dialplan(dialplan::Args),
    /// Agents: add, log in and out, send on break, list, show.
    Agent(agent::Args),
    /// Queues: list them, or show who waits and who serves.
    Queue(queue::Args),
    /// Policies: list, show each limit with its law, check.
    Policy(policy::Args),
    /// Prompts: list them, write the default sounds, make sounds from the texts.
    Prompt(prompt::Args),
    /// Routes: list them, or test where a call would go.
    Route(route::Args),
    Hours(hours::Args),
    Duty(duty::Args),
    Calendar(calendar::Args),
    /// Calls: list them, or show one with its timeline.
    Call(call::Args),
    /// Cases: callers who are to be called back, and what was done about it.
    Case(case::Args),
    /// Callbacks: call a customer now, later, or not at all.
    Callback(callback::Args),
    /// The do-not-call list: numbers that are never called, even by hand.
    Dnc(dnc::Args),
    /// Notifications: what was sent to whom, and what could not be delivered.
    Outbox(outbox::Args),
    /// Figures of a range of days: calls, offers, cases, surveys.
    Report(report::Args),
    /// The audit: what was done, and whether any entry was changed.
    Audit(audit::Args),
    /// Erase a person: number, name and texts, wherever they are stored.
    Erase(erase::Args),
    /// Retention: delete rows that are too old.
    Retention(retention::Args),
    /// Create the database, or bring it up to date.
    Migrate(migrate::Args),
    /// Copy the SQLite database into a file while it is in use.
    Backup(backup::Args),
    /// Write a completion script for a shell.
    Completions(completions::Args),
}

/// Runs the program and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let language = context::language_of_errors(&cli.globals);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(Exit::Failed, format!("cannot start: {error}")).report(language),
    };
    let exit = match runtime.block_on(run(cli)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(language),
    };
    // A thread that hangs must not keep the process from ending.
    runtime.shutdown_timeout(ENDING);
    exit
}

/// Starts as many threads as half of the cores, since FreeSWITCH needs the others, or as many as the variable of tokio
/// says. A wake-up on another thread costs more than what most of them do.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        builder.worker_threads(cores.div_ceil(2));
    }
    builder.enable_all().build()
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    if let Command::Completions(args) = &cli.command {
        return completions::run(args);
    }
    let named = cli.globals.config.clone();
    let context = match &cli.command {
        Command::Init(_) => Context::before_settings(cli.globals)?,
        command => Context::new(cli.globals, matches!(command, Command::Serve(_)))?,
    };
    match cli.command {
        Command::Serve(args) => serve::run(args, &context).await,
        Command::Demo(args) => demo::run(args, &context).await,
        Command::Apply(args) => apply::run(args, &context).await,
        Command::Export(args) => export::run(args, &context).await,
        Command::Check(args) => check::run(args, &context).await,
        Command::Dialplan(args) => dialplan::run(args, &context),
        Command::Init(args) => init::run(&args, named.as_deref(), &context),
        Command::Agent(args) => agent::run(args, &context).await,
        Command::Queue(args) => queue::run(args, &context).await,
        Command::Policy(args) => policy::run(args, &context).await,
        Command::Prompt(args) => prompt::run(args, &context),
        Command::Route(args) => route::run(args, &context).await,
        Command::Hours(args) => hours::run(args, &context).await,
        Command::Duty(args) => duty::run(args, &context).await,
        Command::Calendar(args) => calendar::run(args, &context).await,
        Command::Call(args) => call::run(args, &context).await,
        Command::Case(args) => case::run(args, &context).await,
        Command::Callback(args) => callback::run(args, &context).await,
        Command::Dnc(args) => dnc::run(args, &context).await,
        Command::Outbox(args) => outbox::run(args, &context).await,
        Command::Report(args) => report::run(args, &context).await,
        Command::Audit(args) => audit::run(args, &context).await,
        Command::Erase(args) => erase::run(args, &context).await,
        Command::Retention(args) => retention::run(args, &context).await,
        Command::Migrate(args) => migrate::run(args, &context).await,
        Command::Backup(args) => backup::run(args, &context).await,
        Command::Completions(args) => completions::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_tree_of_commands_is_sound() {
        super::Cli::command().debug_assert();
    }
}
