//! Which certificate of a chain issued which, by their names.

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_CT_LIST_SCT, OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS};

use ringtail_outbound::certificate::quote;

/// The way from the server's certificate upwards, as places in the list that was sent.
#[derive(Debug)]
pub(super) struct Links {
    path: Vec<usize>,
}

impl Links {
    /// Follows the issuers from the first certificate until one is not there, or issued itself.
    pub(super) fn of(certificates: &[X509Certificate<'_>]) -> Self {
        let mut path = vec![0];
        while let Some(last) = path.last().and_then(|place| certificates.get(*place)) {
            if is_self_issued(last) {
                break;
            }
            let issuer = certificates.iter().enumerate().position(|(place, above)| {
                !path.contains(&place) && above.subject().as_raw() == last.issuer().as_raw()
            });
            match issuer {
                Some(place) => path.push(place),
                None => break,
            }
        }
        Self { path }
    }

    /// Returns true if each certificate is followed by its issuer. What comes behind the chain's end does no harm.
    pub(super) fn is_in_order(&self) -> bool {
        self.path
            .iter()
            .enumerate()
            .all(|(expected, place)| expected == *place)
    }

    /// Returns true if the first certificate is an authority's and the server's own comes later.
    pub(super) fn leaf_is_elsewhere(&self, certificates: &[X509Certificate<'_>]) -> bool {
        match certificates {
            [first, rest @ ..] => {
                first.is_ca() && rest.iter().any(|certificate| !certificate.is_ca())
            }
            [] => false,
        }
    }

    /// Returns the certificates of the way upwards.
    pub(super) fn path<'a, 'b>(
        &'a self,
        certificates: &'a [X509Certificate<'b>],
    ) -> impl Iterator<Item = &'a X509Certificate<'b>> {
        self.path
            .iter()
            .filter_map(|place| certificates.get(*place))
    }

    /// Returns the last certificate of the way upwards.
    pub(super) fn top<'a, 'b>(
        &self,
        certificates: &'a [X509Certificate<'b>],
    ) -> &'a X509Certificate<'b> {
        let place = self.path.last().copied().unwrap_or(0);
        &certificates[place]
    }
}

pub(super) fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == certificate.subject().as_raw()
}

/// Returns true if a certificate looks like one of a public authority, which must say where its issuer's certificate can
/// be fetched, and have been logged in public.
pub(super) fn is_publicly_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.extensions().iter().any(|extension| {
        extension.oid == OID_CT_LIST_SCT
            || matches!(extension.parsed_extension(), ParsedExtension::AuthorityInfoAccess(access)
                if access.accessdescs.iter().any(|one| one.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS))
    })
}

/// Returns the names that a certificate is for. The subject's common name does not count: clients ignore it.
pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(quote(name)),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}
