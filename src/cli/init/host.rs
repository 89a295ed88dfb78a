//! Finds out what is known of this machine.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::super::{Exit, Failure};
use crate::calendar::schedule::parse_zone;

/// Where FreeSWITCH's configuration is on most machines.
const USUAL: [&str; 4] = [
    "/etc/freeswitch",
    "/usr/local/freeswitch/conf",
    "/opt/freeswitch/etc/freeswitch",
    "/opt/freeswitch/conf",
];

/// The country of each zone, by tzdata's `zone.tab` (in the public domain), older names included. A line is
/// `COUNTRY ZONE`.
const ZONES: &str = include_str!("zones.txt");

/// What is known of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Host {
    /// Its time zone; none for a zone without a place, such as UTC.
    pub zone: Option<String>,
    /// FreeSWITCH's configuration folder.
    pub folder: Option<PathBuf>,
    /// The event socket that its configuration describes.
    pub socket: Option<Socket>,
}

/// FreeSWITCH's event socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Socket {
    pub port: u16,
    pub password: String,
}

/// For a FreeSWITCH without an event socket: the usual port, and a new password.
impl Default for Socket {
    fn default() -> Self {
        Self { port: 8021, password: Uuid::new_v4().simple().to_string() }
    }
}

impl Host {
    /// Finds out what is known. `named` is the folder of FreeSWITCH's configuration, if the administrator named one.
    ///
    /// # Errors
    /// [`Exit::NotFound`] when FreeSWITCH's configuration is not at `named`.
    pub(super) fn look(named: Option<&Path>) -> Result<Self, Failure> {
        let usual = || USUAL.iter().map(PathBuf::from).find(|path| is_configuration(path));
        let folder = match named {
            Some(path) => Some(configuration(path)?),
            None => usual(),
        };
        let socket = folder.as_deref().and_then(|folder| {
            let file = folder.join("autoload_configs/event_socket.conf.xml");
            socket(&std::fs::read_to_string(file).ok()?)
        });
        Ok(Self { zone: zone(), folder, socket })
    }

    /// The country of the machine's zone (ISO 3166), if the zone is known.
    pub(super) fn country(&self) -> Option<&'static str> {
        let zone = self.zone.as_deref()?;
        ZONES
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(_, name)| *name == zone)
            .map(|(country, _)| country)
    }
}

fn is_configuration(folder: &Path) -> bool {
    folder.join("freeswitch.xml").is_file()
}

/// The folder that was named, if it holds FreeSWITCH's configuration.
fn configuration(named: &Path) -> Result<PathBuf, Failure> {
    if is_configuration(named) {
        return Ok(std::path::absolute(named).unwrap_or_else(|_| named.to_owned()));
    }
    let problem = if named.is_dir() { "holds no freeswitch.xml" } else { "does not exist" };
    let below = ["conf", "etc/freeswitch"]
        .map(|part| named.join(part))
        .into_iter()
        .find(|path| is_configuration(path));
    let remedy = match below {
        Some(path) => format!("did you mean {}?", path.display()),
        None => {
            "name FreeSWITCH's configuration folder, or leave --freeswitch out if it is on another machine"
                .to_owned()
        }
    };
    Err(Failure::new(Exit::NotFound, format!("the folder {} {problem}: {remedy}", named.display())))
}

/// Returns the time zone by the machine's own files. UTC does not show where the callers are.
fn zone() -> Option<String> {
    let by_name = std::fs::read_to_string("/etc/timezone").ok();
    let by_link = || {
        let target = std::fs::read_link("/etc/localtime").ok()?;
        Some(target.to_string_lossy().split_once("zoneinfo/")?.1.to_owned())
    };
    let found = std::env::var("TZ").ok().or(by_name).or_else(by_link).unwrap_or_default();
    let found = found.trim().trim_start_matches(':');
    let is_place = parse_zone(found).is_ok() && found.contains('/') && !found.starts_with("Etc/");
    is_place.then(|| found.to_owned())
}

/// Port and password of an event_socket.conf.xml; none if it leaves one of them to a variable.
fn socket(xml: &str) -> Option<Socket> {
    let password = parameter(xml, "password").filter(|value| !value.contains("$$"))?;
    let port = parameter(xml, "listen-port").unwrap_or_else(|| "8021".to_owned()).parse().ok()?;
    Some(Socket { port, password })
}

/// The value of `<param name="NAME" value="VALUE"/>`, outside of comments.
fn parameter(xml: &str, name: &str) -> Option<String> {
    let live: String = xml
        .split("<!--")
        .enumerate()
        .map(|(n, part)| match n {
            0 => part,
            _ => part.split_once("-->").map_or("", |(_, after)| after),
        })
        .collect();
    let (_, after) = live.split_once(&format!("name=\"{name}\""))?;
    let (_, value) = after.split_once('>')?.0.split_once("value=\"")?;
    let (value, _) = value.split_once('"')?;
    let plain = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_the_country_of_its_people() {
        let country = |zone: &str| Host { zone: Some(zone.to_owned()), ..Host::default() }.country();
        assert_eq!(country("Europe/Moscow"), Some("RU"));
        assert_eq!(country("Asia/Yekaterinburg"), Some("RU"));
        assert_eq!(country("Europe/Berlin"), Some("DE"));
        assert_eq!(country("Europe/Kiev"), Some("UA"), "an older name");
        assert_eq!(country("US/Pacific"), Some("US"));
        assert_eq!(country("Mars/Olympus"), None);
        assert_eq!(Host::default().country(), None);
    }

    #[test]
    fn every_zone_of_the_table_is_one() {
        for line in ZONES.lines() {
            let (country, zone) = line.split_once(' ').unwrap();
            assert_eq!((country.len(), parse_zone(zone).is_ok()), (2, true), "{line}");
        }
    }

    #[test]
    fn a_socket_is_read_from_freeswitch_s_own_file() {
        let xml = r#"<configuration><settings>
            <!-- <param name="password" value="old"/> -->
            <param name="listen-port" value="8022"/>
            <param name="password" value="a&quot;b&amp;c"/></settings></configuration>"#;
        assert_eq!(socket(xml), Some(Socket { port: 8022, password: "a\"b&c".into() }));
        assert_eq!(socket(&xml.replace("a&quot;b&amp;c", "$${pw}")), None);
        assert_eq!(socket("<settings/>"), None);
        assert_eq!(socket("<!-- never closed"), None);
    }
}
