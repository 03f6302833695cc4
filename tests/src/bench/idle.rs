//! What idle links cost a relay, and an idle client its laptop: memory, wake-ups and CPU. Then, how soon all links are back after
//! the relay was killed.
//!
//! A thousand clients as processes would need more memory than they measure, so this process holds the client's end
//! of every link itself: WebSocket, HTTP/2 server, an event stream that stays open.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ringtail_protocol::stream::{ByteStream, websocket_config};
use ringtail_protocol::{http2, path, version};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::Plan;
use super::edge::OURS;
use super::open_loop;
use super::shot::{self, Aim, Expect, Shot};
use super::spent::Spent;
use super::table::Table;
use crate::client::Home;
use crate::procfs;
use crate::relay::{TestRelay, Token};
use ringtail_kit::caller::endpoint;
use ringtail_kit::eventually;

const LINKS: &str = "links";
const KIB: &str = "relay KiB each";
const WAKES: &str = "relay wake-ups a second";
const CPU: &str = "relay CPU %";

const CLIENT_MEMORY: &str = "anonymous MiB";
const CLIENT_WAKES: &str = "wake-ups a second";
const CLIENT_CPU: &str = "CPU %";

const BACK: &str = "all back after s";
const MEANWHILE: &str = "validation p99 ms meanwhile";

/// Validations a second while the links come back.
const VALIDATIONS: u32 = 50;

/// Pause of a link that the relay did not take, before the next try.
const PAUSE: Duration = Duration::from_millis(50);

/// All links are back sooner than this, or some will never be.
const LONGEST: Duration = Duration::from_secs(300);

/// As many as one endpoint may have, and an account while others hold many.
const LINKS_OF_AN_ACCOUNT: usize = 16;

/// Measures how much the relay grows for each idle link, and what it does while all of them are idle.
///
/// # Errors
/// When a link cannot be opened.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<String> {
    // All links come from one address, and validations beside them.
    let options = ["--max-connections-per-address", "2048"];
    let mut relay = TestRelay::start_with(&options).await?;
    let mut accounts = Vec::new();
    for number in 0..plan.links.div_ceil(LINKS_OF_AN_ACCOUNT) {
        let token = relay.account(&format!("bench-{number}")).await?;
        let endpoint = relay.endpoint(&token, "bench").await?.endpoint;
        accounts.push((token, endpoint));
    }
    let pid = relay.pid().context("the relay has ended")?;
    let aim = Aim::new(relay.address(), relay.url(), relay.ca())?;

    let before = procfs::rss_kib(pid)?;
    let streaming = watch::Sender::new(0);
    let mut links = JoinSet::new();
    for opened in 0..plan.links {
        let (token, endpoint) = accounts[opened / LINKS_OF_AN_ACCOUNT].clone();
        links.spawn(link(aim.clone(), token, endpoint, streaming.clone()));
        // One after the other: a relay may bound how many handshakes it does at once.
        eventually!(
            *streaming.borrow() > opened,
            "the event stream of link {opened}"
        )?;
    }
    if let Some(ended) = links.try_join_next() {
        bail!("a link ended: {:?}", ended?);
    }
    let after = procfs::rss_kib(pid)?;
    let began = Spent::of(&[pid])?;
    tokio::time::sleep(plan.idle).await;
    let seconds = plan.idle.as_secs_f64();
    let (millis, wakes) = Spent::of(&[pid])?.since(&began, seconds);
    let mut table = Table::new("Idle links", &[LINKS, KIB, WAKES, CPU]);
    table.add(OURS, WAKES, wakes);
    table.add(OURS, CPU, millis / 10.0);
    table.add(OURS, LINKS, plan.links as f64);
    table.add(
        OURS,
        KIB,
        after.saturating_sub(before) as f64 / plan.links as f64,
    );
    drop(links);
    Ok(table.render(OURS, &[])
        + &client(plan, &relay, &accounts[0].0).await?
        + &back(plan, &mut relay, &accounts).await?)
}

/// Measures a client to which nothing happens.
async fn client(plan: Plan, relay: &TestRelay, token: &Token) -> anyhow::Result<String> {
    let client = Home::new(relay, token)?
        .listen(&["--endpoint", "bench"])
        .await?;
    let pid = client.pid().context("the client has ended")?;
    // What a start leaves to do, such as the first check of the search index.
    tokio::time::sleep(plan.open).await;
    let before = Spent::of(&[pid])?;
    tokio::time::sleep(plan.idle).await;
    let seconds = plan.idle.as_secs_f64();
    let (millis, switches) = Spent::of(&[pid])?.since(&before, seconds);
    let columns = [CLIENT_MEMORY, CLIENT_WAKES, CLIENT_CPU];
    let mut table = Table::new("Idle client", &columns);
    let kib = procfs::anonymous_kib(pid)? as f64;
    table.add(OURS, CLIENT_MEMORY, kib / 1024.0);
    table.add(OURS, CLIENT_WAKES, switches);
    table.add(OURS, CLIENT_CPU, millis / 10.0);
    Ok(table.render(OURS, &[]))
}

/// Kills the relay, starts it again, and measures until all links are back.
async fn back(
    plan: Plan,
    relay: &mut TestRelay,
    accounts: &[(Token, String)],
) -> anyhow::Result<String> {
    let url = format!("{}/{}", relay.url(), accounts[0].1);
    relay.restart().await?;
    let aim = Aim::new(relay.address(), &url, relay.ca())?;
    let streaming = watch::Sender::new(0);
    let mut links = JoinSet::new();
    let began = Instant::now();
    for opened in 0..plan.links {
        let (token, endpoint) = accounts[opened / LINKS_OF_AN_ACCOUNT].clone();
        let (aim, streaming) = (aim.clone(), streaming.clone());
        links.spawn(async move {
            loop {
                let ended = link(
                    aim.clone(),
                    token.clone(),
                    endpoint.clone(),
                    streaming.clone(),
                );
                drop(ended.await);
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    let mut up = streaming.subscribe();
    let all_back = async {
        let back = up.wait_for(|streaming| *streaming >= plan.links);
        let back = timeout(LONGEST, back).await;
        let back = back.map(|up| up.map(drop));
        back.with_context(|| format!("not all links are back within {LONGEST:?}"))??;
        anyhow::Ok(began.elapsed())
    };
    let shot = Shot::new(&aim, &shot::validation(), Expect::Echo)?;
    let validations = open_loop::open(&aim, &shot, VALIDATIONS, plan.open, |_, _| ());
    let (all_back, validations) = tokio::try_join!(all_back, validations)?;
    let mut table = Table::new("Links after a restart of the relay", &[BACK, MEANWHILE]);
    table.add(OURS, BACK, all_back.as_secs_f64());
    table.add(OURS, MEANWHILE, validations.millis(99.0));
    Ok(table.render(OURS, &[]))
}

/// Holds a link of an endpoint, and counts it in `streaming` once its events come.
pub(super) async fn link(
    aim: Aim,
    token: Token,
    id: String,
    streaming: watch::Sender<usize>,
) -> anyhow::Result<()> {
    let uri = endpoint(&aim.url)?;
    let authority = uri.authority().context("no authority")?;
    let link = path::LINK;
    let url = format!("wss://{authority}{link}?endpoint={id}&forward=false");
    let mut request = url.into_client_request()?;
    let headers = request.headers_mut();
    let bearer = format!("Bearer {}", token.expose());
    headers.insert("authorization", bearer.parse()?);
    headers.insert("sec-websocket-protocol", version::SUBPROTOCOL.parse()?);
    let stream = aim.dial(false).await?;
    let (socket, response) =
        tokio_tungstenite::client_async_with_config(request, stream, Some(websocket_config()))
            .await?;
    ensure!(
        response.status() == 101,
        "not a link: {}",
        response.status()
    );
    let streaming = Arc::new(streaming);
    let service = service_fn(move |request: Request<Incoming>| {
        let streaming = Arc::clone(&streaming);
        async move {
            streaming.send_modify(|streaming| *streaming += 1);
            // What comes down is read and dropped; nothing goes up, and the stream stays open.
            let mut down = request.into_body();
            let up = futures_util::stream::once(async move {
                while let Some(Ok(_)) = down.frame().await {}
                Ok::<_, Infallible>(Frame::data(Bytes::new()))
            });
            Ok::<_, Infallible>(Response::new(StreamBody::new(up)))
        }
    });
    http2::server()
        .serve_connection(TokioIo::new(ByteStream::new(socket)), service)
        .await?;
    bail!("the relay closed the link")
}
