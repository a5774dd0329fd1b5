//! The kernel's figures about processes and the machine.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

/// Ticks in a second of the times in `/proc/PID/stat`: the kernel's `USER_HZ`, which is 100 on the
/// architectures that we build for, whatever its own timer's rate.
const USER_HZ: u64 = 100;

/// User plus system time of a process, all its threads together.
///
/// # Errors
/// If the process has gone.
pub fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_processor_time(&stat).with_context(|| format!("unexpected /proc/{pid}/stat"))
}

fn parse_processor_time(stat: &str) -> Option<Duration> {
    // The name, in parentheses, may hold spaces and parentheses itself; fields are counted from behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * (1000 / USER_HZ)))
}

/// Processor time of each thread of a process: exact, where [`processor_time`] counts hundredths of a second.
#[derive(Clone, Debug)]
pub struct ThreadTimes(HashMap<OsString, Duration>);

impl ThreadTimes {
    /// The time that the present threads have used.
    ///
    /// # Errors
    /// If the process has gone, or the kernel does not show it.
    pub fn now(pid: u32) -> anyhow::Result<Self> {
        let mut times = HashMap::new();
        for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = thread?;
            // A thread may end while we look.
            let Ok(text) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
            let time = text.split_whitespace().next().and_then(|field| field.parse().ok());
            let time = time.with_context(|| format!("unexpected /proc/{pid}/task/*/schedstat"))?;
            times.insert(thread.file_name(), Duration::from_nanos(time));
        }
        anyhow::ensure!(!times.is_empty(), "no /proc/{pid}/task/*/schedstat");
        Ok(Self(times))
    }

    /// Of all threads together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.0.values().sum()
    }

    /// The time used between the two, except by threads that have ended since.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        let before = |thread| earlier.0.get(thread).copied().unwrap_or_default();
        self.0.iter().map(|(thread, time)| time.saturating_sub(before(thread))).sum()
    }
}

/// Processor time of all cores together, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Busy, for any process.
    pub busy: f64,
    /// At work or idle.
    pub all: f64,
}

/// The time of the machine's cores since it started.
///
/// # Errors
/// If the system has no `/proc/stat`.
pub fn machine_time() -> anyhow::Result<Machine> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    parse_machine_time(&stat).context("unexpected /proc/stat")
}

fn parse_machine_time(stat: &str) -> Option<Machine> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    // user nice system idle iowait irq softirq steal; the rest is contained in user already.
    let ticks: Vec<u64> =
        fields.split_whitespace().take(8).map(|field| field.parse().ok()).collect::<Option<_>>()?;
    let all: u64 = ticks.iter().sum();
    let idle: u64 = ticks.get(3..5)?.iter().sum();
    let seconds = |ticks: u64| ticks as f64 / USER_HZ as f64;
    Some(Machine { busy: seconds(all - idle), all: seconds(all) })
}

/// Processor time in seconds: of a proxy, of it with the processes that it works with, and of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Of the proxy.
    pub proxy: f64,
    crew: f64,
    machine: Machine,
}

impl Usage {
    /// The time used until now.
    ///
    /// # Errors
    /// If one of the processes has gone.
    pub fn now(proxy: u32, others: &[u32]) -> anyhow::Result<Self> {
        let proxy = processor_time(proxy)?.as_secs_f64();
        let mut crew = proxy;
        for &other in others {
            crew += processor_time(other)?.as_secs_f64();
        }
        Ok(Self { proxy, crew, machine: machine_time()? })
    }

    /// The time used between the two.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            proxy: self.proxy - earlier.proxy,
            crew: self.crew - earlier.crew,
            machine: Machine {
                busy: self.machine.busy - earlier.machine.busy,
                all: self.machine.all - earlier.machine.all,
            },
        }
    }

    /// Share of the machine that was kept busy by processes that don't belong to the run.
    #[must_use]
    pub fn others(&self) -> f64 {
        let Self { crew, machine, .. } = self;
        ((machine.busy - crew) / machine.all.max(f64::MIN_POSITIVE)).max(0.0)
    }
}

/// Memory of a process that is in RAM, in KiB.
///
/// # Errors
/// If the process has gone.
pub fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let value = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    value.with_context(|| format!("no VmRSS in /proc/{pid}/status"))
}

/// Files that this process may have open.
///
/// # Errors
/// If the system does not say it.
pub fn descriptor_limit() -> anyhow::Result<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).context("no limit of open files")?;
    if soft == "unlimited" { Ok(u64::MAX) } else { Ok(soft.parse()?) }
}

/// A description of the machine, for a report.
#[must_use]
pub fn machine() -> Value {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "processor": model.map(|(_, model)| model),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}

/// The middle of the values, the lower one of two; `None` of none.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_skips_a_name_with_parentheses() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 1 0 5 0 0";
        assert_eq!(parse_processor_time(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse_processor_time("7 (x) S 1"), None);
    }

    #[test]
    fn a_new_thread_counts_and_one_that_has_ended_does_not() {
        let times = |list: &[(&str, u64)]| {
            let of = |&(thread, ms): &(&str, u64)| (OsString::from(thread), Duration::from_millis(ms));
            ThreadTimes(list.iter().map(of).collect())
        };
        let (before, after) = (times(&[("1", 10), ("2", 7)]), times(&[("1", 15), ("3", 2)]));
        assert_eq!(
            (after.since(&before), after.total()),
            (Duration::from_millis(7), Duration::from_millis(17))
        );
    }

    #[test]
    fn machine_time_counts_waiting_as_idle() {
        let machine = parse_machine_time("cpu  100 0 100 250 50 0 0 100 7 7\ncpu0 1").unwrap();
        assert_eq!((machine.busy, machine.all), (3.0, 6.0));
        assert!(parse_machine_time("cpu  1 2 3").is_none());
    }

    #[test]
    fn median_is_the_lower_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.0));
        assert_eq!(median([]), None);
    }
}
