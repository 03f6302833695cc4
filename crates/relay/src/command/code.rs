//! Which code an error is printed with. The codes are statics that `ringtail explain` reads, too.

use std::error::Error;

use ringtail_ringcentral::errors::{Entry, own};

use crate::accounts::{AccountsError, AddError, ChangeError};
use crate::journal::sqlite::OpenError;
use crate::server::SpawnError;
use crate::store::{DataDirError, StoreError};
use crate::tls::{DevError, FilesError, TlsError};

/// Returns the code of an error, known by its type wherever it stands in the chain.
pub(super) fn of(error: &anyhow::Error) -> &'static Entry {
    error
        .chain()
        .find_map(by_type)
        .unwrap_or(&own::RELAY_FAILED)
}

fn by_type(error: &(dyn Error + 'static)) -> Option<&'static Entry> {
    None.or_else(|| error.downcast_ref().and_then(spawn))
        .or_else(|| error.downcast_ref().map(data))
        .or_else(|| error.downcast_ref().map(store))
        .or_else(|| error.downcast_ref().map(journal))
        .or_else(|| error.downcast_ref().map(accounts))
        .or_else(|| match error.downcast_ref()? {
            AddError::Exists(_) => Some(&own::RELAY_ACCOUNT_EXISTS),
            AddError::Accounts(error) => Some(accounts(error)),
        })
        .or_else(|| match error.downcast_ref()? {
            ChangeError::NoAccount(_) => Some(&own::RELAY_NO_ACCOUNT),
            ChangeError::Accounts(error) => Some(accounts(error)),
        })
}

fn spawn(error: &SpawnError) -> Option<&'static Entry> {
    match error {
        SpawnError::Bind { .. } => Some(&own::RELAY_BIND),
        SpawnError::DataDir(error) => Some(data(error)),
        SpawnError::Store(error) => Some(store(error)),
        SpawnError::Journal(error) => Some(journal(error)),
        SpawnError::Accounts(error) => Some(accounts(error)),
        SpawnError::Tls(error) => Some(tls(error)),
        SpawnError::Interrupted => None,
    }
}

fn data(error: &DataDirError) -> &'static Entry {
    match error {
        DataDirError::InUse { .. } => &own::RELAY_DATA_IN_USE,
        DataDirError::Unusable { .. } => &own::RELAY_DATA,
    }
}

fn store(error: &StoreError) -> &'static Entry {
    match error {
        StoreError::Newer { .. } => &own::RELAY_DATABASE_NEWER,
        StoreError::Database { .. } => &own::RELAY_DATABASE,
        StoreError::DataDir(error) => data(error),
    }
}

fn journal(error: &OpenError) -> &'static Entry {
    match error {
        OpenError::Store(error) => store(error),
        OpenError::Database(_) => &own::RELAY_DATABASE,
        OpenError::Thread(_) => &own::RELAY_FAILED,
    }
}

fn accounts(error: &AccountsError) -> &'static Entry {
    match error {
        AccountsError::Database(_) => &own::RELAY_DATABASE,
        AccountsError::Random(_) | AccountsError::ShuttingDown => &own::RELAY_FAILED,
    }
}

fn tls(error: &TlsError) -> &'static Entry {
    match error {
        TlsError::Files(error) => files(error),
        TlsError::Dev(DevError::Load(error)) => files(error),
        TlsError::Dev(_) => &own::RELAY_OWN_CERTIFICATE,
        TlsError::Settings(_) => &own::RELAY_CERTIFICATE,
    }
}

fn files(_: &FilesError) -> &'static Entry {
    &own::RELAY_CERTIFICATE
}
