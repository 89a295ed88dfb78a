-- Whose event it is, so that an erasure finds it when its call and its case are gone.
ALTER TABLE outbox ADD COLUMN number TEXT;
UPDATE outbox SET number = json_extract(payload, '$.number') WHERE json_type(payload, '$.number') = 'text';
CREATE INDEX outbox_by_number ON outbox (number) WHERE number IS NOT NULL;
