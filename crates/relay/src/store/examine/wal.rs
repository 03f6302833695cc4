//! The write-ahead log's frames that SQLite ignores.
//!
//! SQLite reads frames up to the first whose checksum is wrong, and takes the rest for a transaction that a crash cut
//! off. With `synchronous = FULL`, each transaction is on disk before the next begins, so two or more ends of
//! transactions behind that frame mean that acknowledged events are damaged.
//! The format is <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

/// Two numbers that all frames of one log share. After a checkpoint the file begins again with others.
type Salts = (u32, u32);

/// Returns how many transactions end behind the `readable` frames. The caller's SQLite reports a missing or unreadable
/// file.
pub(super) fn transactions_behind(log: &Path, readable: u64, page_bytes: usize) -> u64 {
    let Ok(file) = File::open(log) else {
        return 0;
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; 32];
    if file.read_exact(&mut header).is_err() {
        return 0;
    }
    let mut salts: Salts = (word(&header, 16), word(&header, 20));
    let mut frame = vec![0; 24 + page_bytes];
    let (mut number, mut transactions) = (0, 0);
    while file.read_exact(&mut frame).is_ok() {
        let of: Salts = (word(&frame, 8), word(&frame, 12));
        // If the header is damaged, the frames have other salts. So do those of the previous log, right after the file
        // began again, but the first salt then counts on from theirs.
        if number == 0 && readable == 0 && of.0.wrapping_add(1) != salts.0 {
            salts = of;
        }
        number += 1;
        let ends_transaction = word(&frame, 4) != 0;
        if number > readable && of == salts && ends_transaction {
            transactions += 1;
        }
    }
    transactions
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    u32::from_be_bytes(word.unwrap_or_default())
}
