//! Finds the client's address behind proxies (pure).
//!
//! In: the address that connected, the hops of `X-Forwarded-For`, the networks of configured proxies. Out: one
//! address. **Invariant:** only text that a configured proxy wrote is believed. Each proxy appends the address that it
//! saw, so the hops are read from the right, up to the first that is not a configured proxy. A hop that is no address
//! ends the walk: it is never skipped, since the hops before it may be the client's own text.

use std::net::{IpAddr, SocketAddr};

/// Returns the client's address. `hops` are the hops of all header lines, in their order.
#[must_use]
pub fn origin<'a>(
    peer: IpAddr,
    hops: impl DoubleEndedIterator<Item = &'a str>,
    is_proxy: impl Fn(&IpAddr) -> bool,
) -> IpAddr {
    let mut believed = peer.to_canonical();
    let mut hops = hops.rev();
    while is_proxy(&believed) {
        match hops.next().and_then(address) {
            Some(hop) => believed = hop,
            None => break,
        }
    }
    believed
}

/// The address of a hop, with or without a port and brackets: `203.0.113.7`, `203.0.113.7:80`, `[2001:db8::7]:80`.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bracketed = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip = bracketed.unwrap_or(hop).parse().ok();
    let with_port = || hop.parse().ok().map(|socket: SocketAddr| socket.ip());
    ip.or_else(with_port).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(peer: &str, told: &str) -> String {
        let proxy = |ip: &IpAddr| ip.is_loopback() || ip.to_string().starts_with("10.");
        origin(peer.parse().unwrap(), told.split(','), proxy).to_string()
    }

    #[test]
    fn the_walk_ends_at_the_first_hop_that_is_no_proxy_of_ours() {
        for (peer, told, address) in [
            ("198.51.100.9", "6.6.6.6", "198.51.100.9"),
            ("127.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
            ("127.0.0.1", "6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
            ("127.0.0.1", "6.6.6.6, 203.0.113.7:4711, [::ffff:10.0.0.2]:80", "203.0.113.7"),
            ("127.0.0.1", "6.6.6.6, for=evil, 10.0.0.2", "10.0.0.2"),
            ("127.0.0.1", "10.0.0.5", "10.0.0.5"),
            ("127.0.0.1", "", "127.0.0.1"),
            ("::ffff:127.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ] {
            assert_eq!(of(peer, told), address, "{told}");
        }
    }

    proptest! {
        /// The hop that the configured proxy appended decides, whatever a client writes.
        #[test]
        fn the_client_s_text_decides_nothing(text in "\\PC{0,40}") {
            prop_assert_eq!(of("127.0.0.1", &format!("{text}, 203.0.113.7:1")), "203.0.113.7");
        }
    }
}
