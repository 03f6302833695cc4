//! Arguments of `ringtail explain`.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail explain SUB-525             say what RingCentral's code means
  ringtail explain RT-302              say what a code of ours means
  ringtail explain late                say what a verdict means
  curl -s … | ringtail explain         find the code in an error body
  ringtail explain --list              list every code

Needs no relay and no network. The same in one page: docs/ERRORS.md")]
pub(crate) struct ExplainArgs {
    /// A code, a verdict's word, or an error body; without, or as -, it is read from stdin
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// List every code
    #[arg(long, conflicts_with = "code")]
    pub(crate) list: bool,
    /// What to print
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: ExplainFormat,
}

/// Formats of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// Lines for people
    #[default]
    Plain,
    /// One JSON object a line
    Json,
    /// A section for a document; with --list, docs/ERRORS.md
    Markdown,
}
