//! `ringtail subscriptions renew`, `recreate` and `delete`.

use ringtail_errors::{Failure, codes};
use ringtail_rc_api::{Keeper, Records};
use ringtail_ringcentral::subscription::Subscription;
use ringtail_ringcentral::subscription::plan::Wanted;

use super::diagnose::{check, is_dead};
use super::{Cloud, Owner, named, print_json};
use crate::args::subscriptions::{AddressArgs, DeleteArgs, RecreateArgs, RenewArgs};
use crate::args::{Common, Format};
use crate::output::subscriptions::{kept_json, subscription_json};
use crate::output::{note, plain, print};

pub(super) async fn renew(cloud: &Cloud, args: RenewArgs) -> Result<(), Failure> {
    let list = cloud.api.list().await?;
    let chosen = match args.mine {
        true => cloud.of_endpoint(&list, &args.address).await?,
        false => all_named(&list, &args.ids)?,
    };
    for it in chosen {
        let keeper = keeper_of(cloud, &it, args.expires);
        let renewed = keeper.renew(&it).await?;
        cloud.print(&[renewed], "renewed", args.output).await?;
    }
    Ok(())
}

pub(super) async fn recreate(cloud: &Cloud, args: RecreateArgs) -> Result<(), Failure> {
    let list = cloud.api.list().await?;
    let now = cloud.api.clock().now();
    let broken = |it: &&Subscription| it.is_webhook() && !it.is_active(now);
    let chosen = match args.blacklisted {
        true => list.iter().filter(broken).cloned().collect(),
        false => all_named(&list, &args.ids)?,
    };
    if chosen.is_empty() {
        note("all webhook subscriptions are active\n");
    }
    let style = plain::Style::of_stdout();
    for it in chosen {
        let owner = cloud.owner_of(&it)?;
        let mut keeper = cloud.keeper(&owner, it.event_filters.clone(), args.expires)?;
        let kept = keeper.recreate(it).await;
        cloud.save(&owner, &keeper)?;
        let kept = kept?;
        match args.output {
            Format::Json => print_json(&kept_json(&kept)).await?,
            Format::Plain => print(style.kept(&kept, now).as_bytes()).await?,
        }
    }
    Ok(())
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
        match args.output {
            Format::Json => print_json(&subscription_json("deleted", &it)).await?,
            Format::Plain => cloud.print(&[it], "deleted", args.output).await?,
        }
    }
    Ok(())
}

/// Returns the webhooks whose address answers nothing.
async fn stale(
    cloud: &Cloud,
    common: &Common,
    list: Vec<Subscription>,
) -> Result<Vec<Subscription>, Failure> {
    let mut dead = Vec::new();
    for it in list.into_iter().filter(Subscription::is_webhook) {
        // An address that cannot be parsed is not known to be dead.
        if let Ok(report) = check(cloud, common, it.address()).await
            && is_dead(&report)
        {
            dead.push(it);
        }
    }
    Ok(dead)
}

fn all_named(list: &[Subscription], ids: &[String]) -> Result<Vec<Subscription>, Failure> {
    ids.iter().map(|id| named(list, id)).collect()
}

fn keeper_of(cloud: &Cloud, it: &Subscription, seconds: u64) -> Keeper {
    Keeper {
        api: cloud.api.clone(),
        wanted: Wanted {
            address: it.address().to_owned(),
            filters: it.event_filters.clone(),
            seconds,
            owned: Default::default(),
        },
        token: None,
    }
}

impl Cloud {
    /// Returns the subscriptions for an endpoint and the paths below it, or for an address.
    async fn of_endpoint(
        &self,
        list: &[Subscription],
        args: &AddressArgs,
    ) -> Result<Vec<Subscription>, Failure> {
        let owner = self.owner(args).await?;
        let below = |it: &&Subscription| {
            let rest = it.address().strip_prefix(&owner.address);
            it.is_for(&owner.address) || rest.is_some_and(|rest| rest.starts_with(['/', '?']))
        };
        Ok(list.iter().filter(below).cloned().collect())
    }

    /// Returns whose subscription it is: the endpoint of the record, or the address alone.
    fn owner_of(&self, it: &Subscription) -> Result<Owner, Failure> {
        let records = Records::read(self.config.directory())?;
        let record = records.iter().find(|record| record.ids.contains(&it.id));
        Ok(Owner {
            relay: record.map(|it| it.relay.clone()).unwrap_or_default(),
            name: record.map_or(it.address().to_owned(), |it| it.endpoint.clone()),
            address: it.address().to_owned(),
        })
    }
}
