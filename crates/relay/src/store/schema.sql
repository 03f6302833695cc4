-- Times are microseconds since 1970-01-01 UTC.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Identity of the journal: a client's cursor is valid for one journal only.
INSERT INTO meta (name, value) VALUES ('journal', lower(hex(randomblob(16))));

-- Tells a serving relay that accounts or endpoints changed; the file itself changes with every event.
INSERT INTO meta (name, value) VALUES ('accounts_revision', 0);

CREATE TABLE account (
    key         INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,
    -- SHA-256 of the token; NULL when the account is revoked.
    token_hash  BLOB CHECK (length(token_hash) = 32),
    -- Counts the account's tokens, so that a link knows whether its own is still valid.
    token_number INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    -- When the token was created or revoked.
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
    -- Never reused (AUTOINCREMENT): a reused key would inherit the former endpoint's events.
    key        INTEGER PRIMARY KEY AUTOINCREMENT CHECK (key BETWEEN 1 AND 2097151),
    account    INTEGER NOT NULL REFERENCES account (key),
    name       TEXT NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    -- The next event's seq. The limit keeps one endpoint's events out of the next one's keys.
    next_seq   INTEGER NOT NULL DEFAULT 1 CHECK (next_seq BETWEEN 1 AND 4398046511103),
    -- Size of the endpoint's events, as retention counts it.
    bytes      INTEGER NOT NULL DEFAULT 0,
    -- SHA-256 of the verify token with which the edge answers RingCX Digital's challenges; NULL when the app answers.
    verify_token_hash BLOB CHECK (length(verify_token_hash) = 32),
    -- Days for which the endpoint keeps its events; NULL for the relay's setting.
    retention_days INTEGER CHECK (retention_days BETWEEN 1 AND 3650),
    UNIQUE (account, name)
) STRICT;

CREATE TRIGGER endpoint_deleted AFTER DELETE ON endpoint BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'accounts_revision';
END;

-- The key is the endpoint's, shifted left by 42 bits, plus the seq: one b-tree serves both the order of each
-- endpoint and the row, so that an append touches no second one. No generated columns: SQLite does not read parts of
-- values in a table that has some.
CREATE TABLE event (
    key          INTEGER PRIMARY KEY,
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

-- Events by uuid_hash. The newest are in uuid_recent, in order of arrival. While they move to uuid, they are in both.
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
