//! `SUB-`: a subscription was refused.

use super::{Origin, codes, theirs};

codes! {
    SUB_520 = "SUB-520", theirs(400, "Validation Token is not returned"); {
        meaning: "The address answered the validation request without the Validation-Token header, or with another value.",
        causes: &[
            "The app does not copy the request's Validation-Token header to its answer.",
            "A proxy, gateway or framework removes or rewrites headers it does not know.",
            "The token is sent in the body, or trimmed, quoted or changed in another way.",
            "Another server answers at this address: a login page, a tunnel's warning page, a default site.",
        ],
        next: &[
            "ringtail check URL --verbose",
            "Answer 200 with the header `Validation-Token: <the value received>` and an empty body, whatever the path.",
            "ringtail listen 3000    the relay answers the validation request by itself",
        ],
        sections: &["1.2", "1.3", "4.8"],
    }
    SUB_521 = "SUB-521", theirs(400, "WebHook is not reachable"); {
        meaning: "RingCentral could not talk to the address at all. Older pages give this text also for a token that is not echoed.",
        causes: &[
            "Nothing listens there: the app or the tunnel is not running, or its URL has changed.",
            "The host has no public address, or a firewall keeps strangers out.",
            "The answer took longer than 3000 ms (older pages: 1000 ms), as on a cold start.",
            "The name does not resolve from outside, or only to an address that is out of order.",
            "The Validation-Token header is not echoed (see SUB-520).",
        ],
        next: &[
            "ringtail check URL",
            "Open the address from another network, such as a telephone's.",
            "ringtail explain SUB-520",
        ],
        sections: &["1.3", "1.6", "1.8", "4.8"],
    }
    SUB_522 = "SUB-522", theirs(400, "WebHook responds with incorrect HTTP status"); {
        meaning: "The address answered the validation request with another status than 200. RingCentral's text adds which: HTTP status is 500.",
        causes: &[
            "400: the framework parses JSON, and the validation request has a JSON content type and no body.",
            "401 or 403: authentication or a bot check stands before the webhook's path.",
            "404 or 405: the path is another one, or takes no POST.",
            "201, 202 or 204: no other 2xx than 200 is documented to be enough.",
            "301, 302 or 308: the address leads elsewhere, such as to a trailing slash; register the last one.",
            "500, 502 or 503: the handler failed, or the proxy found no app behind it.",
        ],
        next: &[
            "ringtail check URL --verbose",
            "curl -i -X POST -H 'Content-Type: application/json' -H 'Validation-Token: test' -d '' URL",
            "Answer the validation request before anything parses the body or asks for a login.",
        ],
        sections: &["1.2", "1.3", "4.8"],
    }
    SUB_523 = "SUB-523", Origin::RingCentral { status: None, message: "(unknown)" }; {
        meaning: "No source says what this code means. Its neighbours, SUB-520 to SUB-525, are all about the address not passing the validation.",
        causes: &["Unknown. By its number it is likely to be about the address, or its TLS."],
        next: &[
            "ringtail check URL --verbose",
            "Read the `message` beside the code, and ask RingCentral's support with the answer's RCRequestId header.",
        ],
        sections: &["4.8"],
    }
    SUB_524 = "SUB-524", theirs(400, "HTTPS certificate is not valid"); {
        meaning: "RingCentral does not trust the certificate that the address shows, or cannot lead it to a public authority.",
        causes: &[
            "The server does not send the intermediate certificates. Browsers find them by themselves; RingCentral does not.",
            "The certificate is self-signed, or of an authority of your own.",
            "It has expired, or is not valid yet.",
            "It is for another name than the one in the address.",
            "The chain is sent in the wrong order.",
            "The server offers TLS 1.1 or older only; 1.2 is needed.",
        ],
        next: &[
            "ringtail check URL",
            "openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null",
            "Serve the full chain: certbot's fullchain.pem, and not cert.pem.",
            "ringtail listen 3000    an app on this machine needs no certificate: the relay has one",
        ],
        sections: &["1.6", "4.8"],
    }
    SUB_525 = "SUB-525", theirs(400, "WebHook server response is invalid"); {
        meaning: "The address answered the validation request, and RingCentral could not take the answer.",
        causes: &[
            "Headers and body together are over 1024 bytes: security headers, cookies and proxies add up.",
            "The answer has a body: a page, or the request sent back. It should be empty.",
            "The answer has no `Content-Type: application/json`, which the guide asks for even of an empty body.",
            "The framework failed on a JSON content type with no body (see SUB-522).",
            "The answer is compressed, or breaks off.",
        ],
        next: &[
            "ringtail check URL --verbose",
            "Answer 200 with Validation-Token, `Content-Type: application/json`, `Content-Length: 0`, and nothing else.",
            "Turn HSTS, CSP, Alt-Svc and cookies off for the webhook's path.",
        ],
        sections: &["1.2", "1.3", "1.4", "4.8"],
    }
    SUB_526 = "SUB-526", Origin::RingCentral { status: None, message: "(unknown)" }; {
        meaning: "No source says what this code means. Its neighbours below are about the validation, those above about permission.",
        causes: &[
            "Unknown. Either the address does not pass the validation, or an event filter is not allowed.",
        ],
        next: &[
            "ringtail check URL --verbose",
            "Create the subscription with one event filter at a time.",
            "Read the `message` beside the code, and ask RingCentral's support with the answer's RCRequestId header.",
        ],
        sections: &["4.8"],
    }
    SUB_508 = "SUB-508", theirs(400, "Invalid event filters: …"); {
        meaning: "One of the event filters is not one that RingCentral knows. The message names it.",
        causes: &[
            "A spelling mistake, or a filter of another API version.",
            "A query parameter that this filter does not take.",
            "An account or extension id that is not one; `~` stands for one's own.",
        ],
        next: &[
            "ringtail simulate --list    shows kinds and their event filters",
            "Create the subscription with one event filter at a time.",
        ],
        sections: &["4.8", "6"],
    }
    SUB_515 = "SUB-515", theirs(400, "Subscription containing only reminder filter is not allowed"); {
        meaning: "The renewal reminder is no subscription of its own: it reminds of the events beside it.",
        causes: &[
            "`/restapi/v1.0/subscription/~?threshold=…&interval=…` is the only event filter.",
        ],
        next: &["Add the reminder to the subscription whose end it is to announce."],
        sections: &["4.5", "4.8"],
    }
    SUB_505 = "SUB-505", theirs(403, "Subscriptions limit exceeded"); {
        meaning: "This user has as many subscriptions with this app as there may be: 30 by the newest source, 20 by an older one.",
        causes: &[
            "Forgotten subscriptions of earlier runs: each start made one and none was deleted.",
            "Subscriptions to tunnel addresses that no longer exist.",
        ],
        next: &[
            "GET /restapi/v1.0/subscription    lists them; DELETE /restapi/v1.0/subscription/{id} ends one",
            "Look for one with your address before creating another; use a short expiresIn in development.",
            "ringtail listen 3000    its address stays the same, so that one subscription is enough",
        ],
        sections: &["4.6", "4.8"],
    }
    SUB_507 = "SUB-507", theirs(404, "(the subscription has expired)"); {
        meaning: "There is no such subscription any more.",
        causes: &[
            "It has expired: after 7 days, unless expiresIn said otherwise.",
            "expiresIn was given inside deliveryMode, where it is ignored without a word.",
            "It was deleted, or belongs to another user or app.",
        ],
        next: &[
            "Create it anew; ask for expiresIn (beside deliveryMode) of at most 315360000 seconds.",
            "Add the renewal reminder filter, or renew by a timer: POST /restapi/v1.0/subscription/{id}/renew",
        ],
        sections: &["4.1", "4.4", "4.5", "4.8"],
    }
    SUB_402 = "SUB-402", theirs(403, "(presence is disabled)"); {
        meaning: "Presence of the extension in the event filter is switched off.",
        causes: &["The extension's settings or the account's plan have presence disabled."],
        next: &["Enable presence for the extension, or leave its filter out."],
        sections: &["4.8"],
    }
    SUB_403 = "SUB-403", theirs(403, "(monitoring is refused)"); {
        meaning: "The extension in the event filter does not allow this user to watch its presence.",
        causes: &["The permission to see that extension's presence is not granted."],
        next: &[
            "Have the extension's owner or an administrator grant it, or subscribe as that user.",
        ],
        sections: &["4.8"],
    }
    SUB_404 = "SUB-404", theirs(403, "(call pick-up is refused)"); {
        meaning: "The extension in the event filter does not allow this user to pick up its calls.",
        causes: &["The permission to pick up that extension's calls is not granted."],
        next: &[
            "Have the extension's owner or an administrator grant it, or subscribe as that user.",
        ],
        sections: &["4.8"],
    }
    SUB_405 = "SUB-405", theirs(403, "(other extensions' messages)"); {
        meaning: "The event filter asks for messages of another extension, which this user may not read.",
        causes: &["The filter names an extension id of somebody else instead of `~`."],
        next: &["Use `~`, or subscribe as the user whose messages they are."],
        sections: &["4.8"],
    }
    SUB_406 = "SUB-406", theirs(403, "(events of extensions of another account)"); {
        meaning: "The event filter asks for an extension that is not of this user's account; or the user is a bot that is not ready yet.",
        causes: &[
            "A bot has just been installed: its user takes a while to be ready.",
            "The filter names an extension or account id of another account.",
        ],
        next: &[
            "For a fresh bot: try again every 10 s until it works.",
            "Use `~` for account and extension.",
        ],
        sections: &["3.6", "4.8"],
    }
    SUB_408 = "SUB-408", theirs(403, "(events of an unknown user)"); {
        meaning: "RingCentral does not know the user that the subscription would belong to.",
        causes: &[
            "A bot has just been installed: its user takes a while to be ready.",
            "The user was removed or disabled.",
        ],
        next: &[
            "For a fresh bot: try again every 10 s until it works.",
            "Log in again as a user that exists.",
        ],
        sections: &["3.6", "4.8"],
    }
    SUB_518 = "SUB-518", theirs(403, "(favourites of another extension)"); {
        meaning: "The event filter asks for another extension's favourites, which only their owner may watch.",
        causes: &["The filter names an extension id of somebody else instead of `~`."],
        next: &["Use `~`, or subscribe as that user."],
        sections: &["4.8", "6"],
    }
    SUB_527 = "SUB-527", theirs(403, "(missed calls of another extension)"); {
        meaning: "The event filter asks for another extension's missed calls, which only their owner may watch.",
        causes: &["The filter names an extension id of somebody else instead of `~`."],
        next: &[
            "Use `~`, or `/restapi/v1.0/account/~/telephony/sessions?missedCall=true` with the permission for it.",
        ],
        sections: &["4.8", "6"],
    }
    SUB_528 = "SUB-528", theirs(403, "[SubscriptionAPNS] application permission is required …"); {
        meaning: "The subscription's transport or filter is for mobile push, and the app has no permission for that.",
        causes: &[
            "transportType is APNS, or the filter is one for push alone, where WebHook was meant.",
        ],
        next: &["Set deliveryMode.transportType to WebHook."],
        sections: &["4.1", "4.8"],
    }
    SUB_530 = "SUB-530", theirs(403, "(incoming calls of another extension)"); {
        meaning: "The event filter asks for another extension's incoming calls, which only their owner may watch.",
        causes: &["The filter names an extension id of somebody else instead of `~`."],
        next: &[
            "Use `~`, or `/restapi/v1.0/account/~/telephony/sessions` with the permission for it.",
        ],
        sections: &["4.8", "6"],
    }
    SUB_531 = "SUB-531", theirs(403, "(presence lines of another extension)"); {
        meaning: "The event filter asks for another extension's presence lines, which only their owner may watch.",
        causes: &["The filter names an extension id of somebody else instead of `~`."],
        next: &["Use `~`, or subscribe as that user."],
        sections: &["4.8", "6"],
    }
}
