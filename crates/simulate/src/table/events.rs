//! Messages, team messaging, accounts.

use super::{Template, event, file};

pub(super) const ROWS: &[Template] = &[
    event!(
        "sms.inbound",
        "sms-instant-inbound",
        "An SMS for you, with its text"
    ),
    event!("message-store.sms", "Counters of your SMS changed"),
    event!(
        "message-store.pager",
        "message-store-pager",
        "Counters of your internal messages changed"
    ),
    event!(
        "message-store.fax",
        "message-store-fax",
        "Counters of your faxes changed"
    ),
    event!(
        "message-store.voicemail",
        "Counters of your voicemail changed"
    ),
    event!("voicemail.message", "voicemail", "A voicemail for you"),
    event!("fax.message", "fax-inbound", "A fax for you"),
    event!(
        "a2p-sms.inbound",
        "a2p-sms-message-inbound",
        "A high-volume SMS comes in"
    ),
    event!(
        "a2p-sms.outbound",
        "a2p-sms-message-outbound",
        "A high-volume SMS was delivered"
    ),
    event!(
        "a2p-sms.batches",
        "a2p-sms-batch",
        "A batch of high-volume SMS is done"
    ),
    event!(
        "a2p-sms.batch",
        "a2p-sms-batch-specific",
        "The one batch that you watch is done"
    ),
    event!(
        "a2p-sms.opt-out",
        "a2p-sms-opt-out",
        "A recipient wants no more high-volume SMS"
    ),
    event!("a2p-sms.opt-in", "A recipient wants high-volume SMS again"),
    event!(
        "sms-v2.inbound",
        "sms-v2-message-inbound",
        "An SMS comes in, API version 2"
    ),
    event!(
        "sms-v2.batch",
        "sms-v2-batch-completed",
        "A batch of SMS is done, API version 2"
    ),
    event!(
        "sms-consent.opt-out",
        "sms-consent-opt-out",
        "A recipient withdraws consent to SMS"
    ),
    event!("sms-consent.opt-in", "A recipient gives consent to SMS"),
    event!(
        "sms-threads.entries",
        "derived-sms-thread-sync",
        "Entries of SMS threads changed"
    ),
    event!("sms-threads.threads", "SMS threads changed"),
    event!(
        "team.post-added",
        "team-messaging-post-added",
        "A message in a chat"
    ),
    event!(
        "team.post-changed",
        "team-messaging-post-changed",
        "A message in a chat was edited"
    ),
    event!("team.post-removed", "A message in a chat was deleted"),
    event!(
        "team.chat-joined",
        "team-messaging-chat-joined",
        "You joined a chat"
    ),
    event!(
        "team.chat-left",
        "team-messaging-chat-left",
        "You left a chat"
    ),
    event!(
        "team.chat-renamed",
        "team-messaging-chat-renamed",
        "A chat has a new name"
    ),
    event!(
        "team.webhook-created",
        "team-messaging-incoming-webhook-created",
        "An incoming webhook of a team was made"
    ),
    event!(
        "team.webhook-updated",
        "team-messaging-incoming-webhook-updated",
        "An incoming webhook of a team was suspended"
    ),
    event!(
        "team.webhook-deleted",
        "team-messaging-incoming-webhook-deleted",
        "An incoming webhook of a team was deleted"
    ),
    event!(
        "bot.group-joined-private",
        "bot-group-joined-private",
        "A user opened a private chat with the bot"
    ),
    event!(
        "bot.group-joined-team",
        "bot-group-joined-team",
        "The bot was added to a team"
    ),
    event!(
        "bot.group-changed",
        "bot-group-changed",
        "A team with the bot changed"
    ),
    event!("extension.info", "extension-info", "Your extension changed"),
    event!(
        "extension.deleted",
        "Your extension was deleted, which is how a bot learns that it was uninstalled"
    ),
    event!("extension.list", "An extension of the account changed"),
    event!(
        "extension.grants",
        "extension-grant-list",
        "Your grants changed"
    ),
    event!(
        "extension.favorites",
        "extension-favorites",
        "Your favourites changed"
    ),
    event!("directory", "The company directory changed"),
    event!(
        "emergency-address",
        "emergency-address",
        "The emergency address of a device changed"
    ),
    event!("phone-number", "A contact-centre number changed"),
    event!(
        "ringsense.pbx",
        "ringsense-pbx",
        "Insights of a recorded call"
    ),
    event!("ringsense.rcv", "Insights of a recorded video meeting"),
    event!("ringsense.rcx", "Insights of a recorded RingCX call"),
    event!(
        "webinar.session",
        "A webinar session changed state; no payload is published, so this one is a guess"
    ),
    event!(
        "subscription.reminder",
        "derived-subscription-renewal-reminder",
        "The subscription expires soon"
    ),
];
