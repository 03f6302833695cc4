-- What makes searching quick. Filled behind the events, oldest first: what is beyond `indexed` is looked through event
-- by event. An index narrows a search down and never decides it, so that its tables may know less than the events do.
CREATE TABLE indexed (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  events INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT;

INSERT INTO indexed (only, events, attempts) VALUES (1, 0, 0);

-- What events speak of: one token for each beginning of a word of each fact, see `index::tokens`.
CREATE VIRTUAL TABLE fact_index USING fts5 (
  facts, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars '_'"
);

-- Every three letters in a row of summary, path and body.
CREATE VIRTUAL TABLE text_index USING fts5 (
  text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);

-- Events of which `text_index` does not know everything.
CREATE TABLE text_partial (
  row INTEGER PRIMARY KEY REFERENCES event (row) ON DELETE CASCADE
) STRICT;

-- Events with an attempt that was not simply a quick 200.
CREATE TABLE odd (
  row INTEGER PRIMARY KEY REFERENCES event (row) ON DELETE CASCADE
) STRICT;

CREATE TRIGGER event_unindexed AFTER DELETE ON event BEGIN
  DELETE FROM fact_index WHERE rowid = old.row;
  DELETE FROM text_index WHERE rowid = old.row;
END;

CREATE INDEX gap_last ON gap (endpoint, journal, last);
