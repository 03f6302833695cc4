//! The write-ahead log's file, as far as it takes to see whether SQLite would read all of it.
//!
//! SQLite reads frames up to the first whose checksum is wrong, and takes the rest for a transaction that a crash cut
//! off. That is right for the last transaction alone: with `synchronous = FULL` each one is on disk before the next
//! begins. So two or more ends of transactions behind the first bad frame mean that what was acknowledged is damaged.
//! The format is <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// First four bytes when checksums are of little-endian words; one more says big-endian.
const MAGIC: u32 = 0x377f_0682;

/// What is in a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// Whether there is nothing in it, as an orderly end leaves it.
    pub(super) is_empty: bool,
    /// Ends of transactions that SQLite would pass over.
    pub(super) beyond: u64,
}

/// Reads a log. One that is not there is empty; what the system does not let read is SQLite's to complain about.
pub(super) fn read(path: &Path) -> Log {
    let empty = Log {
        is_empty: true,
        beyond: 0,
    };
    let Ok(file) = File::open(path) else {
        return empty;
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER_BYTES];
    if file.read_exact(&mut header).is_err() {
        return empty;
    }
    Log {
        is_empty: false,
        beyond: beyond(&header, file),
    }
}

fn beyond(header: &[u8; HEADER_BYTES], mut frames: impl Read) -> u64 {
    let big_endian = word(header, 0) == MAGIC + 1;
    let (fields, sum) = header.split_at(HEADER_BYTES - 8);
    let mut sums = checksum((0, 0), fields, big_endian);
    let mut readable = word(header, 0) & !1 == MAGIC && sums == (word(sum, 0), word(sum, 4));
    let page = page_size(word(header, 8));
    let mut salts = (word(header, 16), word(header, 20));
    let mut frame = vec![0; FRAME_HEADER_BYTES + page];
    let mut ends = 0;
    let mut first = true;
    while frames.read_exact(&mut frame).is_ok() {
        let of = (word(&frame, 8), word(&frame, 12));
        if first && !readable {
            // The head is what is damaged: the frames still say to which log they belong.
            salts = of;
        }
        first = false;
        let ours = of == salts;
        if readable {
            let (fields, page) = frame.split_at(FRAME_HEADER_BYTES);
            sums = checksum(sums, fields.split_at(8).0, big_endian);
            sums = checksum(sums, page, big_endian);
            readable = ours && sums == (word(&frame, 16), word(&frame, 20));
        }
        // A frame that ends a transaction says how many pages the database has then; frames of an older log, which the
        // file may still have behind this one's, have other salts.
        if !readable && ours && word(&frame, 4) != 0 {
            ends += 1;
        }
    }
    ends
}

/// A size that cannot be is taken for the usual one, which all databases of a relay have.
fn page_size(found: u32) -> usize {
    match usize::try_from(found) {
        Ok(size) if size.is_power_of_two() && (512..=65_536).contains(&size) => size,
        _ => 4096,
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    u32::from_be_bytes(word.unwrap_or_default())
}

fn checksum((mut one, mut two): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let (pairs, _) = bytes.as_chunks::<8>();
    for [a, b, c, d, e, f, g, h] in pairs {
        let (first, second) = ([*a, *b, *c, *d], [*e, *f, *g, *h]);
        let (first, second) = if big_endian {
            (u32::from_be_bytes(first), u32::from_be_bytes(second))
        } else {
            (u32::from_le_bytes(first), u32::from_le_bytes(second))
        };
        one = one.wrapping_add(first).wrapping_add(two);
        two = two.wrapping_add(second).wrapping_add(one);
    }
    (one, two)
}
