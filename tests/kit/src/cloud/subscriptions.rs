//! Subscriptions and their calls (docs/RINGCENTRAL.md 4).

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answers::Refusal;
use super::{ACCOUNT, EXTENSION, State};
use crate::app::Seen;

/// Lifetime in seconds unless asked otherwise.
const DEFAULT_SECONDS: u64 = 604_800;

const BASE: &str = "https://platform.ringcentral.com/restapi/v1.0/subscription";

/// A subscription as RingCentral keeps it.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Filters as they were given.
    pub filters: Vec<String>,
    /// How it delivers; only other programs have others than `WebHook`.
    pub transport: &'static str,
    /// Address.
    pub address: String,
    /// Verification token, which no answer shows.
    pub token: Option<String>,
    /// Lifetime in seconds.
    pub seconds: u64,
    /// Creation.
    pub created: Timestamp,
    /// Expiry.
    pub expires: Timestamp,
    /// When it was blacklisted, and why.
    pub blacklisted: Option<(Timestamp, String)>,
}

impl Subscription {
    fn json(&self, now: Timestamp, disabled: &[(&'static str, &'static str)]) -> Value {
        let filters: Vec<String> = self.filters.iter().map(|it| expanded(it)).collect();
        let reason = |filter: &str| disabled.iter().find(|(part, _)| filter.contains(part));
        let dead = filters.iter().filter_map(|filter| {
            let (_, reason) = reason(filter)?;
            Some(json!({"filter": filter, "reason": reason, "message": reason}))
        });
        let mut object = json!({
            "uri": format!("{BASE}/{}", self.id),
            "id": self.id,
            "creationTime": self.created.to_string(),
            "status": if self.blacklisted.is_some() { "Blacklisted" } else { "Active" },
            "eventFilters": filters,
            "expirationTime": self.expires.to_string(),
            "expiresIn": self.expires.duration_since(now).as_secs().max(0),
            "deliveryMode": {
                "transportType": self.transport,
                "encryption": false,
                "address": self.address,
            },
        });
        let dead: Vec<Value> = dead.collect();
        if !dead.is_empty() {
            object["disabledFilters"] = dead.into();
        }
        if let Some((at, reason)) = &self.blacklisted {
            object["blacklistedData"] = json!({"blacklistedAt": at.to_string(), "reason": reason});
        }
        object
    }
}

/// Returns a filter with ids in place of `~`, which RingCentral does.
fn expanded(filter: &str) -> String {
    filter
        .replace("/account/~", &format!("/account/{ACCOUNT}"))
        .replace("/accounts/~", &format!("/accounts/{ACCOUNT}"))
        .replace("/extension/~", &format!("/extension/{EXTENSION}"))
        .replace("/extensions/~", &format!("/extensions/{EXTENSION}"))
}

/// Returns the scope that a filter needs.
fn scope_of(filter: &str) -> Option<&'static str> {
    let path = filter.split('?').next().unwrap();
    let has = |parts: &[&str]| parts.iter().any(|part| path.contains(part));
    if !["/restapi/", "/team-messaging/", "/ai/", "/webinar/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
    {
        return None;
    }
    Some(if is_reminder(filter) {
        "SubscriptionWebhook"
    } else if has(&["/message-store", "/voicemail", "/fax"]) {
        "ReadMessages"
    } else if has(&["/telephony/sessions", "-calls"]) {
        "CallControl"
    } else if has(&["/presence"]) && has(&["/extension/", "/call-queues/"]) && !has(&["/dnd"]) {
        "ReadPresence"
    } else if has(&["/team-messaging/", "/glip/"]) {
        "TeamMessaging"
    } else if has(&["/ringsense/"]) {
        "RingSense"
    } else if has(&["/webinar/"]) {
        "ReadWebinars"
    } else {
        "ReadAccounts"
    })
}

fn is_reminder(filter: &str) -> bool {
    filter.starts_with("/restapi/v1.0/subscription/")
}

/// Creates a subscription, after the address has been validated.
pub(super) async fn create(state: &Mutex<State>, seen: &Seen) -> Result<(u16, Value), Refusal> {
    let body = object(&seen.body)?;
    let (caller, limit, address, token) = {
        let mut state = state.lock().unwrap();
        if state.is_creating {
            return Err(Refusal::new(429, "CMN-304", "Duplicate concurrent request"));
        }
        let delivery = &body["deliveryMode"];
        let transport = delivery["transportType"].as_str().unwrap_or_default();
        if !transport.eq_ignore_ascii_case("webhook") {
            return Err(Refusal::invalid("deliveryMode.transportType"));
        }
        let address = delivery["address"].as_str().unwrap_or_default();
        let is_url = address.parse().is_ok_and(|uri: http::Uri| {
            uri.host().is_some() && matches!(uri.scheme_str(), Some("https" | "http"))
        });
        if !is_url {
            return Err(Refusal::invalid("deliveryMode.address"));
        }
        let token = delivery["verificationToken"].as_str();
        if token.is_some_and(|it| it.is_empty() || !it.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(Refusal::invalid("deliveryMode.verificationToken"));
        }
        state.filters(&body)?;
        state.seconds(&body)?;
        state.expire();
        if state.subscriptions.len() >= state.rules.max_subscriptions {
            return Err(Refusal::new(403, "SUB-505", "Subscriptions limit exceeded"));
        }
        state.is_creating = true;
        (
            state.caller.clone(),
            state.rules.answer_time,
            address.to_owned(),
            token.map(str::to_owned),
        )
    };
    let creating = Creating(state);
    caller.validate(&address, token.as_deref(), limit).await?;
    drop(creating);
    let mut state = state.lock().unwrap();
    let filters = state.filters(&body)?;
    let seconds = state.seconds(&body)?;
    let token = body["deliveryMode"]["verificationToken"].as_str();
    let id = state.add(address, filters, token.map(str::to_owned), seconds);
    state.show(&id)
}

/// Validates the address, and refuses it whatever it answers.
pub(super) async fn refuse_as_late(
    state: &Mutex<State>,
    seen: &Seen,
) -> Result<(u16, Value), Refusal> {
    let body = object(&seen.body)?;
    let address = body["deliveryMode"]["address"].as_str().unwrap_or_default();
    let (caller, limit) = {
        let state = state.lock().unwrap();
        (state.caller.clone(), state.rules.answer_time)
    };
    caller.validate(address, None, limit).await?;
    Err(Refusal::new(400, "SUB-521", "WebHook is not reachable"))
}

/// A create in progress, which ends even if its caller hangs up.
struct Creating<'a>(&'a Mutex<State>);

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap().is_creating = false;
    }
}

/// Reads a body that is a JSON object.
fn object(body: &[u8]) -> Result<Value, Refusal> {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    parsed
        .filter(Value::is_object)
        .ok_or_else(|| Refusal::new(400, "CMN-101", "Request body is invalid"))
}

impl State {
    pub(super) fn add(
        &mut self,
        address: String,
        filters: Vec<String>,
        token: Option<String>,
        seconds: Option<u64>,
    ) -> String {
        let created = self.now();
        let seconds = seconds.unwrap_or(DEFAULT_SECONDS);
        // Ids differ in their beginnings, as random ones do.
        let number = self.fresh();
        let id = format!(
            "{:08x}-5de1-4000-8000-{number:012}",
            (number * 0x9e37_79b1) & 0xffff_ffff
        );
        self.subscriptions.push(Subscription {
            id: id.clone(),
            filters,
            transport: "WebHook",
            address,
            token,
            seconds,
            created,
            expires: created + SignedDuration::from_secs(seconds.cast_signed()),
            blacklisted: None,
        });
        id
    }

    /// Removes what has expired.
    pub(super) fn expire(&mut self) {
        let now = self.now();
        self.subscriptions.retain(|it| now < it.expires);
    }

    pub(super) fn find(&mut self, id: &str) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|it| it.id == id)
    }

    pub(super) fn list(&mut self) -> (u16, Value) {
        self.expire();
        let now = self.now();
        let records = self.subscriptions.iter();
        let records: Vec<Value> = records
            .map(|it| it.json(now, &self.rules.disabled))
            .collect();
        (200, json!({"uri": BASE, "records": records}))
    }

    pub(super) fn show(&mut self, id: &str) -> Result<(u16, Value), Refusal> {
        self.expire();
        let now = self.now();
        let disabled = self.rules.disabled.clone();
        let found = self.find(id);
        let found = found.ok_or_else(|| Refusal::not_found("subscriptionId"))?;
        Ok((200, found.json(now, &disabled)))
    }

    /// Updates filters and lifetime, or renews if the body is empty. Everything else in the body is ignored.
    pub(super) fn update(&mut self, id: &str, body: &[u8]) -> Result<(u16, Value), Refusal> {
        self.show(id)?;
        let (filters, seconds) = match body {
            b"" => (None, None),
            body => {
                let body = object(body)?;
                (Some(self.filters(&body)?), self.seconds(&body)?)
            }
        };
        let now = self.now();
        let resets = body.is_empty() && self.rules.renewal_sets_default;
        let revives = self.rules.renewal_revives;
        let found = self.find(id).unwrap();
        found.filters = filters.unwrap_or_else(|| found.filters.clone());
        let kept = if resets {
            DEFAULT_SECONDS
        } else {
            found.seconds
        };
        found.seconds = seconds.unwrap_or(kept);
        found.expires = now + SignedDuration::from_secs(found.seconds.cast_signed());
        found.blacklisted.take_if(|_| revives);
        self.show(id)
    }

    pub(super) fn delete(&mut self, id: &str) -> Result<(u16, Value), Refusal> {
        self.show(id)?;
        self.subscriptions.retain(|it| it.id != id);
        Ok((204, Value::Null))
    }

    /// Reads the filters, and checks them against the app's scopes and the user's permissions.
    fn filters(&self, body: &Value) -> Result<Vec<String>, Refusal> {
        let given = body["eventFilters"].as_array().into_iter().flatten();
        let filters: Option<Vec<String>> = given.map(|it| Some(it.as_str()?.to_owned())).collect();
        let filters = filters.filter(|it| !it.is_empty());
        let filters = filters.ok_or_else(|| Refusal::invalid("eventFilters"))?;
        let needs = |scope: &str| {
            let message = format!(
                "In order to call this API endpoint, application needs to have [{scope}] permission"
            );
            Err(Refusal::new(403, "CMN-401", &message))
        };
        if !self.rules.scopes.contains(&"SubscriptionWebhook") {
            return needs("SubscriptionWebhook");
        }
        for filter in &filters {
            let Some(scope) = scope_of(filter) else {
                let message = format!("Invalid event filters: [{filter}]");
                return Err(Refusal::new(400, "SUB-508", &message));
            };
            if !self.rules.scopes.contains(&scope) {
                return needs(scope);
            }
            if self.rules.lacking.contains(&scope) {
                let message = format!(
                    "In order to call this API endpoint, user needs to have [{scope}] permission for requested resource."
                );
                return Err(Refusal::new(403, "CMN-408", &message));
            }
        }
        if filters.iter().all(|it| is_reminder(it)) {
            let message = "Subscription containing only reminder filter is not allowed";
            return Err(Refusal::new(400, "SUB-515", message));
        }
        Ok(filters)
    }

    /// Reads the lifetime, which is capped.
    fn seconds(&self, body: &Value) -> Result<Option<u64>, Refusal> {
        match &body["expiresIn"] {
            Value::Null => Ok(None),
            given => match given.as_u64() {
                Some(seconds) if seconds > 0 => Ok(Some(seconds.min(self.rules.max_seconds))),
                _ => Err(Refusal::invalid("expiresIn")),
            },
        }
    }
}
