//! `ringtail simulate cut`.

use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_model::EventDetail;
use ringtail_simulate::cut;

use crate::args::Common;
use crate::args::simulate::CutArgs;
use crate::command::find::open;
use crate::output::print;
use ringtail_views::find::find;

/// Events per scenario, at most.
const MAX_EVENTS: usize = 10_000;

pub(super) async fn run(common: &Common, args: CutArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let mut ids = Vec::new();
    for text in &args.events {
        ids.extend(find(&history, args.endpoint.as_deref(), text).await?);
    }
    ids.sort();
    ids.dedup();
    if ids.len() > MAX_EVENTS {
        let many = format!("{} events are too many for a scenario", ids.len());
        return Err(Failure::new(&codes::USAGE, many).hint(format!("pass at most {MAX_EVENTS}")));
    }
    let mut events: Vec<EventDetail> = Vec::with_capacity(ids.len());
    for id in ids {
        let found = history.event(id).await?;
        events.extend(found);
    }
    events.sort_by_key(|detail| (detail.event.received_at, detail.event.seq));
    print(cut(&events)?.as_bytes()).await
}
