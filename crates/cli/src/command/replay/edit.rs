//! Editing an event before it is sent.

use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, anyhow};
use ringtail_client::replay::Events;
use ringtail_model::EventRow;
use ringtail_model::UNDECODABLE;
use ringtail_recordings::edit::{Draft, parse, text};
use ringtail_ringcentral::errors::own;
use ringtail_store::History;

use crate::exit::{Exit, Failure};

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
        let failure = anyhow!("{} events cannot be edited at once", events.len());
        return Err(Failure::new(Exit::Usage, failure).hint("name one event"));
    };
    let origin = history.row(origin).await.map_err(anyhow::Error::from)?;
    let origin = origin.context("the event has just been removed by age")?;
    let stored = history
        .stored_request(origin.row)
        .await
        .map_err(anyhow::Error::from)?;
    let request = stored
        .filter(|_| origin.topic != UNDECODABLE)
        .map(|stored| stored.request);
    let request = request.with_context(|| format!("event {} cannot be read", origin.id))?;
    let original = text(&request);
    let draft = Draft::create(data, origin.id, &original);
    let draft = draft.context("the file to edit cannot be made in the data directory")?;
    let editor = editor();
    let status = open(&editor, &draft).await;
    let failed = match status {
        Ok(status) if status.success() => None,
        Ok(status) => Some(anyhow!(
            "the editor {editor:?} ended with {status}; nothing is sent"
        )),
        Err(error) => Some(error),
    };
    if let Some(failed) = failed {
        // A file that nobody wrote to is not worth keeping.
        if draft.read().is_ok_and(|now| now == original) {
            draft.discard();
            return Err(Failure::new(Exit::Usage, failed)
                .code(&own::EDITED)
                .hint("VISUAL or EDITOR names the command that edits"));
        }
        return Err(kept(failed, &draft));
    }
    let edited = draft.read().map_err(|error| kept(error.into(), &draft))?;
    let parsed = parse(&edited, &request.peer);
    let parsed = parsed.map_err(|error| {
        kept(
            anyhow::Error::from(error).context("the edited event cannot be sent"),
            &draft,
        )
    })?;
    let Some(parsed) = parsed.filter(|parsed| *parsed != request) else {
        draft.discard();
        return Ok(None);
    };
    let added = history.add_edited(origin.id, parsed).await;
    let added = added.map_err(|error| kept(error.into(), &draft))?;
    let id = added.ok_or_else(|| {
        let gone = anyhow!("event {} has just been removed by age", origin.id);
        kept(gone, &draft)
    })?;
    let event = history.row(id).await.map_err(anyhow::Error::from)?;
    let event = event.context("the edited event is not in the history")?;
    draft.discard();
    Ok(Some(event))
}

/// Says where what was written is.
fn kept(error: anyhow::Error, draft: &Draft) -> Failure {
    let path = draft.path().display();
    Failure::new(Exit::Usage, error)
        .code(&own::EDITED)
        .hint(format!("what you wrote is in {path}"))
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
async fn open(editor: &str, draft: &Draft) -> anyhow::Result<ExitStatus> {
    let mut command = command(editor);
    command.arg(draft.path());
    let status = tokio::task::spawn_blocking(move || command.status()).await?;
    status.with_context(|| format!("the editor {editor:?} cannot be started"))
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
