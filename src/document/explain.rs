//! Translates serde's error messages into a problem and a remedy. Pure.

use crate::document::nearest::nearest;

/// Takes the value out of a problem, for keys whose values are secret.
pub(super) fn without_value(problem: String) -> String {
    match problem.split_once(": this is ") {
        Some((what, _)) if what.starts_with("wrong ") => format!("{what}: the value is not shown"),
        _ => problem,
    }
}

/// Problem and remedy of a key that does not exist.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> (String, String) {
    let remedy = match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "take it out".to_owned(),
        None => format!("the keys that exist here are: {}", known.join(", ")),
    };
    (format!("unknown key `{key}`"), remedy)
}

/// Translates an error message of serde into a problem and a remedy.
pub(super) fn explain(message: &str) -> (String, String) {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let (key, rest) = rest.split_once('`').unwrap_or((rest, ""));
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        return unknown_key(key, &known);
    }
    let wrong = ["type", "value"].map(|what| (what, message.strip_prefix(&format!("invalid {what}: "))));
    if let Some((what, rest)) = wrong.into_iter().find_map(|(what, rest)| Some((what, rest?))) {
        let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, "something else"));
        let expected = match expected {
            "a string" => "text in quotes",
            "a sequence" => "a list in [brackets]",
            "u8" => "a whole number from 0 to 255",
            "u16" => "a whole number from 0 to 65535",
            "u32" => "a whole number from 0 to 4294967295",
            "u64" | "usize" => "a whole number of 0 or more",
            "i8" | "i16" | "i32" | "i64" => "a whole number",
            "socket address" => "an address with a port in quotes, such as \"127.0.0.1:8087\",",
            "IP network address" => "a network in quotes, such as \"10.0.0.0/8\",",
            "a nonzero u32" => "a whole number above 0",
            other => other.trim_start_matches("struct "),
        };
        return (format!("wrong {what}: this is {}", type_of(found)), format!("write {expected} here"));
    }
    if let Some(key) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let remedy = match key {
            "dial" => "add what is dialled, such as dial = \"gateway/trunk/{number}\"".to_owned(),
            _ => format!("add {key} = …"),
        };
        return (message.to_owned(), remedy);
    }
    match message {
        "invalid IP address syntax" => {
            return (
                "this is not a network".to_owned(),
                "write something like \"10.0.0.0/8\" or \"192.168.1.5/32\"".to_owned(),
            );
        }
        "invalid socket address syntax" => {
            return (
                "this is not an address with a port".to_owned(),
                "write something like \"127.0.0.1:8087\"".to_owned(),
            );
        }
        _ => {}
    }
    let (problem, remedy) = message.split_once("; ").unwrap_or((message, ""));
    (problem.to_owned(), remedy.to_owned())
}

fn type_of(found: &str) -> String {
    let plain = found.replace('`', "");
    match plain.as_str() {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        other => other.replace("string ", "the text ").replace("integer ", "the number "),
    }
}
