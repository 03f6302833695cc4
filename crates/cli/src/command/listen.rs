//! `ringtail listen`: runs engines and shows what they do, until a signal or the user stops it.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use ringtail_client::config::Config;
use ringtail_client::engine::{Engine, EngineConfig};
use ringtail_client::forward::SendOptions;
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_filter::Filter;
use ringtail_model::signature::SignaturePolicy;
use ringtail_model::target::TargetUrl;
use ringtail_model::{Endpoint, LinkState, RowId};
use ringtail_protocol::name::Name;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::search::filter;
use super::subscriptions::{Cloud, event_filters};
use super::web;
use crate::args::{Common, ListenArgs, Listened, Output};
use crate::lines::{self, LineFormat};
use crate::output::{Stdout, note, obeys_sequences, plain};
use crate::replays::Replays;
use crate::subscribe::Subscribe;
use crate::{logging, screen, signal};
use ringtail_views::{Store, blocking, json, listeners, search};

/// How long the last output may take after everything has stopped, if nothing reads it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Endpoints per client: each has a link, a forwarder and a line on the screen.
const MAX_ENDPOINTS: usize = 16;

/// Numbers of unanswered events that a message lists.
const MAX_GIVEN_UP: usize = 16;

pub(super) async fn run(common: &Common, args: ListenArgs) -> Result<(), Failure> {
    let output = output(args.output)?;
    let mut flags = common.flags(None);
    flags.reject_forged = args.reject_forged;
    flags.keep = args.keep.keep();
    let mut config = Config::load(&flags)?;
    let filter = args.filter.as_deref().map(filter).transpose()?;
    let account = config.account()?;
    let endpoints = endpoints(&config, &args)?;
    let subscribe = subscribe(common, &args)?;
    if let Some(subscribe) = &subscribe {
        for (name, _) in &endpoints {
            subscribe.prepare(&account.relay.to_string(), name)?;
        }
        // With the verification tokens that were made.
        config = Config::load(&flags)?;
    }
    let _log = logging::start(&config.data)?;
    let send = args.hop.send_options(SendOptions::default());
    let mut engines = Vec::new();
    for (endpoint, target) in endpoints {
        let secrets = config.secrets.of_name(&endpoint);
        let signature_policy = match config.rejects_forged(&endpoint) {
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
            signature_policy,
            retention: config.retention,
            canary: args.canary,
        });
    }
    let options = screen::options(&config.screen, &config.noise)?;
    let engines = Engine::spawn_all(engines).await?;
    // Watch before any output: a reader of it may send a signal at once.
    let asked = signal::Stop::watch();
    let history = engines.first().expect("listen starts an engine").history();
    let replays = Replays {
        store: Store::new(
            engines.clone(),
            history.clone(),
            config.data,
            args.reveal.into(),
            config.secrets,
        ),
        noise: config.noise,
        send,
    };
    let page = match args.web {
        Some(port) => {
            let page = web::serve(replays.clone(), port, false).await?;
            note(&format!("page: {}\n", page.url()));
            Some(page)
        }
        None => None,
    };
    let data = &replays.store.data.clone();

    let ended = CancellationToken::new();
    let told_to_stop = CancellationToken::new();
    let options = ringtail_tui::Options {
        cancel: ended.clone(),
        stop: told_to_stop.clone(),
        // The screen hides what was printed before it.
        page: page.as_ref().map(ringtail_web::Server::url),
        ..options
    };
    // An endpoint that the relay refuses ends alone.
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
        let shown = show(&engines, options, replays, output, filter, &each, &ended);
        let shown = Box::pin(shown).await;
        // Quitting, or closing stdout, stops the engines.
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
    let keeping = async {
        let Some(subscribe) = &subscribe else { return };
        let each = engines.iter().zip(&each);
        join_all(each.map(|(engine, ended)| subscribe.keep(common, engine, ended))).await;
    };
    let telling = async {
        let each = engines.iter().zip(&each);
        join_all(each.map(|(engine, ended)| listeners::tell(engine, data, ended))).await;
    };
    let serving = async {
        let Some(page) = &page else { return };
        ended.cancelled().await;
        page.stop().await;
    };
    let all = async {
        tokio::join!(
            engines_end,
            shows,
            ready,
            Box::pin(keeping),
            telling,
            serving
        )
    };
    let (end, shown, told, (), (), ()) = tokio::select! {
        biased;
        ends = all => ends,
        () = impatience(&engines, asked, &told_to_stop) => {
            return Err(Failure::new(&codes::FAILED, "stopped before shutdown was complete"));
        }
    };
    engines.iter().for_each(tell_given_up);
    // The relay's refusal explains the end better than an output error.
    end?;
    shown?;
    told
}

/// Says which events the app gets twice because it had not answered.
fn tell_given_up(engine: &Engine) {
    let given_up = engine.given_up();
    let numbers = given_up.iter().map(|sent| format!("#{}", sent.seq));
    let shown: Vec<String> = numbers.take(MAX_GIVEN_UP).collect();
    if shown.is_empty() {
        return;
    }
    let more = match given_up.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    note(&format!(
        "{}: sent {}{more} and got no response; pending, and sent again by the next `ringtail listen`\n",
        engine.status().borrow().name,
        shown.join(", ")
    ));
}

/// Returns what `--subscribe` asks for.
fn subscribe(common: &Common, args: &ListenArgs) -> Result<Option<Subscribe>, Failure> {
    if args.subscribe.is_empty() {
        return Ok(None);
    }
    Ok(Some(Subscribe {
        filters: event_filters(&args.subscribe)?,
        cloud: Cloud::load(common, None, args.profile.as_deref())?,
        delete_on_exit: args.delete_on_exit,
    }))
}

/// Returns the endpoints to listen on, each with its target.
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
            "{} endpoints are too many for one client",
            args.endpoint.len()
        );
        let hint = format!("use at most {MAX_ENDPOINTS}; another client may share the history");
        return Err(Failure::new(&codes::USAGE, many).hint(hint));
    }
    let mut endpoints: Vec<(String, Option<TargetUrl>)> = Vec::new();
    for Listened { name, target } in &args.endpoint {
        if endpoints.iter().any(|(known, _)| known == name) {
            let twice = format!("endpoint {name} is named twice");
            return Err(Failure::new(&codes::USAGE, twice).hint("give each endpoint once"));
        }
        let own = target.as_deref().map(parse).transpose()?;
        endpoints.push((named(name)?, own.or_else(|| common.clone())));
    }
    Ok(endpoints)
}

/// Validates an endpoint's name before any file or link is created for it.
pub(super) fn named(name: &str) -> Result<String, Failure> {
    match Name::parse(name) {
        Ok(name) => Ok(name.to_string()),
        Err(reason) => {
            let failure = format!("\"{name}\" cannot be an endpoint's name: {reason}");
            Err(Failure::new(&codes::BAD_NAME, failure).hint("use a name such as my-app"))
        }
    }
}

fn stop(engines: &[Engine]) {
    engines.iter().for_each(Engine::shutdown);
}

/// Stops the engines at the first signal and returns at the second.
async fn impatience(engines: &[Engine], mut asked: signal::Stop, told: &CancellationToken) {
    asked.asked().await;
    tracing::info!("told to stop");
    told.cancel();
    stop(engines);
    asked.asked().await;
}

/// Returns the output: the terminal UI only on a terminal that can show it.
fn output(wanted: Option<Output>) -> Result<Output, Failure> {
    let reason = match (std::io::stdout().is_terminal(), obeys_sequences()) {
        (true, true) => return Ok(wanted.unwrap_or(Output::Tui)),
        (true, false) => "TERM says that this one cannot show it",
        (false, _) => "stdout is none",
    };
    match wanted {
        None => Ok(Output::Plain),
        Some(Output::Tui) => {
            let text = format!("the terminal UI needs a terminal, and {reason}");
            Err(Failure::new(&codes::USAGE, text).hint("use --output plain or --output json"))
        }
        Some(other) => Ok(other),
    }
}

async fn show(
    engines: &[Engine],
    options: ringtail_tui::Options,
    replays: Replays,
    output: Output,
    filter: Option<Filter>,
    each: &[CancellationToken],
    ended: &CancellationToken,
) -> Result<(), Failure> {
    if output == Output::Tui {
        let options = ringtail_tui::Options {
            filter: filter.unwrap_or_default(),
            ..options
        };
        return Ok(ringtail_tui::run(replays.store.clone(), replays, options).await?);
    }
    let search = filter.map(|filter| search(filter, replays.store.secrets.clone()));
    let stdout = Mutex::new(Stdout::new());
    let names = engines
        .iter()
        .map(|engine| engine.status().borrow().name.len());
    let widest = names.max().unwrap_or(0);
    let outputs = engines.iter().zip(each).map(|(engine, own)| {
        let format = match output {
            Output::Json => LineFormat::Json,
            Output::Plain | Output::Tui => LineFormat::Plain {
                style: plain::Style::of_stdout(),
                label: match engines {
                    [_] => String::new(),
                    _ => format!("{:<widest$}  ", engine.status().borrow().name),
                },
            },
        };
        let (search, stdout) = (search.clone(), &stdout);
        async move {
            let shown =
                lines::show(engine, format, replays.store.reveal, search, own, stdout).await;
            // The engine still runs, so the reader closed stdout.
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
        shown = join_all(outputs) => shown.into_iter().collect(),
        () = too_long => Ok(()),
        error = ringtail_tui::handle_stop_signals(engines.first().map(Engine::history)) => {
            Err(error.into())
        }
    }
}

/// Writes the ready file once every endpoint is connected.
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
        let ready = ready.await.ok()?;
        Some((ready.endpoint.clone()?, engine.start().events))
    });
    let endpoints = tokio::select! {
        biased;
        () = ended.cancelled() => return Ok(()),
        ready = join_all(connected) => ready,
    };
    let Some(endpoints) = endpoints.into_iter().collect::<Option<Vec<_>>>() else {
        return Ok(());
    };
    let file = file.to_owned();
    blocking(move || write_ready(&file, &endpoints)).await
}

/// Writes the file atomically.
fn write_ready(file: &Path, endpoints: &[(Endpoint, RowId)]) -> Result<(), Failure> {
    let mut line = Vec::new();
    for (endpoint, position) in endpoints {
        json::line(
            &mut line,
            &json::ready(&endpoint.id, &endpoint.url, *position),
        );
    }
    ringtail_files::replace(file, &line, ringtail_files::Access::Public)
        .context(format!("cannot write {}", file.display()))
}

/// A policy without a secret would reject nothing.
fn no_secret(endpoint: &str) -> Failure {
    let nothing =
        format!("cannot reject forged requests: no secret is configured for endpoint {endpoint}");
    Failure::new(&codes::CONFIG, nothing)
        .hint(
        "set RINGTAIL_VERIFICATION_TOKEN, RINGTAIL_GLIP_SECRET, RINGTAIL_DIMELO_SECRET or RINGTAIL_SOURCE_SDK_SECRET, or their keys in the configuration file",
    )
}
