-- How many events there are and how many bytes requests and answers take, kept up by the triggers below: counting would
-- take the longer the more there are.
CREATE TABLE kept (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  events INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;

INSERT INTO kept (only, events, bytes) SELECT 1,
  (SELECT count(*) FROM content),
  coalesce((SELECT sum(length(headers) + length(body)) FROM content), 0)
  + coalesce((SELECT sum(length(headers) + length(body)) FROM answer), 0);

CREATE TRIGGER content_kept AFTER INSERT ON content BEGIN
  UPDATE kept SET events = events + 1, bytes = bytes + length(new.headers) + length(new.body);
END;

CREATE TRIGGER content_gone AFTER DELETE ON content BEGIN
  UPDATE kept SET events = events - 1, bytes = bytes - length(old.headers) - length(old.body);
END;

CREATE TRIGGER answer_kept AFTER INSERT ON answer BEGIN
  UPDATE kept SET bytes = bytes + length(new.headers) + length(new.body);
END;

CREATE TRIGGER answer_gone AFTER DELETE ON answer BEGIN
  UPDATE kept SET bytes = bytes - length(old.headers) - length(old.body);
END;

-- The parts of an index are put together by `index::step`, a little at a time. By itself SQLite does so in the transaction
-- that writes, and takes the longer the more there are.
INSERT INTO fact_index (fact_index, rank) VALUES ('automerge', 0);
INSERT INTO text_index (text_index, rank) VALUES ('automerge', 0);
