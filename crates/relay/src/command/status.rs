//! `status`: the status of a running relay.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ringtail_errors::{Context as _, Exit, Failure, codes};
use ringtail_text::{chain, counted, size};
use serde::Serialize;

use super::{DataArgs, Output};
use crate::ops::Status;
use crate::output;
use crate::store::{DataDir, DataDirError};

/// How long the relay may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of its answer, at most: enough for all endpoints of a thousand accounts.
const MAX_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print in this format on stdout
    #[arg(long, value_name = "FORM", default_value = "plain")]
    output: Output,
}

/// Output without a running relay.
#[derive(Debug, Serialize)]
struct StoppedStatus {
    running: bool,
    database_bytes: u64,
}

/// Output with a running relay.
#[derive(Debug, Serialize)]
struct RunningStatus<'a> {
    running: bool,
    #[serde(flatten)]
    status: &'a Status,
}

pub(super) fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    let dir = match DataDir::open_existing(&args.data.data) {
        Err(missing @ DataDirError::Missing { .. }) => {
            Failure::from(missing).print();
            return Ok(Exit::Unavailable);
        }
        dir => dir?,
    };
    if !dir.is_served()? {
        return stopped(&dir, args.output);
    }
    let status = ask(&dir).context(format!(
        "the relay that serves from {} does not answer",
        dir.path().display()
    ))?;
    output::unless_closed(match args.output {
        Output::Json => output::json(&RunningStatus {
            running: true,
            status: &status,
        }),
        Output::Plain => lines(&status).iter().try_for_each(output::data),
    })
    .context("the status could not be printed")?;
    Ok(match status.not_ready {
        None => Exit::Ok,
        Some(_) => Exit::Failure,
    })
}

fn stopped(dir: &DataDir, form: Output) -> Result<Exit, Failure> {
    let database_bytes = std::fs::metadata(dir.database()).map_or(0, |it| it.len());
    output::unless_closed(match form {
        Output::Json => output::json(&StoppedStatus {
            running: false,
            database_bytes,
        }),
        Output::Plain => output::data(format_args!(
            "no relay serves from {}; its database has {}",
            dir.path().display(),
            size(database_bytes)
        )),
    })
    .context("the status could not be printed")?;
    Ok(Exit::Unavailable)
}

fn ask(dir: &DataDir) -> Result<Status, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answered = runtime.block_on(async { tokio::time::timeout(TIMEOUT, request(dir)).await });
    answered.map_err(io::Error::from)?
}

async fn request(dir: &DataDir) -> Result<Status, Failure> {
    let socket = tokio::net::UnixStream::connect(dir.control_socket()).await?;
    let failed = |error: &(dyn Error + 'static)| Failure::new(&codes::FAILED, chain(error));
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket))
        .await
        .map_err(|error| failed(&error))?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = Uri::from_static("/status");
    let host = HeaderValue::from_static("relay");
    request.headers_mut().insert(header::HOST, host);
    // `move` drops the sender at the end, which ends the connection.
    let response = async move {
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BYTES)
            .collect()
            .await;
        let body = body.map_err(|error| failed(&*error))?.to_bytes();
        if status != StatusCode::OK {
            let text = format!("it answered {:?}", String::from_utf8_lossy(&body).trim());
            return Err(Failure::new(&codes::FAILED, text));
        }
        serde_json::from_slice(&body).map_err(|error| {
            let text = format!("it is another version, whose answer cannot be read: {error}");
            Failure::new(&codes::FAILED, text)
        })
    };
    let (response, _) = tokio::join!(response, connection);
    response
}

/// Returns the status as text.
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
    if !status.database_readable {
        lines.push("DATABASE: it cannot be read, so endpoints are not listed".to_owned());
    }
    let journal = &status.journal;
    lines.push(format!(
        "journal: {} of events in {} of files, oldest from {}, {} events queued",
        size(journal.event_bytes),
        size(journal.database_bytes + journal.wal_bytes),
        journal.oldest_at.as_deref().unwrap_or("never"),
        journal.queue_events
    ));
    if journal.spooled_events > 0 {
        lines.push(format!(
            "SPOOLING: {} events of {} wait on this relay's disk until PostgreSQL stores them",
            journal.spooled_events,
            size(u64::try_from(journal.spooled_bytes).unwrap_or(u64::MAX))
        ));
    }
    lines.push(format!(
        "links: {} forwarding, {} inspecting",
        status.links.forwarding, status.links.inspecting
    ));
    for relay in &status.relays {
        let address = relay.address.as_deref().unwrap_or("without --cluster");
        let state = match (relay.is_this, relay.is_present) {
            (true, _) => "this one".to_owned(),
            (false, true) => "present".to_owned(),
            (false, false) => format!("NOT SEEN for {} s", relay.silent_seconds),
        };
        lines.push(format!(
            "relay {address} ({state}): {} since {}, {} forwarding, {} inspecting, {} spooled",
            relay.version,
            relay.started_at,
            relay.forwarding,
            relay.inspecting,
            relay.spooled_events
        ));
    }
    for endpoint in &status.endpoints {
        let client = match (endpoint.cursor, endpoint.waiting_seconds) {
            (None, _) => "no client since the start".to_owned(),
            (Some(cursor), None) => format!("cursor {cursor}, nothing pending"),
            (Some(cursor), Some(waits)) => {
                format!("cursor {cursor}, oldest pending event {waits} s old")
            }
        };
        lines.push(format!(
            "  {}/{}: {}, {} kept, newest {}, {}, {client}",
            endpoint.account,
            endpoint.name,
            counted(endpoint.head, "event"),
            size(endpoint.bytes),
            endpoint.newest_at.as_deref().unwrap_or("never"),
            counted(endpoint.links, "link")
        ));
    }
    for (limit, count) in &status.limits {
        lines.push(format!("limit {limit} reached {}", counted(count, "time")));
    }
    for line in &status.recent {
        lines.push(format!("{} {}: {}", line.at, line.level, line.message));
    }
    lines
}
