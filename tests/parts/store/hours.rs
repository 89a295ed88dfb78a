//! Hours that a person sets for a while, and who is on duty.

use dozvon::audit::Action;
use dozvon::calendar::manual::Manual;
use dozvon::ids::DutyName;
use dozvon::rules::{ChangeTime, Destination, Duty, Turn};
use dozvon::store::rules::{load, preview, replace};
use dozvon::store::{StoreError, audit, duty, hours};

use crate::support::company::{agent, at, company, queue};
use crate::support::database::for_each_database;

fn closed(from: u64, until: u64, reason: &str) -> Manual {
    let reason = Some(reason.to_owned());
    Manual { open: false, from: at(from), until: at(until), by: "maria".to_owned(), reason }
}

#[test]
fn what_a_person_sets_holds_until_it_ends_and_survives_an_apply() {
    for_each_database(async |db| {
        let rules = company();
        let office: dozvon::ids::ScheduleName = "office".parse().unwrap();
        let set = |manual: Manual| {
            let office = office.clone();
            async move { db.store.write("set", move |c| hours::set(c, &office, &manual)).await }
        };
        let nothing = set(closed(1, 2, "too early")).await.unwrap_err();
        assert!(matches!(nothing, StoreError::NotFound { kind: "schedule", .. }), "{nothing}");
        let first = rules.clone();
        db.write(move |c| replace(c, &first)).await;
        set(closed(10, 20, "a leak")).await.unwrap();
        let second = closed(11, 5_000, "call +7 900 123-45-67");
        set(second.clone()).await.unwrap();
        let again = rules.clone();
        let change = db.write(move |c| {
            assert!(preview(c, &again)?.is_empty(), "a person's hours are no rule");
            replace(c, &again)
        });
        assert!(change.await.is_empty());
        let read = async || db.store.read("rules", load).await.unwrap().schedules[&office].manual.clone();
        let kept = Manual { reason: Some("call …".to_owned()), ..second };
        assert_eq!(read().await, Some(kept));

        let end = |instant: u64| {
            let office = office.clone();
            db.store.write("end", move |c| hours::end(c, &office, "olga", at(instant)))
        };
        end(30).await.unwrap();
        assert_eq!(read().await.map(|manual| manual.until), Some(at(30)));
        let over = end(31).await.unwrap_err();
        assert!(matches!(over, StoreError::NotFound { .. }), "{over}");

        let wanted = audit::Wanted {
            number: None,
            by: None,
            action: Some(Action::HoursChanged),
            since: None,
            limit: 9,
        };
        let entries = db.store.read("audit", move |c| audit::list(c, &wanted)).await.unwrap();
        let told: Vec<String> =
            entries.iter().map(|entry| format!("{} {}", entry.by, entry.details)).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[1].contains("closed") && told[1].contains("call …") && !told[1].contains("123"),
            "{told:?}"
        );
        assert!(told[2].starts_with("olga") && told[2].contains("auto"), "{told:?}");
    });
}

#[test]
fn rotas_and_swaps_are_kept_and_a_swap_survives_an_apply() {
    for_each_database(async |db| {
        let mut rules = company();
        let night: DutyName = "night".parse().unwrap();
        let rota = Duty {
            turn: Turn::Week,
            change: ChangeTime(540),
            start: "2026-12-07".parse().unwrap(),
            people: vec![agent("anna"), agent("boris")],
            exceptions: vec!["2026-12-31..2027-01-02 vera".parse().unwrap()],
            ..Duty::new(chrono_tz::Europe::Moscow)
        };
        rules.duties.insert(night.clone(), rota);
        let duty = |then| Destination::Duty(night.clone(), then);
        rules.routes[0].closed = duty(Some(Box::new(rules.routes[1].closed.clone())));
        rules.queues.get_mut(&queue("support")).unwrap().overflow = duty(None);
        let first = rules.clone();
        let added = db.write(move |c| replace(c, &first)).await.added;
        assert!(added.contains(&"duty night".to_owned()), "{added:?}");
        assert_eq!(db.store.read("rules", load).await.unwrap(), rules);

        let give = |day: &str, who: &str| {
            let (night, days) = (night.clone(), [(day.parse().unwrap(), agent(who))]);
            db.store.write("give", move |c| {
                duty::give(c, &duty::Change { duty: &night, by: "olga", at: at(1) }, &days)
            })
        };
        give("2026-12-08", "boris").await.unwrap();
        give("2026-12-08", "vera").await.unwrap();
        let again = rules.clone();
        assert!(db.write(move |c| replace(c, &again)).await.is_empty(), "a swap is no rule");
        let swapped = async || {
            let rules = db.store.read("rules", load).await.unwrap();
            rules.duties[&night].swaps.values().map(|swap| swap.agent.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(swapped().await, ["vera"]);
        let back = || {
            let (night, days) = (night.clone(), ["2026-12-07", "2026-12-08"].map(|day| day.parse().unwrap()));
            db.store.write("back", move |c| {
                duty::give_back(c, &duty::Change { duty: &night, by: "olga", at: at(2) }, &days)
            })
        };
        back().await.unwrap();
        assert!(swapped().await.is_empty());
        assert!(matches!(back().await, Err(StoreError::NotFound { .. })));

        rules.duties.get_mut(&night).unwrap().turn = Turn::Day;
        let daily = rules.clone();
        assert_eq!(db.write(move |c| replace(c, &daily)).await.changed, ["duty night"]);
        rules.routes[0].closed = rules.routes[1].closed.clone();
        rules.queues.get_mut(&queue("support")).unwrap().overflow = rules.routes[1].closed.clone();
        rules.duties.clear();
        let none = rules.clone();
        assert_eq!(db.write(move |c| replace(c, &none)).await.removed, ["duty night"]);
        assert_eq!(db.store.read("rules", load).await.unwrap(), rules);
    });
}
