//! Bytes from a terminal as key presses, pastes and mouse reports.
//!
//! A terminal sends more than keys: replies to what other programs asked, reports, sequences that no program knows. Here
//! every control sequence is read to its end by the grammar of ECMA-48 and xterm, whole or split over reads, and what is
//! not known to be a key is dropped. No byte of it acts as a key.
//!
//! Time is the caller's: [`Parser::silence`] tells how long no byte came.

mod sequence;

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

/// How long after an ESC byte the rest of its sequence may come; without it, it was the key Esc.
const ESCAPE: Duration = Duration::from_millis(100);

/// How long a sequence or paste may pause, but for keys. After it, a single byte is a key again: the end was lost.
pub(crate) const STALL: Duration = Duration::from_secs(2);

/// Bytes of a sequence that are kept; longer ones are no key.
const MAX_SEQUENCE: usize = 64;

/// Bytes of a paste that are kept, far above what a prompt takes.
const MAX_PASTE: usize = 64 * 1024;

const ESC: u8 = 0x1b;

const ESC_KEY: Event = Event::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));

/// A parser of what a terminal sends.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    state: State,
    /// Whether Alt is held: an ESC came before the key's own bytes.
    alt: bool,
    /// Whether an ESC without a sequence was the last that came. Its sequence may come late.
    late: bool,
    /// Whether the sequence or paste paused for [`STALL`].
    stalled: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    /// An incomplete character.
    Char(Vec<u8>),
    /// ESC, or two of them: some terminals send Alt with an arrow so.
    Escape { twice: bool },
    /// `ESC [`, with parameters so far.
    Csi { text: Vec<u8>, eight_bits: bool },
    /// `ESC O`, with parameters so far.
    Ss3(Vec<u8>),
    /// Bytes that belong to the sequence that this one ended.
    After { last: u8, text: Vec<u8> },
    /// OSC, DCS, APC, PM or SOS: a string up to its terminator.
    Text {
        bell_ends: bool,
        empty: bool,
        /// Continuation bytes of a character that are due: they are no terminator.
        due: u8,
    },
    /// ESC in such a string: the terminator's first half, or the start of another sequence.
    TextEscape { empty: bool },
    Paste {
        text: Vec<u8>,
        end: &'static [u8],
        matched: usize,
    },
}

impl Parser {
    /// Handles the bytes of one read.
    pub(crate) fn read(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let before = events.len();
        // ESC may begin the end that is due.
        if std::mem::take(&mut self.stalled) && matches!(bytes, [byte] if *byte != ESC) {
            self.state = State::Ground;
        }
        if std::mem::take(&mut self.late) && is_rest(bytes) {
            self.state = State::Escape { twice: false };
        }
        for &byte in bytes {
            match self.byte(byte) {
                Step::Nothing => {}
                Step::Event(event) => events.push(event),
                // The start of this paste was lost, and what came with its end is its text.
                Step::EndOfPaste => {
                    let whole = events.iter().rposition(|it| matches!(it, Event::Paste(_)));
                    events.truncate(whole.map_or(before, |at| before.max(at + 1)));
                }
            }
        }
    }

    /// Returns how long to wait for the next byte before [`Parser::silence`].
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self.state {
            State::Ground | State::Char(_) => None,
            State::Escape { .. } | State::TextEscape { .. } => Some(ESCAPE),
            _ if self.stalled => None,
            _ => Some(STALL),
        }
    }

    /// Handles the end of [`Parser::wait`].
    pub(crate) fn silence(&mut self, events: &mut Vec<Event>) {
        let presses = match self.state {
            State::Escape { twice: true } => 2,
            // Esc and `P` look like the start of a string, and Esc leaves it.
            State::Escape { twice: false } | State::TextEscape { empty: true } => 1,
            State::TextEscape { empty: false } => 0,
            _ => {
                self.stalled = true;
                return;
            }
        };
        events.extend((0..presses).map(|_| ESC_KEY));
        self.state = State::Ground;
        self.late = true;
    }

    fn byte(&mut self, byte: u8) -> Step {
        match std::mem::take(&mut self.state) {
            State::Ground => {
                self.alt = false;
                self.ground(byte)
            }
            State::Char(text) => self.char(text, byte),
            State::Escape { twice } => self.escape(byte, twice),
            State::Csi { text, eight_bits } => self.csi(text, eight_bits, byte),
            State::Ss3(text) => self.ss3(text, byte),
            State::After { last, text } => self.after(last, text, byte),
            State::Text {
                bell_ends,
                empty,
                due,
            } => self.text(bell_ends, empty, due, byte),
            State::TextEscape { .. } if byte == b'\\' => Step::Nothing,
            State::TextEscape { .. } => self.escape(byte, false),
            State::Paste { text, end, matched } => self.paste(text, end, matched, byte),
        }
    }

    fn ground(&mut self, byte: u8) -> Step {
        match byte {
            ESC => self.to(State::Escape { twice: false }),
            0x00..=0x7f => self.complete(Some(Event::Key(sequence::ascii(byte)))),
            0x80..=0x9f => self.c1(byte),
            _ => self.char(Vec::new(), byte),
        }
    }

    /// Handles an 8-bit control: ESC and a letter in one byte.
    fn c1(&mut self, byte: u8) -> Step {
        self.alt = false;
        match byte - 0x40 {
            b'[' => self.to(State::Csi {
                text: Vec::new(),
                eight_bits: true,
            }),
            letter => {
                self.introduced(letter);
                Step::Nothing
            }
        }
    }

    fn char(&mut self, mut text: Vec<u8>, byte: u8) -> Step {
        if !text.is_empty() && !(0x80..=0xbf).contains(&byte) {
            // The rest of a character was lost.
            self.alt = false;
            return self.ground(byte);
        }
        text.push(byte);
        match std::str::from_utf8(&text) {
            Ok(whole) => match whole.chars().next() {
                Some(c @ '\u{80}'..='\u{9f}') => self.c1(u8::try_from(c).unwrap_or_default()),
                Some(c) => self.complete(Some(Event::Key(sequence::char(c)))),
                None => Step::Nothing,
            },
            Err(error) if error.error_len().is_none() => self.to(State::Char(text)),
            Err(_) => Step::Nothing,
        }
    }

    fn escape(&mut self, byte: u8, twice: bool) -> Step {
        self.alt = twice;
        match byte {
            ESC => {
                self.state = State::Escape { twice: true };
                if twice {
                    Step::Event(ESC_KEY)
                } else {
                    Step::Nothing
                }
            }
            b'[' => self.to(State::Csi {
                text: Vec::new(),
                eight_bits: false,
            }),
            // The end of a string whose start was lost.
            b'\\' => Step::Nothing,
            _ if self.introduced(byte) => Step::Nothing,
            // ECMA-48 has more sequences of two or three bytes, but no terminal sends them, and these bytes do come when
            // a key follows Esc over a slow connection. They are those of Alt and the key; `update` says what they mean.
            _ => {
                self.alt = true;
                self.ground(byte)
            }
        }
    }

    /// Starts what a letter after ESC introduces, and returns whether it introduces something.
    fn introduced(&mut self, letter: u8) -> bool {
        self.state = match letter {
            b'O' => State::Ss3(Vec::new()),
            b']' | b'P' | b'X' | b'^' | b'_' => State::Text {
                bell_ends: letter == b']',
                empty: true,
                due: 0,
            },
            _ => return false,
        };
        true
    }

    fn csi(&mut self, mut text: Vec<u8>, eight_bits: bool, byte: u8) -> Step {
        let end: &[u8] = if eight_bits {
            b"\x9b201~"
        } else {
            b"\x1b[201~"
        };
        match byte {
            ESC => self.to(State::Escape { twice: false }),
            0x20..=0x3f => {
                if text.len() < MAX_SEQUENCE {
                    text.push(byte);
                }
                self.to(State::Csi { text, eight_bits })
            }
            b'~' if text == b"200" => self.to(State::Paste {
                text: Vec::new(),
                end,
                matched: 0,
            }),
            b'~' if text == b"201" => Step::EndOfPaste,
            0x40..=0x7e if text.is_empty() && sequence::bytes_after(byte) > 0 => {
                self.to(State::After { last: byte, text })
            }
            0x40..=0x7e if text.len() < MAX_SEQUENCE => self.complete(sequence::csi(&text, byte)),
            // CAN, SUB and whatever does not belong here end it.
            _ => Step::Nothing,
        }
    }

    fn ss3(&mut self, mut text: Vec<u8>, byte: u8) -> Step {
        match byte {
            ESC => self.to(State::Escape { twice: false }),
            b'0'..=b'9' | b';' => {
                if text.len() < MAX_SEQUENCE {
                    text.push(byte);
                }
                self.to(State::Ss3(text))
            }
            _ => self.complete(sequence::ss3(&text, byte)),
        }
    }

    fn after(&mut self, last: u8, mut text: Vec<u8>, byte: u8) -> Step {
        text.push(byte);
        if text.len() < sequence::bytes_after(last) {
            return self.to(State::After { last, text });
        }
        self.complete(sequence::after(last, &text))
    }

    fn text(&mut self, bell_ends: bool, empty: bool, due: u8, byte: u8) -> Step {
        const ST: u8 = 0x9c;
        let due = match byte {
            ESC => return self.to(State::TextEscape { empty }),
            // CAN and SUB cancel it.
            0x18 | 0x1a => return Step::Nothing,
            0x07 if bell_ends => return Step::Nothing,
            // In UTF-8, the terminator is C2 9C, and 9C is part of many characters.
            ST if due == 0 => return Step::Nothing,
            0x80..=0xbf => due.saturating_sub(1),
            0xc3..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf4 => 3,
            _ => 0,
        };
        self.to(State::Text {
            bell_ends,
            empty: false,
            due,
        })
    }

    fn paste(&mut self, mut text: Vec<u8>, end: &'static [u8], matched: usize, byte: u8) -> Step {
        let mut push = |bytes: &[u8]| {
            let room = MAX_PASTE.saturating_sub(text.len());
            text.extend(bytes.iter().take(room));
        };
        let matched = if end.get(matched) == Some(&byte) {
            matched + 1
        } else {
            // Only its first byte can start the end.
            push(end.get(..matched).unwrap_or_default());
            if end.first() == Some(&byte) {
                1
            } else {
                push(&[byte]);
                0
            }
        };
        if matched == end.len() {
            let text = String::from_utf8_lossy(&text).into_owned();
            return Step::Event(Event::Paste(text));
        }
        self.to(State::Paste { text, end, matched })
    }

    fn complete(&self, event: Option<Event>) -> Step {
        match event {
            Some(Event::Key(mut key)) if self.alt => {
                key.modifiers |= KeyModifiers::ALT;
                Step::Event(Event::Key(key))
            }
            Some(event) => Step::Event(event),
            None => Step::Nothing,
        }
    }

    fn to(&mut self, state: State) -> Step {
        self.state = state;
        Step::Nothing
    }
}

/// What a byte completes.
enum Step {
    Nothing,
    Event(Event),
    /// The end of a paste that did not start.
    EndOfPaste,
}

/// Returns whether bytes are the late rest of a sequence whose ESC came alone. A single byte may be typed.
fn is_rest(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [b'[' | b']' | b'O' | b'P' | b'X' | b'^' | b'_', _, ..] | [b'\\']
    )
}

#[cfg(test)]
mod tests;
