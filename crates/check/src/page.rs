//! Pages that something between RingCentral and the app puts in the app's place: warnings to visitors, checks for
//! bots, logins.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::exchange::Answer;

/// A page of this sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// What it is.
    pub(super) what: &'static str,
    /// What to do.
    pub(super) fix: &'static str,
    /// Whether a tunnel says that it is down.
    pub(super) is_dead: bool,
}

const BOT_CHECK: &str = "exempt this path from the bot check (a rule that skips it for POST on the path): RingCentral solves no puzzles";

/// Pages known by a header: its name, what its value contains, what it is, what to do.
const BY_HEADER: [(&str, &str, &str, &str); 6] = [
    (
        "cf-mitigated",
        "challenge",
        "Cloudflare's bot check",
        BOT_CHECK,
    ),
    ("x-amzn-waf-action", "", "AWS WAF's bot check", BOT_CHECK),
    ("x-vercel-mitigated", "", "Vercel's bot check", BOT_CHECK),
    (
        "ngrok-error-code",
        "ERR_NGROK_6024",
        "ngrok's warning to visitors",
        "use a plan or a tunnel without that page",
    ),
    (
        "ngrok-error-code",
        "",
        "ngrok's error page: the tunnel or what is behind it is down",
        START_TUNNEL,
    ),
    (
        "www-authenticate",
        "",
        "a demand for a login",
        "exempt this path from the login: RingCentral has no user and password to send",
    ),
];

/// What a tunnel says while it is down, in a header or as its whole body: the header's name, the words, what it is.
/// With another ngrok error the tunnel is up and the app is not, which may be for a night.
const DOWN: [(&str, &str, &str); 2] = [
    (
        "ngrok-error-code",
        "ERR_NGROK_3200",
        "ngrok's error page: the tunnel is down",
    ),
    (
        "",
        "503 - Tunnel Unavailable",
        "localtunnel's error page: the tunnel is down",
    ),
];

const START_TUNNEL: &str =
    "start the tunnel and the app; a relay that is always up answers for a laptop that is shut";

/// Pages known by words in their HTML: the words, what it is, what to do.
const BY_WORDS: [(&str, &str, &str); 10] = [
    (
        "plain HTTP request was sent to HTTPS port",
        "plain HTTP at a port for HTTPS",
        "begin the address with https://",
    ),
    (
        "/cdn-cgi/challenge-platform/",
        "Cloudflare's bot check",
        BOT_CHECK,
    ),
    (
        "Attention Required! | Cloudflare",
        "Cloudflare's block page",
        BOT_CHECK,
    ),
    (
        "ERR_NGROK_6024",
        "ngrok's warning to visitors",
        "use a plan or a tunnel without that page",
    ),
    (
        "bypass-tunnel-reminder",
        "localtunnel's reminder to visitors",
        "use a tunnel without that page",
    ),
    (
        "Tunnel Password",
        "localtunnel's reminder to visitors",
        "use a tunnel without that page",
    ),
    (
        "X-Tunnel-Skip-AntiPhishing-Page",
        "the dev tunnel's warning to visitors",
        "use a tunnel without that page",
    ),
    ("_Incapsula_Resource", "Imperva's bot check", BOT_CHECK),
    ("g-recaptcha", "a puzzle for people (reCAPTCHA)", BOT_CHECK),
    ("hcaptcha.com", "a puzzle for people (hCaptcha)", BOT_CHECK),
];

/// An unknown page without the token.
const UNKNOWN: Page = Page {
    what: "an HTML page",
    fix: "look at it with --verbose or in a browser: it comes from a proxy, a tunnel, a login or the app's start \
          page; send POST on this path to the app itself",
    is_dead: false,
};

/// Recognises a page. `is_echoed` says that the answer has the token, which only the app can give.
pub(super) fn recognise(answer: &Answer, is_echoed: bool) -> Option<Page> {
    if is_echoed {
        return None;
    }
    let text = String::from_utf8_lossy(&answer.body);
    let down = DOWN.into_iter().find(|(name, words, _)| match *name {
        "" => text.trim() == *words,
        name => holds(&answer.headers, name, words),
    });
    if let Some((.., what)) = down {
        return Some(Page {
            what,
            fix: START_TUNNEL,
            is_dead: true,
        });
    }
    let page = |what, fix| Page {
        what,
        fix,
        is_dead: false,
    };
    let by_header = BY_HEADER
        .into_iter()
        .find(|(name, value, ..)| holds(&answer.headers, name, value));
    if let Some((_, _, what, fix)) = by_header {
        return Some(page(what, fix));
    }
    if !is_html(&answer.headers, &text) {
        return None;
    }
    let by_words = BY_WORDS
        .into_iter()
        .find(|(words, ..)| text.contains(words));
    match by_words {
        Some((_, what, fix)) => Some(page(what, fix)),
        // A server's own error page says less than its status does.
        None if answer.status.is_success() && has_markup(&text) => Some(UNKNOWN),
        None => None,
    }
}

fn holds(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .any(|seen| String::from_utf8_lossy(seen.as_bytes()).contains(value))
}

/// Returns whether a text is a page's. Many frameworks call a plain "OK" of the app text/html too.
fn has_markup(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["<html", "<!doctype", "<body"]
        .iter()
        .any(|tag| text.contains(tag))
}

fn is_html(headers: &HeaderMap, text: &str) -> bool {
    let named = headers.get(CONTENT_TYPE).is_some_and(|value| {
        value
            .as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"text/html")
    });
    let beginning: String = text
        .trim_start()
        .chars()
        .take(9)
        .collect::<String>()
        .to_ascii_lowercase();
    !text.trim().is_empty() && named
        || beginning.starts_with("<!doctype")
        || beginning.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    fn answer(status: u16, header: (&'static str, &'static str), body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter([(
                header.0.parse().unwrap(),
                HeaderValue::from_static(header.1),
            )]),
            body: Bytes::from_static(body.as_bytes()),
            bytes: 0,
            is_cut: false,
            took: Duration::ZERO,
            asks_certificate: false,
            version: http::Version::HTTP_11,
        }
    }

    #[test]
    fn pages_are_told_from_answers_of_the_app() {
        let html = ("content-type", "text/html; charset=utf-8");
        let json = ("content-type", "application/json");
        for (answer, what) in [
            (answer(200, html, "<BODY><p>Welcome"), Some("an HTML page")),
            (answer(200, html, "OK"), None),
            (answer(200, json, " <!DOCTYPE html>"), Some("an HTML page")),
            (answer(200, html, ""), None),
            (answer(200, json, "{}"), None),
            (answer(404, html, "<h1>Not Found</h1>"), None),
            (
                answer(
                    400,
                    html,
                    "<center>The plain HTTP request was sent to HTTPS port</center>",
                ),
                Some("plain HTTP at a port for HTTPS"),
            ),
            (
                answer(403, ("cf-mitigated", "challenge"), ""),
                Some("Cloudflare's bot check"),
            ),
            (
                answer(200, ("ngrok-error-code", "ERR_NGROK_6024"), ""),
                Some("ngrok's warning to visitors"),
            ),
            (
                answer(404, ("ngrok-error-code", "ERR_NGROK_3200"), ""),
                Some("ngrok's error page: the tunnel is down"),
            ),
            (
                answer(502, ("ngrok-error-code", "ERR_NGROK_8012"), ""),
                Some("ngrok's error page: the tunnel or what is behind it is down"),
            ),
            (
                answer(
                    503,
                    ("content-type", "text/plain"),
                    "503 - Tunnel Unavailable",
                ),
                Some("localtunnel's error page: the tunnel is down"),
            ),
            (
                answer(401, ("www-authenticate", "Basic"), ""),
                Some("a demand for a login"),
            ),
            (
                answer(503, html, "<script src=/cdn-cgi/challenge-platform/x>"),
                Some("Cloudflare's bot check"),
            ),
        ] {
            let page = recognise(&answer, false);
            assert_eq!(page.map(|page| page.what), what, "{answer:?}");
            let is_dead = what.is_some_and(|what| what.ends_with("the tunnel is down"));
            assert_eq!(page.is_some_and(|page| page.is_dead), is_dead, "{answer:?}");
            assert_eq!(recognise(&answer, true), None);
        }
    }
}
