//! The terminal UI in a real terminal.

use anyhow::Context as _;
use ringtail_tests::eventually;
use ringtail_tests::hooks;
use ringtail_tests::payloads::compact;
use ringtail_tests::ringcentral::Hook;
use ringtail_tests::target::{LocalTarget, Reply};
use ringtail_tests::terminal::Terminal;
use tokio::process::Command;

use super::World;

#[tokio::test]
async fn the_terminal_ui_shows_an_event_opens_it_and_gives_the_terminal_back() -> anyhow::Result<()>
{
    let mut world = World::new().await?;
    world.client.stop().await?;
    let client = ringtail_tests::binaries::find(ringtail_tests::binaries::CLIENT)?;
    let script = format!(
        "echo before\n{} listen {} --endpoint hooks\necho \"left with $?\"\nstty -a | grep -o -- ' -\\?echo '\nread line\n",
        client.display(),
        world.app.url("/base"),
    );
    let terminal = Terminal::run(&world.home, &script).await?;
    terminal.shows("hooks-").await?;
    let sms = hooks::sms("163823379859", 0, "Ahoy");
    let hook = Hook::notification(compact(&sms));
    assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    terminal.shows("200").await?;
    terminal.shows("Ahoy").await?;

    terminal.press("Enter").await?;
    terminal.shows("subscriptionId").await?;
    // Whether each comes alone or both at once, as Alt and the key.
    terminal.press("Escape").await?;
    terminal.press("?").await?;
    terminal.shows("Keys and signs").await?;
    terminal.press("Escape").await?;
    terminal.press("q").await?;
    terminal.shows("left with 0").await?;
    let screen = terminal.screen().await;
    assert!(
        screen.contains("before"),
        "the former screen is back:\n{screen}"
    );
    assert!(!screen.contains("subscriptionId"), "{screen}");
    assert!(
        !screen.contains("-echo"),
        "what is typed is seen:\n{screen}"
    );
    let cursor = terminal
        .tmux(&["display-message", "-p", "#{cursor_flag}#{alternate_on}"])
        .await?;
    assert_eq!(cursor.trim(), "10", "cursor shown, main screen");
    Ok(())
}

#[tokio::test]
async fn a_terminal_that_goes_away_ends_the_client() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.client.stop().await?;
    let client = ringtail_tests::binaries::find(ringtail_tests::binaries::CLIENT)?;
    let pid = world.home.path().join("pid");
    let script = format!(
        "echo $$ > {}\nexec {} listen --endpoint hooks\n",
        pid.display(),
        client.display(),
    );
    let terminal = Terminal::run(&world.home, &script).await?;
    terminal.shows("connected").await?;
    let pid = std::fs::read_to_string(&pid)?;
    let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
    assert!(process.exists());

    terminal.tmux(&["kill-server"]).await?;
    eventually!(!process.exists(), "the end of the client's process")
}

#[tokio::test]
async fn a_client_that_is_stopped_gives_the_terminal_back_and_takes_it_again() -> anyhow::Result<()>
{
    let mut world = World::new().await?;
    world.client.stop().await?;
    let client = ringtail_tests::binaries::find(ringtail_tests::binaries::CLIENT)?;
    let pid = world.home.path().join("pid");
    // With job control, or there is nobody to stop for.
    let script = format!(
        "echo before\nset -m\nsh -c 'echo $$ > {}; exec {} listen --endpoint hooks'\n\
         echo the shell again\nread line\nfg\n",
        pid.display(),
        client.display(),
    );
    let terminal = Terminal::run(&world.home, &script).await?;
    terminal.shows("connected").await?;
    let pid = std::fs::read_to_string(&pid)?;
    let modes = ["display-message", "-p", "#{alternate_on}#{mouse_any_flag}"];
    let turn = std::fs::File::open(world.home.data().join("index.lock"))?;
    let is_taken = || turn.try_lock().map(|()| turn.unlock()).is_err();
    eventually!(is_taken(), "the turn to index")?;
    let stop = Command::new("kill").args(["-TSTP", pid.trim()]).status();
    anyhow::ensure!(stop.await?.success(), "kill -TSTP");
    eventually!(
        terminal.tmux(&modes).await.unwrap_or_default().trim() == "00",
        "the main screen, and the mouse is the terminal's"
    )?;
    terminal.shows("the shell again").await?;
    assert!(terminal.screen().await.contains("before"));
    assert!(!is_taken(), "another client indexes meanwhile");

    terminal.press("Enter").await?;
    terminal.shows("connected").await?;
    eventually!(
        terminal
            .tmux(&modes)
            .await
            .unwrap_or_default()
            .starts_with('1'),
        "the other screen again"
    )?;
    terminal.press("q").await
}

#[tokio::test]
async fn a_signal_and_an_error_give_the_terminal_back() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.client.stop().await?;
    let client = ringtail_tests::binaries::find(ringtail_tests::binaries::CLIENT)?;
    let pid = world.home.path().join("pid");
    let script = format!(
        "sh -c 'echo $$ > {}; exec {} listen --endpoint hooks'; code=$?\n\
         stty -a | grep -o -- ' -\\?echo '\necho \"left with $code\"\nread line\n",
        pid.display(),
        client.display(),
    );
    for (is_signal, left) in [(true, "left with 0"), (false, "left with 77")] {
        let terminal = Terminal::run(&world.home, &script).await?;
        terminal.shows("connected").await?;
        if is_signal {
            let pid = std::fs::read_to_string(&pid)?;
            let kill = Command::new("kill").args(["-TERM", pid.trim()]).status();
            anyhow::ensure!(kill.await?.success(), "kill -TERM");
        } else {
            let revoked = world.relay.run(["accounts", "revoke", "dev"]).await?;
            anyhow::ensure!(revoked.status.success(), "{revoked:?}");
        }
        terminal.shows(left).await?;
        let screen = terminal.screen().await;
        assert_eq!(screen.contains("error["), !is_signal, "{screen}");
        assert!(!screen.contains("-echo"), "{screen}");
        let modes = "#{alternate_on}#{mouse_any_flag}#{cursor_flag}";
        let modes = terminal.tmux(&["display-message", "-p", modes]).await?;
        assert_eq!(modes.trim(), "001", "{screen}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_is_edited_in_the_terminal_and_replayed_by_options() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.client.stop().await?;
    let client = ringtail_tests::binaries::find(ringtail_tests::binaries::CLIENT)?;
    let editor = world.home.path().join("editor.sh");
    std::fs::write(
        &editor,
        "trap '' INT\necho the terminal is mine\nread word\nsed \"s/Ahoy/$word/\" \"$1\" > \"$1.new\"\nmv \"$1.new\" \"$1\"\n",
    )?;
    let script = format!(
        "trap : INT\nexport VISUAL= EDITOR='sh {}'\n{} listen {} --endpoint hooks\necho \"left with $?\"\nread line\n",
        editor.display(),
        client.display(),
        world.app.url("/base"),
    );
    let terminal = Terminal::run(&world.home, &script).await?;
    terminal.shows("connected").await?;
    let sms = hooks::sms("163823379859", 0, "Ahoy");
    let hook = Hook::notification(compact(&sms));
    assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    terminal.shows("Ahoy").await?;
    terminal.shows("200").await?;

    terminal.press("E").await?;
    terminal.shows("the terminal is mine").await?;
    // What is typed is the editor's, Ctrl-C too.
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

    let other = LocalTarget::answering(|_| Reply::status(503))?;
    for key in ["g", "R"] {
        terminal.press(key).await?;
    }
    terminal.shows("--target").await?;
    terminal
        .types(&format!("--target {}", other.url("")))
        .await?;
    terminal.types(" --compare").await?;
    terminal.press("Enter").await?;
    terminal.shows("200 → 503").await?;
    terminal.shows("1 of 1 answers changed").await?;
    assert_eq!(other.count(), 1);
    for key in ["q", "q"] {
        terminal.press(key).await?;
    }
    terminal.shows("left with 0").await
}

#[tokio::test]
async fn ten_megabytes_are_opened_while_small_events_go_through() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.client.stop().await?;
    let client = ringtail_tests::binaries::find(ringtail_tests::binaries::CLIENT)?;
    let script = format!(
        "{} listen {} --endpoint hooks\necho \"left with $?\"\nread line\n",
        client.display(),
        world.app.url("/base"),
    );
    let terminal = Terminal::run(&world.home, &script).await?;
    terminal.shows("connected").await?;
    let large = hooks::sms("1", 0, &"ahoy ".repeat(2_000_000));
    let hook = Hook::notification(compact(&large));
    assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    terminal.shows("SMS from").await?;
    terminal.press("Enter").await?;
    for number in 0..20 {
        let hook = Hook::notification(hooks::marked(number, number as u64));
        assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    }
    terminal.shows("subscriptionId").await?;
    terminal.shows("20 newer").await?;
    terminal.press("x").await?;
    terminal.press("x").await?;
    terminal.shows("00000000  7b 22").await?;
    terminal.press("G").await?;
    terminal.shows("9.9 MB more not shown; all of it:").await?;
    eventually!(world.app.marks().len() == 20, "the small events at the app")?;
    terminal.press("q").await?;
    terminal.shows("left with 0").await
}
