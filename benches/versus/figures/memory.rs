//! The memory of a process, as `/proc/PID/status` tells it.

/// The most memory that a process has had so far (`VmHWM`), in MiB; none of a process that has ended.
pub fn peak_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}
