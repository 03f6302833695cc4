//! A certificate for trying things out: an authority in the data directory, and a certificate it issues.
//!
//! The authority can vouch for this machine's own names and the public URL's host and for nothing else, so a client that
//! trusts it does not trust whoever steals its key with the rest of the internet.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::slice;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use ringtail_errors::{Code, Coded, codes};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;

use super::disk::{self, Access};
use super::files::{self, FilesError};
use super::inspect;
use crate::config::Host;

/// How long an authority lasts.
const CA_LIFE: Duration = Duration::from_secs(10 * 365 * DAY);

/// How long a certificate lasts: no browser or phone takes more than 398 days from an authority it was told to trust.
const LEAF_LIFE: Duration = Duration::from_secs(397 * DAY);

/// What must be left of a certificate at the start; the relay may run for as long.
const RENEW_BEFORE: Duration = Duration::from_secs(60 * DAY);

/// Clocks differ, and a phone that lags must not find the certificate unborn.
const BACKDATE: Duration = Duration::from_secs(DAY);

const DAY: u64 = 24 * 60 * 60;

const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The relay's own certificate.
pub(super) struct Dev {
    pub(super) key: CertifiedKey,
    pub(super) ca: PathBuf,
}

/// Loads the certificate from the data directory, and makes there what is missing, about to expire, or for other names.
pub(super) fn load_or_make(data: &Path, host: &Host) -> Result<Dev, DevError> {
    load_or_make_at(data, host, SystemTime::now())
}

fn load_or_make_at(data: &Path, host: &Host, now: SystemTime) -> Result<Dev, DevError> {
    let files = Files::below(data);
    if let Ok(key) = files::load_at(&files.leaf, &files.leaf_key, slice::from_ref(host), now)
        && inspect::remaining(&key.cert, now) > RENEW_BEFORE
        && files.ca.exists()
    {
        return Ok(Dev { key, ca: files.ca });
    }
    let names = names(host);
    let issuer = match load_authority(&files, &names, now) {
        Some(issuer) => issuer,
        None => make_authority(&files, &names, now)?,
    };
    make_leaf(&files, &issuer, names, now)?;
    let key = files::load_at(&files.leaf, &files.leaf_key, slice::from_ref(host), now)?;
    Ok(Dev { key, ca: files.ca })
}

struct Files {
    ca: PathBuf,
    ca_key: PathBuf,
    ca_names: PathBuf,
    leaf: PathBuf,
    leaf_key: PathBuf,
}

impl Files {
    fn below(data: &Path) -> Self {
        Self {
            ca: data.join("ca.pem"),
            ca_key: data.join("ca.key"),
            ca_names: data.join("ca.names"),
            leaf: data.join("server.pem"),
            leaf_key: data.join("server.key"),
        }
    }
}

fn names(host: &Host) -> Vec<String> {
    let mut names: Vec<String> = LOCAL.map(str::to_owned).into();
    let host = host.to_string();
    if !names.contains(&host) {
        names.push(host);
    }
    names
}

/// Takes the authority that is there if it may vouch for all the names, and outlives what it would issue.
fn load_authority(
    files: &Files,
    names: &[String],
    now: SystemTime,
) -> Option<Issuer<'static, KeyPair>> {
    let allowed = fs::read_to_string(&files.ca_names).ok()?;
    if !names
        .iter()
        .all(|name| allowed.lines().any(|line| line == name))
    {
        return None;
    }
    let key = KeyPair::from_pem(&fs::read_to_string(&files.ca_key).ok()?).ok()?;
    let pem = fs::read_to_string(&files.ca).ok()?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    if inspect::remaining(&[der], now) < LEAF_LIFE {
        return None;
    }
    Issuer::from_ca_cert_pem(&pem, key).ok()
}

fn make_authority(
    files: &Files,
    names: &[String],
    now: SystemTime,
) -> Result<Issuer<'static, KeyPair>, DevError> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names.iter().map(|name| subtree(name)).collect(),
        excluded_subtrees: Vec::new(),
    });
    // Two authorities of one name would be taken for each other by those who trust both.
    let serial = uuid::Uuid::now_v7();
    let title = format!("Ringtail development authority {}", serial.simple());
    params.distinguished_name.push(DnType::CommonName, title);
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + CA_LIFE).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    // The key first: a certificate whose key is lost would be loaded and could never renew.
    write(&files.ca_key, &key.serialize_pem(), Access::Owner)?;
    write(&files.ca, &certificate.pem(), Access::Everybody)?;
    write(&files.ca_names, &names.join("\n"), Access::Everybody)?;
    Ok(Issuer::new(params, key))
}

fn subtree(name: &str) -> GeneralSubtree {
    match name.parse() {
        Ok(std::net::IpAddr::V4(address)) => {
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(address.octets(), 32))
        }
        Ok(std::net::IpAddr::V6(address)) => {
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(address.octets(), 128))
        }
        Err(_) => GeneralSubtree::DnsName(name.to_owned()),
    }
}

fn make_leaf(
    files: &Files,
    issuer: &Issuer<'_, KeyPair>,
    names: Vec<String>,
    now: SystemTime,
) -> Result<(), DevError> {
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Ringtail relay");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + LEAF_LIFE).into();
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    write(&files.leaf_key, &key.serialize_pem(), Access::Owner)?;
    write(&files.leaf, &certificate.pem(), Access::Everybody)
}

fn write(path: &Path, text: &str, access: Access) -> Result<(), DevError> {
    disk::write(path, text.as_bytes(), access).map_err(|source| DevError::Write {
        file: path.to_owned(),
        source,
    })
}

/// Why the relay could not make its own certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevError {
    /// A file could not be written.
    #[error("{} could not be written", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A name cannot be in a certificate, or the key could not be made.
    #[error("the certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// What was made does not load.
    #[error("the new certificate does not load")]
    Load(#[from] FilesError),
}

impl Coded for DevError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Load(error) => error.code(),
            Self::Write { .. } | Self::Make(_) => &codes::RELAY_OWN_CERTIFICATE,
        }
    }
}

#[cfg(test)]
mod tests;
