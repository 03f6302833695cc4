//! Headers by which RingCentral's callbacks are known, and which prove where they come from.

use http::HeaderName;

/// The static token of a platform subscription (section 3.2).
pub const VERIFICATION_TOKEN: HeaderName = HeaderName::from_static("verification-token");

/// The signature of interactive messages (section 7.5).
pub const GLIP_SIGNATURE: HeaderName = HeaderName::from_static("x-glip-signature");

/// The secret of a RingCX Digital webhook (section 7.1).
pub const DIMELO_SECRET: HeaderName = HeaderName::from_static("x-dimelo-secret");

/// The signature of the RingCX Digital source SDK (section 7.2).
pub const SOURCE_SDK_SIGNATURE: HeaderName = HeaderName::from_static("x-smccsdk-signature");
