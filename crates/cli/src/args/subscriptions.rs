//! Arguments of `ringtail subscriptions`.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use ringtail_ringcentral::subscription::MAX_SECONDS;

use super::{Format, interval};

const EXAMPLES: &str = "\
First steps:
  ringtail login https://relay.example.com       log in to your relay, once
  ringtail subscriptions login                   log in to RingCentral, once
  ringtail listen 3000 --subscribe sms           create the subscription and forward its events

Examples:
  ringtail subscriptions filters                 list event filters and their scopes
  ringtail subscriptions ensure sms calls        have one for the default endpoint
  ringtail subscriptions list                    list them: state, time left, address
  ringtail subscriptions recreate --blacklisted  bring blacklisted ones back
  ringtail subscriptions delete --stale --yes    delete those whose address answers nothing

No argument takes a secret. In scripts, set RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET and
RINGCENTRAL_JWT instead of a login; for a bot, RINGCENTRAL_ACCESS_TOKEN.
Exit codes: 0 done, 2 RingCentral refused, 75 try again later, 77 log in again
More: docs/SUBSCRIPTIONS.md";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SubscriptionsArgs {
    #[command(subcommand)]
    pub(crate) command: SubscriptionsCommand,
    /// Name of the login to RingCentral, to have several
    #[arg(long, global = true, value_name = "NAME", value_parser = profile)]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SubscriptionsCommand {
    /// Log in to RingCentral, and save the login
    Login(CloudLoginArgs),
    /// End the session and remove the login from this machine
    Logout,
    /// List subscriptions, oldest first
    List(SubscriptionListArgs),
    /// Show everything about one subscription
    Show(SubscriptionShowArgs),
    /// Have exactly one active subscription for an endpoint
    Ensure(EnsureArgs),
    /// Renew subscriptions
    Renew(RenewArgs),
    /// Replace subscriptions: create, then delete the old ones
    Recreate(RecreateArgs),
    /// Delete subscriptions; lists first
    Delete(DeleteArgs),
    /// Print subscriptions, and again whenever one changes
    Watch(WatchArgs),
    /// List event filters with their short names and scopes
    Filters(FiltersArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
In RingCentral's developer console, create a JWT, and an app (REST API, with \"JWT auth flow\")
that has the scope \"Webhook Subscriptions\" and those of your events, which
`ringtail subscriptions filters` lists.
Client id, client secret and JWT come from RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET and
RINGCENTRAL_JWT, from the terminal, or as three lines from stdin if that is not a terminal.
For a bot, set RINGCENTRAL_ACCESS_TOKEN.
They are saved in ringcentral.json beside the configuration file, readable by you only.")]
pub(crate) struct CloudLoginArgs {
    /// URL of RingCentral's API [env: RINGCENTRAL_SERVER_URL] [default: platform.ringcentral.com]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SubscriptionListArgs {
    /// Include those that do not deliver to a webhook
    #[arg(long)]
    pub(crate) all: bool,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct SubscriptionShowArgs {
    /// Id, or its beginning
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

/// Whose subscription it is.
#[derive(Debug, Clone, Args)]
pub(crate) struct AddressArgs {
    /// Endpoint of the relay, created if it does not exist [default: default]
    #[arg(long, short, value_name = "NAME", conflicts_with = "address")]
    pub(crate) endpoint: Option<String>,
    /// Path below the endpoint, such as /webhook
    #[arg(long, value_name = "PATH", value_parser = path, conflicts_with = "address")]
    pub(crate) path: Option<String>,
    /// Another address instead of an endpoint of the relay
    #[arg(long, value_name = "URL")]
    pub(crate) address: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail subscriptions ensure sms
  ringtail subscriptions ensure -e shop calls voicemail --expires 30d
  ringtail subscriptions ensure '/restapi/v1.0/account/~/presence' --dry-run

It keeps what is right, updates other filters, renews what ends soon, and replaces what is
blacklisted. Before it creates one, it checks the address as `ringtail check` does. New ones get a
verification token, which is saved for the endpoint; RINGTAIL_VERIFICATION_TOKEN or the
configuration set another.")]
pub(crate) struct EnsureArgs {
    /// Event filters: short names such as sms, or paths
    #[arg(value_name = "FILTER", required = true)]
    pub(crate) filters: Vec<String>,
    #[command(flatten)]
    pub(crate) address: AddressArgs,
    /// Lifetime, such as 12h or 30d, at most 3650d
    #[arg(long, value_name = "TIME", value_parser = lifetime, default_value = "7d")]
    pub(crate) expires: u64,
    /// Print what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not check the address first
    #[arg(long)]
    pub(crate) no_check: bool,
    /// Delete other active subscriptions for the address
    #[arg(long)]
    pub(crate) yes: bool,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct RenewArgs {
    /// Ids, or their beginnings
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new(), required_unless_present = "mine")]
    pub(crate) ids: Vec<String>,
    /// Those of the endpoint
    #[arg(long, conflicts_with = "ids")]
    pub(crate) mine: bool,
    #[command(flatten)]
    pub(crate) address: AddressArgs,
    /// Lifetime, such as 12h or 30d, at most 3650d [default: 7d, or the time left if that is longer]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<u64>,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct RecreateArgs {
    /// Ids, or their beginnings
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new(), required_unless_present = "blacklisted")]
    pub(crate) ids: Vec<String>,
    /// Every webhook that is not active
    #[arg(long, conflicts_with = "ids")]
    pub(crate) blacklisted: bool,
    /// Lifetime, such as 12h or 30d, at most 3650d [default: 7d, or the time left if that is longer]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<u64>,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct DeleteArgs {
    /// Ids, or their beginnings
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new(), required_unless_present_any = ["mine", "stale"])]
    pub(crate) ids: Vec<String>,
    /// Those of the endpoint
    #[arg(long, conflicts_with_all = ["ids", "stale"])]
    pub(crate) mine: bool,
    /// Those whose address answers nothing, such as a tunnel that is gone
    #[arg(long, conflicts_with = "ids")]
    pub(crate) stale: bool,
    #[command(flatten)]
    pub(crate) address: AddressArgs,
    /// Delete what is listed
    #[arg(long)]
    pub(crate) yes: bool,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Look this often (10s, 5m); RingCentral allows 50 requests a minute for all programs of a login
    #[arg(long, value_name = "INTERVAL", value_parser = polling, default_value = "60s")]
    pub(crate) every: Duration,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct FiltersArgs {
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

/// Parses an interval that leaves others some of RingCentral's requests a minute.
fn polling(text: &str) -> Result<Duration, String> {
    match interval(text)? {
        every if every < Duration::from_secs(2) => Err("give 2s or more".to_owned()),
        every => Ok(every),
    }
}

/// Parses a lifetime into seconds.
fn lifetime(text: &str) -> Result<u64, String> {
    super::with_unit(text)
        .filter(|seconds| (60..=MAX_SECONDS).contains(seconds))
        .ok_or_else(|| "give a number with s, m, h or d, such as 30d, from 1m to 3650d".to_owned())
}

/// A profile is part of a file's name.
fn profile(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.len() <= 32 && text.chars().all(good) {
        true => Ok(text.to_owned()),
        false => Err("use letters, digits, hyphens and underscores, at most 32".to_owned()),
    }
}

fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("begin with /, and write other characters than ASCII as %xx".to_owned()),
    }
}
