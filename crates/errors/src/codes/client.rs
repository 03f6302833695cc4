//! What `ringtail` ends with.

use super::entry::{codes, ends};
use crate::{Exit::*, Origin};

codes! {
    FAILED = "RT-100", ends(Failure); {
        meaning: "Something failed that has no code of its own.",
        causes: &[
            "The disk behind stdout or an output file is full.",
            "The system refused threads, memory, random bytes or signals.",
        ],
        next: &["Read the causes after the colons: the first is what was tried, the last what the system reported."],
    }
    USAGE = "RT-101", ends(Usage); {
        meaning: "The command line is wrong.",
        causes: &["An argument is missing, unknown, out of range, or conflicts with another."],
        next: &["`ringtail COMMAND --help` or `ringtail-relay COMMAND --help`"],
    }
    TARGET = "RT-102", ends(Usage); {
        meaning: "The target is not a valid address of an app.",
        causes: &["The port is missing or out of range.", "The scheme is neither http nor https.", "It has a user, a password or a #fragment."],
        next: &["`ringtail listen 3000`", "`ringtail listen http://localhost:3000/hooks`"],
    }
    ADDRESS = "RT-103", ends(Usage); {
        meaning: "The URL to check is not a valid webhook address.",
        causes: &["The scheme or the host is missing.", "The scheme is neither https nor http.", "It has a user or a password."],
        next: &["`ringtail check https://hooks.example.com/ringcentral`"],
        sections: &["1.6"],
    }
    NOT_ACCEPTED = "RT-104", ends(NotAccepted); {
        meaning: "`ringtail check` found something that RingCentral would refuse; the rows on stdout say what.",
        causes: &["The row marked FAIL, with the SUB- code that it would earn."],
        next: &["Follow the row's `fix:`.", "`ringtail explain SUB-524`, or the code in the row"],
        sections: &["1.3", "4.8"],
    }
    UNKNOWN_CODE = "RT-105", ends(NoData); {
        meaning: "`ringtail explain` does not know the code, or found no code, message or question that it knows in the text.",
        causes: &[
            "The code is misspelt.",
            "It is a RingCentral code that has nothing to do with webhooks.",
            "The text has no error code, no message of RingCentral's, and no word that points to one.",
        ],
        next: &["`ringtail check URL` tests a webhook address as RingCentral would.", "`ringtail explain --list`", "For other parts of RingCentral's API, see its own list of error codes."],
        sections: &["4.8"],
    }
    NO_DATA = "RT-106", ends(NoData); {
        meaning: "The history does not have the event, the name fits several events, or a file has no event to import.",
        causes: &[
            "The event is older than the history keeps, or is in another --data directory.",
            "The number belongs to another endpoint.",
            "Several ids begin with the given text.",
            "`ringtail import` got something else than a recording, or entries of it cannot be read.",
        ],
        next: &["`ringtail events list`", "`ringtail events show ENDPOINT/NUMBER`", "`ringtail import FILE`, with a file of `ringtail export` or a HAR archive"],
    }
    SELECTOR = "RT-107", ends(Usage); {
        meaning: "The text cannot name an event.",
        causes: &["It is not a number (17), a range (17..20) or the beginning of an id (0199a1b2-).", "The range is reversed."],
        next: &["`ringtail events list`"],
    }
    FILTER = "RT-108", ends(Usage); {
        meaning: "The filter cannot be parsed. The caret shows where.",
        causes: &[
            "A word or a kind is misspelt.",
            "A text with an operator in it is not quoted.",
            "The shell took the quotes, | or &: put the whole filter in single quotes.",
        ],
        next: &["See docs/FILTER.md.", "`ringtail events list 'kind:sms \"going away\"'`"],
    }
    NOT_IN_TIME = "RT-109", ends(Failure); {
        meaning: "`ringtail wait` did not see enough matching events in time.",
        causes: &[
            "`ringtail listen` does not run, or with another --data directory.",
            "The events came before `wait` started.",
            "The filter asks for more than the events have, such as status:2xx while the app answers 500.",
        ],
        next: &["`ringtail events list`", "`ringtail wait FILTER --since -1m`"],
    }
    CONFIG = "RT-200", ends(Config); {
        meaning: "The configuration is wrong or incomplete.",
        causes: &["A variable has an invalid value.", "There is no home directory for configuration and history."],
        next: &["See docs/OUTPUT.md, Configuration.", "Set --config and --data, or RINGTAIL_CONFIG and RINGTAIL_DATA."],
    }
    NO_RELAY = "RT-201", ends(Config); {
        meaning: "No relay is configured.",
        causes: &["You have not logged in on this machine.", "The login used another --config."],
        hint: Some("run `ringtail login https://your.relay`; `ringtail-relay serve --dev` tries one on this machine"),
        next: &["`ringtail-relay serve --domain NAME`, on a machine with a public name, is a relay that RingCentral reaches"],
    }
    NO_TOKEN = "RT-202", ends(Config); {
        meaning: "There is no token for the relay. A login's token is used for its own relay only.",
        causes: &["The login is for another relay.", "RINGTAIL_RELAY or --relay is set, and RINGTAIL_TOKEN is not."],
        next: &["`ringtail login https://your.relay`", "Set RINGTAIL_TOKEN where nobody can type it, such as in CI."],
    }
    RELAY_URL = "RT-203", ends(Config); {
        meaning: "The text is not the URL of a relay. It begins with https://, because a token is never sent in the clear.",
        causes: &["It begins with http://.", "It has a path, such as an endpoint's: give host and port only."],
        hint: Some("a relay is named as https://your.relay, or https://your.relay:8443 with a port"),
        next: &["`ringtail login https://your.relay:8443`"],
    }
    BAD_TOKEN = "RT-204", ends(Config); {
        meaning: "The text is not a token: tokens are visible ASCII without spaces.",
        causes: &["It was copied with something around it.", "It is empty."],
        next: &["`ringtail-relay accounts rotate NAME`, on the relay, prints a new one"],
    }
    CONFIG_FILE = "RT-205", ends(Config); {
        meaning: "The configuration file is missing, cannot be read, or has a mistake. An unknown key is a mistake.",
        causes: &["A key is misspelt.", "--config or RINGTAIL_CONFIG names no file.", "The file belongs to another user."],
        next: &["See docs/OUTPUT.md, Configuration."],
    }
    LOGIN_OPEN = "RT-206", ends(Config); {
        meaning: "The login file holds a token, and other users can read it.",
        causes: &["It was copied, restored or created by hand with other permissions."],
        next: &["`chmod 600 FILE`", "If others may have read it: `ringtail-relay accounts rotate NAME`, then log in again."],
    }
    LOGIN_FILE = "RT-207", ends(Config); {
        meaning: "The login file cannot be read or written.",
        causes: &["Its directory belongs to another user.", "The disk is full or read-only.", "The file was changed by hand."],
        next: &["`ringtail login https://your.relay`", "Choose another file with --config."],
    }
    CERTIFICATES = "RT-208", ends(Config); {
        meaning: "The certificate authorities to trust cannot be used.",
        causes: &["RINGTAIL_CA or --ca names no file, or one that is not PEM.", "This machine has no trusted certificates."],
        hint: Some("--ca or RINGTAIL_CA names a PEM file, such as the one that the relay prints"),
        next: &["Install the system's ca-certificates."],
    }
    SECRET = "RT-209", ends(Config); {
        meaning: "A configured secret is not valid, or a required one is missing.",
        causes: &["It was copied with spaces or a line end.", "RINGTAIL_SOURCE_SDK_SECRET is not set, and source SDK calls are always signed."],
        next: &["`ringtail simulate --help` lists the variables"],
        sections: &["3.3", "7.2", "7.5"],
    }
    PROXY_URL = "RT-210", ends(Config); {
        meaning: "The proxy that the environment names cannot be used.",
        causes: &["HTTPS_PROXY or ALL_PROXY is misspelt.", "The proxy is reached by TLS (https://) or SOCKS 4."],
        hint: Some("set HTTPS_PROXY to http://host:port or socks5://host:port, or unset it"),
        next: &["`env | grep -i proxy`"],
    }
    UNAVAILABLE = "RT-300", ends(Unavailable); {
        meaning: "The relay cannot answer right now.",
        causes: &["The relay is starting, stopping or overloaded."],
        next: &["Try again in a moment; `ringtail listen` retries by itself."],
    }
    RELAY_NAME = "RT-301", ends(Unavailable); {
        meaning: "The relay's name does not resolve.",
        causes: &["The relay's URL is misspelt.", "This machine or its name server is offline."],
        hint: Some("check the relay's name and this machine's network"),
        next: &["`getent hosts NAME`", "`ringtail login https://your.relay` sets another relay"],
    }
    RELAY_REFUSED = "RT-302", ends(Unavailable); {
        meaning: "The relay's machine is up, and nothing listens on the port.",
        causes: &["ringtail-relay is not running.", "The port is wrong."],
        hint: Some("check that ringtail-relay runs there, and its port"),
        next: &["Start `ringtail-relay serve` on the relay's machine.", "Put the port in the relay's URL."],
    }
    RELAY_UNREACHABLE = "RT-303", ends(Unavailable); {
        meaning: "The network does not reach the relay, or the relay did not answer in time.",
        causes: &["This machine is offline, or a firewall blocks outgoing connections.", "The relay's machine is off.", "A firewall in front of the relay drops the port."],
        next: &["`curl -v https://your.relay`", "Try another network."],
    }
    RELAY_TLS = "RT-304", ends(Unavailable); {
        meaning: "The relay's certificate is not trusted, or the port does not speak TLS.",
        causes: &[
            "The relay uses its own certificate (--dev), and its authority is not configured.",
            "The certificate is for another name, or has expired.",
            "This machine's clock is wrong, so that the certificate seems to have expired or not to be valid yet.",
            "A proxy in between intercepts TLS.",
        ],
        next: &["Log in with the command that `ringtail-relay serve --dev` prints: it sets RINGTAIL_CA.", "`date`, and set the clock by the network", "`ringtail check https://your.relay/`"],
    }
    NOT_A_RELAY = "RT-305", ends(Unavailable); {
        meaning: "Something answers at the URL, and it is not a Ringtail relay.",
        causes: &["The URL belongs to another server.", "A proxy in front of the relay answers in its place."],
        next: &["`ringtail login https://your.relay`"],
    }
    RELAY_BROKE = "RT-306", ends(Unavailable); {
        meaning: "The connection to the relay broke.",
        causes: &["The relay restarted.", "The network changed.", "A proxy in front of the relay closed the connection."],
        next: &["Try again."],
    }
    PROXY = "RT-307", ends(Unavailable); {
        meaning: "The proxy that HTTPS_PROXY or ALL_PROXY names cannot be reached, or gives no connection.",
        causes: &["The proxy is for another network.", "It wants a user name and password.", "It allows only known hosts, or only port 443."],
        hint: Some("check HTTPS_PROXY and ALL_PROXY, or put the host into NO_PROXY to connect directly"),
        next: &["`env | grep -i proxy`", "`curl -v https://your.relay` uses the same proxy"],
    }
    CANARY = "RT-308", ends(Unavailable); {
        meaning: "A canary was lost: events of RingCentral would not arrive either, or not reach the app.",
        causes: &[
            "`ringtail listen` does not run on the endpoint, or with another --data directory.",
            "The link hangs, or the history cannot store.",
            "The app is down, or its port is another.",
        ],
        next: &["`ringtail canary`, which names the hop", "`ringtail listen`", "`ringtail-relay status`, on the relay"],
    }
    UNAUTHORIZED = "RT-310", ends(Refused); {
        meaning: "The relay does not accept the token.",
        causes: &[
            "The token was rotated or the account revoked.",
            "The token is for another relay, or the account was added with another --data than the relay serves.",
        ],
        next: &["`ringtail-relay accounts rotate NAME`, on the relay, prints a new token", "`ringtail login https://your.relay`"],
    }
    NO_ENDPOINT = "RT-311", ends(Refused); {
        meaning: "The endpoint does not exist on this relay, or belongs to another account.",
        causes: &["The relay's data was replaced.", "The login is for another account."],
        next: &["`ringtail listen --endpoint NAME` creates it"],
    }
    BAD_NAME = "RT-312", ends(Usage); {
        meaning: "The endpoint's name is not valid: use a-z, 0-9 and single hyphens inside, at most 32 characters.",
        causes: &[
            "Capitals, spaces or underscores in --endpoint, or in `endpoint` of the configuration file.",
            "`ringtail import --endpoint` names an endpoint that receives events of a relay.",
        ],
        next: &["`ringtail listen --endpoint my-app 3000`"],
    }
    VERSION = "RT-313", ends(Protocol); {
        meaning: "Relay and client speak different versions of the link.",
        causes: &["Only one of them was updated."],
        next: &["`ringtail --version` and `ringtail-relay --version`", "Install the version that the relay's message names."],
    }
    REFUSED = "RT-314", ends(Refused); {
        meaning: "The relay refused; its message says why.",
        causes: &["The account has reached its limit of endpoints.", "The client requested something that this relay does not know."],
        next: &["Follow the relay's message."],
    }
    HISTORY_FILES = "RT-400", ends(Failure); {
        meaning: "The directory or the file of the history cannot be created.",
        causes: &["The directory belongs to another user.", "The disk is full or read-only.", "--data or RINGTAIL_DATA names a file."],
        hint: Some("check the directory's owner and its disk, or choose another with --data or RINGTAIL_DATA"),
    }
    HISTORY_OPEN = "RT-401", ends(Failure); {
        meaning: "The history cannot be opened.",
        causes: &["The disk is full; the hint says so.", "The file is damaged.", "The disk is failing, or the file system does not support locks."],
        next: &["`df -h`, and free space if the disk is full", "Otherwise move the file away; `ringtail` creates a new one.", "Choose another directory with --data."],
    }
    HISTORY_NEWER = "RT-402", ends(Failure); {
        meaning: "A newer version of ringtail wrote the history.",
        causes: &["An older ringtail was installed, or two are in the PATH."],
        hint: Some("install that version, or choose another directory with --data or RINGTAIL_DATA"),
        next: &["`ringtail --version`"],
    }
    HISTORY_FOREIGN = "RT-403", ends(Failure); {
        meaning: "The history's file is another program's database.",
        causes: &["--data or RINGTAIL_DATA names another program's directory."],
        hint: Some("choose another directory with --data or RINGTAIL_DATA, or move the file away"),
    }
    HISTORY_READ = "RT-404", ends(Failure); {
        meaning: "SQLite cannot read the history.",
        causes: &["The disk is failing.", "The file was changed or removed while in use."],
        next: &["Check the disk, and try again."],
    }
    HISTORY_WRITE = "RT-405", ends(Failure); {
        meaning: "SQLite cannot write the history.",
        causes: &["The disk is full.", "The file was changed or removed while in use."],
        hint: Some("free space in the data directory, or choose another with --data"),
        next: &["`df -h`", "Free space, and try again: the relay keeps the events that the history lacks."],
    }
    LISTENING = "RT-406", ends(Failure); {
        meaning: "Another client already listens on the endpoint with this history.",
        causes: &["`ringtail listen` runs in another terminal."],
        hint: Some("stop it, or give this one another --endpoint or --data"),
    }
    LOCK = "RT-407", ends(Failure); {
        meaning: "The lock file that prevents a second listener cannot be created or locked.",
        causes: &["The data directory belongs to another user.", "Its file system does not support locks."],
        next: &["Choose another directory with --data."],
    }
    TARGET_TLS = "RT-408", ends(Config); {
        meaning: "The system's trusted certificates, which verify an https target, cannot be read.",
        causes: &["This machine has no trusted certificates."],
        next: &["`ringtail listen https://localhost:3000 --insecure`", "Install the system's ca-certificates."],
    }
    NO_REPLAY = "RT-409", ends(Failure); {
        meaning: "The event cannot be replayed.",
        causes: &[
            "--sign is set, and the secret for this kind is not configured; the message says which.",
            "Retention deleted the event.",
            "The stored request cannot be decoded.",
        ],
        next: &["Set the variable in the hint (RINGTAIL_VERIFICATION_TOKEN and the like), or omit --sign.", "`ringtail events list`"],
    }
    UNANSWERED = "RT-410", ends(Failure); {
        meaning: "The app did not answer a replayed event.",
        causes: &["The app is not running, or listens elsewhere."],
        hint: Some("check that the app runs"),
        next: &["`ringtail explain no-answer`", "`ringtail replay EVENT --target 3000`"],
    }
    REJECTED = "RT-411", Origin::Ringtail { exit: None }; {
        meaning: "The request's signature or token is wrong or missing, and `reject_forged` is on, so the app did not get it. A notification was answered 200 and is in the history; a passthrough request was answered 403.",
        causes: &[
            "Someone other than RingCentral sent it.",
            "The configured secret belongs to another subscription or app.",
            "The request was signed with an older secret.",
            "A proxy in front of the relay removes the header or changes the body.",
        ],
        next: &[
            "`ringtail events show EVENT` shows which proof is wrong or missing",
            "`ringtail events show EVENT --reveal` shows the received secret",
            "`ringtail replay EVENT --sign` sends it to the app, signed with the configured secret",
        ],
        sections: &["3.2", "7.1", "7.2", "7.5"],
    }
    ANSWERS_CHANGED = "RT-412", ends(NotAccepted); {
        meaning: "The app's response to a recorded event differs from the one before: `replay --compare` compares status, headers and body.",
        causes: &[
            "The app's code changed.",
            "The app keeps state that changes its response.",
            "A header or field differs every time: exclude it with --ignore.",
        ],
        hint: Some("`ringtail events diff EVENT --answers` shows the difference"),
        next: &["`ringtail replay --compare --ignore FIELD EVENT`"],
    }
    EDITED = "RT-413", ends(Usage); {
        meaning: "`replay --edit` could not send the edited event. The edited file is kept.",
        causes: &[
            "The editor did not start, or failed.",
            "The named line is not a request line (POST /path) or a header (name: value).",
            "The base64 body was changed and is not valid.",
        ],
        next: &["The hint names the file.", "Set VISUAL or EDITOR to an editor that waits until the file is closed, such as `code --wait`."],
    }
    SCENARIO = "RT-420", ends(Usage); {
        meaning: "The scenario is not valid, or a value is missing or unused.",
        causes: &["A key, kind or value is misspelt.", "A step uses a name that has no value."],
        next: &["`ringtail simulate --list`", "See docs/SIMULATE.md."],
    }
    SIMULATED_REFUSAL = "RT-421", ends(Failure); {
        meaning: "The simulated validation failed: RingCentral would not have created the subscription.",
        causes: &[
            "The app does not echo Validation-Token, or its response is not 200, too late or too large.",
            "The app has its own certificate, which RingCentral does not trust.",
        ],
        next: &[
            "`ringtail check URL`",
            "`ringtail simulate SCENARIO --to URL --no-validation`",
            "`ringtail simulate SCENARIO --to URL`, with the URL that `ringtail listen` shows: the relay has a certificate",
        ],
        sections: &["1.3", "4.8"],
    }
    SIMULATED_BLACKLIST = "RT-422", ends(Failure); {
        meaning: "The app's responses failed for 10 minutes of simulated time: RingCentral would have blacklisted the subscription.",
        causes: &["The app is slow, down, or does not answer 200 in under 1024 bytes."],
        hint: Some("let the app answer 200 within 3 s, in under 1024 bytes"),
        next: &["`ringtail explain late`, or the verdict that is shown", "If it happened at RingCentral: delete the subscription and create it again."],
        sections: &["2.5", "2.6"],
    }
    ASSERTION = "RT-423", ends(Failure); {
        meaning: "`simulate --assert` found responses that the scenario or RingCentral does not accept.",
        causes: &["The lines before show which response, and what is wrong with it."],
        next: &["`ringtail explain late`, or the verdict that is shown"],
        sections: &["2.5"],
    }
}
