//! `ringtail events`: looks at the history, without a relay.

use ringtail_client::config::Config;
use ringtail_client::history::MAX_PAGE;
use ringtail_client::mask;
use ringtail_client::model::{EventRow, RowId};
use ringtail_client::signature;

use super::find::{find_one, is_on, open};
use crate::args::{Common, Format, ListArgs, ShowArgs};
use crate::exit::{Exit, Failure};
use crate::output::{json, plain, print};

pub(super) async fn list(common: &Common, args: ListArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut newest: Vec<EventRow> = Vec::new();
    let mut before = RowId(i64::MAX);
    while newest.len() < limit {
        let page = history
            .events_before(before, MAX_PAGE)
            .await
            .map_err(anyhow::Error::from)?;
        let Some(last) = page.last() else { break };
        before = last.row;
        let ours = page
            .into_iter()
            .filter(|event| is_on(event, args.endpoint.as_deref()))
            .map(mask::row);
        newest.extend(ours.take(limit - newest.len()));
    }
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
