//! `ringtail subscriptions ensure`.

use jiff::Timestamp;
use ringtail_errors::{Failure, codes};
use ringtail_rc_api::Kept;
use ringtail_ringcentral::secret::redacted;
use ringtail_ringcentral::subscription::filters::{name_of, same};
use ringtail_ringcentral::subscription::plan::{NextCall, Plan};

use ringtail_text::escape;

use super::diagnose::{Since, check, explain, is_ready, seen};
use super::{Cloud, event_filters, print_json};
use crate::args::subscriptions::EnsureArgs;
use crate::args::{Common, Format};
use crate::output::plain::short;
use crate::output::subscriptions::{kept_json, names, subscription_json};
use crate::output::{plain, print};

pub(super) async fn run(cloud: &Cloud, common: &Common, args: EnsureArgs) -> Result<(), Failure> {
    let filters = event_filters(&args.filters)?;
    if args.dry_run {
        let owner = cloud.existing_owner(&args.address).await?;
        let plan = cloud
            .look(owner.as_ref(), filters.clone(), args.expires)
            .await?;
        let address = owner.as_ref().map(|it| it.address.as_str());
        return tell(&plan, address, &filters, args.output).await;
    }
    let owner = cloud.owner(&args.address).await?;
    let mut keeper = cloud.keeper(&owner, filters, args.expires)?;
    keeper.wanted.is_lengthened = true;
    let plan = keeper.look().await?;
    let creates = matches!(plan.step, NextCall::Create | NextCall::Recreate(_));
    let mut since = Since::now();
    if creates && !args.no_check {
        let report = check(cloud, common, &owner.address, Some(&keeper.token)).await?;
        is_ready(&owner.address, &report)?;
        // The check was a validation request, too.
        since = Since::after(&seen(cloud, &owner).await);
    }
    let kept = keeper.ensure().await;
    let mut kept = match kept {
        Ok(kept) => kept,
        Err(error) => return Err(explain(cloud, common, &owner, error, &since).await),
    };
    if args.yes {
        for other in std::mem::take(&mut kept.others) {
            cloud.api.delete(&other.id).await?;
        }
    }
    match args.output {
        Format::Json => print_json(&kept_json(&kept)).await?,
        Format::Plain => {
            let style = plain::Style::of_stdout();
            print(style.kept(&kept, Timestamp::now()).as_bytes()).await?;
        }
    }
    nothing_disabled(&kept, &keeper.wanted.filters)?;
    only_one(&kept)
}

/// Fails if RingCentral has disabled a filter that is wanted.
fn nothing_disabled(kept: &Kept, wanted: &[String]) -> Result<(), Failure> {
    let disabled = kept.subscription.disabled_filters.iter();
    let disabled: Vec<String> = disabled
        .filter(|it| wanted.iter().any(|wanted| same(wanted, &it.filter)))
        .map(|it| {
            let filter = name_of(&it.filter).unwrap_or(&it.filter);
            format!("{} ({})", escape(filter), escape(it.why()))
        })
        .collect();
    if disabled.is_empty() {
        return Ok(());
    }
    let nothing = format!("RingCentral sends nothing for {}", disabled.join(", "));
    Err(Failure::new(&codes::CLOUD_DISABLED, nothing))
}

/// Fails if others also deliver to the address.
fn only_one(kept: &Kept) -> Result<(), Failure> {
    if kept.others.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = kept.others.iter().map(|it| short(&it.id)).collect();
    let several = format!(
        "{} more active subscriptions deliver to the same address",
        ids.len()
    );
    let hint = format!(
        "`ringtail subscriptions delete {} --yes`, or the same command with --yes",
        ids.join(" ")
    );
    Err(Failure::new(&codes::CLOUD_SEVERAL, several).hint(hint))
}

/// Says what would be done for an address; `None` stands for the endpoint that would be created.
async fn tell(
    plan: &Plan,
    address: Option<&str>,
    wanted: &[String],
    format: Format,
) -> Result<(), Failure> {
    let word = match plan.step {
        NextCall::Keep(_) => "keep",
        NextCall::Update(_) => "update",
        NextCall::Renew(_) => "renew",
        NextCall::Recreate(_) => "recreate",
        NextCall::Create => "create",
    };
    match (format, plan.step.subscription()) {
        (Format::Json, Some(it)) => print_json(&subscription_json(word, it)).await,
        (Format::Json, None) => {
            print_json(&serde_json::json!({"type": "subscription", "action": word})).await
        }
        (Format::Plain, found) => {
            let which = found.map_or("a subscription".to_owned(), |it| short(&it.id));
            let address = match address {
                Some(address) => escape(&redacted(address)).into_owned(),
                None => "a new endpoint".to_owned(),
            };
            let line = format!("would {word} {which} for {address}: {}\n", names(wanted));
            print(line.as_bytes()).await
        }
    }
}
