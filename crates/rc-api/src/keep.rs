//! Keeps one active subscription for an address.

use jiff::Timestamp;
use ringtail_ringcentral::subscription::Subscription;
use ringtail_ringcentral::subscription::plan::{NextCall, Plan, Wanted, is_shorter, plan};
use secrecy::SecretString;

use crate::api::Api;
use crate::error::ApiError;
use crate::login::LoginFileError;
use crate::records::Records;

/// RingCentral's code for too many subscriptions.
const LIMIT: &str = "SUB-505";

/// Keeps one active subscription for an address. Each round lists, decides, and makes the calls.
#[derive(Debug)]
pub struct Keeper {
    /// The API.
    pub api: Api,
    /// What should be.
    pub wanted: Wanted,
    /// Verification token of new subscriptions, and of those that `wanted` names as owned.
    pub token: SecretString,
    /// Relay and endpoint of the record with the token and the owned ids. Each call reads it, and writes there at once which ids
    /// it creates and deletes.
    pub record: (String, String),
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing was to be done.
    Kept,
    /// Created.
    Created,
    /// Filters and lifetime were changed.
    Updated,
    /// Renewed.
    Renewed,
    /// Created in place of a broken one.
    Recreated,
}

impl Action {
    /// Returns its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Renewed => "renewed",
            Self::Recreated => "recreated",
        }
    }
}

/// The subscription after a round.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What was done.
    pub action: Action,
    /// The subscription.
    pub subscription: Subscription,
    /// The broken one that it replaces.
    pub replaced: Option<Subscription>,
    /// Further active subscriptions for the address, which others created.
    pub others: Vec<Subscription>,
    /// Whether the lifetime is shorter than wanted, although it is new.
    pub is_shorter: bool,
    /// Whether it was created here, with the verification token.
    pub is_owned: bool,
}

impl Keeper {
    /// Lists the subscriptions and decides what to do.
    ///
    /// # Errors
    /// When RingCentral cannot be reached or refuses.
    pub async fn look(&self) -> Result<Plan, ApiError> {
        let list = self.api.list().await?;
        Ok(plan(&list, &self.wanted, self.now()))
    }

    /// Does what is to be done. A failed try is followed by a new list, so that a call whose answer was lost is not repeated.
    ///
    /// # Errors
    /// When RingCentral refuses, or cannot be reached for about a minute.
    pub async fn ensure(&mut self) -> Result<Kept, ApiError> {
        // Another process must not create a second one between list and create.
        let _turn = self.turn().await?;
        let mut tries = 0;
        loop {
            let round = match self.look().await {
                Ok(plan) => self.act(plan).await,
                Err(error) => Err(error),
            };
            let error = match round {
                Ok(kept) => return Ok(kept),
                Err(error) => error,
            };
            let Some(pause) = error.retry(tries) else {
                return Err(error);
            };
            tries += 1;
            if !pause.is_zero() {
                let seconds = pause.as_secs();
                self.api
                    .tell(&format!("{error}; trying again in {seconds} s"));
                self.api.clock().sleep(pause).await;
            }
        }
    }

    /// Creates another subscription in place of an existing one, and then deletes that.
    ///
    /// # Errors
    /// As [`Keeper::ensure`], without a second try: the answer of the first may be lost.
    pub async fn recreate(&mut self, old: Subscription) -> Result<Kept, ApiError> {
        let _turn = self.turn().await?;
        self.replace(old, Vec::new()).await
    }

    /// Deletes what this machine created for the address.
    ///
    /// # Errors
    /// When RingCentral cannot be reached or refuses.
    pub async fn delete_owned(&mut self) -> Result<(), ApiError> {
        let _turn = self.turn().await?;
        let Wanted { address, owned, .. } = &self.wanted;
        let mut list = self.api.list().await?;
        list.retain(|it| it.is_for(address) && owned.contains(&it.id));
        for it in list {
            self.delete(&it.id).await?;
        }
        Ok(())
    }

    /// Waits until no other process has its turn, and reads what those before created.
    async fn turn(&mut self) -> Result<ringtail_files::Lock, LoginFileError> {
        let place = self.api.place();
        let turn = place.lock("ensure.lock").await?;
        let records = Records::read(place.directory())?;
        let (relay, endpoint) = &self.record;
        if let Some(record) = records.find(relay, endpoint) {
            self.wanted.owned.clone_from(&record.ids);
            self.token = record.token();
        }
        Ok(turn)
    }

    /// Changes the owned ids, in the record too.
    pub(crate) fn own(
        &mut self,
        change: impl FnOnce(&mut Vec<String>),
    ) -> Result<(), LoginFileError> {
        let owned = &mut self.wanted.owned;
        change(owned);
        let (relay, endpoint) = &self.record;
        Records::read(self.api.place().directory())?.keep(relay, endpoint, &self.token, owned)
    }

    /// Deletes a subscription, and removes it from the owned ids.
    async fn delete(&mut self, id: &str) -> Result<(), ApiError> {
        self.api.delete(id).await?;
        Ok(self.own(|owned| owned.retain(|it| it != id))?)
    }

    async fn act(&mut self, plan: Plan) -> Result<Kept, ApiError> {
        let Plan { step, others } = plan;
        match step {
            NextCall::Keep(it) => self.kept(Action::Kept, it, others).await,
            NextCall::Update(it) => {
                let seconds = self.wanted.seconds;
                let updated = self
                    .api
                    .update(&it.id, &self.wanted.filters, seconds)
                    .await?;
                self.kept(Action::Updated, updated, others).await
            }
            NextCall::Renew(it) => {
                let renewed = renew(&self.api, &it.id, self.wanted.seconds).await?;
                self.kept(Action::Renewed, renewed, others).await
            }
            NextCall::Recreate(it) => self.replace(it, others).await,
            NextCall::Create => {
                let created = self.create().await?;
                self.kept(Action::Created, created, others).await
            }
        }
    }

    async fn create(&mut self) -> Result<Subscription, ApiError> {
        let created = self.api.create(&self.wanted, &self.token).await?;
        self.own(|owned| owned.push(created.id.clone()))?;
        Ok(created)
    }

    async fn replace(
        &mut self,
        old: Subscription,
        others: Vec<Subscription>,
    ) -> Result<Kept, ApiError> {
        let created = match self.create().await {
            // A broken one delivers nothing, so nothing is lost when it makes room.
            Err(error) if error.refused_with() == Some(LIMIT) && !old.is_active(self.now()) => {
                self.api.delete(&old.id).await?;
                self.create().await?
            }
            other => other?,
        };
        self.delete(&old.id).await?;
        let mut kept = self.kept(Action::Recreated, created, others).await?;
        kept.replaced = Some(old);
        Ok(kept)
    }

    /// Deletes our leftover subscriptions, and reports.
    async fn kept(
        &mut self,
        action: Action,
        subscription: Subscription,
        others: Vec<Subscription>,
    ) -> Result<Kept, ApiError> {
        let now = self.now();
        let mut foreign = Vec::new();
        for other in others {
            if self.wanted.owned.contains(&other.id) {
                self.delete(&other.id).await?;
            } else if other.is_active(now) {
                foreign.push(other);
            }
        }
        Ok(Kept {
            action,
            is_shorter: action != Action::Kept
                && is_shorter(left(&subscription, now), self.wanted.seconds),
            is_owned: self.wanted.owned.contains(&subscription.id),
            subscription,
            replaced: None,
            others: foreign,
        })
    }

    fn now(&self) -> Timestamp {
        self.api.clock().now()
    }
}

/// Renews. Sources contradict each other about the lifetime that a renewal gives, so one that is short is set.
///
/// # Errors
/// When RingCentral cannot be reached or refuses.
pub async fn renew(api: &Api, id: &str, seconds: u64) -> Result<Subscription, ApiError> {
    let renewed = api.renew(id).await?;
    if !is_shorter(left(&renewed, api.clock().now()), seconds) {
        return Ok(renewed);
    }
    api.update(id, &renewed.event_filters, seconds).await
}

fn left(it: &Subscription, now: Timestamp) -> u64 {
    u64::try_from(it.seconds_left(now)).unwrap_or(0)
}
