-- The events of one call or conversation.
CREATE INDEX event_key ON event (endpoint, ordering_key, row);
