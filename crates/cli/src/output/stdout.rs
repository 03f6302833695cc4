//! The one door to stdout.

use std::io;

use tokio::io::AsyncWriteExt;

use crate::exit::Failure;

/// Standard output. Writing happens off the runtime, so that a reader who is slow or stuck delays no link and no
/// signal.
#[derive(Debug)]
pub(crate) struct Stdout {
    inner: tokio::io::Stdout,
}

/// Why nothing more can be written.
#[derive(Debug)]
pub(crate) enum Closed {
    /// The reader went away, as `head` does: no failure.
    Pipe,
    /// The disk is full, or something like it.
    Failed(io::Error),
}

impl Stdout {
    pub(crate) fn new() -> Self {
        Self {
            inner: tokio::io::stdout(),
        }
    }

    /// Writes bytes and makes sure that they are out.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.inner.write_all(bytes).await?;
        self.inner.flush().await?;
        Ok(())
    }

    /// Writes some of what a command has to say; `false` once the reader went away, which is no failure.
    pub(crate) async fn takes(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        match self.write(bytes).await {
            Ok(()) => Ok(true),
            Err(Closed::Pipe) => Ok(false),
            Err(Closed::Failed(error)) => Err(anyhow::Error::from(error)
                .context("cannot write to stdout")
                .into()),
        }
    }
}

impl From<io::Error> for Closed {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Pipe,
            _ => Self::Failed(error),
        }
    }
}
