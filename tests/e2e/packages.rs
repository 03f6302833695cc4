//! What both programs say of themselves to shells and to `man`, and the packages that a release is installed from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ringtail_tests::{binaries, process};
use tokio::process::Command;

use super::secrets::commands;

const PROGRAMS: [&str; 2] = [binaries::CLIENT, binaries::RELAY];

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// The pages of a program: its own, and one for each command and for each group of commands.
async fn pages(program: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut pages = BTreeSet::from([format!("{program}.1")]);
    for command in commands(program).await? {
        let mut page = program.to_owned();
        for word in command.split(' ') {
            page = format!("{page}-{word}");
            pages.insert(format!("{page}.1"));
        }
    }
    Ok(pages)
}

async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(binaries::find(program)?);
    command.args(arguments).env_clear();
    let output = process::output(command).await?;
    anyhow::ensure!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn every_command_has_a_page_and_every_shell_knows_it() -> anyhow::Result<()> {
    for program in PROGRAMS {
        let directory = tempfile::tempdir()?;
        // No part of the way there has to be there.
        let place = directory.path().join("share/man/man1");
        run(program, &["man", &place.to_string_lossy()]).await?;
        let written = std::fs::read_dir(&place)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<anyhow::Result<BTreeSet<String>>>()?;
        assert_eq!(written, pages(program).await?);
        for page in written {
            let text = std::fs::read_to_string(place.join(&page))?;
            assert!(text.contains(".SH SYNOPSIS"), "{page}");
        }
        for shell in SHELLS {
            let script = run(program, &["completions", shell]).await?;
            for command in commands(program).await? {
                let word = command.rsplit(' ').next().unwrap_or_default();
                assert!(
                    script.contains(word),
                    "{shell} does not know {program} {command}"
                );
            }
        }
    }
    Ok(())
}

/// Packs small programs that print what the real ones print: compressing those takes long. Returns what was made.
async fn pack(from: &Path, to: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(root.join("scripts/package"));
    command.arg("--from").arg(from).arg("--to").arg(to);
    command.args(["archive", "wheel", "sbom"]);
    let output = process::output(command).await?;
    anyhow::ensure!(output.status.success(), "{output:?}");
    let made = String::from_utf8(output.stdout)?;
    Ok(made.lines().map(PathBuf::from).collect())
}

#[tokio::test]
async fn packages_have_what_is_installed_and_are_the_same_twice() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (from, one, other) = ("from", "one", "other");
    for name in [from, one, other] {
        std::fs::create_dir(directory.path().join(name))?;
    }
    for program in PROGRAMS {
        let stub = directory.path().join(from).join(program);
        let real = binaries::find(program)?;
        std::fs::write(
            &stub,
            format!("#!/bin/sh\nexec '{}' \"$@\"\n", real.display()),
        )?;
        std::fs::set_permissions(&stub, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    let from = directory.path().join(from);
    let first = pack(&from, &directory.path().join(one)).await?;
    let second = pack(&from, &directory.path().join(other)).await?;
    assert_eq!(first.len(), second.len(), "{first:?}, then {second:?}");
    for (first, second) in first.iter().zip(&second) {
        let (first, second) = (std::fs::read(first)?, std::fs::read(second)?);
        assert!(first == second, "the same bytes");
    }
    let [archive, wheel, sbom, sums] = &first[..] else {
        anyhow::bail!("made {first:?}");
    };
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict"]).arg(sums);
    check.current_dir(directory.path().join(one));
    let checked = process::output(check).await?;
    assert!(checked.status.success(), "{checked:?}");
    let sbom: serde_json::Value = serde_json::from_slice(&std::fs::read(sbom)?)?;
    let components = sbom["components"].as_array().context("components")?;
    let has = |name| components.iter().any(|it| it["name"] == name);
    assert!(has("rustls") && has("ringtail-relay") && !has("proptest"));

    let mut list = Command::new("python3");
    list.args(["-m", "zipfile", "-l"]).arg(wheel);
    let listed = String::from_utf8(process::output(list).await?.stdout)?;
    for file in [
        "scripts/ringtail ",
        "data/share/man/man1/ringtail-listen.1 ",
        "dist-info/RECORD ",
    ] {
        assert!(listed.contains(file), "{file} is not in {listed}");
    }

    let mut list = Command::new("tar");
    list.arg("-tzf").arg(archive);
    let listed = String::from_utf8(process::output(list).await?.stdout)?;
    let top = listed.lines().next().context("the archive is empty")?;
    let files: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix(top))
        .collect();
    let mut wanted: Vec<String> = ["LICENSE", "README.md", "deploy/ringtail-relay.service"]
        .map(str::to_owned)
        .to_vec();
    for program in PROGRAMS {
        wanted.push(format!("bin/{program}"));
        wanted.extend(SHELLS.map(|shell| format!("completions/{program}.{shell}")));
        let pages = pages(program).await?.into_iter();
        wanted.extend(pages.map(|page| format!("man/man1/{page}")));
    }
    for file in wanted {
        assert!(files.contains(file.as_str()), "{file} is not in {listed}");
    }
    Ok(())
}
