//! Standard output, off the runtime.

use std::io;

use ringtail_errors::{Context, Failure};
use tokio::io::AsyncWriteExt;

/// Standard output. A slow or stuck reader delays neither links nor signals.
#[derive(Debug)]
pub(crate) struct Stdout {
    inner: tokio::io::Stdout,
}

impl Stdout {
    pub(crate) fn new() -> Self {
        Self {
            inner: tokio::io::stdout(),
        }
    }

    /// Writes bytes and flushes. Returns `false` once the reader has closed the pipe, as `head` does.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        if bytes.is_empty() {
            return Ok(true);
        }
        let written = async {
            self.inner.write_all(bytes).await?;
            self.inner.flush().await
        };
        match written.await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).context("cannot write to stdout"),
        }
    }
}
