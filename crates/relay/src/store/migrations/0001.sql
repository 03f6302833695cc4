-- Times are microseconds since 1970-01-01 UTC.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Cursors of clients are numbers of one journal and mean nothing in another.
INSERT INTO meta (name, value) VALUES ('journal', lower(hex(randomblob(16))));

-- Tells a relay that serves whether accounts changed: the file itself changes with every event.
INSERT INTO meta (name, value) VALUES ('accounts_revision', 0);

CREATE TABLE account (
    key         INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,
    -- SHA-256 of the token; NULL when the account is revoked.
    token_hash  BLOB CHECK (length(token_hash) = 32),
    -- Number of the token among the account's, so that a link knows whether its own still counts.
    token_number INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    -- When the token was made or revoked.
    changed_at  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER account_inserted AFTER INSERT ON account BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'accounts_revision';
END;
CREATE TRIGGER account_updated AFTER UPDATE ON account BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'accounts_revision';
END;
CREATE TRIGGER account_deleted AFTER DELETE ON account BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'accounts_revision';
END;

CREATE TABLE endpoint (
    -- Never used again (AUTOINCREMENT): a number taken over would come with the former endpoint's events.
    key        INTEGER PRIMARY KEY AUTOINCREMENT CHECK (key BETWEEN 1 AND 2097151),
    account    INTEGER NOT NULL REFERENCES account (key),
    name       TEXT NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    -- What the next event gets. The limit keeps one endpoint's events out of the next one's keys.
    next_seq   INTEGER NOT NULL DEFAULT 1 CHECK (next_seq BETWEEN 1 AND 4398046511103),
    -- Size of the endpoint's events, as retention counts it.
    bytes      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, name)
) STRICT;

-- The key is the endpoint's, shifted left by 42 bits, plus the seq: one b-tree serves both the order of each
-- endpoint and the row, so that an append touches no second one.
CREATE TABLE event (
    key          INTEGER PRIMARY KEY,
    endpoint     INTEGER GENERATED ALWAYS AS (key >> 42) VIRTUAL,
    seq          INTEGER GENERATED ALWAYS AS (key & 4398046511103) VIRTUAL,
    id           BLOB NOT NULL CHECK (length(id) = 16),
    received_at  INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    disposition  INTEGER NOT NULL,
    -- seq of the first event of the endpoint that had the same RingCentral uuid.
    duplicate_of INTEGER,
    -- First 8 bytes of SHA-256 over the endpoint's key and RingCentral's uuid.
    uuid_hash    INTEGER,
    request      BLOB NOT NULL
) STRICT;

-- Events by uuid_hash. The newest are in uuid_recent, in the order in which they came, and move to uuid together.
CREATE TABLE uuid (
    hash  INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY (hash, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE uuid_recent (
    number INTEGER PRIMARY KEY,
    hash   INTEGER NOT NULL,
    event  INTEGER NOT NULL
) STRICT;
