-- Who watched when, and which ends nobody saw. Columns: migrations/README.md.

CREATE TABLE controllers (
    name TEXT NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- The end was not watched: it came after this instant, and not after ended_at.
ALTER TABLE calls ADD COLUMN unwatched_from BIGINT;
ALTER TABLE offers ADD COLUMN unwatched_from BIGINT;
