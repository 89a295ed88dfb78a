-- The tokens of the CRM that were renewed last. Columns: migrations/README.md.

CREATE TABLE crm_tokens (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    access TEXT NOT NULL CHECK (length(access) >= 1),
    refresh TEXT NOT NULL CHECK (length(refresh) >= 1),
    root TEXT NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
