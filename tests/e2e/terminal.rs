//! The terminal UI in a real terminal.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use ringtail_kit::app::{App, Reply};
use ringtail_kit::eventually;
use ringtail_properties::payloads::compact;
use ringtail_tests::hooks;
use ringtail_tests::terminal::Terminal;
use tokio::process::Command;

use super::World;

/// Ends a script with the exit code and whether the terminal echoes.
const RESTORED: &str = "'; code=$?; stty -a | grep -o -- ' -\\?echo '; echo \"left with $code\"";

/// Starts `listen` in a child whose process id is in a file.
fn with_pid(world: &World) -> (PathBuf, String) {
    let file = world.home.path().join("pid");
    let script = format!("sh -c 'echo $$ > {}; exec ", file.display());
    (file, script)
}

async fn signal(pid: &Path, name: &str) -> anyhow::Result<()> {
    let pid = std::fs::read_to_string(pid)?;
    let mut kill = Command::new("kill");
    ensure!(kill.args([name, pid.trim()]).status().await?.success());
    Ok(())
}

/// Returns the flags of the alternate screen, the mouse and the cursor.
async fn modes(terminal: &Terminal) -> String {
    let modes = "#{alternate_on}#{mouse_any_flag}#{cursor_flag}";
    let modes = terminal.tmux(&["display-message", "-p", modes]).await;
    modes.unwrap_or_default().trim().to_owned()
}

#[tokio::test]
async fn an_event_is_shown_and_opened_and_the_terminal_is_restored() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let before = "echo before\nsh -c '";
    let terminal = world.terminal(before, RESTORED).await?;
    terminal.shows("hooks-").await?;
    let sms = hooks::sms("163823379859", 0, "Ahoy");
    world.notify(compact(&sms)).await?;
    terminal.shows("200").await?;
    terminal.shows("Ahoy").await?;

    terminal.press("Enter").await?;
    terminal.shows("subscriptionId").await?;
    // Works whether the two come separately or together, as Alt and the key.
    terminal.press("Escape").await?;
    terminal.press("?").await?;
    terminal.shows("Keys and signs").await?;
    terminal.press("Escape").await?;
    terminal.press("q").await?;
    terminal.shows("left with 0").await?;
    let screen = terminal.screen().await;
    assert!(screen.contains("before"), "{screen}");
    assert!(!screen.contains("subscriptionId"), "{screen}");
    assert!(!screen.contains("-echo"), "{screen}");
    assert_eq!(modes(&terminal).await, "001");
    Ok(())
}

#[tokio::test]
async fn what_a_terminal_sends_by_itself_is_no_key() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let terminal = world.terminal("sh -c '", RESTORED).await?;
    let sms = hooks::sms("163823379859", 0, "Ahoy");
    world.notify(compact(&sms)).await?;
    terminal.shows("Ahoy").await?;
    for bytes in [
        "\x1b[?1;2c\x1b[1;5R\x1b]11;rgb:q/q/q\x1b\\\x1bP1$r0q\x1b\\\x1b[Mqqq",
        "\x1b]52;c;cX",
        "qqq\x07\x1b[200~q",
        "\rq\x1b[20",
        "1~\u{9b}?997;1nrq\x1b[201~",
    ] {
        let hex: Vec<String> = bytes.bytes().map(|byte| format!("{byte:x}")).collect();
        let hex: Vec<&str> = hex.iter().map(String::as_str).collect();
        terminal
            .tmux(&[&["send-keys", "-H"], &hex[..]].concat())
            .await?;
    }
    terminal.shows("a paste does nothing here").await?;
    terminal.types("/kind:sms").await?;
    terminal.shows("/kind:sms").await?;
    // Together with a key it would be Alt, which a prompt keeps.
    terminal.press("Escape").await?;
    eventually!(!terminal.screen().await.contains("/kind:sms"), "the list")?;
    terminal.press("q").await?;
    terminal.shows("left with 0").await
}

#[tokio::test]
async fn a_terminal_that_goes_away_ends_the_client() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let (pid, before) = with_pid(&world);
    let terminal = world.terminal(&before, "'").await?;
    let pid = std::fs::read_to_string(&pid)?;
    let process = PathBuf::from(format!("/proc/{}", pid.trim()));
    assert!(process.exists());

    terminal.tmux(&["kill-server"]).await?;
    eventually!(!process.exists(), "the end of the client's process")
}

#[tokio::test]
async fn a_suspended_client_restores_the_terminal_and_takes_it_again() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let (pid, script) = with_pid(&world);
    let before = format!("echo before\nset -m\n{script}");
    let after = "'\necho the shell again\nread line\nfg";
    let terminal = world.terminal(&before, after).await?;
    signal(&pid, "-TSTP").await?;
    eventually!(
        modes(&terminal).await.starts_with("00"),
        "the main screen without mouse reports"
    )?;
    terminal.shows("the shell again").await?;
    assert!(terminal.screen().await.contains("before"));

    terminal.press("Enter").await?;
    terminal.shows("connected").await?;
    eventually!(
        modes(&terminal).await.starts_with('1'),
        "the alternate screen"
    )?;
    terminal.press("q").await
}

#[tokio::test]
async fn a_signal_and_an_error_restore_the_terminal() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let (pid, before) = with_pid(&world);
    for (is_signal, left) in [(true, "left with 0"), (false, "left with 77")] {
        let terminal = world.terminal(&before, RESTORED).await?;
        if is_signal {
            signal(&pid, "-TERM").await?;
        } else {
            let revoked = world.relay.run(["accounts", "revoke", "dev"]).await?;
            ensure!(revoked.status.success(), "{revoked:?}");
        }
        terminal.shows(left).await?;
        let screen = terminal.screen().await;
        assert_eq!(screen.contains("error["), !is_signal, "{screen}");
        assert!(!screen.contains("-echo"), "{screen}");
        assert_eq!(modes(&terminal).await, "001", "{screen}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_is_edited_and_replayed_by_options() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let editor = world.home.path().join("editor.sh");
    std::fs::write(
        &editor,
        "trap '' INT\necho the terminal is mine\nread word\nsed \"s/Ahoy/$word/\" \"$1\" > \"$1.new\"\nmv \"$1.new\" \"$1\"\n",
    )?;
    let before = format!(
        "trap : INT\nexport VISUAL= EDITOR='sh {}'\n",
        editor.display()
    );
    let terminal = world.terminal(&before, "\necho \"left with $?\"").await?;
    let sms = hooks::sms("163823379859", 0, "Ahoy");
    world.notify(compact(&sms)).await?;
    terminal.shows("Ahoy").await?;
    terminal.shows("200").await?;

    terminal.press("E").await?;
    terminal.shows("the terminal is mine").await?;
    // The editor gets every key, Ctrl-C too.
    for key in ["C-c", "q", "BSpace"] {
        terminal.press(key).await?;
    }
    terminal.types("Servus").await?;
    terminal.press("Enter").await?;
    terminal.shows("the edited event replayed: 200").await?;
    terminal.shows("[hooks-edited]").await?;
    let sent = world.app.seen();
    let last = sent.last().context("nothing was sent")?;
    assert!(String::from_utf8_lossy(&last.body).contains("Servus"));
    assert_eq!(last.header("ringtail-edited-from").len(), 1);

    let other = App::replying(|_| Reply::status(503));
    for key in ["g", "R"] {
        terminal.press(key).await?;
    }
    terminal.shows("--target").await?;
    let options = format!("--target {} --compare", other.url(""));
    terminal.types(&options).await?;
    terminal.press("Enter").await?;
    terminal.shows("200 → 503").await?;
    terminal.shows("1 of 1 responses changed").await?;
    assert_eq!(other.count(), 1);
    for key in ["q", "q"] {
        terminal.press(key).await?;
    }
    terminal.shows("left with 0").await
}

#[tokio::test]
async fn ten_megabytes_are_opened_while_small_events_pass() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let terminal = world.terminal("", "\necho \"left with $?\"").await?;
    let large = hooks::sms("1", 0, &"ahoy ".repeat(2_000_000));
    world.notify(compact(&large)).await?;
    terminal.shows("SMS from").await?;
    terminal.press("Enter").await?;
    for number in 0..20 {
        world.notify(hooks::numbered(number, number as u64)).await?;
    }
    terminal.shows("subscriptionId").await?;
    terminal.shows("20 newer").await?;
    terminal.press("x").await?;
    terminal.press("x").await?;
    terminal.shows("00000000  7b 22").await?;
    terminal.press("G").await?;
    terminal.shows("9.4 MiB more not shown; all of it:").await?;
    eventually!(
        hooks::numbers(&world.app).len() == 20,
        "the small events at the app"
    )?;
    terminal.press("q").await?;
    terminal.shows("left with 0").await
}
