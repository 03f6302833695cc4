//! Certificates from an ACME authority (RFC 8555).
//!
//! One task waits until a renewal is needed, places an order, answers the authority's challenge (TLS-ALPN-01 on the
//! public listener, or HTTP-01 on the plain one), checks the new certificate, saves it, and uses it. The old certificate
//! stays in use until then.

mod challenges;
mod client;
mod order;
mod pace;
mod renewal;
mod store;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::{Account, CertificateIdentifier, NewAccount};
use rustls::sign::CertifiedKey;
use tokio::time;

pub(crate) use self::challenges::Challenges;
pub(super) use self::challenges::{PROTOCOL, server_config};
pub use self::client::AcmeClientError;
use self::client::AcmeHttp;
use self::order::{OrderError, Wanted};
use self::pace::{ChallengeKind, Orders, Outcome};
pub use self::store::AcmeFileError;
use self::store::{SaveError, Store};
use super::KeeperContext;
use super::TlsError;
use super::settings::Acme;
use crate::limits::{CERTIFICATE_INTERVAL, ORDER_TIMEOUT};
use crate::public_url::Host;
use crate::rfc3339;

/// Shortest wait after the authority's rate limit.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// How often to recompute when to renew: the clock may have been set back.
const RECOMPUTE: Duration = Duration::from_secs(60 * 60);

/// Orders and renews certificates.
#[derive(Debug)]
pub(crate) struct AcmeKeeper {
    settings: Acme,
    hosts: Vec<Host>,
    store: Store,
    orders: Orders,
    http: AcmeHttp,
    /// Whether a plain listener answers HTTP-01.
    plain: bool,
    challenges: Arc<Challenges>,
    context: KeeperContext,
    request: PathBuf,
    /// The certificate in use.
    shown: Option<Arc<CertifiedKey>>,
    /// When the authority suggests to renew it.
    suggested: Option<Range<SystemTime>>,
    /// When to ask the authority for that again.
    ask_at: SystemTime,
    failures: u32,
    retry_at: Option<SystemTime>,
}

/// Returns the file that requests a renewal from a running relay.
pub(crate) fn renewal_request(data: &Path) -> PathBuf {
    store::acme_dir(data).join("renew")
}

impl AcmeKeeper {
    /// Loads the account, the orders and the certificate.
    pub(super) fn load(
        settings: Acme,
        data: &Path,
        context: KeeperContext,
    ) -> Result<Self, TlsError> {
        let store = Store::open(data, &settings.directory)?;
        let http = AcmeHttp::new(settings.ca.as_deref())?;
        let shown = store.certificate().map(Arc::new);
        if let Some(key) = &shown {
            let shown = context.certificates.show(vec![key.clone()]);
            context.state.change(|state| state.shown = shown);
        }
        Ok(Self {
            hosts: settings
                .domains
                .iter()
                .map(|domain| Host::Name(domain.to_string()))
                .collect(),
            orders: store.orders(),
            settings,
            store,
            http,
            plain: false,
            challenges: Arc::default(),
            ask_at: context.clock.now(),
            context,
            request: renewal_request(data),
            shown,
            suggested: None,
            failures: 0,
            retry_at: None,
        })
    }

    /// Returns the answers to challenges, for the listeners.
    pub(super) fn challenges(&self) -> Arc<Challenges> {
        self.challenges.clone()
    }

    /// Sets whether there is a plain listener.
    pub(super) fn answers_http(&mut self, plain: bool) {
        self.plain = plain;
    }

    /// Renews the certificate until dropped. An order in flight is then abandoned.
    pub(super) async fn run(mut self) {
        // Kept from one iteration to the next: a request taken while another branch wins must not be lost.
        let mut asked = pin!(requested(self.request.clone()));
        loop {
            let now = self.context.clock.now();
            let due = self.due(now);
            self.ask_at = self.ask_at.min(now + renewal::ASK.end);
            self.context
                .state
                .change(|state| state.next_renewal = Some(due));
            tokio::select! {
                biased;
                () = &mut asked => {
                    asked.set(requested(self.request.clone()));
                    tracing::info!("renewal requested");
                }
                () = self.context.clock.sleep_until(due) => {}
                () = self.context.clock.sleep_until(self.ask_at), if self.shown.is_some() => {
                    self.ask().await;
                    continue;
                }
                () = time::sleep(RECOMPUTE) => continue,
            }
            self.attempt().await;
        }
    }

    /// Returns when to place the next order.
    fn due(&self, now: SystemTime) -> SystemTime {
        let wanted = match &self.shown {
            Some(key) if super::inspect::check(&key.cert, &self.hosts, None).is_ok() => {
                let shown = super::inspect::describe(&key.cert);
                renewal::due(&shown, self.suggested.as_ref())
            }
            // There is none, or it is for other names.
            _ => now,
        };
        let retry_at = self.retry_at.and_then(|at| pace::believable(at, now));
        let wanted = wanted.max(retry_at.unwrap_or(now));
        if wanted > now {
            wanted
        } else {
            self.orders.allowed(now)
        }
    }

    /// Tries to get a certificate, and records the outcome.
    async fn attempt(&mut self) {
        let ended = Box::pin(self.renewed()).await;
        self.challenges.clear();
        let now = self.context.clock.now();
        match ended {
            Ok(key) => {
                let key = Arc::new(key);
                let shown = self.context.certificates.show(vec![key.clone()]);
                self.shown = Some(key);
                self.suggested = None;
                self.ask_at = now;
                self.failures = 0;
                self.retry_at = None;
                self.context.state.change(|state| {
                    state.shown = shown;
                    state.error = None;
                    state.orders.issued += 1;
                });
            }
            Err(error) => self.failed(&error, now),
        }
    }

    fn failed(&mut self, error: &AttemptError, now: SystemTime) {
        self.failures = self.failures.saturating_add(1);
        let mut wait = pace::backoff(self.failures, random());
        if let AttemptError::Order(OrderError::RateLimited(_)) = error {
            wait = wait.max(PATIENCE);
        }
        if let AttemptError::Order(OrderError::UnknownAccount) = error {
            self.store.forget_account();
        }
        let retry_at = match error {
            AttemptError::NotYet { until } => *until,
            _ => (now + wait).max(self.orders.allowed(now)),
        };
        self.retry_at = Some(retry_at);
        let message = ringtail_text::chain(error);
        let sooner = match self.orders.allowed(now) > now {
            true => "",
            false => "; `ringtail-relay certificate renew` retries at once",
        };
        tracing::error!(
            error = message,
            next_attempt = %rfc3339::of(retry_at),
            "could not get a certificate{sooner}"
        );
        self.context
            .state
            .change(|state| state.error = Some(message));
    }

    /// Orders a certificate, trying each kind of challenge, and saves it.
    async fn renewed(&mut self) -> Result<CertifiedKey, AttemptError> {
        let account = self.account().await?;
        let mut kinds = vec![ChallengeKind::TlsAlpn];
        if self.plain {
            kinds.push(ChallengeKind::Http);
            if self.orders.works == Some(ChallengeKind::Http) {
                kinds.reverse();
            }
        }
        let mut failed = None;
        for kind in kinds {
            let now = self.context.clock.now();
            let allowed = self.orders.allowed(now);
            if allowed > now {
                // The first failure says more than the missing second try.
                return Err(failed.unwrap_or(AttemptError::NotYet { until: allowed }));
            }
            match self.order(&account, kind).await {
                Err(AttemptError::Order(error)) if error.concerns_challenge() => {
                    tracing::warn!(%error, "challenge failed");
                    failed = Some(AttemptError::Order(error));
                }
                ended => return ended,
            }
        }
        Err(failed.unwrap_or(AttemptError::TooLong))
    }

    /// Places one order. It is saved first, so that a crash cannot exceed the limits.
    async fn order(
        &mut self,
        account: &Account,
        kind: ChallengeKind,
    ) -> Result<CertifiedKey, AttemptError> {
        self.orders.place(kind, self.context.clock.now());
        self.store.save_orders(&self.orders)?;
        self.context.state.change(|state| state.orders.placed += 1);
        tracing::info!(challenge = kind.name(), "certificate ordered");
        let ended = match time::timeout(ORDER_TIMEOUT, self.carry_out(account, kind)).await {
            Ok(ended) => ended,
            Err(_elapsed) => Err(AttemptError::TooLong),
        };
        let outcome = match &ended {
            Ok(_) => Outcome::Issued,
            Err(_) => Outcome::Failed,
        };
        // The authority also counts a certificate that was issued but not accepted here.
        if self.orders.placed.last().map(|last| last.outcome) != Some(Outcome::Finalized)
            || ended.is_ok()
        {
            self.orders.settle(outcome);
        }
        if ended.is_err() {
            self.context.state.change(|state| state.orders.failed += 1);
        }
        // A certificate that was issued is used all the same; the file has the order.
        if let Err(error) = self.store.save_orders(&self.orders) {
            let error = ringtail_text::chain(&error);
            tracing::error!(error, "could not save how an order for a certificate ended");
        }
        ended
    }

    async fn carry_out(
        &mut self,
        account: &Account,
        kind: ChallengeKind,
    ) -> Result<CertifiedKey, AttemptError> {
        let wanted = Wanted {
            domains: &self.settings.domains,
            kind,
            replaces: self.replaces(),
        };
        let ready = order::place(account, wanted, &self.challenges).await?;
        self.orders.settle(Outcome::Finalized);
        self.store.save_orders(&self.orders)?;
        let issued = order::finalize(ready).await?;
        let now = self.context.clock.now();
        Ok(self.store.save_certificate(&issued, &self.hosts, now)?)
    }

    /// Returns the certificate that an order replaces, if the authority suggested when. Left out after a failure, which it
    /// may have caused.
    fn replaces(&self) -> Option<CertificateIdentifier<'static>> {
        if self.suggested.is_none() || self.failures > 0 {
            return None;
        }
        self.identifier()
    }

    fn identifier(&self) -> Option<CertificateIdentifier<'static>> {
        let leaf = self.shown.as_ref()?.cert.first()?;
        CertificateIdentifier::try_from(leaf)
            .ok()
            .map(CertificateIdentifier::into_owned)
    }

    /// Asks the authority when to renew the certificate.
    async fn ask(&mut self) {
        let Range { start, end } = renewal::ASK;
        let mut wait = end;
        match self.suggestion().await {
            Ok((window, again)) => {
                self.suggested = Some(window);
                wait = again.clamp(start, end);
            }
            Err(error) => {
                tracing::debug!(
                    error = ringtail_text::chain(&error),
                    "no renewal information"
                );
            }
        }
        self.ask_at = self.context.clock.now() + wait;
    }

    async fn suggestion(&self) -> Result<(Range<SystemTime>, Duration), AttemptError> {
        let (Some(credentials), Some(identifier)) = (self.store.account(), self.identifier())
        else {
            return Err(AttemptError::Order(OrderError::UnknownAccount));
        };
        let account = Account::builder_with_http(Box::new(self.http.clone()))
            .from_credentials(credentials)
            .await
            .map_err(order::refused)?;
        let (info, again) = account
            .renewal_info(&identifier)
            .await
            .map_err(order::refused)?;
        let window = info.suggested_window;
        Ok((window.start.into()..window.end.into(), again))
    }

    /// Returns the account, which the first call creates.
    async fn account(&self) -> Result<Account, AttemptError> {
        let builder = Account::builder_with_http(Box::new(self.http.clone()));
        if let Some(credentials) = self.store.account() {
            let account = builder.from_credentials(credentials).await;
            return Ok(account.map_err(order::refused)?);
        }
        let contact: Vec<String> = self
            .settings
            .email
            .iter()
            .map(|email| format!("mailto:{email}"))
            .collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder
            .create(&new, self.settings.directory.clone(), None)
            .await
            .map_err(order::refused)?;
        self.store.save_account(&credentials)?;
        Ok(account)
    }
}

/// Waits for a request to renew, which is a file, and removes it.
async fn requested(request: PathBuf) {
    while tokio::fs::remove_file(&request).await.is_err() {
        time::sleep(CERTIFICATE_INTERVAL).await;
    }
}

fn random() -> u32 {
    // Without random bytes, the shortest wait is long enough.
    getrandom::u32().unwrap_or(0)
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error(transparent)]
    Store(#[from] AcmeFileError),
    #[error(
        "no further order before {}, to stay within the authority's limits",
        rfc3339::of(*until)
    )]
    NotYet { until: SystemTime },
    #[error("the order took too long")]
    TooLong,
}
