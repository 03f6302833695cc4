//! Follows what other processes change: ends links whose token was revoked or rotated, or whose endpoint was deleted, and
//! learns new endpoints.

use super::LinkContext;
use super::registry::LinkEnd;
use crate::accounts::AccountsError;
use crate::shutdown::Phase;

/// Watches the accounts until the relay drains.
pub(crate) async fn watch(context: LinkContext) {
    let mut handled = None;
    let mut is_failing = false;
    loop {
        tokio::select! {
            biased;
            () = context.shutdown.reached(Phase::Draining) => return,
            () = context.accounts.told_of_change() => {}
            () = tokio::time::sleep(context.limits.accounts_interval) => {}
        }
        let followed = tokio::select! {
            biased;
            () = context.shutdown.reached(Phase::Draining) => return,
            followed = follow(&context, handled) => followed,
        };
        match followed {
            Ok(revision) => {
                handled = Some(revision);
                is_failing = false;
            }
            // Once: it is tried twice a second.
            Err(_) if is_failing => {}
            Err(error) => {
                is_failing = true;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "could not read accounts");
            }
        }
    }
}

/// Does what changes since a revision call for, and returns the present revision. After an error, all of it is done again.
async fn follow(context: &LinkContext, handled: Option<i64>) -> Result<i64, AccountsError> {
    let revision = context.accounts.revision().await?;
    if handled != Some(revision) {
        let ended = end_revoked(context).await;
        refresh(context).await?;
        ended?;
    }
    Ok(revision)
}

/// Puts endpoints of other relays into the table, and removes deleted ones, so that they answer 404 and their links end.
async fn refresh(context: &LinkContext) -> Result<(), AccountsError> {
    let deleted = context.accounts.refresh().await?;
    if !deleted.is_empty() {
        tracing::info!(endpoints = deleted.len(), "endpoints deleted");
        let links = &context.links;
        links.end_where(LinkEnd::Deleted, |link| deleted.contains(&link.endpoint));
    }
    Ok(())
}

async fn end_revoked(context: &LinkContext) -> Result<(), AccountsError> {
    for account in context.links.accounts() {
        if !context.accounts.is_current(account.clone()).await? {
            let links = &context.links;
            links.end_where(LinkEnd::Revoked, |link| link.account == account);
        }
    }
    Ok(())
}
