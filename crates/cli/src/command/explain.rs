//! `ringtail explain`.

use ringtail_errors::{self as errors, Code, Context as _, Failure, Found, codes};
use std::io::{self, IsTerminal, Read};

use crate::args::explain::{ExplainArgs, ExplainFormat};
use crate::output::{explain, plain, print};
use ringtail_views::blocking;

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
    let given = args.text.join(" ");
    let text = if given.is_empty() || given == "-" {
        if given.is_empty() && io::stdin().is_terminal() {
            let none = "no code given";
            return Err(Failure::new(&codes::USAGE, none)
                .hint("pass one, such as `ringtail explain SUB-525`, or pipe an error body"));
        }
        let read = blocking(|| pasted(io::stdin().lock())).await;
        read.context("cannot read stdin")?
    } else {
        given
    };
    let style = plain::Style::of_stdout();
    let explained: Vec<String> = find(&text)?
        .into_iter()
        .map(|code| match args.output {
            ExplainFormat::Plain => explain::plain(code, &style),
            ExplainFormat::Json => explain::code_json(code),
            ExplainFormat::Markdown => explain::section(code),
        })
        .collect();
    let between = match args.output {
        ExplainFormat::Json => "",
        ExplainFormat::Plain | ExplainFormat::Markdown => "\n",
    };
    print(explained.join(between).as_bytes()).await
}

fn pasted(input: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn find(text: &str) -> Result<Vec<&'static Code>, Failure> {
    let unknown = |text| Failure::new(&codes::UNKNOWN_CODE, text);
    match errors::read(text) {
        Some(Found::Known(codes)) => Ok(codes),
        Some(Found::Unknown(code)) => {
            let shown: String = code.chars().take(MAX_SHOWN).collect();
            let near: Vec<&str> = errors::nearest(&code).iter().map(|code| code.id).collect();
            let hint = match near.as_slice() {
                [] => WHAT_HELPS.to_owned(),
                near => format!(
                    "similar codes: {}; `ringtail explain --list` lists all",
                    near.join(", ")
                ),
            };
            Err(unknown(format!("unknown code {shown}")).hint(hint))
        }
        None => Err(unknown("nothing known in the text".to_owned()).hint(WHAT_HELPS)),
    }
}

/// What to do with a text that says nothing known.
const WHAT_HELPS: &str = "paste the whole error body or message; `ringtail check URL` tests a webhook address as RingCentral would; \
                          `ringtail explain --list` lists every code";
