//! Copies events to the clipboard or into a file.

use std::io::{self, Write};
use std::path::PathBuf;

use ringtail_protocol::event::EventId;
use ringtail_text::{chain, size};
use ringtail_views::blocking;
use ringtail_views::copy::CopyFormat;

use super::StoreSource;
use crate::msg::Msg;
use crate::terminal::MAX_CLIP;

/// Most bytes of a file written by the screen.
const MAX_FILE: usize = 64 * 1024 * 1024;

impl StoreSource {
    pub(super) async fn copy(
        &self,
        ids: Vec<EventId>,
        format: CopyFormat,
        file: Option<String>,
        masked: bool,
    ) -> Msg {
        let limit = file.as_ref().map_or(MAX_CLIP + 1, |_| MAX_FILE);
        let mut text = Vec::new();
        for id in ids {
            match self.store.event(id, false, masked).await {
                Ok(Some(event)) => match self.store.formatted(&event, format) {
                    Ok(one) => text.extend(one),
                    Err(error) => return Msg::Done(Err(chain(&error))),
                },
                Ok(None) => {}
                Err(error) => return Msg::Done(Err(chain(&error))),
            }
            if text.len() > limit {
                break;
            }
        }
        if text.is_empty() {
            return Msg::Done(Err("the history no longer has it".to_owned()));
        }
        let Some(name) = file else {
            return Msg::Clip(text);
        };
        if text.len() > MAX_FILE {
            let command = "`ringtail export` writes any number of events";
            return Msg::Done(Err(format!("over {}: {command}", size(MAX_FILE as u64))));
        }
        Msg::Done(match blocking(move || write(&name, &text)).await {
            Ok((path, len)) => Ok(format!("{} written to {}", size(len), path.display())),
            Err(error) => Err(format!("cannot write the file: {error}")),
        })
    }
}

/// Creates a private file under a free name in the current directory.
fn write(name: &str, text: &[u8]) -> io::Result<(PathBuf, u64)> {
    let dir = std::env::current_dir()?;
    let (stem, extension) = name.split_once('.').unwrap_or((name, "txt"));
    let mut tries = 1;
    loop {
        let name = match tries {
            1 => format!("{stem}.{extension}"),
            _ => format!("{stem}-{tries}.{extension}"),
        };
        let path = dir.join(name);
        match ringtail_files::create_private(&path) {
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
