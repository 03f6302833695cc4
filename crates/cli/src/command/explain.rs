//! `ringtail explain`: what an error code means, from the table that the programs print their codes from.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context, anyhow};
use ringtail_ringcentral::errors::{self, Entry, Found, own};

use crate::args::explain::{ExplainArgs, ExplainFormat};
use crate::exit::{Exit, Failure};
use crate::output::{explain, plain, print};

/// The most bytes of stdin that are looked at.
const MAX_BYTES: u64 = 64 * 1024;

/// How much of an unknown code is repeated, in characters.
const MAX_SHOWN: usize = 40;

pub(super) async fn run(args: ExplainArgs) -> Result<(), Failure> {
    if args.list {
        let out = match args.output {
            ExplainFormat::Plain => explain::list(&plain::Style::of_stdout()),
            ExplainFormat::Json => explain::list_json(),
            ExplainFormat::Markdown => explain::document(),
        };
        return print(out.as_bytes()).await;
    }
    let text = match args.code {
        Some(code) if code != "-" => code,
        given => {
            if given.is_none() && io::stdin().is_terminal() {
                let none = anyhow!("no code was given");
                return Err(Failure::new(Exit::Usage, none).hint(
                    "name one, such as `ringtail explain SUB-525`, or pipe an error body to it",
                ));
            }
            let read = tokio::task::spawn_blocking(|| pasted(io::stdin().lock()));
            read.await
                .context("reading stdin failed")?
                .context("cannot read stdin")?
        }
    };
    let entry = find(&text)?;
    let out = match args.output {
        ExplainFormat::Plain => explain::entry(entry, &plain::Style::of_stdout()),
        ExplainFormat::Json => explain::entry_json(entry),
        ExplainFormat::Markdown => explain::section(entry),
    };
    print(out.as_bytes()).await
}

fn pasted(input: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn find(text: &str) -> Result<&'static Entry, Failure> {
    let unknown = |error| {
        let failure = Failure::new(Exit::NoData, error);
        failure.code(&own::UNKNOWN_CODE)
    };
    match errors::read(text) {
        Some(Found::Known(entry)) => Ok(entry),
        Some(Found::Unknown(code)) => {
            let shown: String = code.chars().take(MAX_SHOWN).collect();
            let near: Vec<&str> = errors::nearest(&code)
                .iter()
                .map(|entry| entry.code)
                .collect();
            let hint = match near.as_slice() {
                [] => "`ringtail explain --list` shows all".to_owned(),
                near => format!(
                    "the nearest: {}; `ringtail explain --list` shows all",
                    near.join(", ")
                ),
            };
            Err(unknown(anyhow!("there is no code {shown} here")).hint(hint))
        }
        None => Err(unknown(anyhow!("there is no error code in that text"))
            .hint("paste the whole error body, or see `ringtail explain --list`")),
    }
}
