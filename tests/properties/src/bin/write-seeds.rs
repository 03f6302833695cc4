//! Writes the seeds of every fuzz target below a directory, where libFuzzer takes them up: `write-seeds fuzz/corpus`.

use std::path::PathBuf;
use std::{env, fs, io};

use ringtail_properties::TARGETS;

fn main() -> io::Result<()> {
    let Some(corpus) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("name the directory to write to"));
    };
    for target in TARGETS {
        let directory = corpus.join(target.name);
        fs::create_dir_all(&directory)?;
        for seed in (target.seeds)() {
            fs::write(directory.join(format!("seed-{}", seed.name)), seed.bytes)?;
        }
    }
    Ok(())
}
