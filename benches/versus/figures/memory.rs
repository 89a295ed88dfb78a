//! The memory of a process, as `/proc/PID/status` tells it.

/// Memory that a process has in RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Now (`VmRSS`).
    pub now_kib: u64,
    /// The most so far (`VmHWM`).
    pub peak_kib: u64,
}

impl Memory {
    /// Reads `/proc/PID/status`; none of a process that has ended.
    pub fn parse(status: &str) -> Option<Self> {
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Self { now_kib: kib("VmRSS")?, peak_kib: kib("VmHWM")? })
    }
}
