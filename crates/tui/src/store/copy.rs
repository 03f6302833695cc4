//! Copies events to the clipboard or into a file.

use std::io::{self, Write};
use std::path::PathBuf;

use ringtail_client::engine::command_target;
use ringtail_client::forward::Sender;
use ringtail_model::EventDetail;
use ringtail_protocol::event::EventId;
use ringtail_recordings::export::{curl, httpie, raw};
use ringtail_text::{chain, size};
use ringtail_views::json;

use super::StoreSource;
use crate::effect::CopyFormat;
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
                Ok(Some(event)) => match self.formatted(&event, format) {
                    Ok(one) => text.extend(one),
                    Err(why) => return Msg::Done(Err(why)),
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
        let written = tokio::task::spawn_blocking(move || write(&name, &text)).await;
        let written = written.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        Msg::Done(match written {
            Ok((path, len)) => Ok(format!("{} written to {}", size(len), path.display())),
            Err(error) => Err(format!("cannot write the file: {error}")),
        })
    }

    fn formatted(&self, event: &EventDetail, format: CopyFormat) -> Result<Vec<u8>, String> {
        let endpoint = &event.event.endpoint;
        let target = self.store.sender(endpoint).map(Sender::target);
        let target = command_target(&self.store.data, target, endpoint);
        let command = match format {
            CopyFormat::Curl => curl(event, &target),
            CopyFormat::Httpie => httpie(event, &target),
            CopyFormat::Raw => return Ok(raw(event)),
            CopyFormat::Json => return Ok(json::bytes(&json::event_with_attempts(event))),
        };
        let command = command.map_err(|error| chain(&error))?;
        Ok(command.into_bytes())
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
