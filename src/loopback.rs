//! Whether a host is this machine. Traffic to it crosses no network. Pure.

use std::net::IpAddr;

/// Whether a name or address (IPv6 with or without brackets) is this machine. The only such name is `localhost`,
/// because DNS decides what other names mean.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => bare.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for here in ["localhost", "LocalHost.", "127.0.0.1", "127.8.0.1", "::1", "[::1]", "::ffff:127.0.0.1"]
        {
            assert!(is_loopback(here), "{here}");
        }
        for away in
            ["", "10.0.0.1", "0.0.0.0", "::", "mail.example.com", "localhost.example.com", "127.0.0.1.nip.io"]
        {
            assert!(!is_loopback(away), "{away}");
        }
    }
}
