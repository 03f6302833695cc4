//! Callbacks other than platform events.

use http::Method;

use super::{file, rows};
use crate::template::{Body, Origin, Template};
use ringtail_ringcentral::classify::Callback as C;

/// A request without a body.
const fn bare(
    name: &'static str,
    about: &'static str,
    callback: C,
    method: Method,
    below: &'static str,
    defaults: &'static [(&'static str, &'static str)],
) -> Template {
    Template {
        name,
        about,
        callback,
        origin: Origin::Described,
        method,
        below,
        body: Body::Empty,
        defaults,
    }
}

/// Requests without a JSON body.
pub(super) const SPECIAL: &[Template] = &[
    bare(
        "validation",
        "RingCentral checks the address",
        C::Validation,
        Method::POST,
        "",
        &[],
    ),
    bare(
        "validation.empty-token",
        "A validation whose token is empty",
        C::Validation,
        Method::POST,
        "",
        &[("validation_token", "")],
    ),
    bare(
        "validation.odd-token",
        "A validation whose token is not ASCII",
        C::Validation,
        Method::POST,
        "",
        &[("validation_token", "t\u{f6}ken")],
    ),
    bare(
        "digital.challenge",
        "RingCX Digital checks the address",
        C::DigitalChallenge,
        Method::GET,
        "?hub.mode=subscribe&hub.challenge=${challenge}&hub.verify_token=${verify_token}",
        &[],
    ),
    Template {
        name: "bot.token",
        about: "A private bot is installed",
        callback: C::BotInstallPrivate,
        origin: Origin::Described,
        method: Method::POST,
        below: "",
        body: Body::Form(file!("bot.token-json")),
        defaults: &[],
    },
    bare(
        "bot.code",
        "A public bot is installed",
        C::BotInstallPublic,
        Method::GET,
        "?code=${code}&creator_extension_id=${extension}&creator_account_id=${account}&client_id=${app}",
        &[],
    ),
    bare(
        "oauth.redirect",
        "A browser returns from RingCentral's login",
        C::OAuthRedirect,
        Method::GET,
        "?code=${code}&state=${state}",
        &[],
    ),
    bare(
        "add-in.setup",
        "A user opens the set-up page of an add-in",
        C::AddInSetup,
        Method::GET,
        "?webhook=https%3A%2F%2Fhooks.ringcentral.com%2Fwebhook%2Fv2%2F${webhook}",
        &[],
    ),
];

/// Requests with a JSON body.
pub(super) const JSON: &[Template] = rows! {
    "digital.events" as DigitalNotification from "ringcx-digital-intervention-assigned":
        "Events of RingCX Digital";
    "source-sdk.info" as SourceSdk from "ringcx-source-sdk-implementation-info":
        "RingCX Digital asks a source what it can do";
    "source-sdk.messages-list" as SourceSdk from "ringcx-source-sdk-messages-list":
        "RingCX Digital asks a source for messages";
    "interactive.submit" as InteractiveMessage from "interactive-message-button-submit":
        "A user presses a button on an adaptive card";
    "bot.token-json" as BotInstallPrivate from "bot-private-install-oauth": "A private bot is installed, as JSON";
    "agent-state" as AgentState:
        "A RingCX agent changes state; no payload is published, so its shape is a guess";
    "wfm.login" as WfmNotification from "ringcx-voice-wfm-login": "A RingCX agent logs in";
    "wfm.available" as WfmNotification from "ringcx-voice-wfm-state-available": "A RingCX agent becomes available";
    "wfm.engaged" as WfmNotification from "ringcx-voice-wfm-state-engaged": "A RingCX agent takes a call";
    "wfm.call-ended" as WfmNotification from "ringcx-voice-wfm-call-end-answered": "A RingCX call ends";
    "wfm.logout" as WfmNotification from "ringcx-voice-wfm-logout": "A RingCX agent logs out";
    "ai.result" as AiResult: "A result of the AI API";
};
