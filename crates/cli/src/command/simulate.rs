//! `ringtail simulate`.

mod cut;
mod show;

use std::path::Path;
use std::time::Duration;

use ringtail_client::config::Config;
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_model::target::TargetUrl;
use ringtail_protocol::event::Timestamp;
use ringtail_simulate::{End, Faults, Options, Pace, SimSender, rehearse, run as play};
use ringtail_simulate::{Parameters, Scenario, Shot, Summary, Template, builtins};
use serde_json::Value;

pub(super) use self::show::{end, listed, simulated};
use crate::args::Common;
use crate::args::simulate::{SimulateArgs, SimulateCommand};
use crate::output::{Stdout, note, print};
use crate::signal::Stop;

/// How long a run that is cut off waits for the reader of its summary.
const SUMMARY_WAIT: Duration = Duration::from_secs(1);

/// Largest scenario file, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

pub(super) async fn run(common: &Common, args: SimulateArgs) -> Result<(), Failure> {
    if let Some(SimulateCommand::Cut(args)) = args.command {
        return cut::run(common, args).await;
    }
    if args.list {
        return print(&show::list(args.output)).await;
    }
    let name = args.scenario.as_deref().unwrap_or_default();
    let scenario = find(name)?;
    let config = Config::load(&common.flags(None))?;
    let options = options(&args, &config);
    if args.dry_run {
        return dry_run(&args, &scenario, &options).await;
    }
    let to = args.to.as_deref().ok_or_else(|| {
        Failure::new(&codes::USAGE, "no address to send to")
            .hint("pass --to http://localhost:3000/hook, or the URL that `ringtail listen` shows")
    })?;
    let to = TargetUrl::parse(to)?;
    let sender = SimSender::new(to, config.ca.as_deref(), config.proxies)?;
    warn_of_missing_secrets(&scenario, &options)?;

    let mut stop = Stop::watch();
    let mut stdout = Stdout::new();
    let mut written = Ok(true);
    let mut so_far = Summary::default();
    let told = async |report, summary: &Summary| {
        so_far = summary.clone();
        written = stdout.write(&show::report_line(args.output, &report)).await;
        matches!(written, Ok(true))
    };
    let ended = tokio::select! {
        biased;
        () = stop.asked() => None,
        summary = play(&scenario, &options, &sender, told) => Some(summary?),
    };
    written?;
    let is_cut_off = ended.is_none();
    let summary = ended.unwrap_or(Summary {
        end: End::Stopped,
        ..so_far
    });
    let line = show::summary_line(args.output, name, &options, &summary);
    tokio::select! {
        biased;
        written = stdout.write(&line) => drop(written?),
        () = stop.asked() => {}
        () = tokio::time::sleep(SUMMARY_WAIT), if is_cut_off => {}
    }
    judge(&summary, args.assert)
}

/// Returns the failure that the run ends with, if any.
fn judge(summary: &Summary, assert: bool) -> Result<(), Failure> {
    let failure = summary.end.message().unwrap_or_default();
    match &summary.end {
        End::Refused(refusal) => {
            let hint = match refusal.is_of_certificate() {
                true => {
                    "send to the URL that `ringtail listen` shows: the relay has a certificate; or pass the \
                     app's authority with --ca"
                }
                false => {
                    "`ringtail check URL` shows what is wrong; --no-validation sends the events anyway"
                }
            };
            Err(Failure::new(&codes::SIMULATED_REFUSAL, failure).hint(hint))
        }
        End::Blacklisted { .. } => Err(Failure::new(&codes::SIMULATED_BLACKLIST, failure)
            .hint("let the app answer 200 within 3 s, in under 1024 bytes")),
        End::Stopped if assert && summary.failed == 0 => Err(Failure::new(
            &codes::ASSERTION,
            format!("stopped after {} requests, before the end", summary.sent),
        )),
        End::Done | End::Stopped if assert && summary.failed > 0 => {
            let (failed, sent) = (summary.failed, summary.sent);
            let failure = format!("{failed} of {sent} responses are wrong");
            Err(Failure::new(&codes::ASSERTION, failure))
        }
        End::Done | End::Stopped => Ok(()),
    }
}

async fn dry_run(
    args: &SimulateArgs,
    scenario: &Scenario,
    options: &Options,
) -> Result<(), Failure> {
    let (validation, shots, plan) = rehearse(scenario, options)?;
    let mut out = Vec::new();
    if let Some(shot) = &validation {
        out.extend(show::planned_lines(args.output, shot, 0, false));
    }
    for send in &plan.sends {
        out.extend(show::planned_lines(
            args.output,
            &shots[send.slot],
            send.at_ms,
            send.again,
        ));
    }
    print(&out).await
}

/// Finds a built-in scenario or a kind of request.
pub(super) fn built_in(name: &str) -> Result<Scenario, Failure> {
    if let Some((_, text)) = builtins().iter().find(|(found, _)| *found == name) {
        return Scenario::parse(text).context(name);
    }
    let template = Template::find(name).ok_or_else(|| {
        let unknown = format!("no scenario, kind or file \"{name}\"");
        Failure::new(&codes::SCENARIO, unknown)
            .hint("`ringtail simulate --list` lists scenarios and kinds")
    })?;
    Ok(Scenario::single(template))
}

/// Finds a built-in scenario, a kind of request, or a file, in this order.
fn find(name: &str) -> Result<Scenario, Failure> {
    let path = Path::new(name);
    let known = built_in(name);
    if known.is_ok() || !path.exists() {
        return known;
    }
    let wrong =
        |error: &dyn std::fmt::Display| Failure::new(&codes::SCENARIO, format!("{name}: {error}"));
    let length = std::fs::metadata(path)
        .map_err(|error| wrong(&error))?
        .len();
    if length > MAX_FILE_BYTES {
        return Err(wrong(&format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(&error))?;
    let text = ringtail_text::decode(bytes).ok_or_else(|| wrong(&"it is not text"))?;
    Scenario::parse(&text).context(name)
}

/// Returns the requests of a scenario as they would be sent to an app, as JSON.
pub(super) fn planned(scenario: &Scenario, config: &Config) -> Result<Vec<Value>, Failure> {
    let (_, shots, plan) = rehearse(scenario, &defaults(config))?;
    let requests = plan.sends.iter();
    Ok(requests
        .filter_map(|send| Some(show::planned(shots.get(send.slot)?, send.at_ms, send.again)))
        .collect())
}

/// Options of a run without any argument.
pub(super) fn defaults(config: &Config) -> Options {
    let began_ms = Timestamp::now().0 / 1000;
    Options {
        given: Parameters::default(),
        secrets: config.secrets.common(),
        faults: Faults::default(),
        seed: began_ms.unsigned_abs(),
        began_ms,
        pace: Pace::NoWait,
        validation: true,
        oauth_path: String::new(),
        webhook_path: String::new(),
        repeat: 1,
    }
}

fn options(args: &SimulateArgs, config: &Config) -> Options {
    let defaults = defaults(config);
    Options {
        given: given(args),
        secrets: config.secrets_at(args.to.as_deref().unwrap_or_default()),
        faults: args.faults.faults(),
        seed: args.faults.seed.unwrap_or(defaults.seed),
        pace: match args.no_wait {
            true => Pace::NoWait,
            false => Pace::Times(args.speed),
        },
        validation: !args.no_validation,
        oauth_path: args.oauth_path.clone().unwrap_or_default(),
        webhook_path: args.webhook_path.clone().unwrap_or_default(),
        repeat: args.repeat,
        ..defaults
    }
}

fn given(args: &SimulateArgs) -> Parameters {
    let mut given = Parameters::default();
    for (name, value) in [
        ("account", &args.account),
        ("extension", &args.extension),
        ("number", &args.number),
        ("peer", &args.peer),
    ] {
        if let Some(value) = value {
            given.insert(name.to_owned(), value.clone());
        }
    }
    given.extend(args.set.iter().cloned());
    given
}

/// Warns of unsigned requests. Without its secret, a source SDK call cannot be recognised, so that is an error.
fn warn_of_missing_secrets(scenario: &Scenario, options: &Options) -> Result<(), Failure> {
    use ringtail_ringcentral::classify::Callback;
    let (_, shots, _) = rehearse(scenario, options)?;
    let unsigned = |callback: Callback| {
        let is_unsigned = |shot: &Shot| shot.request.unsigned && shot.request.callback == callback;
        shots.iter().any(is_unsigned)
    };
    if unsigned(Callback::SourceSdk) {
        let failure = "source SDK calls are signed, and no secret is configured";
        return Err(Failure::new(&codes::SECRET, failure).hint("set RINGTAIL_SOURCE_SDK_SECRET"));
    }
    if unsigned(Callback::InteractiveMessage) {
        note("note: RINGTAIL_GLIP_SECRET is not set: interactive messages are unsigned\n");
    }
    Ok(())
}
