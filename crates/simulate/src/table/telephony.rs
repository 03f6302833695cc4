//! Events of calls and presence.

use super::{Template, rows};

pub(super) const ROWS: &[Template] = rows! {
    "telephony.trunk-setup" from "telephony-sessions-stream-pstn-to-rc#0" with { status = "Setup", leg = "1" }:
        "A call arrives at the trunk";
    "telephony.trunk" from "telephony-sessions-stream-pstn-to-rc#2" with { leg = "1", sequence = "4" }:
        "The trunk's side of a call changes";
    "telephony.setup" from "telephony-sessions-setup-inbound" with { status = "Setup", sequence = "3" }:
        "A call reaches an extension";
    "telephony.party" from "telephony-sessions-stream-pstn-to-rc#4" with { leg = "3", sequence = "6" }:
        "A party to a call changes: any status";
    "telephony.proceeding" from "telephony-sessions-proceeding"
        with { status = "Proceeding", leg = "3", sequence = "7" }:
        "A telephone rings";
    "telephony.answered-inbound" from "telephony-sessions-answered-inbound"
        with { sequence = "6", leg_extension = "${peer_extension}" }:
        "A colleague answers";
    "telephony.outbound-setup" from "telephony-sessions-stream-rc-to-rc#0" with { status = "Setup", leg = "1" }:
        "You dial";
    "telephony.answered-outbound" from "telephony-sessions-answered-outbound" with { leg = "1", sequence = "4" }:
        "Your side of a call that you made changes: any status";
    "telephony.internal" from "telephony-sessions-stream-rc-to-rc#1"
        with { status = "Setup", sequence = "3", leg_extension = "${peer_extension}" }:
        "A colleague's side of your call changes: any status";
    "telephony.disconnected" from "telephony-sessions-disconnected"
        with { status = "Disconnected", leg = "1", sequence = "12" }:
        "A call ends at the trunk";
    "telephony.push" from "telephony-sessions-account-apns-wrapped"
        with { status = "Proceeding", sequence = "5" }:
        "A telephony session as a push message wraps it";
    "legacy.missed-call" from "derived-missed-call": "A missed call, old form";
    "legacy.incoming-call": "An incoming call, old form";
    "legacy.start-ring": "A telephone starts to ring, old form";
    "legacy.stop-ring": "A telephone stops ringing, old form";
    "presence.account" from "account-presence": "Presence of an extension, to a subscription for the account";
    "presence.extension" from "extension-presence": "Your presence";
    "presence.detailed" from "extension-presence-detailed": "Your presence with its calls";
    "presence.line" from "extension-presence-line": "The lines that you watch changed";
    "presence.line-presence": "Presence of a line that you watch";
    "presence.favorite": "Presence of a favourite";
    "presence.dnd": "Do-not-disturb status";
    "presence.queue" from "call-queue-member-presence": "Who takes calls of a queue";
};
