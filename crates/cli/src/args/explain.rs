//! Arguments of `ringtail explain`.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail explain SUB-525             explain RingCentral's code
  ringtail explain RT-302              explain Ringtail's code
  ringtail explain late                explain a verdict
  ringtail explain 'WebHook is not reachable'
                                       find the code of a message
  ringtail explain why was my subscription blacklisted
                                       answer a question
  curl -s … | ringtail explain         find the code in an error body
  ringtail explain --list              list every code

Works offline. All codes on one page: docs/ERRORS.md")]
pub(crate) struct ExplainArgs {
    /// Code, verdict, message, error body or question; omit, or use -, to read stdin
    #[arg(value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// List every code
    #[arg(long, conflicts_with = "text")]
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
