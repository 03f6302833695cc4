//! Accounts for a serving relay: the store's calls run off the runtime.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use ringtail_protocol::name::Name;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::account::Account;
use super::endpoint::{EndpointRecord, MAX_ID_BYTES};
use super::error::AccountsError;
use super::known::KnownFile;
use super::store::Accounts;
use super::table::EndpointTable;
use super::token::Token;
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;

/// Cloneable handle to [`Accounts`] and its table of endpoints.
#[derive(Debug, Clone)]
pub struct SharedAccounts {
    accounts: Arc<Accounts>,
    table: Arc<EndpointTable>,
    /// Held from reading the store to changing the table, so that no older state replaces a newer one.
    filling: Arc<Mutex<()>>,
    lookups: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    /// Where the table is kept for a start without the database.
    known: Arc<OnceLock<KnownFile>>,
}

/// Unknown ids that are looked up at once.
const LOOKUPS: usize = 4;

/// How long a caller waits for the look. RingCentral waits for three seconds.
const LOOKUP_TIME: Duration = Duration::from_secs(2);

/// Calls of the store that block a thread at once. While a database does not answer, those of clients that have given up
/// would otherwise take all threads, and connecting to the database needs one.
const CALLS: usize = 8;

impl SharedAccounts {
    /// Loads the table of endpoints. Blocks.
    pub fn new(accounts: Accounts) -> Result<Self, AccountsError> {
        let endpoints = accounts.all_endpoints()?;
        Ok(Self::with(accounts, endpoints))
    }

    /// Begins with endpoints that are known from an earlier run.
    pub(crate) fn with(accounts: Accounts, endpoints: Vec<EndpointRecord>) -> Self {
        Self {
            accounts: Arc::new(accounts),
            table: Arc::new(EndpointTable::new(endpoints)),
            filling: Arc::default(),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            calls: Arc::new(Semaphore::new(CALLS)),
            known: Arc::default(),
        }
    }

    /// Keeps the table in a file from now on. Blocks.
    pub(crate) fn keep(&self, file: KnownFile) {
        drop(self.known.set(file));
        self.saver()();
    }

    /// Returns what saves a changed table; it blocks.
    fn saver(&self) -> impl Fn() + Send + 'static {
        let (known, table) = (self.known.clone(), self.table.clone());
        move || {
            if let Some(known) = known.get() {
                known.write(&table);
            }
        }
    }

    /// Returns the table of endpoints; [`SharedAccounts::endpoint`] keeps it complete.
    #[must_use]
    pub fn table(&self) -> &Arc<EndpointTable> {
        &self.table
    }

    /// See [`Accounts::authenticate`].
    pub async fn authenticate(&self, token: Token) -> Result<Option<Account>, AccountsError> {
        self.off_runtime(move |accounts| accounts.authenticate(&token))
            .await?
    }

    /// See [`Accounts::is_current`].
    pub async fn is_current(&self, account: Account) -> Result<bool, AccountsError> {
        self.off_runtime(move |accounts| accounts.is_current(&account))
            .await?
    }

    /// See [`Accounts::revision`].
    pub async fn revision(&self) -> Result<i64, AccountsError> {
        self.off_runtime(Accounts::revision).await?
    }

    /// See [`Accounts::endpoint`]. The endpoint is in the table when this returns. `verify_token` sets its verify token;
    /// `Some(None)` removes it.
    ///
    /// # Errors
    /// When the account has too many endpoints, or the store fails.
    pub async fn endpoint(
        &self,
        account: Account,
        name: Name,
        verify_token: Option<Option<VerifyTokenHash>>,
    ) -> Result<Arc<EndpointRecord>, AccountsError> {
        let (table, filling) = (self.table.clone(), self.filling.clone());
        let save = self.saver();
        // In the same blocking call, so that a caller that is dropped cannot leave the table incomplete.
        self.off_runtime(move |accounts| {
            let _filling = filling.lock();
            let endpoint = accounts.endpoint(&account, &name)?;
            if let Some(token) = verify_token.filter(|token| *token != endpoint.verify_token) {
                let changed = table.insert(accounts.set_verify_token(&endpoint, token)?);
                save();
                return Ok(changed);
            }
            Ok(match table.find(&endpoint.id) {
                Some(known) => known,
                None => {
                    let new = table.insert(endpoint);
                    save();
                    new
                }
            })
        })
        .await?
    }

    /// Returns the endpoint of that id. One that the table lacks is looked up, because another relay may have created it a
    /// moment ago: a few at a time, because strangers may ask for anything.
    pub(crate) async fn find(&self, id: &str) -> Option<Arc<EndpointRecord>> {
        let known = self.table.find(id);
        if known.is_some() || id.len() > MAX_ID_BYTES || self.accounts.told_of_changes().is_none() {
            return known;
        }
        let permit = self.lookups.clone().try_acquire_owned().ok()?;
        let (table, filling, id) = (self.table.clone(), self.filling.clone(), id.to_owned());
        let found = self.off_runtime(move |accounts| {
            let _permit = permit;
            let _filling = filling.lock();
            let found = accounts.find_id(&id)?;
            Ok::<_, AccountsError>(found.map(|endpoint| table.insert(endpoint)))
        });
        match timeout(LOOKUP_TIME, found).await {
            Ok(Ok(Ok(found))) => found,
            Ok(Ok(Err(error)) | Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "could not look an endpoint up");
                None
            }
            Err(_elapsed) => None,
        }
    }

    /// Returns the account's endpoint of that name.
    pub async fn find_endpoint(
        &self,
        account: Account,
        name: Name,
    ) -> Result<Option<Arc<EndpointRecord>>, AccountsError> {
        let found = self.off_runtime(move |accounts| accounts.find_endpoint(&account, &name));
        Ok(found.await??.map(Arc::new))
    }

    /// Returns whether other relays may serve the same endpoints.
    pub(crate) fn has_other_relays(&self) -> bool {
        self.accounts.told_of_changes().is_some()
    }

    /// Waits until another relay may have changed accounts or endpoints. Never returns if it cannot tell.
    pub(crate) async fn told_of_change(&self) {
        match self.accounts.told_of_changes() {
            Some(told) => told.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Brings the table up to date with what other processes created, changed and deleted, and returns the keys of deleted
    /// endpoints.
    pub(crate) async fn refresh(&self) -> Result<Vec<EndpointKey>, AccountsError> {
        let (table, filling) = (self.table.clone(), self.filling.clone());
        let save = self.saver();
        self.off_runtime(move |accounts| {
            let _filling = filling.lock();
            let mut there = HashSet::new();
            for endpoint in accounts.all_endpoints()? {
                there.insert(endpoint.key);
                if table.find(&endpoint.id).as_deref() != Some(&endpoint) {
                    table.insert(endpoint);
                }
            }
            let removed = table.remove_where(|it| !there.contains(&it.key));
            save();
            Ok(removed)
        })
        .await?
    }

    async fn off_runtime<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts) -> T + Send + 'static,
    ) -> Result<T, AccountsError> {
        let permit = Arc::clone(&self.calls).acquire_owned().await;
        let permit = permit.map_err(|_| AccountsError::ShuttingDown)?;
        let accounts = Arc::clone(&self.accounts);
        let call = tokio::task::spawn_blocking(move || {
            // Held until the call ends, even if the caller has gone.
            let _permit = permit;
            work(&accounts)
        });
        call.await.map_err(|_| AccountsError::ShuttingDown)
    }
}
