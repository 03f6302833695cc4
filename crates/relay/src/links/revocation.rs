//! Ends links whose token was revoked or rotated, or whose endpoint was deleted, by another process.

use super::context::LinkContext;
use super::registry::LinkEnd;
use crate::shutdown::Phase;

/// Watches the accounts until the relay drains.
pub(crate) async fn watch(context: LinkContext) {
    loop {
        tokio::select! {
            biased;
            () = context.shutdown.reached(Phase::Draining) => return,
            () = tokio::time::sleep(context.limits.accounts_interval) => {}
        }
        match context.accounts.changed().await {
            Ok(false) => {}
            Ok(true) => {
                end_revoked(&context).await;
                forget_deleted(&context).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "could not read accounts");
            }
        }
    }
}

/// Removes deleted endpoints from the table, so that they answer 404, and ends their links.
async fn forget_deleted(context: &LinkContext) {
    match context.accounts.forget_deleted().await {
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
