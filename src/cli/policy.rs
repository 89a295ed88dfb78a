//! `dozvon policy`: the limits of callbacks, and whether law and rules allow them.

use std::path::PathBuf;

use super::{Context, Exit, Failure};
use crate::duration;
use crate::ids::{PolicyName, QueueName};
use crate::render::{Cell, Sentence, Sheet, Table};
use crate::rules::Rules;
use crate::rules::file;
use crate::rules::policy::{Policy, show_minutes};
use crate::store::{StoreError, rules};

/// Policies: list, show each limit with its law, check.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A policy states how often, how soon and at what hours customers are called back. Each queue has one. The policies
service, sales and debt always exist; state other policies and limits in a rules file as [[policy]]: see
`dozvon apply --help`. A policy gets a new version when its limits change, and every attempt names the version that
allowed it.

Examples:
  dozvon policy list
  dozvon policy show debt
  dozvon policy check rules.toml")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List policies with their most important limits and their queues.
    #[command(after_help = "\
Examples:
  dozvon policy list
  dozvon policy list --json | jq '.[] | select(.profile == \"debt\")'")]
    List,
    /// Show one policy: every limit with its value, the values allowed, and the law.
    #[command(after_help = "\
Examples:
  dozvon policy show debt
  dozvon policy show debt --json | jq '.limits[] | select(.limit == \"max_attempts_per_day\")'")]
    Show {
        /// The policy's name.
        name: PolicyName,
    },
    /// Check whether every limit of a rules file, or of the database, is allowed.
    #[command(after_help = "\
Without a file it checks the policies in the database. Exit code 0 if all limits are allowed; 1 if a limit in the
database is not; 2 if the file has mistakes. All mistakes are reported, also those outside of policies.

Examples:
  dozvon policy check
  dozvon policy check rules.toml
  dozvon policy check --json | jq '.[] | .policy'")]
    Check {
        /// The rules file; - is standard input [default: the database].
        file: Option<PathBuf>,
    },
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let rules = match &args.command {
        Command::Check { file: Some(file) } => {
            let stated = file::read(file, context.settings.zone)?;
            context.warn_of_old_keys(&stated.outdated);
            stated.rules
        }
        _ => context.read("policy_show", rules::load).await?,
    };
    match args.command {
        Command::List => context.table(&list(&rules))?,
        Command::Show { name } => context.sheet(&show(&rules, &name)?)?,
        Command::Check { .. } => {
            let faults = faults(&rules);
            context.table(&faults)?;
            return Ok(if faults.rows.is_empty() { Exit::Done } else { Exit::Failed });
        }
    }
    Ok(Exit::Done)
}

/// The queues that use a policy.
fn queues(rules: &Rules, policy: &PolicyName) -> Cell {
    let with_it = rules.queues.iter().filter(|(_, queue)| queue.policy == *policy);
    Cell::List(with_it.map(|(name, _)| QueueName::to_string(name)).collect())
}

fn list(rules: &Rules) -> Table {
    let fields = [
        "name",
        "version",
        "profile",
        "max_attempts_per_day",
        "max_attempts_per_week",
        "max_attempts_per_month",
        "retry_delays",
        "reaction_ms",
        "weekday_hours",
        "weekend_hours",
        "queues",
    ];
    let mut table = Table::new(&fields, "there are no policies");
    for (name, policy) in &rules.policies {
        let reaction_ms = policy.reaction.as_millis().try_into().unwrap_or(i64::MAX);
        table.row([
            name.as_str().into(),
            Cell::count(policy.version),
            Cell::word(policy.profile),
            Cell::count(policy.cap_day),
            policy.cap_week.map_or(Cell::Nothing, Cell::Count),
            policy.cap_month.map_or(Cell::Nothing, Cell::Count),
            Cell::List(policy.retry_delays.iter().map(|gap| duration::show(*gap)).collect()),
            Cell::Span(reaction_ms),
            Cell::translated(show_minutes(policy.weekdays)),
            Cell::translated(show_minutes(policy.weekends)),
            queues(rules, name),
        ]);
    }
    table
}

fn show(rules: &Rules, name: &PolicyName) -> Result<Sheet, StoreError> {
    let missing = || StoreError::NotFound { kind: "policy", name: name.to_string() };
    let policy = rules.policies.get(name).ok_or_else(missing)?;
    Ok(Sheet::default()
        .with("name", name.as_str())
        .with("version", Cell::count(policy.version))
        .with("profile", Cell::word(policy.profile))
        .with("queues", queues(rules, name))
        .and("limits", limits(policy)))
}

fn limits(policy: &Policy) -> Table {
    let mut table = Table::new(&["limit", "value", "allowed", "lawful", "law"], "the policy has no limits");
    for limit in policy.limits() {
        table.row([
            Cell::field(limit.key),
            Cell::Translated(limit.value),
            Cell::Translated(limit.bound),
            limit.lawful.into(),
            Cell::translated(limit.law),
        ]);
    }
    table
}

/// Every limit that is not allowed.
fn faults(rules: &Rules) -> Table {
    let allowed = Sentence::of("every limit of {policies} policies is allowed")
        .with("policies", Cell::count(rules.policies.len()));
    let mut table = Table::new(&["policy", "limit", "value", "allowed", "law"], allowed);
    for fault in rules.policies.values().flat_map(Policy::faults) {
        table.row([
            fault.policy.into(),
            Cell::field(fault.key),
            Cell::Translated(fault.value),
            Cell::Translated(fault.bound),
            Cell::translated(fault.law),
        ]);
    }
    if !table.rows.is_empty() {
        table.notes.push("set allowed values in the rules file and apply it: `dozvon apply`".into());
    }
    table
}
