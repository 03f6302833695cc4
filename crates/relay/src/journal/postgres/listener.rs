//! What other relays change: heads, and accounts.
//!
//! A relay notifies after its commit, and may die before. So each second the heads of watched endpoints are read as well.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::AsyncMessage;

use crate::journal::EndpointKey;
use crate::journal::heads::Heads;
use crate::postgres::{Postgres, PostgresError, Session};

/// How often heads are read, notified or not.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long the server may take to answer a look.
const LOOK_TIME: Duration = Duration::from_secs(5);

/// Pause before a lost connection is opened again.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);

/// Advances the heads as other relays commit. Never returns.
pub(super) async fn listen(postgres: Postgres, heads: Arc<Heads>) {
    let mut was_connected = true;
    loop {
        match follow(&postgres, &heads, &mut was_connected).await {
            Ok(()) => {}
            Err(error) if was_connected => {
                was_connected = false;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "lost the notifications of PostgreSQL; reconnecting");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "PostgreSQL still cannot be reached");
            }
        }
        sleep(RECONNECT_DELAY).await;
    }
}

/// Follows one connection until it ends.
async fn follow(
    postgres: &Postgres,
    heads: &Heads,
    was_connected: &mut bool,
) -> Result<(), PostgresError> {
    postgres.opened().await?;
    let (mut session, mut connection) = postgres.dial().await?;
    let messages = stream::poll_fn(move |context| connection.poll_message(context));
    // The connection may not be polled again after an error.
    let messages = messages.take_while(|message| future::ready(message.is_ok()));
    let receive = messages.for_each(|message| {
        if let Ok(AsyncMessage::Notification(notification)) = message {
            match notification.channel() {
                "ringtail_heads" => heads.advance(parse(notification.payload())),
                _ => postgres.accounts_changed().notify_one(),
            }
        }
        future::ready(())
    });
    let look = async {
        session
            .batch("SET search_path = ringtail; LISTEN ringtail_heads; LISTEN ringtail_accounts")
            .await?;
        // What changed before the first notification.
        heads.advance(all_heads(&mut session).await?);
        *was_connected = true;
        let mut ticks = interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let watched: Vec<i64> = heads.watched().into_iter().map(|it| it.0).collect();
            if watched.is_empty() {
                continue;
            }
            let looked = timeout(LOOK_TIME, watched_heads(&mut session, &watched)).await;
            heads.advance(looked.map_err(|_elapsed| PostgresError::Slow(LOOK_TIME))??);
        }
    };
    tokio::select! {
        biased;
        () = receive => Ok(()),
        looked = look => looked,
    }
}

/// Reads the heads of all endpoints that ever had an event.
pub(super) async fn all_heads(
    session: &mut Session,
) -> Result<Vec<(EndpointKey, u64)>, PostgresError> {
    let select = "SELECT key, next_seq - 1 FROM endpoint WHERE next_seq > 1";
    rows(session.query(select, &[]).await?)
}

async fn watched_heads(
    session: &mut Session,
    watched: &[i64],
) -> Result<Vec<(EndpointKey, u64)>, PostgresError> {
    let select = "SELECT key, next_seq - 1 FROM endpoint WHERE key = ANY($1)";
    rows(session.query(select, &[&watched]).await?)
}

fn rows(rows: Vec<tokio_postgres::Row>) -> Result<Vec<(EndpointKey, u64)>, PostgresError> {
    let heads = rows.into_iter().map(|row| {
        let head = row.try_get::<_, i64>(1)?.unsigned_abs();
        Ok((EndpointKey(row.try_get(0)?), head))
    });
    heads.collect()
}

/// Parses `KEY:HEAD KEY:HEAD`; anything else is left out.
fn parse(payload: &str) -> impl Iterator<Item = (EndpointKey, u64)> + '_ {
    payload.split(' ').filter_map(|pair| {
        let (key, head) = pair.split_once(':')?;
        Some((EndpointKey(key.parse().ok()?), head.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_as_far_as_it_makes_sense() {
        let heads: Vec<_> = parse("1:5 x 2: 3:7 :1 4:-1").collect();
        assert_eq!(heads, [(EndpointKey(1), 5), (EndpointKey(3), 7)]);
    }
}
