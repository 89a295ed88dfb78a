//! The two systems: what each is given, and how it starts.

pub mod callcenter;
pub mod dozvon;

/// Agents of a run. They all have phones on one port, told apart by their user names.
#[derive(Debug, Clone, Copy)]
pub struct Team {
    /// How many there are.
    pub agents: u32,
    /// Whether they are logged in.
    pub at_work: bool,
    /// The port of their phones.
    pub port: u16,
}

/// What waiting callers hear.
pub const MUSIC: &str = "silence_stream://-1";

impl Team {
    /// The agents' names.
    pub fn names(&self) -> impl Iterator<Item = String> {
        (0..self.agents).map(|agent| format!("a{agent:05}"))
    }

    /// Where FreeSWITCH reaches an agent.
    pub fn contact(&self, name: &str) -> String {
        format!("sofia/internal/{name}@127.0.0.1:{}", self.port)
    }
}
