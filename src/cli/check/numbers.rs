//! Checks whether the routes and the numbers of `[dialplan]` name the same numbers.

use super::Finding;
use crate::config::dialplan::Dialplan;
use crate::rules::{NumberPattern, Rules};

/// Returns a line for each number that only one of them has.
pub(super) fn lines(rules: &Rules, dialplan: &Dialplan) -> Vec<Finding> {
    let routed = || rules.routes.iter().map(|route| &route.number);
    let unrouted = dialplan.numbers.iter().filter(|number| !routed().any(|route| overlap(route, number)));
    let unrouted = unrouted.map(|number| {
        let remedy = "add a route for it, or remove it from [dialplan] numbers";
        Finding::wrong(
            format!("number {number}"),
            "the dialplan sends it to dozvon, but no route matches",
            remedy,
        )
    });
    let unlisted = rules
        .routes
        .iter()
        .filter(|route| !dialplan.numbers.iter().any(|number| overlap(number, &route.number)));
    let unlisted = unlisted.map(|route| {
        let detail = "no caller reaches this route: its number is not in [dialplan] numbers";
        let remedy = format!(
            "add {:?} to [dialplan] numbers, then: dozvon dialplan --write FOLDER --force && fs_cli -x reloadxml",
            route.number.to_string()
        );
        Finding::wrong(format!("route {}", route.name), detail, remedy)
    });
    unrouted.chain(unlisted).collect()
}

/// Whether some number matches both patterns.
fn overlap(a: &NumberPattern, b: &NumberPattern) -> bool {
    let begins = |long: &NumberPattern, short: &NumberPattern| long.digits.starts_with(&short.digits);
    (a.prefix && begins(b, a)) || (b.prefix && begins(a, b)) || a.digits == b.digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_when_a_number_matches_both() {
        let both = |a: &str, b: &str| {
            let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(overlap(&a, &b), overlap(&b, &a));
            overlap(&a, &b)
        };
        for (a, b) in [("7001", "7001"), ("7*", "7001"), ("*", "7001"), ("7*", "70*"), ("*", "*")] {
            assert!(both(a, b), "{a} {b}");
        }
        for (a, b) in [("7001", "7002"), ("70*", "71*"), ("7001*", "700"), ("+7495*", "7495")] {
            assert!(!both(a, b), "{a} {b}");
        }
    }
}
