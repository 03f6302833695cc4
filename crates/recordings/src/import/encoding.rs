//! The encoding of a recording: UTF-8, with or without a byte order mark, or UTF-16, as PowerShell writes it.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes read at once.
const CHUNK: u64 = 16 * 1024;

/// Returns the recording as UTF-8 without a byte order mark. `start` is what was read of it.
pub(super) fn decoded<'a>(start: &[u8], input: impl BufRead + 'a) -> Box<dyn BufRead + 'a> {
    let (skip, big_endian) = match start {
        [0xef, 0xbb, 0xbf, ..] => (3, None),
        [0xff, 0xfe, ..] => (2, Some(false)),
        [0xfe, 0xff, ..] => (2, Some(true)),
        // JSON begins with ASCII.
        [first, 0, ..] if *first != 0 => (0, Some(false)),
        [0, first, ..] if *first != 0 => (0, Some(true)),
        _ => (0, None),
    };
    let input = io::Cursor::new(start.get(skip..).unwrap_or_default().to_vec()).chain(input);
    match big_endian {
        None => Box::new(input),
        Some(big_endian) => Box::new(BufReader::new(Utf16 {
            input,
            big_endian,
            odd: Vec::new(),
            out: io::Cursor::default(),
        })),
    }
}

/// Reads UTF-16 as UTF-8.
struct Utf16<R> {
    input: R,
    big_endian: bool,
    /// Bytes of an incomplete character.
    odd: Vec<u8>,
    out: io::Cursor<Vec<u8>>,
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.out.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let mut bytes = std::mem::take(&mut self.odd);
            let new = self.input.by_ref().take(CHUNK).read_to_end(&mut bytes)?;
            if new == 0 && bytes.is_empty() {
                return Ok(0);
            }
            self.out = io::Cursor::new(self.decode(&bytes, new == 0)?.into_bytes());
        }
    }
}

impl<R> Utf16<R> {
    fn decode(&mut self, bytes: &[u8], is_end: bool) -> io::Result<String> {
        let unit = |pair: &[u8]| match (pair, self.big_endian) {
            ([high, low], true) | ([low, high], false) => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
        let mut whole = bytes.len() / 2 * 2;
        let last = bytes.get(whole.saturating_sub(2)..whole).map(unit);
        // The other half of the pair comes with the next bytes.
        if !is_end && last.is_some_and(|last| (0xd800..0xdc00).contains(&last)) {
            whole -= 2;
        }
        self.odd = bytes.get(whole..).unwrap_or_default().to_vec();
        let units = bytes
            .get(..whole)
            .unwrap_or_default()
            .chunks_exact(2)
            .map(unit);
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.ok()
            .filter(|_| !is_end || self.odd.is_empty())
            .ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-16 throughout")
            })
    }
}
