//! `ringtail listen`: the engine with a face on it, until somebody says stop.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use ringtail_client::config::Config;
use ringtail_client::engine::{Engine, EngineConfig};
use ringtail_client::forward::SendOptions;
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_filter::Filter;
use ringtail_model::signature::SignaturePolicy;
use ringtail_model::target::TargetUrl;
use ringtail_model::{Endpoint, LinkState};
use ringtail_protocol::name::Name;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::search::{filter, search};
use crate::args::{Common, HopArgs, ListenArgs, Listened, Output};
use crate::blocking::blocking;
use crate::lines::{self, Form};
use crate::output::{Stdout, json, plain};
use crate::{logging, screen, signal};

/// How long what is left to say may take once everything has stopped, when nobody reads it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Most endpoints of one listener: each has a link, a forwarder and a line on the screen.
const MAX_ENDPOINTS: usize = 16;

pub(super) async fn run(common: &Common, args: ListenArgs) -> Result<(), Failure> {
    let mut flags = common.flags(None);
    flags.reject_forged = args.reject_forged;
    flags.keep = args.keep.keep();
    let config = Config::load(&flags)?;
    let filter = args.filter.as_deref().map(filter).transpose()?;
    let account = config.account()?;
    let endpoints = endpoints(&config, &args)?;
    let _log = logging::start(&config.data)?;
    let send = send_options(&args.hop, SendOptions::default());
    let mut engines = Vec::new();
    for (endpoint, target) in endpoints {
        let secrets = config.secrets.of_name(&endpoint);
        let guard = match config.rejects_forged(&endpoint) {
            true => Some(SignaturePolicy::new(&secrets).ok_or_else(|| no_secret(&endpoint))?),
            false => None,
        };
        engines.push(EngineConfig {
            account: account.clone(),
            endpoint,
            data: config.data.clone(),
            target,
            send,
            forward: !args.no_forward,
            secrets,
            guard,
            retention: config.retention,
        });
    }
    let face = Face {
        options: screen::options(&config.screen, &config.noise)?,
        asked: screen::Asked {
            data: config.data,
            reveal: args.reveal.into(),
            secrets: config.secrets,
            noise: config.noise,
            send,
        },
        output: args.output,
        filter,
    };
    let engines = Engine::spawn_all(engines).await?;
    // Before anything is shown: who reads that it runs may ask it to stop.
    let asked = signal::Stop::watch();

    let ended = CancellationToken::new();
    // One that ends, because the relay refuses it, is told of and stops no other.
    let each: Vec<CancellationToken> = engines.iter().map(|_| CancellationToken::new()).collect();
    let engines_end = async {
        let ends = engines.iter().zip(&each).map(|(engine, ended)| async {
            let end = engine.join().await;
            ended.cancel();
            end
        });
        let ends = join_all(ends).await;
        ended.cancel();
        ends.into_iter().collect::<Result<(), _>>()
    };
    let shows = async {
        let shown = Box::pin(show(&engines, face, &each, &ended)).await;
        // A user who quits and a reader who goes away stop the rest.
        stop(&engines);
        shown
    };
    let ready = async {
        let told = tell_ready(&engines, args.ready_file.as_deref(), &ended).await;
        if told.is_err() {
            stop(&engines);
        }
        told
    };
    let all = async { tokio::join!(engines_end, shows, ready) };
    let (end, shown, told) = tokio::select! {
        biased;
        ends = all => ends,
        () = impatience(&engines, asked) => {
            return Err(Failure::new(&codes::FAILED, "stopped before everything was in order"));
        }
    };
    // What the relay said explains the end better than what became of the output.
    end?;
    shown?;
    told
}

/// Returns the endpoints that are listened on, each with where its events go.
fn endpoints(
    config: &Config,
    args: &ListenArgs,
) -> Result<Vec<(String, Option<TargetUrl>)>, Failure> {
    let parse = |text: &str| TargetUrl::parse(text).map_err(Failure::from);
    let common = args.target.as_deref().map(parse).transpose()?;
    if args.endpoint.is_empty() {
        return Ok(vec![(named(&config.endpoint)?, common)]);
    }
    if args.endpoint.len() > MAX_ENDPOINTS {
        let many = format!(
            "{} endpoints are too many for one listener",
            args.endpoint.len()
        );
        let hint = format!("{MAX_ENDPOINTS} at most; others may listen with the same history");
        return Err(Failure::new(&codes::USAGE, many).hint(hint));
    }
    let mut endpoints: Vec<(String, Option<TargetUrl>)> = Vec::new();
    for Listened { name, target } in &args.endpoint {
        if endpoints.iter().any(|(known, _)| known == name) {
            let twice = format!("endpoint {name} is named twice");
            return Err(Failure::new(&codes::USAGE, twice).hint("an endpoint has one target"));
        }
        let own = target.as_deref().map(parse).transpose()?;
        endpoints.push((named(name)?, own.or_else(|| common.clone())));
    }
    Ok(endpoints)
}

/// Reads an endpoint's name as the relay would, before there is a file or a link for it.
fn named(name: &str) -> Result<String, Failure> {
    match Name::parse(name) {
        Ok(name) => Ok(name.to_string()),
        Err(reason) => {
            let failure = format!("{name:?} cannot be an endpoint's name: {reason}");
            Err(Failure::new(&codes::BAD_NAME, failure).hint("name it, for example, my-app"))
        }
    }
}

fn stop(engines: &[Engine]) {
    engines.iter().for_each(Engine::shutdown);
}

/// Stops the engines at the first signal and returns at the second.
async fn impatience(engines: &[Engine], mut asked: signal::Stop) {
    asked.asked().await;
    tracing::info!("told to stop");
    stop(engines);
    asked.asked().await;
}

/// What is shown, and how.
struct Face {
    options: ringtail_tui::Options,
    asked: screen::Asked,
    output: Option<Output>,
    filter: Option<Filter>,
}

async fn show(
    engines: &[Engine],
    face: Face,
    each: &[CancellationToken],
    ended: &CancellationToken,
) -> Result<(), Failure> {
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
    if output == Output::Tui {
        let filter = filter.unwrap_or_default();
        return screen::show(engines.to_vec(), asked, filter, options, ended.clone()).await;
    }
    let search = filter.map(|filter| search(filter, asked.secrets.clone()));
    let stdout = Mutex::new(Stdout::new());
    let names = engines
        .iter()
        .map(|engine| engine.status().borrow().name.len());
    let widest = names.max().unwrap_or(0);
    let faces = engines.iter().zip(each).map(|(engine, own)| {
        let form = match output {
            Output::Json => Form::Json,
            Output::Plain | Output::Tui => Form::Plain {
                style: plain::Style::of_stdout(),
                label: match engines {
                    [_] => String::new(),
                    _ => format!("{:<widest$}  ", engine.status().borrow().name),
                },
            },
        };
        let (search, stdout) = (search.clone(), &stdout);
        async move {
            let shown = lines::show(engine, form, asked.reveal, search, own, stdout).await;
            // Its engine goes on: it is the reader who went away.
            if !own.is_cancelled() {
                stop(engines);
            }
            shown
        }
    });
    let too_long = async {
        ended.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        biased;
        shown = join_all(faces) => shown.into_iter().collect(),
        () = too_long => Ok(()),
        error = ringtail_tui::handle_stop_signals(engines.first().map(Engine::history)) => {
            Err(error.into())
        }
    }
}

/// Writes the ready file when events flow for the first time, on every endpoint.
async fn tell_ready(
    engines: &[Engine],
    file: Option<&Path>,
    ended: &CancellationToken,
) -> Result<(), Failure> {
    let Some(file) = file else {
        return Ok(());
    };
    let connected = engines.iter().map(|engine| async {
        let mut status = engine.status();
        let ready = status
            .wait_for(|status| status.link == LinkState::Connected && status.endpoint.is_some());
        ready.await.ok().and_then(|status| status.endpoint.clone())
    });
    let endpoints = tokio::select! {
        biased;
        () = ended.cancelled() => return Ok(()),
        ready = join_all(connected) => ready,
    };
    let Some(endpoints) = endpoints.into_iter().collect::<Option<Vec<Endpoint>>>() else {
        return Ok(());
    };
    let file = file.to_owned();
    blocking(move || write_ready(&file, &endpoints)).await
}

/// Writes the file so that who sees it sees all of it.
fn write_ready(file: &Path, endpoints: &[Endpoint]) -> Result<(), Failure> {
    let mut line = Vec::new();
    for endpoint in endpoints {
        json::line(&mut line, &json::ready(&endpoint.id, &endpoint.url));
    }
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(format!(".{}.new", std::process::id()));
    let fresh = PathBuf::from(fresh);
    std::fs::write(&fresh, line)
        .and_then(|()| std::fs::rename(&fresh, file))
        .context(format!("cannot write {}", file.display()))
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
    let nothing = format!(
        "forged requests cannot be rejected: no secret is configured for endpoint {endpoint}"
    );
    Failure::new(&codes::CONFIG, nothing)
        .hint("set RINGTAIL_VERIFICATION_TOKEN, or see `ringtail listen --help`")
}
