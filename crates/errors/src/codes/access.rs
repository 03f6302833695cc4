//! `CMN-`, `OAU-`, `AGW-`: parameters, permissions, rates, tokens.

use super::entry::{codes, theirs};

const RATES: &[&str] = &["4.7", "4.8"];
const RATE_NEXT: &[&str] = &[
    "Send nothing for the time in Retry-After, or 30 s without it: each request restarts the wait.",
    "Watch X-Rate-Limit-Remaining; Light allows 50 a minute, Medium 40, Heavy 10, Auth 5, per user and app.",
];
const RATE_CAUSES: &[&str] = &[
    "A loop polls, retries or logs in without a pause.",
    "Several copies of the app share one user and client id.",
];
const TOKEN_NEXT: &[&str] = &[
    "Get a new access token: `POST /restapi/oauth/token` (a JWT is exchanged there, not sent as a Bearer token).",
    "Keep the token until it expires; do not log in for every call.",
];

codes! {
    INVALID_PARAMETER = "InvalidParameter", theirs(400, "(generic)"); {
        meaning: "The generic code at the top of an error body; the specific one is in `errors[0].errorCode`.",
        causes: &["The specific code, mostly SUB- or CMN-, explains the error."],
        next: &[
            "Look at `errors[0].errorCode`, or paste the whole body: `ringtail explain - <body.json`",
        ],
        sections: &["4.8"],
    }
    CMN_101 = "CMN-101", theirs(400, "Parameter […] value is invalid"); {
        meaning: "A parameter of the call is invalid. The message and `parameterName` say which.",
        causes: &[
            "[deliveryMode.address]: the address is not a URL, or failed validation (older API versions: in place of SUB-520 to 525).",
            "[eventFilters]: a filter is misspelt.",
            "[expiresIn]: below 1, or not a number.",
            "[deliveryMode.verificationToken]: invalid characters; up to 32 letters and digits are known to work.",
        ],
        next: &[
            "`ringtail check URL` for the address",
            "Compare the body with the create call: expiresIn belongs beside deliveryMode, not inside it.",
        ],
        sections: &["3.3", "4.1", "4.4", "4.8"],
    }
    CMN_102 = "CMN-102", theirs(404, "Resource for parameter […] is not found"); {
        meaning: "The resource does not exist, or not for this user. With [subscriptionId], the subscription is gone.",
        causes: &[
            "The subscription has expired (see SUB-507) or was deleted.",
            "It belongs to another user or app, and is not visible to this one.",
        ],
        next: &[
            "`GET /restapi/v1.0/subscription` lists the existing ones",
            "Create it again.",
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
        meaning: "A rate limit was exceeded; the sources do not say which.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_303 = "CMN-303", theirs(429, "(rate limit)"); {
        meaning: "A rate limit was exceeded; the sources do not say which.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_304 = "CMN-304", theirs(429, "(rate limit)"); {
        meaning: "A rate limit was exceeded; the sources do not say which.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_310 = "CMN-310", theirs(429, "(rate limit)"); {
        meaning: "A rate limit was exceeded; the sources do not say which.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_401 = "CMN-401", theirs(403, "Specific application permission required"); {
        meaning: "The app lacks a scope. Webhooks need SubscriptionWebhook and the scope of each event filter.",
        causes: &[
            "The app's settings in the developer console lack the scope. (The quick start names the wrong one.)",
            "The scope was added after the access token was issued.",
        ],
        next: &[
            "Add \"Webhook Subscriptions\" and the filters' scopes to the app in the developer console.",
            "Log in again to get a token with them.",
        ],
        sections: &["4.8", "5.4", "6"],
    }
    CMN_402 = "CMN-402", theirs(403, "(an administrator is required)"); {
        meaning: "Only an administrator of the account may do this.",
        causes: &["The event filter is for the whole account, and the user is not an administrator."],
        next: &[
            "Subscribe as an administrator, or use an extension's filter.",
        ],
        sections: &["4.8", "5.4"],
    }
    CMN_403 = "CMN-403", theirs(403, "(a feature is not available)"); {
        meaning: "The account or the extension does not have the feature.",
        causes: &[
            "The plan does not include it.",
            "It is disabled for the account or extension.",
        ],
        next: &["Ask the account's administrator; omit the event filter until then."],
        sections: &["4.8"],
    }
    CMN_404 = "CMN-404", theirs(403, "(another extension)"); {
        meaning: "The call is about another extension, which this user may not access.",
        causes: &[
            "The path or event filter has another user's extension id instead of `~`.",
        ],
        next: &["Use `~`, or log in as that user or as an administrator."],
        sections: &["4.8"],
    }
    CMN_408 = "CMN-408", theirs(403, "(the permission […] is required)"); {
        meaning: "The user lacks a permission; the message names it. Both the app's scope and the user's permission are required.",
        causes: &["The user's role does not include the permission."],
        next: &["Ask an administrator to change the user's role, or log in as a user who has it."],
        sections: &["4.8", "5.4"],
    }
    CMN_405 = "CMN-405", theirs(401, "(login is required)"); {
        meaning: "The call needs an access token.",
        causes: &[
            "The Authorization header is missing.",
            "The session ended: the token was revoked, or the password changed.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.1"],
    }
    OAU_125 = "OAU-125", theirs(400, "(grant type is not allowed)"); {
        meaning: "The app may not use this login flow.",
        causes: &["\"JWT auth flow\" is not enabled on the app in the developer console."],
        next: &["Enable the flow in the app's settings; do not retry until then."],
        sections: &["5.2", "5.5"],
    }
    OAU_128 = "OAU-128", theirs(401, "(the access token has expired)"); {
        meaning: "The access token expired. It lasts about two hours.",
        causes: &["The app did not renew it in time."],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.1"],
    }
    OAU_129 = "OAU-129", theirs(401, "(the access token is corrupt)"); {
        meaning: "RingCentral did not issue this access token, or it is incomplete.",
        causes: &[
            "It was truncated or changed when copied.",
            "It is from another environment.",
            "A JWT or refresh token was sent instead.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.2"],
    }
    OAU_141 = "OAU-141", theirs(400, "(login is not allowed in the current state)"); {
        meaning: "The user or the account cannot log in in its current state.",
        causes: &["The extension or account is disabled, not fully set up, or locked."],
        next: &[
            "Log in at RingCentral's own page as that user, and follow its instructions; do not retry.",
        ],
        sections: &["5.5"],
    }
    OAU_142 = "OAU-142", theirs(400, "(login is not allowed in the current state)"); {
        meaning: "The user or the account cannot log in in its current state.",
        causes: &["The extension or account is disabled, not fully set up, or locked."],
        next: &[
            "Log in at RingCentral's own page as that user, and follow its instructions; do not retry.",
        ],
        sections: &["5.5"],
    }
    OAU_146 = "OAU-146", theirs(400, "(invalid client credentials)"); {
        meaning: "The client id and secret are not those of an app.",
        causes: &[
            "They are swapped, truncated, or from another app.",
            "They are from another environment: the sandbox no longer exists.",
            "The Authorization header is not Basic base64(id:secret).",
        ],
        next: &[
            "Copy both again from the app's page in the developer console; do not retry with the old ones.",
        ],
        sections: &["5.1", "5.3", "5.5"],
    }
    OAU_149 = "OAU-149", theirs(401, "(the access token cannot be parsed)"); {
        meaning: "The value sent as an access token is not one.",
        causes: &[
            "A JWT, a refresh token or a placeholder was sent.",
            "The token has quotes or a line end around it.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.2"],
    }
    AGW_401 = "AGW-401", theirs(401, "(the Authorization header is missing)"); {
        meaning: "RingCentral's gateway did not get an Authorization header.",
        causes: &["The request has none.", "A redirect or proxy removed it."],
        next: TOKEN_NEXT,
        sections: &["4.8"],
    }
    AGW_402 = "AGW-402", theirs(401, "(the Authorization header is invalid)"); {
        meaning: "RingCentral's gateway cannot use the Authorization header.",
        causes: &[
            "It is not `Bearer <access token>`.",
            "The token is invalid or incomplete.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8"],
    }
}
