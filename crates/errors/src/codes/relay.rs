//! What `ringtail-relay` ends with.

use super::entry::{codes, ends};
use crate::Exit::*;

codes! {
    RELAY_BIND = "RT-602", ends(Failure); {
        meaning: "The relay cannot listen on the address.",
        causes: &[
            "Another program listens there.",
            "A port below 1024 needs privileges.",
            "The address is not one of this machine's.",
            "The service manager passed a socket that does not listen, or several sockets.",
        ],
        next: &["`ss -ltnp` shows who listens where", "`ringtail-relay serve --listen 0.0.0.0:8443`"],
    }
    RELAY_DATA_IN_USE = "RT-603", ends(Failure); {
        meaning: "Another relay serves from the data directory, or from the PostgreSQL database that is to be moved.",
        causes: &["A relay is already running.", "Two services use the same directory."],
        hint: Some("stop that one, or name another directory with --data"),
    }
    RELAY_DATA = "RT-604", ends(Failure); {
        meaning: "The data directory or a file in it cannot be used.",
        causes: &[
            "It belongs to another user.",
            "The file system is read-only or full.",
            "The directory of an administration command has no relay's data.",
            "A lock file is a symbolic link, which the relay does not follow.",
        ],
        hint: Some("name a directory that this user may write with --data"),
        next: &["If a lock is a link, check where it leads, and remove it."],
    }
    RELAY_DATABASE_NEWER = "RT-605", ends(Failure); {
        meaning: "A newer version of ringtail-relay wrote the database.",
        causes: &["The relay was downgraded."],
        hint: Some("run the newer ringtail-relay again, or name another directory with --data"),
    }
    RELAY_DATABASE = "RT-606", ends(Failure); {
        meaning: "The relay's database, with its events and accounts, cannot be opened or read.",
        causes: &[
            "The file belongs to another user or another program.",
            "The disk is full or failing.",
            "The file is damaged.",
        ],
        hint: Some("it must be a database of ringtail-relay that this user may read and write"),
        next: &["Check owner, free space and disk, then start again.", "Restore a backup, or name another directory with --data."],
    }
    RELAY_CERTIFICATE = "RT-607", ends(Failure); {
        meaning: "The certificate in --cert and --key cannot be used.",
        causes: &[
            "A file is missing, not PEM, or not readable by the relay's user.",
            "The chain is out of order: the relay's own certificate comes first, then each issuer.",
            "The key belongs to another certificate.",
            "--wildcard is given and no certificate is for *.DOMAIN.",
        ],
        next: &["Use certbot's fullchain.pem and privkey.pem.", "`ringtail explain SUB-524`"],
        sections: &["1.6"],
    }
    RELAY_OWN_CERTIFICATE = "RT-608", ends(Failure); {
        meaning: "The relay could not create its own certificate for --dev.",
        causes: &["The data directory cannot be written.", "A name in --public-url is not allowed in a certificate."],
        next: &["Name a directory that the relay's user may write with --data."],
    }
    RELAY_ACCOUNT_EXISTS = "RT-609", ends(Failure); {
        meaning: "An account of that name exists.",
        causes: &["The account was added before."],
        next: &["`ringtail-relay accounts rotate NAME` gives it a new token"],
    }
    RELAY_NO_ACCOUNT = "RT-610", ends(Failure); {
        meaning: "The relay has no account of that name.",
        causes: &["The name is misspelt.", "--data is not the relay's directory."],
        hint: Some("`accounts list` shows those that there are"),
    }
    RELAY_ACME = "RT-611", ends(Failure); {
        meaning: "The relay cannot order certificates, as --domain requests.",
        causes: &[
            "The file of --acme-ca is missing or holds no certificate.",
            "The data directory cannot be written.",
            "`certificate renew` was run on a directory whose relay does not run, or orders no certificates.",
        ],
        next: &["Name the file with the roots of the authority at --acme-directory.", "`ringtail-relay serve --domain hooks.example.com`"],
    }
    RELAY_BACKUP = "RT-620", ends(Failure); {
        meaning: "`ringtail-relay backup` wrote no file.",
        causes: &["The file exists: a backup overwrites nothing.", "The disk is full, or the directory belongs to another user.", "The database is damaged."],
        next: &["Name a new file, on a disk with as much space as the database has."],
    }
    RELAY_RESTORE = "RT-621", ends(Failure); {
        meaning: "`ringtail-relay restore` changed nothing.",
        causes: &["The data directory has a database.", "The file is not a backup, is damaged, or is from a newer ringtail-relay."],
        next: &["`ringtail-relay restore FILE --force` moves the existing database aside", "Use another backup."],
    }
    RELAY_NO_ENDPOINT = "RT-622", ends(Failure); {
        meaning: "No account of this relay has an endpoint of that name.",
        causes: &["The name is misspelt.", "--data is not the relay's directory."],
        hint: Some("`endpoints list` shows those that there are"),
    }
    RELAY_PURGE = "RT-623", ends(Failure); {
        meaning: "The events are deleted from the database, but the write-ahead log may still hold their bytes.",
        causes: &["A long read of the database, such as a backup, is running."],
        hint: Some("wait until a running backup ends, then run the command again"),
    }
    RELAY_DATA_OPEN = "RT-624", ends(Failure); {
        meaning: "Other users can enter the data directory, which holds people's messages.",
        causes: &["--data names a directory that is not the relay's alone, such as a home directory."],
        hint: Some("name a directory of its own with --data, or close this one: chmod 700"),
    }
    RELAY_POSTGRES = "RT-625", ends(Failure); {
        meaning: "The PostgreSQL database of --database cannot be reached or refuses.",
        causes: &[
            "The server is down, or the network between is.",
            "User, password or database is wrong, or the server's pg_hba.conf does not admit this machine.",
            "The server's certificate is not trusted: connections to other machines use TLS.",
            "The user may not create the schema `ringtail`.",
        ],
        hint: Some("try the same URL with psql"),
        next: &["`psql \"$RINGTAIL_RELAY_DATABASE\" -c 'SELECT 1'`", "docs/CLUSTER.md"],
    }
    RELAY_MIGRATE = "RT-626", ends(Failure); {
        meaning: "`ringtail-relay migrate` moved nothing.",
        causes: &["The target has accounts already.", "The source was changed while it was read."],
        hint: Some("name an empty database or directory as the target, and stop all relays of both"),
        next: &["docs/CLUSTER.md"],
    }
    RELAY_DATABASE_DAMAGED = "RT-630", ends(Failure); {
        meaning: "The relay's database is damaged. The relay does not start, because it could lose what it acknowledges.",
        causes: &[
            "The disk or the file system failed.",
            "The file was copied from a running relay without its write-ahead log (relay.db-wal).",
            "Another program wrote to the file, or deleted its write-ahead log.",
        ],
        hint: Some("keep a copy of the directory, then restore a backup or recover what is left: docs/OPERATING.md, \"A damaged database\""),
    }
}
