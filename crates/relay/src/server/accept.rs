//! The accept loop of the public listener.

use std::sync::Arc;

use tokio::net::TcpListener;

use super::connection::{self, ListenerContext};
use crate::metrics::Limit;
use crate::net::proxies::Caller;
use crate::net::socket;

/// Accepts connections until the relay drains.
pub(super) async fn accept(listener: TcpListener, context: Arc<ListenerContext>) {
    let limits = &context.limits;
    let metrics = &context.metrics;
    while let Some((socket, peer)) =
        socket::accept(&listener, &context.shutdown, limits.accept_pause).await
    {
        // A proxy's connections carry many callers, who count once they are known.
        let counted = (!context.proxies.trusts(peer.ip())).then(|| peer.ip());
        match context.admission.admit(counted) {
            Ok(slot) => {
                if slot.evicted_another() {
                    metrics.limits.hit(Limit::Connections);
                }
                let owner = context.proxies.owner(Caller::Peer(peer));
                let connection = connection::serve(context.clone(), socket, peer, slot);
                let connection = context.turns.take(owner, connection);
                context.shutdown.connections.spawn(connection);
            }
            Err(limit) => {
                metrics.limits.hit(limit);
                tracing::debug!(limit = limit.name(), "too many connections");
            }
        }
    }
}
