//! `endpoints`: what they keep, for how long, and removing it.

use clap::Subcommand;
use ringtail_errors::{Code, Coded, Context as _, Exit, Failure, codes};
use serde::Serialize;

use super::{Data, Output};
use crate::accounts::{Accounts, EndpointName, MAX_RETENTION_DAYS};
use crate::journal::EndpointKey;
use crate::journal::sqlite::purge;
use crate::ops::time;
use crate::output;
use crate::store::DataDir;
use crate::survey::{self, SurveyedEndpoint};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List endpoints
    List(List),
    /// Show one endpoint
    Show(Show),
    /// Remove the events that an endpoint has, for good; clients are told of a gap
    Purge(Named),
    /// Set for how many days an endpoint keeps its events
    Retention(Retention),
    /// Remove an endpoint with its events; RingCentral gets 404 from it
    Delete(Named),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    data: Data,
    /// Print in this form on stdout
    #[arg(long, value_name = "FORM", default_value = "plain")]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    named: Named,
    /// Print in this form on stdout
    #[arg(long, value_name = "FORM", default_value = "plain")]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// Name the endpoint by its account and its name there
    #[arg(value_name = "ACCOUNT/NAME", value_parser = EndpointName::parse)]
    endpoint: EndpointName,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, clap::Args)]
struct Retention {
    #[command(flatten)]
    named: Named,
    /// Keep events for this many days, or `default` for what the relay's --keep-days says
    #[arg(value_name = "DAYS", value_parser = Days::parse)]
    days: Days,
}

#[derive(Debug, Clone, Copy)]
struct Days(Option<u16>);

impl Days {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self(None));
        }
        let days = text.parse().ok();
        days.filter(|days| (1..=MAX_RETENTION_DAYS).contains(days))
            .map(|days| Self(Some(days)))
            .ok_or_else(|| format!("it must be 1 to {MAX_RETENTION_DAYS}, or `default`"))
    }
}

/// There is no endpoint of that name.
#[derive(Debug, thiserror::Error)]
#[error("there is no endpoint {0}")]
pub(super) struct NoEndpoint(EndpointName);

impl Coded for NoEndpoint {
    fn code(&self) -> &'static Code {
        &codes::RELAY_NO_ENDPOINT
    }
}

/// An endpoint, for people and scripts.
#[derive(Debug, Serialize)]
struct Shown {
    account: String,
    name: String,
    /// What its URL ends with.
    id: String,
    created_at: String,
    /// The newest number given.
    head: u64,
    bytes: u64,
    oldest_at: Option<String>,
    newest_at: Option<String>,
    /// Its own days, if it has any.
    retention_days: Option<u16>,
}

impl Shown {
    fn of(endpoint: SurveyedEndpoint) -> Self {
        Self {
            account: endpoint.account.to_string(),
            name: endpoint.name.to_string(),
            id: endpoint.id,
            created_at: time(endpoint.created_at),
            head: endpoint.head,
            bytes: endpoint.bytes,
            oldest_at: endpoint.oldest_at.map(time),
            newest_at: endpoint.newest_at.map(time),
            retention_days: endpoint.retention_days,
        }
    }

    fn retention(&self) -> String {
        self.retention_days
            .map_or_else(|| "default".to_owned(), |days| days.to_string())
    }

    /// Name, newest number, bytes, days and the time of the newest event, with tabs between for `cut`.
    fn line(&self) -> String {
        format!(
            "{}/{}\t{}\t{}\t{}\t{}",
            self.account,
            self.name,
            self.head,
            self.bytes,
            self.retention(),
            self.newest_at.as_deref().unwrap_or("never")
        )
    }

    fn lines(&self) -> Vec<String> {
        let time = |time: &Option<String>| time.clone().unwrap_or_else(|| "never".to_owned());
        vec![
            format!("endpoint\t{}/{}", self.account, self.name),
            format!("path\t/{}", self.id),
            format!("created\t{}", self.created_at),
            format!("newest number\t{}", self.head),
            format!("bytes\t{}", self.bytes),
            format!("oldest event\t{}", time(&self.oldest_at)),
            format!("newest event\t{}", time(&self.newest_at)),
            format!("retention days\t{}", self.retention()),
        ]
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.action {
        Action::List(list) => {
            for endpoint in all(&DataDir::open_existing(&list.data.data)?)? {
                match list.output {
                    Output::Plain => output::data(endpoint.line()),
                    Output::Json => output::json(&endpoint),
                }
                .context("the list could not be printed")?;
            }
        }
        Action::Show(show) => {
            let (dir, name) = (show.named.dir()?, &show.named.endpoint);
            let is_it =
                |it: &Shown| it.account == name.account.as_str() && it.name == name.name.as_str();
            let found = all(&dir)?.into_iter().find(is_it);
            let endpoint = found.ok_or_else(|| NoEndpoint(name.clone()))?;
            match show.output {
                Output::Plain => endpoint.lines().iter().try_for_each(output::data),
                Output::Json => output::json(&endpoint),
            }
            .context("the endpoint could not be printed")?;
        }
        Action::Purge(named) => {
            let dir = named.dir()?;
            let purged = purge::purge(&dir, named.find(&dir)?.1)?;
            output::say(format_args!(
                "{}: {} events of {} bytes removed; clients are told of a gap",
                named.endpoint, purged.events, purged.bytes
            ));
        }
        Action::Retention(retention) => {
            let named = &retention.named;
            let (accounts, key) = named.find(&named.dir()?)?;
            accounts.set_retention(key, retention.days.0)?;
            output::say(format_args!(
                "{}: events are kept for {}; what is older goes within a minute while the relay serves",
                named.endpoint,
                match retention.days.0 {
                    Some(days) => format!("{days} days"),
                    None => "as long as the relay keeps others'".to_owned(),
                }
            ));
        }
        Action::Delete(named) => {
            let dir = named.dir()?;
            let purged = purge::delete(&dir, named.find(&dir)?.1)?;
            output::say(format_args!(
                "{} deleted with {} events of {} bytes: its address is answered 404, its links end within a second",
                named.endpoint, purged.events, purged.bytes
            ));
        }
    }
    Ok(Exit::Ok)
}

impl Named {
    fn dir(&self) -> Result<DataDir, Failure> {
        Ok(DataDir::open_existing(&self.data.data)?)
    }

    fn find(&self, dir: &DataDir) -> Result<(Accounts, EndpointKey), Failure> {
        let accounts = Accounts::open(dir)?;
        let key = accounts
            .endpoint_named(&self.endpoint)?
            .ok_or_else(|| NoEndpoint(self.endpoint.clone()))?;
        Ok((accounts, key))
    }
}

fn all(dir: &DataDir) -> Result<Vec<Shown>, Failure> {
    // Brings an older relay's database up first.
    drop(Accounts::open(dir)?);
    let survey = survey::survey(dir, &std::collections::HashMap::new())?;
    Ok(survey.endpoints.into_iter().map(Shown::of).collect())
}
