//! The rules: read as they were stated, and made equal with as few changes as possible.

use dozvon::queue::agent::{Activity, Status, Step};
use dozvon::routing::rules::{Destination, Rules, Strategy, Tier};
use dozvon::store::rules::{Difference, load, preview, put_one_agent, put_tier, replace};
use dozvon::store::{StoreError, agents};

use crate::support::{
    Db, agent, arrive, at, company, for_each_database, open_for_business, phone, queue, ring, step, talk,
};

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
                Destination::Message("sorry".parse().unwrap());
            rules.routes.pop();
            replace(c, &rules)
        })
        .await;
        drop(call);
    });
}

#[test]
fn rules_that_refer_to_nothing_are_refused_whole() {
    for_each_database(async |db| {
        let changes: [(fn(&mut Rules), &str); 6] = [
            (|r| drop(r.prompts.remove(&"music".parse().unwrap())), "queue sales refers to prompt music"),
            (|r| drop(r.prompts.remove(&"sorry".parse().unwrap())), "route rest refers to prompt sorry"),
            (|r| drop(r.schedules.clear()), "queue sales refers to schedule office"),
            (|r| drop(r.queues.remove(&queue("support"))), "queue sales refers to queue support"),
            (|r| drop(r.agents.remove(&agent("vera"))), "queue support refers to agent vera"),
            (
                |r| r.routes[1].open = Destination::Queue(queue("nowhere")),
                "route rest refers to queue nowhere, which is not there: add it or name another",
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
