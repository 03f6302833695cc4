//! `listen --subscribe`: keeps the subscription of an endpoint, and publishes its state in the engine's status.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use ringtail_client::engine::Engine;
use ringtail_errors::{Exit, Failure};
use ringtail_model::subscription::{SubscriptionState, SubscriptionStatus};
use ringtail_model::{LinkState, Watermarks};
use ringtail_protocol::event::{Kind, Timestamp as Micros};
use ringtail_rc_api::{Action, Keeper, Kept};
use ringtail_ringcentral::envelope::Envelope;
use ringtail_ringcentral::subscription::DEFAULT_SECONDS;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::args::Common;
use crate::command::subscriptions::{Cloud, Owner, Seen, explain};
use crate::output::note;

/// Pause between two looks at RingCentral; GET is in the group Light, of 50 a minute.
const PAUSE: Duration = Duration::from_secs(60);

/// Pause after a refusal, which only a person can mend.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);

/// How long a round in progress, and deleting, may take on exit.
const EXIT_TIME: Duration = Duration::from_secs(10);

/// Events that are read at once.
const PAGE: usize = 100;

/// Subscriptions for endpoints.
#[derive(Debug)]
pub(crate) struct Subscribe {
    pub(crate) cloud: Cloud,
    /// Event filters.
    pub(crate) filters: Vec<String>,
    /// Deletes what it keeps when `listen` ends.
    pub(crate) delete_on_exit: bool,
}

impl Subscribe {
    /// Has a verification token for an endpoint before its engine starts, so that it is known when the first event comes.
    pub(crate) fn prepare(&self, relay: &str, endpoint: &str) -> Result<(), Failure> {
        let owner = Owner {
            relay: relay.to_owned(),
            name: endpoint.to_owned(),
            address: String::new(),
        };
        self.cloud.keeper(&owner, Vec::new(), 0).map(drop)
    }

    /// Keeps the subscription of an engine's endpoint until the engine has ended. Failures are published and tried again.
    pub(crate) async fn keep(&self, common: &Common, engine: &Engine, ended: &CancellationToken) {
        publish(engine, SubscriptionState::Checking);
        let mut status = engine.status();
        let known = status.wait_for(|status| status.endpoint.is_some());
        let endpoint = tokio::select! {
            biased;
            () = ended.cancelled() => return,
            known = known => known.ok().map(|it| (it.name.clone(), it.endpoint.clone())),
        };
        let (Some((name, Some(endpoint))), Some(relay)) = (endpoint, &self.cloud.config.relay)
        else {
            return;
        };
        let owner = Owner {
            relay: relay.to_string(),
            name,
            address: endpoint.url,
        };
        // Ids of subscriptions whose events are expected.
        let expected = Mutex::new(HashSet::new());
        let rounds = self.rounds(common, engine, &owner, &expected, ended);
        let strangers = strangers(engine, &endpoint.id, &expected);
        let late = async {
            ended.cancelled().await;
            tokio::time::sleep(EXIT_TIME).await;
        };
        // A round in progress goes on after the end, so that what it creates is known the next time.
        tokio::select! {
            biased;
            () = rounds => {}
            () = strangers => {}
            () = late => {}
        }
        if self.delete_on_exit {
            let deleted = tokio::time::timeout(EXIT_TIME, self.delete(&owner)).await;
            if !matches!(deleted, Ok(Ok(()))) {
                note(
                    "the subscription could not be deleted: `ringtail subscriptions delete --mine --yes`\n",
                );
            }
        }
    }

    async fn rounds(
        &self,
        common: &Common,
        engine: &Engine,
        owner: &Owner,
        expected: &Mutex<HashSet<String>>,
        ended: &CancellationToken,
    ) {
        while !ended.is_cancelled() {
            let since = Timestamp::now();
            let round = async {
                let filters = self.filters.clone();
                let mut keeper = self.cloud.keeper(owner, filters, DEFAULT_SECONDS)?;
                let kept = keeper.ensure().await;
                self.cloud.save(owner, &keeper)?;
                match kept {
                    Ok(kept) => Ok(kept),
                    Err(error) => {
                        let is_connected = engine.status().borrow().link == LinkState::Connected;
                        let seen = Seen {
                            since,
                            is_connected,
                        };
                        Err(explain(&self.cloud, common, owner, error, seen).await)
                    }
                }
            };
            let pause = match round.await {
                Ok(kept) => {
                    let mut expected = expected.lock().await;
                    expected.insert(kept.subscription.id.clone());
                    // Its last events may still be under way.
                    expected.extend(kept.replaced.as_ref().map(|it| it.id.clone()));
                    publish(engine, active(&kept));
                    PAUSE
                }
                Err(failure) => {
                    tracing::warn!(code = failure.code().id, "cannot keep the subscription");
                    let state = SubscriptionState::Failing {
                        code: failure.code().id,
                        reason: failure.line(),
                    };
                    publish(engine, state);
                    match failure.exit() {
                        Exit::CutOff => PAUSE,
                        _ => REFUSED_PAUSE,
                    }
                }
            };
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn delete(&self, owner: &Owner) -> Result<(), Failure> {
        let mut keeper: Keeper = self.cloud.keeper(owner, Vec::new(), DEFAULT_SECONDS)?;
        for id in std::mem::take(&mut keeper.wanted.owned) {
            self.cloud.api.delete(&id).await?;
        }
        self.cloud.save(owner, &keeper)
    }
}

fn active(kept: &Kept) -> SubscriptionState {
    let it = &kept.subscription;
    let replaced = kept.replaced.as_ref();
    let replaced = replaced.map(|old| old.why_broken().to_owned());
    SubscriptionState::Active {
        id: it.id.clone(),
        ends: it.expiration_time.map(|end| Micros(end.as_microsecond())),
        action: (kept.action != Action::Kept).then(|| kept.action.word()),
        replaced,
        disabled: (it.disabled_filters.iter())
            .map(|it| format!("{} ({})", it.filter, it.why()))
            .collect(),
    }
}

/// Publishes a state. A round that only looked and found no change leaves what the round before did.
fn publish(engine: &Engine, state: SubscriptionState) {
    use SubscriptionState::Active;
    engine.set_subscription(|status| {
        let before = status.as_ref().map(|it| &it.state);
        if let (
            Some(Active {
                id: old_id,
                ends: old_ends,
                disabled: old_disabled,
                ..
            }),
            Active {
                id,
                ends,
                disabled,
                action: None,
                ..
            },
        ) = (before, &state)
            && (old_id, old_ends, old_disabled) == (id, ends, disabled)
        {
            return;
        }
        let stranger = status.take().and_then(|it| it.stranger);
        *status = Some(Box::new(SubscriptionStatus { state, stranger }));
    });
}

/// Publishes the id of a subscription that is not expected and whose events come all the same: the usual cause of events
/// that come twice.
async fn strangers(engine: &Engine, endpoint: &str, expected: &Mutex<HashSet<String>>) {
    let history = engine.history();
    let mut watermarks = history.watermarks();
    let Watermarks {
        events: mut last, ..
    } = engine.start();
    loop {
        watermarks.mark_unchanged();
        let page = history.events_after(last, PAGE).await.unwrap_or_default();
        for event in &page {
            last = event.row;
            if event.endpoint != endpoint || event.kind != Kind::Notification {
                continue;
            }
            let Ok(Some(detail)) = history.event(event.id).await else {
                continue;
            };
            let text = String::from_utf8_lossy(&detail.body);
            let Some(id) = Envelope::parse(&text).subscription_id else {
                continue;
            };
            let expected = expected.lock().await;
            if !expected.is_empty() && !expected.contains(id.as_ref()) {
                engine.set_subscription(|status| {
                    if let Some(status) = status {
                        status.stranger = Some(id.into_owned());
                    }
                });
            }
        }
        if page.is_empty() && watermarks.changed().await.is_err() {
            // The history is closed; the rounds decide when to end.
            std::future::pending::<()>().await;
        }
    }
}
