//! `accounts`: manages accounts and their tokens.

use clap::Subcommand;
use ringtail_errors::{Context as _, Exit, Failure};
use ringtail_protocol::name::Name;

use super::database::DatabaseArgs;
use crate::accounts::{AccountInfo, Accounts};
use crate::output;
use crate::rfc3339;

#[derive(Debug, clap::Args)]
pub(super) struct AccountsArgs {
    #[command(subcommand)]
    action: AccountsAction,
}

#[derive(Debug, Subcommand)]
enum AccountsAction {
    /// Add an account and print its token, which is not shown again
    Add(AccountArgs),
    /// List accounts
    List(DatabaseArgs),
    /// Replace an account's token and print the new one
    Rotate(AccountArgs),
    /// Revoke an account's token; its endpoints keep receiving
    Revoke(AccountArgs),
}

#[derive(Debug, clap::Args)]
struct AccountArgs {
    /// Name the account: a-z, 0-9 and single hyphens
    #[arg(value_name = "NAME", value_parser = Name::parse)]
    name: Name,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) fn run(args: &AccountsArgs) -> Result<Exit, Failure> {
    match &args.action {
        AccountsAction::Add(named) => {
            let (database, new) = named.database.or_new()?;
            let token = database.accounts()?.add(&named.name)?;
            if let Some(data) = new {
                let data = std::path::absolute(&data).unwrap_or(data);
                output::say(format_args!(
                    "{} is new: a relay that serves from another directory does not know this account",
                    data.display()
                ));
            }
            tell(named, "added");
            output::data(token.expose()).context("the token could not be printed")?;
        }
        AccountsAction::Rotate(named) => {
            let token = existing(&named.database)?.rotate(&named.name)?;
            tell(named, "rotated");
            output::data(token.expose()).context("the token could not be printed")?;
        }
        AccountsAction::Revoke(named) => {
            existing(&named.database)?.revoke(&named.name)?;
            output::say(format_args!(
                "account {} revoked: its links end within a second, its endpoints keep receiving",
                named.name
            ));
        }
        AccountsAction::List(database) => {
            for account in existing(database)?.list()? {
                output::unless_closed(output::data(line(&account)))
                    .context("the list could not be printed")?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn existing(database: &DatabaseArgs) -> Result<Accounts, Failure> {
    Ok(database.existing()?.accounts()?)
}

fn tell(named: &AccountArgs, what: &str) {
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
        rfc3339::of_event(account.created_at),
        rfc3339::of_event(account.changed_at)
    )
}
