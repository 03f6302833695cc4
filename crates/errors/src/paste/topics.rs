//! What a question without any code or message is about.

use crate::{Code, codes};

/// Beginnings of words that must all be in the question, and the codes that answer it; the more exact come first. `|` separates
/// beginnings of which one suffices.
static TOPICS: &[(&str, &[&Code])] = &[
    ("see|list|show|find subscription", &[&codes::SUB_505]),
    ("twice|duplicate|doubl|repeat", &[&codes::DUPLICATE]),
    ("blacklist|blocklist", &[&codes::BLACKLISTED]),
    (
        "subscription|webhook suspend|blocked|disabled|inactive",
        &[&codes::BLACKLISTED],
    ),
    (
        "stop|no|not|longer|dont|never receiv|deliver|arriv|notif",
        &[&codes::BLACKLISTED, &codes::SUB_507],
    ),
    ("redirect ur", &[&codes::OAU_109]),
    ("validation|verification token|header", &[&codes::TOKENS]),
    ("signature|hmac|signed|authentic", &[&codes::TOKENS]),
    (
        "cert|certificate|ssl|tls|https|x509|chain|intermediate",
        &[&codes::SUB_524],
    ),
    ("token|session|login expir", &[&codes::OAU_128]),
    ("expir|renew|lifetime", &[&codes::SUB_507]),
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
        "timeout|timed|slow|late|3000|seconds|milliseconds|cold|sleep",
        &[&codes::LATE, &codes::SUB_521],
    ),
    ("time out", &[&codes::LATE, &codes::SUB_521]),
    (
        "reach|unreachable|firewall|ngrok|tunnel|localhost|connect|econnrefused|enotfound|dns",
        &[&codes::SUB_521],
    ),
    ("jwt", &[&codes::OAU_251]),
    ("client id|secret|credential", &[&codes::OAU_146]),
    ("400", &[&codes::CMN_101, &codes::SUB_522]),
    (
        "parse|parser|json|body",
        &[&codes::SUB_522, &codes::CMN_103],
    ),
    ("bot install|subscri|creat|added", &[&codes::SUB_406]),
    ("403|permission|scope|forbidden", &[&codes::CMN_401]),
    ("401|unauthorized", &[&codes::CMN_405]),
    ("404 subscription", &[&codes::CMN_102]),
    (
        "404|405|500|502|503|204|201|301|302",
        &[&codes::SUB_522, &codes::STATUS],
    ),
    ("event filter", &[&codes::SUB_508]),
    ("address|url invalid|valid|wrong", &[&codes::CMN_101]),
];

/// Returns the codes that answer the question; none if it is about nothing known.
pub(super) fn find(words: &str) -> &'static [&'static Code] {
    let is_in = |beginning: &str| {
        let mut words = words.split_ascii_whitespace();
        words.any(|word| word.starts_with(beginning))
    };
    TOPICS
        .iter()
        .find(|(wanted, _)| wanted.split(' ').all(|one| one.split('|').any(is_in)))
        .map_or(&[], |(_, codes)| codes)
}
