//! A root, an intermediate, and chains of theirs that are wrong in one way each.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, IsCa, Issuer,
    KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

use ringtail_kit::tls;

/// What a server sends for its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// Its own and the intermediate.
    Good,
    /// As [`Chain::Good`], ended long ago.
    Expired,
    /// As [`Chain::Good`], beginning far from now.
    NotYetValid,
    /// As [`Chain::Good`], for another name.
    WrongName,
    /// Its own alone.
    MissingIntermediate,
    /// Its own, the root, the intermediate.
    OutOfOrder,
    /// One that vouches for itself.
    SelfSigned,
    /// A complete chain of an untrusted root.
    UnknownRoot,
}

/// Authorities for one test, and the file that `--ca` takes.
#[derive(Debug)]
pub struct Pki {
    directory: TempDir,
    ca: String,
    root: Certificate,
    middle: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    /// Makes a root and an intermediate.
    ///
    /// # Errors
    /// When the root's file cannot be written.
    pub fn new() -> anyhow::Result<Self> {
        tls::install();
        let root_key = KeyPair::generate()?;
        let root_params = authority("Check Root");
        let root = root_params.self_signed(&root_key)?;
        let above = Issuer::new(root_params, root_key);
        let middle_key = KeyPair::generate()?;
        let middle_params = authority("Check Intermediate");
        let middle = middle_params.signed_by(&middle_key, &above)?;
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, root.pem())?;
        let ca = file
            .to_str()
            .context("the temporary directory's name is odd")?;
        Ok(Self {
            ca: ca.to_owned(),
            directory,
            root,
            middle,
            issuer: Issuer::new(middle_params, middle_key),
        })
    }

    /// Returns the root's file, as an argument.
    #[must_use]
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// Returns the configuration of a server that sends a chain, for `localhost`.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn server(&self, chain: Chain) -> anyhow::Result<Arc<ServerConfig>> {
        let (chain, key) = self.chain(chain)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Arc::new(config))
    }

    /// As [`Pki::server`], of a good chain, but callers must show a certificate of the root's.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn demanding(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let (chain, key) = self.chain(Chain::Good)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone())?;
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build()?;
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)?;
        Ok(Arc::new(config))
    }

    /// Writes `cert.pem` and `key.pem` of a good chain into the directory of the root, for programs that want files.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn files(&self) -> anyhow::Result<&Path> {
        let key = KeyPair::generate()?;
        let leaf = leaf("localhost")?.signed_by(&key, &self.issuer)?;
        let directory = self.directory.path();
        std::fs::write(directory.join("cert.pem"), leaf.pem() + &self.middle.pem())?;
        std::fs::write(directory.join("key.pem"), key.serialize_pem())?;
        Ok(directory)
    }

    fn chain(&self, chain: Chain) -> anyhow::Result<(Vec<CertificateDer<'static>>, KeyPair)> {
        if chain == Chain::UnknownRoot {
            return Self::new()?.chain(Chain::Good);
        }
        let key = KeyPair::generate()?;
        let name = match chain {
            Chain::WrongName => "other.example",
            _ => "localhost",
        };
        let mut params = leaf(name)?;
        match chain {
            Chain::Expired => params.not_after = rcgen::date_time_ymd(2020, 1, 1),
            Chain::NotYetValid => params.not_before = rcgen::date_time_ymd(2200, 1, 1),
            _ => {}
        }
        if chain == Chain::SelfSigned {
            let own = params.self_signed(&key)?;
            return Ok((vec![own.der().clone()], key));
        }
        let own = params.signed_by(&key, &self.issuer)?.der().clone();
        let (middle, root) = (self.middle.der().clone(), self.root.der().clone());
        let chain = match chain {
            Chain::MissingIntermediate => vec![own],
            Chain::OutOfOrder => vec![own, root, middle],
            _ => vec![own, middle],
        };
        Ok((chain, key))
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server's certificate that looks as a public authority's does: it says where its issuer's is to be had.
fn leaf(name: &str) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    // Authority information access with one caIssuers, http://a/.
    let mut content = vec![
        0x30, 0x17, 0x30, 0x15, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 9,
    ];
    content.extend_from_slice(b"http://a/");
    params
        .custom_extensions
        .push(CustomExtension::from_oid_content(
            &[1, 3, 6, 1, 5, 5, 7, 1, 1],
            content,
        ));
    Ok(params)
}
