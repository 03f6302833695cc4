-- The relays of this database, and which of them has a link that forwards. Unlogged, because each relay writes it again after a
-- crash of the server. The times are the server's.

CREATE UNLOGGED TABLE relay (
    -- Of one run of the relay.
    id         text PRIMARY KEY,
    -- HOST:PORT at which other relays reach it; NULL if they cannot.
    address    text,
    -- Public key with which it proves to be this relay.
    key        bytea NOT NULL,
    version    text NOT NULL,
    started_at bigint NOT NULL,
    seen_at    timestamptz NOT NULL,
    forwarding bigint NOT NULL,
    inspecting bigint NOT NULL,
    -- Events on its disk that wait for this database.
    spooled    bigint NOT NULL
);

CREATE UNLOGGED TABLE relay_link (
    endpoint    bigint NOT NULL,
    relay       text NOT NULL REFERENCES relay ON DELETE CASCADE,
    attached_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (endpoint, relay)
);
CREATE INDEX relay_link_relay ON relay_link (relay);

-- Those that were heard of within a few of their beats.
CREATE VIEW relay_present AS SELECT * FROM relay WHERE seen_at > now() - interval '5 seconds';
