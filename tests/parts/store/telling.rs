//! Whether the caller may be notified of what happens to their case, and at which address.

use dozvon::missed::case::Closed;
use dozvon::store::requests::{self, Request};
use dozvon::store::{case_closing, dnc};
use serde_json::{Value, json};

use crate::support::company::{NUMBER, at, open_for_business, request};
use crate::support::database::{Db, for_each_database};

/// A request that came so many milliseconds after noon.
fn asked(ms: u64) -> Request {
    let key_hash = Some(format!("{ms:064}"));
    Request { key_hash, at: at(ms), sms_consent_text: None, email: None, wanted_at: None, ..request() }
}

async fn receive(db: &Db, new: Request) -> dozvon::ids::CaseId {
    db.write(move |c| Ok(requests::receive(c, &new)?.case.unwrap())).await
}

/// Of the events so far, whether the caller gets SMS and which address gets mail; then the events are forgotten.
fn told(db: &Db) -> Vec<(String, bool, Value)> {
    let mut raw = db.raw();
    let kinds = raw.texts("SELECT kind AS v FROM outbox ORDER BY seq");
    let said = raw.texts("SELECT payload AS v FROM outbox ORDER BY seq");
    raw.run("DELETE FROM outbox").unwrap();
    let said = said.iter().map(|payload| serde_json::from_str::<Value>(payload).unwrap());
    let of = |(kind, said): (String, Value)| {
        assert_eq!(said["caller"]["phone"], NUMBER, "{said}");
        (kind, said["sms_consent"].as_bool().unwrap(), said["caller"]["email"].clone())
    };
    kinds.into_iter().zip(said).map(of).collect()
}

/// Anybody can tick a box beside anybody's number.
#[test]
fn a_consent_that_came_by_a_form_holds_for_that_request_alone() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        let ticked = Request { sms_consent_text: Some("SMS".to_owned()), known: false, ..asked(0) };
        let case = receive(db, ticked).await;
        assert!(told(db).iter().all(|(_, sms, _)| *sms), "of this case");
        db.write(move |c| case_closing::close(c, case, Closed::Other, "anna", None, at(2_000))).await;
        told(db);
        receive(db, asked(3_000)).await;
        assert!(told(db).iter().all(|(_, sms, _)| !*sms), "of a later one nobody has agreed to anything");
    });
}

#[test]
fn a_caller_gets_sms_after_agreeing_and_mail_of_the_case_that_has_an_address() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        let said = |kind: &str, sms: bool, email: Value| (kind.to_owned(), sms, email);
        let none = || Value::Null;
        receive(db, asked(0)).await;
        let nothing = [said("case.opened", false, none()), said("request.received", false, none())];
        assert_eq!(told(db), nothing);
        // The caller asks once more, agrees, and gives an address: that holds for what happens to the case.
        let agreed = Request {
            sms_consent_text: Some("SMS".to_owned()),
            known: true,
            email: Some("ivan@example.com".to_owned()),
            ..asked(1_000)
        };
        let case = receive(db, agreed).await;
        db.write(move |c| case_closing::close(c, case, Closed::Other, "anna", None, at(2_000))).await;
        let all = told(db);
        assert!(
            all.len() >= 2 && all.iter().all(|(_, sms, email)| *sms && *email == json!("ivan@example.com"))
        );
        assert_eq!(all.last().unwrap().0, "case.closed");
        // Of a later case the consent holds, and the address does not: it may be anybody's.
        let case = receive(db, asked(3_000)).await;
        assert!(told(db).iter().all(|(_, sms, email)| *sms && email.is_null()));
        // The caller wants no calls, and gets no SMS either.
        db.write(|c| {
            let number = NUMBER.parse().unwrap();
            let reason = dnc::Reason::DoNotCall;
            dnc::add(
                c,
                &dnc::Add { number: &number, reason, by: "anna", note: None, at: at(4_000), until: None },
            )
        })
        .await;
        db.write(move |c| case_closing::close(c, case, Closed::Other, "anna", None, at(5_000))).await;
        assert_eq!(told(db), [said("case.closed", false, none())]);
    });
}
