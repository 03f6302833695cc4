//! `read_explanation`, `read_types` and `read_scenarios`.

use ringtail_errors::{Failure, codes};
use ringtail_model::RowId;
use ringtail_model::new_fields::NewFields;
use ringtail_store::{Direction, MAX_PAGE};
use ringtail_text::counted;
use ringtail_views::{json, search};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, bounded};
use super::read::PATIENCE;
use super::session::Session;
use crate::args::export::Language;
use crate::command::search::filter;
use crate::command::types::Shapes;
use crate::command::{explain, simulate};

/// The longest text to explain, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// The most new fields in a result.
const MAX_NEW: usize = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplanationInput {
    /// A code (SUB-525, RT-302), a verdict (late), or an error body as pasted
    text: String,
}

pub(super) async fn explanation(_: &Session, args: ExplanationInput) -> Result<Answer, Failure> {
    if args.text.len() > MAX_TEXT {
        let long = format!("the text has {} bytes", args.text.len());
        return Err(Failure::new(&codes::USAGE, long).hint("pass at most 64 KiB of it"));
    }
    let codes = explain::find(&args.text)?;
    let names: Vec<&str> = codes.iter().map(|code| code.id).collect();
    let explained: Vec<Value> = codes.iter().map(|code| json::explanation(code)).collect();
    let line = format!("explained: {}", names.join(", "));
    Ok(Answer::new(json!({"explanations": explained}), line))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TypesInput {
    /// Filter, such as kind:sms. Default: all events
    #[serde(default)]
    filter: String,
    /// Language of the types
    #[serde(default = "json_schema")]
    language: Language,
}

fn json_schema() -> Language {
    Language::JsonSchema
}

pub(super) async fn types(session: &Session, args: TypesInput) -> Result<Answer, Failure> {
    let search = search(filter(&args.filter)?, session.config.secrets.clone());
    let history = session.history();
    let newest = RowId(i64::MAX);
    let found = history
        .search(&search, Direction::Older, newest, MAX_PAGE, PATIENCE)
        .await?;
    let (mut shapes, mut new) = (Shapes::default(), Vec::new());
    let count = found.rows.len();
    if count == 0 {
        let none = Failure::new(&codes::NO_DATA, "no event matches the filter");
        return Err(none.hint("read_events without a filter lists the events"));
    }
    for row in found.rows {
        // Names of members may be personal data, too.
        let detail = session.store.event(row.id, false, session.masked).await?;
        // Retention may have deleted it meanwhile.
        let Some(detail) = detail else { continue };
        if let Some(fields) = &detail.event.new_fields
            && new.len() < MAX_NEW
        {
            new.push(new_json(row.seq, fields));
        }
        shapes.add(&row.topic, &detail.body);
    }
    let types: Vec<Value> = shapes
        .found()?
        .map(|(topic, count, shape)| {
            let text = args.language.text(topic, count, shape);
            json!({"kind": topic, "events": count, "text": text})
        })
        .collect();
    let line = format!(
        "types of {} from the newest {}",
        counted(types.len(), "kind"),
        counted(count, "event")
    );
    let object = json!({"types": types, "events": count, "untrusted": true, "new_fields": new});
    Ok(Answer::new(object, line))
}

fn new_json(seq: u64, fields: &NewFields) -> Value {
    let paths: Vec<String> = fields
        .fields
        .iter()
        .map(|field| bounded(&field.path))
        .collect();
    json!({"seq": seq, "paths": paths})
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenariosInput {
    /// Scenario or kind, to see what it sends. Default: list all
    name: Option<String>,
}

pub(super) async fn scenarios(session: &Session, args: ScenariosInput) -> Result<Answer, Failure> {
    let Some(name) = &args.name else {
        let (scenarios, kinds, values) = simulate::listed();
        let line = format!("{} scenarios, {} kinds", scenarios.len(), kinds.len());
        let object = json!({"scenarios": scenarios, "kinds": kinds, "values": values});
        return Ok(Answer::new(object, line));
    };
    let scenario = simulate::built_in(name)?;
    let requests = simulate::planned(&scenario, &session.config)?;
    let line = format!("{} sends {} requests", bounded(name), requests.len());
    let object = json!({"name": name, "about": scenario.about, "requests": requests});
    Ok(Answer::new(object, line))
}
