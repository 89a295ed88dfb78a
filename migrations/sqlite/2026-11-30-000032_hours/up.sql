-- Hours that a person set for a while, and who is on duty. Columns: migrations/README.md.

CREATE TABLE schedule_overrides (
    schedule TEXT NOT NULL PRIMARY KEY REFERENCES schedules (name) ON DELETE CASCADE,
    open INTEGER NOT NULL CHECK (open IN (0, 1)),
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT,
    CONSTRAINT schedule_overrides_end CHECK (until_at >= from_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE duties (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_.-]*'),
    zone TEXT NOT NULL,
    turn TEXT NOT NULL CONSTRAINT duties_turn_word CHECK (turn IN ('day', 'week')),
    change_min INTEGER NOT NULL CHECK (change_min BETWEEN 0 AND 1439),
    start TEXT NOT NULL CHECK (date(start) IS start),
    -- Agents, and dates with another agent: lists in JSON, as in the rules file.
    people TEXT NOT NULL,
    exceptions TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE duty_swaps (
    duty TEXT NOT NULL REFERENCES duties (name) ON DELETE CASCADE,
    date TEXT NOT NULL CHECK (date(date) IS date),
    agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (duty, date)
) STRICT, WITHOUT ROWID;
