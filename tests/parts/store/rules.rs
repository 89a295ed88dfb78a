//! The rules: read back as they were written, and applied with as few changes as possible.

use std::time::Duration;

use chrono_tz::Tz;
use dozvon::calendar::zone::Source;
use dozvon::ids::AttemptId;
use dozvon::language::Language;
use dozvon::missed::attempt::Way;
use dozvon::missed::regulation::Permit;
use dozvon::missed::window::Proof;
use dozvon::queue::agent::{Activity, Status, Step};
use dozvon::rules::policy::{Policy, Profile};
use dozvon::rules::{Destination, Menu, MenuOption, Rules, Strategy, Tier, WaitKey};
use dozvon::store::attempts::{self, Reservation};
use dozvon::store::rules::{Difference, load, preview, put_one_agent, put_tier, replace};
use dozvon::store::{Database, StoreError, agents, calls};

use crate::support::company::{
    NUMBER, TODAY, abandoned, agent, arrive, at, company, open_for_business, phone, queue, ring, step, talk,
};
use crate::support::database::{Db, Raw, for_each_database};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

async fn stated(db: &Db, rules: &Rules) -> Difference {
    let rules = rules.clone();
    db.write(move |c| replace(c, &rules)).await
}

#[test]
fn rules_are_read_as_they_were_stated() {
    for_each_database(async |db| {
        let mut rules = company();
        let first = stated(db, &rules).await;
        assert_eq!(first.added.len(), 2 + 1 + 3 + 2 + 2);
        assert_eq!(db.store.read("rules", load).await.unwrap(), rules);
        assert!(stated(db, &rules).await.is_empty());

        let sales = rules.queues.get_mut(&queue("sales")).unwrap();
        sales.strategy = Strategy::Sequential;
        sales.max_wait = None;
        sales.music = None;
        sales.greeting = Some("sorry".parse().unwrap());
        (sales.greeting_skip, sales.early_media) = (false, true);
        sales.announcements = ["sorry", "music"].map(|name| name.parse().unwrap()).into();
        sales.announce_after = Duration::from_secs(7);
        sales.announce_interval = None;
        (sales.announce_position, sales.announce_wait) = (true, true);
        (sales.wait_floor, sales.wait_rise) = (Duration::ZERO, Duration::from_mins(3));
        let to = serde_json::from_str(r#"{"message":"sorry","then":{"extension":"7009"}}"#).unwrap();
        sales.keys = vec![
            WaitKey { digits: "1".parse().unwrap(), to: Some(to), position: false },
            WaitKey { digits: "*#".parse().unwrap(), to: None, position: true },
        ];
        sales.tiers.insert(agent("vera"), Tier { level: 2, position: 7 });
        rules.agents.get_mut(&agent("anna")).unwrap().contacts.push("loopback/9004/default".parse().unwrap());
        rules.agents.insert(agent("dora"), phone("1004"));
        rules.agents.remove(&agent("boris"));
        rules.queues.get_mut(&queue("sales")).unwrap().tiers.remove(&agent("boris"));
        rules.routes.reverse();
        let office = rules.schedules.values_mut().next().unwrap();
        office.weekly[0].clear();
        office.exceptions.clear();
        office.zone = chrono_tz::Europe::Berlin;
        let second = stated(db, &rules).await;
        assert_eq!(second.added, names(&["agent dora"]));
        assert_eq!(
            second.changed,
            names(&["schedule office", "agent anna", "queue sales", "route main", "route rest"])
        );
        assert_eq!(second.removed, names(&["agent boris"]));
        assert_eq!(db.store.read("rules", load).await.unwrap(), rules);

        let none = stated(db, &Rules::default()).await;
        assert_eq!(none.removed.len(), 10);
        assert_eq!(db.store.read("rules", load).await.unwrap(), Rules::default());
    });
}

#[test]
fn menus_and_what_follows_a_verb_are_read_as_they_were_stated() {
    for_each_database(async |db| {
        let mut rules = company();
        let to = |text: &str| serde_json::from_str::<Destination>(text).unwrap();
        let option = |digits: &str, to: Option<Destination>| MenuOption {
            digits: digits.parse().unwrap(),
            back: to.is_none(),
            to,
            language: Some(Language::Ru),
        };
        let options = vec![
            option("12", Some(to(r#"{"message":"sorry","then":{"menu":"inner"}}"#))),
            option("1", Some(to(r#"{"extension":"7001@office"}"#))),
            option("*", None),
        ];
        let sorry = || "sorry".parse().unwrap();
        let main = Menu {
            invalid: Some(sorry()),
            barge_in: false,
            missed: false,
            failed: to(r#"{"forward":"user/1001","then":{"hang_up":"USER_BUSY"}}"#),
            ..Menu::new(vec!["music".parse().unwrap(), sorry()], options)
        };
        let inner = Menu::new(vec![sorry()], vec![option("#", None)]);
        rules.menus = [("main".parse().unwrap(), main), ("inner".parse().unwrap(), inner)].into();
        rules.queues.get_mut(&queue("support")).unwrap().overflow = to(r#"{"menu":"main"}"#);
        let route = &mut rules.routes[0];
        (route.from, route.open_case) = ("+7495* 1001".parse().unwrap(), true);
        route.closed = to(r#"{"message":"sorry","then":{"menu":"main"}}"#);
        stated(db, &rules).await;
        assert_eq!(db.store.read("rules", load).await.unwrap(), rules);

        let main = rules.menus.get_mut(&"main".parse().unwrap()).unwrap();
        main.options.remove(0);
        main.options.reverse();
        (main.prompts, main.invalid, main.retries) = (vec![sorry()], None, 0);
        rules.menus.remove(&"inner".parse().unwrap());
        let second = stated(db, &rules).await;
        assert_eq!((second.changed, second.removed), (names(&["menu main"]), names(&["menu inner"])));
        assert_eq!(db.store.read("rules", load).await.unwrap(), rules);

        rules.menus.clear();
        let new = rules.clone();
        let refused = db.store.write("rules", move |c| replace(c, &new)).await;
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("queue support refers to menu main, which does not exist"), "{said}");
    });
}

/// The company, of which calls back for sales are made under a policy of their own.
fn with_policy(limits: impl Fn(Policy) -> Policy) -> Rules {
    let mut rules = company();
    let strict = Policy { name: "strict".parse().unwrap(), ..Policy::of(Profile::Sales) };
    rules.policies.insert(strict.name.clone(), limits(strict));
    rules.queues.get_mut(&queue("sales")).unwrap().policy = "strict".parse().unwrap();
    rules
}

/// Every version that there was, and which is in force.
fn versions(raw: &mut Raw, policy: &str) -> (Vec<i64>, Vec<i64>) {
    let of = |table: &str, name: &str| {
        format!("SELECT CAST(version AS BIGINT) AS v FROM {table} WHERE {name} = '{policy}' ORDER BY version")
    };
    (raw.numbers(&of("policy_versions", "policy")), raw.numbers(&of("policies", "name")))
}

#[test]
fn a_policy_gets_a_new_version_when_its_limits_change_and_only_then() {
    for_each_database(async |db| {
        let mut raw = db.raw();
        assert_eq!(
            db.store.read("rules", load).await.unwrap(),
            Rules::default(),
            "the seeds are the defaults"
        );
        let first = stated(db, &with_policy(|p| p)).await;
        assert!(first.added.contains(&"policy strict".to_owned()), "{first:?}");
        assert_eq!(first.versions, [("strict".to_owned(), 1)].into());
        assert!(stated(db, &with_policy(|p| p)).await.is_empty());
        let mut renamed = with_policy(|p| p);
        renamed.agents.get_mut(&agent("anna")).unwrap().display = "Anna".to_owned();
        stated(db, &renamed).await;
        assert_eq!(versions(&mut raw, "strict"), (vec![1], vec![1]));

        // Everything that a policy can say.
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let full = |p: Policy| Policy {
            profile: Profile::Service,
            cap_day: 2,
            cap_24h: Some(3),
            cap_week: Some(5),
            cap_month: Some(9),
            retry_delays: vec![minutes(15), minutes(16), minutes(17)],
            ring: Duration::from_millis(20_500),
            reaction: minutes(5),
            escalation_pct: vec![100],
            weekdays: (541, 1079),
            weekends: (0, 0),
            margin: minutes(3),
            recent_contact: Some(minutes(7)),
            grace: minutes(2),
            lease: minutes(1),
            repeat_days: 2,
            repeat_total: 5,
            destinations: vec!["+7495".to_owned(), "+7499".to_owned()],
            premium: true,
            ..p
        };
        let changed = with_policy(full);
        let seen = changed.clone();
        let previewed = db.store.read("preview", move |c| preview(c, &seen)).await.unwrap();
        let second = stated(db, &changed).await;
        assert_eq!(second, previewed);
        assert_eq!(
            (second.changed, second.versions),
            (names(&["policy strict", "agent anna"]), [("strict".to_owned(), 2)].into())
        );
        let loaded = db.store.read("rules", load).await.unwrap();
        let strict = with_policy(|p| Policy { version: 2, ..full(p) });
        assert_eq!(loaded, strict);
        assert_eq!(loaded.policy(Some(&queue("sales"))).version, 2);
        assert_eq!(loaded.policy(Some(&queue("support"))), Policy::of(Profile::Service));

        // Taken out, and stated again: an attempt that names version 1 must not be taken for one under version 3.
        assert_eq!(stated(db, &company()).await.removed, names(&["policy strict"]));
        assert_eq!(versions(&mut raw, "strict"), (vec![1, 2], vec![]));
        stated(db, &with_policy(|p| p)).await;
        assert_eq!(versions(&mut raw, "strict"), (vec![1, 2, 3], vec![3]));
    });
}

/// Takes a place for a case of a call that was just missed, under a policy.
fn reserve(c: &mut Database, policy: &Policy, ms: u64) -> Result<AttemptId, StoreError> {
    let call = arrive(c, "sales", at(ms))?;
    let case = calls::end(c, &abandoned(call, at(ms + 10)))?.expect("a case");
    let window = Proof {
        zone: Tz::Europe__Moscow,
        source: Source::AreaCode,
        local_min: 720,
        from_min: 490,
        to_min: 1309,
    };
    let permit = Permit { ordinal: 1, gap_until: at(ms + 1_800_000), window };
    attempts::reserve(
        c,
        &Reservation {
            case,
            number: &NUMBER.parse().unwrap(),
            business_day: TODAY.parse().unwrap(),
            call,
            agent: Some(&agent("anna")),
            by: "anna",
            way: Way::Callback,
            queue: Some(&queue("sales")),
            policy,
            permit: &permit,
            at: at(ms + 20),
        },
    )
    .map(|(attempt, _)| attempt)
}

#[test]
fn an_attempt_names_the_version_that_allowed_it_and_no_other() {
    for_each_database(async |db| {
        stated(db, &with_policy(|p| p)).await;
        stated(db, &with_policy(|p| Policy { cap_day: 2, ..p })).await;
        let policy = db.store.read("rules", load).await.unwrap().policy(Some(&queue("sales")));
        assert_eq!((policy.version, policy.cap_day), (2, 2));
        let wrong: [fn(Policy) -> Policy; 3] = [
            |p| Policy { version: 3, ..p },
            |p| Policy { cap_day: 3, ..p },
            |p| Policy { name: "nowhere".parse().unwrap(), ..p },
        ];
        for change in wrong {
            let policy = change(policy.clone());
            let refused = db.refused(move |c| reserve(c, &policy, 0)).await.to_string();
            assert!(
                refused.contains("must name an existing version of a policy, and have its limit"),
                "{refused}"
            );
        }
        // A reader of the rules before they changed is right about what was known.
        let before = Policy { version: 1, cap_day: 3, ..policy.clone() };
        db.write(move |c| reserve(c, &before, 0)).await;
        let mut raw = db.raw();
        let named = "SELECT policy || ' ' || policy_version || ' ' || cap AS v FROM attempts";
        assert_eq!(raw.texts(named), ["strict 1 3"]);
        // The policy goes, what was done under it stays.
        stated(db, &company()).await;
        assert_eq!(raw.texts(named), ["strict 1 3"]);
    });
}

#[test]
fn what_exists_without_being_stated_goes_back_to_its_profile() {
    for_each_database(async |db| {
        let mut rules = company();
        rules.policies.get_mut(&Profile::Service.into()).unwrap().cap_day = 2;
        assert_eq!(stated(db, &rules).await.changed, names(&["policy service"]));
        let none = stated(db, &Rules { policies: [].into(), ..company() }).await;
        assert_eq!((none.changed, none.removed), (names(&["policy service"]), names(&[])));
        let service = db.store.read("rules", load).await.unwrap().policy(None);
        assert_eq!(service, Policy { version: 3, ..Policy::of(Profile::Service) });
    });
}

#[test]
fn the_database_holds_lawful_policies_that_queues_and_attempts_refer_to() {
    for_each_database(async |db| {
        stated(db, &with_policy(|p| p)).await;
        let mut raw = db.raw();
        let copy = |change: &str| {
            format!(
                "CREATE TEMP TABLE copy AS SELECT * FROM policy_versions WHERE policy = 'debt' AND version = 1; \
                 UPDATE copy SET version = 9, {change}; INSERT INTO policy_versions SELECT * FROM copy"
            )
        };
        let changes = [
            "cap_day = 2",
            "cap_24h = 2",
            "cap_week = NULL",
            "cap_week = 3",
            "cap_month = NULL",
            "cap_month = 9",
            "weekdays_from_min = 479",
            "weekdays_to_min = 1321",
            "weekends_from_min = 539",
            "weekends_to_min = 1201",
            "recent_contact_ms = 1",
            "ring_ms = 61000",
            "profile = 'other'",
            "profile = 'sales'",
            "profile = 'service', cap_day = 4",
        ];
        for change in changes {
            let words = if db.is_sqlite() { "CHECK constraint" } else { "check constraint" };
            raw.refused(&format!("BEGIN; {}", copy(change)), words);
            raw.run("ROLLBACK").unwrap();
        }
        raw.run(&format!("BEGIN; {}; ROLLBACK", copy("cap_week = 1"))).unwrap();
        for (sql, words) in [
            ("UPDATE policy_versions SET cap_day = 1 WHERE policy = 'strict'", "append-only"),
            ("DELETE FROM policy_versions WHERE policy = 'strict'", "append-only"),
            ("UPDATE policies SET version = 1 WHERE name = 'service'", "only grows"),
            ("DELETE FROM policies WHERE name = 'debt'", "cannot be removed"),
            ("DELETE FROM policies WHERE name = 'strict'", "polic"),
            ("UPDATE queues SET policy = 'nowhere'", "polic"),
            (
                "INSERT INTO queues (name, strategy, priority, service_level_ms, overflow_kind, overflow_to, policy) \
              VALUES ('q', 'ring_all', 0, 0, 'message', 'sorry', 'nowhere')",
                "polic",
            ),
        ] {
            raw.refused(sql, words);
        }
        let unlawful = with_policy(|p| Policy { cap_day: 4, ..p });
        let refused = db.refused(move |c| replace(c, &unlawful)).await.to_string();
        assert!(refused.contains("policy strict: max_attempts_per_day = 4 is not allowed"), "{refused}");
        let dangling = Rules { policies: Policy::built_in(), ..with_policy(|p| p) };
        let refused = db.refused(move |c| replace(c, &dangling)).await.to_string();
        assert!(refused.contains("queue sales refers to policy strict, which does not exist"), "{refused}");
    });
}

#[test]
fn a_preview_says_what_would_be_and_changes_nothing() {
    for_each_database(async |db| {
        stated(db, &company()).await;
        let mut rules = company();
        rules.routes.remove(0);
        rules.agents.insert(agent("dora"), phone("1004"));
        let seen = db.store.read("preview", move |c| preview(c, &rules)).await.unwrap();
        assert_eq!((seen.added, seen.removed), (names(&["agent dora"]), names(&["route main"])));
        assert_eq!(db.store.read("rules", load).await.unwrap(), company());
    });
}

#[test]
fn new_rules_leave_what_agents_chose_and_do() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            step(c, "boris", Step::TakeBreak, at(10))?;
            let call = arrive(c, "sales", at(0))?;
            let offer = ring(c, call, "anna", at(10))?;
            talk(c, call, offer, at(20))
        })
        .await;
        let before = db.write(agents::all).await;
        let mut rules = company();
        for agent in rules.agents.values_mut() {
            agent.display = "Somebody".to_owned();
            agent.wrap_up = std::time::Duration::ZERO;
        }
        assert_eq!(stated(db, &rules).await.changed.len(), 3);
        let after = db.write(agents::all).await;
        for (before, after) in before.into_iter().zip(after) {
            assert_eq!(agents::AgentRow { display: "Somebody".to_owned(), ..before }, after);
        }
    });
}

#[test]
fn what_a_call_uses_is_not_removed() {
    for_each_database(async |db| {
        let call = db
            .write(|c| {
                open_for_business(c)?;
                let call = arrive(c, "sales", at(0))?;
                ring(c, call, "anna", at(10))?;
                Ok(call)
            })
            .await;
        let refused = db.refused(|c| replace(c, &Rules::default())).await.to_string();
        assert!(
            refused.contains("in use by a call now, so it cannot be removed: agent anna, queue sales"),
            "{refused}"
        );
        let refused = db.store.read("preview", |c| preview(c, &Rules::default())).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
        assert_eq!(db.store.read("rules", load).await.unwrap(), company());
        db.write(|c| {
            // Everything else may go.
            let mut rules = company();
            rules.agents.remove(&agent("vera"));
            rules.queues.remove(&queue("support"));
            rules.queues.get_mut(&queue("sales")).unwrap().overflow =
                Destination::message("sorry".parse().unwrap());
            rules.routes.pop();
            replace(c, &rules)
        })
        .await;
        drop(call);
    });
}

#[test]
fn rules_that_lead_nowhere_are_refused_whole() {
    for_each_database(async |db| {
        let changes: [(fn(&mut Rules), &str); 7] = [
            (|r| drop(r.prompts.remove(&"music".parse().unwrap())), "queue sales refers to prompt music"),
            (|r| drop(r.prompts.remove(&"sorry".parse().unwrap())), "queue support refers to prompt sorry"),
            (|r| drop(r.schedules.clear()), "queue sales refers to schedule office"),
            (|r| drop(r.queues.remove(&queue("support"))), "queue sales refers to queue support"),
            (|r| drop(r.agents.remove(&agent("vera"))), "queue support refers to agent vera"),
            (
                |r| r.routes[1].open = Destination::Queue(queue("nowhere")),
                "route rest refers to queue nowhere, which does not exist: add it or name another",
            ),
            (
                |r| {
                    r.queues.get_mut(&queue("support")).unwrap().overflow =
                        Destination::Queue(queue("support"))
                },
                "callers who do nothing go in a circle: support → support; let one of them lead to",
            ),
        ];
        for (change, words) in changes {
            let mut rules = company();
            change(&mut rules);
            let refused = db.refused(move |c| replace(c, &rules)).await.to_string();
            assert!(refused.contains(words), "{refused}");
            assert_eq!(db.store.read("rules", load).await.unwrap(), Rules::default());
        }
    });
}

#[test]
fn one_agent_is_added_or_changed_and_given_a_place() {
    for_each_database(async |db| {
        stated(db, &company()).await;
        for number in ["1007", "1008"] {
            db.write(move |c| {
                put_one_agent(c, &agent("dora"), &phone(number))?;
                put_tier(c, &queue("sales"), &agent("dora"), Tier { level: 1, position: 9 })
            })
            .await;
        }
        let rules = db.store.read("rules", load).await.unwrap();
        assert_eq!(rules.agents[&agent("dora")], phone("1008"));
        assert_eq!(rules.queues[&queue("sales")].tiers[&agent("dora")].position, 9);
        let row = db.write(|c| agents::get(c, &agent("dora"))).await;
        assert_eq!((row.status, row.activity), (Status::LoggedOut, Activity::Idle));
        let refused = db
            .refused(|c| put_tier(c, &queue("nowhere"), &agent("dora"), Tier { level: 1, position: 9 }))
            .await;
        assert_eq!(refused.to_string(), "there is no queue nowhere");
    });
}

#[test]
fn rules_changed_by_hand_into_nonsense_are_named() {
    for_each_database(async |db| {
        stated(db, &company()).await;
        let mut raw = db.raw();
        for (sql, words) in [
            (
                "UPDATE agent_contacts SET contact = 'user/1,user/2' WHERE agent = 'anna'",
                "agent_contacts.contact",
            ),
            ("UPDATE prompts SET source = '${system(id)}' WHERE name = 'music'", "prompts.source"),
            ("UPDATE schedules SET zone = 'Mars/Olympus'", "schedules.zone"),
        ] {
            raw.run("CREATE TABLE kept AS SELECT 1 AS one").unwrap();
            raw.run(sql).unwrap();
            let refused = db.store.read("rules", load).await.unwrap_err().to_string();
            assert!(refused.contains(words) && refused.contains("was it changed by hand?"), "{refused}");
            raw.run("DROP TABLE kept").unwrap();
            db.write(|c| {
                use diesel::connection::SimpleConnection as _;
                Ok(c.batch_execute(
                    "UPDATE agent_contacts SET contact = 'user/1001'; UPDATE prompts SET source = 'local_stream://moh' \
                     WHERE name = 'music'; UPDATE schedules SET zone = 'Europe/Moscow'",
                )?)
            })
            .await;
        }
        assert_eq!(db.store.read("rules", load).await.unwrap(), company());
    });
}
