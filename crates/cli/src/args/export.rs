//! Arguments of `ringtail export`, `import` and `types`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Deserialize;

use super::select::SelectArgs;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail export > recording.ndjson                  all events, for `ringtail import`
  ringtail export -f kind:sms --as har --to sms.har   for a browser or an HTTP debugger
  ringtail export 17 --as curl --target 3000          a command that sends it again
  ringtail export 17..40 --as fixtures --to fixtures  bodies and headers in files, for tests
  ringtail export --mask --to share.ndjson            with numbers, names, texts and tokens replaced

Personal data is exported as received, unless --mask is given.
Tokens and other secrets in headers, queries and bodies are redacted, unless --reveal is given.
See docs/EXPORT.md.")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) which: SelectArgs,
    /// Format
    #[arg(long = "as", value_name = "FORM", default_value_t, value_enum)]
    pub(crate) form: Form,
    /// File or, for fixtures, folder to create [default: stdout]
    #[arg(long, value_name = "PATH", required_if_eq("form", "fixtures"), value_parser = super::path())]
    pub(crate) to: Option<PathBuf>,
    /// Replace personal data and secrets with pseudonyms
    #[arg(long)]
    pub(crate) mask: bool,
    /// Include tokens and other secrets
    #[arg(long, conflicts_with = "mask")]
    pub(crate) reveal: bool,
    /// Target of the commands (port, host:port, URL or unix:/socket) [default: the last target of `ringtail listen`]
    #[arg(long, short, value_name = "TARGET")]
    pub(crate) target: Option<String>,
}

/// Export formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Form {
    /// One JSON object per line, complete; `ringtail import` reads it
    #[default]
    Ndjson,
    /// HAR 1.2; `ringtail import` reads it
    Har,
    /// POSIX shell script of curl commands
    Curl,
    /// Shell script of HTTPie commands
    Httpie,
    /// HTTP/1.1 requests
    Raw,
    /// A folder with a body file and a headers file per event
    Fixtures,
}

impl Form {
    /// Returns whether the export sends the events again.
    pub(crate) fn is_sent(self) -> bool {
        matches!(self, Self::Curl | Self::Httpie | Self::Raw)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Reads the NDJSON and HAR of `ringtail export`, and HAR 1.2 of other programs. Skips events that the
history has. Imported events are not forwarded.")]
pub(crate) struct ImportArgs {
    /// Recording; - reads stdin
    #[arg(value_name = "FILE", value_parser = super::path())]
    pub(crate) file: PathBuf,
    /// Store the events under this endpoint name
    #[arg(long, short, value_name = "NAME", default_value = "imported")]
    pub(crate) endpoint: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail types --filter kind:sms                     TypeScript type of stored SMS events
  ringtail types --filter kind:telephony --as json-schema

Types are inferred from the events: a field is optional if an event lacks it. Values are not printed.")]
pub(crate) struct TypesArgs {
    #[command(flatten)]
    pub(crate) which: SelectArgs,
    /// Language
    #[arg(long = "as", value_name = "LANGUAGE", default_value_t, value_enum)]
    pub(crate) language: Language,
}

/// Languages of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Language {
    /// TypeScript declarations
    #[default]
    Typescript,
    /// One JSON Schema (draft 2020-12) per line
    JsonSchema,
    /// Rust structs for serde
    Rust,
    /// Python classes (TypedDict)
    Python,
}
