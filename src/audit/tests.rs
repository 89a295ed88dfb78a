//! The chain by itself: what is in it, and that nothing can be done to it unseen.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::phone::E164;

fn key() -> Key {
    Key::of_bytes([7; 32])
}

fn chain(count: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for n in 0..count {
        let mut row = Row {
            id: i64::try_from(n).unwrap() + 1,
            at: 1_795_424_400_000 + i64::try_from(n).unwrap(),
            by: "test".to_owned(),
            action: Action::Dial.to_string(),
            number_key: (n % 2 == 0)
                .then(|| key().of_number(&"+79001234567".parse().unwrap()).as_str().to_owned()),
            subject: Some(format!("case:{n}")),
            details: canonical(&json!({ "n": n })),
            prev_hash: rows.last().map_or(GENESIS.to_owned(), |row| row.hash.clone()),
            hash: String::new(),
            // The first few are of a version before the seal.
            keyed: n > 3,
        };
        row.hash = right_hash(&row);
        rows.push(row);
    }
    rows
}

fn right_hash(row: &Row) -> String {
    row.right_hash(Some(&key().seal())).unwrap()
}

/// The first break between the beginning and the head.
fn first_break(rows: &[Row], head: &Link) -> Option<Break> {
    let mut link = Link { id: 0, hash: GENESIS.to_owned() };
    let broken = rows.iter().find_map(|row| link.follow(row, Some(&key().seal())).err());
    broken.or_else(|| (link != *head).then_some(Break { id: link.id + 1, fault: Fault::Truncated }))
}

/// Changes rows, and may also give the changed row its right hash.
fn tamper(rows: &mut Vec<Row>, place: usize, what: u8, recompute: bool) {
    let other = (place + 1) % rows.len();
    match what {
        0 => rows[place].by.push('x'),
        1 => rows[place].at += 1,
        2 => rows[place].details = "{}".to_owned(),
        3 => rows[place].number_key = Some("0".repeat(64)),
        4 => rows[place].subject = None,
        5 => drop(rows.remove(place)),
        6 => rows.swap(place, other),
        7 => {
            // Swapped, and numbered anew.
            let (a, b) = (rows[place].id, rows[other].id);
            rows.swap(place, other);
            rows[place].id = a;
            rows[other].id = b;
        }
        8 => {
            let copy = rows[place].clone();
            rows.insert(place, copy);
        }
        9 => {
            let mut copy = rows[place].clone();
            copy.id += 1;
            rows.iter_mut().skip(place + 1).for_each(|row| row.id += 1);
            rows.insert(place + 1, copy);
        }
        _ => rows[place].action = "refusal".to_owned(),
    }
    if recompute && place < rows.len() {
        rows[place].hash = right_hash(&rows[place]);
    }
}

proptest! {
    #[test]
    fn nothing_can_be_done_to_a_chain_unseen(
        count in 2_usize..30, place in 0_usize..30, what in 0_u8..11, recompute in any::<bool>(),
    ) {
        let good = chain(count);
        let head = good.last().map(|row| Link { id: row.id, hash: row.hash.clone() }).unwrap();
        prop_assert_eq!(first_break(&good, &head), None);
        let place = place % count;
        let mut rows = good.clone();
        tamper(&mut rows, place, what, recompute);
        if rows != good {
            let found = first_break(&rows, &head);
            // Named at the row, at the other one of a pair, or where the next one no longer follows.
            let at = i64::try_from(place).unwrap() + 1;
            let first = if place + 1 == count && (what == 6 || what == 7) { 1 } else { at };
            prop_assert!(found.is_some_and(|b| (first..=first + 2).contains(&b.id)), "{found:?} near {first}");
        }
    }

    #[test]
    fn whatever_is_masked_holds_no_number(text in "[-+0-9 ().a-f]{0,40}") {
        prop_assert!(!holds_number(&masked(&text)), "{text:?} {:?}", masked(&text));
    }
}

#[test]
fn fields_cannot_run_into_each_other() {
    let row = |by: &str, action: &str| {
        let mut row = chain(1).remove(0);
        (row.by, row.action) = (by.to_owned(), action.to_owned());
        right_hash(&row)
    };
    assert_ne!(row("ab", "c"), row("a", "bc"));
    let mut with = chain(1).remove(0);
    with.subject = Some(String::new());
    let mut without = with.clone();
    without.subject = None;
    assert_ne!(right_hash(&with), right_hash(&without));
}

#[test]
fn a_number_in_clear_is_seen_and_nothing_else_is() {
    for text in [
        "+79001234567",
        "call 89001234567 now",
        "8 (900) 123-45-67",
        "+7 900 123 45 67",
        "1234567",
        "+1-202-555-0",
        "to:79001234567",
    ] {
        assert!(holds_number(text), "{text}");
    }
    for text in [
        "case:17",
        "2026-11-26T05:29:04.123Z",
        "2026-11-26 05:29",
        "2026-11-26",
        "01234567-89ab-4def-8123-446655440000",
        GENESIS,
        "sales-2",
        "123456",
    ] {
        assert!(!holds_number(text), "{text}");
    }
}

#[test]
fn an_entry_with_a_number_in_its_texts_is_refused() {
    let entry = |subject: &str, details| Entry {
        at: UnixMs(0),
        by: "anna",
        action: Action::Dial,
        number: Some("+79001234567"),
        subject: Some(subject.to_owned()),
        details,
    };
    let good = json!({ "wait_ms": 3_600_000, "case_id": 12_345_678, "at": "2026-11-26T05:29:04.123Z" });
    assert_eq!(entry("case:17", good).check(), Ok(()));
    assert_eq!(entry("case:12345678", json!({})).check(), Ok(()));
    let field = |entry: Entry<'_>| entry.check().unwrap_err().field;
    assert_eq!(field(entry("number:+79001234567", json!({}))), "subject");
    for details in [
        json!({ "to": "+79001234567" }),
        json!({ "to": 79_001_234_567_i64 }),
        json!([["8 900 123-45-67"]]),
        json!({ "+79001234567": 1 }),
    ] {
        assert_eq!(field(entry("case:17", details)), "details");
    }
}

#[test]
fn canonical_json_has_one_form() {
    let one: Value = serde_json::from_str(r#"{ "b": [1, {"z": null, "a": "é\n"}], "a": true }"#).unwrap();
    assert_eq!(canonical(&one), r#"{"a":true,"b":[1,{"a":"é\n","z":null}]}"#);
}

#[test]
fn a_key_is_long_plain_and_never_shown() {
    assert!("short".parse::<Key>().is_err());
    assert!("x".repeat(300).parse::<Key>().is_err());
    assert!("spaces are not for keys, never ever at all".parse::<Key>().is_err());
    let key: Key = "0123456789abcdef0123456789abcdef".parse().unwrap();
    assert!(!format!("{key:?}").contains("0123"));
    assert_ne!(key.fingerprint(), Key::of_bytes([1; 32]).fingerprint());
    let number: E164 = "+79001234567".parse().unwrap();
    assert_eq!(key.of_number(&number), key.of_number(&number));
    assert_ne!(key.of_number(&number), Key::of_bytes([1; 32]).of_number(&number));
    // RFC 4231, test case 2, by the same function.
    let jefe = Key("Jefe".to_owned());
    let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(jefe.mac("what do ya want for nothing?"), known);
}

#[test]
fn a_head_is_read_as_it_is_written() {
    let head = Link { id: 17, hash: GENESIS.to_owned() };
    assert_eq!(head.to_string().parse::<Link>(), Ok(head));
    for bad in ["", "17", "x@17", &format!("{GENESIS}@-1"), &format!("{GENESIS}@x")] {
        assert!(bad.parse::<Link>().is_err(), "{bad}");
    }
}

#[test]
fn who_has_no_key_cannot_seal() {
    let mut row = chain(9).remove(8);
    let mut link = Link { id: 8, hash: row.prev_hash.clone() };
    assert!(link.clone().follow(&row, None).is_err(), "nobody without the key can say that it is in order");
    row.by = "somebody else".to_owned();
    for forged in [
        Key::of_bytes([1; 32]).seal().of(&row.hashed()),
        Some(sha256(row.hashed())),
        Some(key().of_name("x")),
    ] {
        row.hash = forged.unwrap();
        assert_eq!(link.follow(&row, Some(&key().seal())), Err(Break { id: 9, fault: Fault::Changed }));
    }
    // A name that is hashed with the key does not become a seal.
    let text = String::from_utf8_lossy(&row.hashed()).into_owned();
    assert_ne!(key().of_name(&text), key().seal().of(text.as_bytes()).unwrap());
}
