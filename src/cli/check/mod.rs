//! `dozvon check`: checks the installation. Each line is ok or has a remedy.

mod callbacks;
mod contacts;
mod dialplan;
mod hours;
mod local;
mod node;
mod numbers;
mod prompts;
mod sounds;
mod voicemail;

use super::{Context, Exit, Failure};
use crate::render::{Cell, Sentence, Table};

/// Check the installation: settings, database, rules, ports, each FreeSWITCH and its dialplan.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line is ok, or has a remedy. Exit code 0 if nothing is wrong, 1 if something is, 5 if the database or a FreeSWITCH
cannot be reached. Lines marked `advice` do not count. The command changes nothing; it can run beside a controller.

Examples:
  dozvon check
  dozvon check --json | jq '.[] | select(.state == \"wrong\")'")]
pub(super) struct Args {}

crate::vocabulary! {
    /// The result of one check.
    "state of a check" enum State {
        /// As it should be.
        Ok = "ok",
        /// It works, but could be better.
        Advice = "advice",
        /// Some callers, or all, will not get through.
        Wrong = "wrong",
        /// It is configured, but does not work now.
        Down = "down",
        /// It cannot be reached, so it could not be checked.
        Unreachable = "unreachable",
    }
}

/// One check with its result.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    what: String,
    state: State,
    detail: String,
    remedy: String,
}

impl Finding {
    fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Ok, detail: detail.into(), remedy: String::new() }
    }

    fn advice(what: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Advice, detail: detail.into(), remedy: remedy.into() }
    }

    fn wrong(what: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Wrong, detail: detail.into(), remedy: remedy.into() }
    }

    fn down(what: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Down, detail: detail.into(), remedy: remedy.into() }
    }

    fn unreachable(what: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Unreachable, detail: detail.into(), remedy: remedy.into() }
    }
}

pub(super) async fn run(_args: Args, context: &Context) -> Result<Exit, Failure> {
    let settings = &context.settings;
    let mut lines = vec![local::settings(context)];
    lines.extend(settings.outdated.iter().map(|line| local::outdated(line)));
    let (database, rules) = local::database(context).await;
    lines.extend(database);
    lines.extend(rules.iter().flat_map(|rules| local::rules(rules, settings, context.now())));
    lines.extend(local::outside(context).await);
    lines.extend(prompts::check(settings));
    lines.extend(voicemail::check(context, rules.as_ref()).await);
    lines.extend(local::ports(settings).await);
    if settings.switch.nodes.is_empty() {
        let remedy = "add [[switch.nodes]] with host, port and password of each FreeSWITCH's event socket";
        lines.push(Finding::wrong("nodes", "no FreeSWITCH is named: no phone can ring", remedy));
    }
    for node in &settings.switch.nodes {
        lines.extend(node::check(node, settings, rules.as_ref()).await);
    }
    context.table(&table(&lines))?;
    Ok(exit(&lines))
}

fn exit(lines: &[Finding]) -> Exit {
    let any = |state| lines.iter().any(|line| line.state == state);
    match () {
        () if any(State::Unreachable) => Exit::Unreachable,
        () if any(State::Wrong) || any(State::Down) => Exit::Failed,
        () => Exit::Done,
    }
}

fn table(lines: &[Finding]) -> Table {
    let mut table = Table::new(&["check", "state", "detail", "remedy"], "").below(&["remedy"]);
    for line in lines {
        let remedy = Some(line.remedy.as_str()).filter(|remedy| !remedy.is_empty());
        table.row([
            Cell::translated(&line.what),
            Cell::word(line.state),
            Cell::translated(&line.detail),
            remedy.map_or(Cell::Nothing, Cell::translated),
        ]);
    }
    let count = |state| lines.iter().filter(|line| line.state == state).count();
    let bad = count(State::Wrong) + count(State::Down) + count(State::Unreachable);
    table.notes.push(match (bad, count(State::Advice)) {
        (0, 0) => "everything is in place".into(),
        (0, advice) => {
            Sentence::of("nothing is wrong; lines with advice: {count}").with("count", Cell::count(advice))
        }
        (bad, _) => Sentence::of("problems: {count}").with("count", Cell::count(bad)),
    });
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;
    use crate::render::{DisplayOptions, table as text};

    /// On a terminal of 80 columns the remedy stands below each line.
    #[test]
    fn what_to_do_stands_below_each_line_at_eighty_columns() {
        let remedy =
            "add ?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt to the url, or require";
        let lines = [
            Finding::ok("settings", "/etc/dozvon/dozvon.toml"),
            Finding::advice(
                "database",
                "what is sent to db.example.com may go over the network in clear",
                remedy,
            ),
            Finding::wrong(
                "dialplan of fs1",
                "the dialplan of context public does not send 84951234567 here",
                "run it",
            ),
        ];
        for language in [Language::En, Language::Ru] {
            let options = DisplayOptions { language, zone: chrono_tz::UTC, colour: false, width: Some(80) };
            let shown = text(&table(&lines), &options);
            let words: Vec<&str> = shown.split_whitespace().collect();
            for part in remedy.split(' ').filter(|part| part.len() < 50).chain(["run", "it"]) {
                assert!(words.contains(&part), "{part}: {shown}");
            }
            assert!(shown.replace(['\n', ' '], "").contains(&remedy.replace(' ', "")), "{shown}");
            assert!(!shown.contains("--json"), "{shown}");
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
            assert!(
                shown.lines().nth(1).is_some_and(|line| line.contains("/etc/dozvon/dozvon.toml")),
                "{shown}"
            );
        }
    }
}
