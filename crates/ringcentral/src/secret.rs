//! Which parts of a request or response are secrets, by their names.
//!
//! Two of RingCentral's proofs of origin are the secret itself ([`crate::signature`]), RingCX Digital's verify token
//! comes in the query, and an OAuth redirect carries a code that is as good as a login. A MAC is none: it proves
//! one body, and says nothing of the key.

use std::borrow::Cow;

/// What stands in place of a secret.
pub const MASK: &str = "••••";

/// Header fields whose value is a secret, in lower case.
const FIELDS: [&str; 7] = [
    "verification-token",
    "x-dimelo-secret",
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
];

/// Parameters of a query whose value is a secret, in lower case.
const PARAMETERS: [&str; 10] = [
    "hub.verify_token",
    "verify_token",
    "verification_token",
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "client_secret",
    "secret",
    "code",
];

/// Parts of names that sound like secrets, in lower case and without hyphens.
const PARTS: [&str; 10] = [
    "token",
    "secret",
    "password",
    "signature",
    "apikey",
    "authorization",
    "credential",
    "cookie",
    "jwt",
    "assertion",
];

/// Returns true if a name, in lower case and letters alone, sounds like that of a secret. For what is given away, where
/// hiding too much does no harm: a MAC sounds like one.
pub fn sounds_secret(name: &str) -> bool {
    PARTS.iter().any(|part| name.contains(part))
}

/// Returns true if the value of a header field is a secret.
#[must_use]
pub fn is_secret_field(name: &str) -> bool {
    FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name))
}

/// Returns a path or URL with [`MASK`] in place of the secrets in its query; everything else as it is.
#[must_use]
pub fn masked(url: &str) -> Cow<'_, str> {
    let Some((path, query)) = url.split_once('?') else {
        return Cow::Borrowed(url);
    };
    if !query.split('&').any(is_secret_parameter) {
        return Cow::Borrowed(url);
    }
    let pairs: Vec<Cow<'_, str>> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret_parameter(pair) => format!("{name}={MASK}").into(),
            _ => pair.into(),
        })
        .collect();
    Cow::Owned(format!("{path}?{}", pairs.join("&")))
}

/// Returns true if a pair of a query has the name of a secret, however that is encoded, and a value.
#[must_use]
pub fn is_secret_parameter(pair: &str) -> bool {
    let mut decoded = form_urlencoded::parse(pair.as_bytes());
    decoded.next().is_some_and(|(name, value)| {
        !value.is_empty()
            && PARAMETERS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_in_any_case_and_a_mac_is_none() {
        for (name, secret) in [
            ("Verification-Token", true),
            ("x-dimelo-secret", true),
            ("AUTHORIZATION", true),
            ("validation-token", false),
            ("x-glip-signature", false),
            ("x-smccsdk-signature", false),
        ] {
            assert_eq!(is_secret_field(name), secret, "{name}");
        }
    }

    #[test]
    fn what_is_a_secret_sounds_like_one() {
        let letters = |name: &str| name.replace(|c: char| !c.is_alphanumeric(), "");
        // A code is a word everywhere but in a query.
        let parameters = PARAMETERS.iter().filter(|name| **name != "code");
        for name in FIELDS.iter().chain(parameters) {
            assert!(sounds_secret(&letters(name)), "{name}");
        }
    }

    #[test]
    fn secrets_of_a_query_are_masked_and_the_rest_stays_as_it_is() {
        for (url, shown) in [
            ("/hook", "/hook"),
            ("/hook?a=b&signature=0f", "/hook?a=b&signature=0f"),
            (
                "/?hub.mode=subscribe&hub.verify_token=to+ken%2B&hub.challenge=c",
                "/?hub.mode=subscribe&hub.verify_token=••••&hub.challenge=c",
            ),
            ("?hub%2Everify%5Ftoken=x", "?hub%2Everify%5Ftoken=••••"),
            ("/cb?CODE=x&&code=&code", "/cb?CODE=••••&&code=&code"),
            (
                "http://localhost:3000/a?token=x?y=z",
                "http://localhost:3000/a?token=••••",
            ),
        ] {
            assert_eq!(masked(url), shown, "{url}");
        }
    }
}
