//! The memory and processor time of a process, as the kernel counts them.

use std::fs;

use crate::isolation::ProcessId;

/// Memory and processor time of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The proportional set size (`Pss`): its own memory, and its share of what it shares with other processes.
    pub(crate) memory_bytes: Option<u64>,
    /// In user and kernel mode together.
    pub(crate) cpu_us: Option<u64>,
}

impl Usage {
    /// What the process has used up to now.
    pub(crate) fn of(process: &ProcessId) -> Usage {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", process.pid)).ok();
        let (rollup, stat) = (read("smaps_rollup"), read("stat"));
        if !process.alive() {
            return Usage { memory_bytes: None, cpu_us: None };
        }
        Usage {
            memory_bytes: rollup.and_then(|text| memory_bytes(&text)),
            cpu_us: stat.and_then(|text| cpu_ticks(&text)).map(|ticks| ticks * 1_000_000 / ticks_per_second()),
        }
    }
}

/// The line `Pss:  1234 kB` of `/proc/PID/smaps_rollup`.
fn memory_bytes(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Fields 14 and 15 of `/proc/PID/stat`; the second field may hold spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_files_are_read() {
        assert_eq!(memory_bytes("Rss: 9 kB\nPss:                2034 kB\nPss_Dirty: 1 kB\n"), Some(2034 << 10));
        let stat = "7 (a b) R) S 1 7 7 0 -1 4194560 1 2 3 4 50 6 7 8 20 0 1 0 4711 8 9";
        assert_eq!(cpu_ticks(stat), Some(56));
        assert_eq!(cpu_ticks("7 (a) S"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = Usage::of(&ProcessId::own().expect("it runs"));
        assert!(usage.memory_bytes.is_some_and(|bytes| bytes > 100 << 10), "{usage:?}");
    }
}
