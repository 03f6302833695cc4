//! Whom RingCentral trusts, as far as a stranger can know: the public roots, and never the machine's own store.

use std::path::Path;

use rustls::RootCertStore;

use crate::trust::{TrustError, read_authorities};

/// The authorities that certificates are judged by.
#[derive(Debug, Clone)]
pub struct Roots {
    pub(super) public: RootCertStore,
    /// The public ones and those that were given.
    pub(super) given: Option<RootCertStore>,
}

impl Roots {
    /// Takes the public roots and, beside them, the authorities in the PEM file `ca`.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn load(ca: Option<&Path>) -> Result<Self, TrustError> {
        let public = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let given = match ca {
            None => None,
            Some(path) => {
                let mut all = public.clone();
                for authority in read_authorities(path)? {
                    all.add(authority)
                        .map_err(|source| TrustError::Unusable { source })?;
                }
                Some(all)
            }
        };
        Ok(Self { public, given })
    }
}
