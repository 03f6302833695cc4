use std::collections::HashMap;
use std::sync::Arc;

use ringtail_kit::postgres::PostgresServer;
use ringtail_protocol::name::Name;
use tempfile::TempDir;

use super::*;
use crate::accounts::Accounts;
use crate::database::Database;
use crate::journal::Retention;
use crate::journal::suite::{append, entry, read_all};
use crate::journal::{EndpointKey, Journal};
use crate::metrics::JournalMetrics;
use crate::postgres::{self, DatabaseUrl};

fn data_dir() -> (TempDir, DataDir) {
    let temp = TempDir::new().expect("a directory");
    let dir = DataDir::open(temp.path()).expect("a data directory");
    (temp, dir)
}

fn empty_postgres() -> Database {
    ringtail_kit::tls::install();
    let url = DatabaseUrl::parse(&PostgresServer::shared().database()).expect("a URL");
    Database::Postgres(postgres::open(&url).expect("it connects"))
}

fn journal(database: &Database) -> Arc<dyn Journal> {
    let (_temp, spool) = data_dir();
    let journal = database.journal(&spool, Retention::default(), JournalMetrics::default());
    journal.expect("it opens")
}

fn accounts(database: &Database) -> Accounts {
    database.accounts().expect("they open")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_survives_the_way_there_and_back() {
    let (_temp, dir) = data_dir();
    let sqlite = Database::Sqlite(dir.clone());
    let anna = Name::parse("anna").expect("a name");
    let token = accounts(&sqlite).add(&anna).expect("a token");
    let account = accounts(&sqlite).authenticate(&token);
    let account = account.expect("it works").expect("anna");
    let mut keys = Vec::new();
    for name in ["sms", "calls"] {
        let name = Name::parse(name).expect("a name");
        let endpoint = accounts(&sqlite).endpoint(&account, &name);
        keys.push(endpoint.expect("an endpoint").key);
    }
    let source = journal(&sqlite);
    for n in 0..1200 {
        let mut entry = entry(keys[0], &[b'x'; 50], n);
        entry.identity = Some(format!("{}", n % 1000).into());
        drop(source.append(entry));
    }
    append(&source, entry(keys[1], &vec![0xff; 9 * 1024 * 1024], 1)).await;
    let (id, events) = (source.id().to_owned(), read_all(&source, keys[0]).await);
    source.close().await;

    let middle = empty_postgres();
    let Database::Postgres(postgres) = &middle else {
        unreachable!("it is PostgreSQL");
    };
    let relay = |sql: &'static str| {
        postgres.block_on(async {
            let mut session = postgres.connect().await.expect("it connects");
            session.batch(sql).await.expect("it runs");
        });
    };
    relay("INSERT INTO relay VALUES ('a', NULL, '', '1', 0, now(), 0, 0, 0)");
    let served = to_postgres(&dir, postgres).expect_err("a relay is there");
    assert!(matches!(served, MigrateError::Served), "{served:?}");
    relay("DELETE FROM relay");
    let there = to_postgres(&dir, postgres).expect("it moves");
    assert_eq!(
        (there.accounts, there.endpoints, there.events),
        (1, 2, 1201)
    );
    let again = to_postgres(&dir, postgres).expect_err("it is not empty");
    assert!(matches!(again, MigrateError::Occupied(1)), "{again:?}");

    let (_back, dir) = data_dir();
    let back = to_sqlite(postgres, &dir).expect("it moves back");
    assert_eq!(back, there);
    let both = [&middle, &Database::Sqlite(dir)];
    for (cursor, waiting) in [(7, 1193), (5000, 0)] {
        let cursors = HashMap::from([(keys[0], cursor)]);
        for database in both {
            let stats = database.stats(&cursors).expect("they are read");
            let seen = stats
                .endpoints
                .iter()
                .map(|it| (it.name.as_str(), it.waiting()));
            // No client has attached to the other.
            assert!(
                seen.eq([("calls", None), ("sms", Some(waiting))]),
                "{stats:?}"
            );
        }
    }
    for database in both {
        let found = accounts(database).authenticate(&token).expect("it works");
        assert_eq!(found.as_ref(), Some(&account));
        let journal = journal(database);
        assert_eq!(journal.id(), id);
        assert_eq!(read_all(&journal, keys[0]).await, events);
        let large = read_all(&journal, keys[1]).await;
        assert_eq!(large.len(), 1);
        // A duplicate of a moved event is known, and numbers and keys continue.
        let mut next = entry(keys[0], b"", 2000);
        next.identity = Some("7".into());
        let next = append(&journal, next).await;
        assert_eq!((next.seq, next.duplicate_of), (1201, Some(8)));
        let name = Name::parse("new").expect("a name");
        let new = accounts(database).endpoint(&account, &name);
        assert!(new.expect("an endpoint").key > EndpointKey(keys[1].0));
        journal.close().await;
    }
}
