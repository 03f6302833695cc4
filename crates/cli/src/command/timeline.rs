//! `ringtail events timeline`.

use std::io::Write as _;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use ringtail_client::config::Config;
use ringtail_errors::{Context as _, Failure};
use ringtail_files::create_private;
use ringtail_model::redact;
use ringtail_model::signature::Reveal;
use ringtail_model::{EventDetail, EventRow};
use ringtail_ringcentral::timeline::{Step, Timeline, gap, not_arrived};
use ringtail_store::MAX_PAGE;
use ringtail_text::{counted, escape};
use ringtail_views::find::find_one;
use ringtail_views::{Store, blocking, json};
use ringtail_web::picture::{Frame, timeline};

use super::find::open;
use crate::args::compare::TimelineArgs;
use crate::args::{Common, Format};
use crate::output::plain::{Style, Tone};
use crate::output::print;

/// Columns of a party's label.
const LABEL: usize = 24;

pub(super) async fn run(common: &Common, args: TimelineArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let event = find_one(&history, args.endpoint.as_deref(), &args.event).await?;
    if let Some(file) = &args.svg {
        let store = Store::new(Vec::new(), history, config.data, Reveal::No, config.secrets);
        let events = store.timeline(event.row, args.mask).await?;
        return draw(events, file.clone()).await;
    }
    let course = history.course(event.row, MAX_PAGE).await?;
    let mut bodies = Vec::new();
    let is_call = event.topic == "telephony";
    if is_call {
        for row in &course {
            let detail = history.event(row.id).await?;
            bodies.push(detail.map(|detail| detail.body).unwrap_or_default());
        }
    }
    let course_of_call = Timeline::of(bodies.iter().map(|body| &body[..]));
    let style = Style::of_stdout();
    let mut out = Vec::new();
    match args.output {
        Format::Json if is_call => json::line(&mut out, &json::timeline(&course_of_call, &course)),
        Format::Json => {
            for row in course {
                json::line(&mut out, &json::event_row(&redact::row(row)));
            }
        }
        Format::Plain if is_call => out.extend(call(&style, &course_of_call, &course).into_bytes()),
        Format::Plain => {
            for row in course {
                out.extend(style.listed(&redact::row(row), false).into_bytes());
            }
        }
    }
    print(&out).await
}

/// Draws the events into a new file.
async fn draw(events: Vec<EventDetail>, file: PathBuf) -> Result<(), Failure> {
    let shown = file.display().to_string();
    let drawn = blocking(move || {
        let frame = Frame {
            in_page: false,
            zone: TimeZone::system(),
        };
        create_private(&file)?.write_all(timeline(&events, &frame).as_bytes())
    });
    drawn
        .await
        .context(format!("cannot write {}", escape(&shown)))
}

fn call(style: &Style, timeline: &Timeline, course: &[EventRow]) -> String {
    let session = timeline.session.as_deref().unwrap_or("without a session");
    let mut text = format!(
        "Call {}: {}, {}\n",
        escape(session),
        counted(timeline.parties.len(), "party"),
        counted(timeline.steps.len(), "event")
    );
    text += &style.paint(
        Tone::Dim,
        "   seq  event     gap  party                     state",
    );
    text.push('\n');
    let mut before: Option<(Option<i64>, i64)> = None;
    for step in &timeline.steps {
        let Some(row) = course.get(step.arrival) else {
            continue;
        };
        if let (Some(sequence), Some((Some(number), _))) = (step.sequence, before)
            && let Some(missing) = not_arrived(number, sequence)
        {
            text += &style.paint(Tone::Warn, &format!("        … {missing}"));
            text.push('\n');
        }
        let gap = before.map_or_else(String::new, |(_, at)| gap(row.received_at.0 - at));
        let number = step
            .sequence
            .map_or_else(|| "–".to_owned(), |number| number.to_string());
        let head = format!("{number:>6}  {:<6} {gap:>7}", format!("#{}", row.seq));
        let mut states = step.states.iter().map(|state| {
            let label = timeline
                .parties
                .get(state.party)
                .map_or("", |party| party.label.as_str());
            let label = shorten(&escape(label));
            let same = if state.changed { "" } else { " (unchanged)" };
            format!("{label}  {}{same}", escape(&state.text))
        });
        text += &format!(
            "{head}  {}{}\n",
            states.next().unwrap_or_default(),
            marks(style, step)
        );
        for state in states {
            text += &format!("{:width$}  {state}\n", "", width = head.chars().count());
        }
        let number = step.sequence.or(before.and_then(|(number, _)| number));
        before = Some((number, row.received_at.0));
    }
    text
}

fn marks(style: &Style, step: &Step) -> String {
    let mut marks = String::new();
    if step.repeated {
        marks += "  [repeated]";
    }
    if step.late {
        marks += "  [late]";
    }
    match marks.is_empty() {
        true => marks,
        false => style.paint(Tone::Warn, &marks),
    }
}

fn shorten(label: &str) -> String {
    let cut: String = label.chars().take(LABEL).collect();
    format!("{cut:<LABEL$}")
}
