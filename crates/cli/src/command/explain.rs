//! `ringtail explain`.

use ringtail_errors::{self as errors, Code, Context as _, Failure, Found, codes};
use std::io::{self, IsTerminal, Read};

use crate::args::explain::{ExplainArgs, ExplainFormat};
use crate::blocking::blocking;
use crate::output::{explain, plain, print};

/// Bytes of stdin that are read, at most.
const MAX_BYTES: u64 = 64 * 1024;

/// Characters of an unknown code that are printed.
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
                let none = "no code given";
                return Err(Failure::new(&codes::USAGE, none)
                    .hint("pass one, such as `ringtail explain SUB-525`, or pipe an error body"));
            }
            let read = blocking(|| pasted(io::stdin().lock())).await;
            read.context("cannot read stdin")?
        }
    };
    let code = find(&text)?;
    let out = match args.output {
        ExplainFormat::Plain => explain::plain(code, &plain::Style::of_stdout()),
        ExplainFormat::Json => explain::code_json(code),
        ExplainFormat::Markdown => explain::section(code),
    };
    print(out.as_bytes()).await
}

fn pasted(input: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn find(text: &str) -> Result<&'static Code, Failure> {
    let unknown = |text| Failure::new(&codes::UNKNOWN_CODE, text);
    match errors::read(text) {
        Some(Found::Known(code)) => Ok(code),
        Some(Found::Unknown(code)) => {
            let shown: String = code.chars().take(MAX_SHOWN).collect();
            let near: Vec<&str> = errors::nearest(&code).iter().map(|code| code.id).collect();
            let hint = match near.as_slice() {
                [] => "`ringtail explain --list` lists all".to_owned(),
                near => format!(
                    "similar codes: {}; `ringtail explain --list` lists all",
                    near.join(", ")
                ),
            };
            Err(unknown(format!("unknown code {shown}")).hint(hint))
        }
        None => Err(unknown("no error code in the text".to_owned())
            .hint("paste the whole error body, or run `ringtail explain --list`")),
    }
}
