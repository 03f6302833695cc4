//! Accounts in SQLite: the suite, and tests of the file.

use std::error::Error as _;

use tempfile::TempDir;

use super::suite::{Fixture, accounts_suite, authenticated, name, with_anna};
use super::*;
use crate::store::DataDir;

/// A data directory.
struct Sqlite {
    _temp: TempDir,
    dir: DataDir,
}

accounts_suite!(Sqlite);

impl Fixture for Sqlite {
    fn start() -> Self {
        let temp = TempDir::new().expect("a directory");
        let dir = DataDir::open(temp.path()).expect("a data directory");
        Self { _temp: temp, dir }
    }

    fn open(&self) -> Accounts {
        Accounts::open(&self.dir).expect("it opens")
    }
}

#[test]
fn the_database_has_no_token() {
    let (fixture, accounts, token) = with_anna::<Sqlite>();
    accounts.rotate(&name("anna")).expect("a token");
    let secret = token.expose().trim_start_matches("rt_").as_bytes();
    drop(accounts);
    for file in std::fs::read_dir(fixture.dir.path()).expect("a directory") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn events_are_no_change_of_accounts() {
    let (fixture, serving, token) = with_anna::<Sqlite>();
    let account = authenticated(&serving, &token).expect("anna");
    let endpoint = serving
        .endpoint(&account, &name("dev"))
        .expect("an endpoint");
    let revision = serving.revision().expect("it works");
    let journal = crate::store::open_writer(&fixture.dir).expect("it opens");
    journal
        .execute(
            "UPDATE endpoint SET next_seq = 2 WHERE key = ?1",
            [endpoint.key.0],
        )
        .expect("written");
    assert_eq!(serving.revision().expect("it works"), revision);
}

#[test]
fn a_failure_keeps_its_cause() {
    let (fixture, accounts, _) = with_anna::<Sqlite>();
    let admin = crate::store::open_writer(&fixture.dir).expect("it opens");
    admin
        .execute_batch("ALTER TABLE account RENAME TO gone")
        .expect("renamed");
    let error = accounts.add(&name("bert")).expect_err("no table");
    assert_eq!(
        error.to_string(),
        "the accounts could not be read or written"
    );
    let cause = error.source().expect("SQLite's words").to_string();
    assert!(cause.contains("account"), "{cause}");
}

/// A database of a PostgreSQL server.
#[cfg(target_os = "linux")]
mod postgres {
    use futures_util::FutureExt as _;
    use ringtail_kit::postgres::PostgresServer;
    use ringtail_kit::wait::soon;

    use super::*;
    use crate::postgres::{self, DatabaseUrl};

    struct Postgres(DatabaseUrl);

    accounts_suite!(Postgres);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_endpoint_of_another_relay_is_known_at_once() {
        let (fixture, accounts, token) = with_anna::<Postgres>();
        let here = SharedAccounts::new(fixture.open()).expect("it loads");
        let there = SharedAccounts::new(accounts).expect("it loads");
        let anna = there.authenticate(token).await.expect("it works");
        let anna = anna.expect("anna");
        let made = there.endpoint(anna.clone(), name("new"), None);
        let made = made.await.expect("an endpoint");
        // Nothing has been told.
        assert_eq!(here.find(&made.id).await, Some(made.clone()));
        assert_eq!(here.find("new-0123456789").await, None);
        // A new verify token, and the deletion, come with the next refresh.
        let hush = VerifyTokenHash::of("hush");
        let changed = there.endpoint(anna, name("new"), Some(hush)).await;
        assert_eq!(here.refresh().await.expect("it works"), []);
        assert_eq!(here.table().find(&made.id), changed.ok());
        let postgres = postgres::open(&fixture.0).expect("it connects");
        let database = crate::database::Database::Postgres(postgres);
        database.delete(made.key).expect("deleted");
        assert_eq!(here.refresh().await.expect("it works"), [made.key]);
        assert_eq!(here.find(&made.id).await, None);
    }

    #[test]
    fn a_server_that_does_not_answer_takes_few_threads() {
        ringtail_kit::tls::install();
        let server = PostgresServer::start("-c fsync=off").expect("it starts");
        let url = DatabaseUrl::parse(&server.database()).expect("a URL");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(16)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let accounts = tokio::task::spawn_blocking(|| Postgres(url).open());
            let shared = SharedAccounts::new(accounts.await.expect("no panic"));
            let shared = shared.expect("it loads");
            server.freeze().expect("it freezes");
            for _ in 0..32 {
                let token = Token::generate().expect("random bytes");
                // Its caller gives up.
                let login = shared.authenticate(token).now_or_never();
                assert!(login.is_none(), "no answer");
            }
            let free = tokio::task::spawn_blocking(|| ());
            soon("a free thread", free).await.expect("no panic");
            server.thaw().expect("it runs");
        });
    }

    impl Fixture for Postgres {
        fn start() -> Self {
            ringtail_kit::tls::install();
            let url = PostgresServer::shared().database();
            Self(DatabaseUrl::parse(&url).expect("a URL"))
        }

        fn open(&self) -> Accounts {
            let postgres = postgres::open(&self.0).expect("it connects");
            Accounts::in_postgres(&postgres)
        }
    }
}
