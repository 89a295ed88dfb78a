-- Hours that a person set for a while, and who is on duty. Columns: migrations/README.md.

CREATE TABLE schedule_overrides (
    schedule TEXT NOT NULL PRIMARY KEY REFERENCES schedules (name) ON DELETE CASCADE,
    open BOOLEAN NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    by TEXT NOT NULL,
    reason TEXT,
    CONSTRAINT schedule_overrides_end CHECK (until_at >= from_at)
);

CREATE TABLE duties (
    name TEXT NOT NULL PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
    zone TEXT NOT NULL,
    turn TEXT NOT NULL CONSTRAINT duties_turn_word CHECK (turn IN ('day', 'week')),
    change_min INTEGER NOT NULL CHECK (change_min BETWEEN 0 AND 1439),
    start TEXT NOT NULL CHECK (start ~ '^\d{4}-\d\d-\d\d$'),
    -- Agents, and dates with another agent: lists in JSON, as in the rules file.
    people TEXT NOT NULL,
    exceptions TEXT NOT NULL
);

CREATE TABLE duty_swaps (
    duty TEXT NOT NULL REFERENCES duties (name) ON DELETE CASCADE,
    date TEXT NOT NULL CHECK (date ~ '^\d{4}-\d\d-\d\d$'),
    agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
    by TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (duty, date)
);

CREATE TRIGGER schedule_overrides_told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON schedule_overrides
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
CREATE TRIGGER duties_told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON duties
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
CREATE TRIGGER duty_swaps_told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON duty_swaps
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
