//! Which code an error is printed with. The codes are statics that `ringtail explain` reads, too.

use std::error::Error;

use ringtail_ringcentral::errors::{Entry, own};

use super::certificate::RenewError;
use super::endpoints::NoEndpoint;
use super::service::HandedOver;
use crate::accounts::{AccountsError, AddError, ChangeError};
use crate::journal::sqlite::OpenError;
use crate::journal::sqlite::purge::PurgeError;
use crate::server::SpawnError;
use crate::store::copy::{BackupError, RestoreError};
use crate::store::{DataDirError, StoreError};
use crate::tls::{DevError, TlsError};

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
        .or_else(|| {
            let renew: Option<&RenewError> = error.downcast_ref();
            renew.map(|_| &own::RELAY_ACME)
        })
        .or_else(|| error.downcast_ref::<HandedOver>().map(|_| &own::RELAY_BIND))
        .or_else(|| match error.downcast_ref()? {
            AddError::Exists(_) => Some(&own::RELAY_ACCOUNT_EXISTS),
            AddError::Accounts(error) => Some(accounts(error)),
        })
        .or_else(|| match error.downcast_ref()? {
            ChangeError::NoAccount(_) => Some(&own::RELAY_NO_ACCOUNT),
            ChangeError::Accounts(error) => Some(accounts(error)),
        })
        .or_else(|| {
            error
                .downcast_ref()
                .map(|_: &NoEndpoint| &own::RELAY_NO_ENDPOINT)
        })
        .or_else(|| match error.downcast_ref()? {
            BackupError::Store(error) => Some(store(error)),
            _ => Some(&own::RELAY_BACKUP),
        })
        .or_else(|| match error.downcast_ref()? {
            RestoreError::Store(error) => Some(store(error)),
            RestoreError::DataDir(error) => Some(data(error)),
            _ => Some(&own::RELAY_RESTORE),
        })
        .or_else(|| match error.downcast_ref()? {
            PurgeError::Store(error) => Some(store(error)),
            PurgeError::Database(_) => Some(&own::RELAY_DATABASE),
            PurgeError::LogInUse => Some(&own::RELAY_PURGE),
        })
}

fn spawn(error: &SpawnError) -> Option<&'static Entry> {
    match error {
        SpawnError::Bind { .. } | SpawnError::BindMetrics { .. } | SpawnError::BindPlain { .. } => {
            Some(&own::RELAY_BIND)
        }
        SpawnError::DataDir(error) => Some(data(error)),
        SpawnError::Store(error) => Some(store(error)),
        SpawnError::Journal(error) => Some(journal(error)),
        SpawnError::Accounts(error) => Some(accounts(error)),
        SpawnError::Tls(error) => Some(tls(error)),
        SpawnError::NoWildcard { .. } => Some(&own::RELAY_CERTIFICATE),
        SpawnError::Interrupted => None,
    }
}

fn data(error: &DataDirError) -> &'static Entry {
    match error {
        DataDirError::InUse { .. } => &own::RELAY_DATA_IN_USE,
        DataDirError::Open { .. } => &own::RELAY_DATA_OPEN,
        DataDirError::Missing { .. }
        | DataDirError::Link { .. }
        | DataDirError::Unusable { .. } => &own::RELAY_DATA,
    }
}

fn store(error: &StoreError) -> &'static Entry {
    match error {
        StoreError::Newer { .. } => &own::RELAY_DATABASE_NEWER,
        StoreError::Damaged { .. } => &own::RELAY_DATABASE_DAMAGED,
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
        TlsError::Files(_) | TlsError::Dev(DevError::Load(_)) | TlsError::Settings(_) => {
            &own::RELAY_CERTIFICATE
        }
        TlsError::Dev(_) => &own::RELAY_OWN_CERTIFICATE,
        TlsError::Acme(_) => &own::RELAY_ACME,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};
    use ringtail_protocol::name::Name;

    use super::*;

    #[test]
    fn errors_are_known_by_type_wherever_they_stand() {
        let name = Name::parse("anna").unwrap();
        let nobody = anyhow::Error::from(ChangeError::NoAccount(name)).context("a");
        assert_eq!(of(&nobody).code, "RT-610");
        let address = "127.0.0.1:1".parse().unwrap();
        let source = std::io::ErrorKind::AddrInUse.into();
        let bind = Err::<(), _>(SpawnError::Bind { address, source }).context("b");
        assert_eq!(of(&bind.unwrap_err()).code, "RT-602");
        let path = "data".into();
        let in_use = SpawnError::from(DataDirError::InUse { path });
        assert_eq!(of(&in_use.into()).code, "RT-603");
        assert_eq!(of(&anyhow!("x")).code, "RT-600");
    }

    #[test]
    fn every_code_of_the_relay_is_printed_somewhere() {
        let doors = [include_str!("code.rs"), include_str!("mod.rs")].concat();
        let table = include_str!("../../../ringcentral/src/errors/own/relay.rs");
        let names = table.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("    ")?.split_once(' ')?;
            rest.starts_with("\"RT-").then_some(name)
        });
        let mut count = 0;
        for name in names {
            count += 1;
            let printed = format!("own::{name}");
            let ends = |rest: &str| {
                !rest.starts_with(|next: char| next.is_ascii_uppercase() || next == '_')
            };
            assert!(
                doors.split(&printed).skip(1).any(ends),
                "{printed} is never printed"
            );
        }
        assert_eq!(count, 18);
    }
}
