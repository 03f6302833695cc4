//! `SUB-`: a subscription was refused.

use super::entry::{codes, theirs};
use crate::Origin;

codes! {
    SUB_520 = "SUB-520", theirs(400, "Validation Token is not returned"); {
        meaning: "The address answered the validation request without the Validation-Token header, or with another value.",
        causes: &[
            "The app does not copy the request's Validation-Token header to its response.",
            "A proxy, gateway or framework removes or rewrites unknown headers.",
            "The token is sent in the body, or is trimmed, quoted or changed.",
            "Another server answers at this address: a login page, a tunnel's warning page, a default site.",
        ],
        next: &[
            "`ringtail check URL --verbose`",
            "Answer 200 with the header `Validation-Token: <the value received>` and an empty body, whatever the path.",
            "`ringtail listen 3000`: the relay answers the validation request by itself",
        ],
        sections: &["1.2", "1.3", "4.8"],
    }
    SUB_521 = "SUB-521", theirs(400, "WebHook is not reachable"); {
        meaning: "RingCentral could not connect to the address. Older pages give this message also for a token that is not echoed.",
        causes: &[
            "Nothing listens there: the app or the tunnel is not running, or its URL has changed.",
            "The host has no public address, or a firewall blocks callers: RingCentral publishes no list of addresses that webhooks come from.",
            "The response took longer than 3000 ms (older pages: 1000 ms), as on a cold start.",
            "The name does not resolve from outside, or one of its addresses does not work.",
            "The Validation-Token header is not echoed (see SUB-520).",
        ],
        next: &[
            "`ringtail check URL`",
            "Open the address from another network, such as a phone's.",
            "`ringtail explain SUB-520`",
        ],
        sections: &["1.3", "1.6", "1.8", "4.8"],
    }
    SUB_522 = "SUB-522", theirs(400, "WebHook responds with incorrect HTTP status"); {
        meaning: "The address answered the validation request with a status other than 200. RingCentral's message adds which: HTTP status is 500.",
        causes: &[
            "400: the framework parses JSON, and the validation request has a JSON content type and no body.",
            "401 or 403: authentication or a bot check protects the webhook's path.",
            "404 or 405: the path is wrong, or does not accept POST.",
            "201, 202 or 204: only 200 is documented as accepted.",
            "301, 302 or 308: the address redirects, such as to a trailing slash; register the final address.",
            "500, 502 or 503: the handler failed, or the proxy found no app behind it.",
        ],
        next: &[
            "`ringtail check URL --verbose`",
            "`curl -i -X POST -H 'Content-Type: application/json' -H 'Validation-Token: test' -d '' URL`",
            "Answer the validation request before anything parses the body or asks for a login.",
        ],
        sections: &["1.2", "1.3", "4.8"],
    }
    SUB_523 = "SUB-523", Origin::RingCentral { status: None, message: "(unknown)" }; {
        meaning: "No source says what this code means. Its neighbours, SUB-520 to SUB-525, are all about a failed validation.",
        causes: &["Unknown. Its number suggests the address or its TLS."],
        next: &[
            "`ringtail check URL --verbose`",
            "Read the `message` beside the code, and ask RingCentral's support, with the RCRequestId header of the response.",
        ],
        sections: &["4.8"],
    }
    SUB_524 = "SUB-524", theirs(400, "HTTPS certificate is not valid"); {
        meaning: "RingCentral does not trust the certificate, or cannot build a chain to a public authority.",
        causes: &[
            "The server does not send the intermediate certificates. Browsers fetch missing ones; RingCentral does not.",
            "The certificate is self-signed, or from your own authority.",
            "It has expired, or is not valid yet.",
            "It is for another name.",
            "The chain is sent in the wrong order.",
            "The server offers TLS 1.1 or older only; 1.2 is needed.",
        ],
        next: &[
            "`ringtail check URL`",
            "`openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null`",
            "Serve the full chain: certbot's fullchain.pem, not cert.pem.",
            "`ringtail listen 3000`: the relay has a certificate, so the app needs none",
        ],
        sections: &["1.6", "4.8"],
    }
    SUB_525 = "SUB-525", theirs(400, "WebHook server response is invalid"); {
        meaning: "The address answered the validation request, and RingCentral could not use the response.",
        causes: &[
            "Headers and body together are over 1024 bytes: security headers, cookies and proxies add up.",
            "The response has a body: a page, or an echo of the request. It should be empty.",
            "The response has no `Content-Type: application/json`, which the guide requires even for an empty body.",
            "The framework failed on a JSON content type with no body (see SUB-522).",
            "The response is compressed or truncated.",
        ],
        next: &[
            "`ringtail check URL --verbose`",
            "Answer 200 with Validation-Token, `Content-Type: application/json`, `Content-Length: 0`, and nothing else.",
            "Turn HSTS, CSP, Alt-Svc and cookies off for the webhook's path.",
        ],
        sections: &["1.2", "1.3", "1.4", "4.8"],
    }
    SUB_526 = "SUB-526", Origin::RingCentral { status: None, message: "(unknown)" }; {
        meaning: "No source says what this code means. Lower numbers are about validation, higher ones about permissions.",
        causes: &[
            "Unknown. Either the address fails validation, or an event filter is not allowed.",
        ],
        next: &[
            "`ringtail check URL --verbose`",
            "Create the subscription with one event filter at a time.",
            "Read the `message` beside the code, and ask RingCentral's support, with the RCRequestId header of the response.",
        ],
        sections: &["4.8"],
    }
    SUB_508 = "SUB-508", theirs(400, "Invalid event filters: […]"); {
        meaning: "RingCentral does not know one of the event filters. The message names it.",
        causes: &[
            "The filter is misspelt, or from another API version.",
            "The filter does not take one of its query parameters.",
            "An account or extension id is wrong; `~` is your own.",
        ],
        next: &[
            "`ringtail simulate --list` shows kinds and their event filters",
            "Create the subscription with one event filter at a time.",
        ],
        sections: &["4.8", "6"],
    }
    SUB_515 = "SUB-515", theirs(400, "Subscription containing only reminder filter is not allowed"); {
        meaning: "A renewal reminder needs other event filters in the same subscription.",
        causes: &[
            "`/restapi/v1.0/subscription/~?threshold=…&interval=…` is the only event filter.",
        ],
        next: &["Add the reminder to the subscription that it is about."],
        sections: &["4.5", "4.8"],
    }
    SUB_505 = "SUB-505", theirs(403, "Subscriptions limit exceeded"); {
        meaning: "This user has reached the limit of subscriptions with this app: 30 by the newest source, 20 by an older one.",
        causes: &[
            "Each start of the app created a subscription, and none was deleted.",
            "Subscriptions to tunnel addresses that no longer exist: RingCentral cannot change the address of a subscription.",
        ],
        next: &[
            "`GET /restapi/v1.0/subscription` lists them; DELETE /restapi/v1.0/subscription/{id} ends one",
            "Look for one with your address before you create another; use a short expiresIn in development.",
            "`ringtail listen 3000`: the address stays the same, so one subscription is enough",
        ],
        sections: &["4.6", "4.8"],
    }
    SUB_507 = "SUB-507", theirs(404, "Subscription with key […] and assigned session […] was expired"); {
        meaning: "The subscription no longer exists.",
        causes: &[
            "It expired: after 7 days, unless expiresIn was set.",
            "expiresIn was given inside deliveryMode, where it is silently ignored.",
            "It was deleted, or belongs to another user or app.",
        ],
        next: &[
            "Create it again with expiresIn (beside deliveryMode) of up to 315360000 seconds.",
            "Add the renewal reminder filter, or renew on a timer: `POST /restapi/v1.0/subscription/{id}/renew`",
        ],
        sections: &["4.1", "4.4", "4.5", "4.8"],
    }
    SUB_402 = "SUB-402", theirs(403, "Presence feature is disabled for this extension type (… / …)"); {
        meaning: "Presence is disabled for the extension in the event filter.",
        causes: &["The extension's settings or the account's plan disable presence."],
        next: &["Enable presence for the extension, or omit its filter."],
        sections: &["4.8"],
    }
    SUB_403 = "SUB-403", theirs(403, "User disallowed to monitor his presence"); {
        meaning: "The extension in the event filter does not let this user see its presence.",
        causes: &["The permission to see that extension's presence is not granted."],
        next: &[
            "Ask the extension's owner or an administrator to grant it, or subscribe as that user.",
        ],
        sections: &["4.8"],
    }
    SUB_404 = "SUB-404", theirs(403, "User disallowed this subscriber to pick up calls"); {
        meaning: "The extension in the event filter does not let this user pick up its calls.",
        causes: &["The permission to pick up that extension's calls is not granted."],
        next: &[
            "Ask the extension's owner or an administrator to grant it, or subscribe as that user.",
        ],
        sections: &["4.8"],
    }
    SUB_405 = "SUB-405", theirs(403, "Not allowed subscribe for messages to other extensions"); {
        meaning: "The event filter is for messages of another extension, which this user may not read.",
        causes: &["The filter has another user's extension id instead of `~`."],
        next: &["Use `~`, or subscribe as that user."],
        sections: &["4.8"],
    }
    SUB_406 = "SUB-406", theirs(403, "Not allowed subscribe for events to extensions of other account"); {
        meaning: "The extension in the event filter belongs to another account, or the user is a bot that is not ready yet.",
        causes: &[
            "A bot was just installed: its user takes a while to become ready.",
            "The filter has the extension or account id of another account.",
        ],
        next: &[
            "For a new bot: retry every 10 s.",
            "Use `~` for account and extension.",
        ],
        sections: &["3.6", "4.8"],
    }
    SUB_407 = "SUB-407", theirs(403, "Not allowed subscribe for APNS if endpoint_id not defined"); {
        meaning: "The subscription's transport is for mobile push, and the login names no endpoint of a phone.",
        causes: &["transportType is APNS."],
        next: &["Set deliveryMode.transportType to WebHook."],
        sections: &["4.1", "4.8"],
    }
    SUB_408 = "SUB-408", theirs(403, "Not allowed subscribe for unknown user"); {
        meaning: "RingCentral does not know the user that the subscription would belong to.",
        causes: &[
            "A bot was just installed: its user takes a while to become ready.",
            "The user was removed or disabled.",
        ],
        next: &[
            "For a new bot: retry every 10 s.",
            "Log in again as an existing user.",
        ],
        sections: &["3.6", "4.8"],
    }
    SUB_511 = "SUB-511", theirs(405, "Action not allowed for APNS subscription"); {
        meaning: "The call cannot be made for a subscription of mobile push.",
        causes: &["The id is that of a subscription whose transportType is APNS."],
        next: &["Look for the id of the WebHook subscription: `GET /restapi/v1.0/subscription`"],
        sections: &["4.1", "4.8"],
    }
    SUB_518 = "SUB-518", theirs(403, "Not allowed subscribe for favorite contacts list changes of another extension"); {
        meaning: "The event filter is for another extension's favourites, which only their owner may receive.",
        causes: &["The filter has another user's extension id instead of `~`."],
        next: &["Use `~`, or subscribe as that user."],
        sections: &["4.8", "6"],
    }
    SUB_527 = "SUB-527", theirs(403, "Not allowed subscribe for missed calls of another extension"); {
        meaning: "The event filter is for another extension's missed calls, which only their owner may receive.",
        causes: &["The filter has another user's extension id instead of `~`."],
        next: &[
            "Use `~`, or `/restapi/v1.0/account/~/telephony/sessions?missedCall=true`, which needs a permission.",
        ],
        sections: &["4.8", "6"],
    }
    SUB_528 = "SUB-528", theirs(403, "[SubscriptionAPNS] application permission is required for … transport"); {
        meaning: "The subscription's transport or filter is for mobile push, and the app lacks the permission.",
        causes: &[
            "transportType is APNS, or the filter is for push only.",
        ],
        next: &["Set deliveryMode.transportType to WebHook."],
        sections: &["4.1", "4.8"],
    }
    SUB_530 = "SUB-530", theirs(403, "Not allowed subscribe for incoming calls of another extension"); {
        meaning: "The event filter is for another extension's incoming calls, which only their owner may receive.",
        causes: &["The filter has another user's extension id instead of `~`."],
        next: &[
            "Use `~`, or `/restapi/v1.0/account/~/telephony/sessions`, which needs a permission.",
        ],
        sections: &["4.8", "6"],
    }
    SUB_531 = "SUB-531", theirs(403, "Not allowed subscribe for presence of presence-lines of another extension"); {
        meaning: "The event filter is for another extension's presence lines, which only their owner may receive.",
        causes: &["The filter has another user's extension id instead of `~`."],
        next: &["Use `~`, or subscribe as that user."],
        sections: &["4.8", "6"],
    }
    BLACKLISTED = "Blacklisted", Origin::RingCentral { status: None, message: "(status of a subscription)" }; {
        meaning: "RingCentral has stopped sending notifications of this subscription, because its address failed for 10 minutes. `Blocked` and `Suspended` mean the same.",
        causes: &[
            "The app or the tunnel was not running, or its address changed.",
            "The app answered late (RT-501), with another status than 200 (RT-502), with more than 1024 bytes (RT-503), or not at all (RT-504).",
            "blacklistedData.reason in the subscription says which; `ringtail explain` takes that text, too.",
        ],
        next: &[
            "`GET /restapi/v1.0/subscription` shows the status, and blacklistedData with time and reason",
            "`ringtail check URL` tests the address as RingCentral would.",
            "Delete the subscription and create it again; the address may stay the same. By an older answer it revives by itself within 15 minutes of the address being well.",
            "`ringtail listen 3000`: the relay answers 200 while the laptop is away",
        ],
        sections: &["2.5", "2.6", "4.2"],
    }
    TOKENS = "Validation-Token", Origin::RingCentral { status: None, message: "(a header; Verification-Token is another)" }; {
        meaning: "Validation-Token comes once, when a subscription is created: answer 200 with the same header and value. Verification-Token is your own secret: it comes with every notification, and the app compares it.",
        causes: &[
            "Validation-Token is not echoed: creating the subscription fails with SUB-520, or SUB-521 by older pages.",
            "Verification-Token is missing: `deliveryMode.verificationToken` was not set, or was spelt validationToken, which RingCentral ignores in silence.",
            "RingCentral does not sign notifications: there is no HMAC to check. X-Glip-Signature is for interactive messages only.",
        ],
        next: &[
            "Echo Validation-Token whenever it is there; compare Verification-Token with the value that you gave to RingCentral.",
            "`ringtail check URL --verbose` shows whether the token comes back",
        ],
        sections: &["1.2", "1.3", "3.1", "3.2", "7.5"],
    }
    DUPLICATE = "Duplicate", Origin::RingCentral { status: None, message: "(an event that comes more than once)" }; {
        meaning: "An event comes more than once, or later than its successor: nothing promises exactly-once or order. An app must drop what it knows, by `uuid`, and order the events of a call by `sequence`.",
        causes: &[
            "Two subscriptions have the same address: each start of the app created one.",
            "Two event filters match, such as those of the account and of the extension; or there is one event for each party of a call.",
            "RingCX repeats what was not answered with 200 in time. Platform webhooks are not known to be repeated.",
        ],
        next: &[
            "`GET /restapi/v1.0/subscription` lists the subscriptions; delete all but one for the address",
            "`ringtail events list duplicate` shows repeated events: the same `uuid`, event filter and content",
            "Keep the `uuid` of the latest events in the app, and drop an event whose `uuid` and content it has.",
        ],
        sections: &["2.3", "2.7", "2.8", "7.1"],
    }
}
