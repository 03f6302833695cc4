//! The facts about a request that rows are recognised by, gathered in one pass.

use std::fmt;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, Method};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::request::RequestView;
use crate::body;
use crate::headers::VERIFICATION_TOKEN;
use crate::json;
use crate::validation::VALIDATION_TOKEN;

/// Product name in the User-Agent of platform webhooks (section 2.2); the version behind it changes.
const WEBHOOK_AGENT: &[u8] = b"ringcentral-webhook";

/// What is known of a request.
#[derive(Debug)]
pub(crate) struct Clues<'r> {
    request: &'r RequestView<'r>,
    body: Fields,
    query: Fields,
}

impl<'r> Clues<'r> {
    pub(crate) fn gather(request: &'r RequestView<'r>) -> Self {
        Self {
            request,
            body: Fields::of_body(request),
            query: Fields::of_form(request.query.unwrap_or_default().as_bytes()),
        }
    }

    pub(crate) fn is_post(&self) -> bool {
        self.request.method == Method::POST
    }

    pub(crate) fn is_get(&self) -> bool {
        self.request.method == Method::GET
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.request.body.is_empty()
    }

    pub(crate) fn has_validation_token(&self) -> bool {
        self.request.headers.contains_key(VALIDATION_TOKEN)
    }

    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        self.request.headers.contains_key(name)
    }

    /// Returns true if the body has the field, as JSON or as a form.
    pub(crate) fn body(&self, field: Field) -> bool {
        self.body.has(field)
    }

    /// Returns true if the query has the field.
    pub(crate) fn query(&self, field: Field) -> bool {
        self.query.has(field)
    }

    /// Returns true if body or query has the field, for callers who let an administrator choose.
    pub(crate) fn anywhere(&self, field: Field) -> bool {
        self.body(field) || self.query(field)
    }

    /// Returns true if only a platform subscription sends such a request: the envelope of section 2.3, or as much of
    /// it as RingCentral's samples have, or a validation's header.
    pub(crate) fn is_delivery(&self) -> bool {
        self.body.has_envelope() || self.has_validation_token()
    }

    /// Returns true if the request says that a platform subscription sends it, whatever its body is.
    pub(crate) fn is_marked(&self) -> bool {
        let agent = self.request.headers.get(USER_AGENT);
        self.is_delivery()
            || self.has(&VERIFICATION_TOKEN)
            || agent.is_some_and(|agent| {
                let product = agent
                    .as_bytes()
                    .trim_ascii_start()
                    .get(..WEBHOOK_AGENT.len());
                product.is_some_and(|product| product.eq_ignore_ascii_case(WEBHOOK_AGENT))
            })
    }
}

/// Makes the enum of fields, and their names as RingCentral writes them.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident = $name:literal;)*) => {
        /// A field that tells callbacks apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Field {
            $($(#[$doc])* $field,)*
            /// `event` with a path of RingCentral's API; has no name of its own.
            EventFilter,
        }

        /// Every field's name, in the order of [`Field`], whose last has none.
        const NAMES: &[&str] = &[$($name),*];
    };
}

fields! {
    Uuid = "uuid";
    /// `event` with a path as its value, which event filters are.
    EventPath = "event";
    SubscriptionId = "subscriptionId";
    PushWrapper = "pn_apns";
    /// `type` with the value `button_submit`.
    ButtonSubmit = "type";
    Action = "action";
    DomainId = "domain_id";
    Events = "events";
    AgentId = "agent_id";
    CallId = "call_id";
    CamelAgentId = "agentId";
    AccountId = "account_id";
    SubAccountId = "subAccountId";
    EventType = "event_type";
    EventId = "eventId";
    JobId = "jobId";
    Api = "api";
    Response = "response";
    AccessToken = "access_token";
    CreatorExtensionId = "creator_extension_id";
    CreatorAccountId = "creator_account_id";
    HubChallenge = "hub.challenge";
    Code = "code";
    Error = "error";
    State = "state";
    /// `webhook` with an https address as its value.
    WebhookAddress = "webhook";
    Signature = "signature";
}

/// What event filters begin with (section 6).
const FILTERS: [&str; 4] = [
    "/restapi/",
    "/team-messaging/",
    "/webinar/",
    "/ai/ringsense/",
];

/// The set of fields that were found.
#[derive(Debug, Clone, Copy, Default)]
struct Fields(u32);

impl Fields {
    fn of_body(request: &RequestView<'_>) -> Self {
        let body = body::utf8(request.body);
        if json::starts_object(&body) {
            Self::of_json(&body)
        } else if is_form(request) {
            Self::of_form(request.body)
        } else {
            Self::default()
        }
    }

    fn of_json(body: &[u8]) -> Self {
        let mut fields = Self::default();
        fields.add_object(body, true);
        fields
    }

    fn of_form(form: &[u8]) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            let Some(index) = NAMES.iter().position(|known| *known == name) else {
                continue;
            };
            fields.add_value(index, &value);
        }
        fields
    }

    /// Adds what an object has. A body that breaks off counts for what came before the break: the sender is to
    /// be answered by what it meant, and the bytes are kept as they are.
    fn add_object(&mut self, body: &[u8], outermost: bool) {
        let visitor = FieldsVisitor {
            fields: self,
            outermost,
        };
        drop(serde_json::Deserializer::from_slice(body).deserialize_map(visitor));
    }

    fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    fn add_value(&mut self, index: usize, value: &str) {
        if holds(index, value) {
            self.add(index);
        }
        let is_filter = FILTERS.iter().any(|filter| value.starts_with(filter));
        if index == Field::EventPath as usize && is_filter {
            self.add(Field::EventFilter as usize);
        }
    }

    fn has(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    /// The DND sample has no `subscriptionId`, others no `ownerId`, legacy calls no `body`: any two of the three
    /// telling fields will do, or an event filter that can only be RingCentral's.
    fn has_envelope(self) -> bool {
        let telling = [Field::Uuid, Field::EventPath, Field::SubscriptionId];
        self.has(Field::EventFilter)
            || telling.into_iter().filter(|field| self.has(*field)).count() >= 2
    }
}

struct FieldsVisitor<'f> {
    fields: &'f mut Fields,
    outermost: bool,
}

impl<'de> Visitor<'de> for FieldsVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Once the envelope is known nothing further can change the answer, so the transcript of an hour's
        // call that follows it is not read. Rows before the platform's ask for the absence of an envelope.
        while !self.fields.has_envelope() {
            let Some(index) = map.next_key_seed(json::KeyIndex(NAMES))? else {
                return Ok(());
            };
            match index {
                Some(index) if index == Field::PushWrapper as usize => {
                    let raw: &RawValue = map.next_value()?;
                    if self.outermost && json::starts_object(raw.get().as_bytes()) {
                        self.fields.add_object(raw.get().as_bytes(), false);
                    }
                }
                Some(index) if value_matters(index) => {
                    let raw: &RawValue = map.next_value()?;
                    if let Some(value) = json::scalar(raw.get()) {
                        self.fields.add_value(index, &value);
                    }
                }
                known => {
                    map.next_value::<IgnoredAny>()?;
                    if let Some(index) = known {
                        self.fields.add(index);
                    }
                }
            }
        }
        Ok(())
    }
}

fn value_matters(index: usize) -> bool {
    [Field::EventPath, Field::ButtonSubmit, Field::WebhookAddress]
        .iter()
        .any(|field| *field as usize == index)
}

/// Returns true if the value makes the field one that distinguishes callbacks.
fn holds(index: usize, value: &str) -> bool {
    match index {
        _ if index == Field::EventPath as usize => value.starts_with('/'),
        _ if index == Field::ButtonSubmit as usize => value == "button_submit",
        _ if index == Field::WebhookAddress as usize => value.starts_with("https://"),
        _ => true,
    }
}

fn is_form(request: &RequestView<'_>) -> bool {
    request.headers.get(CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        essence
            .unwrap_or_default()
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    })
}
