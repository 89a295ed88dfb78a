//! `dozvon agent show`: one agent.

use std::time::Duration;

use super::doing;
use crate::cli::{Context, Exit, Failure, parse};
use crate::ids::AgentName;
use crate::render::{Cell, Sheet, Table};
use crate::rules::Rules;
use crate::store::agents::{self, Change};
use crate::store::{Database, StoreError, elsewhere, rules};

/// Show one agent: status and activity, contacts and queues, the last changes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon agent show anna
  dozvon agent show anna --limit 100
  dozvon agent show anna --json")]
pub(super) struct Args {
    /// The agent's name.
    name: AgentName,
    /// How many of the last changes to show.
    #[arg(long, default_value = "10", value_parser = parse::limit)]
    limit: i64,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let sheet = context.read("agent_show", move |c| sheet(c, &args.name, args.limit)).await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}

/// An agent with their queues and their last `limit` changes; for 0, without the table of changes.
pub(super) fn sheet(c: &mut Database, name: &AgentName, limit: i64) -> Result<Sheet, StoreError> {
    let row = agents::get(c, name)?;
    let rules = rules::load(c)?;
    let changes = agents::changes(c, name, limit)?;
    let (activity, since) = doing(&row, elsewhere::all(c)?.get(name).copied());
    let mut sheet = Sheet::default()
        .with("name", row.name.as_str())
        .with("display", row.display.as_str())
        .with("status", Cell::word(row.status))
        .with("activity", activity)
        .with("break_reason", row.break_reason.as_deref())
        .with("since_at", since)
        .with("misses", Cell::count(row.misses));
    if let Some(agent) = rules.agents.get(name) {
        let contacts = agent.contacts.iter().map(ToString::to_string).collect();
        sheet = sheet
            .with("contacts", Cell::List(contacts))
            .with("ring_timeout_ms", span(agent.ring_timeout))
            .with("wrap_up_ms", span(agent.wrap_up))
            .with("no_answer_delay_ms", span(agent.no_answer_delay))
            .with("busy_delay_ms", span(agent.busy_delay))
            .with("rejected_delay_ms", span(agent.rejected_delay))
            .with("unreachable_delay_ms", span(agent.unreachable_delay))
            .with("max_no_answer", Cell::count(agent.max_no_answer))
            .with("follow_redirects", Cell::word(agent.follow_redirects));
    }
    sheet = sheet.and("queues", places(&rules, name));
    Ok(if limit > 0 { sheet.and("changes", history(&changes)) } else { sheet })
}

fn span(span: Duration) -> Cell {
    Cell::Span(span.as_millis().try_into().unwrap_or(i64::MAX))
}

fn places(rules: &Rules, name: &AgentName) -> Table {
    let empty = "the agent serves no queue: add one with `dozvon agent add NAME --replace --queue QUEUE`";
    let mut table = Table::new(&["queue", "strategy", "level", "position"], empty);
    for (queue, rule) in &rules.queues {
        if let Some(tier) = rule.tiers.get(name) {
            table.row([
                queue.as_str().into(),
                Cell::word(rule.strategy),
                Cell::count(tier.level),
                Cell::count(tier.position),
            ]);
        }
    }
    table
}

fn history(changes: &[Change]) -> Table {
    let fields = ["at", "from_status", "from_activity", "to_status", "to_activity", "by", "why"];
    let mut table = Table::new(&fields, "no changes yet");
    for change in changes {
        table.row([
            change.at.into(),
            Cell::word(change.from_status),
            Cell::word(change.from_activity),
            Cell::word(change.to_status),
            Cell::word(change.to_activity),
            change.by.as_str().into(),
            Cell::translated(&change.why),
        ]);
    }
    table
}
