//! What can be found out of the machine that we are on.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::DEFAULT_ZONE;
use crate::routing::schedule::parse_zone;

/// Where FreeSWITCH's configuration is on most machines.
const USUAL: [&str; 4] = [
    "/etc/freeswitch",
    "/usr/local/freeswitch/conf",
    "/opt/freeswitch/etc/freeswitch",
    "/opt/freeswitch/conf",
];

/// What is known of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// Its time zone, if that is a place; else ours.
    pub zone: String,
    /// FreeSWITCH's configuration folder.
    pub folder: Option<PathBuf>,
    /// The event socket that its configuration describes.
    pub socket: Option<Socket>,
    /// FreeSWITCH's configuration does not describe it: it needs a file that does.
    pub made_up: bool,
}

/// FreeSWITCH's event socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Socket {
    pub port: u16,
    pub password: String,
}

/// For a FreeSWITCH that has none yet: its usual port, and a password that nobody else has.
impl Default for Socket {
    fn default() -> Self {
        Self { port: 8021, password: Uuid::new_v4().simple().to_string() }
    }
}

impl Host {
    /// Looks around. `named` is where the administrator says that FreeSWITCH's configuration is.
    pub(super) fn look(named: Option<&Path>) -> Self {
        let usual = || USUAL.iter().map(PathBuf::from).find(|path| path.join("freeswitch.xml").is_file());
        let folder = named.map(Path::to_owned).or_else(usual);
        let socket = folder.as_deref().and_then(|folder| {
            let file = folder.join("autoload_configs/event_socket.conf.xml");
            socket(&std::fs::read_to_string(file).ok()?)
        });
        Self { zone: zone(), folder, made_up: socket.is_none(), socket }
    }
}

/// The machine's zone by its own files; UTC says nothing about where the callers are.
fn zone() -> String {
    let by_name = std::fs::read_to_string("/etc/timezone").ok();
    let by_link = || {
        let target = std::fs::read_link("/etc/localtime").ok()?;
        Some(target.to_string_lossy().split_once("zoneinfo/")?.1.to_owned())
    };
    let found = std::env::var("TZ").ok().or(by_name).or_else(by_link).unwrap_or_default();
    let found = found.trim().trim_start_matches(':');
    let is_place = parse_zone(found).is_ok() && found.contains('/') && !found.starts_with("Etc/");
    if is_place { found.to_owned() } else { DEFAULT_ZONE.to_owned() }
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
