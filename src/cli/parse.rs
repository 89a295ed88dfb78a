//! Parses arguments.

mod time;

use std::time::Duration;

pub(super) use time::{day, instant, to_come};

use super::{Exit, Failure};
use crate::duration;
use crate::ids::QueueName;
use crate::phone::{E164, Home};
use crate::rules::Tier;

/// A person's name for the audit: 1 to 64 printable characters.
pub(super) fn person(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err("write 1 to 64 printable characters".to_owned());
    }
    Ok(name.to_owned())
}

/// A remark: 1 to 1000 printable characters.
pub(super) fn remark(text: &str) -> Result<String, String> {
    let remark = text.trim();
    if remark.is_empty() || remark.chars().count() > 1000 || remark.chars().any(char::is_control) {
        return Err("write one line of at most 1000 characters".to_owned());
    }
    Ok(remark.to_owned())
}

/// How long an agent is offered nothing, such as `20s`.
pub(super) fn pause(text: &str) -> Result<Duration, duration::Unfit> {
    duration::Within::<0, { duration::DAY }>::parse(text)
}

/// How long a phone rings, such as `20s`.
pub(super) fn ring_time(text: &str) -> Result<Duration, duration::Unfit> {
    duration::Within::<{ duration::HEARD }, { duration::HOUR }>::parse(text)
}

/// How much earlier a short day ends, such as `1h`.
pub(super) fn shorter(text: &str) -> Result<Duration, duration::Unfit> {
    duration::Within::<{ duration::MINUTE }, { duration::DAY }>::parse(text)
}

/// A place in a queue: `QUEUE[:LEVEL[:POSITION]]`.
pub(super) fn place(text: &str) -> Result<(QueueName, Tier), String> {
    let mut parts = text.split(':');
    let queue = parts.next().unwrap_or_default().parse::<QueueName>().map_err(|error| error.to_string())?;
    let mut number = |what: &str| match parts.next() {
        None => Ok(1),
        Some(part) => match part.parse::<i32>() {
            Ok(number @ 1..=1000) => Ok(number),
            _ => Err(format!(
                "the {what} {part:?} is not a number from 1 to 1000; write QUEUE[:LEVEL[:POSITION]]"
            )),
        },
    };
    let tier = Tier { level: number("level")?, position: number("position")? };
    match parts.next() {
        Some(rest) => Err(format!("{rest:?} does not belong there; write QUEUE[:LEVEL[:POSITION]]")),
        None => Ok((queue, tier)),
    }
}

/// A phone number as people write it in the configured region, for new entries. A number that cannot exist is refused.
pub(super) fn number(text: &str, home: &Home) -> Result<E164, Failure> {
    home.number(text).ok_or_else(|| {
        let given: String = text.chars().take(80).collect();
        let remedy = "write it with its country code, such as +79001234567";
        Failure::new(
            Exit::Usage,
            format!("{given:?} is not a phone number that exists in {}: {remedy}", home.region),
        )
    })
}

/// A phone number to search for. In E.164, it need not exist in today's numbering plan, because plans change and rows
/// stay.
pub(super) fn stored(text: &str, home: &Home) -> Result<E164, Failure> {
    text.trim().parse().or_else(|_| number(text, home))
}

/// The most rows to show: 1 to 100000.
pub(super) fn limit(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(limit @ 1..=100_000) => Ok(limit),
        _ => Err("write a number from 1 to 100000".to_owned()),
    }
}

/// Callers per second, on average.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("write how many callers a second, more than 0, such as 8 or 0.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_queue_level_and_position() {
        let tier = |level, position| Tier { level, position };
        let read = |text| place(text).map(|(queue, tier)| (queue.to_string(), tier));
        assert_eq!(read("sales"), Ok(("sales".to_owned(), tier(1, 1))));
        assert_eq!(read("sales:2"), Ok(("sales".to_owned(), tier(2, 1))));
        assert_eq!(read("sales:2:3"), Ok(("sales".to_owned(), tier(2, 3))));
        for bad in ["", ":1", "sales:0", "sales:x", "sales:1:2:3", "a b"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
