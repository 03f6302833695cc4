//! Checks what is built into the programs: see [`ringtail_tests::dependencies`].

use std::io::Write as _;

use ringtail_tests::dependencies;

fn main() -> anyhow::Result<()> {
    let crates = dependencies::check()?;
    writeln!(std::io::stdout(), "{crates} crates are as they should be")?;
    Ok(())
}
