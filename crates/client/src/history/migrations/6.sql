-- How many bytes requests and answers take, kept up by the triggers below.
CREATE TABLE kept (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  bytes INTEGER NOT NULL
) STRICT;

INSERT INTO kept (only, bytes) SELECT 1,
  coalesce((SELECT sum(length(headers) + length(body)) FROM content), 0)
  + coalesce((SELECT sum(length(headers) + length(body)) FROM answer), 0);

CREATE TRIGGER content_kept AFTER INSERT ON content BEGIN
  UPDATE kept SET bytes = bytes + length(new.headers) + length(new.body);
END;

CREATE TRIGGER content_gone AFTER DELETE ON content BEGIN
  UPDATE kept SET bytes = bytes - length(old.headers) - length(old.body);
END;

CREATE TRIGGER answer_kept AFTER INSERT ON answer BEGIN
  UPDATE kept SET bytes = bytes + length(new.headers) + length(new.body);
END;

CREATE TRIGGER answer_gone AFTER DELETE ON answer BEGIN
  UPDATE kept SET bytes = bytes - length(old.headers) - length(old.body);
END;
