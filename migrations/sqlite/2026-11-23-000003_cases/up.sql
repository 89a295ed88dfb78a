-- What we owe callers. Columns: migrations/README.md.

CREATE TABLE cases (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL
        CHECK (number GLOB '+[1-9]*' AND substr(number, 2) NOT GLOB '*[^0-9]*' AND length(number) BETWEEN 8 AND 16),
    state TEXT NOT NULL
        CONSTRAINT cases_state_word
        CHECK (state IN ('open', 'closed')),
    reason TEXT NOT NULL
        CONSTRAINT cases_reason_word
        CHECK (reason IN ('abandoned_waiting', 'abandoned_ringing', 'timed_out', 'closed_hours', 'forward_failed',
            'lost')),
    queue TEXT,
    opened_at INTEGER NOT NULL,
    last_miss_at INTEGER NOT NULL,
    misses INTEGER NOT NULL CHECK (misses >= 1),
    business_day TEXT NOT NULL CHECK (date(business_day) IS business_day),
    closed_at INTEGER,
    close_reason TEXT
        CONSTRAINT cases_close_reason_word
        CHECK (close_reason IN ('agent_reached', 'caller_reached_us', 'unreachable', 'do_not_call', 'wrong_number',
            'spam', 'erased', 'other')),
    closed_by TEXT,
    note TEXT,
    CONSTRAINT cases_closed_for_a_reason
        CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND (state = 'closed') = (close_reason IS NOT NULL))
) STRICT;
-- At most one open case a number.
CREATE UNIQUE INDEX cases_one_open ON cases (number) WHERE closed_at IS NULL;
CREATE INDEX cases_by_age ON cases (opened_at);
CREATE INDEX cases_by_day ON cases (business_day);

-- The number is the case; and a closed case stays closed: the next miss opens another one.
CREATE TRIGGER cases_stay BEFORE UPDATE OF id, number, state ON cases
WHEN NEW.id <> OLD.id OR NEW.number <> OLD.number OR (OLD.state = 'closed' AND NEW.state <> 'closed')
BEGIN
    SELECT RAISE(ABORT, 'refused: a case keeps its number, and a closed one stays closed');
END;

CREATE TABLE case_misses (
    call TEXT NOT NULL PRIMARY KEY REFERENCES calls (id),
    case_id INTEGER NOT NULL REFERENCES cases (id),
    at INTEGER NOT NULL,
    reason TEXT NOT NULL
        CONSTRAINT case_misses_reason_word
        CHECK (reason IN ('abandoned_waiting', 'abandoned_ringing', 'timed_out', 'closed_hours', 'forward_failed',
            'lost')),
    queue TEXT,
    wait_ms INTEGER CHECK (wait_ms >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_misses_by_case ON case_misses (case_id, at);

CREATE TABLE attempts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    number TEXT NOT NULL
        CHECK (number GLOB '+[1-9]*' AND substr(number, 2) NOT GLOB '*[^0-9]*' AND length(number) BETWEEN 8 AND 16),
    business_day TEXT NOT NULL,
    ordinal INTEGER,
    counted INTEGER NOT NULL CHECK (counted IN (0, 1)),
    at INTEGER NOT NULL,
    "by" TEXT NOT NULL,
    result TEXT NOT NULL
        CONSTRAINT attempts_result_word
        CHECK (result IN ('reached', 'call_later', 'no_answer', 'busy', 'rejected', 'voicemail', 'invalid_number',
            'wrong_number', 'technical_failure', 'other')),
    note TEXT,
    -- The cap: a counted attempt has place 1, 2 or 3 of its number's business day, and a place is taken once.
    CONSTRAINT attempts_counted_have_a_place CHECK (counted = 0 OR (ordinal IS NOT NULL AND ordinal BETWEEN 1 AND 3)),
    CONSTRAINT attempts_uncounted_have_none CHECK (counted = 1 OR ordinal IS NULL),
    CONSTRAINT attempts_cap UNIQUE (number, business_day, ordinal),
    -- Only what cannot have rung does not count.
    CONSTRAINT attempts_uncounted_failed CHECK (counted = 1 OR result = 'technical_failure'),
    -- A day that the attempt can belong to in some zone and shift, written in one way only.
    CONSTRAINT attempts_day CHECK (
        date(business_day) IS business_day
        AND business_day BETWEEN date(at / 1000 - 172800, 'unixepoch') AND date(at / 1000 + 86400, 'unixepoch')
    )
) STRICT;
CREATE INDEX attempts_by_case ON attempts (case_id, id);

CREATE TRIGGER attempts_number BEFORE INSERT ON attempts
WHEN NEW.number IS NOT (SELECT number FROM cases WHERE id = NEW.case_id)
BEGIN
    SELECT RAISE(ABORT, 'refused: an attempt has the number of its case');
END;

CREATE TRIGGER attempts_case BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM cases WHERE id = NEW.case_id AND state <> 'open')
BEGIN
    SELECT RAISE(ABORT, 'refused: an attempt needs an open case');
END;

CREATE TRIGGER attempts_no_update BEFORE UPDATE ON attempts
BEGIN
    SELECT RAISE(ABORT, 'refused: attempts is append-only');
END;
CREATE TRIGGER attempts_no_delete BEFORE DELETE ON attempts
BEGIN
    SELECT RAISE(ABORT, 'refused: attempts is append-only');
END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER attempts_no_replace BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts WHERE id = NEW.id)
    OR EXISTS (
        SELECT 1 FROM attempts
        WHERE number = NEW.number AND business_day = NEW.business_day AND ordinal = NEW.ordinal
    )
BEGIN
    SELECT RAISE(ABORT, 'refused: this place among the attempts of the business day is taken');
END;

CREATE TRIGGER case_misses_no_update BEFORE UPDATE ON case_misses
BEGIN
    SELECT RAISE(ABORT, 'refused: case_misses is append-only');
END;
CREATE TRIGGER case_misses_no_delete BEFORE DELETE ON case_misses
BEGIN
    SELECT RAISE(ABORT, 'refused: case_misses is append-only');
END;
CREATE TRIGGER case_misses_no_replace BEFORE INSERT ON case_misses
WHEN EXISTS (SELECT 1 FROM case_misses WHERE call = NEW.call)
BEGIN
    SELECT RAISE(ABORT, 'refused: case_misses is append-only');
END;
