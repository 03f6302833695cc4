//! Time until ready.

use std::time::{Duration, Instant};

use super::Plan;
use super::edge::OURS;
use super::table::Table;
use crate::client::Home;
use crate::relay::TestRelay;
use ringtail_kit::app::App;
use ringtail_kit::caller::Hook;
use ringtail_kit::wait;

const RELAY: &str = "relay, new data, ms";
const AGAIN: &str = "relay, again, ms";
const CLIENT: &str = "client to first answer, ms";

/// Starts of each kind in a round.
const STARTS: usize = 5;

/// Measures start-up: relay from its start to its ready line (the first makes keys and a database), client from
/// its start to the first passthrough that its app answered.
///
/// # Errors
/// When something does not start.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<String> {
    let mut table = Table::new("Start-up", &[RELAY, AGAIN, CLIENT]);
    table.note(
        "the client's figure includes asking again every 10 ms or less until the app has answered",
    );
    let millis = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
    for _ in 0..plan.rounds * STARTS {
        let began = Instant::now();
        let mut relay = TestRelay::start().await?;
        table.add(OURS, RELAY, millis(began));
        relay.kill().await?;
        let began = Instant::now();
        relay.resume().await?;
        table.add(OURS, AGAIN, millis(began));

        let token = relay.account("bench").await?;
        let target = App::accepting();
        let mut client = Home::new(&relay, &token)?
            .listen(&[&target.url(""), "--endpoint", "bench"])
            .await?;
        let url = client.url()?;
        client.kill().await?;
        let mut caller = relay.caller()?.connect(&url).await?;
        let hook = Hook::new("GET", "").below("/ping");
        let began = Instant::now();
        client.launch()?;
        wait::until(
            Duration::from_secs(10),
            || "an answer of the app".into(),
            async || {
                let answer = caller.post(&hook).await.ok()?;
                (answer.status == 200).then_some(())
            },
        )
        .await?;
        table.add(OURS, CLIENT, millis(began));
    }
    Ok(table.render(OURS, &[]))
}
