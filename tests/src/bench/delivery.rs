//! Notification to app: from the caller's first byte to the app's, at a steady rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use ringtail_kit::tls::Identity;

use super::Plan;
use super::edge::{NGINX, OURS};
use super::load::{Measured, micros};
use super::open_loop;
use super::peers::{ByteTunnel, Nginx};
use super::shot::{self, Aim, Expect, Shot, Stamp};
use super::spent::Spent;
use super::table::Table;
use crate::client::{Home, TestClient};
use crate::process::locked;
use crate::relay::{ANY_RATE, TestRelay};

/// With the events in PostgreSQL, at the relay that has the client's link.
const IN_POSTGRES: &str = "ringtail, PostgreSQL";
/// At another relay, which notifies the one with the link.
const ACROSS: &str = "at another relay";

/// Columns of a rate.
macro_rules! columns {
    ($rate:literal) => {
        [
            concat!($rate, "/s to app p50 ms"),
            concat!($rate, "/s to app p99 ms"),
            concat!($rate, "/s answer p50 ms"),
            concat!($rate, "/s answer p99 ms"),
            concat!($rate, "/s relay CPU ms"),
            concat!($rate, "/s client CPU ms"),
            concat!($rate, "/s relay switches"),
            concat!($rate, "/s client switches"),
        ]
    };
}

/// Notifications a second, and columns: latencies, and what relay and client spend on one.
const RATES: [(u32, [&str; 8]); 2] = [(200, columns!(200)), (500, columns!(500))];

/// Measures latencies and costs at fixed rates, open loop.
///
/// # Errors
/// When a server does not come up or an answer is wrong or missing.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<String> {
    let identity = Identity::new()?;
    let ca = identity.directory().join("cert.pem");
    let app = StampedApp::start();
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let token = relay.account("bench").await?;
    let home = Home::new(&relay, &token)?;
    let target = app.app.url("/app");
    let client = home.listen(&[&target, "--endpoint", "bench"]).await?;

    let server = PostgresServer::start("")?;
    let [linked, other] = TestRelay::pair(&server.database(), ANY_RATE).await?;
    let there = Home::new(&linked, &linked.account("bench").await?)?;
    let there = there.listen(&[&target, "--endpoint", "bench"]).await?;
    let url = there.url()?;
    let path = url.strip_prefix(linked.url()).context("the relay's URL")?;
    let pids = |relay: &TestRelay, client: &TestClient| -> anyhow::Result<Vec<u32>> {
        let relay = relay.pid().context("the relay has ended")?;
        Ok(vec![relay, client.pid().context("the client has ended")?])
    };
    let mut contenders = vec![
        (
            OURS.to_owned(),
            Aim::new(relay.address(), &client.url()?, relay.ca())?,
            pids(&relay, &client)?,
        ),
        (
            IN_POSTGRES.to_owned(),
            Aim::new(linked.address(), &url, linked.ca())?,
            pids(&linked, &there)?,
        ),
        (
            ACROSS.to_owned(),
            Aim::new(
                other.address(),
                &format!("{}{path}", other.url()),
                other.ca(),
            )?,
            pids(&other, &there)?,
        ),
    ];
    let columns: Vec<&'static str> = RATES.iter().flat_map(|(_, columns)| *columns).collect();
    let mut table = Table::new("Notification to app: open loop, 1 kB", &columns);
    table.note(
        "only ringtail's rows have stored what they answered; the others' answers are the app's",
    );
    let nginx = Nginx::start(&identity, app.app.address).await?;
    match &nginx {
        Some(nginx) => contenders.push((
            format!("{NGINX} to the app"),
            Aim::new(nginx.address, "https://localhost/app", &ca)?,
            Vec::new(),
        )),
        None => table.note("nginx is not installed and was skipped"),
    }
    let mut tunnels = Vec::new();
    for tunnel in [
        ByteTunnel::bore(app.app.address).await?,
        ByteTunnel::wstunnel(app.app.address).await?,
    ]
    .into_iter()
    .flatten()
    {
        if let Some(front) = Nginx::start(&identity, tunnel.address).await? {
            contenders.push((
                tunnel.name.to_owned(),
                Aim::new(front.address, "https://localhost/app", &ca)?,
                Vec::new(),
            ));
            tunnels.push((tunnel, front));
        }
    }
    let peers: Vec<String> = contenders
        .iter()
        .skip(1)
        .map(|(name, ..)| name.clone())
        .collect();
    for _ in 0..plan.rounds {
        for (name, aim, pids) in &contenders {
            for (rate, columns) in RATES {
                let load = (rate, plan.open);
                let figures = app.round(name, aim, load, pids).await?;
                for (column, figure) in columns.into_iter().zip(figures) {
                    table.add(name, column, figure);
                }
            }
        }
    }
    let peers: Vec<&str> = peers.iter().map(String::as_str).collect();
    Ok(table.render(OURS, &peers))
}

/// An app that records when each stamped request arrives. It runs in this process, for one clock.
#[derive(Debug)]
struct StampedApp {
    app: App,
    arrivals: Arrivals,
}

type Arrivals = Arc<Mutex<HashMap<u64, Instant>>>;

impl StampedApp {
    fn start() -> Self {
        let arrivals = Arrivals::default();
        let log = Arc::clone(&arrivals);
        let app = App::replying(move |seen| {
            let at = Instant::now();
            if let [stamp] = seen.header(STAMP_HEADER)[..]
                && let Some(number) = Stamp::number(stamp)
            {
                locked(&log).entry(number).or_insert(at);
            }
            Reply::status(200)
        });
        Self { app, arrivals }
    }

    /// Returns latencies, and what the processes have spent on a notification.
    async fn round(
        &self,
        name: &str,
        aim: &Aim,
        (rate, time): (u32, Duration),
        pids: &[u32],
    ) -> anyhow::Result<Vec<f64>> {
        let hook: Hook = shot::notification().header(STAMP_HEADER, Stamp::PLACE);
        let shot = Shot::new(aim, &hook, Expect::Accepted)?;
        let fired = Mutex::new(HashMap::new());
        let spent = |pid: &u32| Spent::of(&[*pid]);
        let before: Vec<Spent> = pids.iter().map(spent).collect::<anyhow::Result<_>>()?;
        let measured = open_loop::open(aim, &shot, rate, time, |stamp, at| {
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
        let to_app = |percentile| latency.value_at_percentile(percentile) as f64 / 1000.0;
        let mut figures = vec![
            to_app(50.0),
            to_app(99.0),
            measured.millis(50.0),
            measured.millis(99.0),
        ];
        let mut costs = Vec::new();
        for (pid, before) in pids.iter().zip(before) {
            costs.push(Spent::of(&[*pid])?.since(&before, measured.requests as f64));
        }
        figures.extend(costs.iter().map(|(cpu, _)| cpu));
        figures.extend(costs.iter().map(|(_, switches)| switches));
        Ok(figures)
    }
}

/// Carries the stamp where the app sees it before the body.
const STAMP_HEADER: &str = "x-bench-stamp";
