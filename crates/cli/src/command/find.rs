//! Opens the history.

use ringtail_client::config::Config;
use ringtail_errors::Failure;
use ringtail_store::History;
use ringtail_views::blocking;

/// Opens the history.
pub(super) async fn open(config: &Config) -> Result<History, Failure> {
    let data = config.data.clone();
    Ok(blocking(move || History::open(&data)).await?)
}
