//! `ringtail doctor`: whether this machine can do the job, in rows, each with its fix.
//!
//! A row that cannot be tried because of one before it is skipped, so that one fault is reported once.

mod machine;
mod relay;
mod report;
mod row;

use ringtail_client::config::{Config, ConfigError};
use ringtail_client::endpoint_cache::{known_endpoints, last_target};
use ringtail_client::forward::{SendOptions, Sender};
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_files::Access;
use ringtail_model::endpoint_name;
use ringtail_model::target::TargetUrl;
use ringtail_ringcentral::secret::redacted;
use ringtail_views::{blocking, json};

use self::row::Row;
use crate::args::doctor::DoctorArgs;
use crate::args::{Common, Format};
use crate::output::{Stdout, plain};

pub(super) async fn run(common: &Common, args: &DoctorArgs) -> Result<(), Failure> {
    let mut sheet = Sheet {
        style: (args.output == Format::Plain).then(plain::Style::of_stdout),
        stdout: Stdout::new(),
        rows: Vec::new(),
    };
    examine(common, args, &mut sheet).await?;
    let Sheet {
        style,
        mut stdout,
        rows,
    } = sheet;
    let mut end = match style {
        Some(_) => format!("\n{}\n", row::sentence(&rows)).into_bytes(),
        None => json::bytes(&row::json(&rows)),
    };
    if let Some(file) = &args.report {
        let text = report::text(&rows);
        let (to, shown) = (file.clone(), file.display());
        let written =
            blocking(move || ringtail_files::replace(&to, text.as_bytes(), Access::Private));
        written.await.context(format!("cannot write {shown}"))?;
        if args.output == Format::Plain {
            let path = ringtail_text::escape(&file.to_string_lossy()).into_owned();
            end.extend(format!("Report: {path}\n").into_bytes());
        }
    }
    stdout.write(&end).await?;
    match row::has_failed(&rows) {
        true => Err(Failure::silent(&codes::FAILED)),
        false => Ok(()),
    }
}

/// The rows so far; each is shown as soon as it is known.
struct Sheet {
    style: Option<plain::Style>,
    stdout: Stdout,
    rows: Vec<Row>,
}

impl Sheet {
    async fn tell(&mut self, row: Row) -> Result<(), Failure> {
        if let Some(style) = &self.style {
            self.stdout.write(row.lines(style).as_bytes()).await?;
        }
        self.rows.push(row);
        Ok(())
    }

    async fn tell_all(&mut self, rows: impl IntoIterator<Item = Row>) -> Result<(), Failure> {
        for row in rows {
            self.tell(row).await?;
        }
        Ok(())
    }
}

async fn examine(common: &Common, args: &DoctorArgs, sheet: &mut Sheet) -> Result<(), Failure> {
    sheet.tell(machine::program()).await?;
    sheet.tell(machine::terminal()).await?;
    let config = match Config::load(&common.flags(args.endpoint.as_ref())) {
        Ok(config) => config,
        Err(error) => {
            let failed = match error {
                ConfigError::Proxy(_) => "Proxy",
                _ => "Configuration",
            };
            sheet.tell(Row::failed(failed, &error)).await?;
            let rest = ["Data directory", "History", "Disk", "Login"].into_iter();
            let rest = rest.chain(relay::TITLES).chain(["Target"]);
            return sheet
                .tell_all(rest.map(|title| Row::untried(title, failed)))
                .await;
        }
    };
    sheet.tell(machine::configuration(&config)).await?;
    let data = config.data.clone();
    let rows = blocking(move || Ok::<_, Failure>(machine::data(&data))).await?;
    sheet.tell_all(rows).await?;
    relay::rows(&config, sheet).await?;
    sheet.tell(target(&config, args).await).await
}

/// Connects to the app.
async fn target(config: &Config, args: &DoctorArgs) -> Row {
    const TITLE: &str = "Target";
    let target = match &args.target {
        None => known_endpoints(&config.data)
            .into_iter()
            .map(|known| known.endpoint)
            .filter(|id| endpoint_name(id) == config.endpoint)
            .find_map(|id| last_target(&config.data, &id)),
        Some(text) => match TargetUrl::parse(text) {
            Ok(target) => Some(target),
            Err(error) => return Row::failed(TITLE, &error),
        },
    };
    let Some(target) = target else {
        return Row::skipped(
            TITLE,
            "none is known: name your app's, as `ringtail doctor 3000`",
        );
    };
    let shown = redacted(&target.to_string()).into_owned();
    // Its certificate is judged by `listen`, which may have been told to accept any.
    let options = SendOptions {
        insecure: true,
        ..SendOptions::default()
    };
    let sender = match Sender::new(target, options) {
        Ok(sender) => sender,
        Err(error) => return Row::failed(TITLE, &error),
    };
    match sender.probe().await {
        Ok(()) => Row::pass(TITLE, format!("{shown} accepts connections")),
        Err(failure) => Row::fail(TITLE, failure.message)
            .fix("start your app, or name its port; meanwhile its events stay pending"),
    }
}
