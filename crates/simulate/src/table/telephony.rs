//! Calls and presence.

use super::{Template, event, file};

pub(super) const ROWS: &[Template] = &[
    event!(
        "telephony.trunk-setup",
        "telephony-sessions-stream-pstn-to-rc#0",
        "A call comes in at the trunk",
        "status" = "Setup",
        "leg" = "1"
    ),
    event!(
        "telephony.trunk",
        "telephony-sessions-stream-pstn-to-rc#2",
        "The trunk's side of a call changes",
        "leg" = "1",
        "sequence" = "4"
    ),
    event!(
        "telephony.setup",
        "telephony-sessions-setup-inbound",
        "A call reaches an extension",
        "status" = "Setup",
        "sequence" = "3"
    ),
    event!(
        "telephony.party",
        "telephony-sessions-stream-pstn-to-rc#4",
        "A party to a call changes: any status",
        "leg" = "3",
        "sequence" = "6"
    ),
    event!(
        "telephony.proceeding",
        "telephony-sessions-proceeding",
        "A telephone rings",
        "status" = "Proceeding",
        "leg" = "3",
        "sequence" = "7"
    ),
    event!(
        "telephony.answered-inbound",
        "telephony-sessions-answered-inbound",
        "A colleague answers",
        "sequence" = "6",
        "leg_extension" = "${peer_extension}"
    ),
    event!(
        "telephony.outbound-setup",
        "telephony-sessions-stream-rc-to-rc#0",
        "You dial",
        "status" = "Setup",
        "leg" = "1"
    ),
    event!(
        "telephony.answered-outbound",
        "telephony-sessions-answered-outbound",
        "Your side of a call that you made changes: any status",
        "leg" = "1",
        "sequence" = "4"
    ),
    event!(
        "telephony.internal",
        "telephony-sessions-stream-rc-to-rc#1",
        "A colleague's side of your call changes: any status",
        "status" = "Setup",
        "sequence" = "3",
        "leg_extension" = "${peer_extension}"
    ),
    event!(
        "telephony.disconnected",
        "telephony-sessions-disconnected",
        "A call ends at the trunk",
        "status" = "Disconnected",
        "leg" = "1",
        "sequence" = "12"
    ),
    event!(
        "telephony.push",
        "telephony-sessions-account-apns-wrapped",
        "A telephony session as a push message wraps it",
        "status" = "Proceeding",
        "sequence" = "5"
    ),
    event!(
        "legacy.missed-call",
        "derived-missed-call",
        "A missed call, old form"
    ),
    event!("legacy.incoming-call", "An incoming call, old form"),
    event!("legacy.start-ring", "A telephone starts to ring, old form"),
    event!("legacy.stop-ring", "A telephone stops ringing, old form"),
    event!(
        "presence.account",
        "account-presence",
        "Presence of an extension, to a subscription for the account"
    ),
    event!("presence.extension", "extension-presence", "Your presence"),
    event!(
        "presence.detailed",
        "extension-presence-detailed",
        "Your presence with its calls"
    ),
    event!(
        "presence.line",
        "extension-presence-line",
        "The lines that you watch changed"
    ),
    event!(
        "presence.line-presence",
        "Presence of a line that you watch"
    ),
    event!("presence.favorite", "Presence of a favourite"),
    event!("presence.dnd", "Do-not-disturb status"),
    event!(
        "presence.queue",
        "call-queue-member-presence",
        "Who takes calls of a queue"
    ),
];
