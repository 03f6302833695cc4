//! What `ringtail-relay` says when it does not start, or a command of its fails.

use super::{Exit::*, codes, ends};

codes! {
    RELAY_BIND = "RT-602", ends(Failure); {
        meaning: "The relay cannot listen at the address it was given.",
        causes: &[
            "Another program listens there.",
            "A port below 1024 needs privileges.",
            "The address is not one of this machine's.",
            "The service manager handed over another socket than one that listens for the relay.",
        ],
        next: &["ss -ltnp    shows who listens where", "ringtail-relay serve --listen 0.0.0.0:8443 …"],
    }
    RELAY_DATA_IN_USE = "RT-603", ends(Failure); {
        meaning: "One data directory serves one relay at a time.",
        causes: &["A relay is running already.", "Two services name the same directory."],
        hint: Some("stop that one, or name another directory with --data"),
        next: &["Stop the other one, or name another directory with --data."],
    }
    RELAY_DATA = "RT-604", ends(Failure); {
        meaning: "The relay cannot make or open its data directory or a file in it.",
        causes: &[
            "It belongs to another user.",
            "The file system is read-only or full.",
            "A command about a relay's accounts was given a directory without a relay's data.",
            "A lock in it is a symbolic link, which the relay does not follow.",
        ],
        hint: Some("name a directory that this user may write with --data"),
        next: &[
            "Name a directory that the relay's user may write with --data.",
            "Look where a link in it leads, and remove it.",
        ],
    }
    RELAY_DATABASE_NEWER = "RT-605", ends(Failure); {
        meaning: "A newer version has changed the database in a way that this one does not know.",
        causes: &["The relay was set back to an older version."],
        hint: Some("run the newer ringtail-relay again, or name another directory with --data"),
        next: &["Run the newer ringtail-relay again, or name another directory with --data."],
    }
    RELAY_DATABASE = "RT-606", ends(Failure); {
        meaning: "The relay's database, which holds events and accounts, cannot be opened or read.",
        causes: &[
            "The file belongs to another user or another program.",
            "The disk is full or failing.",
            "The file is damaged.",
        ],
        hint: Some("it must be a database of ringtail-relay that this user may read and write"),
        next: &["Check owner, free space and disk; then start again.", "Restore the file, or name another directory with --data."],
    }
    RELAY_CERTIFICATE = "RT-607", ends(Failure); {
        meaning: "The files of --cert and --key are not what a relay can show to RingCentral.",
        causes: &[
            "A file is missing, not PEM, or not readable for the relay's user.",
            "The chain is not in order: the relay's own certificate first, then each issuer.",
            "The key belongs to another certificate.",
            "--wildcard is given and no certificate is for *.DOMAIN.",
        ],
        next: &["Name certbot's fullchain.pem and privkey.pem.", "ringtail explain SUB-524"],
        sections: &["1.6"],
    }
    RELAY_OWN_CERTIFICATE = "RT-608", ends(Failure); {
        meaning: "`--dev` makes a certificate in the data directory, and could not.",
        causes: &["The directory cannot be written.", "A name in --public-url cannot stand in a certificate."],
        next: &["Name a directory that the relay's user may write with --data."],
    }
    RELAY_ACCOUNT_EXISTS = "RT-609", ends(Failure); {
        meaning: "Accounts have names of their own.",
        causes: &["The account was added before."],
        next: &["ringtail-relay accounts rotate NAME    gives it a new token"],
    }
    RELAY_NO_ACCOUNT = "RT-610", ends(Failure); {
        meaning: "Nobody has that name on this relay.",
        causes: &["A spelling mistake.", "--data names another directory than the relay's."],
        hint: Some("`accounts list` shows those that there are"),
        next: &["ringtail-relay accounts list"],
    }
    RELAY_ACME = "RT-611", ends(Failure); {
        meaning: "The relay cannot get certificates by itself, as --domain asks.",
        causes: &[
            "The file of --acme-ca is missing or holds no certificate.",
            "The data directory cannot be written.",
            "No relay that orders certificates serves from the directory in which a renewal was asked for.",
        ],
        next: &["Name the file with the roots of the authority at --acme-directory.", "ringtail-relay serve --domain hooks.example.com"],
    }
    RELAY_BACKUP = "RT-620", ends(Failure); {
        meaning: "`ringtail-relay backup` wrote no file.",
        causes: &["The file exists: a backup overwrites nothing.", "The disk is full, or the directory is another user's.", "The database is damaged."],
        next: &["Name a file that does not exist, on a disk with as much room as the database has."],
    }
    RELAY_RESTORE = "RT-621", ends(Failure); {
        meaning: "`ringtail-relay restore` changed nothing.",
        causes: &[
            "There is a database in the data directory.",
            "The file is not a backup, is damaged, or is of a newer ringtail-relay.",
        ],
        next: &["ringtail-relay restore FILE --force    moves the database that is there aside", "Take another backup."],
    }
    RELAY_NO_ENDPOINT = "RT-622", ends(Failure); {
        meaning: "No account of this relay has an endpoint of that name.",
        causes: &["A spelling mistake.", "--data names another directory than the relay's."],
        hint: Some("`endpoints list` shows those that there are"),
        next: &["ringtail-relay endpoints list"],
    }
    RELAY_PURGE = "RT-623", ends(Failure); {
        meaning: "Events were removed from the database; the file of its log may still hold their bytes.",
        causes: &["Something reads from the database for long, such as a backup that is being made."],
        hint: Some("wait until a running backup ends, then run the command again"),
        next: &["Wait for it to end, then run the command again."],
    }
    RELAY_DATA_OPEN = "RT-624", ends(Failure); {
        meaning: "The data directory holds people's messages, and other users of the machine may read it.",
        causes: &["--data names a directory that is not the relay's alone, such as a home directory."],
        hint: Some("name a directory of its own with --data, or close this one: chmod 700"),
        next: &["Name a directory for the relay alone with --data.", "chmod 700 DIR"],
    }
    RELAY_DATABASE_DAMAGED = "RT-630", ends(Failure); {
        meaning: "The relay's database, which holds events and accounts, is not as the relay wrote it. The relay does not \
            start, since what it would acknowledge might be lost.",
        causes: &[
            "The disk or the file system failed.",
            "The file was copied from a running relay without its write-ahead log (relay.db-wal).",
            "Another program wrote to the file, or deleted its write-ahead log.",
        ],
        hint: Some("keep a copy of the directory, then restore a backup or recover what is left: docs/OPERATING.md, \"A damaged database\""),
        next: &[
            "Copy the whole data directory first.",
            "Restore a backup, or recover what is left with sqlite3: docs/OPERATING.md says how.",
        ],
    }
}
