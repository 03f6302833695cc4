//! `ringtail types`.

use std::collections::BTreeMap;

use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_recordings::types::{Shape, type_name};

use super::find::open;
use super::select::Selection;
use crate::args::Common;
use crate::args::export::{Language, TypesArgs};
use crate::output::print;
use ringtail_views::json;

pub(super) async fn run(common: &Common, args: TypesArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let mut selection = Selection::new(&config.secrets, &history, &args.which).await?;
    let mut shapes: BTreeMap<String, (u64, Shape)> = BTreeMap::new();
    while let Some(rows) = selection.next().await? {
        for row in rows {
            let detail = history.event(row.id).await?;
            let Some(detail) = detail else { continue };
            let (count, shape) = shapes.entry(row.topic).or_default();
            if shape.add(&detail.body).is_ok() {
                *count += 1;
            }
        }
    }
    shapes.retain(|_, (count, _)| *count > 0);
    if shapes.is_empty() {
        let failure = "no event has a JSON body";
        return Err(
            Failure::new(&codes::NO_DATA, failure).hint("`ringtail events list` shows the events")
        );
    }
    let mut out = Vec::new();
    for (topic, (count, shape)) in &shapes {
        match args.language {
            Language::Typescript => {
                let name = type_name(topic);
                out.extend(format!("/** {topic}, from {count} events */\n").into_bytes());
                out.extend(shape.typescript(&name).into_bytes());
                out.push(b'\n');
            }
            Language::JsonSchema => json::line(&mut out, &shape.json_schema(topic)),
        }
    }
    print(&out).await
}
