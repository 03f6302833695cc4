//! What a complete sequence means: a key, a mouse report, or nothing.
//!
//! Sources: xterm's "Control Sequences", kitty's "Comprehensive keyboard handling in terminals", and console_codes(4).

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

/// Returns the key of an ASCII byte.
pub(super) fn ascii(byte: u8) -> KeyEvent {
    let letter = match byte {
        b'\r' => return KeyCode::Enter.into(),
        b'\t' => return KeyCode::Tab.into(),
        0x7f => return KeyCode::Backspace.into(),
        0x00 => b' ',
        0x01..=0x1a => byte - 1 + b'a',
        0x1b..=0x1f => byte - 0x1c + b'4',
        _ => return char(char::from(byte)),
    };
    KeyEvent::new(KeyCode::Char(char::from(letter)), KeyModifiers::CONTROL)
}

/// Returns the key of a character.
pub(super) fn char(c: char) -> KeyEvent {
    let shift = match c.is_uppercase() {
        true => KeyModifiers::SHIFT,
        false => KeyModifiers::NONE,
    };
    KeyEvent::new(KeyCode::Char(c), shift)
}

/// Returns how many bytes follow a control sequence without parameters, by its last byte.
///
/// The Linux console sends F1 as `CSI [ A`; the others are mouse reports whose coordinates may be any byte.
pub(super) fn bytes_after(last: u8) -> usize {
    match last {
        b'[' => 1,
        b't' => 2,
        b'M' => 3,
        b'T' => 6,
        _ => 0,
    }
}

/// Returns what a sequence with bytes after it means.
pub(super) fn after(last: u8, bytes: &[u8]) -> Option<Event> {
    match (last, bytes) {
        (b'[', [letter @ b'A'..=b'E']) => key(KeyCode::F(letter - b'A' + 1)),
        (b'M', [button, column, line]) => {
            let bytes = [button, column, line].map(|byte| byte.checked_sub(32).map(u32::from));
            let [Some(button), Some(column), Some(line)] = bytes else {
                return None;
            };
            mouse(button, column, line, false)
        }
        _ => None,
    }
}

/// Returns what a control sequence means.
pub(super) fn csi(text: &[u8], last: u8) -> Option<Event> {
    if let [b'<', report @ ..] = text {
        let [button, column, line] = numbers(report)?[..] else {
            return None;
        };
        return match last {
            b'M' => mouse(button, column, line, false),
            b'm' => mouse(button, column, line, true),
            _ => None,
        };
    }
    // Replies have a prefix, or intermediate bytes: `CSI ? 1 ; 2 c`, `CSI 0 $ y`.
    let params = Params::parse(text)?;
    match last {
        b'~' => match params.numbers[..] {
            // xterm's `modifyOtherKeys`.
            [27, _, code] => params.key(coded(code)?),
            [number] | [number, _] => params.key(numbered(number)?),
            _ => None,
        },
        b'u' => match params.numbers[..] {
            [code] | [code, _] | [code, _, _] => params.key(coded(code)?),
            _ => None,
        },
        b'M' => match params.numbers[..] {
            [button, column, line] => mouse(button.checked_sub(32)?, column, line, false),
            _ => None,
        },
        // `CSI 1 ; 5 R` reports the cursor's place, and F3 with Ctrl is no more than that.
        b'R' => None,
        _ => match params.numbers[..] {
            [] | [1] | [1, _] => params.key(lettered(last)?),
            _ => None,
        },
    }
}

/// Returns what a sequence after `ESC O` means.
pub(super) fn ss3(text: &[u8], last: u8) -> Option<Event> {
    let params = Params::parse(text)?;
    let code = match last {
        b'M' => KeyCode::Enter,
        b'R' => KeyCode::F(3),
        _ => lettered(last)?,
    };
    match params.numbers[..] {
        [] | [1, _] => params.key(code),
        // Old xterms leave out the 1.
        [modifiers] => Params {
            modifiers,
            ..params
        }
        .key(code),
        _ => None,
    }
}

struct Params {
    numbers: Vec<u32>,
    /// 1 and a sum of 1 for Shift, 2 for Alt, 4 for Ctrl and so on.
    modifiers: u32,
    kind: KeyEventKind,
}

impl Params {
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        // Kitty adds other layouts' characters, and text, which is the key's again.
        let main = text.splitn(3, ';').map(|param| param.split(':').next());
        let numbers = match text {
            "" => Vec::new(),
            text if text.contains(':') => numbers_of(main.flatten())?,
            text => numbers(text.as_bytes())?,
        };
        let kind = text.split(';').nth(1).and_then(|p| p.split(':').nth(1));
        let kind = match kind {
            None | Some("1") => KeyEventKind::Press,
            Some("2") => KeyEventKind::Repeat,
            Some(_) => KeyEventKind::Release,
        };
        Some(Self {
            modifiers: numbers.get(1).copied().unwrap_or(1),
            numbers,
            kind,
        })
    }

    fn key(&self, code: KeyCode) -> Option<Event> {
        let mask = self.modifiers.checked_sub(1)?;
        let mut modifiers = KeyModifiers::NONE;
        for (bit, modifier) in [
            (1, KeyModifiers::SHIFT),
            (2, KeyModifiers::ALT),
            (4, KeyModifiers::CONTROL),
            (8, KeyModifiers::SUPER),
            (16, KeyModifiers::HYPER),
            (32, KeyModifiers::META),
        ] {
            if mask & bit != 0 {
                modifiers |= modifier;
            }
        }
        let code = match code {
            KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::SHIFT) => {
                KeyCode::Char(c.to_ascii_uppercase())
            }
            code => code,
        };
        let key = KeyEvent::new_with_kind(code, modifiers, self.kind);
        Some(Event::Key(key))
    }
}

fn numbers(text: &[u8]) -> Option<Vec<u32>> {
    numbers_of(std::str::from_utf8(text).ok()?.split(';'))
}

fn numbers_of<'a>(params: impl Iterator<Item = &'a str>) -> Option<Vec<u32>> {
    params
        .map(|param| match param {
            "" => Some(1),
            // `parse` takes a sign.
            text if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        })
        .collect()
}

fn key(code: KeyCode) -> Option<Event> {
    Some(Event::Key(code.into()))
}

fn lettered(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P' => KeyCode::F(1),
        b'Q' => KeyCode::F(2),
        b'S' => KeyCode::F(4),
        b'Z' => KeyCode::BackTab,
        _ => return None,
    })
}

fn numbered(number: u32) -> Option<KeyCode> {
    let f = |number: u32| u8::try_from(number).ok().map(KeyCode::F);
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => f(number - 10),
        17..=21 => f(number - 11),
        23..=26 => f(number - 12),
        28 | 29 => f(number - 13),
        31..=34 => f(number - 14),
        _ => None,
    }
}

/// Returns the key with a code point. Kitty's own keys are in the private area.
fn coded(code: u32) -> Option<KeyCode> {
    match code {
        27 => Some(KeyCode::Esc),
        13 | 57414 => Some(KeyCode::Enter),
        9 => Some(KeyCode::Tab),
        8 | 127 => Some(KeyCode::Backspace),
        0..=31 | 0x80..=0x9f | 0xe000..=0xf8ff => None,
        code => char::from_u32(code).map(KeyCode::Char),
    }
}

/// Returns a mouse report; columns and lines begin at 1.
fn mouse(button: u32, column: u32, line: u32, released: bool) -> Option<Event> {
    let which = match button & 3 {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        _ => MouseButton::Right,
    };
    let (moved, wheel) = (button & 32 != 0, button & 64 != 0);
    let kind = match (wheel, button & 3) {
        (true, 0) => MouseEventKind::ScrollUp,
        (true, 1) => MouseEventKind::ScrollDown,
        (true, 2) => MouseEventKind::ScrollLeft,
        (true, _) => MouseEventKind::ScrollRight,
        (false, 3) if moved => MouseEventKind::Moved,
        (false, 3) => MouseEventKind::Up(MouseButton::Left),
        (false, _) if moved => MouseEventKind::Drag(which),
        (false, _) if released => MouseEventKind::Up(which),
        (false, _) => MouseEventKind::Down(which),
    };
    // Buttons 8 to 11, and what no terminal sends.
    if button >= 128 {
        return None;
    }
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (4, KeyModifiers::SHIFT),
        (8, KeyModifiers::ALT),
        (16, KeyModifiers::CONTROL),
    ] {
        if button & bit != 0 {
            modifiers |= modifier;
        }
    }
    Some(Event::Mouse(MouseEvent {
        kind,
        column: u16::try_from(column.checked_sub(1)?).ok()?,
        row: u16::try_from(line.checked_sub(1)?).ok()?,
        modifiers,
    }))
}
