//! `accounts`: who may use the relay.

use clap::Subcommand;
use jiff::Timestamp;
use ringtail_errors::{Context as _, Exit, Failure};
use ringtail_protocol::name::Name;

use super::Data;
use crate::accounts::{AccountInfo, Accounts};
use crate::output;
use crate::store::DataDir;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add an account and print its token, which is not shown again
    Add(Named),
    /// List accounts
    List(Data),
    /// Give an account a new token and print it; the old one stops counting
    Rotate(Named),
    /// Take an account's token away; its endpoints keep receiving
    Revoke(Named),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// Name the account: a-z, 0-9 and single hyphens
    #[arg(value_name = "NAME", value_parser = Name::parse)]
    name: Name,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.action {
        Action::Add(named) => {
            let is_new = DataDir::open_existing(&named.data.data).is_err();
            let token = Accounts::open(&DataDir::open(&named.data.data)?)?.add(&named.name)?;
            if is_new {
                let data = &named.data.data;
                let data = std::path::absolute(data).unwrap_or_else(|_| data.clone());
                output::say(format_args!(
                    "no relay has served from {} yet: one that runs elsewhere knows this account only if its --data \
                     is given here",
                    data.display()
                ));
            }
            tell(named, "added");
            output::data(token.expose()).context("the token could not be printed")?;
        }
        Action::Rotate(named) => {
            let token = existing(&named.data)?.rotate(&named.name)?;
            tell(named, "rotated");
            output::data(token.expose()).context("the token could not be printed")?;
        }
        Action::Revoke(named) => {
            existing(&named.data)?.revoke(&named.name)?;
            output::say(format_args!(
                "account {} revoked: its links end within a second, its endpoints keep receiving",
                named.name
            ));
        }
        Action::List(data) => {
            for account in existing(data)?.list()? {
                output::data(line(&account)).context("the list could not be printed")?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn existing(data: &Data) -> Result<Accounts, Failure> {
    Ok(Accounts::open(&DataDir::open_existing(&data.data)?)?)
}

fn tell(named: &Named, what: &str) {
    output::say(format_args!(
        "account {} {what}: keep this token, it is not shown again; `ringtail login` asks for it",
        named.name
    ));
}

/// Name, state, endpoints and times, with tabs between for `cut`.
fn line(account: &AccountInfo) -> String {
    let state = if account.revoked { "revoked" } else { "active" };
    format!(
        "{}\t{state}\t{}\t{}\t{}",
        account.name,
        account.endpoints,
        shown(account.created_at.0),
        shown(account.changed_at.0)
    )
}

fn shown(micros: i64) -> String {
    Timestamp::from_microsecond(micros)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_else(|_| "unknown".to_owned())
}
