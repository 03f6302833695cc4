//! `ringtail events list`, `show` and `mark`.

use std::io::IsTerminal;

use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_model::{GapRow, RowId, redact};
use ringtail_store::{BookmarkChange, Comment, Direction};

use super::find::open;
use super::gaps::Gaps;
use super::search::{self, ReportTo, filter};
use super::select::{PAGE, Selection, nothing_named};
use crate::args::{Common, Format, ListArgs, MarkArgs, ShowArgs};
use crate::output::{Stdout, plain, print};
use ringtail_text::{counted, is_safe};
use ringtail_views::find::find_one;
use ringtail_views::{json, search};

pub(super) async fn list(common: &Common, args: ListArgs) -> Result<(), Failure> {
    let filter = filter(&args.filter.join(" "))?;
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    // Whether lost events would match a filter is not known.
    let mut gaps = match args.filter.is_empty() {
        true => Gaps::read(&history).await?,
        false => Gaps::default(),
    };
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let search = search(filter, config.secrets);
    // Keep ids only: the result, found newest first and printed oldest first, may be the whole history.
    let mut newest = Vec::new();
    let mut endpoint = None;
    let mut several = false;
    search::find(
        &history,
        &search,
        (Direction::Older, RowId(i64::MAX)),
        limit,
        ReportTo::Stderr,
        |event| {
            newest.push(event.id);
            several |= *endpoint.get_or_insert_with(|| event.endpoint.clone()) != event.endpoint;
        },
    )
    .await?;
    let style = plain::Style::of_stdout();
    let mut stdout = Stdout::new();
    for page in newest.rchunks(PAGE) {
        let ids = page.iter().rev().copied().collect();
        let rows = history.rows(ids).await?;
        let mut out = Vec::new();
        for event in rows.into_iter().flatten().map(redact::row) {
            for gap in gaps.before(&event) {
                write_gap(&mut out, &style, args.output, &gap);
            }
            match args.output {
                Format::Plain => out.extend(style.listed(&event, several).into_bytes()),
                Format::Json => json::line(&mut out, &json::event_row(&event)),
            }
        }
        if !stdout.write(&out).await? {
            return Ok(());
        }
    }
    let mut out = Vec::new();
    for gap in gaps.after_all() {
        write_gap(&mut out, &style, args.output, &gap);
    }
    stdout.write(&out).await?;
    Ok(())
}

fn write_gap(out: &mut Vec<u8>, style: &plain::Style, output: Format, gap: &GapRow) {
    match output {
        Format::Plain => out.extend(style.gap(gap).into_bytes()),
        Format::Json => json::line(out, &json::gap(gap)),
    }
}

/// Events per transaction.
const BOOKMARKS_AT_ONCE: usize = 1000;

pub(super) async fn mark(common: &Common, args: MarkArgs) -> Result<(), Failure> {
    if args.which.is_all() {
        return Err(nothing_named());
    }
    let change = match (&args.comment, args.clear) {
        (_, true) => BookmarkChange::Clear,
        (None, false) => BookmarkChange::Set,
        (Some(text), false) => {
            let comment = Comment::parse(text);
            BookmarkChange::Comment(comment?)
        }
    };
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let mut selection = Selection::new(&config.secrets, &history, &args.which).await?;
    let mut changed = 0;
    while let Some(events) = selection.next().await? {
        for some in events.chunks(BOOKMARKS_AT_ONCE) {
            let ids = some.iter().map(|event| event.id).collect();
            let there = history.set_bookmark(ids, change.clone()).await;
            changed += there?;
        }
    }
    let done = if args.clear {
        "without bookmark"
    } else {
        "bookmarked"
    };
    print(format!("{} {done}\n", counted(changed, "event")).as_bytes()).await
}

pub(super) async fn show(common: &Common, args: ShowArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let event = find_one(&history, args.endpoint.as_deref(), &args.event).await?;
    let secrets = config.secrets.of_id(&event.endpoint);
    let detail = history
        .event_to_show(&secrets, event.id, (args.reveal || args.raw).into())
        .await?;
    let detail = detail.ok_or_else(|| {
        let gone = format!("retention has just deleted event {}", event.id);
        Failure::new(&codes::NO_DATA, gone)
    })?;
    let mut out = Vec::new();
    match args.output {
        _ if args.raw && std::io::stdout().is_terminal() && !is_safe(&detail.body) => {
            let odd = format!("the body of event {} has control characters", event.seq);
            return Err(Failure::new(&codes::USAGE, odd)
                .hint("redirect it (> body), or omit --raw to see it escaped"));
        }
        _ if args.raw => out.extend_from_slice(&detail.body),
        Format::Plain => out.extend(plain::Style::of_stdout().detail(&detail).into_bytes()),
        Format::Json => json::line(&mut out, &json::event_with_attempts(&detail)),
    }
    print(&out).await
}
