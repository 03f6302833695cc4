//! Notification to app: from the caller's first byte to the app's, at a steady rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, ensure};
use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_kit::tls::Identity;

use super::Plan;
use super::edge::{NGINX, OURS};
use super::load::{Measured, micros};
use super::open_loop;
use super::peers::{ByteTunnel, Nginx};
use super::shot::{self, Aim, Expect, Shot, Stamp};
use super::table::Table;
use crate::client::Home;
use crate::process::locked;
use crate::relay::{ANY_RATE, TestRelay};

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
pub(crate) async fn run(plan: Plan) -> anyhow::Result<String> {
    let identity = Identity::new()?;
    let ca = identity.directory().join("cert.pem");
    let app = StampedApp::start();
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let token = relay.account("bench").await?;
    let home = Home::new(&relay, &token)?;
    let target = app.app.url("/app");
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
    let nginx = Nginx::start(&identity, app.app.address).await?;
    match &nginx {
        Some(nginx) => contenders.push((
            format!("{NGINX} to the app"),
            Aim::new(nginx.address, "https://localhost/app", &ca)?,
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
