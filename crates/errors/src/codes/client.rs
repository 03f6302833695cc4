//! What `ringtail` says when it fails.

use super::{Exit::*, Origin, codes, ends};

codes! {
    FAILED = "RT-100", ends(Failure); {
        meaning: "Something failed that has no code of its own.",
        causes: &[
            "stdout cannot be written: the disk that it goes to is full.",
            "A file that the command was to write cannot be written.",
            "The system refused threads or memory.",
        ],
        next: &["Read the causes after the colons; the first is what was tried, the last what the system said."],
    }
    USAGE = "RT-101", ends(Usage); {
        meaning: "The command line is wrong.",
        causes: &["An argument is missing, unknown, out of range, or does not go with another."],
        next: &["ringtail --help", "ringtail COMMAND --help"],
    }
    TARGET = "RT-102", ends(Usage); {
        meaning: "What was given as the app's address cannot be one.",
        causes: &["A port is missing or out of range.", "The scheme is neither http nor https.", "It has a user, password or #fragment."],
        next: &["ringtail listen 3000", "ringtail listen http://localhost:3000/hooks"],
    }
    ADDRESS = "RT-103", ends(Usage); {
        meaning: "What was given to be checked cannot be a webhook address.",
        causes: &["The scheme or host is missing.", "The scheme is neither https nor http.", "It has a user or password."],
        next: &["ringtail check https://hooks.example.com/ringcentral"],
        sections: &["1.6"],
    }
    NOT_ACCEPTED = "RT-104", ends(NotAccepted); {
        meaning: "`ringtail check` found something that RingCentral would refuse; the rows on stdout say what.",
        causes: &["The row marked FAIL, with the SUB- code it would earn."],
        next: &["Do what the row's `fix:` says.", "ringtail explain SUB-524    or whichever code the row has"],
        sections: &["1.3", "4.8"],
    }
    UNKNOWN_CODE = "RT-105", ends(NoData); {
        meaning: "`ringtail explain` does not know the code, or found none in what was pasted.",
        causes: &[
            "A spelling mistake.",
            "A code of RingCentral's that has nothing to do with webhooks.",
            "The pasted text has no error code, nor a reason that RingCentral records.",
        ],
        next: &["ringtail explain --list", "For other parts of RingCentral's API: its own list of error codes."],
        sections: &["4.8"],
    }
    NO_DATA = "RT-106", ends(NoData); {
        meaning: "What was asked for is not there, or is not one thing.",
        causes: &[
            "The event is older than what the history keeps, or of another --data.",
            "The number is of another endpoint.",
            "The beginning of an id fits several events.",
        ],
        next: &["ringtail events list", "ringtail events show ENDPOINT/NUMBER"],
    }
    SELECTOR = "RT-107", ends(Usage); {
        meaning: "What was given cannot name an event.",
        causes: &["It is no number (17), range (17..20), or beginning of an id (0199a1b2-).", "The range runs backwards."],
        next: &["ringtail events list"],
    }
    FILTER = "RT-108", ends(Usage); {
        meaning: "The filter cannot be understood. The caret under it shows where.",
        causes: &[
            "A word or a kind is spelt in another way.",
            "A text has a sign in it that joins or compares, and no quotes around it.",
            "The shell took the quotes, or a | or & for its own: put the whole filter in single quotes.",
        ],
        next: &["docs/FILTER.md has the whole language.", "ringtail events list 'kind:sms \"going away\"'"],
    }
    CONFIG = "RT-200", ends(Config); {
        meaning: "The configuration is wrong or incomplete.",
        causes: &["A variable holds what it cannot hold.", "There is no home directory for configuration and history."],
        next: &["See docs/OUTPUT.md, Configuration.", "Name --config and --data, or set RINGTAIL_CONFIG and RINGTAIL_DATA."],
    }
    NO_RELAY = "RT-201", ends(Config); {
        meaning: "It is not known which relay to ask.",
        causes: &["Nobody has logged in on this machine yet.", "Another --config was used when that was done."],
        hint: Some("run `ringtail login https://your.relay`; `ringtail-relay serve --dev` tries one on this machine"),
        next: &[
            "ringtail login https://your.relay",
            "ringtail-relay serve --dev    tries a relay on this machine, and prints what comes next",
            "ringtail-relay serve --domain NAME    on a machine with a public name is one that RingCentral reaches",
        ],
    }
    NO_TOKEN = "RT-202", ends(Config); {
        meaning: "The relay is known, and there is no token for it. A login's token is for its own relay alone.",
        causes: &["The login is for another relay.", "RINGTAIL_RELAY or --relay is set, and RINGTAIL_TOKEN is not."],
        next: &["ringtail login https://your.relay", "Set RINGTAIL_TOKEN where nobody can be asked, as in CI."],
    }
    RELAY_URL = "RT-203", ends(Config); {
        meaning: "The relay's URL cannot be one. A token never travels in the clear, so it begins with https://.",
        causes: &["It begins with http://.", "It has a path, such as an endpoint's: give host and port alone."],
        next: &["ringtail login https://your.relay:8443"],
    }
    BAD_TOKEN = "RT-204", ends(Config); {
        meaning: "What was given as a token cannot be one: tokens are visible ASCII without spaces.",
        causes: &["It was copied with something around it.", "It is empty."],
        next: &["ringtail-relay accounts rotate NAME    on the relay prints a new one"],
    }
    CONFIG_FILE = "RT-205", ends(Config); {
        meaning: "The configuration file is missing, cannot be read, or has a mistake in it. A key that does not exist is one.",
        causes: &["A key is misspelt.", "--config or RINGTAIL_CONFIG names no file.", "The file belongs to another user."],
        next: &["See docs/OUTPUT.md, Configuration."],
    }
    LOGIN_OPEN = "RT-206", ends(Config); {
        meaning: "The file of the login must be readable by its owner alone.",
        causes: &["It was copied, restored or made by hand with other permissions."],
        next: &["chmod 600 FILE", "If others may have read it: ringtail-relay accounts rotate NAME, and log in again."],
    }
    LOGIN_FILE = "RT-207", ends(Config); {
        meaning: "The file of the login cannot be read or written.",
        causes: &["Its directory belongs to another user.", "The disk is full or read-only.", "The file was changed by hand."],
        next: &["ringtail login https://your.relay", "Name another place with --config."],
    }
    CERTIFICATES = "RT-208", ends(Config); {
        meaning: "The authorities that are to be trusted cannot be used.",
        causes: &["RINGTAIL_CA or --ca names no file, or one that is not PEM.", "This machine has no trusted certificates."],
        hint: Some("RINGTAIL_CA names a PEM file, such as the one that the relay prints"),
        next: &["Name the PEM file that `ringtail-relay serve --dev` prints.", "Install the system's ca-certificates."],
    }
    SECRET = "RT-209", ends(Config); {
        meaning: "A variable holds something that cannot be a secret of RingCentral's, or a secret that is needed is missing.",
        causes: &["It was copied with spaces or a line end.", "RINGTAIL_SOURCE_SDK_SECRET is not set, and its calls are always signed."],
        next: &["ringtail simulate --help    names the variables"],
        sections: &["3.3", "7.2", "7.5"],
    }
    UNAVAILABLE = "RT-300", ends(Unavailable); {
        meaning: "The relay cannot be reached, or cannot do it now.",
        causes: &["The relay is starting, stopping or overloaded."],
        next: &["Try again in a moment; `ringtail listen` does so by itself."],
    }
    RELAY_NAME = "RT-301", ends(Unavailable); {
        meaning: "The relay's name has no address.",
        causes: &["A spelling mistake in the relay's URL.", "This machine is offline, or its name server is."],
        hint: Some("check the relay's name and this machine's network"),
        next: &["getent hosts NAME", "ringtail login https://your.relay    to set another"],
    }
    RELAY_REFUSED = "RT-302", ends(Unavailable); {
        meaning: "The relay's machine is there, and nothing listens at the port.",
        causes: &["ringtail-relay does not run.", "The port is another one."],
        hint: Some("check that ringtail-relay runs there, and its port"),
        next: &["On the relay: ringtail-relay serve …", "Give the port in the relay's URL."],
    }
    RELAY_UNREACHABLE = "RT-303", ends(Unavailable); {
        meaning: "The network does not lead to the relay, or it does not answer in time.",
        causes: &["This machine is offline, or behind a firewall that keeps it in.", "The relay's machine is off.", "A firewall before the relay drops the port."],
        next: &["curl -v https://your.relay", "Try another network."],
    }
    RELAY_TLS = "RT-304", ends(Unavailable); {
        meaning: "The relay's certificate is not trusted, or what listens there speaks no TLS.",
        causes: &[
            "The relay has a certificate of its own (--dev), and its authority is not named.",
            "The certificate is for another name, or has expired.",
            "A proxy between here and there opens TLS.",
        ],
        next: &["Log in with the command that `ringtail-relay serve --dev` prints: it names the authority in RINGTAIL_CA.", "ringtail check https://your.relay/"],
    }
    NOT_A_RELAY = "RT-305", ends(Unavailable); {
        meaning: "Something answers there, and it is no relay of Ringtail's.",
        causes: &["The URL is another server's.", "A proxy before the relay answers in its place."],
        next: &["ringtail login https://your.relay"],
    }
    RELAY_BROKE = "RT-306", ends(Unavailable); {
        meaning: "The relay or something between hung up, or did not answer in time.",
        causes: &["The relay was restarted.", "The network changed.", "A proxy before the relay gave up."],
        next: &["Try again."],
    }
    UNAUTHORIZED = "RT-310", ends(Refused); {
        meaning: "The relay does not know the token.",
        causes: &[
            "The token was rotated or the account revoked.",
            "The token is another relay's, or the account was added with another --data than the relay serves from.",
        ],
        next: &["ringtail-relay accounts rotate NAME    on the relay prints a new token", "ringtail login https://your.relay"],
    }
    NO_ENDPOINT = "RT-311", ends(Refused); {
        meaning: "The endpoint does not exist on this relay, or belongs to another account.",
        causes: &["The relay's data was replaced.", "The login is for another account."],
        next: &["ringtail listen --endpoint NAME    makes one of that name"],
    }
    BAD_NAME = "RT-312", ends(Usage); {
        meaning: "The name cannot be an endpoint's: a-z, 0-9 and single hyphens within, at most 32 characters.",
        causes: &["Capitals, spaces or underscores in --endpoint, or in endpoint of the configuration file."],
        next: &["ringtail listen --endpoint my-app 3000"],
    }
    VERSION = "RT-313", ends(Protocol); {
        meaning: "Relay and client speak different versions of the link.",
        causes: &["One of them was updated, and the other was not."],
        next: &["ringtail --version", "ringtail-relay --version", "Install the version that the relay's message names."],
    }
    REFUSED = "RT-314", ends(Refused); {
        meaning: "The relay refused for a reason of its own, which it tells.",
        causes: &["The account has as many endpoints as it may have.", "The client asked for something that this relay does not know."],
        next: &["Do what the relay's message says."],
    }
    HISTORY_FILES = "RT-400", ends(Failure); {
        meaning: "The directory or the file of the history cannot be made.",
        causes: &["The directory belongs to another user.", "The disk is full or read-only."],
        next: &["Name another directory with --data or RINGTAIL_DATA."],
    }
    HISTORY_OPEN = "RT-401", ends(Failure); {
        meaning: "The history cannot be opened, or the system refused what it needs.",
        causes: &["The file is damaged.", "The disk is failing, or a file system that locks nothing."],
        next: &["Move the file away; a new one is made.", "Name another directory with --data."],
    }
    HISTORY_NEWER = "RT-402", ends(Failure); {
        meaning: "A newer version has changed the history in a way that this one does not know.",
        causes: &["An older ringtail was installed, or two are in the PATH."],
        next: &["ringtail --version", "Install the newer version, or name another directory with --data."],
    }
    HISTORY_FOREIGN = "RT-403", ends(Failure); {
        meaning: "The file where the history should be is a database of another program.",
        causes: &["--data or RINGTAIL_DATA names another program's directory."],
        next: &["Name another directory with --data."],
    }
    HISTORY_READ = "RT-404", ends(Failure); {
        meaning: "SQLite could not read the history.",
        causes: &["The disk is failing.", "The file was changed or removed meanwhile."],
        next: &["Check the disk, and try again."],
    }
    HISTORY_WRITE = "RT-405", ends(Failure); {
        meaning: "SQLite could not write the history.",
        causes: &["The disk is full.", "The file was changed or removed meanwhile."],
        next: &["df -h", "Make room, and try again: the relay keeps what the history does not have."],
    }
    LISTENING = "RT-406", ends(Failure); {
        meaning: "One history has one listener for each endpoint.",
        causes: &["`ringtail listen` runs in another terminal."],
        hint: Some("stop it, or give this one another --endpoint or --data"),
        next: &["Stop that one, or give this one another --endpoint or --data."],
    }
    LOCK = "RT-407", ends(Failure); {
        meaning: "The file that keeps a second listener away cannot be made or locked.",
        causes: &["The data directory belongs to another user.", "Its file system knows no locks."],
        next: &["Name another directory with --data."],
    }
    TARGET_TLS = "RT-408", ends(Config); {
        meaning: "An https target is judged by the system's certificates, and those cannot be read.",
        causes: &["This machine has no trusted certificates."],
        next: &["ringtail listen https://localhost:3000 --insecure", "Install the system's ca-certificates."],
    }
    NO_REPLAY = "RT-409", ends(Failure); {
        meaning: "The event cannot be sent once more.",
        causes: &[
            "It is to be signed anew (`--sign`), and the secret for its kind is not configured; the message says which.",
            "It was removed by age.",
            "The relay sent a request that could not be read.",
        ],
        next: &[
            "Set the variable that the hint names (RINGTAIL_VERIFICATION_TOKEN and its like), or leave `--sign` out.",
            "ringtail events list",
        ],
    }
    UNANSWERED = "RT-410", ends(Failure); {
        meaning: "The app did not answer what was sent to it once more.",
        causes: &["The app does not run, or listens elsewhere."],
        next: &["ringtail explain no-answer", "ringtail replay EVENT --target 3000"],
    }
    REJECTED = "RT-411", Origin::Ringtail { exit: None }; {
        meaning: "The request's proof of origin is wrong or missing, and `reject_forged` is on: the app does not see it. A notification was answered 200 at the edge and is kept in the history; a passthrough request was answered 403.",
        causes: &[
            "Somebody else than RingCentral sent it.",
            "The secret that is configured is not that of the subscription or app.",
            "The request was signed with an older secret.",
            "A proxy in front of the relay removes the header or changes the body.",
        ],
        next: &[
            "ringtail events show EVENT    shows which proof it is, and whether it is wrong or missing",
            "ringtail events show EVENT --reveal    shows the secret that came, to compare it",
            "ringtail replay EVENT --sign    sends it to the app all the same, signed with the configured secret",
        ],
        sections: &["3.2", "7.1", "7.2", "7.5"],
    }
    ANSWERS_CHANGED = "RT-412", ends(NotAccepted); {
        meaning: "The app answers a recorded event otherwise than it did before: `replay --compare` looks at status, headers and body.",
        causes: &[
            "The app's code changed what it answers.",
            "The app keeps state that the event found otherwise.",
            "A header or field differs every time: name it with --ignore.",
        ],
        next: &[
            "ringtail events diff EVENT --answers    shows what is different",
            "ringtail replay --compare --ignore FIELD …",
        ],
    }
    EDITED = "RT-413", ends(Usage); {
        meaning: "`replay --edit` got no request out of the editor. Nothing was sent, and the file with what was written is kept.",
        causes: &[
            "The editor could not be started, or ended with a failure.",
            "The line that is named is no request line (POST /path) or no header (name: value).",
            "What stands in base64 was changed.",
        ],
        next: &[
            "The hint names the file.",
            "Set VISUAL or EDITOR to an editor that waits until the file is closed, such as `code --wait`.",
        ],
    }
    SCENARIO = "RT-420", ends(Usage); {
        meaning: "The scenario cannot be played: it is not written as scenarios are, or a value is missing or unused.",
        causes: &["A key, kind or value is misspelt.", "A step uses a name that nothing gives a value."],
        next: &["ringtail simulate --list", "See docs/SIMULATE.md."],
    }
    SIMULATED_REFUSAL = "RT-421", ends(Failure); {
        meaning: "The simulated validation failed: RingCentral would not have created the subscription.",
        causes: &[
            "The app does not echo Validation-Token, or answers another status than 200, or too late, or too much.",
            "The app has a certificate of its own, which RingCentral does not trust.",
        ],
        next: &[
            "ringtail check URL",
            "ringtail simulate SCENARIO --to URL --no-validation",
            "ringtail simulate SCENARIO --to URL    with the URL that `ringtail listen` shows, which has a certificate",
        ],
        sections: &["1.3", "4.8"],
    }
    SIMULATED_BLACKLIST = "RT-422", ends(Failure); {
        meaning: "The app's answers failed for 10 minutes of simulated time: RingCentral would have given the subscription up.",
        causes: &["The app is slow, down, or answers something else than 200 in under 1024 bytes."],
        next: &["ringtail explain late    or status, size, no-answer: the verdict shown", "Delete the subscription and create it anew, where it has happened."],
        sections: &["2.5", "2.6"],
    }
    ASSERTION = "RT-423", ends(Failure); {
        meaning: "`simulate --assert` found answers that are not what the scenario or RingCentral asks for.",
        causes: &["The lines before say which answer, and what is wrong with it."],
        next: &["ringtail explain late    or status, size, no-answer: the verdict shown"],
        sections: &["2.5"],
    }
}
