//! `certificate`: what the relay shows the world.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use ringtail_errors::{Code, Coded, Context as _, Exit, Failure, codes};

use super::Data;
use crate::output;
use crate::store::DataDir;
use crate::tls::acme;

/// How long a running relay may take to see the request; it looks every two seconds.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Have a running relay with --domain order a new certificate now; the old one is shown until then
    Renew(Data),
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let Action::Renew(data) = &args.action;
    let dir = DataDir::open_existing(&data.data)?;
    // It would be taken up by whichever relay serves from there next, at a time that nobody chose.
    if dir.lock_serving().is_ok() {
        return Err(RenewError::NoRelay.into());
    }
    let request = acme::renewal_request(dir.path());
    ask(&request)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .context("the runtime could not be started")?;
    if runtime.block_on(taken(&request)) {
        output::say(
            "the relay orders a new certificate: `ringtail-relay status` and its log say what comes of it",
        );
        return Ok(Exit::Ok);
    }
    drop(fs::remove_file(&request));
    Err(RenewError::NotTaken.into())
}

fn ask(request: &Path) -> Result<(), RenewError> {
    let mut options = OpenOptions::new();
    // Not one that is there: it may be a link, and whoever asks is often root.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(request) {
        Ok(_) => Ok(()),
        // Somebody asks already.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // The directory is there from the first start with --domain.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RenewError::NotTaken),
        Err(error) => Err(RenewError::Ask(error)),
    }
}

async fn taken(request: &Path) -> bool {
    let gone = async {
        while request.exists() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.is_ok()
}

/// Why no renewal was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum RenewError {
    /// Nobody would hear it.
    #[error("no relay serves from this directory")]
    NoRelay,
    /// The relay does not order certificates, or is in the middle of an order.
    #[error(
        "the relay does not take the request: it has no --domain, or it is ordering a certificate already"
    )]
    NotTaken,
    /// The request could not be left.
    #[error("the relay cannot be asked")]
    Ask(#[source] io::Error),
}

impl Coded for RenewError {
    fn code(&self) -> &'static Code {
        &codes::RELAY_ACME
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoRelay => {
                "name the relay's with --data; a relay that starts renews by itself what is due"
            }
            Self::NotTaken => "`ringtail-relay status` says which",
            Self::Ask(_) => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn to_ask_overwrites_nothing_by_way_of_a_link() {
        let temp = tempfile::tempdir().unwrap();
        let (request, others) = (temp.path().join("renew"), temp.path().join("others"));
        ask(&request).unwrap();
        ask(&request).unwrap();
        fs::remove_file(&request).unwrap();
        fs::write(&others, b"untouched").unwrap();
        std::os::unix::fs::symlink(&others, &request).unwrap();
        ask(&request).unwrap();
        assert_eq!(fs::read(&others).unwrap(), b"untouched");
    }
}
