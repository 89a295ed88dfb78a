-- By what the messages to one recipient are counted, however their address is written. Columns: migrations/README.md.
ALTER TABLE deliveries ADD COLUMN recipient_key TEXT;
-- What was let go before is counted by its address as before.
UPDATE deliveries SET recipient_key = lower(recipient) WHERE permitted_at IS NOT NULL;
CREATE INDEX deliveries_by_recipient ON deliveries (recipient_key, permitted_at) WHERE recipient_key IS NOT NULL;
