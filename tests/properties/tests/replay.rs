//! The fuzz targets' portable half: every seed, every finding, and random changes of both.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ringtail_properties::seeds::files;
use ringtail_properties::{TARGETS, Target};

/// Changed inputs that each target gets.
const CHANGED: u32 = 256;

#[test]
fn seeds_keep_every_promise() {
    for target in TARGETS {
        for seed in (target.seeds)() {
            println!("{}: {}", target.name, seed.name);
            (target.check)(&seed.bytes);
        }
    }
}

#[test]
fn findings_stay_fixed() {
    for target in TARGETS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/findings")
            .join(target.name);
        for path in files(&directory) {
            println!("{}", path.display());
            (target.check)(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn changed_seeds_keep_every_promise() {
    for target in TARGETS {
        changed(target);
    }
}

/// Checks what comes of seeds by other bytes in places, a cut, and the end of another seed.
fn changed(target: &Target) {
    let seeds = (target.seeds)();
    let pick = any::<prop::sample::Index>;
    let edits = prop::collection::vec((pick(), any::<u8>()), 0..12);
    let mut runner = TestRunner::new(Config {
        cases: CHANGED,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&(pick(), pick(), edits, pick(), pick()), |changes| {
        let (seed, other, edits, cut, from) = changes;
        let mut bytes = seeds[seed.index(seeds.len())].bytes.clone();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let other = &seeds[other.index(seeds.len())].bytes;
        bytes.extend_from_slice(&other[from.index(other.len())..]);
        (target.check)(&bytes);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{}: {error}", target.name);
    }
}
