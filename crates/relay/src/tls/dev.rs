//! A certificate for development: an authority in the data directory, and a certificate that it issues.
//!
//! Name constraints limit the authority to this machine's names, the public URL's host and the endpoints' hosts, so a stolen
//! key is useless for other hosts.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use ringtail_errors::{Code, Coded, codes};
use ringtail_files::Access;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

use super::files::{self, FilesError};
use super::inspect;
use super::settings::Domain;
use crate::public_url::Host;

/// Lifetime of the authority.
const CA_LIFE: Duration = Duration::from_secs(10 * 365 * DAY);

/// Lifetime of the certificate: browsers and phones accept at most 398 days, also from a trusted local authority.
const LEAF_LIFE: Duration = Duration::from_secs(397 * DAY);

/// Time that must be left at the start: the relay may run for so long.
const RENEW_BEFORE: Duration = Duration::from_secs(60 * DAY);

/// For clients whose clocks are behind.
const BACKDATE: Duration = Duration::from_secs(DAY);

const DAY: u64 = 24 * 60 * 60;

const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The relay's own certificate.
pub(super) struct Dev {
    pub(super) key: CertifiedKey,
    pub(super) ca: PathBuf,
    /// Issues for the hosts of endpoints, if they have any.
    pub(super) issuer: Option<HostIssuer>,
}

/// Loads the certificate from the data directory, and creates it if it is missing, expires soon, or is for other names.
pub(super) fn load_or_create(
    data: &Path,
    host: &Host,
    endpoints: Option<&Domain>,
    now: SystemTime,
) -> Result<Dev, DevError> {
    let files = Files::below(data);
    let load = || files::load_at(&files.leaf, &files.leaf_key, slice::from_ref(host), now);
    let is_good = |key: &CertifiedKey| {
        inspect::describe(&key.cert).not_after > now + RENEW_BEFORE && files.ca.exists()
    };
    let existing = load().ok().filter(is_good);
    if let (Some(key), None) = (&existing, endpoints) {
        let (key, ca) = (key.clone(), files.ca);
        let issuer = None;
        return Ok(Dev { key, ca, issuer });
    }
    let names = names(host, endpoints);
    let (authority, existing) = match load_authority(&files, &names, now) {
        Some(authority) => (authority, existing),
        None => (create_authority(&files, &names, now)?, None),
    };
    let key = match existing {
        Some(key) => key,
        None => {
            create_leaf(&files, &authority, names, now)?;
            load()?
        }
    };
    let issuer = endpoints.map(|domain| HostIssuer::new(domain.clone(), authority));
    Ok(Dev {
        key,
        issuer: issuer.transpose()?,
        ca: files.ca,
    })
}

/// Issues a certificate for the host of an endpoint in the handshake that names it.
///
/// One certificate for `*.localhost` would not do: OpenSSL, rustls and browsers accept no wildcard below a name of one label.
pub(super) struct HostIssuer {
    domain: Domain,
    authority: Issuer<'static, KeyPair>,
    key: KeyPair,
    signing: Arc<dyn SigningKey>,
}

impl HostIssuer {
    fn new(domain: Domain, authority: Issuer<'static, KeyPair>) -> Result<Self, DevError> {
        let key = KeyPair::generate()?;
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        let signing = aws_lc_rs::sign::any_ecdsa_type(&private.into());
        Ok(Self {
            signing: signing.map_err(DevError::Key)?,
            domain,
            authority,
            key,
        })
    }

    /// Returns a certificate for a host below the domain.
    pub(super) fn issue(&self, host: &str) -> Option<CertifiedKey> {
        self.domain.label_of(host)?;
        let params = leaf(vec![host.to_owned()], SystemTime::now()).ok()?;
        let certificate = params.signed_by(&self.key, &self.authority).ok()?;
        let chain = vec![certificate.der().clone()];
        Some(CertifiedKey::new(chain, self.signing.clone()))
    }
}

impl fmt::Debug for HostIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostIssuer({})", self.domain)
    }
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

/// Returns the names that the authority may issue for; the name constraint of a domain is one of the hosts below it, too.
fn names(host: &Host, endpoints: Option<&Domain>) -> Vec<String> {
    let mut names: Vec<String> = LOCAL.map(str::to_owned).into();
    for name in [Some(host.to_string()), endpoints.map(Domain::to_string)] {
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// Loads the existing authority if it may issue for all names and outlives the new certificate.
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
    if inspect::describe(&[der]).not_after < now + LEAF_LIFE {
        return None;
    }
    Issuer::from_ca_cert_pem(&pem, key).ok()
}

fn create_authority(
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
    // Clients that trust two relays would confuse authorities of the same name.
    let serial = uuid::Uuid::now_v7();
    let title = format!("Ringtail development authority {}", serial.simple());
    params.distinguished_name.push(DnType::CommonName, title);
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + CA_LIFE).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    // The key first: a certificate without its key could never renew.
    write(&files.ca_key, &key.serialize_pem(), Access::Private)?;
    write(&files.ca, &certificate.pem(), Access::Public)?;
    write(&files.ca_names, &names.join("\n"), Access::Public)?;
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

fn create_leaf(
    files: &Files,
    issuer: &Issuer<'_, KeyPair>,
    names: Vec<String>,
    now: SystemTime,
) -> Result<(), DevError> {
    let key = KeyPair::generate()?;
    let certificate = leaf(names, now)?.signed_by(&key, issuer)?;
    write(&files.leaf_key, &key.serialize_pem(), Access::Private)?;
    write(&files.leaf, &certificate.pem(), Access::Public)
}

fn leaf(names: Vec<String>, now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    // Else it comes from the key, and Firefox rejects a second certificate of one authority and serial number.
    let serial = uuid::Uuid::now_v7();
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params
        .distinguished_name
        .push(DnType::CommonName, "Ringtail relay");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + LEAF_LIFE).into();
    Ok(params)
}

fn write(path: &Path, text: &str, access: Access) -> Result<(), DevError> {
    ringtail_files::replace(path, text.as_bytes(), access).map_err(|source| DevError::Write {
        file: path.to_owned(),
        source,
    })
}

/// Why the relay could not create its own certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevError {
    /// A file could not be written.
    #[error("{} could not be written", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A name is invalid in a certificate, or the key could not be generated.
    #[error("cannot create the certificate")]
    Make(#[from] rcgen::Error),
    /// rustls cannot use the new key.
    #[error("the new key cannot be used")]
    Key(#[source] rustls::Error),
    /// The new certificate does not load.
    #[error("the new certificate does not load")]
    Load(#[from] FilesError),
}

impl Coded for DevError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Load(error) => error.code(),
            Self::Write { .. } | Self::Make(_) | Self::Key(_) => &codes::RELAY_OWN_CERTIFICATE,
        }
    }
}

#[cfg(test)]
mod tests;
