//! Which code an error is printed with.
//!
//! The codes are statics of [`own`], so that none is printed that `ringtail explain` does not know. An error is
//! known by its type, wherever it stands in the chain; one whose type says nothing has the code of its exit.

use std::error::Error;

use ringtail_check::AddressError;
use ringtail_client::config::{BadRelayUrl, ConfigError, FileError, LoginError};
use ringtail_client::engine::{LockError, SpawnError};
use ringtail_client::forward::TrustError as TargetTrustError;
use ringtail_client::link;
use ringtail_client::replay::ReplayError;
use ringtail_filter::FilterError;
use ringtail_model::secrets::SecretError;
use ringtail_model::target::TargetError;
use ringtail_outbound::trust::TrustError;
use ringtail_ringcentral::errors::{Entry, own};
use ringtail_simulate::NewSenderError;
use ringtail_simulate::{RehearseError, ScenarioError};
use ringtail_store::{OpenError, ReadError, SelectorError, StoreError};

use crate::exit::Exit;

/// Returns the code of an error that ends the program with `exit`.
pub(crate) fn of(exit: Exit, error: &anyhow::Error) -> &'static Entry {
    error
        .chain()
        .find_map(by_type)
        .unwrap_or_else(|| by_exit(exit))
}

/// Returns the code of an error that is only known by how the program ends.
fn by_exit(exit: Exit) -> &'static Entry {
    match exit {
        Exit::Ok | Exit::Failure => &own::FAILED,
        Exit::NotAccepted => &own::NOT_ACCEPTED,
        Exit::Usage => &own::USAGE,
        Exit::NoData => &own::NO_DATA,
        Exit::Unavailable => &own::UNAVAILABLE,
        Exit::Protocol => &own::VERSION,
        Exit::Refused => &own::REFUSED,
        Exit::Config => &own::CONFIG,
    }
}

fn by_type(error: &(dyn Error + 'static)) -> Option<&'static Entry> {
    fn is<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
        error.downcast_ref()
    }
    None.or_else(|| is(error).and_then(config))
        .or_else(|| is(error).map(login))
        .or_else(|| is::<FileError>(error).map(|_| &own::CONFIG_FILE))
        .or_else(|| is::<BadRelayUrl>(error).map(|_| &own::RELAY_URL))
        .or_else(|| is::<TrustError>(error).map(|_| &own::CERTIFICATES))
        .or_else(|| is::<SecretError>(error).map(|_| &own::SECRET))
        .or_else(|| is(error).map(link::code::api))
        .or_else(|| is(error).map(link::code::dial))
        .or_else(|| is(error).and_then(spawn))
        .or_else(|| is(error).map(open))
        .or_else(|| is(error).map(lock))
        .or_else(|| is(error).map(replay))
        .or_else(|| is::<ReadError>(error).map(|_| &own::HISTORY_READ))
        .or_else(|| is::<StoreError>(error).map(|_| &own::HISTORY_WRITE))
        .or_else(|| is::<SelectorError>(error).map(|_| &own::SELECTOR))
        .or_else(|| is::<FilterError>(error).map(|_| &own::FILTER))
        .or_else(|| is::<TargetError>(error).map(|_| &own::TARGET))
        .or_else(|| is::<TargetTrustError>(error).map(|_| &own::TARGET_TLS))
        .or_else(|| is::<NewSenderError>(error).map(|_| &own::CERTIFICATES))
        .or_else(|| is::<AddressError>(error).map(|_| &own::ADDRESS))
        .or_else(|| is::<ScenarioError>(error).map(|_| &own::SCENARIO))
        .or_else(|| is::<RehearseError>(error).map(|_| &own::SCENARIO))
}

fn config(error: &ConfigError) -> Option<&'static Entry> {
    Some(match error {
        ConfigError::NoRelay => &own::NO_RELAY,
        ConfigError::NoToken { .. } | ConfigError::OtherLogin { .. } => &own::NO_TOKEN,
        ConfigError::Relay { .. } => &own::RELAY_URL,
        ConfigError::Token { .. } => &own::BAD_TOKEN,
        ConfigError::NoConfig { .. } | ConfigError::File(_) => &own::CONFIG_FILE,
        ConfigError::Login(error) => login(error),
        ConfigError::Secret(_) => &own::SECRET,
        ConfigError::Trust(_) => &own::CERTIFICATES,
        _ => return None,
    })
}

fn login(error: &LoginError) -> &'static Entry {
    match error {
        LoginError::NotPrivate { .. } => &own::LOGIN_OPEN,
        _ => &own::LOGIN_FILE,
    }
}

fn spawn(error: &SpawnError) -> Option<&'static Entry> {
    Some(match error {
        SpawnError::History(error) => open(error),
        SpawnError::Lock(error) => lock(error),
        SpawnError::Target(_) => &own::TARGET_TLS,
        _ => return None,
    })
}

fn open(error: &OpenError) -> &'static Entry {
    match error {
        OpenError::Files { .. } => &own::HISTORY_FILES,
        OpenError::Newer { .. } => &own::HISTORY_NEWER,
        OpenError::Foreign { .. } => &own::HISTORY_FOREIGN,
        _ => &own::HISTORY_OPEN,
    }
}

fn lock(error: &LockError) -> &'static Entry {
    match error {
        LockError::Taken { .. } => &own::LISTENING,
        _ => &own::LOCK,
    }
}

fn replay(error: &ReplayError) -> &'static Entry {
    match error {
        ReplayError::Read(_) => &own::HISTORY_READ,
        ReplayError::Record(_) => &own::HISTORY_WRITE,
        _ => &own::NO_REPLAY,
    }
}

#[cfg(test)]
mod tests;
