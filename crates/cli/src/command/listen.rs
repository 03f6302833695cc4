//! `ringtail listen`: the engine with a face on it, until somebody says stop.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use ringtail_client::config::Config;
use ringtail_client::engine::{Engine, EngineConfig, SpawnError};
use ringtail_client::filter::Filter;
use ringtail_client::forward::{SendOptions, TargetUrl};
use ringtail_client::model::{Endpoint, LinkState};
use ringtail_client::signature::Guard;
use tokio_util::sync::CancellationToken;

use super::search::{filter, search_one};
use crate::args::{Common, HopArgs, ListenArgs, Output};
use crate::exit::{Exit, Failure};
use crate::lines::{self, Form};
use crate::output::{json, plain};
use crate::{logging, screen, signal};

/// How long what is left to say may take once everything has stopped, when nobody reads it.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub(super) async fn run(common: &Common, args: ListenArgs) -> Result<(), Failure> {
    let mut flags = common.flags(args.endpoint.as_ref());
    flags.reject_forged = args.reject_forged;
    flags.keep = args.keep.keep();
    let config = Config::load(&flags)?;
    let filter = args.filter.as_deref().map(filter).transpose()?;
    let account = config.account()?;
    let target = args.target.as_deref().map(TargetUrl::parse).transpose();
    let target = target.map_err(|error| Failure::new(Exit::Usage, error))?;
    let _log = logging::start(&config.data).map_err(|error| Failure::new(Exit::Config, error))?;
    let secrets = config.secrets.of_name(&config.endpoint);
    let guard = match config.reject_forged {
        true => Some(Guard::new(&secrets).ok_or_else(|| no_secret(&config.endpoint))?),
        false => None,
    };
    let face = Face {
        options: screen::options(&config.screen, &config.noise)?,
        asked: screen::Asked {
            data: config.data.clone(),
            reveal: args.reveal.into(),
            secrets: config.secrets.clone(),
            noise: config.noise.clone(),
            send: send_options(&args.hop, SendOptions::default()),
        },
        output: args.output,
        filter,
    };
    let engine = Engine::spawn(EngineConfig {
        account,
        endpoint: config.endpoint,
        data: config.data,
        target,
        send: send_options(&args.hop, SendOptions::default()),
        forward: !args.no_forward,
        secrets,
        guard,
        retention: config.retention,
    })
    .await
    .map_err(spawn_failure)?;
    // Before anything is shown: who reads that it runs may ask it to stop.
    let stop = signal::Stop::watch();

    let ended = CancellationToken::new();
    let engine_ends = async {
        let end = engine.join().await;
        ended.cancel();
        end
    };
    let shows = async {
        let shown = Box::pin(show(&engine, face, &ended)).await;
        // A user who quits and a reader who goes away stop the rest.
        engine.shutdown();
        shown
    };
    let ready = async {
        let told = tell_ready(&engine, args.ready_file.as_deref(), &ended).await;
        if told.is_err() {
            engine.shutdown();
        }
        told
    };
    let all = async { tokio::join!(engine_ends, shows, ready) };
    let (end, shown, told) = tokio::select! {
        biased;
        ends = all => ends,
        () = impatience(&engine, stop) => {
            let failure = anyhow::anyhow!("stopped before everything was in order");
            return Err(failure.into());
        }
    };
    // What the relay said explains the end better than what became of the output.
    end?;
    shown?;
    told
}

/// Stops the engine at the first signal and returns at the second.
async fn impatience(engine: &Engine, mut stop: signal::Stop) {
    stop.asked().await;
    tracing::info!("told to stop");
    engine.shutdown();
    stop.asked().await;
}

/// What is shown, and how.
struct Face {
    options: ringtail_tui::Options,
    asked: screen::Asked,
    output: Option<Output>,
    filter: Option<Filter>,
}

async fn show(engine: &Engine, face: Face, ended: &CancellationToken) -> Result<(), Failure> {
    let Face {
        options,
        asked,
        output,
        filter,
    } = face;
    let output = output.unwrap_or_else(|| {
        if std::io::stdout().is_terminal() {
            Output::Tui
        } else {
            Output::Plain
        }
    });
    let form = match output {
        Output::Tui => {
            return screen::show(
                engine.clone(),
                asked,
                filter.unwrap_or_default(),
                options,
                ended.clone(),
            )
            .await;
        }
        Output::Plain => Form::Plain(plain::Style::of_stdout()),
        Output::Json => Form::Json,
    };
    let search = filter.map(|filter| search_one(filter, engine.secrets().clone()));
    let too_long = async {
        ended.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        biased;
        shown = lines::show(engine, form, asked.reveal, search, ended) => shown,
        () = too_long => Ok(()),
    }
}

/// Writes the ready file when events flow for the first time.
async fn tell_ready(
    engine: &Engine,
    file: Option<&Path>,
    ended: &CancellationToken,
) -> Result<(), Failure> {
    let Some(file) = file else {
        return Ok(());
    };
    let mut status = engine.status();
    let ready =
        status.wait_for(|status| status.link == LinkState::Connected && status.endpoint.is_some());
    let endpoint = tokio::select! {
        biased;
        () = ended.cancelled() => return Ok(()),
        ready = ready => ready.ok().and_then(|status| status.endpoint.clone()),
    };
    let (Some(endpoint), file) = (endpoint, file.to_owned()) else {
        return Ok(());
    };
    let written = tokio::task::spawn_blocking(move || write_ready(&file, &endpoint));
    written.await.context("writing the ready file failed")??;
    Ok(())
}

/// Writes the file so that who sees it sees all of it.
fn write_ready(file: &Path, endpoint: &Endpoint) -> anyhow::Result<()> {
    let mut line = Vec::new();
    json::line(&mut line, &json::ready(&endpoint.id, &endpoint.url));
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(format!(".{}.new", std::process::id()));
    let fresh = PathBuf::from(fresh);
    std::fs::write(&fresh, line)
        .and_then(|()| std::fs::rename(&fresh, file))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Returns how the target is asked, as the flags say, and otherwise as before.
pub(crate) fn send_options(hop: &HopArgs, before: SendOptions) -> SendOptions {
    SendOptions {
        keep_host: hop.keep_host || before.keep_host,
        insecure: hop.insecure || before.insecure,
        answer_timeout: hop.timeout.unwrap_or(before.answer_timeout),
        ..before
    }
}

/// A guard without a secret would let everything pass and be thought to keep it out.
fn no_secret(endpoint: &str) -> Failure {
    let nothing = anyhow::anyhow!(
        "forged requests cannot be rejected: no secret is configured for endpoint {endpoint}"
    );
    Failure::new(Exit::Config, nothing)
        .hint("set RINGTAIL_VERIFICATION_TOKEN, or see `ringtail listen --help`")
}

fn spawn_failure(error: SpawnError) -> Failure {
    match &error {
        SpawnError::Lock(_) => Failure::new(Exit::Failure, error)
            .hint("stop it, or give this one another --endpoint or --data"),
        SpawnError::Target(_) => Failure::new(Exit::Config, error),
        _ => Failure::new(Exit::Failure, error),
    }
}
