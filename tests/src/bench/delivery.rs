//! Notification to app: from the caller's first byte to the app's, at a steady rate.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Plan;
use super::edge::{NGINX, OURS};
use super::load::{Measured, micros};
use super::open_loop;
use super::peers::{ByteTunnel, Nginx};
use super::shot::{self, Aim, Expect, Shot, Stamp};
use super::table::Table;
use crate::client::Home;
use crate::eventually;
use crate::process::locked;
use crate::relay::{ANY_RATE, TestRelay};
use crate::ringcentral::Hook;
use crate::tls::Identity;

/// Notifications a second.
const RATE: u32 = 200;

const P50: &str = "to app p50 ms";
const P99: &str = "to app p99 ms";
const ANSWER_P50: &str = "answer p50 ms";
const ANSWER_P99: &str = "answer p99 ms";

/// Measures latencies at `RATE` a second, open loop.
///
/// # Errors
/// When a server does not come up or an answer is wrong or missing.
pub async fn run(plan: Plan) -> anyhow::Result<String> {
    let identity = Identity::new()?;
    let ca = identity.directory().join("cert.pem");
    let app = StampedApp::start().await?;
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let token = relay.account("bench").await?;
    let home = Home::new(&relay, &token)?;
    let target = format!("http://{}/app", app.address);
    let client = home.listen(&[&target, "--endpoint", "bench"]).await?;

    let mut contenders = vec![(
        OURS.to_owned(),
        Aim::new(relay.address(), &client.url()?, relay.ca())?,
    )];
    let mut table = Table::new(
        &format!("Notification to app: open loop at {RATE} a second, 1 kB"),
        &[P50, P99, ANSWER_P50, ANSWER_P99],
    );
    table
        .note("only ringtail's row has stored what it answered; the others' answers are the app's");
    let nginx = Nginx::start(&identity, app.address).await?;
    match &nginx {
        Some(nginx) => contenders.push((
            format!("{NGINX} to the app"),
            Aim::new(nginx.address, "https://localhost/app", &ca)?,
        )),
        None => table.note("nginx is not installed and was skipped"),
    }
    let mut tunnels = Vec::new();
    for tunnel in [
        ByteTunnel::bore(app.address).await?,
        ByteTunnel::wstunnel(app.address).await?,
    ]
    .into_iter()
    .flatten()
    {
        if let Some(front) = Nginx::start(&identity, tunnel.address).await? {
            contenders.push((
                tunnel.name.to_owned(),
                Aim::new(front.address, "https://localhost/app", &ca)?,
            ));
            tunnels.push((tunnel, front));
        }
    }
    let peers: Vec<String> = contenders
        .iter()
        .skip(1)
        .map(|(name, _)| name.clone())
        .collect();
    for _ in 0..plan.rounds {
        for (name, aim) in &contenders {
            app.round(name, aim, plan, &mut table).await?;
        }
    }
    let peers: Vec<&str> = peers.iter().map(String::as_str).collect();
    Ok(table.render(OURS, &peers))
}

/// An app that notes when each stamped request begins. It runs in this process, for one clock.
#[derive(Debug)]
struct StampedApp {
    address: SocketAddr,
    arrivals: Arc<Mutex<HashMap<u64, Instant>>>,
    _server: JoinSet<()>,
}

impl StampedApp {
    async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let arrivals = Arc::new(Mutex::new(HashMap::new()));
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&arrivals)));
        Ok(Self {
            address,
            arrivals,
            _server: server,
        })
    }

    async fn round(
        &self,
        name: &str,
        aim: &Aim,
        plan: Plan,
        table: &mut Table,
    ) -> anyhow::Result<()> {
        let hook: Hook = shot::notification().header(STAMP_HEADER, Stamp::PLACE);
        let shot = Shot::new(aim, &hook, Expect::Accepted)?;
        let fired = Mutex::new(HashMap::new());
        let measured = open_loop::open(aim, &shot, RATE, plan.open, |stamp, at| {
            if let Some(number) = Stamp::number(stamp.plain()) {
                locked(&fired).insert(number, at);
            }
        })
        .await?;
        let fired = fired.into_inner().unwrap_or_default();
        let arrived = |number: &u64| locked(&self.arrivals).get(number).copied();
        eventually!(
            fired.keys().all(|number| arrived(number).is_some()),
            "every notification of {name} at the app"
        )?;
        let mut latency = Measured::empty()?;
        for (number, due) in &fired {
            let arrived = arrived(number).context("an arrival that was seen")?;
            latency.saturating_record(micros(arrived.saturating_duration_since(*due)));
        }
        ensure!(!latency.is_empty(), "nothing was fired");
        let millis = |percentile| latency.value_at_percentile(percentile) as f64 / 1000.0;
        table.add(name, P50, millis(50.0));
        table.add(name, P99, millis(99.0));
        table.add(name, ANSWER_P50, measured.millis(50.0));
        table.add(name, ANSWER_P99, measured.millis(99.0));
        Ok(())
    }
}

/// Carries the stamp where the app sees it before the body.
const STAMP_HEADER: &str = "x-bench-stamp";

async fn accept(listener: TcpListener, arrivals: Arc<Mutex<HashMap<u64, Instant>>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                stream.set_nodelay(true).ok();
                let arrivals = Arc::clone(&arrivals);
                let service = service_fn(move |request: Request<Incoming>| {
                    let at = Instant::now();
                    let stamp = request.headers().get(STAMP_HEADER).map(|stamp| stamp.as_bytes());
                    if let Some(number) = stamp.and_then(Stamp::number) {
                        locked(&arrivals).entry(number).or_insert(at);
                    }
                    async move {
                        // Read to its end, so that the connection can be used again.
                        request.into_body().collect().await.ok();
                        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                    }
                });
                connections.spawn(async move {
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
