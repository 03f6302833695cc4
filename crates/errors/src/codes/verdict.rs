//! Verdicts: what RingCentral would have made of an app's answer.

use super::{Origin, codes};

codes! {
    VERDICT_OK = "RT-500", Origin::Verdict { word: "ok", reason: "ok" }; {
        meaning: "RingCentral would have accepted the app's answer.",
        causes: &[
            "With a note: right by the newer reading of RingCentral's rules, and close to a limit of an older one.",
        ],
        next: &["Nothing; with a note about time, answer first and work afterwards."],
        sections: &["1.3", "2.5"],
    }
    LATE = "RT-501", Origin::Verdict { word: "late", reason: "I/O operation is failed. Details: [Read timed out]" }; {
        meaning: "The app answered after 3000 ms. RingCentral would no longer have listened, and counts a failure; after 10 minutes of failures it blacklists the subscription.",
        causes: &[
            "The handler works before it answers: a database, another service, a model.",
            "The app starts up with the first request.",
            "A debugger holds the app at a breakpoint.",
            "The handler never ends the response (RingCentral's own JavaScript quick start does not).",
        ],
        next: &[
            "Answer 200 with an empty body first, then do the work in a queue or task.",
            "ringtail events show EVENT    shows how long each attempt took",
            "ringtail replay EVENT    after the change",
        ],
        sections: &["1.3", "2.5", "2.6"],
    }
    STATUS = "RT-502", Origin::Verdict { word: "status", reason: "Webhook responses with code: […], reason: […]" }; {
        meaning: "The app answered with another status than 200. RingCentral counts a failure; after 10 minutes of failures it blacklists the subscription.",
        causes: &[
            "404 or 405: the target's path is not the one the app listens at, or takes no POST.",
            "400: the app does not understand this kind of event, or its body.",
            "401 or 403: the app's own check of Verification-Token or a login refused it.",
            "500: the handler failed; the app's log says where.",
            "201, 202 or 204: no other 2xx than 200 is documented to be enough.",
        ],
        next: &[
            "ringtail events show EVENT    shows the request and the app's answer",
            "Answer 200 to events you do not want, too; filter after that.",
            "ringtail replay EVENT    after the change",
        ],
        sections: &["1.3", "2.5", "2.6"],
    }
    SIZE = "RT-503", Origin::Verdict { word: "size", reason: "Webhook response exceeds max size. Read bytes count: […]" }; {
        meaning: "The app's answer is over 1024 bytes, headers and body together. The limit holds for notifications too, and going over it counts as a failure.",
        causes: &[
            "The answer holds a page, a JSON object or the event itself: no body is needed.",
            "The framework adds headers: HSTS, CSP, cookies, a request id, its name.",
        ],
        next: &[
            "Answer 200 with an empty body.",
            "Turn the framework's security headers and cookies off for the webhook's path.",
            "ringtail events show EVENT    shows headers and body of the answer",
        ],
        sections: &["1.3", "2.5", "2.6"],
    }
    NO_ANSWER = "RT-504", Origin::Verdict { word: "no-answer", reason: "I/O operation is failed. Details: […]" }; {
        meaning: "The app gave no answer that could be read. RingCentral counts a failure; after 10 minutes of failures it blacklists the subscription.",
        causes: &[
            "refused: the app does not run, or listens on another port or address.",
            "reset: the app hung up before its answer was whole: it crashed, restarted, or never answers (RingCentral's own Python quick start does not).",
            "timed-out: the app took longer than --timeout.",
            "tls: the target is https and its certificate is not trusted, or it speaks plain HTTP.",
            "not-http: something else than a web server listens there.",
            "unreachable: the target's name or address leads nowhere.",
        ],
        next: &[
            "curl -i -X POST TARGET    with the target that `ringtail listen` was given",
            "ringtail listen https://localhost:3000 --insecure    for a certificate of your own",
            "ringtail replay EVENT    once the app answers",
        ],
        sections: &["2.5", "2.6"],
    }
    TOKEN = "RT-505", Origin::Verdict { word: "token", reason: "Validation Token is not returned: …" }; {
        meaning: "The app answered a validation with 200 but not with the Validation-Token of the request. RingCentral would refuse to create the subscription (SUB-520). The relay answers validations by itself: this is what the app would do without it.",
        causes: &[
            "The handler answers every request alike and does not look at Validation-Token.",
            "Something before the handler answers, because a validation request has no body: a JSON parser, a check of signatures.",
            "The answer has the header with another value: Verification-Token, a token made anew, or one of an earlier validation.",
        ],
        next: &[
            "When a request has a Validation-Token header, answer 200 with the same header and value, and an empty body.",
            "ringtail events show EVENT --reveal    shows the header of the request and of each answer",
            "ringtail replay EVENT    after the change",
        ],
        sections: &["1.3", "1.5"],
    }
    UNJUDGED = "RT-506", Origin::Verdict { word: "unjudged", reason: "unjudged" }; {
        meaning: "RingCentral is not known to send such a request: a browser came back from a login or shows an add-in's page, or somebody unknown asked. Nothing of RingCentral's hangs on the answer, so there is no verdict on it.",
        causes: &[
            "A browser, a script or a scanner asked for the endpoint's URL.",
            "A webhook of RingCentral's that this version does not know.",
        ],
        next: &[
            "ringtail events show EVENT    shows the request and the app's answer",
            "ringtail explain no-answer    when the app gave none",
        ],
        sections: &["7"],
    }
}
