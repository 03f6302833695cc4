//! What is built into the programs: licences, and crates that must not be among them.
//!
//! Facts come from `cargo tree`, which resolves features for this platform: a crate that the lock file names and
//! nothing builds, such as `ring`, does not appear.

use std::process::Command;

use anyhow::{Context, bail, ensure};

/// Licences that the programs may be under.
const ALLOWED: [&str; 9] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
];

/// Crates that nothing here builds, each with the reason.
const BANNED: [(&str, &str); 7] = [
    ("openssl-sys", "TLS is rustls"),
    ("openssl", "TLS is rustls"),
    ("native-tls", "TLS is rustls"),
    (
        "ring",
        "cryptography is aws-lc; two providers make rustls panic",
    ),
    ("rustls-pemfile", "it is unmaintained"),
    ("syntect", "it pulls unmaintained crates"),
    ("tui-textarea", "it does not resolve with this ratatui"),
];

/// Crates of the client's face, which a relay has no use for.
const NOT_IN_RELAY: [&str; 3] = ["ratatui", "ratatui-core", "crossterm"];

/// Checks the whole workspace; returns the number of crates looked at.
///
/// # Errors
/// With everything that is wrong, a line each.
pub fn check() -> anyhow::Result<usize> {
    let all = tree(&["--workspace", "--edges", "all"])?;
    let relay = tree(&["--package", "ringtail-relay", "--edges", "normal,build"])?;
    ensure!(
        all.len() > 100,
        "cargo tree names only {} crates",
        all.len()
    );
    ensure!(
        all.iter()
            .any(|krate| NOT_IN_RELAY.contains(&krate.name.as_str())),
        "the client has no ratatui any more: look at this check"
    );
    let mut wrong = Vec::new();
    for krate in &all {
        if let Some((name, reason)) = BANNED.iter().find(|(name, _)| *name == krate.name) {
            wrong.push(format!("{name} is built: {reason}"));
        }
        if !is_allowed(&krate.licence) {
            wrong.push(format!("{} is under {:?}", krate.name, krate.licence));
        }
    }
    for krate in &relay {
        if NOT_IN_RELAY.contains(&krate.name.as_str()) {
            wrong.push(format!("the relay builds {}", krate.name));
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(all.len())
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    licence: String,
}

fn tree(arguments: &[&str]) -> anyhow::Result<Vec<Crate>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--prefix", "none", "--no-dedupe"])
        .args(["--format", "{p}\t{l}"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cargo could not be run")?;
    ensure!(
        output.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut crates: Vec<Crate> = String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| {
            let (package, licence) = line.split_once('\t')?;
            Some(Crate {
                name: package.split(' ').next()?.to_owned(),
                licence: licence.trim_end_matches(" (*)").to_owned(),
            })
        })
        .collect();
    crates.sort();
    crates.dedup();
    Ok(crates)
}

/// Judges an SPDX expression: `OR` offers a choice, `AND` asks for all, and `/` is an old way to write `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_ascii_whitespace().peekable();
    let allowed = either(&mut words);
    allowed && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitAsciiWhitespace<'a>>;

fn either(words: &mut Words<'_>) -> bool {
    let mut allowed = all(words);
    while words.next_if_eq(&"OR").is_some() {
        // Not short-circuited: the rest must be read as well.
        allowed |= all(words);
    }
    allowed
}

fn all(words: &mut Words<'_>) -> bool {
    let mut allowed = one(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Words<'_>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let allowed = either(words);
        return words.next_if_eq(&")").is_some() && allowed;
    }
    let Some(licence) = words.next() else {
        return false;
    };
    if words.next_if_eq(&"WITH").is_some() {
        let exception = words.next().unwrap_or_default();
        return ALLOWED.contains(&format!("{licence} WITH {exception}").as_str());
    }
    ALLOWED.contains(&licence)
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn licences_are_read_as_spdx_expressions() {
        for (expression, allowed) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("Unlicense OR MIT", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0-only", true),
            ("ISC AND (Apache-2.0 OR ISC) AND OpenSSL", false),
            ("MIT AND GPL-3.0-only", false),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("MPL-2.0", false),
            ("(MIT", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression), allowed, "{expression:?}");
        }
    }
}
