//! Which parts of a request or response are secrets, by their names. One rule redacts headers, queries, forms and JSON;
//! [`sounds_secret`], which is wider, is for `--mask`.
//!
//! Two of RingCentral's proofs of origin are the secret itself ([`crate::signature`]), RingCX Digital's verify token
//! comes in the query, and an OAuth redirect carries a code that is as good as a login. A signature of a body is none: it
//! proves one body and says nothing of the key. The signature of a signed URL is one: who has it may use the URL.

mod redactor;

use std::borrow::Cow;

pub use self::redactor::{Redactor, is_secret_pair};

/// What stands in place of a secret.
pub const REDACTED: &str = "••••";

/// Names of secrets, or their last words: in lower case and without anything between words.
const ENDS: [&str; 35] = [
    "accesskey",
    "accountkey",
    "amzsignature",
    "apikey",
    "assertion",
    "authcode",
    "authentication",
    "authkey",
    "authorization",
    "authorizationcode",
    "codeverifier",
    "cookie",
    "credential",
    "devicecode",
    "encryptionkey",
    "functionskey",
    "googsignature",
    "jwt",
    "licensekey",
    "masterkey",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "samlresponse",
    "secret",
    "secretkey",
    "sharedkey",
    "signingkey",
    "subscriberkey",
    "subscriptionkey",
    "token",
    "webhookkey",
];

/// Last words that are secrets only as words of their own: `bypass` and `spin` are none.
const LAST_WORDS: [&str; 7] = ["auth", "bearer", "otp", "pass", "pin", "pw", "sig"];

/// Parameters of queries and forms that are secrets under names that are anything elsewhere.
const PARAMETERS: [&str; 2] = ["code", "key"];

/// What ends like a secret and is none: positions in lists, and RingCentral's validation, which is sent back in clear.
const HARMLESS_ENDS: [&str; 6] = [
    "continuationtoken",
    "cursortoken",
    "nexttoken",
    "pagetoken",
    "synctoken",
    "validationtoken",
];

/// Last words that say how a secret is given.
const ADDITIONS: [&str; 13] = [
    "again",
    "base",
    "confirm",
    "confirmation",
    "current",
    "encoded",
    "hash",
    "new",
    "old",
    "plain",
    "repeat",
    "string",
    "value",
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

/// Returns true if a name, in lower case and without hyphens, contains the word of a secret. For `--mask`, where hiding too
/// much does no harm: a signature of a body counts.
pub fn sounds_secret(name: &str) -> bool {
    PARTS.iter().any(|part| name.contains(part))
}

/// Returns true if the value of a header field or of a member of JSON is a secret.
#[must_use]
pub fn is_secret_field(name: &str) -> bool {
    let mut words = words(name);
    while words.len() > 1
        && words
            .last()
            .is_some_and(|word| ADDITIONS.contains(&word.as_str()))
    {
        words.pop();
    }
    let Some(last) = words.last() else {
        return false;
    };
    let flat = words.concat();
    let one = flat.strip_suffix('s').unwrap_or(&flat);
    let ends = |names: &[&str]| {
        names
            .iter()
            .any(|end| one.ends_with(end) || flat.ends_with(end))
    };
    LAST_WORDS.contains(&last.as_str()) || ends(&ENDS) && !ends(&HARMLESS_ENDS)
}

/// Returns true if the value of a parameter of a query or form is a secret.
#[must_use]
pub fn is_secret_parameter(name: &str) -> bool {
    let mut known = PARAMETERS.iter();
    known.any(|known| known.eq_ignore_ascii_case(name)) || is_secret_field(name)
}

/// Returns a path or URL with [`REDACTED`] in place of its secrets; everything else as it is.
#[must_use]
pub fn redacted(url: &str) -> Cow<'_, str> {
    Redactor::default().url(url)
}

/// Splits a name at anything between words and where camel case begins one: `X-APIKey2` is `x`, `api`, `key`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = name.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let next_is_lower = characters.peek().is_some_and(|next| next.is_lowercase());
        let begins = character.is_uppercase()
            && (before.is_lowercase() || before.is_uppercase() && next_is_lower);
        if !character.is_alphabetic() || begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphabetic()) {
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_any_notation() {
        for name in [
            "Verification-Token",
            "x-dimelo-secret",
            "AUTHORIZATION",
            "Proxy-Authorization",
            "X-Auth-Token",
            "Cookie",
            "Set-Cookie",
            "cookies",
            "X-API-Key",
            "x-goog-api-key",
            "Ocp-Apim-Subscription-Key",
            "hub.verify_token",
            "access_token",
            "accessToken",
            "ACCESSTOKEN",
            "tokens",
            "user[password]",
            "passwordConfirmation",
            "password2",
            "password_hash",
            "newPassword",
            "client_secret",
            "clientSecrets",
            "token",
            "token_value",
            "secret",
            "sig",
            "auth",
            "x-auth",
            "basic_auth",
            "APIKey",
            "apikey",
            "aws_secret_access_key",
            "privateKey",
            "encryptionKey",
            "X-Amz-Signature",
            "X-Amz-Security-Token",
            "X-Amz-Credential",
            "client_assertion",
            "SAMLResponse",
            "ivrPin",
            "one_time_otp",
            "code_verifier",
            "csrfmiddlewaretoken",
            "id_token",
            "refreshToken",
            "jwt",
            "pwd",
            "pass",
        ] {
            assert!(is_secret_field(name), "{name}");
        }
    }

    #[test]
    fn words_that_only_contain_one_are_no_secrets() {
        for name in [
            "",
            "-",
            "2",
            "validation-token",
            "x-glip-signature",
            "x-smccsdk-signature",
            "X-Hub-Signature-256",
            "signature",
            "tokenCount",
            "token_type",
            "tokenType",
            "expires_in",
            "nextPageToken",
            "syncToken",
            "client_assertion_type",
            "author",
            "authority",
            "authenticated",
            "secretary",
            "designation",
            "passwordPolicy",
            "passed",
            "bypass",
            "compass",
            "pinned",
            "spin",
            "keyboard",
            "code",
            "key",
            "statusCode",
            "accessKeyId",
            "sessionId",
            "Idempotency-Key",
            "sec-websocket-key",
            "WWW-Authenticate",
            "cookiePolicy",
            "description",
            "conversationId",
        ] {
            assert!(!is_secret_field(name), "{name}");
        }
        assert!(is_secret_parameter("CODE") && is_secret_parameter("key"));
        assert!(!is_secret_parameter("barcode") && !is_secret_parameter("signature"));
    }
}
