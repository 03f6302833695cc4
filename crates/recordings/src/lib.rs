//! Events as files: exported, imported, edited, compared, described and masked.

pub mod diff;
pub mod edit;
pub mod export;
pub mod import;
pub mod mask;
pub mod pseudonyms;
pub mod types;
mod unique;
