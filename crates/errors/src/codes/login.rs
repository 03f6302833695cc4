//! `OAU-`: logins and tokens.

use super::entry::{TOKEN_NEXT, codes, theirs};
use crate::Origin;

const FACTS: &[&str] = &["5.5"];
const TOKENS: &[&str] = &["4.8", "5.1", "5.2"];
const GRANT_NEXT: &[&str] = &[
    "In the developer console, enable the flow in the app's settings (\"JWT auth flow\" for a JWT); do not retry until then.",
];
const CLIENT_NEXT: &[&str] = &[
    "Copy client id and secret again from the app's page in the developer console; do not retry with the old ones.",
];
const STATE_CAUSES: &[&str] = &["It is disabled, not fully set up, or frozen."];
const STATE_NEXT: &[&str] =
    &["Log in at RingCentral's own page as that user, and follow its instructions; do not retry."];
const CODE_NEXT: &[&str] = &[
    "Begin the login again at `/restapi/oauth/authorize`, and exchange the new code at once and once only.",
];
const REDIRECT_NEXT: &[&str] = &[
    "Register the redirect URI in the app's settings to the letter: scheme, port and last slash count.",
    "`ringtail listen 3000`: the address stays the same, so it is registered once",
];
const HEADER_CAUSES: &[&str] = &[
    "The Authorization header is not `Bearer <access token>`, or for the token call `Basic base64(id:secret)`.",
    "It has a line end, a quote or a placeholder in it.",
];

codes! {
    OAU_125 = "OAU-125", theirs(401, "Grant type is not allowed for application"); {
        meaning: "The app may not use this login flow. The API description gives status 400.",
        causes: &["The flow is not enabled on the app in the developer console."],
        next: GRANT_NEXT,
        sections: &["5.2", "5.5"],
    }
    OAU_251 = "OAU-251", theirs(400, "Unauthorized for this grant type"); {
        meaning: "The app may not use this login flow; OAuth calls it `unauthorized_client`.",
        causes: &["\"JWT auth flow\" is not enabled on the app, or the password flow is used, which new apps do not have.", "The client id is that of another app than the JWT was made for."],
        next: GRANT_NEXT,
        sections: &["5.2", "5.5"],
    }
    OAU_112 = "OAU-112", theirs(403, "The client is unauthorized for the required grant type: […]"); {
        meaning: "The app may not use this login flow; the message names it.",
        causes: &["The flow is not enabled on the app in the developer console."],
        next: GRANT_NEXT,
        sections: &["5.2", "5.5"],
    }
    OAU_270 = "OAU-270", Origin::RingCentral { status: Some(400), message: "(client_credentials is for partners)" }; {
        meaning: "The flow `client_credentials` is for partners of RingCentral. Nobody logs in by it, so there is no user to own a subscription.",
        causes: &["An SDK or a generic OAuth library was told to use client credentials."],
        next: &["Use the JWT flow: `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer` with the JWT as `assertion`."],
        sections: &["5.1", "5.5"],
    }
    OAU_168 = "OAU-168", theirs(401, "Password grant is not allowed because MFA is required"); {
        meaning: "The user must confirm logins by a second factor, which the password flow cannot do.",
        causes: &["The account requires multi-factor authentication."],
        next: &["Use the JWT flow or the authorization code flow."],
        sections: FACTS,
    }
    OAU_140 = "OAU-140", theirs(401, "Invalid resource owner credentials"); {
        meaning: "The user name, extension or password is wrong, or the JWT is not accepted. OAuth calls it `invalid_grant`.",
        causes: &["The JWT was deleted, has expired, or was cut off when copied.", "The JWT is restricted to other apps than this client id.", "The password was changed."],
        next: &["Create the JWT again under Credentials in the developer console, for all apps or for this one."],
        sections: &["5.2", "5.5"],
    }
    INVALID_GRANT = "invalid_grant", Origin::RingCentral { status: Some(400), message: "(OAuth's error)" }; {
        meaning: "OAuth: RingCentral refuses what was exchanged for a token: the JWT, the code, the refresh token or the password. An OAU- code beside it says more.",
        causes: &["The JWT was deleted, has expired, or is restricted to other apps.", "The authorization code was used before, or is older than a minute or so.", "The refresh token has expired or was used: each works once, and each use gives a new one."],
        next: &["Look at `errors[0].errorCode` in the body.", "Log in again: create the JWT anew, or begin the authorization code flow again."],
        sections: &["5.1", "5.2", "5.5"],
    }
    OAU_146 = "OAU-146", theirs(401, "Invalid client credentials"); {
        meaning: "The client id and secret are not those of an app. The API description gives status 400; OAuth calls it `invalid_client`.",
        causes: &["They are swapped, truncated, or from another app.", "They are from another environment: the sandbox no longer exists.", "The Authorization header is not Basic base64(id:secret)."],
        next: CLIENT_NEXT,
        sections: &["5.1", "5.3", "5.5"],
    }
    OAU_120 = "OAU-120", theirs(401, "Wrong Application ID"); {
        meaning: "No app has this client id.",
        causes: &["It is truncated, or from another environment."],
        next: CLIENT_NEXT,
        sections: &["5.3", "5.5"],
    }
    OAU_121 = "OAU-121", theirs(401, "Wrong Application"); {
        meaning: "The token or code belongs to another app.",
        causes: &["A token of one app is used with the client id of another."],
        next: CLIENT_NEXT,
        sections: FACTS,
    }
    OAU_127 = "OAU-127", theirs(401, "Invalid application release"); {
        meaning: "The app is not in a state in which it may log in.",
        causes: &["The app was suspended, or its version is not released."],
        next: &["Look at the app in the developer console."],
        sections: FACTS,
    }
    OAU_165 = "OAU-165", theirs(400, "Sandbox client is not allowed: …"); {
        meaning: "The client id is that of a sandbox app. The sandbox is retired.",
        causes: &["The app was never moved to production."],
        next: &["Create the app for production in the developer console, and use its client id and secret."],
        sections: &["5.3", "5.5"],
    }
    OAU_128 = "OAU-128", theirs(401, "Access token expired"); {
        meaning: "The access token expired. It lasts for an hour; `expires_in` in the response of the login has the seconds.",
        causes: &["The app did not renew it in time.", "The clock of the machine is wrong."],
        next: TOKEN_NEXT,
        sections: &["4.8", "5.1"],
    }
    OAU_213 = "OAU-213", theirs(401, "Token not found"); {
        meaning: "RingCentral has ended the session of this token before its time.",
        causes: &["The user logged in once more: about five sessions run side by side, and the oldest ends.", "Two copies of the app use one refresh token, which works once.", "The token was revoked."],
        next: &["Log in once and share the token, in place of a login for each call or each process.", "Get a new access token: `POST /restapi/oauth/token`"],
        sections: &["5.1"],
    }
    OAU_129 = "OAU-129", theirs(401, "Access token corrupted"); {
        meaning: "RingCentral did not issue this access token, or it is incomplete.",
        causes: &["It was truncated or changed when copied.", "It is from another environment.", "A JWT or refresh token was sent instead."],
        next: TOKEN_NEXT,
        sections: TOKENS,
    }
    OAU_149 = "OAU-149", theirs(401, "Unparsable access token"); {
        meaning: "The value sent as an access token is not one.",
        causes: &["A JWT, a refresh token or a placeholder was sent.", "The token has quotes or a line end around it."],
        next: TOKEN_NEXT,
        sections: TOKENS,
    }
    OAU_151 = "OAU-151", theirs(401, "Authorization method not supported"); {
        meaning: "The Authorization header does not have the method that the call takes.",
        causes: &["`Basic` is sent to a call that takes `Bearer`, or the other way round."],
        next: TOKEN_NEXT,
        sections: TOKENS,
    }
    OAU_123 = "OAU-123", theirs(401, "Invalid Authorization header value: …"); {
        meaning: "RingCentral cannot read the Authorization header; the message shows its value.",
        causes: HEADER_CAUSES,
        next: TOKEN_NEXT,
        sections: TOKENS,
    }
    OAU_134 = "OAU-134", theirs(401, "Invalid Authorization header"); {
        meaning: "RingCentral cannot read the Authorization header. AGW-402 has the same message.",
        causes: HEADER_CAUSES,
        next: TOKEN_NEXT,
        sections: TOKENS,
    }
    OAU_116 = "OAU-116", theirs(403, "Invalid authorization method"); {
        meaning: "The login does not have the method that the app must use.",
        causes: &["The client id is sent in the body, where RingCentral wants Basic authentication."],
        next: &["Send `Authorization: Basic base64(id:secret)` with the token call."],
        sections: &["5.1", "5.5"],
    }
    OAU_141 = "OAU-141", theirs(401, "Login for extension in current state is not allowed"); {
        meaning: "The extension cannot log in. The API description gives status 400.",
        causes: STATE_CAUSES,
        next: STATE_NEXT,
        sections: FACTS,
    }
    OAU_142 = "OAU-142", theirs(401, "Login to account in current state is not allowed"); {
        meaning: "The account cannot log in. The API description gives status 400.",
        causes: STATE_CAUSES,
        next: STATE_NEXT,
        sections: FACTS,
    }
    OAU_105 = "OAU-105", theirs(403, "Login for … extension is not allowed"); {
        meaning: "Extensions of this type cannot log in.",
        causes: &["The number or extension is that of a queue, a menu or a room."],
        next: &["Log in as a user."],
        sections: FACTS,
    }
    OAU_136 = "OAU-136", theirs(401, "Extension not found"); {
        meaning: "No extension has this number.",
        causes: &["The extension was deleted, or its number changed."],
        next: &["Log in as an existing user."],
        sections: FACTS,
    }
    OAU_232 = "OAU-232", Origin::RingCentral { status: None, message: "Extension not found" }; {
        meaning: "The user of the token no longer exists. For a bot: it was removed from the account.",
        causes: &["An administrator removed the bot or deleted the user."],
        next: &["Delete the bot's token and forget its subscriptions; they ended with the user."],
        sections: &["3.6", "5.5"],
    }
    OAU_119 = "OAU-119", theirs(403, "International Virtual number cannot be used to login"); {
        meaning: "The user name is a number that cannot log in.",
        causes: &["It is an international virtual number."],
        next: &["Use the main number with the extension, or the e-mail address."],
        sections: FACTS,
    }
    OAU_147 = "OAU-147", theirs(400, "The account is locked out due to multiple unsuccessful logon attempts"); {
        meaning: "Too many logins with a wrong password.",
        causes: &["An app repeats a login that fails."],
        next: &["Stop the app, wait some minutes, then log in by hand at RingCentral."],
        sections: FACTS,
    }
    OAU_148 = "OAU-148", theirs(400, "The account is locked out due to multiple unsuccessful logon attempts. Please use Single Sign-on way to authenticate"); {
        meaning: "Too many logins with a wrong password, in an account with single sign-on.",
        causes: &["An app repeats a login that fails."],
        next: &["Stop the app and use the JWT flow or the authorization code flow."],
        sections: FACTS,
    }
    OAU_106 = "OAU-106", theirs(403, "Invalid authorization code"); {
        meaning: "The code of the redirect is not one, or was used before.",
        causes: &["The page was loaded twice, so the code was exchanged twice.", "The code was cut off or decoded twice."],
        next: CODE_NEXT,
        sections: &["5.5", "7.8"],
    }
    OAU_108 = "OAU-108", theirs(403, "Authorization code is expired"); {
        meaning: "The code of the redirect was exchanged too late. It lives for a minute or so.",
        causes: &["The app was stopped or in a debugger when the browser came back."],
        next: CODE_NEXT,
        sections: &["5.5", "7.8"],
    }
    OAU_110 = "OAU-110", theirs(403, "Authorization code was not issued for this application"); {
        meaning: "The code belongs to another app.",
        causes: &["Two apps share a redirect URI, or the client id was changed."],
        next: CODE_NEXT,
        sections: &["5.5", "7.8"],
    }
    OAU_102 = "OAU-102", theirs(403, "Unable to issue authorization code"); {
        meaning: "RingCentral could not finish the login.",
        causes: &["The user may not use the app, or the app is suspended."],
        next: CODE_NEXT,
        sections: &["5.5", "7.8"],
    }
    OAU_109 = "OAU-109", theirs(403, "Redirect URIs do not match"); {
        meaning: "The redirect URI is another than the registered one, or than the one at the beginning of the login.",
        causes: &["The tunnel has another address today.", "One has a slash, a port or a query more."],
        next: REDIRECT_NEXT,
        sections: &["5.5", "7.8"],
    }
    OAU_113 = "OAU-113", theirs(403, "No redirect uri is registered for the client"); {
        meaning: "The app has no redirect URI.",
        causes: &["It was created for the JWT flow only."],
        next: REDIRECT_NEXT,
        sections: &["5.5", "7.8"],
    }
    OAU_101 = "OAU-101", theirs(403, "Parameter [brandId] is invalid"); {
        meaning: "The brand in the login is unknown.",
        causes: &["`brand_id` is not the number of RingCentral or a partner."],
        next: &["Leave `brand_id` out."],
        sections: FACTS,
    }
    OAU_111 = "OAU-111", theirs(400, "Request parameter duplication detected"); {
        meaning: "A parameter of the login was sent twice.",
        causes: &["It is in the query and in the form."],
        next: &["Send each parameter once, in the form."],
        sections: FACTS,
    }
    OAU_150 = "OAU-150", theirs(400, "The value of query parameter […] should be equal to parameter […] in request body"); {
        meaning: "A parameter of the login has one value in the query and another in the form.",
        causes: &["An SDK or a proxy adds parameters to the URL."],
        next: &["Send each parameter once, in the form."],
        sections: FACTS,
    }
    OAU_117 = "OAU-117", theirs(403, "The scope of requesting application cannot be narrower than the target application"); {
        meaning: "A login for another app was asked for by an app with fewer permissions.",
        causes: &["The app lacks a permission that the other app has."],
        next: &["Add the permission to the app in the developer console."],
        sections: &["5.4", "5.5"],
    }
}
