//! An endpoint and its public id.

use ringtail_protocol::name::Name;
use serde::{Deserialize, Serialize};

use super::account::AccountKey;
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;

/// Random bytes in an endpoint's id: 128 bits, so that a URL cannot be guessed.
const RANDOM_BYTES: usize = 16;

/// Lower case, as in host names, without characters that look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Bytes of the longest id: a DNS label. With the longest name it has 59.
pub(super) const MAX_ID_BYTES: usize = 63;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// Its key in the journal.
    pub key: EndpointKey,
    /// Its public id: the name, a hyphen and an unguessable part. A DNS label that never begins with `_`.
    pub id: String,
    /// Its owner.
    pub account: AccountKey,
    /// Verify token with which the edge answers RingCX Digital's challenges.
    pub verify_token: Option<VerifyTokenHash>,
}

/// Generates an endpoint's id.
pub(super) fn fresh_id(name: &Name) -> Result<String, getrandom::Error> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)?;
    let mut id = format!("{name}-");
    // 26 digits of five bits each; the first has the remaining three of 128.
    let number = u128::from_be_bytes(random);
    id.extend((0..26).rev().map(|digit| {
        let value = (number >> (digit * 5)) & 31;
        ALPHABET
            .get(value as usize)
            .map_or('0', |digit| char::from(*digit))
    }));
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unguessable_dns_labels() {
        let longest = Name::parse(&"a".repeat(32)).expect("a name");
        let id = fresh_id(&longest).expect("random bytes");
        assert_eq!(id.len(), 59);
        assert!(id.len() <= MAX_ID_BYTES);

        let name = Name::parse("dev").expect("a name");
        let ids: std::collections::HashSet<String> = (0..1000)
            .map(|_| fresh_id(&name).expect("random bytes"))
            .collect();
        assert_eq!(ids.len(), 1000);
        for id in &ids {
            let random = id.strip_prefix("dev-").expect("begins with the name");
            assert_eq!(random.len(), 26);
            assert!(random.bytes().all(|b| ALPHABET.contains(&b)), "{id}");
        }
        // Every digit occurs in each position but the first, which has three bits.
        for place in 5..30 {
            let seen: std::collections::HashSet<u8> =
                ids.iter().map(|id| id.as_bytes()[place]).collect();
            assert!(seen.len() > 24, "place {place} has {} digits", seen.len());
        }
    }
}
