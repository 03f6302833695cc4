//! `endpoints`: shows endpoints, and deletes what they keep.

use clap::Subcommand;
use ringtail_errors::{Code, Coded, Context as _, Exit, Failure, codes};
use ringtail_text::counted;
use serde::Serialize;

use super::Output;
use super::database::DatabaseArgs;
use crate::accounts::{Accounts, EndpointName, MAX_RETENTION_DAYS};
use crate::database::Database;
use crate::db_stats::EndpointStats;
use crate::journal::EndpointKey;
use crate::output;
use crate::rfc3339;

#[derive(Debug, clap::Args)]
pub(super) struct EndpointsArgs {
    #[command(subcommand)]
    action: EndpointsAction,
}

#[derive(Debug, Subcommand)]
enum EndpointsAction {
    /// List endpoints
    List(ListArgs),
    /// Show one endpoint
    Show(ShowArgs),
    /// Delete the events of an endpoint and overwrite them on disk; clients report a gap
    Purge(EndpointArgs),
    /// Set how many days an endpoint keeps its events
    Retention(RetentionArgs),
    /// Delete an endpoint with its events; its URL then answers 404
    Delete(EndpointArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Print in this format on stdout
    #[arg(long, value_name = "FORM", default_value = "plain")]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    #[command(flatten)]
    named: EndpointArgs,
    /// Print in this format on stdout
    #[arg(long, value_name = "FORM", default_value = "plain")]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct EndpointArgs {
    /// Name the endpoint by its account and its own name
    #[arg(value_name = "ACCOUNT/NAME", value_parser = EndpointName::parse)]
    endpoint: EndpointName,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, clap::Args)]
struct RetentionArgs {
    #[command(flatten)]
    named: EndpointArgs,
    /// Keep events for this many days, or `default` for the relay's --keep-days
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
            .ok_or_else(|| format!("expected 1 to {MAX_RETENTION_DAYS}, or `default`"))
    }
}

/// An unknown endpoint.
#[derive(Debug, thiserror::Error)]
#[error("there is no endpoint {0}")]
pub(super) struct NoEndpoint(EndpointName);

impl Coded for NoEndpoint {
    fn code(&self) -> &'static Code {
        &codes::RELAY_NO_ENDPOINT
    }
}

/// An endpoint, as printed.
#[derive(Debug, Serialize)]
struct EndpointLine {
    account: String,
    name: String,
    /// The end of its URL.
    id: String,
    created_at: String,
    /// Its newest `seq`.
    head: u64,
    bytes: u64,
    oldest_at: Option<String>,
    newest_at: Option<String>,
    /// Its own setting, if it has one.
    retention_days: Option<u16>,
}

impl EndpointLine {
    fn of(endpoint: EndpointStats) -> Self {
        Self {
            account: endpoint.account.to_string(),
            name: endpoint.name.to_string(),
            id: endpoint.id,
            created_at: rfc3339::of_event(endpoint.created_at),
            head: endpoint.head,
            bytes: endpoint.bytes,
            oldest_at: endpoint.oldest_at.map(rfc3339::of_event),
            newest_at: endpoint.newest_at.map(rfc3339::of_event),
            retention_days: endpoint.retention_days,
        }
    }

    fn retention(&self) -> String {
        self.retention_days
            .map_or_else(|| "default".to_owned(), |days| days.to_string())
    }

    /// Tab-separated, for `cut`.
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
            format!("head\t{}", self.head),
            format!("bytes\t{}", self.bytes),
            format!("oldest event\t{}", time(&self.oldest_at)),
            format!("newest event\t{}", time(&self.newest_at)),
            format!("retention days\t{}", self.retention()),
        ]
    }
}

pub(super) fn run(args: &EndpointsArgs) -> Result<Exit, Failure> {
    match &args.action {
        EndpointsAction::List(list) => {
            for endpoint in all(&list.database.existing()?)? {
                output::unless_closed(match list.output {
                    Output::Plain => output::data(endpoint.line()),
                    Output::Json => output::json(&endpoint),
                })
                .context("the list could not be printed")?;
            }
        }
        EndpointsAction::Show(show) => {
            let (database, name) = (show.named.database.existing()?, &show.named.endpoint);
            let is_it = |it: &EndpointLine| {
                it.account == name.account.as_str() && it.name == name.name.as_str()
            };
            let found = all(&database)?.into_iter().find(is_it);
            let endpoint = found.ok_or_else(|| NoEndpoint(name.clone()))?;
            output::unless_closed(match show.output {
                Output::Plain => endpoint.lines().iter().try_for_each(output::data),
                Output::Json => output::json(&endpoint),
            })
            .context("the endpoint could not be printed")?;
        }
        EndpointsAction::Purge(named) => {
            let database = named.database.existing()?;
            let purged = database.purge(named.find(&database)?.1)?;
            output::say(format_args!(
                "{}: deleted {} of {}; clients report a gap",
                named.endpoint,
                counted(purged.events, "event"),
                counted(purged.bytes, "byte")
            ));
        }
        EndpointsAction::Retention(retention) => {
            let named = &retention.named;
            let (accounts, key) = named.find(&named.database.existing()?)?;
            accounts.set_retention(key, retention.days.0)?;
            output::say(format_args!(
                "{}: keeps events for {}; a running relay deletes older ones within a minute",
                named.endpoint,
                match retention.days.0 {
                    Some(days) => counted(days, "day"),
                    None => "the relay's --keep-days".to_owned(),
                }
            ));
        }
        EndpointsAction::Delete(named) => {
            let database = named.database.existing()?;
            let purged = database.delete(named.find(&database)?.1)?;
            output::say(format_args!(
                "{} deleted with {} of {}; its URL answers 404, and its links end within a second",
                named.endpoint,
                counted(purged.events, "event"),
                counted(purged.bytes, "byte")
            ));
        }
    }
    Ok(Exit::Ok)
}

impl EndpointArgs {
    fn find(&self, database: &Database) -> Result<(Accounts, EndpointKey), Failure> {
        let accounts = database.accounts()?;
        let key = accounts
            .endpoint_named(&self.endpoint)?
            .ok_or_else(|| NoEndpoint(self.endpoint.clone()))?;
        Ok((accounts, key))
    }
}

fn all(database: &Database) -> Result<Vec<EndpointLine>, Failure> {
    // Migrates an older relay's database.
    drop(database.accounts()?);
    let stats = database.stats(&std::collections::HashMap::new())?;
    Ok(stats.endpoints.into_iter().map(EndpointLine::of).collect())
}
