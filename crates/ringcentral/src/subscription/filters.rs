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

/// Rows: name, filter, scope, description.
macro_rules! named {
    ($($name:literal: $filter:literal needs $scope:literal, sends $about:literal;)*) => {
        &[$(Named { name: $name, filter: $filter, scope: $scope, about: $about }),*]
    };
}

/// Every short name, in the order of docs/RINGCENTRAL.md 6.
pub const NAMED: &[Named] = named! {
    "sms": "/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS"
        needs "ReadMessages", sends "inbound SMS with text";
    "messages": "/restapi/v1.0/account/~/extension/~/message-store"
        needs "ReadMessages", sends "changes of the message store, counts only";
    "voicemail": "/restapi/v1.0/account/~/extension/~/voicemail"
        needs "ReadMessages", sends "new voicemail";
    "fax": "/restapi/v1.0/account/~/extension/~/fax?direction=Inbound"
        needs "ReadMessages", sends "inbound fax";
    "calls": "/restapi/v1.0/account/~/extension/~/telephony/sessions"
        needs "CallControl", sends "your calls, step by step";
    "account-calls": "/restapi/v1.0/account/~/telephony/sessions"
        needs "CallControl", sends "all calls of the account";
    "missed-calls": "/restapi/v1.0/account/~/extension/~/telephony/sessions?missedCall=true"
        needs "CallControl", sends "your missed calls";
    "presence": "/restapi/v1.0/account/~/extension/~/presence?detailedTelephonyState=true"
        needs "ReadPresence", sends "your presence, with calls";
    "account-presence": "/restapi/v1.0/account/~/presence"
        needs "ReadAccounts", sends "presence of everyone in the account";
    "posts": "/team-messaging/v1/posts"
        needs "TeamMessaging", sends "posts in your chats";
    "chats": "/team-messaging/v1/chats"
        needs "TeamMessaging", sends "chats joined, left, renamed";
    "extension": "/restapi/v1.0/account/~/extension/~"
        needs "ReadAccounts", sends "changes of your extension";
    "directory": "/restapi/v1.0/account/~/directory/entries"
        needs "ReadAccounts", sends "changes of the company directory";
    "hvsms": "/restapi/v1.0/account/~/a2p-sms/messages"
        needs "ReadAccounts", sends "high-volume SMS";
    "opt-outs": "/restapi/v1.0/account/~/a2p-sms/opt-outs"
        needs "ReadAccounts", sends "opt-outs of high-volume SMS";
    "ringsense": "/ai/ringsense/v1/public/accounts/~/domains/pbx/insights"
        needs "RingSense", sends "insights of recorded calls";
    "webinars": "/webinar/configuration/v1/company/sessions"
        needs "ReadWebinars", sends "webinar sessions";
};

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
