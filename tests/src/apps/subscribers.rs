//! RingCentral's samples that create a webhook subscription with its official SDKs, against the double of its API.

use std::path::Path;

use anyhow::{Context as _, ensure};
use ringtail_kit::cloud::Cloud;
use ringtail_kit::eventually;

use super::{Install, Source, install};
use crate::client::Home;
use crate::process::Process;

/// A program that creates one subscription for `/webhook` below the address that it is given.
struct Subscriber {
    name: &'static str,
    file: (&'static str, Source),
    install: Install,
}

const SUBSCRIBERS: [Subscriber; 2] = [
    Subscriber {
        name: "subscriber, @ringcentral/sdk",
        file: (
            "subscriber.js",
            Source::Sample("webhooks/webhook-notification.js"),
        ),
        install: Install::Npm(&["@ringcentral/sdk", "dotenv"]),
    },
    Subscriber {
        name: "subscriber, ringcentral from PyPI",
        file: (
            "subscriber.py",
            Source::Sample("webhooks/webhook-notification.py"),
        ),
        install: Install::Pip("python", &["ringcentral", "python-dotenv"]),
    },
];

/// Runs each and looks at its subscription with `ringtail subscriptions`. Returns whether all did what they should.
pub(super) async fn run(
    only: &str,
    home: &Home,
    cloud: &Cloud,
    say: &impl Fn(String),
) -> anyhow::Result<bool> {
    let client = home.listen(&["--endpoint", "subscribers"]).await?;
    let url = client.url()?;
    let mut all_well = true;
    for subscriber in SUBSCRIBERS.iter().filter(|it| it.name.contains(only)) {
        say(format!("\n{}", subscriber.name));
        let folder = tempfile::tempdir()?;
        match subscriber.play(folder.path(), home, cloud, &url).await {
            Ok(Ok(told)) => told.lines().for_each(|line| say(format!("  {line}"))),
            Ok(Err(why)) => say(format!("  skipped: {why:#}")),
            Err(error) => {
                say(format!("  FAILED: {error:#}"));
                all_well = false;
            }
        }
    }
    Ok(all_well)
}

impl Subscriber {
    /// Returns what `ringtail` says of the subscription, or why the program cannot be installed.
    async fn play(
        &self,
        folder: &Path,
        home: &Home,
        cloud: &Cloud,
        url: &str,
    ) -> anyhow::Result<anyhow::Result<String>> {
        let (file, source) = &self.file;
        let mut command = match install(&self.install, file, source, folder, 0).await {
            Ok(command) => command,
            Err(why) => return Ok(Err(why)),
        };
        let login = cloud.login();
        let [server, client, secret, jwt] = login.each_ref().map(|(_, value)| value.as_str());
        // Each sample has names of its own for the same things.
        for (names, value) in [
            (&["RC_SERVER_URL"][..], server),
            (&["RC_APP_CLIENT_ID", "RC_CLIENT_ID"], client),
            (&["RC_APP_CLIENT_SECRET", "RC_CLIENT_SECRET"], secret),
            (&["RC_USER_JWT", "RC_JWT"], jwt),
            (&["WEBHOOK_DELIVERY_ADDRESS"], url),
        ] {
            command.envs(names.iter().map(|name| (*name, value)));
        }
        let mut process = Process::spawn("subscriber", command)?;
        let address = format!("{url}/webhook");
        let theirs = || {
            cloud
                .subscriptions()
                .into_iter()
                .find(|it| it.address == address)
        };
        eventually!(
            theirs().is_some(),
            "its subscription; it says {:?} {}",
            process.lines().since(0),
            process.log()
        )?;
        let id = theirs().context("its subscription is gone")?.id;
        process.kill().await?;

        let home = login.iter().fold(home.clone(), |home, (name, value)| {
            home.variable(name, value)
        });
        let mut told = String::new();
        let ensure = ["ensure", "sms", "-e", "subscribers", "--path", "/webhook"];
        for (words, expected) in [
            (&["list"][..], &*format!("★ {}", &id[..8])),
            (&ensure, "kept"),
            (&["delete", &id, "--yes"], &id[..8]),
        ] {
            let stdout = home.stdout([&["subscriptions"], words].concat()).await?;
            let stdout = String::from_utf8(stdout)?;
            ensure!(stdout.contains(expected), "{words:?}: {stdout}");
            told.push_str(&stdout);
        }
        ensure!(theirs().is_none(), "it is not deleted");
        Ok(Ok(told))
    }
}
