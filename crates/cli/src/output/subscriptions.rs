//! Subscriptions, as lines for people and as JSON lines.

use jiff::Timestamp;
use ringtail_errors::Found;
use ringtail_model::subscription::{left, span};
use ringtail_rc_api::Kept;
use ringtail_ringcentral::secret::redacted;
use ringtail_ringcentral::subscription::Subscription;
use ringtail_ringcentral::subscription::filters::{NAMED, name_of};
use ringtail_text::escape;
use serde_json::{Value, json};

use super::plain::{Style, Tone, short};

impl Style {
    /// A row of the list. `mine` says that the address is on the relay.
    pub(crate) fn subscription(&self, it: &Subscription, mine: bool, now: Timestamp) -> String {
        let star = if mine { "★" } else { " " };
        let tone = if it.is_active(now) {
            Tone::Good
        } else {
            Tone::Bad
        };
        let status = self.paint(tone, &format!("{:<11}", escape(&it.status)));
        let remaining = match it.seconds_left(now) {
            i64::MAX => "no end".to_owned(),
            seconds => left(seconds),
        };
        let mut text = format!(
            "{star} {}  {status}  {remaining:>9}  {}  {}\n",
            short(&it.id),
            escape(&redacted(it.address())),
            names(&it.event_filters),
        );
        for line in self.troubles(it, now) {
            text.push_str(&format!("            {line}\n"));
        }
        text
    }

    /// What is wrong with a subscription, a line each.
    fn troubles(&self, it: &Subscription, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        for filter in &it.disabled_filters {
            let line = format!(
                "disabled: {}: {}",
                escape(&filter.filter),
                escape(filter.why())
            );
            lines.push(self.paint(Tone::Bad, &line));
        }
        if let Some(black) = &it.blacklisted_data {
            let ago = black.blacklisted_at.map_or(String::new(), |at| {
                let seconds = u64::try_from(now.duration_since(at).as_secs()).unwrap_or(0);
                format!(" {} ago", span(seconds))
            });
            let line = format!("blacklisted{ago}: {}", escape(&black.reason));
            lines.push(self.paint(Tone::Bad, &line));
        }
        lines
    }

    /// Everything about a subscription.
    pub(crate) fn whole_subscription(&self, it: &Subscription, now: Timestamp) -> String {
        let mut text = String::new();
        for line in self.troubles(it, now) {
            text.push_str(&format!("{line}\n"));
        }
        if let Some(black) = &it.blacklisted_data
            && let Some(Found::Known(codes)) = ringtail_errors::read(&black.reason)
            && let [code, ..] = codes.as_slice()
        {
            text.push_str(&format!("             {}\n", code.meaning));
            text.push_str(&format!(
                "             More: ringtail explain {}\n",
                code.id
            ));
        }
        let mut row = |name: &str, value: &str| {
            text.push_str(&format!("{name:<11}  {}\n", escape(value)));
        };
        row("id", &it.id);
        row("status", &it.status);
        row("address", &redacted(it.address()));
        row("transport", &it.delivery_mode.transport_type);
        if let Some(created) = it.creation_time {
            row("created", &self.date(created));
        }
        row("expires", &self.expiry(it, now));
        for filter in &it.event_filters {
            match name_of(filter) {
                Some(name) => row("filter", &format!("{filter}  ({name})")),
                None => row("filter", filter),
            }
        }
        text
    }

    fn date(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone())
            .strftime("%Y-%m-%d %H:%M")
            .to_string()
    }

    fn expiry(&self, it: &Subscription, now: Timestamp) -> String {
        match it.expiration_time {
            None => "never".to_owned(),
            Some(end) => {
                format!("{} (in {})", self.date(end), left(it.seconds_left(now)))
            }
        }
    }

    /// What a round did.
    pub(crate) fn kept(&self, kept: &Kept, now: Timestamp) -> String {
        let it = &kept.subscription;
        let mut text = format!(
            "{} {} for {}: {}\nexpires {}\n",
            kept.action.word(),
            short(&it.id),
            escape(&redacted(it.address())),
            names(&it.event_filters),
            self.expiry(it, now),
        );
        if let Some(old) = &kept.replaced {
            text.push_str(&format!(
                "deleted {} before it: {}\n",
                short(&old.id),
                escape(old.why_broken())
            ));
        }
        for line in self.troubles(it, now) {
            text.push_str(&format!("{line}\n"));
        }
        if kept.is_shorter {
            let line = "RingCentral granted less time than was asked for; it will be renewed";
            text.push_str(&format!("{}\n", self.paint(Tone::Warn, line)));
        }
        if !kept.is_owned {
            let id = short(&it.id);
            let line = format!(
                "its verification token is not known here, because it was created elsewhere; \
                 `ringtail subscriptions recreate {id}` sets one"
            );
            text.push_str(&format!("{}\n", self.paint(Tone::Warn, &line)));
        }
        for other in &kept.others {
            let line = format!(
                "{} also delivers there, so events come twice: {}",
                short(&other.id),
                names(&other.event_filters)
            );
            text.push_str(&format!("{}\n", self.paint(Tone::Bad, &line)));
        }
        text
    }
}

/// Filters by their short names, or whole.
pub(crate) fn names(filters: &[String]) -> String {
    let names = filters.iter().map(|it| name_of(it).unwrap_or(it));
    escape(&names.collect::<Vec<_>>().join(" ")).into_owned()
}

/// A subscription as a JSON line, documented in `docs/OUTPUT.md`.
pub(crate) fn subscription_json(action: &str, it: &Subscription) -> Value {
    let disabled = it.disabled_filters.iter();
    json!({
        "type": "subscription",
        "action": action,
        "id": it.id,
        "status": it.status,
        "address": redacted(it.address()),
        "event_filters": it.event_filters,
        "disabled_filters": disabled
            .map(|it| json!({"filter": it.filter, "reason": it.why()}))
            .collect::<Vec<_>>(),
        "created_at": it.creation_time.map(|it| it.to_string()),
        "expires_at": it.expiration_time.map(|it| it.to_string()),
        "blacklisted": it.blacklisted_data.as_ref().map(|it| json!({
            "at": it.blacklisted_at.map(|at| at.to_string()),
            "reason": it.reason,
        })),
    })
}

/// What a round did, as a JSON line.
pub(crate) fn kept_json(kept: &Kept) -> Value {
    let mut object = subscription_json(kept.action.word(), &kept.subscription);
    object["replaced"] = json!(kept.replaced.as_ref().map(|it| &it.id));
    object["others"] = kept.others.iter().map(|it| json!(it.id)).collect();
    object["token_known"] = json!(kept.is_owned);
    object
}

/// The table of filters.
pub(crate) fn filters() -> String {
    let mut text = format!("{:<16}  {:<14}  {}\n", "NAME", "SCOPE", "EVENTS AND FILTER");
    for named in NAMED {
        text.push_str(&format!(
            "{:<16}  {:<14}  {}\n{:34}{}\n",
            named.name, named.scope, named.about, "", named.filter
        ));
    }
    text.push_str(
        "\nThe app needs the scope SubscriptionWebhook (\"Webhook Subscriptions\") and those above. Any other filter is given\n\
         as its path. `~` is your own account or extension.\n",
    );
    text
}

/// A filter as a JSON line.
pub(crate) fn filters_json() -> Vec<Value> {
    NAMED
        .iter()
        .map(|it| {
            json!({"type": "filter", "name": it.name, "filter": it.filter, "scope": it.scope, "about": it.about})
        })
        .collect()
}
