-- Days for which the endpoint keeps its events; NULL for as long as the relay says.
ALTER TABLE endpoint ADD COLUMN retention_days INTEGER CHECK (retention_days BETWEEN 1 AND 3650);

-- A relay that serves keeps the endpoints in memory.
CREATE TRIGGER endpoint_deleted AFTER DELETE ON endpoint BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'accounts_revision';
END;
