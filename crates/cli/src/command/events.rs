//! `ringtail events`: looks at the history, without a relay.

use ringtail_client::config::Config;
use ringtail_client::history::Direction;
use ringtail_client::mask;
use ringtail_client::model::{EventRow, RowId};
use ringtail_client::signature;

use super::find::{find_one, open};
use super::search::{self, filter, search};
use crate::args::{Common, Format, ListArgs, ShowArgs};
use crate::exit::{Exit, Failure};
use crate::output::{json, plain, print};

pub(super) async fn list(common: &Common, args: ListArgs) -> Result<(), Failure> {
    let filter = filter(&args.filter.join(" "))?;
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let search = search(filter, config.secrets);
    let newest = search::find(&history, &search, Direction::Older, RowId(i64::MAX), limit);
    let newest: Vec<EventRow> = newest.await?.rows.into_iter().map(mask::row).collect();
    let several = newest
        .iter()
        .any(|event| event.endpoint != newest[0].endpoint);
    let style = plain::Style::of_stdout();
    let mut out = Vec::new();
    for event in newest.iter().rev() {
        match args.output {
            Format::Plain => out.extend(style.listed(event, several).into_bytes()),
            Format::Json => json::line(&mut out, &json::event_row(event)),
        }
    }
    print(&out).await
}

pub(super) async fn show(common: &Common, args: ShowArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let event = find_one(&history, args.endpoint.as_deref(), &args.event).await?;
    let secrets = config.secrets.of_id(&event.endpoint);
    let detail = signature::event(&history, &secrets, event.id, args.reveal.into())
        .await
        .map_err(anyhow::Error::from)?;
    let detail = detail.ok_or_else(|| {
        let gone = anyhow::anyhow!("event {} has just been removed by age", event.id);
        Failure::new(Exit::NoData, gone)
    })?;
    let mut out = Vec::new();
    match args.output {
        _ if args.raw => out.extend_from_slice(&detail.body),
        Format::Plain => out.extend(plain::Style::of_stdout().detail(&detail).into_bytes()),
        Format::Json => json::line(&mut out, &json::event_with_attempts(&detail)),
    }
    print(&out).await
}
