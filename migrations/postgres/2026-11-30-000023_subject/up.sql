-- Whose event it is, so that an erasure finds it when its call and its case are gone.
ALTER TABLE outbox ADD COLUMN number TEXT;
UPDATE outbox SET number = payload::jsonb ->> 'number' WHERE jsonb_typeof(payload::jsonb -> 'number') = 'string';
CREATE INDEX outbox_by_number ON outbox (number) WHERE number IS NOT NULL;
