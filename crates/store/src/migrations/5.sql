-- What the user says of an event. It keeps the event from retention.
CREATE TABLE mark (
  row INTEGER PRIMARY KEY REFERENCES event (row) ON DELETE CASCADE,
  comment TEXT NOT NULL
) STRICT;

-- The id of the event that this one is an edited copy of.
ALTER TABLE event ADD COLUMN edited_from BLOB CHECK (length(edited_from) = 16);
