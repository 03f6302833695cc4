//! `ringtail subscriptions renew`, `recreate` and `delete`.

use std::cmp::Reverse;

use jiff::Timestamp;
use ringtail_errors::{Failure, codes};
use ringtail_rc_api::{Records, renew as renew_for};
use ringtail_ringcentral::subscription::filters::same_set;
use ringtail_ringcentral::subscription::{DEFAULT_SECONDS, MAX_SECONDS, Subscription};

use super::diagnose::check;
use super::{Cloud, Owner, named, print_json};
use crate::args::subscriptions::{AddressArgs, DeleteArgs, RecreateArgs, RenewArgs};
use crate::args::{Common, Format};
use crate::output::plain::short;
use crate::output::subscriptions::kept_json;
use crate::output::{note, plain, print};

pub(super) async fn renew(cloud: &Cloud, args: RenewArgs) -> Result<(), Failure> {
    let list = cloud.api.list().await?;
    let chosen = match args.mine {
        true => cloud.of_endpoint(&list, &args.address).await?,
        false => all_named(&list, &args.ids)?,
    };
    if chosen.is_empty() {
        note("no subscription to renew\n");
    }
    let now = Timestamp::now();
    for it in chosen {
        let seconds = lifetime(args.expires, &it, now);
        let renewed = renew_for(&cloud.api, &it.id, seconds).await?;
        cloud.print(&[renewed], "renewed", args.output).await?;
    }
    Ok(())
}

pub(super) async fn recreate(cloud: &Cloud, args: RecreateArgs) -> Result<(), Failure> {
    let list = cloud.api.list().await?;
    let now = Timestamp::now();
    let chosen: Vec<(Subscription, Vec<Subscription>)> = match args.blacklisted {
        true => broken(&list, now),
        false => {
            let named = all_named(&list, &args.ids)?;
            named.into_iter().map(|it| (it, Vec::new())).collect()
        }
    };
    if let Some((other, _)) = chosen.iter().find(|(it, _)| !it.is_webhook()) {
        let cannot = format!(
            "subscription {} does not deliver to a webhook, but by \"{}\"",
            short(&other.id),
            other.delivery_mode.transport_type
        );
        return Err(Failure::new(&codes::USAGE, cannot)
            .hint("the program that created it must create it again"));
    }
    if chosen.is_empty() {
        note("all webhook subscriptions are active, or an active one delivers the same\n");
    }
    let style = plain::Style::of_stdout();
    for (it, twins) in chosen {
        let owner = cloud.owner_of(&it)?;
        let seconds = lifetime(args.expires, &it, now);
        let mut keeper = cloud.keeper(&owner, it.event_filters.clone(), seconds)?;
        let kept = keeper.recreate(it).await?;
        match args.output {
            Format::Json => print_json(&kept_json(&kept)).await?,
            Format::Plain => print(style.kept(&kept, now).as_bytes()).await?,
        }
        for twin in twins {
            cloud.api.delete(&twin.id).await?;
            cloud.print(&[twin], "deleted", args.output).await?;
        }
    }
    Ok(())
}

/// Returns the webhooks that are not active; of those that deliver the same, the newest with the others. One that an active
/// webhook stands in for is left out: two active ones would deliver each event twice.
fn broken(list: &[Subscription], now: Timestamp) -> Vec<(Subscription, Vec<Subscription>)> {
    let delivers_the_same = |one: &Subscription, other: &Subscription| {
        one.is_for(other.address()) && same_set(&one.event_filters, &other.event_filters)
    };
    let (active, mut broken): (Vec<&Subscription>, Vec<&Subscription>) = list
        .iter()
        .filter(|it| it.is_webhook())
        .partition(|it| it.is_active(now));
    broken.sort_by_key(|it| Reverse(it.creation_time));
    let mut groups: Vec<(Subscription, Vec<Subscription>)> = Vec::new();
    for it in broken {
        if active.iter().any(|other| delivers_the_same(other, it)) {
            continue;
        }
        match groups
            .iter_mut()
            .find(|(newest, _)| delivers_the_same(newest, it))
        {
            Some((_, twins)) => twins.push(it.clone()),
            None => groups.push((it.clone(), Vec::new())),
        }
    }
    groups
}

pub(super) async fn delete(
    cloud: &Cloud,
    common: &Common,
    args: DeleteArgs,
) -> Result<(), Failure> {
    let list = cloud.api.list().await?;
    let chosen = if args.mine {
        cloud.of_endpoint(&list, &args.address).await?
    } else if args.stale {
        stale(cloud, common, list).await?
    } else {
        all_named(&list, &args.ids)?
    };
    if chosen.is_empty() {
        note("no subscription to delete\n");
        return Ok(());
    }
    if !args.yes {
        cloud.print(&chosen, "would-delete", args.output).await?;
        let none = format!("nothing was deleted of the {} listed", chosen.len());
        return Err(Failure::new(&codes::CLOUD_CONFIRM, none));
    }
    for it in chosen {
        cloud.api.delete(&it.id).await?;
        cloud.print(&[it], "deleted", args.output).await?;
    }
    Ok(())
}

/// Returns the webhooks whose address answers nothing any more.
async fn stale(
    cloud: &Cloud,
    common: &Common,
    list: Vec<Subscription>,
) -> Result<Vec<Subscription>, Failure> {
    let mut dead = Vec::new();
    for it in list.into_iter().filter(Subscription::is_webhook) {
        // An address that cannot be parsed is not known to be dead, nor is one that only this machine may not reach.
        if let Ok(report) = check(cloud, common, it.address(), None).await
            && report.is_dead()
        {
            dead.push(it);
        }
    }
    Ok(dead)
}

/// Returns the lifetime in seconds that was asked for, else the default one, or the time left if that is longer.
fn lifetime(given: Option<u64>, it: &Subscription, now: Timestamp) -> u64 {
    given.unwrap_or_else(|| {
        let left = u64::try_from(it.seconds_left(now)).unwrap_or(0);
        left.clamp(DEFAULT_SECONDS, MAX_SECONDS)
    })
}

/// Returns the subscriptions whose ids begin with the texts, each once.
fn all_named(list: &[Subscription], ids: &[String]) -> Result<Vec<Subscription>, Failure> {
    let mut found: Vec<Subscription> = Vec::new();
    for id in ids {
        let it = named(list, id)?;
        if found.iter().all(|known| known.id != it.id) {
            found.push(it);
        }
    }
    Ok(found)
}

impl Cloud {
    /// Returns the subscriptions for an endpoint and the paths below it, or for an address.
    async fn of_endpoint(
        &self,
        list: &[Subscription],
        args: &AddressArgs,
    ) -> Result<Vec<Subscription>, Failure> {
        let Some(owner) = self.existing_owner(args).await? else {
            return Ok(Vec::new());
        };
        let below = |it: &&Subscription| {
            let rest = it.address().strip_prefix(&owner.address);
            it.is_for(&owner.address) || rest.is_some_and(|rest| rest.starts_with(['/', '?']))
        };
        Ok(list.iter().filter(below).cloned().collect())
    }

    /// Returns whose subscription it is: the endpoint of the record, the endpoint that the address names, or the address alone.
    fn owner_of(&self, it: &Subscription) -> Result<Owner, Failure> {
        let records = Records::read(self.config.directory())?;
        let record = records.iter().find(|record| record.ids.contains(&it.id));
        let (relay, name) = match record {
            Some(record) => (record.relay.clone(), record.endpoint.clone()),
            None => self
                .endpoint_of(it)
                .unwrap_or_else(|| (String::new(), it.address().to_owned())),
        };
        Ok(Owner {
            relay,
            name,
            address: it.address().to_owned(),
        })
    }

    /// Returns relay and name of the endpoint that an address on the relay has.
    fn endpoint_of(&self, it: &Subscription) -> Option<(String, String)> {
        let relay = self.config.relay.as_ref()?;
        let name = self.config.endpoint_at(it.address())?;
        Some((relay.to_string(), name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_delivers_the_same_is_recreated_once() {
        let it = |id: &str, address: &str, filter: &str, status: &str, day: u8| {
            let made = json!({
                "id": id,
                "eventFilters": [filter],
                "status": status,
                "creationTime": format!("2026-01-{day:02}T00:00:00Z"),
                "expirationTime": "2027-01-01T00:00:00Z",
                "deliveryMode": {"transportType": "WebHook", "address": address},
            });
            serde_json::from_value::<Subscription>(made).unwrap()
        };
        let (here, there) = ("https://a.example/", "https://b.example/");
        let list = [
            it("old", here, "/x", "Blacklisted", 1),
            it("new", here, "/x", "Blacklisted", 3),
            it("middle", here, "/x", "Blocked", 2),
            it("other", here, "/y", "Blacklisted", 4),
            it("stands-in", there, "/x", "Active", 5),
            it("left", there, "/x", "Blacklisted", 6),
        ];
        let groups = broken(&list, at("2026-02-01T00:00:00Z"));
        let ids =
            |all: &[Subscription]| -> Vec<String> { all.iter().map(|it| it.id.clone()).collect() };
        let found: Vec<_> = (groups.iter())
            .map(|(newest, twins)| (newest.id.as_str(), ids(twins)))
            .collect();
        let twins = ["middle", "old"].map(str::to_owned).to_vec();
        assert_eq!(found, [("other", Vec::new()), ("new", twins)]);
        let twice = all_named(&list, &["ol".to_owned(), "old".to_owned()]).unwrap();
        assert_eq!(ids(&twice), ["old"]);
    }

    #[test]
    fn no_lifetime_becomes_shorter_unasked() {
        let now = at("2026-01-01T00:00:00Z");
        for (ends, given, expected) in [
            ("2026-01-03T00:00:00Z", None, DEFAULT_SECONDS),
            ("2026-01-31T00:00:00Z", None, 30 * 86_400),
            ("2026-01-31T00:00:00Z", Some(3600), 3600),
            ("2025-01-31T00:00:00Z", None, DEFAULT_SECONDS),
        ] {
            let it = serde_json::from_value(json!({"expirationTime": ends})).unwrap();
            assert_eq!(lifetime(given, &it, now), expected, "{ends} {given:?}");
        }
        assert_eq!(lifetime(None, &Subscription::default(), now), MAX_SECONDS);
    }
}
