//! Reads /proc.

use std::fs;
use std::io::{self, ErrorKind};
use std::str::FromStr;

#[derive(Debug, PartialEq)]
pub struct Stats {
    /// None until there are two samples to compare.
    pub cpu_busy_ratio: Option<f64>,
    pub load_1m: f64,
    pub memory_available: u64,
    pub memory_total: u64,
    pub uptime_seconds: f64,
}

/// Processor time in ticks since the machine was started.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    idle: u64,
    total: u64,
}

pub struct Sampler {
    last: Option<Ticks>,
}

impl Sampler {
    pub fn new() -> Sampler {
        Sampler { last: read("stat", parse_ticks).ok() }
    }

    pub fn sample(&mut self) -> io::Result<Stats> {
        let now = read("stat", parse_ticks)?;
        let before = self.last.replace(now);
        let (memory_total, memory_available) = read("meminfo", parse_memory)?;
        Ok(Stats {
            cpu_busy_ratio: before.and_then(|before| busy_ratio(before, now)),
            load_1m: read("loadavg", first_word)?,
            memory_available,
            memory_total,
            uptime_seconds: read("uptime", first_word)?,
        })
    }
}

fn read<T>(name: &str, parse: fn(&str) -> Option<T>) -> io::Result<T> {
    let path = format!("/proc/{name}");
    let text = fs::read_to_string(&path)?;
    parse(&text).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("{path} is not understood")))
}

fn first_word<T: FromStr>(text: &str) -> Option<T> {
    text.split_whitespace().next()?.parse().ok()
}

/// The first line: cpu user nice system idle iowait irq softirq steal (guest is in user already).
fn parse_ticks(text: &str) -> Option<Ticks> {
    let fields: Vec<u64> = text
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace()
        .take(8)
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    Some(Ticks { idle: fields.get(3)? + fields.get(4)?, total: fields.iter().sum() })
}

fn parse_memory(text: &str) -> Option<(u64, u64)> {
    let kib = |name: &str| -> Option<u64> {
        first_word(text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?)
    };
    Some((kib("MemTotal")? * 1024, kib("MemAvailable")? * 1024))
}

fn busy_ratio(before: Ticks, now: Ticks) -> Option<f64> {
    let total = now.total.checked_sub(before.total).filter(|&total| total > 0)?;
    let idle = now.idle.saturating_sub(before.idle).min(total);
    Some((total - idle) as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses() {
        let ticks = parse_ticks("cpu  10 0 20 60 5 1 2 2 7 0\ncpu0 1 2 3\n");
        assert_eq!(ticks, Some(Ticks { idle: 65, total: 100 }));
        assert_eq!(parse_ticks("intr 1\n"), None);
        let memory = parse_memory("MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\n");
        assert_eq!(memory, Some((2 << 20, 1 << 20)));
        assert_eq!(first_word::<f64>("0.25 0.10 0.05"), Some(0.25));
    }

    #[test]
    fn ratios() {
        let at = |idle, total| Ticks { idle, total };
        assert_eq!(busy_ratio(at(0, 0), at(25, 100)), Some(0.75));
        assert_eq!(busy_ratio(at(5, 10), at(5, 10)), None);
    }
}
