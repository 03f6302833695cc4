//! Follows what other processes change: ends links whose token was revoked or rotated, or whose endpoint was deleted, and
//! learns new endpoints.

use super::context::LinkContext;
use super::registry::LinkEnd;
use crate::shutdown::Phase;

/// Watches the accounts until the relay drains.
pub(crate) async fn watch(context: LinkContext) {
    let mut is_failing = false;
    loop {
        tokio::select! {
            biased;
            () = context.shutdown.reached(Phase::Draining) => return,
            () = context.accounts.told_of_change() => {}
            () = tokio::time::sleep(context.limits.accounts_interval) => {}
        }
        match context.accounts.changed().await {
            Ok(false) => is_failing = false,
            Ok(true) => {
                is_failing = false;
                end_revoked(&context).await;
                refresh(&context).await;
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

/// Puts endpoints of other relays into the table, and removes deleted ones, so that they answer 404 and their links end.
async fn refresh(context: &LinkContext) {
    match context.accounts.refresh().await {
        Ok(deleted) if deleted.is_empty() => {}
        Ok(deleted) => {
            tracing::info!(endpoints = deleted.len(), "endpoints deleted");
            let links = &context.links;
            links.end_where(LinkEnd::Deleted, |link| deleted.contains(&link.endpoint));
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "could not read endpoints");
        }
    }
}

async fn end_revoked(context: &LinkContext) {
    for account in context.links.accounts() {
        if !context.is_current(&account).await {
            let links = &context.links;
            links.end_where(LinkEnd::Revoked, |link| link.account == account);
        }
    }
}
