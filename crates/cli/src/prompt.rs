//! Reads tokens and other secrets: without echo from a terminal, else from stdin.

use std::io::{self, IsTerminal, Read, Write};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal;
use ringtail_tui::keys::{Read as Key, Tty};
use secrecy::SecretString;

/// Bytes of stdin that are read, at most.
const MAX_BYTES: u64 = 16 * 1024;

/// Characters of a secret that is typed or pasted, at most.
const MAX_CHARS: usize = 8192;

/// Reads a token. Blocks.
///
/// # Errors
/// When stdin cannot be read, or on Ctrl-C.
pub(crate) fn token(of: &str) -> io::Result<SecretString> {
    let label = format!("Token for {of}");
    Ok(secrets(&[&label])?.pop().unwrap_or_default())
}

/// Reads a secret for each label, a line each; fewer if stdin has fewer. Blocks.
///
/// # Errors
/// When stdin cannot be read, or on Ctrl-C.
pub(crate) fn secrets(labels: &[&str]) -> io::Result<Vec<SecretString>> {
    if io::stdin().is_terminal() {
        labels.iter().map(|label| ask(label)).collect()
    } else {
        lines(io::stdin().lock(), labels.len())
    }
}

/// Reads the first lines of a pipe or file.
fn lines(input: impl Read, count: usize) -> io::Result<Vec<SecretString>> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    let is_cut = bytes.len() as u64 > MAX_BYTES;
    let text = ringtail_text::decode(bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is not text"))?;
    if is_cut && text.matches('\n').count() < count {
        return Err(too_long());
    }
    Ok(text.lines().take(count).map(SecretString::from).collect())
}

fn too_long() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "it is longer than any token or secret",
    )
}

fn ask(label: &str) -> io::Result<SecretString> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{label}: ")?;
    terminal.flush()?;
    let raw = Raw::enter()?;
    let read = keys();
    drop(raw);
    writeln!(terminal)?;
    read
}

fn keys() -> io::Result<SecretString> {
    let (mut text, mut is_cut) = (String::new(), false);
    let mut tty = Tty::open()?;
    loop {
        let key = match tty.read(Duration::from_secs(60))? {
            Key::Event(Event::Key(key)) if key.kind == KeyEventKind::Press => key,
            Key::Event(_) | Key::Nothing => continue,
            Key::End => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        let KeyEvent {
            code, modifiers, ..
        } = key;
        let control = modifiers.contains(KeyModifiers::CONTROL);
        match code {
            // Not before: the shell would get the rest of what is pasted.
            KeyCode::Enter if is_cut => return Err(too_long()),
            KeyCode::Enter => return Ok(text.into()),
            KeyCode::Char('c' | 'd') if control => {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "cancelled"));
            }
            KeyCode::Char('u') if control => (text, is_cut) = (String::new(), false),
            KeyCode::Char(_) if !control && text.len() >= MAX_CHARS => is_cut = true,
            KeyCode::Char(c) if !control => text.push(c),
            KeyCode::Backspace => {
                text.pop();
            }
            _ => {}
        }
    }
}

/// Turns off the terminal's echo until dropped.
struct Raw;

impl Raw {
    fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        drop(terminal::disable_raw_mode());
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_first_line_of_stdin_is_the_token() {
        for (input, token) in [
            ("abc\n", "abc"),
            ("abc\r\nmore\n", "abc"),
            ("abc", "abc"),
            ("", ""),
            ("\u{feff}abc\r\n", "abc"),
        ] {
            let line = lines(input.as_bytes(), 1).unwrap().pop();
            assert_eq!(line.unwrap_or_default().expose_secret(), token);
        }
    }

    #[test]
    fn endless_input_is_an_error() {
        assert!(lines(io::repeat(b'x'), 1).is_err());
        let first = lines(b"abc\n".chain(io::repeat(b'x')), 1).unwrap();
        assert_eq!(first[0].expose_secret(), "abc");
    }
}
