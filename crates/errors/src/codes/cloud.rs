//! What `ringtail subscriptions` and `listen --subscribe` end with, where RingCentral's own code does not say it.

use super::entry::{codes, ends};
use crate::Exit::*;

const LOGIN: &str =
    "`ringtail subscriptions login` asks for client id, client secret and JWT, and tries them";

codes! {
    CLOUD_REFUSED = "RT-700", ends(NotAccepted); {
        meaning: "RingCentral refused the call with a code that this table does not have.",
        causes: &["The message is RingCentral's."],
        next: &["Ask RingCentral's support, with code, message and time."],
        sections: &["4.8"],
    }
    CLOUD_LOGIN = "RT-701", ends(Refused); {
        meaning: "RingCentral refused the login.",
        causes: &[
            "invalid_grant: the JWT has expired or was revoked, is not allowed for this app, or is for another server.",
            "unauthorized_client: the JWT flow is not enabled on the app.",
            "invalid_client: client id or client secret is wrong.",
        ],
        next: &[
            "Create a new JWT in the developer console under Credentials, allowed for this app.",
            LOGIN,
        ],
        sections: &["5.1", "5.2", "5.5"],
    }
    CLOUD_UNREACHABLE = "RT-702", ends(CutOff); {
        meaning: "RingCentral's API could not be reached, or its answer was not complete or not its own.",
        causes: &[
            "This machine is offline, or a proxy or firewall is in the way.",
            "RingCentral is down.",
            "The server's URL is wrong.",
        ],
        hint: Some("try again in a minute; nothing was changed unless `ringtail subscriptions list` shows it"),
        next: &["https://status.ringcentral.com/"],
        sections: &["5.3"],
    }
    CLOUD_RATE = "RT-703", ends(CutOff); {
        meaning: "RingCentral limits the rate of requests, and asks to wait. Each request before then restarts the wait.",
        causes: &["Other programs use the same user and app.", "A script calls in a loop."],
        next: &["Wait as long as the message says, and try again."],
        sections: &["4.7"],
    }
    CLOUD_NO_LOGIN = "RT-704", ends(Refused); {
        meaning: "Ringtail is not logged in to RingCentral.",
        causes: &[
            "`ringtail login` is the login to the relay; RingCentral needs its own.",
            "The login is in another --profile or --config.",
        ],
        hint: Some("run `ringtail subscriptions login`, or set RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET and RINGCENTRAL_JWT"),
        next: &["For a bot: set RINGCENTRAL_ACCESS_TOKEN."],
        sections: &["5.1"],
    }
    CLOUD_FILES = "RT-705", ends(Config); {
        meaning: "A private file with the login to RingCentral, its access token or a verification token cannot be used.",
        causes: &[
            "Other users can read it.",
            "It was changed by hand, or belongs to another user.",
            "The disk is full or read-only.",
        ],
        next: &[LOGIN, "Choose another directory with --config."],
    }
    CLOUD_SERVER = "RT-706", ends(Usage); {
        meaning: "The text is not the URL of RingCentral's API. It begins with https://; http:// is for a double on this machine.",
        causes: &["It has a path, a user or a query.", "It begins with http:// and is not on this machine."],
        next: &["`ringtail subscriptions login --server https://platform.ringcentral.com`"],
        sections: &["5.3"],
    }
    CLOUD_FILTER = "RT-710", ends(Usage); {
        meaning: "The text is no event filter: neither a short name nor a path.",
        causes: &["A name is misspelt.", "A path does not begin with `/`."],
        hint: Some("`ringtail subscriptions filters` lists the short names; a path begins with /"),
        sections: &["6"],
    }
    CLOUD_NOT_FOUND = "RT-711", ends(NoData); {
        meaning: "No subscription has this id, or several begin with it.",
        causes: &[
            "It has expired or was deleted.",
            "It belongs to another user or app: RingCentral shows only this login's.",
        ],
        hint: Some("`ringtail subscriptions list --all` lists them"),
        sections: &["3.5", "4.4"],
    }
    CLOUD_CONFIRM = "RT-712", ends(Usage); {
        meaning: "The command would delete subscriptions, and --yes is missing. Nothing was deleted.",
        causes: &["The command lists first."],
        hint: Some("add --yes to delete what is listed"),
    }
    CLOUD_SEVERAL = "RT-713", ends(Failure); {
        meaning: "Several active subscriptions deliver to the same address, so events arrive more than once.",
        causes: &[
            "Another machine or program created one for this address.",
            "A start of an app created one, and none was deleted.",
        ],
        next: &["`ringtail subscriptions list`", "`ringtail subscriptions delete ID --yes`"],
        sections: &["2.8"],
    }
    CLOUD_ADDRESS = "RT-714", ends(NotAccepted); {
        meaning: "RingCentral would refuse the endpoint's address, so no subscription was created; the rows say why.",
        causes: &["The relay's certificate, name or port is not what RingCentral needs."],
        next: &["Follow the row's `fix:`.", "`ringtail check URL --verbose`", "Add --no-check to let RingCentral decide."],
        sections: &["1.3", "1.6"],
    }
    CLOUD_DISABLED = "RT-715", ends(NotAccepted); {
        meaning: "The subscription is active, but RingCentral has disabled event filters that are wanted: it sends nothing for them.",
        causes: &[
            "The user of the login lacks a permission that the filter needs, such as for another extension.",
            "The app lacks the filter's scope, or the account lacks the feature.",
        ],
        next: &[
            "Give user or app what the reason names; `ringtail subscriptions filters` lists the scopes.",
            "Run the command again, or leave the filter out.",
        ],
        sections: &["4.2", "6"],
    }
}
