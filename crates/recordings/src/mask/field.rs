//! Kinds of fields, by name.

use ringtail_ringcentral::secret::sounds_secret;

/// Kind of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A telephone number, or a party named by it.
    Phone,
    /// A name of a person, team or location.
    Name,
    /// A secret.
    Token,
    /// An id, a time, a type, a state.
    Harmless,
    /// Anything else, such as messages.
    Text,
}

/// Names of fields with telephone numbers, without case, `_` and `-`.
const PHONES: [&str; 16] = [
    "ani",
    "agentphone",
    "callbacknumber",
    "callerid",
    "didnumber",
    "dnis",
    "from",
    "fromnumber",
    "nationaldestinationcode",
    "number",
    "phone",
    "phonenumber",
    "subscribernumber",
    "to",
    "tonumber",
    "targetnumber",
];

/// Harmless fields that [`HARMLESS_ENDS`] does not cover.
const HARMLESS: [&str; 65] = [
    "action",
    "activity",
    "availability",
    "batchsize",
    "calldirection",
    "callstate",
    "calltype",
    "channel",
    "contenttype",
    "country",
    "countrycode",
    "currency",
    "deliverymode",
    "direction",
    "domain",
    "dndstatus",
    "encoding",
    "encryption",
    "end",
    "event",
    "eventfilters",
    "eventtype",
    "expirationtime",
    "faxresolution",
    "format",
    "groupids",
    "hints",
    "icontype",
    "kind",
    "language",
    "locale",
    "mailbox",
    "members",
    "mentions",
    "method",
    "mimetype",
    "mode",
    "objectapiname",
    "optstatus",
    "origin",
    "permission",
    "pnttl",
    "presence",
    "priority",
    "protocol",
    "reasoncode",
    "region",
    "resolution",
    "role",
    "schema",
    "scope",
    "sequence",
    "sid",
    "size",
    "source",
    "srvlvl",
    "srvlvlext",
    "start",
    "tokentype",
    "transport",
    "transporttype",
    "uri",
    "url",
    "version",
    "weight",
];

/// Last words of names of fields with ids, times, types and states.
const HARMLESS_ENDS: [&str; 22] = [
    "id",
    "ids",
    "uuid",
    "guid",
    "time",
    "timestamp",
    "date",
    "datetime",
    "at",
    "type",
    "types",
    "status",
    "state",
    "code",
    "count",
    "direction",
    "duration",
    "uri",
    "url",
    "sequence",
    "level",
    "resolution",
];

impl Field {
    /// Returns the kind of a field of JSON, a form or a query.
    pub(super) fn of_key(key: &str) -> Self {
        let flat: String = key
            .chars()
            .filter(|character| character.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        if flat == "tokentype" || flat.ends_with("expiresin") {
            return Self::Harmless;
        }
        if sounds_secret(&flat) {
            return Self::Token;
        }
        if PHONES.contains(&flat.as_str()) || flat.ends_with("phonenumber") {
            return Self::Phone;
        }
        if flat.ends_with("name") || flat == "location" || flat.ends_with("email") {
            return Self::Name;
        }
        let last = last_word(key);
        if HARMLESS.contains(&flat.as_str()) || HARMLESS_ENDS.contains(&last.as_str()) {
            return Self::Harmless;
        }
        Self::Text
    }

    /// Returns the kind of a header field.
    pub(super) fn of_header(name: &str) -> Self {
        if sounds_secret(&name.replace('-', "").to_ascii_lowercase()) {
            Self::Token
        } else {
            Self::Harmless
        }
    }
}

/// Returns the last word of a name in camel case, snake case or kebab case, in lower case.
fn last_word(key: &str) -> String {
    let start = key
        .char_indices()
        .rev()
        .find_map(|(at, character)| match character {
            '_' | '-' | '.' | '$' => Some(at + character.len_utf8()),
            _ if character.is_uppercase() => {
                let before = key[..at].chars().next_back();
                // The last word of `sourceID` is `ID`.
                before
                    .is_none_or(|before| !before.is_uppercase())
                    .then_some(at)
            }
            _ => None,
        })
        .unwrap_or(0);
    key[start..].to_lowercase()
}
