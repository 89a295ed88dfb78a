//! How many messages one mailbox gets, however its address is spelled.

use dozvon::missed::outgoing::{Limits, Medium, Spent};
use dozvon::store::outbox::{Ask, permit};

use crate::support::company::at;
use crate::support::database::for_each_database;

#[test]
fn the_limit_of_a_mailbox_holds_however_a_stranger_writes_its_address() {
    for_each_database(async |db| {
        let mut raw = db.raw();
        raw.run(
            "INSERT INTO outbox (seq, id, aggregate, kind, payload, created_at, spread_at) \
             VALUES (1, 'e1', 'case:1', 'case.opened', '{}', 1, 1)",
        )
        .unwrap();
        let spellings = [
            "пётр@почта.рф",
            "ПЁТР@Почта.РФ",
            "пётр@xn--80a1acny.xn--p1ai",
            "пётр+2@почта.рф",
            "petr+1@example.com",
            "Petr+2@EXAMPLE.com",
            "petr@example.com.",
        ];
        for address in spellings {
            raw.run(&format!(
                "INSERT INTO deliveries (event, aggregate, destination, recipient, state) \
                 VALUES (1, 'case:1', 'mail', '{address}', 'waiting')"
            ))
            .unwrap();
        }
        let mut said = Vec::new();
        for (address, delivery) in
            spellings.iter().zip(raw.numbers("SELECT id AS v FROM deliveries ORDER BY id"))
        {
            let ask = Ask {
                delivery,
                recipient: (*address).to_owned(),
                medium: Medium::Letter,
                limits: Limits { recipient_a_day: 1, all_an_hour: 100 },
                now: at(1_000),
            };
            let spent = db.write(move |c| permit(c, &ask)).await;
            said.push((*address, matches!(spent, Err(met) if matches!(met.spent, Spent::Recipient { .. }))));
        }
        let refused: Vec<&str> =
            said.iter().filter(|(_, refused)| *refused).map(|(address, _)| *address).collect();
        assert_eq!(refused, [&spellings[1..4], &spellings[5..]].concat());
    });
}
