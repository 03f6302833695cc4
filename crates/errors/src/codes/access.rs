//! `CMN-`, `OAU-`, `AGW-`: parameters, permissions, rates, tokens.

use super::{codes, theirs};

const RATES: &[&str] = &["4.7", "4.8"];
const RATE_NEXT: &[&str] = &[
    "Send nothing for as long as Retry-After says, or 30 s without it: each request in between begins the wait anew.",
    "Watch X-Rate-Limit-Remaining; Light allows 50 a minute, Medium 40, Heavy 10, Auth 5, for one user of one app.",
];
const RATE_CAUSES: &[&str] = &[
    "A loop asks without a pause: polling, retries, a log-in for each call.",
    "Several copies of the app share one user and one client id.",
];
const TOKEN_NEXT: &[&str] = &[
    "Ask for a new access token: POST /restapi/oauth/token (a JWT is exchanged, and not sent as a Bearer).",
    "Keep the token until it expires; do not log in for each call.",
];

codes! {
    INVALID_PARAMETER = "InvalidParameter", theirs(400, "(generic)"); {
        meaning: "The code at the top of an error body when the true one is in `errors[0].errorCode`.",
        causes: &["Another code stands below it: mostly a SUB- or CMN- one."],
        next: &[
            "Look at errors[0].errorCode, or paste the whole body: ringtail explain - <body.json",
        ],
        sections: &["4.8"],
    }
    CMN_101 = "CMN-101", theirs(400, "Parameter […] value is invalid"); {
        meaning: "A parameter of the call is not valid. The message and `parameterName` say which.",
        causes: &[
            "[deliveryMode.address]: the address is not a URL, or did not pass the validation (an older umbrella for SUB-520 to 525).",
            "[eventFilters]: a filter is misspelt.",
            "[expiresIn]: less than 1, or not a number.",
            "[deliveryMode.verificationToken]: characters that are not allowed; letters and digits up to 32 are known to work.",
        ],
        next: &[
            "ringtail check URL    for the address",
            "Compare the body with the create call: expiresIn stands beside deliveryMode, and not in it.",
        ],
        sections: &["3.3", "4.1", "4.4", "4.8"],
    }
    CMN_102 = "CMN-102", theirs(404, "Resource for parameter […] is not found"); {
        meaning: "What the call names does not exist, or not for this user. With [subscriptionId] the subscription is gone.",
        causes: &[
            "The subscription has expired (see SUB-507) or was deleted.",
            "It belongs to another user or app: only one's own can be seen.",
        ],
        next: &[
            "GET /restapi/v1.0/subscription    lists those that there are",
            "Create it anew.",
        ],
        sections: &["3.5", "4.8"],
    }
    CMN_301 = "CMN-301", theirs(429, "(rate limit)"); {
        meaning: "Too many requests in this minute for the call's rate group.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_302 = "CMN-302", theirs(429, "(rate limit)"); {
        meaning: "A rate limit was exceeded; the sources list the code without saying which one.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_303 = "CMN-303", theirs(429, "(rate limit)"); {
        meaning: "A rate limit was exceeded; the sources list the code without saying which one.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_304 = "CMN-304", theirs(429, "(rate limit)"); {
        meaning: "A rate limit was exceeded; the sources list the code without saying which one.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_310 = "CMN-310", theirs(429, "(rate limit)"); {
        meaning: "A rate limit was exceeded; the sources list the code without saying which one.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_401 = "CMN-401", theirs(403, "Specific application permission required"); {
        meaning: "The app lacks a scope. Webhooks need SubscriptionWebhook and the scope of each event filter.",
        causes: &[
            "The app's settings in the developer console do not have the scope. (The quick start names the wrong one.)",
            "The scope was added after the access token was made.",
        ],
        next: &[
            "Add \"Webhook Subscriptions\" and the filters' scopes to the app in the developer console.",
            "Log in anew, so that the token has them.",
        ],
        sections: &["4.8", "5.4", "6"],
    }
    CMN_402 = "CMN-402", theirs(403, "(an administrator is required)"); {
        meaning: "Only an administrator of the account may do this.",
        causes: &["The event filter is for the whole account, and the user is no administrator."],
        next: &[
            "Subscribe as an administrator, or use an extension's filter instead of the account's.",
        ],
        sections: &["4.8", "5.4"],
    }
    CMN_403 = "CMN-403", theirs(403, "(a feature is not available)"); {
        meaning: "The account or the extension does not have the feature that the call is about.",
        causes: &[
            "The plan does not include it.",
            "It is switched off for the account or extension.",
        ],
        next: &["Ask the account's administrator; leave the event filter out meanwhile."],
        sections: &["4.8"],
    }
    CMN_404 = "CMN-404", theirs(403, "(another extension)"); {
        meaning: "The call is about another extension, which this user may not touch.",
        causes: &[
            "The path or event filter names an extension id of somebody else instead of `~`.",
        ],
        next: &["Use `~`, or log in as that user or as an administrator."],
        sections: &["4.8"],
    }
    CMN_408 = "CMN-408", theirs(403, "(the permission […] is required)"); {
        meaning: "The user lacks a permission; the message names it. The app's scope and the user's permission must both be there.",
        causes: &["The user's role does not include the permission."],
        next: &["Have an administrator change the user's role, or log in as a user who has it."],
        sections: &["4.8", "5.4"],
    }
    CMN_405 = "CMN-405", theirs(401, "(login is required)"); {
        meaning: "The call needs an access token.",
        causes: &[
            "The Authorization header is missing.",
            "The session was ended: revoked, or the password changed.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.1"],
    }
    OAU_125 = "OAU-125", theirs(400, "(grant type is not allowed)"); {
        meaning: "The app may not log in this way.",
        causes: &["\"JWT auth flow\" is not enabled on the app in the developer console."],
        next: &["Enable the flow in the app's settings; do not repeat the call until then."],
        sections: &["5.2", "5.5"],
    }
    OAU_128 = "OAU-128", theirs(401, "(the access token has expired)"); {
        meaning: "The access token is too old. It lasts about two hours.",
        causes: &["Nothing renewed the token in time."],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.1"],
    }
    OAU_129 = "OAU-129", theirs(401, "(the access token is corrupt)"); {
        meaning: "The access token is not one that RingCentral made, or not whole.",
        causes: &[
            "It was cut off or changed when it was copied.",
            "It is of another environment than the server asked.",
            "A JWT or refresh token was sent in its place.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.2"],
    }
    OAU_141 = "OAU-141", theirs(400, "(login is not allowed in the current state)"); {
        meaning: "The user or the account may not log in as they are now.",
        causes: &["The extension or account is disabled, not set up to the end, or locked."],
        next: &[
            "Log in at RingCentral's own page as that user, and see what it asks for; do not repeat the call.",
        ],
        sections: &["5.5"],
    }
    OAU_142 = "OAU-142", theirs(400, "(login is not allowed in the current state)"); {
        meaning: "The user or the account may not log in as they are now.",
        causes: &["The extension or account is disabled, not set up to the end, or locked."],
        next: &[
            "Log in at RingCentral's own page as that user, and see what it asks for; do not repeat the call.",
        ],
        sections: &["5.5"],
    }
    OAU_146 = "OAU-146", theirs(400, "(invalid client credentials)"); {
        meaning: "The client id and secret are not those of an app.",
        causes: &[
            "They are swapped, cut off, or of another app.",
            "They are of another environment than the server asked: the sandbox is gone.",
            "The Authorization header is not Basic base64(id:secret).",
        ],
        next: &[
            "Copy both anew from the app's page in the developer console; do not repeat the call with the old ones.",
        ],
        sections: &["5.1", "5.3", "5.5"],
    }
    OAU_149 = "OAU-149", theirs(401, "(the access token cannot be parsed)"); {
        meaning: "What was sent as an access token is none.",
        causes: &[
            "A JWT, a refresh token or a placeholder was sent.",
            "The token has quotes or a line end around it.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.2"],
    }
    AGW_401 = "AGW-401", theirs(401, "(the Authorization header is missing)"); {
        meaning: "RingCentral's gateway saw no Authorization header.",
        causes: &["The request has none.", "A redirect or proxy removed it."],
        next: TOKEN_NEXT,
        sections: &["4.8"],
    }
    AGW_402 = "AGW-402", theirs(401, "(the Authorization header is not right)"); {
        meaning: "RingCentral's gateway cannot use the Authorization header.",
        causes: &[
            "It is not `Bearer <access token>`.",
            "The token is none, or not whole.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8"],
    }
}
