//! The kinds of job there are.

use httpd::json::Value;
use std::collections::BTreeMap;

const MAX_PRIME: u64 = 50_000_000;
const MAX_TEXT: usize = 32 << 10;

#[derive(Debug, PartialEq)]
pub enum Job {
    /// How many primes there are up to n.
    Primes(u64),
    /// The 64-bit FNV-1a hash of a text.
    Hash(String),
    /// The longest run of 3n+1 that starts below n.
    Collatz(u64),
}

impl Job {
    pub fn from_members(members: &BTreeMap<String, Value>) -> Result<Job, String> {
        match members.get("kind") {
            Some(Value::String(kind)) => match kind.as_str() {
                "primes" => number(members, MAX_PRIME).map(Job::Primes),
                "collatz" => number(members, MAX_PRIME / 10).map(Job::Collatz),
                "hash" => match members.get("text") {
                    Some(Value::String(text)) if text.len() <= MAX_TEXT => Ok(Job::Hash(text.clone())),
                    _ => Err("text is missing or too long".to_string()),
                },
                other => Err(format!("unknown kind {other:?}: there are primes, collatz and hash")),
            },
            _ => Err("kind is missing".to_string()),
        }
    }

    pub fn run(&self) -> String {
        match self {
            Job::Primes(n) => count_primes(*n).to_string(),
            Job::Collatz(n) => longest_collatz(*n).to_string(),
            Job::Hash(text) => format!("{:016x}", fnv1a(text.as_bytes())),
        }
    }
}

fn number(members: &BTreeMap<String, Value>, max: u64) -> Result<u64, String> {
    match members.get("n") {
        Some(Value::Number(n)) if n.fract() == 0.0 && *n >= 1.0 && *n <= max as f64 => Ok(*n as u64),
        _ => Err(format!("n is a whole number from 1 to {max}")),
    }
}

fn count_primes(n: u64) -> usize {
    let n = n as usize;
    let mut composite = vec![false; n + 1];
    let mut count = 0;
    for i in 2..=n {
        if composite[i] {
            continue;
        }
        count += 1;
        let mut multiple = i * i;
        while multiple <= n {
            composite[multiple] = true;
            multiple += i;
        }
    }
    count
}

fn longest_collatz(n: u64) -> u64 {
    let steps = |start: u64| {
        let (mut x, mut steps) = (start, 0);
        while x != 1 {
            x = if x % 2 == 0 { x / 2 } else { 3 * x + 1 };
            steps += 1;
        }
        steps
    };
    (1..=n).max_by_key(|&start| (steps(start), std::cmp::Reverse(start))).unwrap_or(1)
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results() {
        assert_eq!(Job::Primes(100).run(), "25");
        assert_eq!(Job::Primes(1).run(), "0");
        assert_eq!(Job::Collatz(10).run(), "9");
        assert_eq!(Job::Hash("a".to_string()).run(), "af63dc4c8601ec8c");
    }

    #[test]
    fn bad_jobs() {
        for text in ["{}", r#"{"kind":"x"}"#, r#"{"kind":"primes","n":1.5}"#, r#"{"kind":"primes","n":-1}"#] {
            let members = httpd::json::parse_flat(text).unwrap();
            assert!(Job::from_members(&members).is_err(), "{text}");
        }
    }
}
