//! The address of the database, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::loopback::is_loopback;

/// A text that names no database that we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a database: write sqlite:FILE or postgres://USER@HOST/NAME")]
pub struct InvalidDatabaseUrl {
    /// The text that was given, without a password.
    pub given: String,
}

/// Where the database is: `sqlite:FILE` or `postgres://USER@HOST/NAME`.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatabaseUrl {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// An address for libpq.
    Postgres(String),
}

/// Parameters of libpq that hold unless the url states others. A server that does not answer must not block a
/// connection for ever.
const LIBPQ: [(&str, &str); 4] = [
    ("connect_timeout", "5"),
    ("application_name", "dozvon"),
    ("keepalives_idle", "10"),
    ("tcp_user_timeout", "15000"),
];

/// Values of libpq's `sslmode` with which a connection may be unencrypted. `prefer` is the default.
const IN_CLEAR: [&str; 3] = ["disable", "allow", "prefer"];

impl DatabaseUrl {
    /// Whether the address holds a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        matches!(self, Self::Postgres(address) if without_password(address) != *address)
    }

    /// If the connection may be unencrypted on a network, returns the host and the `sslmode` that permits it. `default`
    /// is the value of PGSSLMODE, which holds where the url has no `sslmode`.
    #[must_use]
    pub fn in_clear(&self, default: Option<&str>) -> Option<(String, String)> {
        let Self::Postgres(address) = self else { return None };
        let mode = parameter(address, "sslmode");
        let mode = mode.as_deref().or(default.filter(|mode| !mode.is_empty())).unwrap_or("prefer").to_owned();
        if !IN_CLEAR.contains(&mode.as_str()) {
            return None;
        }
        let host = hosts(address).into_iter().find(|host| !is_here(host))?;
        Some((host, mode))
    }

    /// The address for libpq, with our limits.
    pub(crate) fn libpq(address: &str) -> String {
        let mut address = address.to_owned();
        for (name, value) in LIBPQ {
            if !address.contains(&format!("{name}=")) {
                let sign = if address.contains('?') { '&' } else { '?' };
                address.push_str(&format!("{sign}{name}={value}"));
            }
        }
        address
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;
    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.is_empty() && !path.starts_with(':') {
                return Ok(Self::Sqlite(path.into()));
            }
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(InvalidDatabaseUrl { given: without_password(text) })
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = InvalidDatabaseUrl;
    fn try_from(text: String) -> Result<Self, InvalidDatabaseUrl> {
        text.parse()
    }
}

impl From<DatabaseUrl> for String {
    fn from(url: DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url,
        }
    }
}

/// Shown without a password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns the text with `***` for every password: before the last `@`, in the place of a port, and in a parameter.
/// Without `://`, everything before an `@` is hidden, because a password could be anywhere there.
fn without_password(url: &str) -> String {
    let shown = match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, rest)), _) => format!("{scheme}://{}", without_account(rest)),
        (None, Some((before, host))) => {
            let scheme = before.split_once(':').map_or(String::new(), |(scheme, _)| format!("{scheme}:"));
            format!("{scheme}***@{host}")
        }
        (None, None) => url.to_owned(),
    };
    let mut parts = shown.split("password=");
    let first = parts.next().unwrap_or_default().to_owned();
    let shown = parts.fold(first, |before, part| {
        let after = part.find(['&', ' ']).map_or("", |end| &part[end..]);
        format!("{before}password=***{after}")
    });
    shown.chars().take(200).collect()
}

/// Returns the part after `://` without the password after the user's name or in the place of a port.
fn without_account(rest: &str) -> String {
    if let Some((account, host)) = rest.rsplit_once('@') {
        let user = account.split_once(':').map_or(account.to_owned(), |(user, _)| format!("{user}:***"));
        return format!("{user}@{host}");
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let port = authority.rsplit_once(':').filter(|(_, port)| !authority.ends_with(']') && !is_port(port));
    port.map_or(rest.to_owned(), |(host, _)| format!("{host}:***{path}"))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a host is this machine, or a folder with a socket.
fn is_here(host: &str) -> bool {
    host.is_empty()
        || host.starts_with(['/', '@'])
        || host.starts_with("%2F")
        || host.starts_with("%2f")
        || is_loopback(host)
}

/// The hosts of an address. libpq tries one after the other.
fn hosts(address: &str) -> Vec<String> {
    let named = parameter(address, "hostaddr").or_else(|| parameter(address, "host"));
    if let Some(named) = named {
        return named.split(',').map(str::to_owned).collect();
    }
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let bare = |host: &str| match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, _)) => inner.to_owned(),
        None => host.split_once(':').map_or(host, |(name, _)| name).to_owned(),
    };
    hosts.split(',').map(bare).collect()
}

/// A parameter of an address.
fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_file_or_a_server() {
        let read = |text: &str| text.parse::<DatabaseUrl>();
        assert_eq!(read("sqlite:dozvon.db").unwrap(), DatabaseUrl::Sqlite("dozvon.db".into()));
        assert_eq!(read("sqlite:///var/x.db").unwrap(), DatabaseUrl::Sqlite("/var/x.db".into()));
        assert!(matches!(read("postgresql://h/x").unwrap(), DatabaseUrl::Postgres(_)));
        for bad in ["", "dozvon.db", "sqlite:", "sqlite::memory:", "mysql://h/x"] {
            let said = read(bad).unwrap_err().to_string();
            assert!(said.contains("write sqlite:FILE or postgres://USER@HOST/NAME"), "{said}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (url, shown) in [
            ("postgres://u:p@h/x", "postgres://u:***@h/x"),
            ("postgres://u:p@ss:w@h/x", "postgres://u:***@h/x"),
            ("postgres://u@h/x?password=p&a=b", "postgres://u@h/x?password=***&a=b"),
            ("postgres://u@h/x", "postgres://u@h/x"),
        ] {
            let url: DatabaseUrl = url.parse().unwrap();
            assert_eq!((url.to_string().as_str(), format!("{url:?}").as_str()), (shown, shown));
        }
        for bad in [
            "mysql://u:S3cr3t@h/x",
            "postgres:u:S3cr3t@h/x",
            "postgres:/u:S3cr3t@h/x",
            "postgres//u:S3cr3t@h/x",
            "u:S3cr3t@h/x",
            "S3cr3t@h/x",
            "mysql://u:S3cr3t/x",
            "host=h password=S3cr3t user=u",
            "mysql://h/x?password=a&sslpassword=S3cr3t",
        ] {
            let said = bad.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!said.contains("S3cr3t"), "{said}");
        }
        let file: DatabaseUrl = "sqlite:/srv/a@b.db".parse().unwrap();
        assert_eq!(file.to_string(), "sqlite:/srv/a@b.db");
    }

    #[test]
    fn a_host_that_is_not_here_wants_tls() {
        let exposed = |url: &str, default| {
            let url: DatabaseUrl = url.parse().unwrap();
            url.in_clear(default).map(|(host, mode)| format!("{host} {mode}"))
        };
        for (url, shown) in [
            ("postgres://u:p@db.example.com/x", "db.example.com prefer"),
            ("postgres://u:p@db.example.com:5433/x?sslmode=allow", "db.example.com allow"),
            ("postgres://u@10.0.0.1/x?sslmode=disable", "10.0.0.1 disable"),
            ("postgres://u@[2001:db8::1]:5432/x", "2001:db8::1 prefer"),
            ("postgres://u@localhost,db2/x", "db2 prefer"),
            ("postgres:///x?host=db.example.com", "db.example.com prefer"),
            ("postgres:///x?host=localhost&hostaddr=10.0.0.1", "10.0.0.1 prefer"),
        ] {
            assert_eq!(exposed(url, None).as_deref(), Some(shown), "{url}");
        }
        for url in [
            "postgres:///x",
            "postgres://u@localhost/x",
            "postgres://u:p@127.0.0.1:5432/x",
            "postgres://u@[::1]/x",
            "postgres://%2Fvar%2Frun/x",
            "postgres:///x?host=/var/run/postgresql",
            "postgres://u@db/x?sslmode=require",
            "postgres://u@db/x?sslmode=verify-full&sslrootcert=system",
            "sqlite:x.db",
        ] {
            assert_eq!(exposed(url, None), None, "{url}");
        }
        assert_eq!(exposed("postgres://u@db/x", Some("require")), None);
        assert_eq!(
            exposed("postgres://u@db/x?sslmode=prefer", Some("require")).as_deref(),
            Some("db prefer")
        );
    }

    #[test]
    fn a_password_is_seen() {
        for (url, has) in [
            ("postgres://u:p@h/x", true),
            ("postgres://u@h/x?password=p", true),
            ("postgres://u@h/x", false),
            ("sqlite:x.db", false),
        ] {
            assert_eq!(url.parse::<DatabaseUrl>().unwrap().has_password(), has, "{url}");
        }
    }

    #[test]
    fn libpq_gets_limits_unless_the_url_has_them() {
        let told = DatabaseUrl::libpq("postgres://h/x?connect_timeout=1");
        assert!(told.starts_with("postgres://h/x?connect_timeout=1&application_name=dozvon&"), "{told}");
        assert_eq!(told.matches("connect_timeout").count(), 1);
    }
}
