-- What was done, by whom, in a chain that shows every change to it; and how data come to their end.
-- Columns: migrations/README.md.

-- The secret under which numbers are hashed: kept here, or, if it stands in the settings, only its fingerprint.
CREATE TABLE audit_key (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64),
    secret TEXT CHECK (length(secret) BETWEEN 32 AND 256),
    made_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER audit_key_no_update BEFORE UPDATE ON audit_key
WHEN NEW.fingerprint <> OLD.fingerprint OR NEW.made_at <> OLD.made_at OR NEW.secret IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'refused: the audit key stays: entries under another one could not be found again');
END;
CREATE TRIGGER audit_key_no_delete BEFORE DELETE ON audit_key
BEGIN
    SELECT RAISE(ABORT, 'refused: the audit key stays: entries under another one could not be found again');
END;
CREATE TRIGGER audit_key_no_replace BEFORE INSERT ON audit_key
WHEN EXISTS (SELECT 1 FROM audit_key)
BEGIN
    SELECT RAISE(ABORT, 'refused: the audit key stays: entries under another one could not be found again');
END;

CREATE TABLE audit (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id >= 1),
    at INTEGER NOT NULL,
    "by" TEXT NOT NULL CHECK (length("by") BETWEEN 1 AND 64),
    action TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 40 AND action NOT GLOB '*[^a-z_]*'),
    number_key TEXT CHECK (length(number_key) = 64 AND number_key NOT GLOB '*[^0-9a-f]*'),
    subject TEXT CHECK (length(subject) BETWEEN 1 AND 100),
    details TEXT NOT NULL CHECK (json_valid(details)),
    prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64 AND prev_hash NOT GLOB '*[^0-9a-f]*'),
    hash TEXT NOT NULL CHECK (length(hash) = 64 AND hash NOT GLOB '*[^0-9a-f]*')
) STRICT;
-- The chain does not fork.
CREATE UNIQUE INDEX audit_one_next ON audit (prev_hash);
CREATE INDEX audit_by_number ON audit (number_key, id) WHERE number_key IS NOT NULL;

-- The end of the chain, so that rows cut off there are missed.
CREATE TABLE audit_head (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_head (one, id, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Where the chain begins since old rows were cut off: the last of them.
CREATE TABLE audit_cuts (
    id INTEGER NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER audit_follows BEFORE INSERT ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_head WHERE id + 1 = NEW.id AND hash = NEW.prev_hash)
BEGIN
    SELECT RAISE(ABORT, 'refused: audit is append-only: a row follows the last one');
END;
CREATE TRIGGER audit_advances AFTER INSERT ON audit
BEGIN
    UPDATE audit_head SET id = NEW.id, hash = NEW.hash;
END;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'refused: audit is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.id > coalesce((SELECT max(id) FROM audit_cuts), 0)
BEGIN
    SELECT RAISE(ABORT, 'refused: audit is append-only');
END;

CREATE TRIGGER audit_head_advances BEFORE UPDATE ON audit_head
WHEN NEW.id <> OLD.id + 1
    OR NOT EXISTS (SELECT 1 FROM audit WHERE id = NEW.id AND hash = NEW.hash AND prev_hash = OLD.hash)
BEGIN
    SELECT RAISE(ABORT, 'refused: audit_head follows the last row of audit');
END;
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
BEGIN
    SELECT RAISE(ABORT, 'refused: audit_head follows the last row of audit');
END;
CREATE TRIGGER audit_head_no_replace BEFORE INSERT ON audit_head
BEGIN
    SELECT RAISE(ABORT, 'refused: audit_head follows the last row of audit');
END;

CREATE TRIGGER audit_cuts_true BEFORE INSERT ON audit_cuts
WHEN NOT EXISTS (SELECT 1 FROM audit WHERE id = NEW.id AND hash = NEW.hash)
BEGIN
    SELECT RAISE(ABORT, 'refused: a cut names a row of audit');
END;
CREATE TRIGGER audit_cuts_no_update BEFORE UPDATE ON audit_cuts
BEGIN
    SELECT RAISE(ABORT, 'refused: audit_cuts is append-only');
END;
CREATE TRIGGER audit_cuts_no_delete BEFORE DELETE ON audit_cuts
BEGIN
    SELECT RAISE(ABORT, 'refused: audit_cuts is append-only');
END;

-- Persons whose data were erased: the act. Their rows carry the pseudonym, in a country code that nobody has.
CREATE TABLE erasures (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    number_key TEXT NOT NULL CHECK (length(number_key) = 64),
    pseudonym TEXT UNIQUE CHECK (pseudonym GLOB '+999[0-9]*' AND length(pseudonym) = 16),
    at INTEGER NOT NULL,
    "by" TEXT NOT NULL,
    act TEXT
) STRICT;
CREATE INDEX erasures_by_number ON erasures (number_key);

-- Attempts that keep their number until their business day is over, so that the day's cap holds for it.
CREATE TABLE attempts_to_erase (
    attempt INTEGER NOT NULL PRIMARY KEY,
    erasure INTEGER NOT NULL REFERENCES erasures (id),
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_to_erase_due ON attempts_to_erase (due_at);

-- What is older than before_at may be deleted: set by retention before it deletes.
CREATE TABLE retention_cuts (
    kind TEXT NOT NULL PRIMARY KEY CHECK (kind IN ('calls', 'cases')),
    before_at INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- A number gives way to the pseudonym of an erasure, and to nothing else.
DROP TRIGGER IF EXISTS cases_stay;
CREATE TRIGGER cases_stay BEFORE UPDATE OF id, number, state ON cases
WHEN NEW.id <> OLD.id OR (OLD.state = 'closed' AND NEW.state <> 'closed')
    OR (NEW.number <> OLD.number AND NOT (
        NEW.state = 'closed' AND EXISTS (SELECT 1 FROM erasures WHERE pseudonym = NEW.number)))
BEGIN
    SELECT RAISE(ABORT, 'refused: a case keeps its number, and a closed one stays closed');
END;

DROP TRIGGER IF EXISTS attempts_no_update;
CREATE TRIGGER attempts_no_update BEFORE UPDATE ON attempts
WHEN NOT (
    NEW.note IS NULL
    AND (NEW.id, NEW.case_id, NEW.business_day, NEW.ordinal, NEW.counted, NEW.at, NEW."by", NEW.result)
        IS (OLD.id, OLD.case_id, OLD.business_day, OLD.ordinal, OLD.counted, OLD.at, OLD."by", OLD.result)
    AND (EXISTS (SELECT 1 FROM erasures WHERE pseudonym = NEW.number)
        OR (NEW.number = OLD.number AND EXISTS (SELECT 1 FROM attempts_to_erase WHERE attempt = OLD.id)))
)
BEGIN
    SELECT RAISE(ABORT, 'refused: attempts is append-only');
END;

-- What belongs to a case goes with it when it is old enough.
DROP TRIGGER IF EXISTS attempts_no_delete;
CREATE TRIGGER attempts_no_delete BEFORE DELETE ON attempts
WHEN NOT EXISTS (
    SELECT 1 FROM cases AS c JOIN retention_cuts AS r ON r.kind = 'cases'
    WHERE c.id = OLD.case_id AND c.closed_at < r.before_at)
BEGIN
    SELECT RAISE(ABORT, 'refused: attempts is append-only');
END;
DROP TRIGGER IF EXISTS case_misses_no_delete;
CREATE TRIGGER case_misses_no_delete BEFORE DELETE ON case_misses
WHEN NOT EXISTS (
    SELECT 1 FROM cases AS c JOIN retention_cuts AS r ON r.kind = 'cases'
    WHERE c.id = OLD.case_id AND c.closed_at < r.before_at)
BEGIN
    SELECT RAISE(ABORT, 'refused: case_misses is append-only');
END;
CREATE INDEX cases_by_end ON cases (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX calls_by_end ON calls (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX calls_by_raw_number ON calls (caller_number);
