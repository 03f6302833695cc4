//! HTTPS client for the authority, with limits on size and time.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::time;

use crate::limits::{ACME_ANSWER_BYTES, ACME_TIMEOUT};
use crate::tls::files;

/// The client. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct AcmeHttp(Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>);

impl AcmeHttp {
    /// Trusts the roots in a file, or the system's.
    pub(super) fn new(roots: Option<&Path>) -> Result<Self, AcmeClientError> {
        let config = ClientConfig::builder();
        let config = match roots {
            Some(file) => config.with_root_certificates(read(file)?),
            None => config
                .with_platform_verifier()
                .map_err(AcmeClientError::Settings)?,
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_only()
            .enable_http1()
            .enable_http2()
            .build();
        // Requests are months apart.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Ok(Self(client))
    }
}

fn read(file: &Path) -> Result<RootCertStore, AcmeClientError> {
    let unreadable = |source| AcmeClientError::Roots {
        file: file.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    let text = files::pem(file).map_err(unreadable)?;
    for root in CertificateDer::pem_slice_iter(&text) {
        let root = root.map_err(unreadable)?;
        roots.add(root).map_err(AcmeClientError::Settings)?;
    }
    if roots.is_empty() {
        return Err(unreadable(pem::Error::NoItemsFound));
    }
    Ok(roots)
}

impl HttpClient for AcmeHttp {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let answer = time::timeout(ACME_TIMEOUT, async {
                let (parts, body) = client.request(request).await?.into_parts();
                let body = Limited::new(body, ACME_ANSWER_BYTES).collect().await?;
                Ok::<_, Box<dyn StdError + Send + Sync>>((parts, body.to_bytes()))
            });
            let (parts, body) = answer
                .await
                .map_err(|elapsed| Error::Other(elapsed.into()))?
                .map_err(Error::Other)?;
            Ok(BytesResponse {
                parts,
                body: Box::new(body),
            })
        })
    }
}

/// Why the client could not be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcmeClientError {
    /// The trusted roots cannot be read.
    #[error("the authority's roots in {} could not be read as PEM", file.display())]
    Roots {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// rustls rejects the settings, or the system has no roots.
    #[error("cannot set up TLS for the authority")]
    Settings(#[source] rustls::Error),
}
