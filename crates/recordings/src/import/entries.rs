//! Finds the entries of an archive, one at a time, so that one that is not JSON does not end the import.

use std::io::{self, BufRead};

use super::LINE_MAX;

/// Longest name that is read.
const NAME_MAX: usize = 16;

/// What [`Entries::next`] found.
#[derive(Debug)]
pub(super) enum Found {
    /// The bytes of an entry, which need not be JSON.
    Entry(Vec<u8>),
    /// The end, and what is wrong with the archive.
    End(Option<&'static str>),
}

/// The elements of `log.entries` in a stream.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Open objects and arrays.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The last string, and the name before the last colon.
    string: Vec<u8>,
    name: Vec<u8>,
    in_log: bool,
    in_entries: bool,
    had_entries: bool,
    has_stray: bool,
    entry: Vec<u8>,
}

impl Entries {
    /// Reads up to the end of the next entry.
    pub(super) fn next(&mut self, input: &mut impl BufRead) -> io::Result<Found> {
        loop {
            let chunk = input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(Found::End(self.fault()));
            }
            let mut read = 0;
            let mut ended = false;
            for byte in chunk {
                read += 1;
                ended = self.step(*byte) && !self.entry.trim_ascii().is_empty();
                if ended {
                    break;
                }
            }
            input.consume(read);
            if ended {
                return Ok(Found::Entry(std::mem::take(&mut self.entry)));
            }
            if u64::try_from(self.entry.len()).unwrap_or(u64::MAX) > LINE_MAX {
                return Ok(Found::End(Some("an entry is too large")));
            }
        }
    }

    fn fault(&self) -> Option<&'static str> {
        if self.depth > 0 || self.in_string {
            Some("it breaks off")
        } else if !self.had_entries {
            Some("it has no log.entries")
        } else {
            self.has_stray.then_some("something else follows it")
        }
    }

    /// Takes a byte; returns true at the end of an element.
    fn step(&mut self, byte: u8) -> bool {
        let is_inside = self.in_entries && self.depth >= 3;
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ if self.string.len() < NAME_MAX => self.string.push(byte),
                _ => {}
            }
        } else {
            match byte {
                b'"' => {
                    self.in_string = true;
                    self.string.clear();
                }
                b':' if self.depth < 3 => self.name = std::mem::take(&mut self.string),
                b',' if is_inside && self.depth == 3 => return true,
                b']' if is_inside && self.depth == 3 => {
                    self.in_entries = false;
                    self.depth = 2;
                    return true;
                }
                b'{' | b'[' => self.open(byte),
                // One too many within an entry does not end the entries.
                b'}' | b']' if is_inside && self.depth == 3 => {}
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.in_log &= self.depth >= 2;
                }
                _ => self.has_stray |= self.depth == 0 && !byte.is_ascii_whitespace(),
            }
        }
        if is_inside {
            self.entry.push(byte);
        }
        false
    }

    fn open(&mut self, byte: u8) {
        match self.depth {
            1 => self.in_log = byte == b'{' && self.name == b"log",
            2 if self.in_log && byte == b'[' && self.name == b"entries" => {
                self.in_entries = true;
                self.had_entries = true;
            }
            _ => {}
        }
        self.depth += 1;
    }
}
