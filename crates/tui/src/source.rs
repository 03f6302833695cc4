//! What the loop reads from: the engines and their history, or a test's.

use std::future::Future;

use ringtail_model::{Status, Watermarks};
use ringtail_views::replayer::ReplayReport;
use tokio::sync::watch;

use crate::effect::Query;
use crate::msg::Msg;

/// Where the screen reads from.
///
/// The screen keeps its own position in the history and never waits inside an engine: the watermarks say that something is
/// new, and a query fetches it.
pub(crate) trait Source: Send + Sync + 'static {
    /// Returns the status of each engine; there is at least one.
    fn status(&self) -> Vec<watch::Receiver<Status>>;

    /// Returns how far the history reaches.
    fn watermarks(&self) -> watch::Receiver<Watermarks>;

    /// Answers a query.
    fn answer(&self, query: Query) -> impl Future<Output = Msg> + Send;

    /// Redacts a replay's report.
    fn redact(
        &self,
        report: ReplayReport,
        masked: bool,
    ) -> impl Future<Output = Result<ReplayReport, String>> + Send;

    /// Pauses forwarding, or resumes it.
    fn pause(&self, on: bool);
}
