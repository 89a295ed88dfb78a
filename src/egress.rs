//! Which addresses dozvon may connect to: none in private networks, unless the settings allow it.
//!
//! In: a URL, and a name that is being resolved. Out: the allowed addresses, or why there are none. **Invariant:**
//! every address was checked here before a connection. A name is resolved once per connection, so it does not matter if
//! the name points elsewhere a moment later.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Networks that are not on the public Internet (IANA special-purpose registries, RFC 6890): this host, private (RFC
/// 1918), shared by carriers (RFC 6598), link-local, protocol assignments, documentation, benchmarks, multicast and
/// reserved; for version 6 also unique local (RFC 4193), and the prefixes that carry a version 4 address inside (RFC
/// 6052, 3056, 4380).
const NOT_OUTSIDE: [&str; 27] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Whether an address is on the public Internet.
#[must_use]
pub fn is_outside(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let networks = NOT_OUTSIDE.iter().filter_map(|network| network.parse::<IpNet>().ok());
    !networks.into_iter().any(|network| network.contains(&address))
}

/// Why a URL or an address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not a URL. The error does not repeat the text, because it may hold a key.
    #[error("this is not a URL: write one such as \"https://example.ru/hook\"")]
    NoUrl,
    /// It has no TLS.
    #[error("the URL must begin with https:// (or set allow_http = true)")]
    NoTls,
    /// It holds a user or a password.
    #[error("the URL must not hold a user or a password: they would be in every log")]
    User,
    /// It is in a private network.
    #[error("{0} is in a private network or on this machine (set allow_private = true if it is meant)")]
    Inside(String),
}

/// Parses the URL of a destination.
///
/// # Errors
/// [`Refused`] says what is wrong with it.
pub fn url(text: &str, allow_http: bool, allow_private: bool) -> Result<Url, Refused> {
    let url = Url::parse(text).map_err(|_| Refused::NoUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => return Err(Refused::NoTls),
        _ => return Err(Refused::NoUrl),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::User);
    }
    let host = url.host_str().ok_or(Refused::NoUrl)?;
    // An address is not resolved, so the resolver would not check it.
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if !allow_private && !is_outside(address) => Err(Refused::Inside(address.to_string())),
        _ => Ok(url),
    }
}

/// How names are resolved: by the system, except in tests.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Resolves names as the system does.
#[must_use]
pub fn system_lookup() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}

/// Resolves names, without the addresses that are not allowed.
pub(super) struct Guarded {
    pub lookup: Lookup,
    pub allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, allow_private) = (name.as_str().to_owned(), self.allow_private);
        let found = (self.lookup)(name.clone());
        Box::pin(async move {
            let mut found = found.await?;
            found.retain(|address| allow_private || is_outside(address.ip()));
            if found.is_empty() {
                return Err(Refused::Inside(name).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_network_is_not_outside() {
        let inside = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.31.255.255 192.168.1.1 224.0.0.1 \
                      255.255.255.255 ::1 :: ::ffff:10.0.0.1 fe80::1 fc00::1 fdff::1 ff02::1 64:ff9b::a00:1 2002:a00:1::";
        for text in inside.split_whitespace() {
            assert!(!is_outside(text.parse().unwrap()), "{text}");
        }
        for text in
            "8.8.8.8 77.88.8.8 172.32.0.1 100.128.0.1 2a02:6b8::feed:ff ::ffff:8.8.8.8".split_whitespace()
        {
            assert!(is_outside(text.parse().unwrap()), "{text}");
        }
        assert!(NOT_OUTSIDE.iter().all(|network| network.parse::<IpNet>().is_ok()));
    }

    #[test]
    fn urls_that_could_do_harm_are_refused() {
        let refused = |text: &str| url(text, false, false).unwrap_err();
        assert_eq!(refused("http://example.ru/"), Refused::NoTls);
        assert_eq!(refused("https://anna:pw@example.ru/"), Refused::User);
        for text in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::ffff:7f00:1]/",
        ] {
            assert!(matches!(refused(text), Refused::Inside(_)), "{text}");
        }
        for text in ["", "example.ru", "file:///etc/passwd", "gopher://example.ru", "https://"] {
            assert_eq!(refused(text), Refused::NoUrl, "{text}");
        }
        for text in
            ["sms.example.ru?apikey=S3cr3t", "htps://u:S3cr3t@h/", "https//x/S3cr3t", "https://[S3cr3t]/"]
        {
            assert!(!refused(text).to_string().contains("S3cr3t"), "{text}");
        }
        assert!(url("https://example.ru:8443/a?b=c", false, false).is_ok());
        assert!(url("http://127.0.0.1:1/", true, true).is_ok());
    }
}
