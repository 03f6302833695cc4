//! Arguments of the commands that take recordings away, and bring them in.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::select::SelectArgs;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail export > recording.ndjson                  everything, for `ringtail import`
  ringtail export -f kind:sms --as har --to sms.har   for a browser or an HTTP debugger
  ringtail export 17 --as curl --target 3000          a command that sends it again
  ringtail export 17..40 --as fixtures --to fixtures  bodies and headers in files, for tests
  ringtail export --mask --to share.ndjson            without numbers, names, texts and tokens

Bodies are written as they were received, personal data included, unless --mask is given.
Tokens and other secrets in headers and queries are hidden, unless --reveal is.
More in docs/EXPORT.md.")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) which: SelectArgs,
    /// In which form
    #[arg(long = "as", value_name = "FORM", default_value_t, value_enum)]
    pub(crate) form: Form,
    /// File to write, or folder of fixtures; neither may exist [default: stdout]
    #[arg(long, value_name = "PATH", required_if_eq("form", "fixtures"))]
    pub(crate) to: Option<PathBuf>,
    /// Replace personal data and secrets by pseudonyms
    #[arg(long)]
    pub(crate) mask: bool,
    /// Write the tokens and other secrets that requests carry
    #[arg(long, conflicts_with = "mask")]
    pub(crate) reveal: bool,
    /// Where commands send to: a port, host:port or URL; without, where `ringtail listen` last sent
    #[arg(long, short, value_name = "TARGET")]
    pub(crate) target: Option<String>,
}

/// Forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Form {
    /// One JSON object a line, with all that is known; `ringtail import` reads it
    #[default]
    Ndjson,
    /// HAR 1.2; `ringtail import` reads it
    Har,
    /// A shell script of curl commands
    Curl,
    /// A shell script of HTTPie commands
    Httpie,
    /// The requests as HTTP/1.1 writes them
    Raw,
    /// A folder with the body and the headers of each event in files
    Fixtures,
}

impl Form {
    /// Says whether it is for sending the events once more.
    pub(crate) fn is_sent(self) -> bool {
        matches!(self, Self::Curl | Self::Httpie | Self::Raw)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Reads what `ringtail export` writes, and HAR 1.2 of other programs. An event that the history has
already is left alone; nothing that is imported is ever forwarded by itself.")]
pub(crate) struct ImportArgs {
    /// The recording; - is stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name of the endpoint that the events stand under
    #[arg(long, short, value_name = "NAME", default_value = "imported")]
    pub(crate) endpoint: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail types --filter kind:sms                     the TypeScript type of stored SMS events
  ringtail types --filter kind:telephony --as json-schema

A type says what was seen: a field is optional when one event lacked it. Values are not printed.")]
pub(crate) struct TypesArgs {
    #[command(flatten)]
    pub(crate) which: SelectArgs,
    /// In which language
    #[arg(long = "as", value_name = "LANGUAGE", default_value_t, value_enum)]
    pub(crate) language: Language,
}

/// Languages of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Language {
    /// TypeScript declarations
    #[default]
    Typescript,
    /// One JSON Schema (draft 2020-12) a line
    JsonSchema,
}
