//! Senders for tests.

use std::time::Duration;

use ringtail_kit::app::App;

use super::{SendOptions, Sender};
use ringtail_model::target::TargetUrl;

/// Returns a sender to an app.
pub(crate) fn sender_to(app: &App) -> Sender {
    sender(&app.address.to_string(), quick())
}

pub(crate) fn sender(target: &str, options: SendOptions) -> Sender {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    Sender::new(TargetUrl::parse(target).unwrap(), options).unwrap()
}

/// Options with which nothing is late that comes at all.
pub(crate) fn quick() -> SendOptions {
    SendOptions {
        answer_timeout: Duration::from_secs(20),
        ..SendOptions::default()
    }
}

/// Advances the clock at once.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
