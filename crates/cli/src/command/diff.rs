//! `ringtail events diff`.

use ringtail_client::config::Config;
use ringtail_errors::Failure;
use ringtail_recordings::diff::{Diff, Line, Noise};

use super::find::open;
use crate::args::compare::DiffArgs;
use crate::args::{Common, Format};
use crate::output::plain::{Style, Tone};
use crate::output::print;
use ringtail_text::escape;
use ringtail_views::find::find_one;
use ringtail_views::{Store, compare, json};

pub(super) async fn run(common: &Common, args: DiffArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let endpoint = args.endpoint.as_deref();
    let event = find_one(&history, endpoint, &args.event).await?;
    let mut noise = if args.all {
        Noise::none()
    } else {
        config.noise
    };
    for name in &args.ignore {
        noise = noise.with(name);
    }
    let reveal = args.reveal.into();
    let store = Store::new(
        Vec::new(),
        history.clone(),
        config.data,
        reveal,
        config.secrets,
    );
    let (names, diff) = if args.answers {
        let detail = store.answers(event.id, false).await?;
        compare::answers(&detail, &noise).map_err(|few| {
            let hint = format!("`ringtail replay {}` sends it again", args.event);
            Failure::from(few).hint(hint)
        })?
    } else {
        let other = match &args.other {
            Some(other) => Some(find_one(&history, endpoint, other).await?.id),
            None => None,
        };
        compare::events(&*store.pair(event.id, other, false).await?, &noise)
    };
    let mut out = Vec::new();
    match args.output {
        Format::Plain => out.extend(plain(&Style::of_stdout(), &names, &diff).into_bytes()),
        Format::Json => json::line(&mut out, &json::diff(&names, &diff)),
    }
    print(&out).await
}

fn plain(style: &Style, [one, other]: &[String; 2], diff: &Diff) -> String {
    let mut text = String::new();
    text += &style.paint(Tone::Bad, &format!("--- {}", escape(one)));
    text.push('\n');
    text += &style.paint(Tone::Good, &format!("+++ {}", escape(other)));
    text.push('\n');
    if diff.changes == 0 {
        text += &format!("{}\n", escape(&diff.no_difference()));
    }
    for line in &diff.lines {
        text += &match line {
            Line::Same(line) => format!("  {}", escape(line)),
            Line::Removed(line) => style.paint(Tone::Bad, &format!("- {}", escape(line))),
            Line::Added(line) => style.paint(Tone::Good, &format!("+ {}", escape(line))),
            Line::Skipped(count) => style.paint(Tone::Dim, &format!("  … {count} lines …")),
        };
        text.push('\n');
    }
    text
}
