use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ringtail_errors::{Coded as _, Exit, Failure};
use ringtail_kit::app::{App, Reply};
use ringtail_kit::cloud::{Cloud, Fault};
use ringtail_outbound::proxy::Proxies;
use ringtail_outbound::trust::Trust;
use ringtail_ringcentral::subscription::filters::NAMED;
use ringtail_ringcentral::subscription::plan::Wanted;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;

mod login;

const SMS: &str = "/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS";
const CALLS: &str = "/restapi/v1.0/account/~/telephony/sessions";
const CREATE: &str = "POST /restapi/v1.0/subscription";
const LIST: &str = "GET /restapi/v1.0/subscription";
const LOGIN: &str = "POST /restapi/oauth/token";
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const WEEK: u64 = 604_800;

/// RingCentral, an app that validates, and a developer's machine.
struct World {
    cloud: Arc<Cloud>,
    app: App,
    home: TempDir,
    told: Arc<Mutex<Vec<String>>>,
    machines: AtomicUsize,
}

/// The double's clock: waiting turns it.
#[derive(Debug)]
struct Turned(Arc<Cloud>);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.turn(time);
        Box::pin(async {})
    }
}

impl World {
    fn new() -> Self {
        ringtail_kit::tls::install();
        Self {
            cloud: Arc::new(Cloud::start(b"").unwrap()),
            app: App::replying(|seen| match seen.header("validation-token")[..] {
                [token] => Reply::status(200).header("validation-token", token),
                _ => Reply::status(200),
            }),
            home: tempfile::tempdir().unwrap(),
            told: Arc::default(),
            machines: AtomicUsize::default(),
        }
    }

    fn login(&self) -> Login {
        let mut jwt = String::new();
        self.cloud.rules(|rules| jwt.clone_from(&rules.jwt));
        Login {
            server: self.cloud.url().parse().unwrap(),
            credentials: Credentials::Jwt(JwtLogin {
                client_id: "example-client-id".to_owned(),
                client_secret: "example-client-secret".into(),
                jwt: jwt.into(),
            }),
        }
    }

    /// The API as one process has it.
    fn api(&self) -> Api {
        self.api_of(self.login())
    }

    fn api_of(&self, login: Login) -> Api {
        let told = Arc::clone(&self.told);
        let place = Place::new(self.home.path(), None);
        Api::new(
            login,
            place,
            &Trust::load(None).unwrap(),
            Proxies::default(),
        )
        .telling(Arc::new(move |line| {
            told.lock().unwrap().push(line.to_owned())
        }))
        .with_clock(Arc::new(Turned(Arc::clone(&self.cloud))))
    }

    /// A keeper of another machine.
    fn keeper(&self, filters: &[&str]) -> Keeper {
        let machine = self.machines.fetch_add(1, Ordering::Relaxed);
        Keeper {
            api: self.api(),
            wanted: Wanted {
                address: self.app.url("/hook"),
                filters: filters.iter().map(|it| (*it).to_owned()).collect(),
                seconds: WEEK,
                is_reminded: false,
                is_lengthened: false,
                owned: Vec::new(),
            },
            token: "example-verification".into(),
            record: (String::new(), machine.to_string()),
        }
    }

    /// Returns the calls since the last time.
    fn calls(&self) -> Vec<String> {
        let calls = self.cloud.calls();
        self.cloud.forget();
        calls
    }
}

#[tokio::test]
async fn one_token_serves_every_process_until_it_is_refused() {
    let world = World::new();
    for _ in 0..3 {
        world.api().list().await.unwrap();
    }
    assert_eq!(world.calls(), [LOGIN, LIST, LIST, LIST]);
    world.cloud.end_sessions();
    world.api().list().await.unwrap();
    assert_eq!(world.calls(), [LIST, LOGIN, LIST]);
    world.cloud.turn(HOUR - Duration::from_secs(30));
    world.api().list().await.unwrap();
    assert_eq!(world.calls(), [LOGIN, LIST]);
    // Once more, and not again and again.
    world
        .cloud
        .fail(LIST, 9, Fault::Error(401, "OAU-213", "Token not found"));
    let error = world.api().list().await.unwrap_err();
    assert_eq!(
        (error.refused_with(), error.code().exit()),
        (Some("OAU-213"), Exit::Refused)
    );
    assert_eq!(world.calls(), [LIST, LOGIN, LIST]);
}

#[tokio::test]
async fn many_at_once_log_in_once() {
    let world = World::new();
    let (one, two, three) = (world.api(), world.api(), world.api());
    let (one, two, three) = tokio::join!(one.list(), two.list(), three.list());
    drop((one.unwrap(), two.unwrap(), three.unwrap()));
    let logins = world.calls().into_iter().filter(|it| it == LOGIN);
    assert_eq!(logins.count(), 1);
}

#[tokio::test]
async fn a_penalty_is_waited_for_by_every_process() {
    let world = World::new();
    world.api().list().await.unwrap();
    world.cloud.fail(LIST, 1, Fault::TooMany(Some(60)));
    world.api().list().await.unwrap();
    assert_eq!(
        *world.told.lock().unwrap(),
        ["RingCentral limits requests; waiting 60 s"]
    );
    world.cloud.fail(LIST, 1, Fault::TooMany(Some(300)));
    world.calls();
    for sent in [1, 0] {
        let error = world.api().list().await.unwrap_err();
        assert_eq!(error.code().exit(), Exit::CutOff, "{error}");
        assert_eq!(world.calls().len(), sent);
    }
    world.cloud.turn(Duration::from_secs(301));
    // Without Retry-After, half a minute would be inside the penalty.
    world.cloud.fail(LIST, 1, Fault::TooMany(None));
    world.api().list().await.unwrap();
    // One wait, and no second.
    world.cloud.fail(LIST, 2, Fault::TooMany(Some(1)));
    let error = world.api().list().await.unwrap_err();
    assert!(matches!(error, ApiError::TooMany { .. }), "{error}");
}

#[tokio::test]
async fn a_429_that_no_waiting_mends_is_said_at_once() {
    let world = World::new();
    let message = "Can not resolve API plan. Rate limits undefined";
    let fault = Fault::Error(429, "CMN-303", message);
    world.cloud.fail(LIST, 1, fault);
    let error = world.keeper(&[SMS]).ensure().await.unwrap_err();
    assert_eq!(error.code().id, "CMN-303", "{error}");
    assert_eq!(world.calls(), [LOGIN, LIST]);
    assert_eq!(*world.told.lock().unwrap(), [""; 0]);
    // It is no penalty for the next call.
    world.api().list().await.unwrap();
}

#[tokio::test]
async fn after_ensure_there_is_one_with_filters_and_token() {
    let world = World::new();
    let cloud = &world.cloud;
    let mut keeper = world.keeper(&[SMS]);
    let made = keeper.ensure().await.unwrap();
    assert!(made.action == Action::Created && made.is_owned && !made.is_shorter);
    assert_eq!(
        cloud.subscriptions()[0].token.as_deref(),
        Some("example-verification")
    );
    world.calls();
    for _ in 0..3 {
        let kept = keeper.ensure().await.unwrap();
        assert_eq!(
            (kept.action, kept.subscription.id),
            (Action::Kept, made.subscription.id.clone())
        );
    }
    assert_eq!(world.calls(), [LIST; 3]);

    keeper.wanted.filters.push(CALLS.to_owned());
    let updated = keeper.ensure().await.unwrap();
    assert_eq!(
        (updated.action, updated.subscription.id),
        (Action::Updated, made.subscription.id)
    );
    assert_eq!(cloud.subscriptions()[0].filters.len(), 2);

    // Another machine's: it is kept, and its token is not known here.
    let kept = world.keeper(&[CALLS, SMS]).ensure().await.unwrap();
    assert!(kept.action == Action::Kept && !kept.is_owned);

    let foreign = cloud.has(&world.app.url("/hook"), &[SMS, CALLS]);
    let _elsewhere = cloud.has("https://other.example/", &[SMS, CALLS]);
    let kept = keeper.ensure().await.unwrap();
    assert!(kept.is_owned && kept.action == Action::Kept);
    let others: Vec<String> = kept.others.into_iter().map(|it| it.id).collect();
    assert_eq!(
        (others, cloud.subscriptions().len()),
        (vec![foreign.clone()], 3)
    );
    // Broken, ours makes room for the other one.
    cloud.blacklist(&kept.subscription.id, "Read timed out");
    let kept = keeper.ensure().await.unwrap();
    assert_eq!((kept.subscription.id, kept.is_owned), (foreign, false));
    assert_eq!(cloud.subscriptions().len(), 2);
}

#[tokio::test]
async fn a_broken_one_is_replaced_before_it_is_deleted() {
    let world = World::new();
    let mut keeper = world.keeper(&[SMS]);
    let first = keeper.ensure().await.unwrap().subscription.id;
    world.cloud.blacklist(&first, "Read timed out");
    world.calls();
    let made = keeper.ensure().await.unwrap();
    assert_eq!(made.action, Action::Recreated);
    let old = made.replaced.unwrap();
    assert_eq!(
        (
            old.id.as_str(),
            old.blacklisted_data.unwrap().reason.as_str()
        ),
        (first.as_str(), "Read timed out")
    );
    let delete = format!("DELETE /restapi/v1.0/subscription/{first}");
    assert_eq!(world.calls(), [LIST, CREATE, &delete]);

    // At the limit the broken one makes room.
    world.cloud.rules(|rules| rules.max_subscriptions = 1);
    world
        .cloud
        .blacklist(&made.subscription.id, "[404] Not Found");
    assert_eq!(keeper.ensure().await.unwrap().action, Action::Recreated);
    assert_eq!(world.cloud.subscriptions().len(), 1);
    let active = world.keeper(&[SMS]).look().await.unwrap();
    let active = active.step.subscription().unwrap().clone();
    let error = keeper.recreate(active).await.unwrap_err();
    assert_eq!(error.refused_with(), Some("SUB-505"));
    assert_eq!(world.cloud.subscriptions().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_subscription() {
    let world = World::new();
    world.cloud.fail(CREATE, 1, Fault::LostAnswer);
    let kept = world.keeper(&[SMS]).ensure().await.unwrap();
    assert_eq!(
        (kept.action, world.cloud.subscriptions().len()),
        (Action::Kept, 1)
    );
    let (mut one, mut two) = (world.keeper(&[CALLS]), world.keeper(&[CALLS]));
    one.wanted.address = world.app.url("/other");
    two.wanted.address = world.app.url("/other");
    two.record = one.record.clone();
    let (one, two) = tokio::join!(one.ensure(), two.ensure());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.is_owned && two.is_owned, "of one machine");
    assert_eq!(world.cloud.subscriptions().len(), 2);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_nothing_else() {
    for (fault, times, works) in [
        (Fault::Error(403, "SUB-406", "not ready"), 6, true),
        (Fault::Error(403, "SUB-406", "not ready"), 7, false),
        (Fault::Error(503, "CMN-201", "unavailable"), 5, true),
        (Fault::NotJson(502), 5, true),
        (Fault::NotJson(502), 6, false),
        (Fault::HangUp, 5, true),
        (
            Fault::Error(429, "CMN-304", "Duplicate concurrent request"),
            5,
            true,
        ),
        (Fault::NotJson(404), 1, false),
        (
            Fault::Error(400, "SUB-521", "WebHook is not reachable"),
            1,
            false,
        ),
        (Fault::Error(403, "CMN-401", "[X]"), 1, false),
    ] {
        let world = World::new();
        world.cloud.fail(CREATE, times, fault.clone());
        let began = world.cloud.now();
        let ended = world.keeper(&[SMS]).ensure().await;
        assert_eq!(ended.is_ok(), works, "{fault:?} {times}");
        let waited = world.cloud.now().duration_since(began).as_secs();
        assert!(waited <= 65, "{waited} s");
    }
}

#[tokio::test]
async fn a_duplicate_that_stays_is_explained() {
    let world = World::new();
    let duplicate = Fault::Error(429, "CMN-304", "Duplicate concurrent request");
    world.cloud.fail(CREATE, 9, duplicate);
    let error = world.keeper(&[SMS]).ensure().await.unwrap_err();
    let text = Failure::from(error).to_string();
    assert!(
        text.contains("error[CMN-304]") && text.contains("hint"),
        "{text}"
    );
}

/// A renewal after the subscription ended, and one whose answer is lost: the id is known, and one subscription is left.
#[tokio::test]
async fn a_renewal_that_fails_leaves_one_subscription_that_is_ours() {
    let world = World::new();
    let mut keeper = world.keeper(&[SMS]);
    let first = keeper.ensure().await.unwrap().subscription.id;
    world.cloud.turn(DAY * 6);
    let renewal = format!("POST /restapi/v1.0/subscription/{first}/renew");
    world.cloud.fail(&renewal, 1, Fault::LostAnswer);
    let kept = keeper.ensure().await.unwrap();
    assert!(kept.subscription.id == first && kept.is_owned, "{kept:?}");
    assert!(kept.subscription.seconds_left(world.cloud.now()) > 500_000);

    world.cloud.turn(DAY * 6);
    // It ends between list and renewal.
    let gone = Fault::Error(
        404,
        "CMN-102",
        "Resource for parameter [subscriptionId] is not found",
    );
    world.cloud.fail(&renewal, 1, gone);
    world.cloud.fail(&renewal, 9, Fault::HangUp);
    let error = keeper.ensure().await.unwrap_err();
    assert_eq!(error.code().id, "RT-702", "{error}");
    assert_eq!(keeper.wanted.owned, [first]);
    world.cloud.turn(DAY * 2);
    let kept = keeper.ensure().await.unwrap();
    assert!(kept.action == Action::Created && kept.is_owned, "{kept:?}");
    assert_eq!(world.cloud.subscriptions().len(), 1);
}

#[tokio::test]
async fn what_is_deleted_on_exit_is_ours_and_there() {
    let world = World::new();
    let mut keeper = world.keeper(&[SMS]);
    keeper.ensure().await.unwrap();
    let other = world.cloud.has(&world.app.url("/hook"), &[SMS]);
    let ended = "ended long ago".to_owned();
    keeper.own(|owned| owned.insert(0, ended)).unwrap();
    world.calls();
    keeper.delete_owned().await.unwrap();
    let [list, deleted] = &world.calls()[..] else {
        panic!("one list and one deletion")
    };
    assert!(list == LIST && deleted.starts_with("DELETE "), "{deleted}");
    let left: Vec<String> = world
        .cloud
        .subscriptions()
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(left, [other]);
}

#[tokio::test]
async fn a_renewal_gives_the_wanted_lifetime_under_both_readings() {
    for sets_default in [false, true] {
        let world = World::new();
        world
            .cloud
            .rules(|rules| rules.renewal_sets_default = sets_default);
        let mut keeper = world.keeper(&[SMS]);
        keeper.wanted.seconds = 30 * 86_400;
        keeper.ensure().await.unwrap();
        world.cloud.turn(25 * DAY);
        let renewed = keeper.ensure().await.unwrap();
        assert!(renewed.action == Action::Renewed && !renewed.is_shorter);
        let left = renewed.subscription.seconds_left(world.cloud.now());
        assert!(left > 29 * 86_400, "{left}");
        world.cloud.rules(|rules| rules.max_seconds = 3600);
        keeper.wanted.filters.push(CALLS.to_owned());
        assert!(keeper.ensure().await.unwrap().is_shorter);
    }
}

#[tokio::test]
async fn a_longer_life_that_is_wanted_now_is_given_at_once() {
    let world = World::new();
    let mut keeper = world.keeper(&[SMS]);
    keeper.ensure().await.unwrap();
    keeper.wanted.seconds = 14 * 86_400;
    assert_eq!(keeper.ensure().await.unwrap().action, Action::Kept);
    keeper.wanted.is_lengthened = true;
    let renewed = keeper.ensure().await.unwrap();
    assert!(renewed.action == Action::Renewed && !renewed.is_shorter);
    assert_eq!(keeper.ensure().await.unwrap().action, Action::Kept);
}

/// Thirty days, looked at every six hours: blacklisted twice, and the laptop away for eight days.
#[tokio::test]
async fn a_subscription_lives_for_a_month() {
    for sets_default in [false, true] {
        let world = World::new();
        world
            .cloud
            .rules(|rules| rules.renewal_sets_default = sets_default);
        let mut keeper = world.keeper(&[SMS]);
        let mut actions = Vec::new();
        let round = HOUR * 6;
        let mut hours = 0;
        while hours < 30 * 24 {
            let kept = keeper.ensure().await.unwrap();
            if kept.action != Action::Kept {
                actions.push((hours / 24, kept.action.word()));
            }
            let all = world.cloud.subscriptions();
            assert_eq!(all.len(), 1, "on day {}", hours / 24);
            assert_eq!(all[0].token.as_deref(), Some("example-verification"));
            assert!(all[0].blacklisted.is_none());
            if matches!(hours, 48 | 72) {
                world.cloud.blacklist(&all[0].id, "Read timed out");
            }
            let away = if hours == 15 * 24 { 8 * 24 } else { 6 };
            hours += away;
            world.cloud.turn(round / 6 * u32::try_from(away).unwrap());
        }
        let expected = [
            (0, "created"),
            (2, "recreated"),
            (3, "recreated"),
            (8, "renewed"),
            (13, "renewed"),
            (23, "created"),
            (28, "renewed"),
        ];
        assert_eq!(actions, expected);
    }
}
