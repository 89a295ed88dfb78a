//! `dozvon demo`: plays a busy half-minute without a FreeSWITCH, and prints a report from the rows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressStyle};

use super::report::percentile;
use super::{Context, Exit, Failure, parse};
use crate::app;
use crate::calendar::schedule::civil_date;
use crate::clock::{Clock, UnixMs};
use crate::config::Settings;
use crate::config::database::DatabaseUrl;

use crate::demo::callback_rounds;
use crate::demo::scenario::busy_day;
use crate::demo::testbed::Testbed;
use crate::missed::ending::Ending;
use crate::queue::offer::Outcome;
use crate::render::{Cell, Sheet, Table};
use crate::sim::{Counts, Story};
use crate::store::attempts;
use crate::store::reports::{self, CallsDaily, Days, OffersByAgent};
use crate::store::{Database, StoreError};

/// Plays a busy half-minute and prints its report.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The controller, its database and its web port are real; FreeSWITCH, the callers and the phones are simulated.
Everything happens about ten times faster than in life: people ring, talk and lose patience in seconds. It is ten on a
Wednesday; after the rush the clock is put forward, and missed callers are called back, up to three times each.
With --database the rows are kept in that database, which must not exist yet. Exit code 1 if a phone rang for two
calls at once, or a leg was left behind.

Examples:
  dozvon demo
  dozvon demo --seed 7 --calls 1000 --rate 20
  dozvon demo --keep                          look at /metrics afterwards
  dozvon demo --database sqlite:demo.db       keep the rows, for `dozvon call list` or your own SQL")]
pub(super) struct Args {
    /// The seed of all random choices: the same seed brings the same callers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of callers.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calls: u32,
    /// Callers per second, on average.
    #[arg(long, default_value_t = 8.0, value_parser = parse::rate)]
    rate: f64,
    /// Keep serving the web port after the report, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let no_folder = |error| Failure::new(Exit::Failed, format!("cannot make a temporary folder: {error}"));
    let folder = tempfile::tempdir().map_err(no_folder)?;
    let own = || DatabaseUrl::Sqlite(folder.path().join("demo.db"));
    let database = context.named.clone().unwrap_or_else(own);
    AHEAD_MS.store(until_ten_on_wednesday(Clock::system().now()), Ordering::Relaxed);
    let clock = Clock::wrong_by(&AHEAD_MS);
    let today = civil_date(Settings::default().zone, clock.now());
    let mut scenario = busy_day(args.seed, args.calls as usize, args.rate, today).map_err(failed)?;
    scenario.trunk = Some(callback_rounds::trunk().map_err(failed)?);
    let testbed = Testbed::set(&scenario, database.clone(), args.seed, clock).await?;
    let progress = Progress::new(u64::from(args.calls), context.json);
    let stories = testbed.play(&scenario, |story| progress.seen(story)).await;
    progress.evening();
    testbed.run_callback_rounds(&scenario, args.seed, &AHEAD_MS).await.map_err(failed)?;
    progress.over();
    let counts = testbed.sim.counts().await;
    let web = format!("http://{}/metrics", testbed.running.status);
    let sheet = testbed.running.app.store.read("demo", move |c| report(c, today)).await?;
    let sheet = sheet
        .with("callers", Cell::count(stories.len()))
        .with("phones_rung_twice", Cell::count(counts.double_rings))
        .with("legs_left_behind", Cell::count(counts.legs_up))
        .with("database", database.to_string())
        .with("web", web.clone());
    context.sheet(&sheet)?;
    if args.keep {
        context.print(&format!("Serving {web} until Ctrl-C.\n"))?;
        app::stop_signal().await.map_err(failed)?;
    }
    testbed.shut_down().await;
    verdict(&counts, args.seed)
}

/// How far the demo's clock is ahead of the machine's.
static AHEAD_MS: AtomicI64 = AtomicI64::new(0);

/// Milliseconds until the next Wednesday, 10:00 in Moscow. From then on all of Russia may be called for some hours,
/// whenever the demo runs.
fn until_ten_on_wednesday(now: UnixMs) -> i64 {
    const DAY: i64 = 86_400_000;
    // 1 January 1970 was a Thursday; ten in Moscow is seven in UTC.
    let day = now.0.div_euclid(DAY) + 1;
    let wednesday = day + (6 - day).rem_euclid(7);
    wednesday * DAY + 7 * 3_600_000 - now.0
}

/// Fails if the stand-in has seen what must never happen.
fn verdict(counts: &Counts, seed: u64) -> Result<Exit, Failure> {
    match (counts.double_rings, counts.legs_up) {
        (0, 0) => Ok(Exit::Done),
        (rings, legs) => Err(failed(format!(
            "{rings} phones rang for two calls at once, {legs} legs were left behind: \
             this is a fault in dozvon, please report it with the seed {seed}"
        ))),
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

/// Shows the progress of the demo.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(callers: u64, quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(callers) };
        let style =
            ProgressStyle::with_template("{elapsed_precise} {bar:40} {pos}/{len} callers done, last: {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    fn seen(&self, story: &Story) {
        let what =
            story.talked_to().first().map_or_else(|| story.cause.clone(), |who| format!("talked to {who}"));
        self.bar.set_message(what);
        self.bar.inc(1);
    }

    fn evening(&self) {
        self.bar.set_message("now missed callers are called back");
    }

    fn over(&self) {
        self.bar.finish_and_clear();
    }
}

/// The report of the day, from the rows.
fn report(c: &mut Database, today: NaiveDate) -> Result<Sheet, StoreError> {
    let days = Days { from: today.into(), to: today.into() };
    let (calls, offers) = (reports::calls_daily(c, days)?, reports::offers_by_agent(c, days)?);
    let (cases, waits) = (reports::cases(c, days)?, reports::waits_answered(c, days)?);
    let made = attempts::dispositions(c)?;
    let reasons = tally(cases.iter().map(|case| (case.reason.clone(), 1)));
    let outcomes = tally(offers.iter().map(|offer| (offer.outcome.clone(), offer.offers)));
    Ok(Sheet::default()
        .with("wait_p50_ms", Cell::span_or_nothing(percentile(&waits, 50)))
        .with("wait_p95_ms", Cell::span_or_nothing(percentile(&waits, 95)))
        .and(
            "calls_by_ending",
            counted("ending", tally(calls.iter().map(|row| (row.ending.clone(), row.calls)))),
        )
        .and("queues", queues(&calls))
        .and("offers_by_outcome", counted("outcome", outcomes))
        .and("cases_by_reason", counted("reason", reasons))
        .and("agents", agents(&offers))
        .and(
            "attempts_by_result",
            counted("result", tally(made.into_iter().map(|result| (result.to_string(), 1)))),
        )
        .and("cases_by_end", counted("end", tally(cases.iter().map(|case| (stands(case), 1))))))
}

/// Why a case was closed, or what it waits for.
fn stands(case: &reports::CaseLine) -> String {
    case.close_reason.clone().or_else(|| case.stage.clone()).unwrap_or_default()
}

fn tally(counts: impl Iterator<Item = (String, i64)>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (word, count) in counts {
        *sums.entry(word).or_insert(0) += count;
    }
    sums
}

fn counted(field: &'static str, sums: BTreeMap<String, i64>) -> Table {
    let mut table = Table::new(&[field, "count"], "none");
    for (word, count) in sums {
        table.row([Cell::word(word), Cell::Count(count)]);
    }
    table
}

/// Service level and waits by queue.
fn queues(calls: &[CallsDaily]) -> Table {
    let fields = ["queue", "calls", "answered", "service_level_negative_abandon_pct", "wait_max_ms"];
    let mut table = Table::new(&fields, "no calls");
    let mut by_queue: BTreeMap<&str, Vec<&CallsDaily>> = BTreeMap::new();
    for row in calls.iter().filter(|row| row.queue != "-") {
        by_queue.entry(&row.queue).or_default().push(row);
    }
    for (queue, rows) in by_queue {
        let answered = rows.iter().filter(|row| row.ending == Ending::Answered.as_str());
        let answered: i64 = answered.map(|row| row.calls).sum();
        table.row([
            queue.into(),
            Cell::Count(rows.iter().map(|row| row.calls).sum()),
            Cell::Count(answered),
            rows[0].service_level_negative_abandon_pct.map_or(Cell::Nothing, Cell::Percent),
            Cell::span_or_nothing(rows.iter().filter_map(|row| row.wait_max_ms).max()),
        ]);
    }
    table
}

/// The offers of each agent, by outcome.
fn agents(offers: &[OffersByAgent]) -> Table {
    let mut table =
        Table::new(&["agent", "offers", "answered", "no_answer", "other", "talk_ms"], "no offers");
    let mut by_agent: BTreeMap<&str, Vec<&OffersByAgent>> = BTreeMap::new();
    for row in offers {
        by_agent.entry(&row.agent).or_default().push(row);
    }
    for (agent, rows) in by_agent {
        let of = |outcome: Outcome| -> i64 {
            let rows = rows.iter().filter(|row| row.outcome == outcome.as_str());
            rows.map(|row| row.offers).sum()
        };
        let all: i64 = rows.iter().map(|row| row.offers).sum();
        let (answered, no_answer) = (of(Outcome::Answered), of(Outcome::NoAnswer));
        table.row([
            agent.into(),
            Cell::Count(all),
            Cell::Count(answered),
            Cell::Count(no_answer),
            Cell::Count(all - answered - no_answer),
            Cell::Span(rows.iter().filter_map(|row| row.talk_ms).sum()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_plays_on_a_wednesday() {
        use chrono::{Datelike as _, Timelike as _};
        for day in 0..7 {
            let now = UnixMs(1_795_650_000_000 + day * 86_400_000);
            let then = UnixMs(now.0 + until_ten_on_wednesday(now)).utc();
            assert_eq!((then.weekday(), then.hour(), then.minute()), (chrono::Weekday::Wed, 7, 0));
            assert!((1..=8).contains(&(then - now.utc()).num_days().max(1)), "{then}");
        }
    }

    #[test]
    fn a_day_on_which_a_promise_was_broken_has_failed() {
        assert_eq!(verdict(&Counts::default(), 7).unwrap(), Exit::Done);
        for counts in
            [Counts { double_rings: 1, ..Counts::default() }, Counts { legs_up: 1, ..Counts::default() }]
        {
            let said = verdict(&counts, 7).unwrap_err().to_string();
            assert!(said.contains("please report it with the seed 7"), "{said}");
        }
    }
}
