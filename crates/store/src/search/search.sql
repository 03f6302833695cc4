-- Up to which event of which history the index reaches. The event's id tells a history that lost its newest events,
-- and gave their rows to others, from the one that was indexed.
CREATE TABLE progress (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  history BLOB NOT NULL,
  event INTEGER NOT NULL,
  event_id BLOB NOT NULL,
  -- `total.deleted` of the history at the last removal.
  deleted INTEGER NOT NULL,
  -- When the first event was removed whose words are still in the index's pages.
  unclean_since INTEGER
) STRICT;

-- What events speak of: a token for each beginning of a word of each fact, see `tokens`.
CREATE VIRTUAL TABLE fact_index USING fts5 (
  facts, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars '_'"
);

-- Every three letters in a row of summary, path and body.
CREATE VIRTUAL TABLE text_index USING fts5 (
  text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);

-- Events of which `text_index` does not know everything.
CREATE TABLE text_partial (
  row INTEGER PRIMARY KEY
) STRICT;
