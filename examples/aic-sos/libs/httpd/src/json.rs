//! JSON, as much as small services need: any value is written, flat objects are read.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write};

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Number(number)
    }
}

/// Exact to 2^53, as in every JSON that passes through JavaScript.
impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number as f64)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) if value.is_finite() => write!(f, "{value}"),
            Value::Number(_) => f.write_str("null"),
            Value::String(text) => quote(f, text),
            Value::Array(items) => {
                f.write_char('[')?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i > 0 { "," } else { "" })?;
                }
                f.write_char(']')
            }
            Value::Object(members) => {
                f.write_char('{')?;
                for (i, (name, value)) in members.iter().enumerate() {
                    f.write_str(if i > 0 { "," } else { "" })?;
                    quote(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn quote(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if (c as u32) < 0x20 => write!(f, "\\u{:04x}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// Reads an object of strings, numbers, booleans and nulls.
pub fn parse_flat(text: &str) -> Result<BTreeMap<String, Value>, String> {
    let mut rest = Cursor { text: text.trim() };
    let mut members = BTreeMap::new();
    rest.expect('{')?;
    if !rest.accept('}') {
        loop {
            let name = rest.string()?;
            rest.expect(':')?;
            members.insert(name, rest.scalar()?);
            if rest.accept('}') {
                break;
            }
            rest.expect(',')?;
        }
    }
    if rest.text.is_empty() {
        Ok(members)
    } else {
        Err("text after the object".to_string())
    }
}

struct Cursor<'a> {
    text: &'a str,
}

impl Cursor<'_> {
    /// Takes `c` when it is next; white space behind it too.
    fn accept(&mut self, c: char) -> bool {
        match self.text.strip_prefix(c) {
            Some(rest) => {
                self.text = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.accept(c) {
            Ok(())
        } else {
            Err(format!("{c:?} expected at {:.20?}", self.text))
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let mut result = String::new();
        let mut chars = self.text.char_indices();
        if chars.next().map(|(_, c)| c) != Some('"') {
            return Err(format!("a string expected at {:.20?}", self.text));
        }
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.text = self.text[at + 1..].trim_start();
                    return Ok(result);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => result.push('\n'),
                    Some('t') => result.push('\t'),
                    Some(c @ ('"' | '\\' | '/')) => result.push(c),
                    _ => return Err("unsupported escape".to_string()),
                },
                c if (c as u32) < 0x20 => return Err("control character in a string".to_string()),
                c => result.push(c),
            }
        }
        Err("a string without an end".to_string())
    }

    fn scalar(&mut self) -> Result<Value, String> {
        if self.text.starts_with('"') {
            return self.string().map(Value::String);
        }
        let end = self.text.find(|c: char| c == ',' || c == '}' || c.is_whitespace());
        let (word, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => match word.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Number(number),
                _ => return Err(format!("{word:.20?} is not a value")),
            },
        };
        self.text = rest.trim_start();
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes() {
        let value = object([("b", Value::Array(vec![1u64.into(), Value::Null])), ("a", "x\"\n".into())]);
        assert_eq!(value.to_string(), r#"{"a":"x\"\u000a","b":[1,null]}"#);
    }

    #[test]
    fn reads() {
        let members = parse_flat(r#" { "kind" : "primes", "n": 1e3, "ok":true } "#).unwrap();
        assert_eq!(members["kind"], "primes".into());
        assert_eq!(members["n"], 1000.0.into());
        assert_eq!(members["ok"], Value::Bool(true));
        for bad in ["", "{", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":[1]}", "{\"a\":\"b}"] {
            assert!(parse_flat(bad).is_err(), "{bad}");
        }
    }
}
