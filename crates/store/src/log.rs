//! The write-ahead log as SQLite will read it: how far it holds, and which pages it brings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// What a log holds (SQLite file format, section 4: a chain of checksums over all frames, salts that change when it begins anew).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// Told apart from the logs before and after it in the same file; `None` without a header that holds.
    pub(crate) salts: Option<(u32, u32)>,
    /// Frames up to the last commit that holds.
    pub(crate) frames: u32,
    /// Pages that those frames bring.
    pub(crate) pages: BTreeSet<u32>,
    /// Whether a commit of the same log stands behind the place where it stops to hold: something after a commit is gone.
    pub(crate) cut: bool,
}

/// The log beside a database.
pub(crate) fn log_path(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

/// The file whose name is the database's with this at its end.
pub(crate) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    path.into()
}

impl Log {
    /// Reads the log beside `database` from its begin to where it stops to hold; a missing one is empty.
    pub(crate) fn read(database: &Path) -> io::Result<Self> {
        let file = match File::open(log_path(database)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut log = Self::default();
        let mut header = [0; HEADER_BYTES];
        if !fill(&mut file, &mut header)? {
            return Ok(log);
        }
        let Some((page_bytes, mut chain)) = begin(&header) else {
            return Ok(log);
        };
        let salts = (word(&header, 16), word(&header, 20));
        log.salts = Some(salts);
        let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
        let (mut number, mut holds) = (0, true);
        let mut waiting = Vec::new();
        while fill(&mut file, &mut frame)? {
            number += 1;
            let (page, pages_after) = (word(&frame, 0), word(&frame, 4));
            let same = (word(&frame, 8), word(&frame, 12)) == salts;
            if holds {
                chain.add(&frame[..8]);
                chain.add(&frame[FRAME_HEADER_BYTES..]);
                holds = same && page > 0 && chain.sums == (word(&frame, 16), word(&frame, 20));
            }
            if !holds {
                log.cut |= same && pages_after > 0;
                if log.cut {
                    break;
                }
                continue;
            }
            waiting.push(page);
            if pages_after > 0 {
                log.frames = number;
                log.pages.extend(waiting.drain(..));
            }
        }
        Ok(log)
    }
}

/// The frames of a log that this process wrote: where the last image of each page stands.
pub(crate) struct Images {
    file: File,
    page_bytes: usize,
    pub(crate) salts: (u32, u32),
    /// Page and frame, the last one of each page.
    pub(crate) last: BTreeMap<u32, u32>,
    /// Pages of the database after the last of these frames.
    pub(crate) pages_after: u32,
}

impl Images {
    /// Looks at the first `frames` frames.
    pub(crate) fn of(database: &Path, frames: u32) -> io::Result<Self> {
        let file = File::open(log_path(database))?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let (page_bytes, _) =
            begin(&header).ok_or_else(|| io::Error::other("the header of the log does not hold"))?;
        let mut images = Self {
            file,
            page_bytes,
            salts: (word(&header, 16), word(&header, 20)),
            last: BTreeMap::new(),
            pages_after: 0,
        };
        let mut frame = [0; FRAME_HEADER_BYTES];
        for number in 1..=frames {
            images.file.read_exact_at(&mut frame, images.offset(number))?;
            if (word(&frame, 8), word(&frame, 12)) != images.salts {
                return Err(io::Error::other(format!("frame {number} is of another log")));
            }
            images.last.insert(word(&frame, 0), number);
            images.pages_after = word(&frame, 4);
        }
        Ok(images)
    }

    /// Reads the page that a frame brings.
    pub(crate) fn read(&self, frame: u32, page: &mut Vec<u8>) -> io::Result<()> {
        page.resize(self.page_bytes, 0);
        self.file
            .read_exact_at(page, self.offset(frame) + FRAME_HEADER_BYTES as u64)
    }

    /// Has the log on disk when this returns.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn offset(&self, frame: u32) -> u64 {
        let frame_bytes = (FRAME_HEADER_BYTES + self.page_bytes) as u64;
        HEADER_BYTES as u64 + u64::from(frame - 1) * frame_bytes
    }
}

/// The running checksum of a log.
struct Chain {
    sums: (u32, u32),
    big_endian: bool,
}

impl Chain {
    fn add(&mut self, bytes: &[u8]) {
        let (mut first, mut second) = self.sums;
        for pair in bytes.chunks_exact(8) {
            let words = [
                [pair[0], pair[1], pair[2], pair[3]],
                [pair[4], pair[5], pair[6], pair[7]],
            ];
            let [one, two] = words.map(if self.big_endian {
                u32::from_be_bytes
            } else {
                u32::from_le_bytes
            });
            first = first.wrapping_add(one).wrapping_add(second);
            second = second.wrapping_add(two).wrapping_add(first);
        }
        self.sums = (first, second);
    }
}

/// The size of a page and the checksum after the header, where that holds.
fn begin(header: &[u8; HEADER_BYTES]) -> Option<(usize, Chain)> {
    let magic = word(header, 0);
    let page_bytes = word(header, 8);
    let mut chain = Chain {
        sums: (0, 0),
        big_endian: magic & 1 == 1,
    };
    chain.add(&header[..24]);
    let holds = magic & !1 == 0x377f_0682
        && page_bytes.is_power_of_two()
        && (512..=65_536).contains(&page_bytes)
        && chain.sums == (word(header, 24), word(header, 28));
    holds.then_some((page_bytes as usize, chain))
}

/// The big-endian number at `at`.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills the whole buffer; false where the file ends before.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
