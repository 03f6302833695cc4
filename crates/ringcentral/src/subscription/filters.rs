//! Event filters (docs/RINGCENTRAL.md 6): short names, and comparison.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// A filter with a short name.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// Short name.
    pub name: &'static str,
    /// Filter.
    pub filter: &'static str,
    /// Scope that the app needs besides `SubscriptionWebhook`.
    pub scope: &'static str,
    /// What it sends.
    pub about: &'static str,
}

/// Every short name, in the order of docs/RINGCENTRAL.md 6.
pub const NAMED: &[Named] = &[
    named(
        "sms",
        "/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS",
        "ReadMessages",
        "inbound SMS with text",
    ),
    named(
        "messages",
        "/restapi/v1.0/account/~/extension/~/message-store",
        "ReadMessages",
        "changes of the message store, counts only",
    ),
    named(
        "voicemail",
        "/restapi/v1.0/account/~/extension/~/voicemail",
        "ReadMessages",
        "new voicemail",
    ),
    named(
        "fax",
        "/restapi/v1.0/account/~/extension/~/fax?direction=Inbound",
        "ReadMessages",
        "inbound fax",
    ),
    named(
        "calls",
        "/restapi/v1.0/account/~/extension/~/telephony/sessions",
        "CallControl",
        "your calls, step by step",
    ),
    named(
        "account-calls",
        "/restapi/v1.0/account/~/telephony/sessions",
        "CallControl",
        "all calls of the account",
    ),
    named(
        "missed-calls",
        "/restapi/v1.0/account/~/extension/~/telephony/sessions?missedCall=true",
        "CallControl",
        "your missed calls",
    ),
    named(
        "presence",
        "/restapi/v1.0/account/~/extension/~/presence?detailedTelephonyState=true",
        "ReadPresence",
        "your presence, with calls",
    ),
    named(
        "account-presence",
        "/restapi/v1.0/account/~/presence",
        "ReadAccounts",
        "presence of everyone in the account",
    ),
    named(
        "posts",
        "/team-messaging/v1/posts",
        "TeamMessaging",
        "posts in your chats",
    ),
    named(
        "chats",
        "/team-messaging/v1/chats",
        "TeamMessaging",
        "chats joined, left, renamed",
    ),
    named(
        "extension",
        "/restapi/v1.0/account/~/extension/~",
        "ReadAccounts",
        "changes of your extension",
    ),
    named(
        "directory",
        "/restapi/v1.0/account/~/directory/entries",
        "ReadAccounts",
        "changes of the company directory",
    ),
    named(
        "hvsms",
        "/restapi/v1.0/account/~/a2p-sms/messages",
        "ReadAccounts",
        "high-volume SMS",
    ),
    named(
        "opt-outs",
        "/restapi/v1.0/account/~/a2p-sms/opt-outs",
        "ReadAccounts",
        "opt-outs of high-volume SMS",
    ),
    named(
        "ringsense",
        "/ai/ringsense/v1/public/accounts/~/domains/pbx/insights",
        "RingSense",
        "insights of recorded calls",
    ),
    named(
        "webinars",
        "/webinar/configuration/v1/company/sessions",
        "ReadWebinars",
        "webinar sessions",
    ),
];

const fn named(
    name: &'static str,
    filter: &'static str,
    scope: &'static str,
    about: &'static str,
) -> Named {
    Named {
        name,
        filter,
        scope,
        about,
    }
}

/// Returns the filter of a short name; a text that begins with `/` is a filter itself.
#[must_use]
pub fn find(text: &str) -> Option<Cow<'static, str>> {
    if text.starts_with('/') {
        return Some(Cow::Owned(text.to_owned()));
    }
    let found = NAMED.iter().find(|it| it.name == text);
    found.map(|it| Cow::Borrowed(it.filter))
}

/// Returns the short name of a filter, if it has one.
#[must_use]
pub fn name_of(filter: &str) -> Option<&'static str> {
    let found = NAMED.iter().find(|it| same(it.filter, filter));
    found.map(|it| it.name)
}

/// Returns whether two filters ask for the same events: `~` matches any id, and the query is a set.
///
/// RingCentral returns ids in place of `~`: a program that compares text deletes its working subscription at each start.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    let (one, other) = (parts(one), parts(other));
    one.1 == other.1
        && one.0.len() == other.0.len()
        && one
            .0
            .iter()
            .zip(&other.0)
            .all(|(one, other)| one == other || is_wildcard(one, other) || is_wildcard(other, one))
}

/// An id in place of `~` is a number; another word of a path is not one.
fn is_wildcard(tilde: &str, id: &str) -> bool {
    tilde == "~" && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn parts(filter: &str) -> (Vec<&str>, BTreeSet<&str>) {
    let (path, query) = filter.split_once('?').unwrap_or((filter, ""));
    let query = query.split('&').filter(|pair| !pair.is_empty());
    (path.split('/').collect(), query.collect())
}

/// Returns whether two lists hold the same filters, in any order.
#[must_use]
pub fn same_set<A: AsRef<str>, B: AsRef<str>>(one: &[A], other: &[B]) -> bool {
    let covers = |one: &str, all: &[B]| all.iter().any(|it| same(one, it.as_ref()));
    let covered = |other: &str| one.iter().any(|it| same(it.as_ref(), other));
    one.iter().all(|it| covers(it.as_ref(), other)) && other.iter().all(|it| covered(it.as_ref()))
}
