//! `CMN-`, `AGW-`: parameters, permissions, rates.

use super::entry::{TOKEN_NEXT, codes, theirs};

const RATES: &[&str] = &["4.7", "4.8"];
const RATE_NEXT: &[&str] = &[
    "Send nothing for the time in Retry-After, or 60 s without it: each request restarts the wait.",
    "Watch X-Rate-Limit-Remaining; Light allows 50 a minute, Medium 40, Heavy 10, Auth 5, per user and app.",
];
const RATE_CAUSES: &[&str] = &[
    "A loop polls, retries or logs in without a pause.",
    "Several copies of the app share one user and client id.",
];
const REQUEST: &[&str] = &["4.8"];
const REQUEST_NEXT: &[&str] = &[
    "Log the request as it is sent, and compare it with RingCentral's API reference.",
    "`curl` with the same URL, headers and body shows whether the SDK or the request is at fault.",
];
const SERVICE_NEXT: &[&str] = &[
    "Retry after Retry-After, or after 2 s and twice as long each time.",
    "Read RingCentral's status page; give its support the RCRequestId header of the response.",
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
    CMN_103 = "CMN-103", theirs(400, "JSON can't be parsed"); {
        meaning: "The body of the call to RingCentral is not JSON.",
        causes: &[
            "A comma or quote too many, or single quotes.",
            "A form or an object's printed form was sent in place of JSON.",
            "The shell took the quotes: put the body of `curl -d` in single quotes, or in a file.",
        ],
        next: REQUEST_NEXT,
        sections: REQUEST,
    }
    CMN_104 = "CMN-104", theirs(400, "Cannot parse request"); {
        meaning: "RingCentral cannot read the call's body.",
        causes: &[
            "Content-Type and body disagree; creating a subscription takes `application/json`.",
            "The body is empty or cut off.",
        ],
        next: REQUEST_NEXT,
        sections: &["4.1", "4.8"],
    }
    CMN_105 = "CMN-105", theirs(400, "URL should not contain query string when method is […] and content type is […]"); {
        meaning: "Parameters are in the URL of a call that takes them in a form.",
        causes: &["An SDK or a proxy puts the form's fields into the query."],
        next: &["Send the parameters in the body only."],
        sections: REQUEST,
    }
    CMN_106 = "CMN-106", theirs(400, "Batch request is limited to … entries"); {
        meaning: "A call for several ids at once has too many of them.",
        causes: &["The ids in the path are more than the message allows."],
        next: &["Split the call."],
        sections: REQUEST,
    }
    CMN_107 = "CMN-107", theirs(416, "Requested Range Not Satisfiable"); {
        meaning: "The Range header asks for bytes that the content does not have.",
        causes: &["A download is resumed although it was complete."],
        next: &["Download it without a Range header."],
        sections: REQUEST,
    }
    CMN_108 = "CMN-108", theirs(400, "Parameter … value in request body doesn't match specified in path"); {
        meaning: "An id in the body is another than the one in the path.",
        causes: &["A body that was read for one resource is sent to another."],
        next: &["Use one id in both, or leave it out of the body."],
        sections: REQUEST,
    }
    CMN_109 = "CMN-109", theirs(403, "Feature not available"); {
        meaning: "The account does not have the feature.",
        causes: &["The plan does not include it, or it is disabled for the account."],
        next: &["Ask the account's administrator; omit the event filter until then."],
        sections: REQUEST,
    }
    CMN_110 = "CMN-110", theirs(400, "Header … should be specified"); {
        meaning: "The call lacks a header; the message names it.",
        causes: &["The header is not sent, or a proxy removes it."],
        next: REQUEST_NEXT,
        sections: REQUEST,
    }
    CMN_120 = "CMN-120", theirs(404, "Invalid URI"); {
        meaning: "RingCentral's API has no such path.",
        causes: &[
            "The path is misspelt, or lacks /restapi/v1.0 or an id.",
            "An empty variable left two slashes in the path.",
            "The call went to another server than `https://platform.ringcentral.com`.",
        ],
        next: &["Compare the path with `/restapi/v1.0/subscription` and the API reference."],
        sections: &["4.1", "4.8", "5.3"],
    }
    CMN_201 = "CMN-201", theirs(500, "Service Temporary Unavailable"); {
        meaning: "A part of RingCentral's service is down.",
        causes: &["An outage or maintenance at RingCentral."],
        next: SERVICE_NEXT,
        sections: REQUEST,
    }
    CMN_202 = "CMN-202", theirs(501, "Operation is not supported"); {
        meaning: "RingCentral's API does not do this for the resource.",
        causes: &["The method is wrong for the path, such as PATCH for a subscription."],
        next: REQUEST_NEXT,
        sections: &["4.3", "4.8"],
    }
    CMN_203 = "CMN-203", theirs(500, "Internal Server Error"); {
        meaning: "RingCentral's API failed. If your own app answered with these words, see RT-502.",
        causes: &["A failure at RingCentral, perhaps brought about by an unusual parameter."],
        next: SERVICE_NEXT,
        sections: REQUEST,
    }
    CMN_301 = "CMN-301", theirs(429, "Request rate exceeded"); {
        meaning: "Too many requests in this minute for the call's rate group. CMN-302 has the same message.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_302 = "CMN-302", theirs(429, "Request rate exceeded"); {
        meaning: "Too many requests in this minute. An older page gives this code to an app that RingCentral does not know, whose limits are undefined.",
        causes: RATE_CAUSES,
        next: RATE_NEXT,
        sections: RATES,
    }
    CMN_303 = "CMN-303", theirs(429, "Can not resolve API plan. Rate limits undefined"); {
        meaning: "RingCentral finds no API plan for the app, so it cannot tell the app's rate limits. Waiting does not help.",
        causes: &[
            "The app was created, moved to production or given another plan a moment ago.",
            "The app has no plan, or is suspended.",
        ],
        next: &["Look at the app's plan in the developer console, or ask RingCentral's support."],
        sections: RATES,
    }
    CMN_304 = "CMN-304", theirs(429, "Duplicate concurrent request. Try again later"); {
        meaning: "The same call of the same user is still being processed.",
        causes: &[
            "The app retries before the first call has been answered.",
            "Two copies of the app create the same subscription at the same time.",
        ],
        next: &["Wait for the response of the first call; then retry after Retry-After."],
        sections: RATES,
    }
    CMN_310 = "CMN-310", theirs(429, "Global request rate exceeded"); {
        meaning: "Too many requests over all rate groups, from the app as a whole or from the account.",
        causes: &["Many users or copies of the app call at the same moment, such as after a restart."],
        next: &["Spread the calls: add a random delay to timers and retries.", RATE_NEXT[0]],
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
    CMN_402 = "CMN-402", theirs(403, "Administrator permission required"); {
        meaning: "Only an administrator of the account may do this.",
        causes: &["The event filter is for the whole account, and the user is not an administrator."],
        next: &[
            "Subscribe as an administrator, or use an extension's filter.",
        ],
        sections: &["4.8", "5.4"],
    }
    CMN_403 = "CMN-403", theirs(403, "The feature is not available for this extension type"); {
        meaning: "The extension, by its type, does not have the feature.",
        causes: &[
            "The plan does not include it.",
            "It is disabled for the account or extension.",
        ],
        next: &["Ask the account's administrator; omit the event filter until then."],
        sections: &["4.8"],
    }
    CMN_404 = "CMN-404", theirs(403, "Attempt to access another extension"); {
        meaning: "The call is about another extension, which this user may not access.",
        causes: &[
            "The path or event filter has another user's extension id instead of `~`.",
        ],
        next: &["Use `~`, or log in as that user or as an administrator."],
        sections: &["4.8"],
    }
    CMN_408 = "CMN-408", theirs(403, "[…] permission required"); {
        meaning: "The user lacks a permission; the message names it. Both the app's scope and the user's permission are required.",
        causes: &["The user's role does not include the permission."],
        next: &["Ask an administrator to change the user's role, or log in as a user who has it."],
        sections: &["4.8", "5.4"],
    }
    CMN_405 = "CMN-405", theirs(401, "Login to extension required"); {
        meaning: "The call needs an access token.",
        causes: &[
            "The Authorization header is missing.",
            "The session ended: the token was revoked, or the password changed.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.1"],
    }
    CMN_406 = "CMN-406", theirs(400, "Duplicate value for parameter …: … found in request"); {
        meaning: "A list in the call has the same value twice.",
        causes: &["An event filter, a number or an id is repeated."],
        next: &["Send each value once."],
        sections: REQUEST,
    }
    CMN_407 = "CMN-407", theirs(400, "Parameter in header is invalid"); {
        meaning: "A header of the call has a value that RingCentral cannot use.",
        causes: &["Content-Type, Accept or a date header is malformed."],
        next: REQUEST_NEXT,
        sections: REQUEST,
    }
    AGW_401 = "AGW-401", theirs(401, "Authorization header is not specified"); {
        meaning: "RingCentral's gateway did not get an Authorization header.",
        causes: &["The request has none.", "A redirect or proxy removed it."],
        next: TOKEN_NEXT,
        sections: &["4.8"],
    }
    AGW_402 = "AGW-402", theirs(401, "Invalid Authorization header"); {
        meaning: "RingCentral's gateway cannot use the Authorization header.",
        causes: &[
            "It is not `Bearer <access token>`.",
            "The token is invalid or incomplete.",
        ],
        next: TOKEN_NEXT,
        sections: &["4.8"],
    }
}
