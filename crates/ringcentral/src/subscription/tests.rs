use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::filters::{NAMED, find, name_of, same, same_set};
use super::plan::{NextCall, Wanted, is_due, plan};
use super::*;

const ADDRESS: &str = "https://relay.example/demo-k3v9/hook";
const SMS: &str = "/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS";
const SMS_OF_5: &str = "/restapi/v1.0/account/1/extension/5/message-store/instant?type=SMS";

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn wanted() -> Wanted {
    Wanted {
        address: ADDRESS.to_owned(),
        filters: vec![SMS.to_owned()],
        seconds: DEFAULT_SECONDS,
        is_reminded: false,
        is_lengthened: false,
        owned: Vec::new(),
    }
}

fn active(id: &str) -> Subscription {
    Subscription {
        id: id.to_owned(),
        event_filters: vec![SMS_OF_5.to_owned()],
        status: "Active".to_owned(),
        creation_time: Some(now()),
        expiration_time: Some(after(600_000)),
        delivery_mode: DeliveryMode {
            transport_type: "WebHook".to_owned(),
            address: ADDRESS.to_owned(),
        },
        ..Subscription::default()
    }
}

#[test]
fn a_response_is_read_however_little_it_says() {
    let whole: Subscription = serde_json::from_value(json!({
        "uri": "https://platform.ringcentral.com/restapi/v1.0/subscription/a",
        "id": "a",
        "creationTime": "2026-11-29T12:00:00.000Z",
        "status": "Blacklisted",
        "eventFilters": [SMS_OF_5],
        "disabledFilters": [{"filter": SMS_OF_5, "reason": "NoPermission"}],
        "expirationTime": "2026-12-06T12:00:00.000+0000",
        "expiresIn": 604_800,
        "deliveryMode": {"transportType": "WebHook", "encryption": false, "address": ADDRESS},
        "blacklistedData": {"blacklistedAt": "2026-11-29T12:00:00Z", "reason": "Read timed out"},
    }))
    .unwrap();
    assert_eq!(whole.seconds_left(now()), 604_800);
    assert_eq!(whole.disabled_filters[0].why(), "NoPermission");
    assert!(whole.is_for(ADDRESS) && !whole.is_active(now()));
    let empty: Subscription = serde_json::from_str("{}").unwrap();
    assert!(!empty.is_webhook() && !empty.is_active(now()));
}

#[test]
fn filters_are_compared_with_ids_for_the_tilde_and_the_query_as_a_set() {
    for (one, other, expected) in [
        (SMS, SMS_OF_5, true),
        (SMS, SMS, true),
        ("/a/~?x=1&y=2", "/a/7?y=2&x=1", true),
        ("/a/~", "/a/b", false),
        ("/a/~", "/a/~/b", false),
        ("/a/~", "/a/", false),
        ("/a/~?x=1", "/a/7", false),
        ("/A/~", "/a/7", false),
        ("/a/5", "/a/7", false),
    ] {
        assert_eq!(same(one, other), expected, "{one} {other}");
        assert_eq!(same(other, one), expected, "{other} {one}");
    }
    assert!(same_set(&["/a/~", "/b"], &["/b", "/a/1"]));
    assert!(!same_set(&["/a/~"], &["/a/1", "/b"]));
    assert!(!same_set(&["/a/~", "/b"], &["/b"]));
}

#[test]
fn a_short_name_stands_for_one_filter() {
    for named in NAMED {
        assert_eq!(find(named.name).unwrap(), named.filter);
        assert_eq!(name_of(named.filter), Some(named.name));
        assert!(!named.name.starts_with('/'));
    }
    assert_eq!(name_of(SMS_OF_5), Some("sms"));
    assert_eq!(find("/any/thing").unwrap(), "/any/thing");
    assert_eq!(find("smss"), None);
}

#[test]
fn an_address_is_the_same_in_any_case_of_its_host_alone() {
    for (address, expected) in [
        ("HTTPS://Relay.Example:443/demo-k3v9/hook", true),
        ("https://relay.example/demo-k3v9/Hook", false),
        ("https://relay.example/demo-k3v9/hook?a=b", false),
        ("https://relay.example:8443/demo-k3v9/hook", false),
        ("https://relay.example/demo-k3v9/hook/", false),
    ] {
        assert_eq!(active("a").is_for(address), expected, "{address}");
    }
}

#[test]
fn each_state_has_its_step() {
    let step = |list: Vec<Subscription>| plan(&list, &wanted(), now()).step;
    let blacklisted = |status: &str| Subscription {
        status: status.to_owned(),
        ..active("a")
    };
    let other_filter = Subscription {
        event_filters: vec!["/b".to_owned()],
        ..active("a")
    };
    let ending = Subscription {
        expiration_time: Some(after(151_199)),
        creation_time: Some(after(151_199 - 604_800)),
        ..active("a")
    };
    let expired = Subscription {
        expiration_time: Some(now()),
        ..active("a")
    };
    let elsewhere = Subscription {
        delivery_mode: DeliveryMode {
            address: "https://other.example/".to_owned(),
            ..active("a").delivery_mode
        },
        ..active("a")
    };
    let mut capped = active("a");
    // Granted an hour only, half of which is left.
    capped.creation_time = Some(after(-1800));
    capped.expiration_time = Some(after(1800));
    assert_eq!(step(vec![]), NextCall::Create);
    assert_eq!(step(vec![elsewhere, expired]), NextCall::Create);
    assert_eq!(step(vec![active("a")]), NextCall::Keep(active("a")));
    assert_eq!(step(vec![capped.clone()]), NextCall::Keep(capped));
    assert_eq!(step(vec![ending.clone()]), NextCall::Renew(ending));
    assert_eq!(
        step(vec![other_filter.clone()]),
        NextCall::Update(other_filter.clone())
    );
    for status in ["Blacklisted", "Blocked", "Suspended", "active", ""] {
        let broken = blacklisted(status);
        assert_eq!(
            step(vec![broken.clone()]),
            NextCall::Recreate(broken),
            "{status}"
        );
    }
    let newer = Subscription {
        creation_time: Some(after(1)),
        ..active("b")
    };
    let all = [
        blacklisted("Blacklisted"),
        other_filter.clone(),
        active("a"),
        newer.clone(),
    ];
    let found = plan(&all, &wanted(), now());
    assert_eq!(found.step, NextCall::Keep(newer));
    let others: Vec<_> = found.others.iter().map(|it| it.status.as_str()).collect();
    assert_eq!(others, ["Active", "Active", "Blacklisted"]);
    // Those of this machine come first, unless they are broken and another one delivers the same.
    let ours = |id: &str| Wanted {
        owned: [id.to_owned()].into(),
        ..wanted()
    };
    let chosen = |list: &[Subscription], id| plan(list, &ours(id), now()).step;
    let broken = Subscription {
        id: "z".to_owned(),
        ..blacklisted("Blacklisted")
    };
    assert_eq!(chosen(&all, "a"), NextCall::Keep(active("a")));
    assert_eq!(
        chosen(&[broken.clone(), active("a")], "z"),
        NextCall::Keep(active("a"))
    );
    assert_eq!(
        chosen(&[broken.clone(), other_filter], "z"),
        NextCall::Recreate(broken)
    );
}

#[test]
fn a_reminder_renews_in_the_second_half_of_the_lifetime() {
    let week = |left: i64| Subscription {
        creation_time: Some(after(left - 604_800)),
        expiration_time: Some(after(left)),
        ..active("a")
    };
    for (left, is_reminded, due) in [
        (604_800, true, false),
        (302_400, true, false),
        (302_399, true, true),
        (302_399, false, false),
        (151_200, false, false),
        (151_199, false, true),
    ] {
        let wanted = Wanted {
            is_reminded,
            ..wanted()
        };
        assert_eq!(
            is_due(&week(left), &wanted, now()),
            due,
            "{left} {is_reminded}"
        );
    }
}

#[test]
fn a_longer_life_is_asked_for_once_when_it_is_wanted() {
    let week = Subscription {
        creation_time: Some(now()),
        expiration_time: Some(after(604_800)),
        ..active("a")
    };
    let due = |days: u64, is_lengthened, owner: &str| {
        let wanted = Wanted {
            seconds: days * 86_400,
            is_lengthened,
            owned: vec![owner.to_owned()],
            ..wanted()
        };
        is_due(&week, &wanted, now())
    };
    assert!(due(14, true, "a"));
    // Another program's week is kept while it lasts; `listen`, which looks every minute, takes the week that it got.
    assert!(!due(14, true, "b"));
    assert!(due(30, true, "b"));
    assert!(!due(30, false, "a"));
    assert!(!due(7, true, "a"));
    assert!(!due(1, true, "a"));
}

proptest! {
    /// Whatever there is: an active subscription is never recreated, a step is about one of ours, and after it the plan is
    /// to keep.
    #[test]
    fn a_plan_leads_to_one_active_subscription(
        states in prop::collection::vec((0..4_usize, any::<bool>(), -10..700_000_i64), 0..6)
    ) {
        let list: Vec<Subscription> = states.iter().enumerate().map(|(number, (status, fits, left))| {
            let mut it = active(&number.to_string());
            it.status = ["Active", "Blacklisted", "Blocked", "Suspended"][*status].to_owned();
            if !fits {
                it.event_filters.push("/b".to_owned());
            }
            it.expiration_time = Some(after(*left));
            it.creation_time = Some(after(left - 604_800));
            it
        }).collect();
        let has_active = list.iter().any(|it| it.is_active(now()));
        let found = plan(&list, &wanted(), now());
        match &found.step {
            NextCall::Create => prop_assert!(list.iter().all(|it| it.seconds_left(now()) <= 0)),
            NextCall::Recreate(_) => prop_assert!(!has_active, "none of these is ours"),
            NextCall::Keep(it) | NextCall::Update(it) | NextCall::Renew(it) => prop_assert!(it.is_active(now())),
        }
        let mended = Subscription {
            event_filters: wanted().filters,
            expiration_time: Some(after(604_800)),
            creation_time: Some(now()),
            ..active("new")
        };
        let chosen = found.step.subscription().map(|it| it.id.clone());
        let mut then: Vec<Subscription> = list.into_iter().filter(|it| Some(&it.id) != chosen.as_ref()).collect();
        then.push(mended);
        prop_assert!(matches!(plan(&then, &wanted(), now()).step, NextCall::Keep(_)));
    }
}
