//! Days of calls through the controller and a simulated FreeSWITCH, drawn from a seed. The promises of
//! docs/architecture/promises.md are checked after each day.
//!
//! To play a failing seed again: `DOZVON_SEED=7 cargo test --test whole simulation`. `DOZVON_DAYS=2000` plays that many
//! days instead of ten, and `DOZVON_SIDE_BY_SIDE=16` plays that many at the same time.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use dozvon::clock::Clock;
use dozvon::config::database::DatabaseUrl;
use dozvon::demo::scenario::busy_day;
use dozvon::demo::testbed::Testbed;
use dozvon::sim::{Counts, Story};
use dozvon::store::Store;
use tokio::task::JoinSet;

use crate::support::http::{get, metric};

/// What is known of a call when the day is over.
#[derive(Debug, Clone, QueryableByName)]
struct Call {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    party: String,
    #[diesel(sql_type = BigInt)]
    place_at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    queue: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    ending: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    offer: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    ended_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    answered_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    joined_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    left_at: Option<i64>,
    #[diesel(sql_type = BigInt)]
    misses: i64,
}

#[derive(Debug, Clone, QueryableByName)]
struct Offer {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    call: String,
    #[diesel(sql_type = Text)]
    agent: String,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = BigInt)]
    offered_at: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    ended_at: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    outcome: Option<String>,
}

/// A day that is over: what each side knows of it.
struct Day {
    seed: u64,
    counts: Counts,
    pages: Pages,
    wrap_ups: Vec<WrapUp>,
    stories: Vec<Story>,
    calls: Vec<Call>,
    offers: Vec<Offer>,
    busy_agents: i64,
    /// The longest that the controller needed to commit a transaction and to hear of it.
    slowest_commit: Duration,
}

#[derive(QueryableByName)]
struct WrapUp {
    #[diesel(sql_type = Text)]
    agent: String,
    #[diesel(sql_type = BigInt)]
    wrap_up_ms: i64,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

async fn play(seed: u64, calls: usize, rate: f64) -> Day {
    let folder = tempfile::tempdir().unwrap();
    let database: DatabaseUrl = format!("sqlite:{}/day.db", folder.path().display()).parse().unwrap();
    let today = Clock::system().now().utc().with_timezone(&chrono_tz::Europe::Moscow).date_naive();
    let scenario = busy_day(seed, calls, rate, today).unwrap();
    let testbed = Testbed::set(&scenario, database, seed, Clock::system()).await.unwrap();
    let store = testbed.running.app.store.clone();
    let mut slowest_commit = Duration::ZERO;
    let stories = tokio::select! {
        stories = testbed.play(&scenario, |_| {}) => stories,
        never = time_commits(&store, &mut slowest_commit) => match never {},
    };
    let counts = testbed.sim.counts().await;
    let pages = Pages::of(testbed.running.status).await;
    let day = Day { counts, pages, slowest_commit, ..read(&store, seed, stories).await };
    testbed.shut_down().await;
    day
}

/// Commits an empty transaction again and again, and keeps the longest time that one took.
async fn time_commits(store: &Store, slowest: &mut Duration) -> Infallible {
    loop {
        let began = Instant::now();
        store.write("time_commits", |_| Ok(())).await.unwrap();
        *slowest = began.elapsed().max(*slowest);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the web port says.
#[derive(Default)]
struct Pages {
    healthz: u16,
    readyz: u16,
    metrics: String,
}

impl Pages {
    async fn of(web: SocketAddr) -> Self {
        let page = async |path| get(web, path).await.expect("nobody listens");
        Self {
            healthz: page("/healthz").await.status,
            readyz: page("/readyz").await.status,
            metrics: page("/metrics").await.body,
        }
    }

    /// The sum of a metric over its labels.
    fn sum(&self, name: &str) -> f64 {
        metric(&self.metrics, name, "").unwrap_or_else(|| panic!("{name} is not among the metrics"))
    }
}

async fn read(store: &Store, seed: u64, stories: Vec<Story>) -> Day {
    store
        .read("day", move |c| {
            Ok(Day {
                seed,
                counts: Counts::default(),
                pages: Pages::default(),
                wrap_ups: diesel::sql_query("SELECT name AS agent, wrap_up_ms FROM agents").load(c)?,
                stories,
                calls: diesel::sql_query(
                    "SELECT id, channel, party, queue, ending, offer, ended_at, answered_at, \
                     (SELECT MAX(joined_at) FROM waits w WHERE w.call = calls.id) AS joined_at, \
                     (SELECT MAX(left_at) FROM waits w WHERE w.call = calls.id) AS left_at, \
                     coalesce((SELECT place_at FROM resumed_places r WHERE r.call = calls.id), arrived_at) AS place_at, \
                     (SELECT COUNT(*) FROM case_misses m WHERE m.call = calls.id) AS misses FROM calls",
                )
                .load(c)?,
                offers: diesel::sql_query("SELECT id, call, agent, queue, offered_at, ended_at, outcome FROM offers")
                    .load(c)?,
                slowest_commit: Duration::ZERO,
                busy_agents: diesel::sql_query(
                    "SELECT COUNT(*) AS n FROM agents WHERE activity IN ('ringing', 'talking') OR offer IS NOT NULL",
                )
                .get_result::<Count>(c)?
                .n,
            })
        })
        .await
        .unwrap()
}

impl Day {
    fn check(&self) {
        self.every_caller_has_one_call_with_one_ending();
        self.a_missed_call_has_its_case();
        self.nobody_is_claimed_twice_at_a_time();
        self.a_call_has_at_most_one_winner();
        self.nobody_is_left_behind();
        self.freeswitch_has_seen_nothing_odd();
        self.nobody_is_rung_before_their_wrap_up_is_over();
        self.the_pages_say_what_was();
        self.the_longest_waiting_is_not_passed_over();
    }

    /// Promises 1 and 2.
    fn every_caller_has_one_call_with_one_ending(&self) {
        let mut by_channel: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
        for call in &self.calls {
            by_channel.entry(&call.channel).or_default().push(call);
        }
        for story in &self.stories {
            let channel = story.channel.to_string();
            let calls = by_channel.get(channel.as_str()).map_or(0, Vec::len);
            assert_eq!(calls, 1, "seed {}: caller {channel} has {calls} calls: {story:?}", self.seed);
            let call = by_channel[channel.as_str()][0];
            assert!(
                call.ending.is_some() && call.ended_at.is_some(),
                "seed {}: no ending: {call:?}",
                self.seed
            );
            let answered = call.ending.as_deref() == Some("answered");
            assert_eq!(answered, !story.talked_to().is_empty(), "seed {}: {call:?} {story:?}", self.seed);
        }
        assert_eq!(self.calls.len(), self.stories.len(), "seed {}", self.seed);
    }

    /// Promise 2: every caller whom we must call back has a case, and nobody else has one.
    fn a_missed_call_has_its_case(&self) {
        for call in &self.calls {
            let through = matches!(call.ending.as_deref(), Some("answered" | "forwarded"));
            let owed = i64::from(!through && call.party == "number");
            assert_eq!(call.misses, owed, "seed {}: {call:?}", self.seed);
        }
    }

    /// Promise 3.
    fn nobody_is_claimed_twice_at_a_time(&self) {
        let mut by_agent: BTreeMap<&str, Vec<&Offer>> = BTreeMap::new();
        for offer in &self.offers {
            by_agent.entry(&offer.agent).or_default().push(offer);
        }
        for offers in by_agent.values_mut() {
            offers.sort_by_key(|offer| (offer.offered_at, offer.ended_at));
            for pair in offers.windows(2) {
                let over = pair[0].ended_at.is_some_and(|ended| ended <= pair[1].offered_at);
                assert!(over, "seed {}: claimed twice: {pair:?}", self.seed);
            }
        }
    }

    /// Promise 4.
    fn a_call_has_at_most_one_winner(&self) {
        for call in &self.calls {
            let won: Vec<_> = self
                .offers
                .iter()
                .filter(|o| o.call == call.id && o.outcome.as_deref() == Some("answered"))
                .collect();
            assert!(won.len() <= 1, "seed {}: {won:?}", self.seed);
            if let Some(winner) = won.first() {
                assert_eq!(call.offer.as_deref(), Some(winner.id.as_str()), "seed {}", self.seed);
                assert!(call.answered_at.is_some());
            }
        }
    }

    /// Promises 3, 4, 7 and 8, as FreeSWITCH counts.
    fn freeswitch_has_seen_nothing_odd(&self) {
        let (counts, seed) = (&self.counts, self.seed);
        assert_eq!(counts.double_rings, 0, "seed {seed}: a phone rang for two calls");
        assert_eq!((counts.legs_up, counts.zombies), (0, 0), "seed {seed}: legs are left");
        assert_eq!((counts.expansions, counts.forked_dials), (0, 0), "seed {seed}: text was evaluated");
        assert_eq!((counts.talks_cut, counts.frames_lost), (0, 0), "seed {seed}: lost");
        assert!(counts.legs <= self.offers.len() as u64, "seed {seed}: a phone rang without a claim");
        let through = self.stories.iter().filter(|story| !story.talked_to().is_empty()).count();
        assert!(through * 4 > self.stories.len(), "seed {seed}: only {through} got through");
    }

    /// Wrap-up is kept to the millisecond.
    fn nobody_is_rung_before_their_wrap_up_is_over(&self) {
        for WrapUp { agent, wrap_up_ms } in &self.wrap_ups {
            let mut offers: Vec<_> = self.offers.iter().filter(|offer| offer.agent == *agent).collect();
            offers.sort_by_key(|offer| (offer.offered_at, offer.ended_at));
            for pair in offers.windows(2).filter(|pair| pair[0].outcome.as_deref() == Some("answered")) {
                let ready = pair[0].ended_at.unwrap() + wrap_up_ms;
                assert!(pair[1].offered_at >= ready, "seed {}: {pair:?}", self.seed);
            }
        }
    }

    /// Every metric is there under its name, with what the day was.
    fn the_pages_say_what_was(&self) {
        let pages = &self.pages;
        assert_eq!((pages.healthz, pages.readyz), (200, 200), "/healthz and /readyz");
        let calls = self.calls.len() as f64;
        let offers = self.offers.len() as f64;
        let answered = self.calls.iter().filter(|call| call.ending.as_deref() == Some("answered")).count();
        let exactly = [
            ("dozvon_calls_total", calls),
            ("dozvon_offers_total", offers),
            ("dozvon_ring_seconds_count", offers),
            ("dozvon_offer_bridge_seconds_count", answered as f64),
            ("dozvon_callers_waiting", 0.0),
            ("dozvon_calls_in_progress", 0.0),
            ("dozvon_node_link_up", 1.0),
        ];
        for (name, value) in exactly {
            assert_eq!(pages.sum(name), value, "seed {}: {name}", self.seed);
        }
        let some = [
            "dozvon_wait_seconds_count",
            "dozvon_first_ring_seconds_count",
            "dozvon_agents",
            "dozvon_cases_open",
            "dozvon_missed_calls_total",
            "dozvon_node_events_total",
            "dozvon_node_commands_total",
            "dozvon_store_commits_total",
            "dozvon_store_commit_seconds_count",
            "dozvon_store_transactions_total",
            "dozvon_store_transaction_seconds_total",
            "dozvon_connections_total",
        ];
        // Looked at once a second: what they said last may be of a moment before.
        for name in ["dozvon_node_event_queue_depth", "dozvon_node_legs", "dozvon_store_queue_depth"] {
            assert!(pages.sum(name) >= 0.0, "seed {}: {name}", self.seed);
        }
        for name in some {
            assert!(pages.sum(name) > 0.0, "seed {}: {name}", self.seed);
        }
    }

    fn nobody_is_left_behind(&self) {
        let open: Vec<_> = self.offers.iter().filter(|offer| offer.ended_at.is_none()).collect();
        assert!(open.is_empty(), "seed {}: offers without an end: {open:?}", self.seed);
        assert_eq!(self.busy_agents, 0, "seed {}: agents who never came free", self.seed);
    }

    /// Promise 5, as the rows show it. A caller who was cut off has the place of their earlier call. The rows say when something happened, and the dispatcher hears of it a few commits
    /// later. So an order of two instants counts only if they are further apart than that.
    fn the_longest_waiting_is_not_passed_over(&self) {
        let slack = 100 + 3 * i64::try_from(self.slowest_commit.as_millis()).unwrap();
        let front = |queue: &str| queue == "front";
        for offer in self.offers.iter().filter(|offer| !front(&offer.queue)) {
            let served = self.calls.iter().find(|call| call.id == offer.call).unwrap();
            let at = offer.offered_at;
            for older in &self.calls {
                let waits = older.queue.as_deref() == Some(offer.queue.as_str())
                    && older.place_at + slack < served.place_at
                    && older.joined_at.is_some_and(|joined| joined + slack < at)
                    && older.left_at.is_some_and(|left| left > at + slack);
                if !waits {
                    continue;
                }
                let mut own = self.offers.iter().filter(|own| own.call == older.id);
                let excused = own.any(|own| {
                    let live =
                        own.offered_at <= at + slack && own.ended_at.is_none_or(|end| end + slack > at);
                    let refused = matches!(own.outcome.as_deref(), Some("rejected" | "no_answer"));
                    live || (refused && own.agent == offer.agent && own.offered_at < at)
                });
                let own: Vec<_> = self.offers.iter().filter(|own| own.call == older.id).collect();
                let story = self.stories.iter().find(|story| story.channel.to_string() == older.channel);
                assert!(
                    excused,
                    "seed {}: passed over: {older:#?}\nwith offers {own:#?}\nand story {story:#?}\nfor {served:#?}\nby {offer:#?}",
                    self.seed
                );
            }
        }
    }
}

/// How many days are played when nothing is said, and how many of them at the same time: a day waits more than it works.
const DAYS: u64 = 10;
const SIDE_BY_SIDE: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promises_hold_on_every_day() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let mut seeds = match number("DOZVON_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("DOZVON_DAYS").unwrap_or(DAYS),
    };
    let side_by_side = number("DOZVON_SIDE_BY_SIDE").unwrap_or(SIDE_BY_SIDE) as usize;
    let mut days = JoinSet::new();
    loop {
        while days.len() < side_by_side
            && let Some(seed) = seeds.next()
        {
            days.spawn(play(seed, 200, 25.0));
        }
        let Some(day) = days.join_next().await else { break };
        let day = day.unwrap();
        day.check();
        println!(
            "seed {}: {} calls, {} offers: every promise kept",
            day.seed,
            day.calls.len(),
            day.offers.len()
        );
    }
}
