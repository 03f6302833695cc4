//! Verdicts: what RingCentral would have made of an app's answer.

use super::entry::codes;
use crate::Origin;

codes! {
    VERDICT_OK = "RT-500", Origin::Verdict { word: "ok", reason: "ok" }; {
        meaning: "RingCentral would have accepted the app's answer.",
        causes: &[
            "A note means: accepted by RingCentral's newer rules, and over a limit of the older ones.",
        ],
        next: &["Nothing. With a note about time: answer first, work afterwards."],
        sections: &["1.3", "2.5"],
    }
    LATE = "RT-501", Origin::Verdict { word: "late", reason: "I/O operation is failed. Details: [Read timed out]" }; {
        meaning: "The app answered after 3000 ms. RingCentral stops waiting then and counts a failure; after 10 minutes of failures it blacklists the subscription.",
        causes: &[
            "The handler does its work (database, another service, a model) before it answers.",
            "The app starts on the first request.",
            "A debugger has stopped the app at a breakpoint.",
            "The handler never ends the response (RingCentral's own JavaScript quick start does not).",
        ],
        next: &[
            "Answer 200 with an empty body first, then do the work in a queue or task.",
            "`ringtail events show EVENT` shows how long each attempt took",
            "`ringtail replay EVENT` after the change",
        ],
        sections: &["1.3", "2.5", "2.6"],
    }
    STATUS = "RT-502", Origin::Verdict { word: "status", reason: "Webhook responses with code: […], reason: […]" }; {
        meaning: "The app answered with a status other than 200. RingCentral counts a failure; after 10 minutes of failures it blacklists the subscription.",
        causes: &[
            "404 or 405: the target's path is wrong, or does not accept POST.",
            "400: the app rejects this kind of event, or its body.",
            "401 or 403: the app's check of Verification-Token or of a login refused it.",
            "500: the handler failed; the app's log says where.",
            "201, 202 or 204: only 200 is documented as accepted.",
        ],
        next: &[
            "`ringtail events show EVENT` shows the request and the app's response",
            "Answer 200 to unwanted events too, and filter afterwards.",
            "`ringtail replay EVENT` after the change",
        ],
        sections: &["1.3", "2.5", "2.6"],
    }
    SIZE = "RT-503", Origin::Verdict { word: "size", reason: "Webhook response exceeds max size. Read bytes count: […]" }; {
        meaning: "The app's response is over 1024 bytes, headers and body together. The limit applies to notifications too, and exceeding it counts as a failure.",
        causes: &[
            "The response has a body, such as a page, JSON or the event itself. It needs none.",
            "The framework adds headers: HSTS, CSP, cookies, a request id, its name.",
        ],
        next: &[
            "Answer 200 with an empty body.",
            "Turn off the framework's security headers and cookies for the webhook's path.",
            "`ringtail events show EVENT` shows the response's headers and body",
        ],
        sections: &["1.3", "2.5", "2.6"],
    }
    NO_ANSWER = "RT-504", Origin::Verdict { word: "no-answer", reason: "I/O operation is failed. Details: […]" }; {
        meaning: "The app gave no readable response. RingCentral counts a failure; after 10 minutes of failures it blacklists the subscription.",
        causes: &[
            "refused: the app is not running, or listens on another port or address.",
            "reset: the app closed the connection early: it crashed, restarted, or ends without an answer (RingCentral's own Python quick start does).",
            "timed-out: the app took longer than --timeout, or never answers: RingCentral's own JavaScript quick start (webhook-server.js) reads notifications and does not answer them.",
            "tls: the target is https and its certificate is not trusted, or it speaks plain HTTP.",
            "not-http: what listens there is not a web server, or a header field of its response is malformed.",
            "unreachable: the target's name or address is not reachable.",
        ],
        next: &[
            "`curl -i -X POST TARGET`, with the target of `ringtail listen`",
            "`ringtail listen https://localhost:3000 --insecure` accepts your own certificate",
            "`ringtail replay EVENT` once the app answers",
        ],
        sections: &["2.5", "2.6"],
    }
    TOKEN = "RT-505", Origin::Verdict { word: "token", reason: "Validation Token is not returned: …" }; {
        meaning: "The app answered a validation request with 200, but without its Validation-Token. RingCentral would refuse to create the subscription (SUB-520). The relay answers validation requests itself, so this matters once the app runs without it.",
        causes: &[
            "The handler ignores Validation-Token.",
            "A JSON parser or a signature check answers before the handler, because a validation request has no body.",
            "The header has another value: Verification-Token, a new token, or the one of an earlier validation.",
        ],
        next: &[
            "When a request has a Validation-Token header, answer 200 with the same header and value, and an empty body.",
            "`ringtail events show EVENT --reveal` shows the header of the request and of each response",
            "`ringtail replay EVENT` after the change",
        ],
        sections: &["1.3", "1.5"],
    }
    UNJUDGED = "RT-506", Origin::Verdict { word: "unjudged", reason: "unjudged" }; {
        meaning: "RingCentral is not known to send such a request, so the response has no verdict. Browsers, scanners and OAuth redirects send them.",
        causes: &[
            "A browser, a script or a scanner requested the endpoint's URL.",
            "It is a RingCentral webhook that this version does not know.",
            "The app had not answered at the end of a `--timeout` below RingCentral's 3 s.",
        ],
        next: &[
            "`ringtail events show EVENT` shows the request and the app's response",
            "`ringtail explain no-answer`, if the app gave none",
        ],
        sections: &["7"],
    }
}
