//! `status`: how a running relay is.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use ringtail_errors::{Context as _, Exit, Failure, codes};
use serde::Serialize;

use super::{Data, Output};
use crate::ops::Status;
use crate::output;
use crate::store::{DataDir, DataDirError};

/// How long the relay may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read of its answer: a relay with all the endpoints of a thousand accounts.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    data: Data,
    /// Print in this form on stdout
    #[arg(long, value_name = "FORM", default_value = "plain")]
    output: Output,
}

/// What is said of a relay that does not run.
#[derive(Debug, Serialize)]
struct Stopped {
    running: bool,
    database_bytes: u64,
}

/// What is said of one that does.
#[derive(Debug, Serialize)]
struct Running<'a> {
    running: bool,
    #[serde(flatten)]
    status: &'a Status,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let dir = DataDir::open_existing(&args.data.data)?;
    match dir.lock_serving() {
        Err(DataDirError::InUse { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(_nobody_serves) => return stopped(&dir, args.output),
    }
    let status = ask(&dir).context(format!(
        "a relay serves from {} and does not say how it is",
        dir.path().display()
    ))?;
    match args.output {
        Output::Json => output::json(&Running {
            running: true,
            status: &status,
        }),
        Output::Plain => lines(&status).iter().try_for_each(output::data),
    }
    .context("the status could not be printed")?;
    Ok(match status.not_ready {
        None => Exit::Ok,
        Some(_) => Exit::Failure,
    })
}

fn stopped(dir: &DataDir, form: Output) -> Result<Exit, Failure> {
    let database_bytes = std::fs::metadata(dir.database()).map_or(0, |it| it.len());
    match form {
        Output::Json => output::json(&Stopped {
            running: false,
            database_bytes,
        }),
        Output::Plain => output::data(format_args!(
            "no relay serves from {}; its database has {}",
            dir.path().display(),
            bytes(database_bytes)
        )),
    }
    .context("the status could not be printed")?;
    Ok(Exit::Unavailable)
}

#[cfg(unix)]
fn ask(dir: &DataDir) -> Result<Status, Failure> {
    let mut socket = std::os::unix::net::UnixStream::connect(dir.control_socket())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.write_all(b"GET /status HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    socket.take(ANSWER_BYTES).read_to_end(&mut answer)?;
    let head_end = answer.windows(4).position(|it| it == b"\r\n\r\n");
    let (head, body) = head_end
        .and_then(|end| Some((answer.get(..end)?, answer.get(end + 4..)?)))
        .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    if !head.starts_with(b"HTTP/1.1 200 ") {
        let answer = String::from_utf8_lossy(body);
        let text = format!("it answered {:?}", answer.trim());
        return Err(Failure::new(&codes::FAILED, text));
    }
    serde_json::from_slice(body).map_err(|error| {
        let text = format!("it is another version: its answer is not understood: {error}");
        Failure::new(&codes::FAILED, text)
    })
}

#[cfg(not(unix))]
fn ask(_dir: &DataDir) -> Result<Status, Failure> {
    let text = "on this system only --metrics tells how a relay is";
    Err(Failure::new(&codes::FAILED, text))
}

/// The status for people.
fn lines(status: &Status) -> Vec<String> {
    let mut lines = vec![
        format!(
            "ringtail-relay {} serves {} since {} (process {})",
            status.version, status.public_url, status.started_at, status.pid
        ),
        match &status.not_ready {
            None => "ready: the journal writes".to_owned(),
            Some(reason) => format!("NOT READY: {reason}"),
        },
    ];
    let certificate = &status.certificate;
    for shown in &certificate.shown {
        lines.push(format!(
            "certificate ({}) for {} until {}, from {}",
            certificate.source,
            shown.names.join(", "),
            shown.not_after,
            shown.issuer
        ));
    }
    if let Some(renewal) = &certificate.next_renewal {
        lines.push(format!("next renewal {renewal}"));
    }
    if let Some(error) = &certificate.error {
        lines.push(format!("CERTIFICATE: {error}"));
    }
    let journal = &status.journal;
    lines.push(format!(
        "journal: {} of events in {} of files, oldest from {}, {} waiting for the disk",
        bytes(journal.event_bytes),
        bytes(journal.database_bytes + journal.wal_bytes),
        journal.oldest_at.as_deref().unwrap_or("never"),
        journal.queue_events
    ));
    lines.push(format!(
        "links: {} forwarding, {} inspecting",
        status.links.forwarding, status.links.inspecting
    ));
    for endpoint in &status.endpoints {
        let client = match (endpoint.cursor, endpoint.waiting_seconds) {
            (None, _) => "no client since the start".to_owned(),
            (Some(cursor), None) => format!("cursor {cursor}, nothing waits"),
            (Some(cursor), Some(waits)) => format!("cursor {cursor}, the next waits for {waits} s"),
        };
        lines.push(format!(
            "  {}/{}: {} events, {} kept, newest {}, {} links, {client}",
            endpoint.account,
            endpoint.name,
            endpoint.head,
            bytes(endpoint.bytes),
            endpoint.newest_at.as_deref().unwrap_or("never"),
            endpoint.links
        ));
    }
    for (limit, count) in &status.limits {
        lines.push(format!("limit {limit} reached {count} times"));
    }
    for line in &status.recent {
        lines.push(format!("{} {}: {}", line.at, line.level, line.message));
    }
    lines
}

/// Returns a size in the unit that people read.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64;
    let mut shown = format!("{bytes} bytes");
    for unit in UNITS {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        shown = format!("{size:.1} {unit}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_that_fits() {
        for (size, shown) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (5 << 40, "5.0 TiB"),
            (5 << 50, "5120.0 TiB"),
        ] {
            assert_eq!(bytes(size), shown);
        }
    }
}
