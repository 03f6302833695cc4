//! Arguments of `ringtail mcp`.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  ringtail mcp install claude --write     add it to a project for Claude Code
  ringtail mcp install cursor             print the entry for Cursor
  ringtail mcp --allow-send               also let the assistant replay, simulate and bookmark
  ringtail mcp skill                      print the same procedures as commands, for assistants with a shell

It speaks the Model Context Protocol on stdin and stdout, opens no port, and reads the history that
`ringtail listen` fills. Personal data is replaced by pseudonyms; secrets are never given.
Tools and their results: docs/MCP.md"
)]
pub(crate) struct McpArgs {
    #[command(subcommand)]
    pub(crate) command: Option<McpCommand>,
    /// Add the tools that act: replay, simulate, bookmark
    #[arg(long)]
    pub(crate) allow_send: bool,
    /// Let them send to this target, too; repeat for more [default: this machine and the endpoint's own target]
    #[arg(long, value_name = "TARGET", requires = "allow_send")]
    pub(crate) allow_target: Vec<String>,
    /// Give personal data as received, without pseudonyms
    #[arg(long)]
    pub(crate) clear: bool,
    /// Repeat results as text, for clients that ignore structured content
    #[arg(long)]
    pub(crate) text: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum McpCommand {
    /// Print or write the entry of a client's configuration
    Install(InstallArgs),
    /// Print a skill file: the same procedures as commands
    Skill,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Other entries of the file stay as they are. A file that cannot be read as the client's format is not
changed. The entry has the --data, --config, --relay and --ca of this command line, and no secrets.")]
pub(crate) struct InstallArgs {
    /// Client
    #[arg(value_name = "CLIENT", value_enum)]
    pub(crate) client: Client,
    /// Write the entry into the client's file
    #[arg(long)]
    pub(crate) write: bool,
    /// Let it send, as `ringtail mcp --allow-send` does
    #[arg(long)]
    pub(crate) allow_send: bool,
    /// Let it give personal data, as `ringtail mcp --clear` does
    #[arg(long)]
    pub(crate) clear: bool,
}

/// Programs with an assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Claude Code, in this directory: .mcp.json
    Claude,
    /// Claude Desktop
    ClaudeDesktop,
    /// Cursor, in this directory: .cursor/mcp.json
    Cursor,
    /// Visual Studio Code, in this directory: .vscode/mcp.json
    Vscode,
    /// Codex: ~/.codex/config.toml
    Codex,
}
