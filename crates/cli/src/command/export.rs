//! `ringtail export`.

use std::error::Error;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use ringtail_client::config::Config;
use ringtail_client::endpoint_cache::command_target;
use ringtail_errors::{Failure, codes};
use ringtail_files::create_private;
use ringtail_model::redact;
use ringtail_model::signature::Reveal;
use ringtail_model::target::TargetUrl;
use ringtail_model::{EventDetail, GapRow};
use ringtail_recordings::export::{HarWriter, curl, fixture_name, headers, httpie, raw};
use ringtail_recordings::pseudonyms;

use super::find::open;
use super::gaps::Gaps;
use super::select::Selection;
use crate::args::Common;
use crate::args::export::{ExportArgs, Form};
use crate::output::{note, plain};
use ringtail_text::{counted, escape};
use ringtail_views::json;

pub(super) async fn run(common: &Common, args: ExportArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let target = args.target.as_deref().map(TargetUrl::parse).transpose();
    let target = target?;
    let history = open(&config).await?;
    let masker = match args.mask {
        true => Some(pseudonyms::masker(&config.data)?),
        false => None,
    };
    // Masking replaces secrets too.
    let hides = !args.reveal && !args.mask;
    let mut selection = Selection::new(&config.secrets, &history, &args.which).await?;
    // Select first: an empty selection must create no file.
    let mut page = selection.next().await?;
    // Whether lost events would match a filter is not known.
    let mut gaps = match args.which.filter.is_none() {
        true => Gaps::read(&history).await?,
        false => Gaps::default(),
    };
    let mut lost = 0_u64;
    let mut sink = Sink::create(&args)?;
    let mut count = 0_u64;
    let mut without = 0_u64;
    while let Some(rows) = page {
        for row in rows {
            let secrets = config.secrets.of_id(&row.endpoint);
            let detail = history.event_to_show(&secrets, row.id, Reveal::Yes).await;
            let detail = detail?;
            // Retention may have deleted it.
            let Some(mut detail) = detail else { continue };
            let aim = command_target(&config.data, target.as_ref(), &detail.event.endpoint);
            if let Some(masker) = &masker {
                detail = pseudonyms::event(masker, &detail);
            }
            let hidden = hides && hide(&mut detail);
            count += 1;
            without += u64::from(hidden);
            let before = gaps.before(&detail.event);
            lost += sum(&before);
            let told = before.iter().try_for_each(|gap| sink.gap(gap));
            match told.and_then(|()| sink.event(&detail, &aim, hidden)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(written(&error, &args)),
            }
        }
        page = selection.next().await?;
    }
    let after = match args.which.is_all() {
        true => gaps.after_all(),
        false => Vec::new(),
    };
    lost += sum(&after);
    let told = after.iter().try_for_each(|gap| sink.gap(gap));
    match told.and_then(|()| sink.finish()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        ended => ended.map_err(|error| written(&error, &args))?,
    }
    if lost > 0 {
        note(&format!(
            "{} missing, because the relay had deleted them; `ringtail events list` says which\n",
            match lost {
                1 => "1 event is".to_owned(),
                lost => format!("{lost} events are"),
            }
        ));
    }
    // An app that checks secrets refuses commands without them.
    if without > 0 && args.form.is_sent() {
        note(&format!(
            "secrets are redacted in {without} of {}; --reveal includes them\n",
            counted(count, "event")
        ));
    }
    if let Some(path) = &args.to {
        let path = path.display().to_string();
        note(&format!(
            "{} written to {}\n",
            counted(count, "event"),
            escape(&path)
        ));
    }
    Ok(())
}

/// Counts the events of gaps.
fn sum(gaps: &[GapRow]) -> u64 {
    let counts = gaps
        .iter()
        .map(|gap| gap.last.saturating_sub(gap.first) + 1);
    counts.fold(0, u64::saturating_add)
}

/// Redacts the secrets, and returns whether the request had any.
fn hide(detail: &mut EventDetail) -> bool {
    let request = |detail: &EventDetail| {
        let EventDetail {
            event,
            headers,
            body,
            ..
        } = detail;
        (event.path.clone(), headers.clone(), body.clone())
    };
    let before = request(detail);
    redact::detail(detail);
    before != request(detail)
}

fn written(error: &io::Error, args: &ExportArgs) -> Failure {
    let to = args.to.as_deref().unwrap_or(Path::new("stdout")).display();
    Failure::new(&codes::FAILED, format!("cannot write to {to}: {error}"))
        .hint("choose another --to")
}

/// Output of an export.
enum Sink {
    Har(HarWriter<Box<dyn Write>>),
    Fixtures(std::path::PathBuf),
    Text(Form, Box<dyn Write>),
}

impl Sink {
    fn create(args: &ExportArgs) -> Result<Self, Failure> {
        let out: Box<dyn Write> = match (&args.to, args.form) {
            (Some(folder), Form::Fixtures) => {
                fs::create_dir(folder).map_err(|error| refused(&error, folder))?;
                return Ok(Self::Fixtures(folder.clone()));
            }
            (Some(file), _) => Box::new(BufWriter::new(
                create_private(file).map_err(|error| refused(&error, file))?,
            )),
            (None, _) => Box::new(BufWriter::new(io::stdout())),
        };
        let failed = |error| written(&error, args);
        match args.form {
            Form::Har => HarWriter::begin(out).map(Self::Har).map_err(failed),
            Form::Curl | Form::Httpie => {
                let mut out = out;
                out.write_all(b"#!/bin/sh\n").map_err(failed)?;
                Ok(Self::Text(args.form, out))
            }
            form => Ok(Self::Text(form, out)),
        }
    }

    fn event(&mut self, event: &EventDetail, target: &TargetUrl, hidden: bool) -> io::Result<()> {
        match self {
            Self::Har(har) => har.event(event),
            Self::Fixtures(folder) => fixture(folder, event),
            Self::Text(form, out) => {
                let text = match form {
                    Form::Curl => script(event, hidden, curl(event, target))?,
                    Form::Httpie => script(event, hidden, httpie(event, target))?,
                    Form::Raw => raw(event),
                    Form::Ndjson | Form::Har | Form::Fixtures => {
                        let mut line = Vec::new();
                        json::line(&mut line, &json::event_with_attempts(event));
                        line
                    }
                };
                out.write_all(&text)
            }
        }
    }

    /// Tells lost events where the format has a place for it.
    fn gap(&mut self, gap: &GapRow) -> io::Result<()> {
        match self {
            Self::Har(har) => har.gap(gap),
            Self::Text(Form::Curl | Form::Httpie, out) => {
                let endpoint = escape(&gap.endpoint);
                writeln!(out, "\n# {endpoint} {}", plain::lost(gap))?;
            }
            Self::Text(Form::Ndjson, out) => {
                let mut line = Vec::new();
                json::line(&mut line, &json::gap(gap));
                out.write_all(&line)?;
            }
            Self::Text(..) | Self::Fixtures(_) => {}
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Har(har) => har.finish()?.flush(),
            Self::Fixtures(_) => Ok(()),
            Self::Text(_, mut out) => out.flush(),
        }
    }
}

/// A command, with a comment above that names the event.
fn script<E: Error + Send + Sync + 'static>(
    event: &EventDetail,
    hidden: bool,
    command: Result<String, E>,
) -> io::Result<Vec<u8>> {
    let command = command.map_err(io::Error::other)?;
    let row = &event.event;
    let hidden = match hidden {
        true => {
            "# its secrets are redacted, so an app that checks them refuses it; --reveal includes them\n"
        }
        false => "",
    };
    Ok(format!(
        "\n# {} #{}: {}\n{hidden}{command}",
        escape(&row.endpoint),
        row.seq,
        escape(&row.summary)
    )
    .into_bytes())
}

fn fixture(folder: &Path, event: &EventDetail) -> io::Result<()> {
    let name = fixture_name(event);
    // Another endpoint may have an event of the same number.
    let stem = match folder.join(format!("{name}.headers")).exists() {
        true => format!("{name}-{}", event.event.id),
        false => name,
    };
    create_private(&folder.join(format!("{stem}.body")))?.write_all(&event.body)?;
    create_private(&folder.join(format!("{stem}.headers")))?.write_all(&headers(event))
}

fn refused(error: &io::Error, path: &Path) -> Failure {
    let exists = error.kind() == io::ErrorKind::AlreadyExists;
    let text = format!("{} cannot be created: {error}", path.display());
    let failure = Failure::new(&codes::FAILED, text);
    match exists {
        true => failure.hint("choose another --to, or move the existing one"),
        false => failure.hint("check that the folder exists and is writable"),
    }
}
