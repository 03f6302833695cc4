//! Editing an event before it is sent.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitStatus;

use super::editor;
use ringtail_client::replay::Events;
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_model::EventRow;
use ringtail_model::UNDECODABLE;
use ringtail_recordings::edit::{Draft, parse, text};
use ringtail_store::History;
use ringtail_text::chain;
use ringtail_views::blocking;

/// Opens the one event in an editor, and stores the result as a new event. Returns `None` if nothing is to be sent.
///
/// After a change in the editor, every failure keeps the file and names it.
pub(crate) async fn edit(
    data: &Path,
    history: &History,
    events: &Events,
) -> Result<Option<EventRow>, Failure> {
    let Some(origin) = events.only() else {
        let text = format!("cannot edit {} events at once", events.len());
        return Err(Failure::new(&codes::USAGE, text).hint("give one event"));
    };
    let gone = || Failure::new(&codes::NO_DATA, "retention has just deleted the event");
    let origin = history.row(origin).await?.ok_or_else(gone)?;
    let stored = history.stored_request(origin.row).await?;
    let request = stored
        .filter(|_| origin.topic != UNDECODABLE)
        .map(|stored| stored.request);
    let request = request.ok_or_else(|| {
        let text = format!("event {} cannot be decoded", origin.id);
        Failure::new(&codes::NO_REPLAY, text)
    })?;
    let original = text(&request);
    let draft = Draft::create(data, origin.id, &original)
        .context("cannot create the file to edit in the data directory")?;
    let editor = editor::chosen();
    let failed = match open(&editor, &draft).await {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!(
            "the editor \"{editor}\" ended with {status}; nothing sent"
        )),
        Err(error) => Some(format!("cannot start the editor \"{editor}\": {error}")),
    };
    if let Some(failed) = failed {
        // Unchanged: nothing to keep.
        if draft.read().is_ok_and(|now| now == original) {
            draft.discard();
            return Err(
                Failure::new(&codes::EDITED, failed).hint("set VISUAL or EDITOR to your editor")
            );
        }
        return Err(kept(failed, &draft));
    }
    let edited = draft.read().map_err(|error| kept(error, &draft))?;
    let parsed = parse(&edited, &request.peer)
        .map_err(|error| kept(format!("cannot send the edited event: {error}"), &draft))?;
    let Some(parsed) = parsed.filter(|parsed| *parsed != request) else {
        draft.discard();
        return Ok(None);
    };
    let added = history.add_edited(origin.id, parsed).await;
    let added = added.map_err(|error| kept(chain(&error), &draft))?;
    let id = added.ok_or_else(|| {
        let gone = format!("retention has just deleted event {}", origin.id);
        kept(gone, &draft)
    })?;
    let event = history.row(id).await?.ok_or_else(gone)?;
    draft.discard();
    Ok(Some(event))
}

/// A failure that names the kept file.
fn kept(error: impl Display, draft: &Draft) -> Failure {
    let path = draft.path().display();
    Failure::new(&codes::EDITED, error).hint(format!("your text is in {path}"))
}

/// Runs the editor on this terminal.
async fn open(editor: &str, draft: &Draft) -> io::Result<ExitStatus> {
    let mut command = editor::command(editor);
    command.arg(draft.path());
    blocking(move || command.status()).await
}
