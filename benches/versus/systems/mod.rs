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
    /// Whether waiting callers hear an announcement every [`ANNOUNCED_EVERY_S`] seconds.
    pub announced: bool,
    /// The port of their phones, once they are there.
    pub port: u16,
}

/// What waiting callers hear.
pub const MUSIC: &str = "silence_stream://-1";
/// What they are told meanwhile.
pub const ANNOUNCEMENT: &str = "silence_stream://3000";
/// How often they are told that.
pub const ANNOUNCED_EVERY_S: u32 = 20;

impl Team {
    /// Agents who are at work, or not.
    pub const fn of(agents: u32, at_work: bool) -> Self {
        Self { agents, at_work, announced: false, port: 0 }
    }

    /// The agents' names.
    pub fn names(&self) -> impl Iterator<Item = String> {
        (0..self.agents).map(|agent| format!("a{agent:05}"))
    }

    /// Where FreeSWITCH reaches an agent.
    pub fn contact(&self, name: &str) -> String {
        format!("sofia/internal/{name}@127.0.0.1:{}", self.port)
    }
}
