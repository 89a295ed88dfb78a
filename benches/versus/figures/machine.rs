//! What Linux tells about the machine and its processes in `/proc`.

/// The model of the processor, from `/proc/cpuinfo`.
pub fn processor(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start().strip_prefix(':')?.trim())
}

/// The most memory that a process has had so far in MiB, from `/proc/PID/status`; none of a process that has ended.
pub fn peak_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}
