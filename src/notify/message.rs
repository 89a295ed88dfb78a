//! The addresses that receive an event (pure).
//!
//! In: the recipients that the settings name, an event's data, the people of the settings. Out: addresses that fit the
//! channel, each once. Others are left out: nothing that a caller chose reaches a mail header or a gateway unchecked.

use serde_json::Value;

use crate::config::notify::recipient::{Recipient, fit};
use crate::config::notify::{Kind, Person};
use crate::event::Role;

/// Returns the recipients' addresses, each once, at most `most`.
#[must_use]
pub fn addresses(to: &[Recipient], kind: Kind, data: &Value, people: &[Person], most: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for recipient in to {
        let given = match recipient {
            Recipient::Address(address) => vec![address.clone()],
            Recipient::Role(role) => of_role(*role, kind, data, people),
        };
        for address in given.iter().filter_map(|address| fit(address, kind)) {
            if found.len() < most && !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found
}

/// Returns the addresses that the event names for a role, not checked yet.
fn of_role(role: Role, kind: Kind, data: &Value, people: &[Person]) -> Vec<String> {
    let named = match &data[role.as_str()] {
        Value::Array(several) => several.iter().flat_map(|one| of_person(one, kind, people)).collect(),
        one => of_person(one, kind, people),
    };
    // A missed call names only the caller's number.
    if role == Role::Caller && kind.is_sms() && named.is_empty() {
        return data["number"].as_str().map(str::to_owned).into_iter().collect();
    }
    named
}

fn of_person(person: &Value, kind: Kind, people: &[Person]) -> Vec<String> {
    let key = match kind {
        Kind::Email => "email",
        Kind::Sms | Kind::Smpp => "phone",
        Kind::Telegram => "telegram",
        Kind::Webhook => return Vec::new(),
    };
    match person {
        Value::String(name) => {
            let of_name = people.iter().filter(|entry| entry.name == *name);
            let address = |entry: &Person| match kind {
                Kind::Email => entry.email.clone(),
                Kind::Sms | Kind::Smpp => entry.phone.clone(),
                Kind::Telegram => entry.telegram.clone(),
                Kind::Webhook => String::new(),
            };
            of_name.map(address).filter(|address| !address.is_empty()).collect()
        }
        Value::Object(fields) => match fields.get(key) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Number(number)) => vec![number.to_string()],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn people() -> Vec<Person> {
        let person = |name: &str, email: &str, phone: &str| Person {
            name: name.into(),
            email: email.into(),
            phone: phone.into(),
            telegram: String::new(),
        };
        vec![person("anna", "anna@example.ru", "+79001112233"), person("night", "night@example.ru", "")]
    }

    fn told(to: &[&str], kind: Kind, data: &Value) -> Vec<String> {
        let to: Vec<_> = to.iter().map(|text| Recipient::read(text, kind).unwrap()).collect();
        addresses(&to, kind, data, &people(), 100)
    }

    #[test]
    fn roles_become_addresses_each_once() {
        let data = json!({
            "number": "+79005556677", "caller": {"email": "ivan@example.ru"}, "assignee": "anna",
            "group": ["anna", {"email": "boris@example.ru"}, "nobody"], "duty": "night",
        });
        let all = ["caller", "assignee", "group", "duty", "supervisor", "boss@example.ru"];
        let expected =
            ["ivan@example.ru", "anna@example.ru", "boris@example.ru", "night@example.ru", "boss@example.ru"];
        assert_eq!(told(&all, Kind::Email, &data), expected);
        assert_eq!(told(&["caller", "assignee", "duty"], Kind::Sms, &data), ["+79005556677", "+79001112233"]);
        assert!(told(&["caller"], Kind::Telegram, &data).is_empty());
    }

    #[test]
    fn what_is_no_address_is_left_out() {
        for bad in
            ["a@b\r\nBcc: c@d", "a b@c.ru", "<a@b.ru>", "a@b.ru,c@d.ru", "", "@", "a@b.ru\0", "\"a\nb\"@c.ru"]
        {
            assert_eq!(fit(bad, Kind::Email), None, "{bad:?}");
        }
        for bad in ["79001112233", "+7900", "+7900111223a", "+79001112233,+79001112244", "112"] {
            assert_eq!(fit(bad, Kind::Sms), None, "{bad:?}");
        }
        assert!(Recipient::read("boss", Kind::Email).is_err());
    }

    proptest! {
        #[test]
        fn no_text_brings_a_line_break_into_an_address(text in "\\PC{0,8}[\r\n,;<>@ ]{0,3}\\PC{0,20}") {
            for kind in [Kind::Email, Kind::Sms, Kind::Telegram] {
                if let Some(address) = fit(&text, kind) {
                    let harmless = !address.chars().any(|c| c.is_control() || c.is_whitespace());
                    prop_assert!(harmless);
                }
            }
        }
    }
}
