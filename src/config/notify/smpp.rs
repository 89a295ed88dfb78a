//! The section `[notify.smpp]`: the short message centre.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

use crate::config::notify::check::{Wrong, bare_password};
use crate::secret::Secret;

crate::vocabulary! {
    /// How the connection to the short message centre is encrypted.
    "encryption of SMPP" pub enum SmppTls {
        /// TLS from the first byte (usually port 3550).
        Tls = "tls",
        /// No encryption: for a server on the same machine, such as the near end of a tunnel.
        None = "none",
    }
}

/// The short message centre. All destinations share one connection to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smpp {
    /// The name or address of the short message centre.
    pub host: String,
    /// The port. With TLS it is usually 3550.
    pub port: u16,
    /// The encryption of the connection. With a password, `none` is refused unless the host is this machine.
    pub encryption: SmppTls,
    /// The name to bind with, at most 15 characters.
    pub system_id: String,
    /// The password to bind with, at most 8 characters (SMPP 3.4).
    pub password: Secret,
    /// The system type, if the provider asks for one, at most 12 characters.
    pub system_type: String,
    /// The sender: a name of at most 11 Latin characters, or a number. Empty: the provider's choice.
    pub sender: String,
    /// How long connecting, binding and each answer may take. It must be shorter than `timeout` of `[notify]`.
    #[serde(with = "duration::Timeout")]
    pub timeout: Duration,
    /// The time without traffic after which the connection is tested with `enquire_link`.
    #[serde(with = "duration::Within::<100, { duration::HOUR }>")]
    pub enquire_link_interval: Duration,
    /// The most parts of texts that may wait for an answer.
    pub window: usize,
    /// The most parts in one second.
    pub rate: u32,
    /// The most parts of one text; a longer text is cut. 6 parts are 402 characters of Cyrillic.
    pub max_parts: usize,
}

impl Default for Smpp {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 2775,
            encryption: SmppTls::None,
            system_id: String::new(),
            password: Secret::default(),
            system_type: String::new(),
            sender: String::new(),
            timeout: Duration::from_secs(10),
            enquire_link_interval: Duration::from_secs(30),
            window: 10,
            rate: 10,
            max_parts: 6,
        }
    }
}

impl std::fmt::Debug for Smpp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smpp").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Returns the digits of a sender without a leading `+`; none if the sender is a name.
pub(crate) fn number(sender: &str) -> Option<&str> {
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

impl Smpp {
    /// Returns the mistakes of the section. `used` says whether a destination uses it.
    pub(super) fn wrong(&self, used: bool) -> Vec<Wrong> {
        let remedy = "write encryption = \"tls\" (usually port 3550); if the provider has no TLS, make a tunnel and \
                      write its end on this machine as the host";
        let protected = self.encryption != SmppTls::None;
        let bare = bare_password(&self.host, &self.password, protected, remedy);
        let mut wrong: Vec<Wrong> = bare.into_iter().collect();
        // SMPP 3.4, 4.1.1: each field has room for its text and one octet of zero.
        let fields = [
            ("system_id", self.system_id.as_str(), 15),
            ("password", self.password.expose(), 8),
            ("system_type", &self.system_type, 12),
        ];
        for (key, text, longest) in fields {
            if text.len() > longest || !plain(text) {
                let problem = format!("`{key}` is at most {longest} characters of ASCII in SMPP 3.4");
                wrong.push((key, problem, "ask the provider for one that fits"));
            }
        }
        if used && self.system_id.is_empty() {
            let problem = "a destination of kind \"smpp\" needs the name under which the provider knows us";
            wrong.push(("system_id", problem.to_owned(), "write system_id and password in [notify.smpp]"));
        }
        let longest = if number(&self.sender).is_some() { 20 } else { 11 };
        if self.sender.len() > longest || !plain(&self.sender) {
            let problem = format!("{:?} is not a sender", self.sender.chars().take(40).collect::<String>());
            wrong.push((
                "sender",
                problem,
                "write a name of at most 11 Latin characters, or digits, at most 20",
            ));
        }
        let counts = [("window", self.window), ("rate", usize::try_from(self.rate).unwrap_or(usize::MAX))];
        for (key, _) in counts.iter().filter(|(_, count)| *count == 0) {
            wrong.push((key, format!("with `{key}` 0 no text is ever sent"), "write 1 or more"));
        }
        if !(1..=255).contains(&self.max_parts) {
            wrong.push(("max_parts", "a text takes 1 to 255 parts".to_owned(), "write a number such as 6"));
        }
        wrong
    }
}

fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}
