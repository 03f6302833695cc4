-- What bodies of each kind have had in them, learnt behind the events; see `learn`.
CREATE TABLE known (
  topic TEXT PRIMARY KEY,
  bodies TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was new in an event whose kind was known.
CREATE TABLE novelty (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  event INTEGER NOT NULL UNIQUE REFERENCES event (row) ON DELETE CASCADE,
  noticed_at INTEGER NOT NULL,
  novelty TEXT NOT NULL
) STRICT;

-- How often marks were changed, so that others see that they were.
CREATE TABLE mark_changes (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  count INTEGER NOT NULL
) STRICT;

INSERT INTO mark_changes (only, count) VALUES (1, 0);
