//! Whom RingCentral trusts, as far as a stranger can know: the public roots, and never the machine's own store.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use ringtail_outbound::trust::{TrustError, read_authorities};

/// The authorities that certificates are judged by.
#[derive(Debug, Clone)]
pub struct Roots {
    pub(super) public: RootCertStore,
    /// The public ones and those that were given.
    pub(super) given: Option<RootCertStore>,
    /// Those that were given, to the letter: a server may show one of them itself.
    pub(super) exact: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Loads the public roots and, if given, the authorities in the PEM file `ca`.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn load(ca: Option<&Path>) -> Result<Self, TrustError> {
        let public = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let exact = match ca {
            None => Vec::new(),
            Some(path) => read_authorities(path)?,
        };
        let given = match exact.as_slice() {
            [] => None,
            authorities => {
                let mut all = public.clone();
                for authority in authorities {
                    all.add(authority.clone())
                        .map_err(|source| TrustError::Unusable { source })?;
                }
                Some(all)
            }
        };
        Ok(Self {
            public,
            given,
            exact,
        })
    }
}
