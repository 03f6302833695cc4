-- What tells this history from others, made with the file.
CREATE TABLE identity (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  id BLOB NOT NULL CHECK (length(id) = 16),
  created_at INTEGER NOT NULL
) STRICT;

-- How far each journal has been stored. A new journal of an endpoint starts a new row.
CREATE TABLE cursor (
  endpoint TEXT NOT NULL,
  journal TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (endpoint, journal)
) STRICT, WITHOUT ROWID;

-- What lists and the forwarder need. Rows are small: headers and body are in `content`.
CREATE TABLE event (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint TEXT NOT NULL,
  journal TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  kind INTEGER NOT NULL,
  disposition INTEGER NOT NULL,
  duplicate_of INTEGER,
  edited_from BLOB CHECK (length(edited_from) = 16),
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
  subscription TEXT,
  body_len INTEGER NOT NULL,
  -- Of headers and body, as `total` counts them.
  bytes INTEGER NOT NULL,
  -- 0: nothing to forward, 1: pending, 2: forwarded, 3: rejected by the user's rule.
  forward INTEGER NOT NULL CHECK (forward IN (0, 1, 2, 3)),
  UNIQUE (endpoint, journal, seq)
) STRICT;

-- The forwarder's queue.
CREATE INDEX event_pending ON event (endpoint, row, bytes) WHERE forward = 1;

-- The events of one call or conversation.
CREATE INDEX event_key ON event (endpoint, ordering_key, row);

-- Other events with the same RingCentral uuid.
CREATE INDEX event_uuid ON event (uuid, endpoint, row) WHERE uuid IS NOT NULL;

CREATE TABLE content (
  row INTEGER PRIMARY KEY REFERENCES event (row) ON DELETE CASCADE,
  headers BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- Ids of the subscriptions that this client keeps or kept for an endpoint.
CREATE TABLE kept_subscription (
  endpoint TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (endpoint, id)
) STRICT, WITHOUT ROWID;

-- No foreign key to `event`: the attempt of a passthrough request may be stored before its event.
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
  -- Anything but the first answer of 200, small and within a second.
  odd INTEGER NOT NULL AS (status IS NOT 200 OR cause = 3 OR duration_us >= 1000000 OR wire_bytes > 1024),
  CHECK ((status IS NULL) <> (failure IS NULL))
) STRICT;

CREATE INDEX attempt_event ON attempt (event, row);

CREATE TABLE answer (
  row INTEGER PRIMARY KEY REFERENCES attempt (row) ON DELETE CASCADE,
  headers BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- Events with an odd attempt: where searches for failures look.
CREATE TABLE odd (
  row INTEGER PRIMARY KEY REFERENCES event (row) ON DELETE CASCADE
) STRICT;

CREATE TRIGGER attempt_of_event AFTER INSERT ON attempt WHEN new.odd BEGIN
  INSERT OR IGNORE INTO odd (row) SELECT row FROM event WHERE id = new.event;
END;

CREATE TRIGGER event_of_attempt AFTER INSERT ON event BEGIN
  INSERT INTO odd (row) SELECT new.row FROM attempt WHERE event = new.id AND odd LIMIT 1;
END;

CREATE TABLE gap (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint TEXT NOT NULL,
  journal TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  noticed_at INTEGER NOT NULL,
  CHECK (first <= last)
) STRICT;

CREATE INDEX gap_last ON gap (endpoint, journal, last);

-- A bookmark keeps its event from retention.
CREATE TABLE bookmark (
  row INTEGER PRIMARY KEY REFERENCES event (row) ON DELETE CASCADE,
  comment TEXT NOT NULL
) STRICT;

-- How often bookmarks were changed: the watermark of those who show them.
CREATE TABLE bookmark_changes (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  count INTEGER NOT NULL
) STRICT;

INSERT INTO bookmark_changes (only, count) VALUES (1, 0);

-- Canaries that this history sent: their way back is measured here, and they are no events.
CREATE TABLE canary (
  id BLOB PRIMARY KEY CHECK (length(id) = 16),
  sent_at INTEGER NOT NULL,
  stored_at INTEGER
) STRICT, WITHOUT ROWID;

-- The fields that bodies of each kind have had, as JSON.
CREATE TABLE known_fields (
  topic TEXT PRIMARY KEY,
  fields TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The fields of an event that no earlier event of its kind had, as JSON.
CREATE TABLE new_fields (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  event INTEGER NOT NULL UNIQUE REFERENCES event (row) ON DELETE CASCADE,
  noticed_at INTEGER NOT NULL,
  fields TEXT NOT NULL
) STRICT;

-- Events, bytes of requests and answers, and events deleted so far. Triggers keep them: counting takes the longer the
-- more there are.
CREATE TABLE total (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  events INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  deleted INTEGER NOT NULL
) STRICT;

INSERT INTO total (only, events, bytes, deleted) VALUES (1, 0, 0, 0);

CREATE TRIGGER content_stored AFTER INSERT ON content BEGIN
  UPDATE total SET events = events + 1, bytes = bytes + length(new.headers) + length(new.body);
END;

CREATE TRIGGER content_deleted AFTER DELETE ON content BEGIN
  UPDATE total SET events = events - 1, bytes = bytes - length(old.headers) - length(old.body), deleted = deleted + 1;
END;

CREATE TRIGGER answer_stored AFTER INSERT ON answer BEGIN
  UPDATE total SET bytes = bytes + length(new.headers) + length(new.body);
END;

CREATE TRIGGER answer_deleted AFTER DELETE ON answer BEGIN
  UPDATE total SET bytes = bytes - length(old.headers) - length(old.body);
END;
