//! What a question without any code or message is about.

use crate::{Code, codes};

/// Beginnings of words that must all be in the question, and the codes that answer it; the more exact come first. `|` separates
/// beginnings of which one suffices. One of three letters or fewer is a whole word: `no` is not the beginning of `notification`.
static TOPICS: &[(&str, &[&Code])] = &[
    (
        "see|list|show|find|delete|remove|unsubscribe subscription",
        &[&codes::SUB_505],
    ),
    (
        "change|update|edit|modify address|url|urls",
        &[&codes::SUB_505],
    ),
    ("twice|duplicate|doubl|repeat", &[&codes::DUPLICATE]),
    ("out|wrong order|sequence", &[&codes::DUPLICATE]),
    ("blacklist|blocklist", &[&codes::BLACKLISTED]),
    (
        "subscription|webhook|status suspend|blocked|disabled|inactive",
        &[&codes::BLACKLISTED],
    ),
    (
        "stop|no|not|nothing|longer|don|dont|never receiv|deliver|arriv|notif|firing|fires|trigger",
        &[&codes::BLACKLISTED, &codes::SUB_507],
    ),
    ("stop work", &[&codes::BLACKLISTED, &codes::SUB_507]),
    ("redirect url|urls|uri|uris", &[&codes::OAU_109]),
    ("validation|verification token|header", &[&codes::TOKENS]),
    (
        "signature|hmac|signed|signing|authentic|genuine|really|spoof",
        &[&codes::TOKENS],
    ),
    (
        "cert|ssl|sslv|tls|tlsv|https|x509|chain|intermediate",
        &[&codes::SUB_524],
    ),
    ("token|session|login expir", &[&codes::OAU_128]),
    ("expir|renew|lifetime", &[&codes::SUB_507]),
    ("last subscription|webhook", &[&codes::SUB_507]),
    ("1024|large|big|size", &[&codes::SIZE, &codes::SUB_525]),
    ("429|throttl", &[&codes::CMN_301]),
    ("rate limit|exceed", &[&codes::CMN_301]),
    ("many request", &[&codes::CMN_301]),
    (
        "retr|redeliver|resend|resent|offline",
        &[&codes::BLACKLISTED, &codes::DUPLICATE],
    ),
    (
        "subscription|webhook limit|many|maximum|max",
        &[&codes::SUB_505],
    ),
    (
        "timeout|timed|slow|late|seconds|milliseconds|cold|sleep",
        &[&codes::LATE, &codes::SUB_521],
    ),
    ("3000 ms|limit", &[&codes::LATE, &codes::SUB_521]),
    ("time out", &[&codes::LATE, &codes::SUB_521]),
    (
        "reach|unreachable|firewall|ngrok|tunnel|localhost|connect|econnrefused|enotfound|dns|ip|ips",
        &[&codes::SUB_521],
    ),
    ("jwt", &[&codes::OAU_251]),
    ("client id|secret|credential", &[&codes::OAU_146]),
    ("sandbox", &[&codes::OAU_165]),
    ("400", &[&codes::CMN_101, &codes::SUB_522]),
    (
        "parse|parser|json|body",
        &[&codes::SUB_522, &codes::CMN_103],
    ),
    ("bot|bots install|subscri|creat|added", &[&codes::SUB_406]),
    ("403|permission|scope|forbidden", &[&codes::CMN_401]),
    ("401|unauthorized", &[&codes::CMN_405]),
    ("404 subscription", &[&codes::CMN_102]),
    (
        "404|405|500|502|503|204|201|301|302",
        &[&codes::SUB_522, &codes::STATUS],
    ),
    ("event filter", &[&codes::SUB_508]),
    ("address|url|urls invalid|valid|wrong", &[&codes::CMN_101]),
    ("method allow|support", &[&codes::SUB_522, &codes::STATUS]),
];

/// Returns the codes that answer the question; none if it is about nothing known.
pub(super) fn find(words: &str) -> &'static [&'static Code] {
    let is_in = |beginning: &str| {
        let mut words = words.split_ascii_whitespace();
        let is_whole =
            beginning.len() <= 3 && beginning.bytes().all(|byte| byte.is_ascii_alphabetic());
        words.any(|word| match is_whole {
            true => word == beginning,
            false => word.starts_with(beginning),
        })
    };
    TOPICS
        .iter()
        .find(|(wanted, _)| wanted.split(' ').all(|one| one.split('|').any(is_in)))
        .map_or(&[], |(_, codes)| codes)
}
