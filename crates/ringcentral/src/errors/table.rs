//! RingCentral's codes (docs/RINGCENTRAL.md 4.8 and 5.5).
//!
//! Where a source gives the message it stands here to the letter; in parentheses stands what a code is about when
//! no source gives its words.

mod access;
mod subscription;

use super::Entry;

/// Every code of RingCentral's, by family.
pub(super) static ALL: [&[Entry]; 2] = [subscription::TABLE, access::TABLE];
