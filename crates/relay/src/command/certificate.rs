//! `certificate`: the relay's certificate.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use ringtail_errors::{Code, Coded, Context as _, Exit, Failure, codes};

use super::DataArgs;
use crate::output;
use crate::store::DataDir;
use crate::tls::acme;

/// How long a running relay may take to see the request; it checks every two seconds.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct CertificateCommand {
    #[command(subcommand)]
    action: CertificateAction,
}

#[derive(Debug, Subcommand)]
enum CertificateAction {
    /// Have a running relay with --domain order a new certificate now; the old one stays in use until then
    Renew(DataArgs),
}

pub(super) fn run(args: &CertificateCommand) -> Result<Exit, Failure> {
    let CertificateAction::Renew(data) = &args.action;
    let dir = DataDir::open_existing(&data.data)?;
    // Otherwise the next relay that starts would take the request.
    if !dir.is_served()? {
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
            "the relay orders a new certificate as soon as its limits on orders allow; see `ringtail-relay status` or its \
             log for the result",
        );
        return Ok(Exit::Ok);
    }
    drop(fs::remove_file(&request));
    Err(RenewError::NotTaken.into())
}

fn ask(request: &Path) -> Result<(), RenewError> {
    // An existing file stays as it is: it may be a link, and the operator is often root.
    match ringtail_files::create_private(request) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // The first start with --domain creates the directory.
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

/// Why no renewal was requested.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum RenewError {
    /// No relay is running.
    #[error("no relay serves from this directory")]
    NoRelay,
    /// The relay does not order certificates, or is in the middle of an order.
    #[error(
        "the relay does not take the request: it has no --domain, or it is ordering a certificate already"
    )]
    NotTaken,
    /// The request could not be written.
    #[error("cannot write the request")]
    Ask(#[source] io::Error),
}

impl Coded for RenewError {
    fn code(&self) -> &'static Code {
        &codes::RELAY_ACME
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoRelay => {
                "name the relay's directory with --data; a relay renews by itself when it starts"
            }
            Self::NotTaken => "see `ringtail-relay status`",
            Self::Ask(_) => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_follows_no_link() {
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
