-- Who this client is, made once.
CREATE TABLE client (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  id TEXT NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;

-- How far each journal has been stored. A new journal of an endpoint starts a new row.
CREATE TABLE cursor (
  endpoint TEXT NOT NULL,
  journal TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (endpoint, journal)
) STRICT, WITHOUT ROWID;

-- What lists and the forwarder's queue need. Small rows: bytes are in `content`.
CREATE TABLE event (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint TEXT NOT NULL,
  journal TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  kind INTEGER NOT NULL,
  disposition INTEGER NOT NULL,
  duplicate_of INTEGER,
  received_at INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  peer TEXT NOT NULL,
  callback TEXT NOT NULL,
  topic TEXT NOT NULL,
  summary TEXT NOT NULL,
  ordering_key TEXT NOT NULL,
  uuid TEXT,
  body_len INTEGER NOT NULL,
  forward INTEGER NOT NULL CHECK (forward IN (0, 1, 2)),
  UNIQUE (endpoint, journal, seq)
) STRICT;

-- The forwarder's queue. 1 is pending.
CREATE INDEX event_pending ON event (endpoint, row) WHERE forward = 1;

CREATE TABLE content (
  row INTEGER PRIMARY KEY REFERENCES event (row) ON DELETE CASCADE,
  headers BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- No foreign key to `event`: a passthrough request's attempt may be stored before its event has come.
CREATE TABLE attempt (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  event BLOB NOT NULL CHECK (length(event) = 16),
  cause INTEGER NOT NULL,
  target TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  duration_us INTEGER NOT NULL,
  status INTEGER,
  failure TEXT,
  message TEXT,
  wire_bytes INTEGER NOT NULL,
  content_type TEXT,
  body_len INTEGER NOT NULL,
  CHECK ((status IS NULL) <> (failure IS NULL))
) STRICT;

CREATE INDEX attempt_event ON attempt (event, row);

CREATE TABLE answer (
  row INTEGER PRIMARY KEY REFERENCES attempt (row) ON DELETE CASCADE,
  headers BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE gap (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint TEXT NOT NULL,
  journal TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  noticed_at INTEGER NOT NULL,
  CHECK (first <= last)
) STRICT;
