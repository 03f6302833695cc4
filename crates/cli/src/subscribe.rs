//! `listen --subscribe`: keeps the subscription of an endpoint, and publishes its state in the engine's status.

mod stranger;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ringtail_client::engine::Engine;
use ringtail_errors::{Exit, Failure};
use ringtail_model::subscription::{SubscriptionState, SubscriptionStatus};
use ringtail_model::{EventRow, Watermarks};
use ringtail_protocol::event::Timestamp as Micros;
use ringtail_rc_api::{Action, Kept};
use ringtail_ringcentral::subscription::plan::{Wanted, is_due};
use ringtail_ringcentral::subscription::{DEFAULT_SECONDS, Subscription};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use self::stranger::Stranger;
use crate::args::Common;
use crate::command::subscriptions::{Cloud, Owner, Since, explain};
use crate::output::note;

/// Pause between two looks at RingCentral; GET is in the group Light, of 50 a minute.
const PAUSE: Duration = Duration::from_secs(60);

/// Pause after a refusal, which only a person can mend.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);

/// How long a round in progress, and deleting, may take on exit.
const EXIT_TIME: Duration = Duration::from_secs(10);

/// Topic of RingCentral's reminders to renew.
const REMINDER: &str = "renewal-reminder";

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
            address: endpoint.url.clone(),
        };
        let seen = Mutex::new(Seen::default());
        let reminder = Notify::new();
        let watched = Watched {
            engine,
            owner: &owner,
            endpoint: &endpoint.id,
            seen: &seen,
            reminder: &reminder,
        };
        let rounds = self.rounds(common, &watched, ended);
        let events = watched.events();
        let late = async {
            ended.cancelled().await;
            tokio::time::sleep(EXIT_TIME).await;
        };
        // A round in progress goes on after the end, so that what it creates is known the next time.
        tokio::select! {
            biased;
            () = rounds => {}
            () = events => {}
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

    async fn rounds(&self, common: &Common, watched: &Watched<'_>, ended: &CancellationToken) {
        let Watched { engine, owner, .. } = watched;
        // Until a round succeeds.
        let mut is_reminded = false;
        while !ended.is_cancelled() {
            let since = Since::now();
            let round = async {
                let filters = self.filters.clone();
                let mut keeper = self.cloud.keeper(owner, filters, DEFAULT_SECONDS)?;
                keeper.wanted.is_reminded = is_reminded;
                let kept = keeper.ensure().await;
                match kept {
                    Ok(kept) => {
                        watched.kept(&kept, keeper.wanted).await?;
                        Ok(kept)
                    }
                    Err(error) => Err(explain(&self.cloud, common, owner, error, &since).await),
                }
            };
            let pause = match round.await {
                Ok(kept) => {
                    is_reminded = false;
                    publish(engine, active(&kept));
                    watched.publish_stranger().await;
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
                () = watched.reminder.notified() => is_reminded = true,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn delete(&self, owner: &Owner) -> Result<(), Failure> {
        let mut keeper = self.cloud.keeper(owner, Vec::new(), DEFAULT_SECONDS)?;
        Ok(keeper.delete_owned().await?)
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

/// What the rounds and the endpoint's events tell each other.
struct Watched<'a> {
    engine: &'a Engine,
    owner: &'a Owner,
    endpoint: &'a str,
    seen: &'a Mutex<Seen>,
    /// RingCentral sent a reminder to renew.
    reminder: &'a Notify,
}

#[derive(Default)]
struct Seen {
    /// The subscription of the last round, and what it should be.
    kept: Option<(Subscription, Wanted)>,
    stranger: Stranger,
}

impl Watched<'_> {
    /// Takes the result of a round.
    async fn kept(&self, kept: &Kept, wanted: Wanted) -> Result<(), Failure> {
        let id = &kept.subscription.id;
        // The last events of the replaced one may still be under way.
        let mut ids = wanted.owned.clone();
        ids.extend(kept.replaced.as_ref().map(|it| it.id.clone()));
        ids.push(id.clone());
        let history = self.engine.history();
        history.keep_subscriptions(self.endpoint, ids).await?;
        let mut seen = self.seen.lock().await;
        seen.stranger.listed(id, &kept.others, Instant::now());
        seen.kept = Some((kept.subscription.clone(), wanted));
        Ok(())
    }

    async fn publish_stranger(&self) {
        let id = self.seen.lock().await.stranger.id().map(str::to_owned);
        self.engine.set_subscription(|status| {
            if let Some(status) = status {
                status.stranger = id;
            }
        });
    }

    /// Reads the events that come, for strangers and for reminders.
    async fn events(&self) {
        let history = self.engine.history();
        let mut watermarks = history.watermarks();
        let Watermarks {
            events: mut last, ..
        } = self.engine.start();
        loop {
            watermarks.mark_unchanged();
            let page = history.events_after(last, PAGE).await.unwrap_or_default();
            for event in &page {
                last = event.row;
                if event.endpoint != self.endpoint {
                    continue;
                }
                if let Some(id) = event.stranger() {
                    self.seen.lock().await.stranger.sent(id, Instant::now());
                    self.publish_stranger().await;
                }
                if event.topic == REMINDER && self.is_due(event, Timestamp::now()).await {
                    self.reminder.notify_one();
                }
            }
            if page.is_empty() && watermarks.changed().await.is_err() {
                // The history is closed; the rounds decide when to end.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns whether a renewal is needed when a reminder comes: anybody who knows the address can send one.
    async fn is_due(&self, reminder: &EventRow, now: Timestamp) -> bool {
        let mut seen = self.seen.lock().await;
        let Some((kept, wanted)) = &mut seen.kept else {
            return false;
        };
        wanted.is_reminded = true;
        reminder.subscription.as_deref() == Some(&kept.id) && is_due(kept, wanted, now)
    }
}
