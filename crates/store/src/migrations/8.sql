-- The bytes of an event's request as `kept` counts them, so that those of what is owed are added up from the index alone.
-- 0 for what was stored and settled before: it has had its turn.
ALTER TABLE event ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

UPDATE event SET bytes = (SELECT length(headers) + length(body) FROM content WHERE content.row = event.row)
WHERE forward = 1;

DROP INDEX event_pending;

-- The forwarder's queue. 1 is pending.
CREATE INDEX event_pending ON event (endpoint, row, bytes) WHERE forward = 1;
