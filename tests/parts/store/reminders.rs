//! Who is notified while the reaction time passes.

use std::sync::Arc;

use dozvon::rules::Rules;
use dozvon::rules::policy::Profile;
use dozvon::store::crm;
use serde_json::{Value, json};

use crate::store::calling_back::{App, MOSCOW, min};
use crate::support::company::agent;
use crate::support::database::{Db, for_each_database};

/// What was told of events of a kind, the first first.
fn told(db: &Db, kinds: &str) -> Vec<Value> {
    let sql = format!("SELECT payload AS v FROM outbox WHERE kind IN ({kinds}) ORDER BY seq");
    db.raw().texts(&sql).iter().map(|payload| serde_json::from_str(payload).unwrap()).collect()
}

/// The people whom an event names.
fn people(said: &Value) -> Value {
    let named = |who: &&str| said.get(*who).is_some_and(|person| !person.is_null());
    let all = ["assignee", "group", "supervisor", "duty"].into_iter().filter(named);
    all.map(|who| (who.to_owned(), said[who].clone())).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn the_customers_owner_is_told_first_then_their_group_the_supervisor_and_the_agents_on_duty() {
    for_each_database(async |db| {
        let mut app = App::open(db).await;
        let mut rules = Rules::clone(&app.callback_rules.rules);
        let service = rules.policies.get_mut(&Profile::Service.into()).unwrap();
        service.escalation_pct = vec![50, 79, 80, 99, 100, 199, 200];
        app.callback_rules.rules = Arc::new(rules);
        let case = app.miss(MOSCOW, "sales", min(0)).await;
        assert!(app.write(move |c, _| crm::assign(c, case, &agent("boris"))).await);
        app.tick(min(31)).await;
        let owner = || json!({ "assignee": "boris" });
        let group = || json!({ "group": "sales" });
        let supervisor = || json!({ "supervisor": "supervisor" });
        let duty = || json!({ "duty": "duty" });
        let share = |said: &Value| (said["share_pct"].as_i64().unwrap(), people(said));
        let reminded: Vec<_> = told(db, "'case.reminded'").iter().map(share).collect();
        assert_eq!(reminded, [(50, owner()), (79, owner()), (80, group()), (99, group())]);
        let escalated: Vec<_> = told(db, "'case.escalated'").iter().map(share).collect();
        assert_eq!(escalated, [(100, supervisor()), (199, supervisor()), (200, duty())]);
        for said in told(db, "'case.reminded', 'case.escalated'") {
            assert_eq!(said["due_at"], json!(min(15).0), "{said}");
            assert_eq!((&said["case"], &said["number"]), (&json!(case), &json!(MOSCOW)));
        }
        // Of everything else a destination may tell whomever it likes.
        let due = told(db, "'case.due'").remove(0);
        let all =
            json!({ "assignee": "boris", "group": "sales", "supervisor": "supervisor", "duty": "duty" });
        assert_eq!(people(&due), all);
    });
}
