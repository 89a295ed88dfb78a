//! `dozvon agent add`: adds an agent, or changes one.

use std::time::Duration;

use super::show;
use crate::cli::{Context, Exit, Failure, apply, parse};
use crate::ids::{AgentName, QueueName};
use crate::rules::contact::Contact;
use crate::rules::{Agent, Rules, Tier};
use crate::store::{Database, StoreError, rules};

/// Add an agent, or change one with --replace.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A contact is user/NAME[@DOMAIN], sofia/PROFILE/USER@HOST[:PORT], gateway/GATEWAY/NUMBER or
loopback/EXTENSION[/CONTEXT]; all contacts of an agent ring at once. A new agent is logged out.

Examples:
  dozvon agent add anna --contact user/1001 --display \"Anna Petrova\" --queue sales --queue support:2
  dozvon agent add anna --replace --ring-timeout 15s --wrap-up 30s")]
pub(super) struct Args {
    /// The agent's name: letters, digits, '_', '-' and '.'.
    name: AgentName,
    /// A phone of the agent; may be given several times.
    #[arg(long, value_name = "CONTACT", required_unless_present = "replace")]
    contact: Vec<Contact>,
    /// The name shown to people [default: the agent's name].
    #[arg(long, value_name = "TEXT", value_parser = parse::person)]
    display: Option<String>,
    /// A queue that the agent serves; may be given several times. Level and position are 1 if not given.
    #[arg(long, value_name = "QUEUE[:LEVEL[:POSITION]]", value_parser = parse::place)]
    queue: Vec<(QueueName, Tier)>,
    /// How long the phone rings before the next agent is tried [default: 20s].
    #[arg(long, value_name = "SPAN", value_parser = parse::ring_time)]
    ring_timeout: Option<Duration>,
    /// Time without offers after a talk [default: 0s].
    #[arg(long, value_name = "SPAN", value_parser = parse::pause)]
    wrap_up: Option<Duration>,
    /// Time without offers after an unanswered one [default: 5s].
    #[arg(long, value_name = "SPAN", value_parser = parse::pause)]
    no_answer_delay: Option<Duration>,
    /// Time without offers after the phone was busy [default: 30s].
    #[arg(long, value_name = "SPAN", value_parser = parse::pause)]
    busy_delay: Option<Duration>,
    /// Time without offers after the agent rejected a call [default: 10s].
    #[arg(long, value_name = "SPAN", value_parser = parse::pause)]
    rejected_delay: Option<Duration>,
    /// Time without offers after the phone could not be reached [default: 30s].
    #[arg(long, value_name = "SPAN", value_parser = parse::pause)]
    unreachable_delay: Option<Duration>,
    /// After so many unanswered offers in a row, the agent is sent on break; 0: never [default: 3].
    #[arg(long, alias = "max-misses", value_name = "NUMBER")]
    max_no_answer: Option<u16>,
    /// Change an agent that exists; options that are not given stay as they are.
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let name = args.name.clone();
    let (by, at) = (context.by.clone(), context.now());
    let sheet = context
        .write("agent_add", move |c| {
            let before = rules::load(c)?;
            add(c, &before, args)?;
            let after = rules::load(c)?;
            apply::note(c, &rules::compare(&before, &after), &by, at)?;
            show::sheet(c, &name, 0)
        })
        .await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}

fn add(c: &mut Database, before: &Rules, args: Args) -> Result<(), StoreError> {
    let name = args.name.clone();
    let before = before.agents.get(&name).cloned();
    if before.is_some() && !args.replace {
        let message =
            format!("there is an agent {name} already: change them with --replace, or choose another name");
        return Err(StoreError::Refused(message));
    }
    let agent = before.unwrap_or_else(|| Agent::new(name.to_string()));
    let queues = args.queue.clone();
    rules::put_one_agent(c, &name, &changed(agent, args))?;
    queues.iter().try_for_each(|(queue, tier)| rules::put_tier(c, queue, &name, *tier))
}

fn changed(before: Agent, args: Args) -> Agent {
    let contacts = if args.contact.is_empty() { before.contacts } else { args.contact };
    Agent {
        display: args.display.unwrap_or(before.display),
        contacts,
        ring_timeout: args.ring_timeout.unwrap_or(before.ring_timeout),
        wrap_up: args.wrap_up.unwrap_or(before.wrap_up),
        no_answer_delay: args.no_answer_delay.unwrap_or(before.no_answer_delay),
        busy_delay: args.busy_delay.unwrap_or(before.busy_delay),
        rejected_delay: args.rejected_delay.unwrap_or(before.rejected_delay),
        unreachable_delay: args.unreachable_delay.unwrap_or(before.unreachable_delay),
        max_no_answer: args.max_no_answer.map_or(before.max_no_answer, u32::from),
        follow_redirects: before.follow_redirects,
    }
}
