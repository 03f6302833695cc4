//! `serve`: the relay itself.

mod certificate;

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use ringtail_errors::{Context as _, Exit, Failure, codes};
use ringtail_text::{shell_word, whole};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::certificate::CertificateArgs;
use super::Output;
use super::database::DatabaseArgs;
use super::service::{self, Watchdog};
use crate::config::Config;
use crate::hosts;
use crate::journal::Retention;
use crate::limits::{self, HAND_OVER};
use crate::net::proxies::network;
use crate::output;
use crate::recent_log::RecentLog;
use crate::server::{Server, Stopped};
use crate::tls::{Certificate, Domain};

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    certificate: CertificateArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Answer the other relays of the database at this address, which carry passthrough requests here; needs --database
    #[arg(
        long,
        env = "RINGTAIL_RELAY_CLUSTER",
        value_name = "HOST:PORT",
        requires = "database"
    )]
    cluster: Option<String>,
    /// Serve /health, /ready and /metrics over plain HTTP at this address, usually 127.0.0.1:9464
    #[arg(long, env = "RINGTAIL_RELAY_METRICS", value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Allow --metrics at an address that other machines can reach; it needs no authentication
    #[arg(long, env = "RINGTAIL_RELAY_METRICS_ANYWHERE", requires = "metrics")]
    metrics_anywhere: bool,
    /// Also give each endpoint a host below this domain: `https://ENDPOINT.DOMAIN` [with --dev: localhost if omitted]
    #[arg(
        long,
        env = "RINGTAIL_RELAY_WILDCARD",
        value_name = "DOMAIN",
        value_parser = hosts::endpoint_domain
    )]
    wildcard: Option<Option<Domain>>,
    /// Expect a PROXY protocol v2 header on each connection of a trusted proxy
    #[arg(long, env = "RINGTAIL_RELAY_PROXY_PROTOCOL")]
    proxy_protocol: bool,
    /// Trust proxies in this network, such as `10.0.0.0/8`, to name the caller's address; repeatable
    #[arg(
        long,
        env = "RINGTAIL_RELAY_TRUSTED_PROXY",
        value_name = "CIDR",
        value_delimiter = ',',
        default_values = LOOPBACK,
        value_parser = network
    )]
    trusted_proxy: Vec<IpNet>,
    /// Print in this format on stdout
    #[arg(
        long,
        env = "RINGTAIL_RELAY_OUTPUT",
        value_name = "FORM",
        default_value = "plain"
    )]
    output: Output,
    /// Keep events for this many days
    #[arg(
        long,
        env = "RINGTAIL_RELAY_KEEP_DAYS",
        value_name = "DAYS",
        default_value_t = days(Retention::MAX_AGE),
        value_parser = whole::<u64>(1, 3650)
    )]
    keep_days: u64,
    /// Keep this many bytes of events in total
    #[arg(
        long,
        env = "RINGTAIL_RELAY_KEEP_BYTES",
        value_name = "BYTES",
        default_value_t = Retention::MAX_BYTES,
        value_parser = whole::<u64>(1, u64::MAX)
    )]
    keep_bytes: u64,
    /// Keep this many bytes of events per account
    #[arg(
        long,
        env = "RINGTAIL_RELAY_KEEP_ACCOUNT_BYTES",
        value_name = "BYTES",
        default_value_t = Retention::MAX_ACCOUNT_BYTES,
        value_parser = whole::<u64>(1, u64::MAX)
    )]
    keep_account_bytes: u64,
    /// Accept this many events per second on one endpoint, with bursts of ten times as many; validation requests are always answered
    #[arg(
        long,
        env = "RINGTAIL_RELAY_MAX_EVENTS_PER_SECOND",
        value_name = "EVENTS",
        default_value_t = limits::EVENTS_PER_SECOND,
        value_parser = whole::<NonZeroU32>(1, u32::MAX.into())
    )]
    max_events_per_second: NonZeroU32,
    /// Accept this many concurrent connections
    #[arg(
        long,
        env = "RINGTAIL_RELAY_MAX_CONNECTIONS",
        value_name = "CONNECTIONS",
        default_value_t = limits::CONNECTIONS,
        value_parser = whole::<NonZeroU32>(1, u32::MAX.into())
    )]
    max_connections: NonZeroU32,
    /// Accept this many concurrent connections from one IPv4 address or IPv6 /64
    #[arg(
        long,
        env = "RINGTAIL_RELAY_MAX_CONNECTIONS_PER_ADDRESS",
        value_name = "CONNECTIONS",
        default_value_t = limits::CONNECTIONS_PER_ADDRESS,
        value_parser = whole::<NonZeroU32>(1, u32::MAX.into())
    )]
    max_connections_per_address: NonZeroU32,
    /// Wait this many seconds for an app's answer to a passthrough request
    #[arg(
        long,
        env = "RINGTAIL_RELAY_PASSTHROUGH_DEADLINE",
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = whole::<u64>(1, 600)
    )]
    passthrough_deadline: u64,
    /// Accept request bodies of up to this many bytes, at most 16777216
    #[arg(
        long,
        env = "RINGTAIL_RELAY_MAX_BODY_BYTES",
        value_name = "BYTES",
        default_value_t = 16 * 1024 * 1024,
        value_parser = whole::<u64>(1, 16 * 1024 * 1024)
    )]
    max_body_bytes: u64,
    /// On shutdown, give requests in flight this many seconds [default: 10; 0.4 when a service manager owns the socket,
    /// because new connections wait in it]
    #[arg(
        long,
        env = "RINGTAIL_RELAY_DRAIN",
        value_name = "SECONDS",
        value_parser = whole::<u64>(0, 86_400)
    )]
    drain: Option<u64>,
}

/// Proxies on the relay's own machine.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

/// The line of `--output json` when the relay is ready.
#[derive(Debug, Serialize)]
struct ReadyLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url: &'a str,
    /// File of the relay's own authority, which clients must trust.
    ca: Option<String>,
    /// Address listened on.
    listen: SocketAddr,
    /// Address at which metrics are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<SocketAddr>,
}

const fn days(age: Duration) -> u64 {
    age.as_secs() / SECONDS_OF_A_DAY
}

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

impl ServeArgs {
    fn config(self, socket: Option<TcpListener>) -> Result<Config, &'static str> {
        let chosen = self.certificate.choose()?;
        let mut config = Config::dev(chosen.listen, self.database.data.data);
        config.certificate = chosen.certificate;
        config.public_url = chosen.public_url;
        match (self.drain, &socket) {
            (Some(seconds), _) => config.limits.drain_timeout = Duration::from_secs(seconds),
            (None, Some(_)) => config.limits.drain_timeout = HAND_OVER,
            (None, None) => {}
        }
        config.socket = socket.map(Arc::new);
        config.cluster = self.cluster;
        config.metrics = self.metrics;
        config.proxies.trusted = self.trusted_proxy;
        config.proxies.forwarded = config.certificate == Certificate::Proxy;
        config.proxies.proxy_protocol = self.proxy_protocol;
        config.wildcard = match self.wildcard {
            Some(None) if config.certificate == Certificate::Dev => {
                // Browsers resolve every name below it to this machine.
                Some(Domain::parse("localhost").expect("a DNS name"))
            }
            Some(None) => return Err("--wildcard needs a domain, except with --dev"),
            Some(domain) => domain,
            None => None,
        };
        config.retention.max_age = Duration::from_secs(self.keep_days * SECONDS_OF_A_DAY);
        config.retention.max_bytes = self.keep_bytes;
        config.retention.max_account_bytes = self.keep_account_bytes;
        config.limits.events_per_second = self.max_events_per_second;
        config.limits.connections = self.max_connections.get() as usize;
        config.limits.connections_per_address = self.max_connections_per_address.get() as usize;
        config.limits.passthrough_deadline = Duration::from_secs(self.passthrough_deadline);
        config.limits.body_bytes = usize::try_from(self.max_body_bytes).unwrap_or(usize::MAX);
        Ok(config)
    }
}

pub(super) fn run(args: ServeArgs, recent: RecentLog) -> Result<Exit, Failure> {
    if let Some(address) = args.metrics.filter(|it| !it.ip().is_loopback())
        && !args.metrics_anywhere
    {
        let text = format!("--metrics {address} can be reached by other machines");
        return Err(Failure::new(&codes::USAGE, text).hint(
            "metrics name accounts and endpoints and need no authentication; allow it with --metrics-anywhere",
        ));
    }
    let output = args.output;
    let database = args.database.url()?;
    let socket = service::socket()?;
    let config = args.config(socket);
    let mut config = config.map_err(|why| Failure::new(&codes::USAGE, why))?;
    config.recent = recent;
    config.database = database;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")?;
    let served = runtime.block_on(serve(config, output));
    // Without waiting for a read of a database that hangs.
    runtime.shutdown_background();
    served
}

async fn serve(config: Config, output: Output) -> Result<Exit, Failure> {
    // Before the relay is ready: a script may stop it right then.
    let mut stop = Stop::listen().context("signals cannot be received")?;
    let mut hangup = signal(SignalKind::hangup()).context("signals cannot be received")?;
    let data = config.data.clone();
    let server = Server::spawn(config).await?;
    let mut watchdog = Watchdog::new();
    let mut ready = false;
    loop {
        tokio::select! {
            biased;
            () = stop.requested() => break,
            () = server.join() => {
                return Err(Failure::new(&codes::FAILED, "the relay stopped by itself"));
            }
            // Before its first certificate, a relay accepts connections but cannot answer them.
            () = server.certified(), if !ready => {
                announce(&server, &data, output).context("stdout is closed")?;
                service::ready(server.public_url());
                ready = true;
            }
            Some(()) = hangup.recv() => server.reload_certificate(),
            () = watchdog.run() => {}
        }
    }
    tracing::info!("stopping");
    service::stopping();
    match server.shutdown().await {
        Stopped::Drained => Ok(Exit::Ok),
        Stopped::CutOff => Ok(Exit::CutOff),
    }
}

fn announce(server: &Server, data: &Path, output: Output) -> std::io::Result<()> {
    let url = server.public_url();
    // A client may start in another directory.
    let ca = server.ca().map(absolute);
    match output {
        Output::Json => output::json(&ReadyLine {
            kind: "ready",
            url,
            ca,
            listen: server.local_addr(),
            metrics: server.metrics_addr(),
        }),
        Output::Plain => {
            output::data(format_args!("ready at {url}"))?;
            if let Some(ca) = ca {
                output::data(
                    "only for this machine: RingCentral needs a public name and certificate (--domain, --cert or \
                     --behind-proxy)",
                )?;
                output::data("create a token:")?;
                output::data(format_args!(
                    "  ringtail-relay accounts add me --data {}",
                    shell_word(&absolute(data))
                ))?;
                output::data("log in with it on the client:")?;
                output::data(format_args!(
                    "  RINGTAIL_CA={} ringtail login {url}",
                    shell_word(&ca)
                ))?;
            }
            Ok(())
        }
    }
}

fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.display().to_string()
}

/// Signals that ask the relay to stop.
#[derive(Debug)]
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
