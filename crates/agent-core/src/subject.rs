//! Subjects on the wire: `{process}.{verb}.{agent}.{id}` (design, section 4), and how any id becomes one token.

use std::fmt::Write;

/// Writes `text` as one subject token: `[A-Za-z0-9_-]` stay, every other byte becomes `=XX`, so that no id can widen a subject.
#[must_use]
pub fn token(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            encoded.push(byte as char);
        } else {
            let _ = write!(encoded, "={byte:02X}");
        }
    }
    encoded
}

/// Reads a token back; `None` where it was not written by [`token`].
#[must_use]
pub fn untoken(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'=' {
            let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The subjects of one process, `kunder` by default.
#[derive(Clone, Debug)]
pub struct Subjects {
    pub process: String,
}

impl Subjects {
    #[must_use]
    pub fn new(process: &str) -> Self {
        Self {
            process: token(process),
        }
    }

    #[must_use]
    pub fn service(&self, agent: &str, endpoint: &str) -> String {
        format!("{}.svc.{}.{endpoint}", self.process, token(agent))
    }

    #[must_use]
    pub fn task(&self, agent: &str, id: &str) -> String {
        format!("{}.task.{}.{}", self.process, token(agent), token(id))
    }

    #[must_use]
    pub fn result(&self, agent: &str, id: &str) -> String {
        format!("{}.result.{}.{}", self.process, token(agent), token(id))
    }

    #[must_use]
    pub fn event(&self, agent: &str, kind: &str) -> String {
        format!("{}.event.{}.{}", self.process, token(agent), token(kind))
    }

    #[must_use]
    pub fn letter(&self, agent: &str, id: &str) -> String {
        format!("{}.dlq.{}.{}", self.process, token(agent), token(id))
    }

    #[must_use]
    pub fn chat(&self) -> String {
        format!("{}.chat", self.process)
    }

    /// Where another process sends us its events and answers: `kunder.in.<process>.<kind>`.
    #[must_use]
    pub fn inbox(&self, process: &str, kind: &str) -> String {
        format!("{}.in.{}.{}", self.process, token(process), token(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_widens_a_subject() {
        for id in ["a.b", "*", ">", "å ä", "=3D", "", "x y"] {
            let encoded = token(id);
            assert!(!encoded.contains(['.', '*', '>', ' ']), "{encoded}");
            assert_eq!(untoken(&encoded).as_deref(), Some(id));
        }
        assert_eq!(token("kör.1"), "k=C3=B6r=2E1");
        assert_eq!(untoken("a=G1"), None);
    }
}
