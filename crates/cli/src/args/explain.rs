//! Arguments of `ringtail explain`.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail explain SUB-525             explain RingCentral's code
  ringtail explain RT-302              explain Ringtail's code
  ringtail explain late                explain a verdict
  curl -s … | ringtail explain         find the code in an error body
  ringtail explain --list              list every code

Works offline. All codes on one page: docs/ERRORS.md")]
pub(crate) struct ExplainArgs {
    /// Code, verdict or error body; omit, or use -, to read stdin
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// List every code
    #[arg(long, conflicts_with = "code")]
    pub(crate) list: bool,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: ExplainFormat,
}

/// Formats of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// Lines for people
    #[default]
    Plain,
    /// One JSON object per line
    Json,
    /// Markdown; with --list, docs/ERRORS.md
    Markdown,
}
