//! `ringtail mcp install`: the entry of a client's configuration.
//!
//! Only the entry `ringtail` is set; what else is in the file stays. A file that is not in the client's format is not written.

use std::io;
use std::path::{Path, PathBuf};

use ringtail_errors::{Context as _, Failure, codes};
use ringtail_files::{Access, expand_home, replace};
use serde_json::{Map, Value, json};

use crate::args::Common;
use crate::args::mcp::{Client, InstallArgs};
use crate::output::{note, print};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Name of the entry.
const NAME: &str = "ringtail";

pub(super) async fn install(common: &Common, args: &InstallArgs) -> Result<(), Failure> {
    let program = std::env::current_exe().context("cannot find this program's own path")?;
    let entry = Entry {
        command: program.display().to_string(),
        arguments: arguments(common, args),
    };
    let path = place(args.client);
    if !args.write {
        note(&format!(
            "Put this into {}, or run it again with --write:\n",
            path.display()
        ));
        return print(entry.alone(args.client).as_bytes()).await;
    }
    let before = read(&path).context(path.display())?;
    let after = entry.put_into(args.client, before.as_deref().unwrap_or_default());
    let after = after.map_err(|wrong| {
        let failure = format!("{}: {wrong}; nothing written", path.display());
        Failure::new(&codes::FAILED, failure)
            .hint("run it without --write, and put the printed entry into the file yourself")
    })?;
    if before.as_deref() == Some(&after) {
        return print(format!("{} has the entry already\n", path.display()).as_bytes()).await;
    }
    write(&path, &after).context(path.display())?;
    let written = format!(
        "wrote the entry {NAME} to {}; restart the client\n",
        path.display()
    );
    print(written.as_bytes()).await
}

/// The arguments of the entry: those of this command line that name the history and the permissions.
fn arguments(common: &Common, args: &InstallArgs) -> Vec<String> {
    let mut arguments = vec!["mcp".to_owned()];
    arguments.extend(common.given());
    for (flag, is_set) in [("--allow-send", args.allow_send), ("--clear", args.clear)] {
        if is_set {
            arguments.push(flag.to_owned());
        }
    }
    arguments
}

fn place(client: Client) -> PathBuf {
    let home = |path: &str| expand_home(Path::new(path));
    match client {
        Client::Claude => PathBuf::from(".mcp.json"),
        Client::Cursor => PathBuf::from(".cursor/mcp.json"),
        Client::Vscode => PathBuf::from(".vscode/mcp.json"),
        Client::Codex => home("~/.codex/config.toml"),
        Client::ClaudeDesktop if cfg!(target_os = "macos") => {
            home("~/Library/Application Support/Claude/claude_desktop_config.json")
        }
        Client::ClaudeDesktop if cfg!(windows) => {
            home("~/AppData/Roaming/Claude/claude_desktop_config.json")
        }
        Client::ClaudeDesktop => home("~/.config/Claude/claude_desktop_config.json"),
    }
}

/// Reads the file; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::metadata(path) {
        Ok(file) if file.len() > MAX_FILE => Err(io::Error::other("larger than 4 MiB")),
        Ok(_) => std::fs::read_to_string(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory)?;
    }
    // Through a link to the file that it names, which dotfiles often are.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let permissions = std::fs::metadata(&path).map(|file| file.permissions());
    // Such files may have keys: at no time can more people read one than before.
    replace(&path, text.as_bytes(), Access::Private)?;
    match permissions {
        Ok(permissions) => std::fs::set_permissions(&path, permissions),
        Err(_) => Ok(()),
    }
}

/// What a client runs.
#[derive(Debug)]
struct Entry {
    command: String,
    arguments: Vec<String>,
}

impl Entry {
    fn json(&self, client: Client) -> Value {
        let mut entry = json!({"command": self.command, "args": self.arguments});
        if matches!(client, Client::Claude | Client::Vscode) {
            entry["type"] = json!("stdio");
        }
        entry
    }

    /// The entry as a separate file.
    fn alone(&self, client: Client) -> String {
        self.put_into(client, "").unwrap_or_default()
    }

    /// Sets the entry in the text of a client's file.
    fn put_into(&self, client: Client, text: &str) -> Result<String, String> {
        match client {
            Client::Codex => self.put_into_toml(text),
            Client::Vscode => self.put_into_json(client, "servers", text),
            _ => self.put_into_json(client, "mcpServers", text),
        }
    }

    fn put_into_json(&self, client: Client, list: &str, text: &str) -> Result<String, String> {
        let mut whole = match text.trim() {
            "" => Map::new(),
            text => match serde_json::from_str(text) {
                Ok(Value::Object(whole)) => whole,
                Ok(_) => return Err("it is no JSON object".to_owned()),
                Err(error) => return Err(format!("it is not JSON without comments ({error})")),
            },
        };
        let servers = whole.entry(list).or_insert_with(|| json!({}));
        let Value::Object(servers) = servers else {
            return Err(format!("its {list} is no object"));
        };
        servers.insert(NAME.to_owned(), self.json(client));
        let text = serde_json::to_string_pretty(&whole).unwrap_or_default();
        Ok(format!("{text}\n"))
    }

    /// Appends the table, so that comments and order stay. An entry that is there is not replaced.
    fn put_into_toml(&self, text: &str) -> Result<String, String> {
        let parsed: toml::Table = text
            .parse()
            .map_err(|error| format!("it is not TOML ({error})"))?;
        match parsed.get("mcp_servers").map(toml::Value::as_table) {
            Some(None) => return Err("its mcp_servers is no table".to_owned()),
            Some(Some(servers)) if servers.contains_key(NAME) => {
                return Err(format!(
                    "it has an entry mcp_servers.{NAME} already; remove it first"
                ));
            }
            _ => {}
        }
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let arguments: Vec<String> = self.arguments.iter().map(|it| quoted(it)).collect();
        let table = format!(
            "[mcp_servers.{NAME}]\ncommand = {}\nargs = [{}]\n",
            quoted(&self.command),
            arguments.join(", ")
        );
        let after = match text.trim_end() {
            "" => table,
            before => format!("{before}\n\n{table}"),
        };
        // An inline table `mcp_servers = {…}` cannot be extended.
        match after.parse::<toml::Table>() {
            Ok(_) => Ok(after),
            Err(_) => Err("its mcp_servers is an inline table".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            command: "/bin/ringtail".to_owned(),
            arguments: vec![
                "mcp".to_owned(),
                "--data".to_owned(),
                "C:\\a \"b\"".to_owned(),
            ],
        }
    }

    #[test]
    fn other_entries_and_their_order_stay() {
        let before = r#"{"z":1,"mcpServers":{"other":{"command":"x","env":{"A":"b"}},"ringtail":{"command":"old"}},"a":1.50}"#;
        let after = entry().put_into(Client::Cursor, before).unwrap();
        let after: Value = serde_json::from_str(&after).unwrap();
        assert_eq!(
            after["mcpServers"]["other"],
            json!({"command": "x", "env": {"A": "b"}})
        );
        assert_eq!(
            after["mcpServers"]["ringtail"]["args"],
            json!(["mcp", "--data", "C:\\a \"b\""])
        );
        let names: Vec<&String> = after.as_object().unwrap().keys().collect();
        assert_eq!(names, ["z", "mcpServers", "a"]);
        let code = entry().put_into(Client::Vscode, "").unwrap();
        let code: Value = serde_json::from_str(&code).unwrap();
        assert_eq!(code["servers"]["ringtail"]["type"], "stdio");
    }

    #[test]
    fn a_file_that_is_not_understood_is_not_changed() {
        for wrong in ["{ // comment\n}", "[]", "{\"mcpServers\": []}", "{"] {
            assert!(entry().put_into(Client::Claude, wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "x",
            "mcp_servers = 1",
            "mcp_servers = {}",
            "[mcp_servers.ringtail]\ncommand = \"x\"",
        ] {
            assert!(entry().put_into(Client::Codex, wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_keeps_its_mode_and_a_new_one_is_private() {
        use std::fs::{Permissions, metadata, set_permissions};
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("client/config.json");
        let mode = || metadata(&path).unwrap().permissions().mode() & 0o777;
        write(&path, "{}").unwrap();
        assert_eq!(mode(), 0o600);
        let link = directory.path().join("link.json");
        symlink(&path, &link).unwrap();
        for kept in [0o640, 0o664, 0o600] {
            set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            write(&link, &kept.to_string()).unwrap();
            assert_eq!(mode(), kept);
            assert_eq!(read(&path).unwrap(), Some(kept.to_string()));
        }
        assert!(link.is_symlink());
    }

    #[test]
    fn a_toml_file_keeps_every_byte() {
        let before = "# mine\nmodel = \"o\"   # kept\n[mcp_servers.other]\ncommand = 'x'\n";
        let after = entry().put_into(Client::Codex, before).unwrap();
        assert!(after.starts_with(before), "{after}");
        let parsed: toml::Table = after.parse().unwrap();
        let entry = &parsed["mcp_servers"]["ringtail"];
        assert_eq!(entry["command"].as_str(), Some("/bin/ringtail"));
        assert_eq!(entry["args"][2].as_str(), Some("C:\\a \"b\""));
    }
}
