//! Editing an event before it is sent.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};

use crate::blocking::blocking;
use ringtail_client::replay::Events;
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_model::EventRow;
use ringtail_model::UNDECODABLE;
use ringtail_recordings::edit::{Draft, parse, text};
use ringtail_store::History;
use ringtail_text::chain;

/// What edits when neither variable says it.
const DEFAULT: &str = if cfg!(windows) { "notepad" } else { "vi" };

/// Has the one event edited, and stores what comes of it as a new event. `None` when nothing is to be sent.
///
/// Once something was written in the editor, every failure names the file, which is kept.
pub(crate) async fn edit(
    data: &Path,
    history: &History,
    events: &Events,
) -> Result<Option<EventRow>, Failure> {
    let Some(origin) = events.only() else {
        let text = format!("{} events cannot be edited at once", events.len());
        return Err(Failure::new(&codes::USAGE, text).hint("name one event"));
    };
    let gone = || Failure::new(&codes::NO_DATA, "the event has just been removed by age");
    let origin = history.row(origin).await?.ok_or_else(gone)?;
    let stored = history.stored_request(origin.row).await?;
    let request = stored
        .filter(|_| origin.topic != UNDECODABLE)
        .map(|stored| stored.request);
    let request = request.ok_or_else(|| {
        let text = format!("event {} cannot be read", origin.id);
        Failure::new(&codes::NO_REPLAY, text)
    })?;
    let original = text(&request);
    let draft = Draft::create(data, origin.id, &original)
        .context("the file to edit cannot be made in the data directory")?;
    let editor = editor();
    let failed = match open(&editor, &draft).await {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!(
            "the editor {editor:?} ended with {status}; nothing is sent"
        )),
        Err(error) => Some(format!("the editor {editor:?} cannot be started: {error}")),
    };
    if let Some(failed) = failed {
        // A file that nobody wrote to is not worth keeping.
        if draft.read().is_ok_and(|now| now == original) {
            draft.discard();
            return Err(Failure::new(&codes::EDITED, failed)
                .hint("VISUAL or EDITOR names the command that edits"));
        }
        return Err(kept(failed, &draft));
    }
    let edited = draft.read().map_err(|error| kept(error, &draft))?;
    let parsed = parse(&edited, &request.peer)
        .map_err(|error| kept(format!("the edited event cannot be sent: {error}"), &draft))?;
    let Some(parsed) = parsed.filter(|parsed| *parsed != request) else {
        draft.discard();
        return Ok(None);
    };
    let added = history.add_edited(origin.id, parsed).await;
    let added = added.map_err(|error| kept(chain(&error), &draft))?;
    let id = added.ok_or_else(|| {
        let gone = format!("event {} has just been removed by age", origin.id);
        kept(gone, &draft)
    })?;
    let event = history.row(id).await?.ok_or_else(gone)?;
    draft.discard();
    Ok(Some(event))
}

/// Says where what was written is.
fn kept(error: impl Display, draft: &Draft) -> Failure {
    let path = draft.path().display();
    Failure::new(&codes::EDITED, error).hint(format!("what you wrote is in {path}"))
}

/// Returns the command that edits.
fn editor() -> String {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
    };
    let editor = variable("VISUAL").or_else(|| variable("EDITOR"));
    editor.unwrap_or_else(|| DEFAULT.to_owned())
}

/// Runs the editor with this process's terminal.
async fn open(editor: &str, draft: &Draft) -> io::Result<ExitStatus> {
    let mut command = command(editor);
    command.arg(draft.path());
    blocking(move || command.status()).await
}

/// An editor may come with arguments: `code --wait`. The shell reads them, as for other programs that ask for one.
fn command(editor: &str) -> Command {
    if cfg!(windows) {
        let mut words = editor.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or(DEFAULT));
        command.args(words);
        return command;
    }
    let mut command = Command::new("sh");
    // Ctrl-C is the editor's affair: the shell around it lives on and tells how it ended.
    command.args(["-c", &format!("trap : INT; {editor} \"$@\""), "sh"]);
    command
}
