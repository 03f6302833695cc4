//! Takes events away: to the terminal's clipboard, or into a file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use ringtail_protocol::event::EventId;

use super::words;
use crate::format::size;
use crate::msg::Msg;
use crate::source::{Form, Sight, Source};
use crate::terminal::Host;

/// Most bytes for the clipboard: xterm, and tmux by default, take no more.
const MAX_CLIP: usize = 74_000;

/// Longest text that is told when it was copied.
const MAX_TOLD: usize = 120;

/// Most bytes of a file that is made from the screen.
const MAX_FILE: usize = 64 * 1024 * 1024;

/// Puts a text on the terminal's clipboard, and tells how that went.
pub(super) fn clip(host: &mut impl Host, text: &[u8]) -> io::Result<Result<String, String>> {
    if text.len() > MAX_CLIP {
        let size = size(text.len() as u64);
        return Ok(Err(format!(
            "{size} are too much for a terminal's clipboard: the capital letter makes a file"
        )));
    }
    host.clip(text)?;
    // A terminal does not answer whether it took it.
    let shown = match std::str::from_utf8(text) {
        Ok(text) if text.len() <= MAX_TOLD && !text.contains('\n') => text.to_owned(),
        _ => size(text.len() as u64),
    };
    Ok(Ok(format!("{shown} sent to the terminal's clipboard")))
}

/// Makes the text of events, for the clipboard or into a file.
pub(super) async fn take(
    source: &impl Source,
    ids: Vec<EventId>,
    form: Form,
    sight: Sight,
    file: Option<String>,
) -> Msg {
    let limit = file.as_ref().map_or(MAX_CLIP + 1, |_| MAX_FILE);
    let mut text = Vec::new();
    for id in ids {
        match source.taken(id, form, sight).await {
            Ok(Some(one)) => text.extend(one),
            Ok(None) => {}
            Err(error) => return Msg::Taken(Err(words(&error))),
        }
        if text.len() > limit {
            break;
        }
    }
    if text.is_empty() {
        return Msg::Taken(Err("the history no longer has it".to_owned()));
    }
    let Some(name) = file else {
        return Msg::Clip(text);
    };
    if text.len() > MAX_FILE {
        let command = "`ringtail export` writes any number of events";
        return Msg::Taken(Err(format!("over {}: {command}", size(MAX_FILE as u64))));
    }
    let written = tokio::task::spawn_blocking(move || write(&name, &text)).await;
    let written = written.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    Msg::Taken(match written {
        Ok((path, len)) => Ok(format!("{} written to {}", size(len), path.display())),
        Err(error) => Err(format!("the file cannot be written: {error}")),
    })
}

/// Makes a file that is its owner's alone, under a name that is free.
fn write(name: &str, text: &[u8]) -> io::Result<(PathBuf, u64)> {
    let folder = std::env::current_dir()?;
    let (stem, extension) = name.split_once('.').unwrap_or((name, "txt"));
    let mut tries = 1;
    loop {
        let name = match tries {
            1 => format!("{stem}.{extension}"),
            _ => format!("{stem}-{tries}.{extension}"),
        };
        let path = folder.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(mut file) => {
                file.write_all(text)?;
                return Ok((path, text.len() as u64));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 1000 => {
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
