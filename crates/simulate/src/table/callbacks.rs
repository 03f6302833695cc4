//! Callbacks other than platform events.

use super::{Template, rows};

pub(super) const ROWS: &[Template] = rows! {
    "validation" as Validation [nothing]: "RingCentral checks the address";
    "validation.empty-token" as Validation with { validation_token = "" } [nothing]:
        "A validation whose token is empty";
    "validation.odd-token" as Validation with { validation_token = "t\u{f6}ken" } [nothing]:
        "A validation whose token is not ASCII";
    "digital.challenge" as DigitalChallenge
        [nothing below "?hub.mode=subscribe&hub.challenge=${challenge}&hub.verify_token=${verify_token}"]:
        "RingCX Digital checks the address";
    "bot.token" as BotInstallPrivate [form "bot.token-json"]: "A private bot is installed";
    "bot.code" as BotInstallPublic
        [nothing below "?code=${code}&creator_extension_id=${extension}&creator_account_id=${account}&client_id=${app}"]:
        "A public bot is installed";
    "oauth.redirect" as OAuthRedirect [nothing below "?code=${code}&state=${state}"]:
        "A browser returns from RingCentral's login";
    "add-in.setup" as AddInSetup
        [nothing below "?webhook=https%3A%2F%2Fhooks.ringcentral.com%2Fwebhook%2Fv2%2F${webhook}"]:
        "A user opens the set-up page of an add-in";
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
