//! Tests that accounts must pass on every back end.
//!
//! A back end implements [`Fixture`] and calls `accounts_suite!(ItsFixture)` in its tests.

use std::sync::Arc;

use ringtail_errors::Failure;
use ringtail_protocol::name::Name;

use super::*;

/// A database under test. Its calls block.
pub(super) trait Fixture: Sized {
    /// Creates an empty database.
    fn start() -> Self;

    /// Opens its accounts, as another process does.
    fn open(&self) -> Accounts;
}

/// Creates a test of each case for a back end.
macro_rules! accounts_suite {
    ($fixture:ty) => {
        $crate::accounts::suite::accounts_suite!(@ $fixture:
            a_token_stands_for_its_account_alone
            a_name_is_taken_once
            an_unknown_account_cannot_be_rotated_or_revoked
            another_process_rotates_and_revokes
            the_list_shows_what_there_is
            an_endpoint_is_made_once_and_stays
            an_account_has_a_limited_number_of_endpoints
            a_verify_token_stays_until_another_is_set
        );
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_relay_finds_new_endpoints_in_its_table() {
            $crate::accounts::suite::a_relay_finds_new_endpoints_in_its_table::<$fixture>().await;
        }
    };
    (@ $fixture:ty: $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::accounts::suite::$case::<$fixture>();
            }
        )*
    };
}
pub(super) use accounts_suite;

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

/// A database with an account.
pub(super) fn with_anna<F: Fixture>() -> (F, Accounts, Token) {
    let fixture = F::start();
    let accounts = fixture.open();
    let token = accounts.add(&name("anna")).expect("a token");
    (fixture, accounts, token)
}

pub(super) fn authenticated(accounts: &Accounts, token: &Token) -> Option<Account> {
    accounts.authenticate(token).expect("the store works")
}

pub(super) fn a_token_stands_for_its_account_alone<F: Fixture>() {
    let (_fixture, accounts, anna) = with_anna::<F>();
    let bert = accounts.add(&name("bert")).expect("a token");
    assert_eq!(
        authenticated(&accounts, &anna).expect("anna").name,
        name("anna")
    );
    assert_eq!(
        authenticated(&accounts, &bert).expect("bert").name,
        name("bert")
    );
    let stranger = Token::generate().expect("random bytes");
    assert_eq!(authenticated(&accounts, &stranger), None);
}

pub(super) fn a_name_is_taken_once<F: Fixture>() {
    let (_fixture, accounts, token) = with_anna::<F>();
    let error = accounts.add(&name("anna")).expect_err("it is taken");
    insta::allow_duplicates! {
        insta::assert_snapshot!(Failure::from(error), @"
    error[RT-609]: there is an account anna already
    hint: run `accounts rotate anna` for a new token
    ");
    }
    assert!(
        authenticated(&accounts, &token).is_some(),
        "the token still counts"
    );
}

pub(super) fn an_unknown_account_cannot_be_rotated_or_revoked<F: Fixture>() {
    let (_fixture, accounts, _) = with_anna::<F>();
    let error = accounts.rotate(&name("bert")).expect_err("nobody");
    insta::allow_duplicates! {
        insta::assert_snapshot!(Failure::from(error), @"
    error[RT-610]: there is no account bert
    hint: `accounts list` shows those that there are
    ");
    }
    let error = accounts.revoke(&name("bert")).expect_err("nobody");
    assert!(matches!(error, AccountsError::NoAccount(_)));
}

pub(super) fn another_process_rotates_and_revokes<F: Fixture>() {
    let (fixture, serving, first) = with_anna::<F>();
    let admin = fixture.open();
    let account = authenticated(&serving, &first).expect("anna");
    let revision = || serving.revision().expect("it works");
    let added = revision();
    assert_eq!(revision(), added, "nothing has changed");

    let second = admin.rotate(&name("anna")).expect("a token");
    let rotated = revision();
    assert_ne!(rotated, added);
    assert_eq!(authenticated(&serving, &first), None);
    assert!(!serving.is_current(&account).expect("it works"));
    let account = authenticated(&serving, &second).expect("anna");
    assert!(serving.is_current(&account).expect("it works"));

    admin.revoke(&name("anna")).expect("revoked");
    assert_ne!(revision(), rotated);
    assert_eq!(authenticated(&serving, &second), None);
    assert!(!serving.is_current(&account).expect("it works"));

    // A new token restores a revoked account.
    let third = admin.rotate(&name("anna")).expect("a token");
    let back = authenticated(&serving, &third).expect("anna");
    assert_eq!(back.key, account.key);
    assert!(!serving.is_current(&account).expect("it works"));
}

pub(super) fn the_list_shows_what_there_is<F: Fixture>() {
    let (_fixture, accounts, token) = with_anna::<F>();
    accounts.add(&name("bert")).expect("a token");
    accounts.revoke(&name("bert")).expect("revoked");
    let anna = authenticated(&accounts, &token).expect("anna");
    for endpoint in ["dev", "test"] {
        accounts
            .endpoint(&anna, &name(endpoint))
            .expect("an endpoint");
    }
    let list = accounts.list().expect("a list");
    let shown: Vec<_> = list
        .iter()
        .map(|account| (account.name.as_str(), account.revoked, account.endpoints))
        .collect();
    assert_eq!(shown, [("anna", false, 2), ("bert", true, 0)]);
    assert_eq!(list[0].created_at, list[0].changed_at);
    assert!(list[1].changed_at > list[1].created_at);
}

pub(super) fn an_endpoint_is_made_once_and_stays<F: Fixture>() {
    let (fixture, accounts, token) = with_anna::<F>();
    let anna = authenticated(&accounts, &token).expect("anna");
    let made = accounts.endpoint(&anna, &name("dev")).expect("an endpoint");
    assert!(made.id.starts_with("dev-"));
    assert_eq!(made.account, anna.key);
    assert_eq!(accounts.endpoint(&anna, &name("dev")).expect("found"), made);
    let other = accounts
        .endpoint(&anna, &name("test"))
        .expect("an endpoint");
    assert_ne!((other.key, &other.id), (made.key, &made.id));

    // Another account may have an endpoint of the same name.
    let token = accounts.add(&name("bert")).expect("a token");
    let bert = authenticated(&accounts, &token).expect("bert");
    let berts = accounts.endpoint(&bert, &name("dev")).expect("an endpoint");
    assert_ne!((berts.key, &berts.id), (made.key, &made.id));

    accounts.revoke(&name("anna")).expect("revoked");
    drop(accounts);
    let again = fixture.open();
    let mut all = again.all_endpoints().expect("endpoints");
    all.sort_by_key(|endpoint| endpoint.key.0);
    assert_eq!(all, [made, other, berts]);
}

pub(super) fn an_account_has_a_limited_number_of_endpoints<F: Fixture>() {
    let (_fixture, accounts, token) = with_anna::<F>();
    let anna = authenticated(&accounts, &token).expect("anna");
    for n in 0..MAX_ENDPOINTS {
        accounts
            .endpoint(&anna, &name(&format!("e{n}")))
            .expect("an endpoint");
    }
    let error = accounts
        .endpoint(&anna, &name("more"))
        .expect_err("too many");
    insta::allow_duplicates! {
        insta::assert_snapshot!(error, @"
    the account has 256 endpoints, which is the limit; use one of them
    ");
    }
    accounts
        .endpoint(&anna, &name("e0"))
        .expect("those that there are stay");
}

pub(super) async fn a_relay_finds_new_endpoints_in_its_table<F: Fixture>() {
    let (_fixture, accounts, token) = with_anna::<F>();
    let anna = authenticated(&accounts, &token).expect("anna");
    let old = accounts.endpoint(&anna, &name("old")).expect("an endpoint");
    let shared = SharedAccounts::new(accounts).expect("it loads");
    assert_eq!(shared.table().find(&old.id).as_deref(), Some(&old));

    let anna = shared
        .authenticate(token)
        .await
        .expect("it works")
        .expect("anna");
    let calls = (0..8).map(|_| shared.endpoint(anna.clone(), name("new"), None));
    let made: Vec<Arc<EndpointRecord>> = futures_util::future::join_all(calls)
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("an endpoint");
    assert!(
        made.iter().all(|endpoint| endpoint == &made[0]),
        "one for all"
    );
    assert_eq!(shared.table().find(&made[0].id).as_ref(), Some(&made[0]));
    assert_eq!(shared.table().all().len(), 2);
    assert!(shared.is_current(anna).await.expect("it works"));
}

pub(super) fn a_verify_token_stays_until_another_is_set<F: Fixture>() {
    let (_fixture, accounts, token) = with_anna::<F>();
    let anna = authenticated(&accounts, &token).expect("anna");
    let made = accounts.endpoint(&anna, &name("dev")).expect("an endpoint");
    assert_eq!(made.verify_token, None);
    let hash = VerifyTokenHash::of("hush");
    let set = accounts.set_verify_token(&made, hash).expect("set");
    assert_eq!(set.verify_token, hash);
    assert_eq!(accounts.endpoint(&anna, &name("dev")).expect("found"), set);
    let all = accounts.all_endpoints().expect("all");
    assert_eq!(all, std::slice::from_ref(&set));
    assert_eq!(accounts.set_verify_token(&set, None).expect("set"), made);
}
