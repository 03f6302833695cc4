//! Templates of callbacks other than platform events.

use http::Method;

use super::{file, post};
use crate::template::{Body, Origin, Template};
use ringtail_ringcentral::classify::Callback;

const fn bare(
    name: &'static str,
    about: &'static str,
    callback: Callback,
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

const fn sampled(
    name: &'static str,
    about: &'static str,
    callback: Callback,
    sample: &'static str,
    json: &'static str,
) -> Template {
    post(name, about, callback, Origin::Sample(sample), json, &[])
}

use Callback as C;

pub(super) const ROWS: &[Template] = &[
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
    sampled(
        "digital.events",
        "Events of RingCX Digital",
        C::DigitalNotification,
        "ringcx-digital-intervention-assigned",
        file!("digital.events"),
    ),
    sampled(
        "source-sdk.info",
        "RingCX Digital asks a source what it can do",
        C::SourceSdk,
        "ringcx-source-sdk-implementation-info",
        file!("source-sdk.info"),
    ),
    sampled(
        "source-sdk.messages-list",
        "RingCX Digital asks a source for messages",
        C::SourceSdk,
        "ringcx-source-sdk-messages-list",
        file!("source-sdk.messages-list"),
    ),
    sampled(
        "interactive.submit",
        "A user presses a button on an adaptive card",
        C::InteractiveMessage,
        "interactive-message-button-submit",
        file!("interactive.submit"),
    ),
    sampled(
        "bot.token",
        "A private bot is installed",
        C::BotInstallPrivate,
        "bot-private-install-oauth",
        file!("bot.token"),
    ),
    Template {
        name: "bot.token-form",
        about: "A private bot is installed, as a form",
        callback: C::BotInstallPrivate,
        origin: Origin::Described,
        method: Method::POST,
        below: "",
        body: Body::Form(file!("bot.token")),
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
        "A browser comes back from RingCentral's login",
        C::OAuthRedirect,
        Method::GET,
        "?code=${code}&state=${state}",
        &[],
    ),
    bare(
        "add-in.setup",
        "The set-up page of an add-in is opened",
        C::AddInSetup,
        Method::GET,
        "?webhook=https%3A%2F%2Fhooks.ringcentral.com%2Fwebhook%2Fv2%2F${webhook}",
        &[],
    ),
    post(
        "agent-state",
        "A RingCX agent changes state; no payload is published, so this one is a guess",
        C::AgentState,
        Origin::Described,
        file!("agent-state"),
        &[],
    ),
    sampled(
        "wfm.login",
        "A RingCX agent logs in",
        C::WfmNotification,
        "ringcx-voice-wfm-login",
        file!("wfm.login"),
    ),
    sampled(
        "wfm.available",
        "A RingCX agent becomes available",
        C::WfmNotification,
        "ringcx-voice-wfm-state-available",
        file!("wfm.available"),
    ),
    sampled(
        "wfm.engaged",
        "A RingCX agent takes a call",
        C::WfmNotification,
        "ringcx-voice-wfm-state-engaged",
        file!("wfm.engaged"),
    ),
    sampled(
        "wfm.call-ended",
        "A RingCX call ends",
        C::WfmNotification,
        "ringcx-voice-wfm-call-end-answered",
        file!("wfm.call-ended"),
    ),
    sampled(
        "wfm.logout",
        "A RingCX agent logs out",
        C::WfmNotification,
        "ringcx-voice-wfm-logout",
        file!("wfm.logout"),
    ),
    post(
        "ai.result",
        "A result of the AI API",
        C::AiResult,
        Origin::Described,
        file!("ai.result"),
        &[],
    ),
];
