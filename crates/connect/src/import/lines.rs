//! Physical lines of a file, decoded one by one, so that a bad byte costs its own line and no other.

use std::io::{self, BufRead, Read};

use encoding_rs::{Encoding, UTF_8};

/// Longest line that is read, in bytes; of a longer one only its end is looked for.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub number: u64,
    /// What could be read; bad bytes are replaced.
    pub text: String,
    /// Why the line cannot be used.
    pub problem: Option<String>,
}

/// Reads lines that end in LF, CRLF or CR, past a byte order mark.
pub(crate) struct Lines {
    reader: Box<dyn BufRead + Send>,
    encoding: &'static Encoding,
    number: u64,
    bytes_read: u64,
    /// The last line ended in CR: an LF that comes next belongs to it.
    after_cr: bool,
}

impl Lines {
    pub(crate) fn new(reader: Box<dyn BufRead + Send>, encoding: &'static Encoding) -> Self {
        Self {
            reader,
            encoding,
            number: 0,
            bytes_read: 0,
            after_cr: false,
        }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The number of the line read last.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let Some((bytes, too_long)) = self.next_bytes()? else {
            return Ok(None);
        };
        self.number += 1;
        let mut bytes = bytes.as_slice();
        if self.number == 1
            && let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF")
        {
            bytes = rest;
            self.encoding = UTF_8;
        }
        let (text, mut problem) = decode(bytes, self.encoding);
        if too_long {
            problem = Some(format!("the line is longer than {} KiB", LINE_BYTES_MAX / 1024));
        } else if problem.is_none() && text.contains('\0') {
            problem = Some("the line contains a NUL byte".to_owned());
        }
        Ok(Some(Line {
            number: self.number,
            text,
            problem,
        }))
    }

    /// The bytes of the next line, and whether there were too many of them to keep.
    fn next_bytes(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let mut line = Vec::new();
        let mut too_long = false;
        let mut any = false;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let Some(&first) = buffer.first() else {
                return Ok(any.then_some((line, too_long)));
            };
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                self.consume(1);
                continue;
            }
            any = true;
            let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &buffer[..end.unwrap_or(buffer.len())];
            too_long |= line.len() + part.len() > LINE_BYTES_MAX;
            if !too_long {
                line.extend_from_slice(part);
            }
            let Some(end) = end else {
                let used = buffer.len();
                self.consume(used);
                continue;
            };
            let after_cr = buffer[end] == b'\r';
            self.consume(end + 1);
            self.after_cr = after_cr;
            return Ok(Some((line, too_long)));
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.reader.consume(bytes);
        self.bytes_read += bytes as u64;
    }
}

/// The text, and what is wrong with the bytes.
fn decode(bytes: &[u8], encoding: &'static Encoding) -> (String, Option<String>) {
    if encoding == UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), None),
            Err(error) => {
                let place = error.valid_up_to();
                let byte = bytes.get(place).copied().unwrap_or_default();
                let problem = format!("byte 0x{byte:02X} at position {} is not UTF-8", place + 1);
                (String::from_utf8_lossy(bytes).into_owned(), Some(problem))
            }
        };
    }
    let (text, bad) = encoding.decode_without_bom_handling(bytes);
    let problem = bad.then(|| format!("the line holds bytes that are not {}", encoding.name()));
    (text.into_owned(), problem)
}

/// The whole of a file as text, for formats that cannot be read by lines, and how many bytes it has.
///
/// # Errors
/// A text that says what is wrong, with the line where one is known.
pub(crate) fn read_whole(
    reader: impl Read,
    encoding: &'static Encoding,
    bytes_max: u64,
) -> Result<(String, u64), (Option<u64>, String)> {
    let mut bytes = Vec::new();
    reader
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| (None, format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > bytes_max {
        return Err((None, format!("is larger than {} MiB", bytes_max >> 20)));
    }
    let total = bytes.len() as u64;
    let (bytes, encoding) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (rest, UTF_8),
        None => (bytes.as_slice(), encoding),
    };
    let (text, problem) = decode(bytes, encoding);
    match problem {
        None => Ok((text, total)),
        Some(problem) => {
            let good = std::str::from_utf8(bytes).err().map(|error| error.valid_up_to());
            Err((good.map(|end| line_at(bytes, end)), problem))
        }
    }
}

/// The line, from 1, that the byte at `end` stands on.
pub(crate) fn line_at(bytes: &[u8], end: usize) -> u64 {
    1 + bytes[..end.min(bytes.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], label: &str, expected: &[&str]) {
        for capacity in [1, 2, 64] {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let reader = io::BufReader::with_capacity(capacity, io::Cursor::new(bytes.to_vec()));
            let mut lines = Lines::new(Box::new(reader), encoding);
            let mut read = Vec::new();
            while let Some(line) = lines.next().unwrap() {
                let problem = line
                    .problem
                    .map(|problem| format!(" ({problem})"))
                    .unwrap_or_default();
                read.push(format!("{}:{}{problem}", line.number, line.text));
            }
            assert_eq!(read, expected);
            assert_eq!(lines.bytes_read(), bytes.len() as u64);
        }
    }

    #[test]
    fn every_line_end_counts_once() {
        check(
            b"a\nb\r\nc\rd\r\n\r\ne",
            "utf-8",
            &["1:a", "2:b", "3:c", "4:d", "5:", "6:e"],
        );
        check(b"", "utf-8", &[]);
    }

    #[test]
    fn a_byte_order_mark_is_no_text_and_decides_the_encoding() {
        check(b"\xEF\xBB\xBF\xC3\xA5\n\xC3\xA4", "windows-1252", &["1:å", "2:ä"]);
    }

    #[test]
    fn old_encodings_are_read() {
        check(b"\xE5\xE4\xF6", "latin1", &["1:åäö"]);
        check(b"\x8C\x8A\x9A", "macintosh", &["1:åäö"]);
    }

    #[test]
    fn a_bad_byte_costs_its_own_line() {
        check(
            b"a\nb\xE5c\nd\0\ne",
            "utf-8",
            &[
                "1:a",
                "2:b\u{FFFD}c (byte 0xE5 at position 2 is not UTF-8)",
                "3:d\0 (the line contains a NUL byte)",
                "4:e",
            ],
        );
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut bytes = vec![b'x'; LINE_BYTES_MAX + 1];
        bytes.extend_from_slice(b"\nnext");
        let mut lines = Lines::new(Box::new(io::Cursor::new(bytes)), UTF_8);
        let long = lines.next().unwrap().unwrap();
        assert_eq!(long.problem.as_deref(), Some("the line is longer than 1024 KiB"));
        assert_eq!(lines.next().unwrap().unwrap().text, "next");
    }
}
