-- Whether a row of the audit has a hash that nobody can make without the key; those before this step have a plain one.
ALTER TABLE audit ADD COLUMN keyed BOOLEAN NOT NULL DEFAULT FALSE;
