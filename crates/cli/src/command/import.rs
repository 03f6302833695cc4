//! `ringtail import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use jiff::Timestamp as Instant;
use ringtail_client::config::Config;
use ringtail_client::endpoint_cache::known_endpoints;
use ringtail_errors::{Failure, codes};
use ringtail_model::endpoint_name;
use ringtail_protocol::event::Timestamp;
use ringtail_recordings::import::{FormatError, Importer, Recorded, read};
use ringtail_text::{chain, counted, escape};
use tokio::sync::mpsc;

use super::find::open;
use super::listen::named;
use crate::args::Common;
use crate::args::export::ImportArgs;
use crate::output::{note, print};
use ringtail_views::blocking;

/// Events read ahead.
const AHEAD: usize = 16;

/// Errors printed one by one.
const MAX_PRINTED: u64 = 20;

pub(super) async fn run(common: &Common, args: ImportArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let endpoint = named(&args.endpoint)?;
    let of_relays = known_endpoints(&config.data);
    if of_relays
        .iter()
        .any(|known| endpoint_name(&known.endpoint) == endpoint)
    {
        let mixed = format!("endpoint {endpoint} receives events of a relay");
        return Err(Failure::new(&codes::BAD_NAME, mixed).hint(
            "import under another name: of two endpoints of one name, a number means nothing",
        ));
    }
    let input = input(&args.file).map_err(|error| {
        let text = format!("cannot open {}: {error}", args.file.display());
        Failure::new(&codes::USAGE, text).hint("pass a file of `ringtail export`, or - for stdin")
    })?;
    let history = open(&config).await?;
    let (found, mut entries) = mpsc::channel::<Result<Recorded, FormatError>>(AHEAD);
    let reading = blocking(move || {
        read(input, |recorded| found.blocking_send(recorded).is_ok());
    });
    let mut importer = Importer::begin(&history, &endpoint);
    let (mut bad, mut left_out) = (0_u64, 0_u64);
    let mut complain = |text: String| {
        bad += 1;
        if bad <= MAX_PRINTED {
            note(&format!("{}\n", escape(&text)));
        }
    };
    let storing = async {
        while let Some(entry) = entries.recv().await {
            match entry {
                Ok(mut recorded) => {
                    let at = time(recorded.received_at);
                    for part in std::mem::take(&mut recorded.left_out) {
                        left_out += 1;
                        if left_out <= MAX_PRINTED {
                            let text = format!("the event of {at} is imported without {part}");
                            note(&format!("{}\n", escape(&text)));
                        }
                    }
                    let added = importer.add(recorded).await?;
                    if let Err(error) = added {
                        complain(format!("cannot store the event of {at}: {error}"));
                    }
                }
                Err(error) => complain(chain(&error)),
            }
        }
        // Ends the reader if an error stopped this loop.
        drop(entries);
        importer.finish().await
    };
    let ((), imported) = tokio::join!(reading, storing);
    let imported = imported?;
    let (new, known) = (imported.new, imported.known);
    if new + known == 0 && bad > 0 {
        let nothing = format!("nothing in {} is a recorded event", args.file.display());
        return Err(Failure::new(&codes::NO_DATA, nothing)
            .hint("pass a file of `ringtail export`, or a HAR archive of another program"));
    }
    let line = format!(
        "{} imported under {endpoint}, {known} already present\n",
        counted(new, "event")
    );
    print(line.as_bytes()).await?;
    if left_out > MAX_PRINTED {
        note(&format!("{left_out} parts of events are missing in all\n"));
    }
    if bad == 0 {
        return Ok(());
    }
    let failure = format!("{} of the recording cannot be read", counted(bad, "entry"));
    Err(Failure::new(&codes::NO_DATA, failure)
        .hint("the others are imported; fix these and import again"))
}

/// The time of an event in RFC 3339, as recordings have it.
fn time(at: Timestamp) -> String {
    Instant::from_microsecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
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
