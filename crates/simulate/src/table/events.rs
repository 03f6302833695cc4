//! Events of messages, team messaging and accounts.

use super::{Template, rows};

pub(super) const ROWS: &[Template] = rows! {
    "sms.inbound" from "sms-instant-inbound": "An SMS for you, with its text";
    "message-store.sms": "Counters of your SMS changed";
    "message-store.pager" from "message-store-pager": "Counters of your internal messages changed";
    "message-store.fax" from "message-store-fax": "Counters of your faxes changed";
    "message-store.voicemail": "Counters of your voicemail changed";
    "voicemail.message" from "voicemail": "A voicemail for you";
    "fax.message" from "fax-inbound": "A fax for you";
    "a2p-sms.inbound" from "a2p-sms-message-inbound": "A high-volume SMS arrives";
    "a2p-sms.outbound" from "a2p-sms-message-outbound": "A high-volume SMS was delivered";
    "a2p-sms.batches" from "a2p-sms-batch": "A batch of high-volume SMS is done";
    "a2p-sms.batch" from "a2p-sms-batch-specific": "The batch that you subscribed to is done";
    "a2p-sms.opt-out" from "a2p-sms-opt-out": "A recipient opts out of high-volume SMS";
    "a2p-sms.opt-in": "A recipient opts in to high-volume SMS";
    "sms-v2.inbound" from "sms-v2-message-inbound": "An SMS arrives, API version 2";
    "sms-v2.batch" from "sms-v2-batch-completed": "A batch of SMS is done, API version 2";
    "sms-consent.opt-out" from "sms-consent-opt-out": "A recipient withdraws consent to SMS";
    "sms-consent.opt-in": "A recipient gives consent to SMS";
    "sms-threads.entries" from "derived-sms-thread-sync": "Entries of SMS threads changed";
    "sms-threads.threads": "SMS threads changed";
    "team.post-added" from "team-messaging-post-added": "A message in a chat";
    "team.post-changed" from "team-messaging-post-changed": "A message in a chat was edited";
    "team.post-removed": "A message in a chat was deleted";
    "team.chat-joined" from "team-messaging-chat-joined": "You joined a chat";
    "team.chat-left" from "team-messaging-chat-left": "You left a chat";
    "team.chat-renamed" from "team-messaging-chat-renamed": "A chat has a new name";
    "team.webhook-created" from "team-messaging-incoming-webhook-created":
        "An incoming webhook of a team was created";
    "team.webhook-updated" from "team-messaging-incoming-webhook-updated":
        "An incoming webhook of a team was suspended";
    "team.webhook-deleted" from "team-messaging-incoming-webhook-deleted":
        "An incoming webhook of a team was deleted";
    "bot.group-joined-private" from "bot-group-joined-private": "A user opened a private chat with the bot";
    "bot.group-joined-team" from "bot-group-joined-team": "The bot was added to a team";
    "bot.group-changed" from "bot-group-changed": "A team with the bot changed";
    "extension.info" from "extension-info": "Your extension changed";
    "extension.deleted": "Your extension was deleted, which is how a bot learns that it was uninstalled";
    "extension.list": "An extension of the account changed";
    "extension.grants" from "extension-grant-list": "Your grants changed";
    "extension.favorites" from "extension-favorites": "Your favourites changed";
    "directory": "The company directory changed";
    "emergency-address" from "emergency-address": "The emergency address of a device changed";
    "phone-number": "A contact-centre number changed";
    "ringsense.pbx" from "ringsense-pbx": "Insights of a recorded call";
    "ringsense.rcv": "Insights of a recorded video meeting";
    "ringsense.rcx": "Insights of a recorded RingCX call";
    "webinar.session": "A webinar session changed state; no payload is published, so its shape is a guess";
    "subscription.reminder" from "derived-subscription-renewal-reminder": "The subscription expires soon";
};
