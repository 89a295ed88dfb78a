//! Whether an e-mail may go to an address that a stranger typed (pure).
//!
//! In: an address. Out: whether it can be a mailbox on the public internet. A stranger must not be able to write to the
//! mailboxes of our own machines (`root@localhost`), to hosts without a public name, or to an IP address.

use std::net::IpAddr;

/// The last labels of names that do not exist on the public internet. Sources: RFC 6761, RFC 6762, RFC 7686, RFC 8375,
/// RFC 9476, the ICANN resolution 2024.07.29.06 on `internal`, and common habits in local networks.
const LOCAL: &[&str] = &[
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "test",
];

/// Whether an address can be a mailbox on the public internet: the domain has two labels or more, is no IP address, and
/// is no name that is known only locally.
#[must_use]
pub fn is_public(address: &str) -> bool {
    let Some((user, domain)) = address.rsplit_once('@') else { return false };
    let domain = domain.strip_suffix('.').unwrap_or(domain).to_lowercase();
    let labels: Vec<&str> = domain.split('.').collect();
    let Some(last) = labels.last() else { return false };
    let literal = domain.starts_with('[') || domain.parse::<IpAddr>().is_ok();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
    let whole = labels.len() >= 2 && labels.iter().all(|label| !label.is_empty());
    !user.is_empty() && whole && !literal && !numeric && !LOCAL.contains(last)
}

/// Returns the form that all usual spellings of one mailbox share: lower case, the domain as it stands in the DNS, and
/// no `+tag`.
#[must_use]
pub fn key(address: &str) -> String {
    let Some((user, domain)) = address.rsplit_once('@') else { return address.to_lowercase() };
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase());
    let user = match user.split_once('+') {
        Some((name, _)) if !name.is_empty() => name,
        _ => user,
    };
    format!("{}@{domain}", user.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_one_key_however_it_is_written() {
        for (key_of, spellings) in [
            (
                "пётр@xn--80a1acny.xn--p1ai",
                ["ПЁТР@почта.РФ", "пётр+x+y@ПОЧТА.рф", "Пётр@XN--80A1ACNY.xn--p1ai."],
            ),
            ("petr@example.com", ["petr+1@example.com", "PETR@Example.COM", "petr@example.com."]),
            ("+1@example.com", ["+1@example.com", "+1@EXAMPLE.com", "+1@example.com."]),
            ("a@b@example.com", ["A@b@example.com", "a@b+c@example.com", "a@B@EXAMPLE.com"]),
        ] {
            assert_eq!(spellings.map(key), [key_of; 3]);
        }
        assert_ne!(key("petr@example.com"), key("peter@example.com"));
        assert_ne!(key("petr@example.com"), key("petr@example.org"));
    }

    #[test]
    fn an_address_that_only_we_could_deliver_to_is_refused() {
        for good in ["ivan@example.com", "a.b+c@mail.example.co.uk", "x@почта.рф", "x@EXAMPLE.COM."] {
            assert!(is_public(good), "{good}");
        }
        for bad in [
            "root@localhost",
            "root@mail",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@::1",
            "a@1.2.3",
            "a@host.local",
            "a@db.internal",
            "a@x.LOCALHOST",
            "a@pbx.lan",
            "a@1.0.0.127.in-addr.arpa",
            "a@.com",
            "a@com..",
            "@example.com",
            "nobody",
            "",
        ] {
            assert!(!is_public(bad), "{bad}");
        }
    }
}
