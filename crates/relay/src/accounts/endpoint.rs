//! What the relay knows of an endpoint, and how its public id is made.

use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;

use super::account::AccountKey;
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;

/// Random bytes in an endpoint's id: 128 bits, so that a URL cannot be guessed.
const RANDOM_BYTES: usize = 16;

/// Lower case only, as host names are; without the characters that are read for one another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The longest id, in bytes: that of a DNS label. The longest name's is 59.
pub(super) const MAX_ID_BYTES: usize = 63;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRecord {
    /// Its number in the journal.
    pub key: EndpointKey,
    /// Its public id: the name, a hyphen and an unguessable part. A DNS label that never begins with `_`.
    pub id: String,
    /// Whose it is.
    pub account: AccountKey,
    /// What its account calls it.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
    /// What RingCX Digital's challenges are answered by at the edge, if they are.
    pub verify_token: Option<VerifyTokenHash>,
}

/// Makes an id for an endpoint.
pub(super) fn fresh_id(name: &Name) -> Result<String, getrandom::Error> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)?;
    let mut id = format!("{name}-");
    // 26 digits of five bits each; the first one takes the three that are left over of 128.
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
    fn ids_are_dns_labels_that_nobody_guesses() {
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
        // Each place but the first, which has three bits, takes every digit.
        for place in 5..30 {
            let seen: std::collections::HashSet<u8> =
                ids.iter().map(|id| id.as_bytes()[place]).collect();
            assert!(seen.len() > 24, "place {place} has {} digits", seen.len());
        }
    }
}
