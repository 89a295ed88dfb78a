//! How many customers are dialled in an hour, by all together.

use dozvon::clock::UnixMs;
use dozvon::ids::{CallId, CaseId, ChannelId, CoreId};
use dozvon::missed::attempt::Disposition;
use dozvon::missed::regulation::{Guard, Refusal};
use dozvon::store::callbacks::{self, NotReserved};
use dozvon::store::manual_dial::{self, Begun, Dialled};

use crate::store::calling_back::{App, min, unreached};
use crate::support::company::agent;
use crate::support::database::{Db, for_each_database};

/// A company that may dial two customers in an hour and has four open cases at noon.
async fn open(db: &Db) -> (App, Vec<CaseId>) {
    let mut app = App::open(db).await;
    app.callback_rules.max_dials_per_hour = 2;
    let mut cases = Vec::new();
    for n in 1..=4 {
        cases.push(app.due(&number(n), "sales", min(-10 + n)).await);
    }
    (app, cases)
}

fn number(n: i64) -> String {
    format!("+749512345{n:02}")
}

/// Which is leased, dialled and not reached.
async fn unanswered(app: &App, at: UnixMs) -> Option<CaseId> {
    let leased = app.lease("sales", at).await;
    let mut leased = leased.into_iter();
    let work = leased.next()?;
    assert!(leased.next().is_none(), "one place");
    let accepted = app.accept(&work, "anna", at).await.unwrap();
    let attempt = app.reserve(&accepted, at).await.unwrap();
    app.end(&accepted, unreached(attempt, Disposition::NoAnswer), at).await;
    Some(work.case)
}

async fn why_not(app: &App, case: CaseId, at: UnixMs) -> Option<Refusal> {
    let case = app.case(case).await;
    let callback_rules = app.callback_rules.clone();
    app.store.read("why", move |c| callbacks::why_not(c, &case, &callback_rules, at)).await.unwrap()
}

async fn begins(app: &App, number: &str, at: UnixMs) -> Option<Begun> {
    let wanted = Dialled {
        number: number.parse().unwrap(),
        call: CallId::new(),
        node: "fs1".parse().unwrap(),
        core: CoreId(uuid::Uuid::nil()),
        channel: ChannelId::new(),
        agent: agent("boris"),
        user: "1002".to_owned(),
        at,
    };
    app.write(move |c, callback_rules| manual_dial::begin(c, callback_rules, &wanted)).await
}

fn told(db: &Db) -> Vec<String> {
    db.raw().texts("SELECT payload AS v FROM outbox WHERE kind = 'dials.limited' ORDER BY seq")
}

#[test]
fn beyond_the_hours_dials_callbacks_wait_in_their_places_and_nobody_gets_past() {
    for_each_database(async |db| {
        let (app, cases) = open(db).await;
        // As many are leased as may still be dialled: no agent is rung for nothing.
        let leased = app.lease("sales", min(0)).await;
        assert_eq!(leased.iter().map(|work| work.case).collect::<Vec<_>>(), cases[..2]);
        let first = app.accept(&leased[0], "anna", min(0)).await.unwrap();
        let attempt = app.reserve(&first, min(0)).await.unwrap();
        // An agent who dials by hand takes the last place; the callback that was leased for it is offered anew.
        assert!(matches!(begins(&app, &number(4), min(1)).await, Some(Begun::Attempt { .. })));
        let second = app.accept(&leased[1], "vera", min(1)).await.unwrap();
        let refused = app.reserve(&second, min(1)).await;
        let Err(NotReserved::Guard(Refusal { guard: Guard::HourCap, until, .. })) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(until, Some(min(60)));
        app.end(&first, unreached(attempt, Disposition::NoAnswer), min(1)).await;
        for case in &cases[1..3] {
            let row = app.case(*case).await;
            assert_eq!((row.stage.as_str(), app.attempts(*case).await.len()), ("due", 0));
        }
        // The same in another process, by hand, and in `case show`.
        let other = app.beside(db).await;
        assert_eq!(unanswered(&other, min(59)).await, None);
        let by_hand = begins(&other, &number(3), min(59)).await;
        assert!(
            matches!(by_hand, Some(Begun::Refused(Refusal { guard: Guard::HourCap, .. }))),
            "{by_hand:?}"
        );
        let shown = why_not(&other, cases[2], min(59)).await.unwrap();
        assert_eq!((shown.guard, shown.until), (Guard::HourCap, Some(min(60))));
        assert!(shown.why.contains("[callback] max_dials_per_hour"), "{shown}");
        // The supervisor hears of it once an hour.
        let limited = told(db);
        assert_eq!(limited.len(), 1, "{limited:?}");
        assert!(limited[0].contains("supervisor") && limited[0].contains('2'), "{limited:?}");
        // When the first dial's hour is over, the one that has waited longest is called.
        assert_eq!(unanswered(&other, min(60)).await, Some(cases[1]));
        assert_eq!(unanswered(&other, min(60)).await, None);
        assert_eq!(unanswered(&other, min(61)).await, Some(cases[2]));
        begins(&other, &number(1), min(62)).await;
        assert_eq!(told(db).len(), 2);
    });
}

#[test]
fn what_was_dialled_elsewhere_takes_no_place_and_zero_is_no_limit() {
    for_each_database(async |db| {
        let (mut app, cases) = open(db).await;
        app.report(cases[0], Disposition::NoAnswer, min(0)).await.unwrap();
        app.report(cases[1], Disposition::NoAnswer, min(0)).await.unwrap();
        assert_eq!(why_not(&app, cases[2], min(0)).await, None);
        assert_eq!(app.lease("sales", min(0)).await.len(), 2);
        app.callback_rules.max_dials_per_hour = 1;
        assert_eq!(app.lease("sales", min(0)).await.len(), 0);
        // Nobody has been dialled yet: an agent may be before the two that are leased.
        assert!(matches!(begins(&app, &number(3), min(0)).await, Some(Begun::Attempt { .. })));
        assert!(why_not(&app, cases[3], min(0)).await.is_some());
        app.callback_rules.max_dials_per_hour = 0;
        assert_eq!(why_not(&app, cases[3], min(0)).await, None);
    });
}
