//! `ringtail web`: the local page over a history, which another process may fill.

use ringtail_client::config::Config;
use ringtail_client::forward::SendOptions;
use ringtail_errors::Failure;
use ringtail_store::OFTEN;
use ringtail_views::Store;
use ringtail_web::{Options, Server};
use tokio_util::sync::CancellationToken;

use super::find::open;
use crate::args::{Common, WebArgs};
use crate::output::print;
use crate::replays::{self, Replays};
use crate::signal;

pub(super) async fn run(common: &Common, args: &WebArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let cancel = CancellationToken::new();
    let _cancelled = cancel.clone().drop_guard();
    let others = history.clone().watch_others(OFTEN, cancel);
    let reveal = args.reveal.into();
    let store = Store::new(Vec::new(), history, config.data, reveal, config.secrets);
    let replays = Replays {
        store,
        noise: config.noise,
        send: SendOptions::default(),
    };
    let mut asked = signal::Stop::watch();
    let page = serve(replays, args.port, args.mask).await?;
    print(format!("page: {}\n", page.url()).as_bytes()).await?;
    tokio::select! {
        biased;
        () = asked.asked() => {}
        () = others => {}
    }
    page.stop().await;
    Ok(())
}

/// Serves the page.
pub(super) async fn serve(replays: Replays, port: u16, mask: bool) -> Result<Server, Failure> {
    let options = Options {
        port,
        mask,
        noise: replays.noise.clone(),
        check_options: replays::check,
    };
    let page = Server::spawn(replays.store.clone(), replays, options);
    page.await.map_err(Failure::from)
}
