-- An event that the user's own rule keeps from the app: `forward` is 0 then, and will stay so.
ALTER TABLE event ADD COLUMN rejected INTEGER NOT NULL DEFAULT 0 CHECK (rejected IN (0, 1));
