//! Where the database is, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::StoreError;

/// Where the database is: `sqlite:FILE` or `postgres://USER@HOST/NAME`.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatabaseUrl {
    /// A file of our own.
    Sqlite(PathBuf),
    /// A server, as libpq reads it.
    Postgres(String),
}

/// What libpq is told unless the url says otherwise: a server that does not answer must not stop us for ever.
const LIBPQ: [(&str, &str); 4] = [
    ("connect_timeout", "5"),
    ("application_name", "dozvon"),
    ("keepalives_idle", "10"),
    ("tcp_user_timeout", "15000"),
];

impl DatabaseUrl {
    /// The address for libpq, with our limits.
    pub(super) fn libpq(address: &str) -> String {
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
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.is_empty() && !path.starts_with(':') {
                return Ok(Self::Sqlite(path.into()));
            }
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(StoreError::BadUrl { given: without_password(text) })
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = StoreError;
    fn try_from(text: String) -> Result<Self, StoreError> {
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
        f.write_str(&without_password(&String::from(self.clone())))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text with `***` for every password: before the last `@`, and in a parameter.
fn without_password(url: &str) -> String {
    let mut shown: String = url.chars().take(200).collect();
    if let Some((start, rest)) = url.split_once("://")
        && let Some((account, host)) = rest.rsplit_once('@')
        && let Some((user, _)) = account.split_once(':')
    {
        shown = format!("{start}://{user}:***@{host}");
    }
    let Some((before, after)) = shown.split_once("password=") else { return shown };
    let rest = after.split_once('&').map_or(String::new(), |(_, rest)| format!("&{rest}"));
    format!("{before}password=***{rest}")
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
        assert!(!"mysql://u:secret@h/x".parse::<DatabaseUrl>().unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn libpq_gets_limits_unless_the_url_has_them() {
        let told = DatabaseUrl::libpq("postgres://h/x?connect_timeout=1");
        assert!(told.starts_with("postgres://h/x?connect_timeout=1&application_name=dozvon&"), "{told}");
        assert_eq!(told.matches("connect_timeout").count(), 1);
    }
}
