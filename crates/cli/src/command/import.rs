//! `ringtail import`: takes a recording into the history.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use ringtail_client::config::Config;
use ringtail_recordings::import::{FormatError, Importer, Recorded, read};
use tokio::sync::mpsc;

use super::find::open;
use crate::args::Common;
use crate::args::export::ImportArgs;
use crate::exit::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::{note, print};

/// Events that are read ahead.
const AHEAD: usize = 16;

/// Complaints that are printed one by one.
const TOLD: u64 = 20;

pub(super) async fn run(common: &Common, args: ImportArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let input = input(&args.file).map_err(|error| {
        let failure =
            anyhow::Error::from(error).context(format!("{} cannot be opened", args.file.display()));
        Failure::new(Exit::Usage, failure)
            .hint("give the file of `ringtail export`, or - for stdin")
    })?;
    let history = open(&config).await?;
    let (found, mut entries) = mpsc::channel::<Result<Recorded, FormatError>>(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        read(input, |recorded| found.blocking_send(recorded).is_ok());
    });
    let mut importer = Importer::begin(&history, &args.endpoint)
        .await
        .map_err(anyhow::Error::from)?;
    let mut bad = 0_u64;
    let mut complain = |text: String| {
        bad += 1;
        if bad <= TOLD {
            note(&format!("{}\n", escape(&text)));
        }
    };
    while let Some(entry) = entries.recv().await {
        match entry {
            Ok(recorded) => {
                let at = recorded.received_at;
                let added = importer.add(recorded).await.map_err(anyhow::Error::from)?;
                if let Err(error) = added {
                    complain(format!("the event of {} cannot be stored: {error}", at.0));
                }
            }
            Err(error) => complain(format!("{:#}", anyhow::Error::from(error))),
        }
    }
    reading.await.context("reading the recording failed")?;
    let imported = importer.finish().await.map_err(anyhow::Error::from)?;
    let (new, known) = (imported.new, imported.known);
    print(
        format!(
            "{new} events imported under {}, {known} were there\n",
            escape(&args.endpoint)
        )
        .as_bytes(),
    )
    .await?;
    if bad == 0 {
        return Ok(());
    }
    let failure = anyhow!("{bad} entries of the recording could not be read");
    Err(Failure::new(Exit::NoData, failure)
        .hint("the others are in the history; mend these and import again"))
}

fn input(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    Ok(Box::new(BufReader::new(file)))
}
