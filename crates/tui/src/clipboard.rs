//! The clipboard: the system's own program, or else the terminal.

use std::io::{self, Write, stdout};
use std::process::{Command, Stdio};

use crossterm::clipboard::CopyToClipboard;
use crossterm::execute;

/// Copies a text.
///
/// Terminal.app and the old console of Windows ignore the sequence of other terminals, OSC 52. Over ssh the clipboard is that
/// of another machine, which only its terminal reaches.
///
/// # Errors
/// When the terminal cannot be written to.
pub(crate) fn copy(text: &[u8]) -> io::Result<()> {
    let is_remote = std::env::var_os("SSH_CONNECTION").is_some();
    match program(std::env::consts::OS, is_remote) {
        Some(program) if pipe(program, &encoded(program, text)).is_ok() => Ok(()),
        _ => execute!(stdout(), CopyToClipboard::to_clipboard_from(text)),
    }
}

/// Returns the program that sets the clipboard of a system that always has one.
fn program(system: &str, is_remote: bool) -> Option<&'static str> {
    match system {
        "macos" if !is_remote => Some("pbcopy"),
        "windows" if !is_remote => Some("clip.exe"),
        _ => None,
    }
}

/// Encodes a text as a program reads it: `clip.exe` takes UTF-16 with its mark, or else an old code page.
fn encoded(program: &str, text: &[u8]) -> Vec<u8> {
    match (program, std::str::from_utf8(text)) {
        ("clip.exe", Ok(text)) => {
            let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        }
        _ => text.to_owned(),
    }
}

fn pipe(program: &str, text: &[u8]) -> io::Result<()> {
    let mut command = Command::new(program);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    // Taken out of the child and dropped: the end of its input.
    let written = child.stdin.take().map(|mut input| input.write_all(text));
    let status = child.wait()?;
    written.transpose()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{program} ended with {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_mac_or_windows_has_a_program_for_it() {
        assert_eq!(program("macos", false), Some("pbcopy"));
        assert_eq!(program("windows", false), Some("clip.exe"));
        assert_eq!(program("linux", false), None);
        for system in ["macos", "windows", "linux"] {
            assert_eq!(program(system, true), None);
        }
    }

    #[test]
    fn windows_reads_a_text_as_utf_16() {
        assert_eq!(
            encoded("clip.exe", "ä€".as_bytes()),
            b"\xff\xfe\xe4\x00\xac\x20"
        );
        assert_eq!(encoded("clip.exe", b"\xff"), b"\xff");
        assert_eq!(encoded("pbcopy", "ä".as_bytes()), "ä".as_bytes());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_is_an_error() {
        assert!(pipe("cat", &[b'x'; 100_000]).is_ok());
        assert!(pipe("false", b"x").is_err());
        assert!(pipe("/nowhere/pbcopy", b"x").is_err());
    }
}
