//! `ringtail types`.

use std::collections::{BTreeMap, HashSet};

use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_recordings::types::{Shape, type_name};
use ringtail_text::{counted, escape};

use super::find::open;
use super::select::Selection;
use crate::args::Common;
use crate::args::export::{Language, TypesArgs};
use crate::output::print;

pub(super) async fn run(common: &Common, args: TypesArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let mut selection = Selection::new(&config.secrets, &history, &args.which).await?;
    let mut shapes = Shapes::default();
    let mut seen = HashSet::new();
    while let Some(mut rows) = selection.next().await? {
        // An event may be named twice.
        rows.retain(|row| seen.insert(row.row));
        for row in rows {
            let detail = history.event(row.id).await?;
            if let Some(detail) = detail {
                shapes.add(&row.topic, &detail.body);
            }
        }
    }
    let mut out = Vec::new();
    for (topic, count, shape) in shapes.found()? {
        out.extend(args.language.text(topic, count, shape).into_bytes());
        out.push(b'\n');
    }
    print(&out).await
}

/// Types of bodies by the topic of their events.
#[derive(Debug, Default)]
pub(super) struct Shapes(BTreeMap<String, (u64, Shape)>);

impl Shapes {
    /// Adds a body. One that is not JSON does not count.
    pub(super) fn add(&mut self, topic: &str, body: &[u8]) {
        let (count, shape) = self.0.entry(topic.to_owned()).or_default();
        if shape.add(body).is_ok() {
            *count += 1;
        }
    }

    /// Returns topic, number of bodies and type of each topic. It is a failure if there is none.
    pub(super) fn found(&self) -> Result<impl Iterator<Item = (&str, u64, &Shape)>, Failure> {
        let found = || self.0.iter().filter(|(_, (count, _))| *count > 0);
        if found().next().is_none() {
            let failure = "no event has a JSON body";
            return Err(Failure::new(&codes::NO_DATA, failure)
                .hint("`ringtail events list` shows the events"));
        }
        Ok(found().map(|(topic, (count, shape))| (topic.as_str(), *count, shape)))
    }
}

impl Language {
    /// Returns the type of a topic's bodies as text.
    pub(super) fn text(self, topic: &str, count: u64, shape: &Shape) -> String {
        let count = counted(count, "event");
        match self {
            Self::Typescript => {
                let name = type_name(topic);
                let about = format!("/** {topic}, from {count} */\n");
                about + &shape.typescript(&name)
            }
            Self::Rust => format!("/// {topic}, from {count}\n") + &shape.rust(&type_name(topic)),
            Self::Python => format!("# {topic}, from {count}\n") + &shape.python(&type_name(topic)),
            Self::JsonSchema => escape(&shape.json_schema(topic).to_string()).into_owned(),
        }
    }
}
