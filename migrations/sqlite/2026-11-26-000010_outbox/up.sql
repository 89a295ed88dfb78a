-- What happened and must be told, and to whom it was. Columns: migrations/README.md.

CREATE TABLE outbox (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    aggregate TEXT NOT NULL CHECK (length(aggregate) BETWEEN 1 AND 200),
    -- Kinds grow with the program, and the one before must be able to tell what the next one wrote: no list of words.
    kind TEXT NOT NULL
        CHECK (kind GLOB '[a-z]*.[a-z]*' AND kind NOT GLOB '*[^a-z0-9_.]*' AND length(kind) <= 64),
    payload TEXT NOT NULL CHECK (json_valid(payload)),
    created_at INTEGER NOT NULL,
    spread_at INTEGER
) STRICT;
CREATE INDEX outbox_unspread ON outbox (seq) WHERE spread_at IS NULL;
CREATE INDEX outbox_by_aggregate ON outbox (aggregate, seq);

-- What happened stays as it was told.
CREATE TRIGGER outbox_stays BEFORE UPDATE OF seq, id, aggregate, kind, created_at ON outbox
WHEN NEW.seq <> OLD.seq OR NEW.id <> OLD.id OR NEW.aggregate <> OLD.aggregate OR NEW.kind <> OLD.kind
    OR NEW.created_at <> OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'refused: an event stays what it was');
END;

CREATE TABLE deliveries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event INTEGER NOT NULL REFERENCES outbox (seq),
    aggregate TEXT NOT NULL,
    destination TEXT NOT NULL,
    recipient TEXT NOT NULL,
    state TEXT NOT NULL
        CONSTRAINT deliveries_state_word
        CHECK (state IN ('waiting', 'done', 'dead', 'skipped')),
    attempt_no INTEGER NOT NULL DEFAULT 0 CHECK (attempt_no >= 0),
    next_at INTEGER,
    lease_until INTEGER,
    leased_by TEXT,
    last_status TEXT,
    last_error TEXT,
    done_at INTEGER,
    CONSTRAINT deliveries_end CHECK ((state = 'waiting') = (done_at IS NULL)),
    CONSTRAINT deliveries_once UNIQUE (event, destination, recipient)
) STRICT;
-- Who waits behind another one has no next_at: the pick sees only those whose turn it is.
CREATE INDEX deliveries_due ON deliveries (destination, next_at) WHERE done_at IS NULL AND next_at IS NOT NULL;
CREATE INDEX deliveries_line ON deliveries (destination, recipient, aggregate, event) WHERE done_at IS NULL;
CREATE INDEX deliveries_waiting ON deliveries (event) WHERE done_at IS NULL;
CREATE INDEX deliveries_by_state ON deliveries (state, id);

CREATE TABLE closed_destinations (
    name TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
