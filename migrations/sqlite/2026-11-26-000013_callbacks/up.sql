-- How a case is paid back: where it stands, what is due when, and every attempt from its reservation to its disposition.
-- Columns: migrations/README.md. SQLite cannot widen a CHECK: cases, case_misses and attempts are made anew, wider.

-- Numbers that are not to be called.
CREATE TABLE do_not_call (
    number TEXT NOT NULL PRIMARY KEY
        CHECK (number GLOB '+[1-9]*' AND substr(number, 2) NOT GLOB '*[^0-9]*' AND length(number) BETWEEN 8 AND 16),
    reason TEXT NOT NULL
        CONSTRAINT do_not_call_reason_word
        CHECK (reason IN ('do_not_call', 'wrong_number')),
    "by" TEXT NOT NULL,
    note TEXT,
    at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;

-- What calls back of a queue are about: it decides the limits.
ALTER TABLE queues ADD COLUMN policy TEXT NOT NULL DEFAULT 'service';

DROP VIEW v_cases;
CREATE TEMP TABLE cases_before AS SELECT * FROM cases;
CREATE TEMP TABLE case_misses_before AS SELECT * FROM case_misses;
CREATE TEMP TABLE attempts_before AS SELECT * FROM attempts;
-- To drop the cases would take them from the requests that opened them.
CREATE TEMP TABLE requests_before AS SELECT id, case_id FROM requests WHERE case_id IS NOT NULL;
DROP TABLE attempts;
DROP TABLE case_misses;
DROP TABLE cases;

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
            'lost', 'left_message', 'asked_callback', 'web_form', 'bot', 'by_hand')),
    queue TEXT,
    opened_at INTEGER NOT NULL,
    last_miss_at INTEGER NOT NULL,
    misses INTEGER NOT NULL CHECK (misses >= 0),
    business_day TEXT NOT NULL CHECK (date(business_day) IS business_day),
    closed_at INTEGER,
    close_reason TEXT
        CONSTRAINT cases_close_reason_word
        CHECK (close_reason IN ('agent_reached', 'caller_reached_us', 'unreachable', 'do_not_call', 'wrong_number',
            'spam', 'erased', 'other')),
    closed_by TEXT,
    note TEXT,
    stage TEXT NOT NULL DEFAULT 'settling'
        CONSTRAINT cases_stage_word
        CHECK (stage IN ('settling', 'deferred', 'due', 'claimed', 'attempting', 'waiting', 'handed_over')),
    -- When the stage ends by itself; none: it waits for somebody.
    next_at INTEGER DEFAULT 0,
    -- The person asked for no call before this.
    not_before INTEGER,
    -- When the case last became due, and until when somebody must have called.
    due_at INTEGER,
    react_by INTEGER,
    -- When the customer was first dialled.
    first_attempt_at INTEGER,
    priority INTEGER NOT NULL DEFAULT 0,
    -- Who is offered it first.
    assignee TEXT,
    -- Who has it now: an agent, or the callback under way.
    claimed_by TEXT,
    handed_over_at INTEGER,
    -- On how many business days the repeat-contacts queue has had it.
    repeat_days INTEGER NOT NULL DEFAULT 0 CHECK (repeat_days >= 0),
    previous_case INTEGER,
    CONSTRAINT cases_closed_for_a_reason
        CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND (state = 'closed') = (close_reason IS NOT NULL)),
    CONSTRAINT cases_claimed CHECK (stage IN ('claimed', 'attempting') OR claimed_by IS NULL)
) STRICT;
INSERT INTO cases
    (id, number, state, reason, queue, opened_at, last_miss_at, misses, business_day, closed_at, close_reason, closed_by, note)
SELECT id, number, state, reason, queue, opened_at, last_miss_at, misses, business_day, closed_at, close_reason, closed_by, note
FROM cases_before;
UPDATE requests SET case_id = (SELECT case_id FROM requests_before AS b WHERE b.id = requests.id)
WHERE id IN (SELECT id FROM requests_before);
DROP TABLE requests_before;
-- At most one open case a number.
CREATE UNIQUE INDEX cases_one_open ON cases (number) WHERE closed_at IS NULL;
CREATE INDEX cases_by_age ON cases (opened_at);
CREATE INDEX cases_by_day ON cases (business_day);
CREATE INDEX cases_by_number ON cases (number, id);
CREATE INDEX cases_by_end ON cases (closed_at) WHERE closed_at IS NOT NULL;
-- What the tick looks for: the next thing that is due, and whom to call first.
CREATE INDEX cases_next ON cases (next_at) WHERE closed_at IS NULL AND next_at IS NOT NULL;
CREATE INDEX cases_due ON cases (queue, priority DESC, due_at, id) WHERE closed_at IS NULL AND stage = 'due';
-- What goes before all others asks for the highest priority of all.
CREATE INDEX cases_first ON cases (priority) WHERE closed_at IS NULL;

-- Every legal change of an open case's stage: the same table as in src/missed/case.rs.
CREATE TABLE case_steps (
    from_stage TEXT NOT NULL,
    to_stage TEXT NOT NULL,
    PRIMARY KEY (from_stage, to_stage)
) STRICT, WITHOUT ROWID;
INSERT INTO case_steps (from_stage, to_stage) VALUES
    ('settling', 'deferred'),
    ('settling', 'due'),
    ('settling', 'attempting'),
    ('deferred', 'due'),
    ('deferred', 'attempting'),
    ('due', 'deferred'),
    ('due', 'claimed'),
    ('due', 'attempting'),
    ('due', 'handed_over'),
    ('claimed', 'deferred'),
    ('claimed', 'due'),
    ('claimed', 'attempting'),
    ('claimed', 'handed_over'),
    ('attempting', 'deferred'),
    ('attempting', 'due'),
    ('attempting', 'waiting'),
    ('attempting', 'handed_over'),
    ('waiting', 'deferred'),
    ('waiting', 'due'),
    ('waiting', 'attempting'),
    ('handed_over', 'deferred'),
    ('handed_over', 'due'),
    ('handed_over', 'attempting');

-- The number is the case; and a closed case stays closed: the next miss opens another one.
CREATE TRIGGER cases_stay BEFORE UPDATE OF id, number, state ON cases
WHEN NEW.id <> OLD.id OR (OLD.state = 'closed' AND NEW.state <> 'closed')
    OR (NEW.number <> OLD.number AND NOT (
        NEW.state = 'closed' AND EXISTS (SELECT 1 FROM erasures WHERE pseudonym = NEW.number)))
BEGIN
    SELECT RAISE(ABORT, 'refused: a case keeps its number, and a closed one stays closed');
END;
CREATE TRIGGER cases_step BEFORE UPDATE OF stage ON cases
WHEN NEW.stage <> OLD.stage
    AND NOT EXISTS (SELECT 1 FROM case_steps WHERE from_stage = OLD.stage AND to_stage = NEW.stage)
BEGIN
    SELECT RAISE(ABORT, 'refused: case_steps has no such change of a case''s stage');
END;
CREATE TRIGGER cases_closed_rest BEFORE UPDATE OF stage ON cases
WHEN NEW.stage <> OLD.stage AND OLD.closed_at IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'refused: a closed case has no next step');
END;

CREATE TABLE case_misses (
    call TEXT NOT NULL PRIMARY KEY REFERENCES calls (id),
    case_id INTEGER NOT NULL REFERENCES cases (id),
    at INTEGER NOT NULL,
    reason TEXT NOT NULL
        CONSTRAINT case_misses_reason_word
        CHECK (reason IN ('abandoned_waiting', 'abandoned_ringing', 'timed_out', 'closed_hours', 'forward_failed',
            'lost', 'left_message', 'asked_callback')),
    queue TEXT,
    wait_ms INTEGER CHECK (wait_ms >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO case_misses (call, case_id, at, reason, queue, wait_ms)
SELECT call, case_id, at, reason, queue, wait_ms FROM case_misses_before;
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
    result TEXT
        CONSTRAINT attempts_result_word
        CHECK (result IN ('reached', 'call_later', 'no_answer', 'busy', 'rejected', 'voicemail', 'invalid_number',
            'wrong_number', 'refused', 'technical_failure', 'cancelled', 'orphaned', 'abandoned', 'other')),
    note TEXT,
    state TEXT NOT NULL DEFAULT 'completed'
        CONSTRAINT attempts_state_word
        CHECK (state IN ('reserved', 'dialling', 'talking', 'wrapping_up', 'completed')),
    way TEXT NOT NULL DEFAULT 'reported'
        CONSTRAINT attempts_way_word
        CHECK (way IN ('callback', 'customer_first', 'handset', 'reported')),
    -- Who talks, and the row of the call that it is.
    agent TEXT,
    call TEXT REFERENCES calls (id),
    queue TEXT,
    -- The most that the policy allowed on that day, and the policy.
    cap INTEGER NOT NULL DEFAULT 3 CHECK (cap BETWEEN 1 AND 3),
    policy TEXT,
    policy_version INTEGER,
    -- No other counted attempt before this.
    gap_until INTEGER,
    -- The proof of the calling window: minutes of the day at the called party's place.
    zone TEXT,
    zone_source TEXT,
    local_min INTEGER CHECK (local_min BETWEEN 0 AND 1439),
    window_from_min INTEGER CHECK (window_from_min BETWEEN 0 AND 1439),
    window_to_min INTEGER CHECK (window_to_min BETWEEN 1 AND 1440),
    dialled_at INTEGER,
    answered_at INTEGER,
    ended_at INTEGER,
    cause TEXT,
    -- The cap: a counted attempt has place 1, 2 or 3 of its number's business day, and a place is taken once.
    CONSTRAINT attempts_counted_have_a_place CHECK (counted = 0 OR (ordinal IS NOT NULL AND ordinal BETWEEN 1 AND cap)),
    CONSTRAINT attempts_uncounted_have_none CHECK (counted = 1 OR ordinal IS NULL),
    CONSTRAINT attempts_cap UNIQUE (number, business_day, ordinal),
    -- Only what cannot have rung does not count: a dial that failed, or one that was not made.
    CONSTRAINT attempts_uncounted_failed
        CHECK (counted = 1 OR (result IS NOT NULL AND answered_at IS NULL
            AND (result = 'technical_failure' OR (result = 'cancelled' AND dialled_at IS NULL)))),
    CONSTRAINT attempts_completed_have_a_result CHECK ((state = 'completed') = (result IS NOT NULL)),
    -- Who dials for us proves the window and the gap (of a quarter of an hour at least) in the row.
    CONSTRAINT attempts_window CHECK (
        way = 'reported'
        OR (zone IS NOT NULL AND zone_source IS NOT NULL AND local_min IS NOT NULL AND window_from_min IS NOT NULL
            AND window_to_min IS NOT NULL AND local_min >= window_from_min AND local_min < window_to_min
            AND gap_until IS NOT NULL AND gap_until >= at + 900000 AND policy IS NOT NULL AND policy_version IS NOT NULL)
    ),
    CONSTRAINT attempts_day CHECK (
        date(business_day) IS business_day
        AND business_day BETWEEN date(at / 1000 - 172800, 'unixepoch') AND date(at / 1000 + 86400, 'unixepoch')
    )
) STRICT;
INSERT INTO attempts (id, case_id, number, business_day, ordinal, counted, at, "by", result, note)
SELECT id, case_id, number, business_day, ordinal, counted, at, "by", result, note FROM attempts_before;
CREATE INDEX attempts_by_case ON attempts (case_id, id);
CREATE INDEX attempts_by_number ON attempts (number, at);
CREATE INDEX attempts_by_call ON attempts (call) WHERE call IS NOT NULL;
-- Of late, customers who were dialled before an agent was there.
CREATE INDEX attempts_customer_first ON attempts (at) WHERE way = 'customer_first';
CREATE INDEX attempts_undisposed ON attempts (agent) WHERE state IN ('talking', 'wrapping_up');
-- One live attempt a number, whatever the queue.
CREATE UNIQUE INDEX attempts_one_live ON attempts (number) WHERE state IN ('reserved', 'dialling', 'talking');

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
CREATE TRIGGER attempts_disposition BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts WHERE number = NEW.number AND state = 'wrapping_up')
BEGIN
    SELECT RAISE(ABORT, 'refused: the attempt before has no disposition yet');
END;
CREATE TRIGGER attempts_spacing BEFORE INSERT ON attempts
WHEN NEW.way <> 'reported'
    AND EXISTS (SELECT 1 FROM attempts WHERE number = NEW.number AND counted = 1 AND gap_until > NEW.at)
BEGIN
    SELECT RAISE(ABORT, 'refused: the attempt before was too short a while ago');
END;
-- Who must not be called is not dialled, whoever asks.
CREATE TRIGGER attempts_do_not_call BEFORE INSERT ON attempts
WHEN NEW.way <> 'reported'
    AND EXISTS (SELECT 1 FROM do_not_call WHERE number = NEW.number AND (expires_at IS NULL OR expires_at > NEW.at))
BEGIN
    SELECT RAISE(ABORT, 'refused: the number is not to be called');
END;
-- No more work before the disposition of the last talk.
CREATE TRIGGER agents_disposition BEFORE UPDATE OF activity ON agents
WHEN OLD.activity IN ('talking', 'wrapping_up') AND NEW.activity = 'idle'
    AND EXISTS (SELECT 1 FROM attempts WHERE agent = NEW.name AND way <> 'handset' AND state IN ('talking', 'wrapping_up'))
BEGIN
    SELECT RAISE(ABORT, 'refused: the agent owes the result of his last callback');
END;
CREATE TRIGGER attempts_new BEFORE INSERT ON attempts
WHEN NEW.state NOT IN ('reserved', 'completed') OR (NEW.state = 'completed') <> (NEW.way = 'reported')
BEGIN
    SELECT RAISE(ABORT, 'refused: an attempt begins reserved, or is reported completed');
END;
-- Forward only; what it was made for stays; and a completed one stays as it is. An erasure takes number and note.
CREATE TRIGGER attempts_no_update BEFORE UPDATE ON attempts
WHEN (OLD.state = 'completed' OR NEW.id <> OLD.id OR NEW.case_id <> OLD.case_id OR NEW.number <> OLD.number
    OR NEW.business_day <> OLD.business_day OR NEW.at <> OLD.at OR NEW."by" <> OLD."by" OR NEW.way <> OLD.way
    OR (NEW.cap, NEW.policy, NEW.policy_version, NEW.gap_until, NEW.call, NEW.queue,
            NEW.zone, NEW.zone_source, NEW.local_min, NEW.window_from_min, NEW.window_to_min)
        IS NOT (OLD.cap, OLD.policy, OLD.policy_version, OLD.gap_until, OLD.call, OLD.queue,
            OLD.zone, OLD.zone_source, OLD.local_min, OLD.window_from_min, OLD.window_to_min)
    OR (OLD.agent IS NOT NULL AND NEW.agent IS NOT OLD.agent)
    OR (OLD.dialled_at IS NOT NULL AND NEW.dialled_at IS NOT OLD.dialled_at)
    OR (OLD.answered_at IS NOT NULL AND NEW.answered_at IS NOT OLD.answered_at)
    OR (NEW.ordinal IS NOT OLD.ordinal AND NEW.counted = 1)
    OR NOT (NEW.state = OLD.state OR NEW.state = 'completed'
        OR (OLD.state = 'reserved' AND NEW.state = 'dialling')
        OR (OLD.state = 'dialling' AND NEW.state = 'talking')
        OR (OLD.state = 'talking' AND NEW.state = 'wrapping_up')))
AND NOT (
    NEW.note IS NULL
    AND (NEW.id, NEW.case_id, NEW.business_day, NEW.ordinal, NEW.counted, NEW.at, NEW."by", NEW.result, NEW.state)
        IS (OLD.id, OLD.case_id, OLD.business_day, OLD.ordinal, OLD.counted, OLD.at, OLD."by", OLD.result, OLD.state)
    AND (EXISTS (SELECT 1 FROM erasures WHERE pseudonym = NEW.number)
        OR (NEW.number = OLD.number AND EXISTS (SELECT 1 FROM attempts_to_erase WHERE attempt = OLD.id)))
)
BEGIN
    SELECT RAISE(ABORT, 'refused: an attempt goes forward only, and a completed one stays as it is');
END;
-- What belongs to a case goes with it when it is old enough.
CREATE TRIGGER attempts_no_delete BEFORE DELETE ON attempts
WHEN NOT EXISTS (
    SELECT 1 FROM cases AS c JOIN retention_cuts AS r ON r.kind = 'cases'
    WHERE c.id = OLD.case_id AND c.closed_at < r.before_at)
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
WHEN NOT EXISTS (
    SELECT 1 FROM cases AS c JOIN retention_cuts AS r ON r.kind = 'cases'
    WHERE c.id = OLD.case_id AND c.closed_at < r.before_at)
BEGIN
    SELECT RAISE(ABORT, 'refused: case_misses is append-only');
END;
CREATE TRIGGER case_misses_no_replace BEFORE INSERT ON case_misses
WHEN EXISTS (SELECT 1 FROM case_misses WHERE call = NEW.call)
BEGIN
    SELECT RAISE(ABORT, 'refused: case_misses is append-only');
END;

DROP TABLE attempts_before;
DROP TABLE case_misses_before;
DROP TABLE cases_before;

-- Dials that a guard refused.
CREATE TABLE refusals (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    case_id INTEGER,
    number TEXT NOT NULL,
    guard TEXT NOT NULL,
    why TEXT NOT NULL,
    "by" TEXT NOT NULL,
    policy TEXT NOT NULL,
    policy_version INTEGER NOT NULL
) STRICT;
CREATE INDEX refusals_by_case ON refusals (case_id, id);

-- Reminders of a case that were sent: each rung once.
CREATE TABLE escalations (
    case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    due_at INTEGER NOT NULL,
    rung_pct INTEGER NOT NULL CHECK (rung_pct > 0),
    at INTEGER NOT NULL,
    PRIMARY KEY (case_id, due_at, rung_pct)
) STRICT, WITHOUT ROWID;

-- A callback is a call, too: rung for and recorded like one, and told apart from those that came in.
ALTER TABLE calls ADD COLUMN direction TEXT NOT NULL DEFAULT 'in' CHECK (direction IN ('in', 'callback', 'handset'));
ALTER TABLE calls ADD COLUMN case_id INTEGER;
CREATE INDEX calls_live_callbacks ON calls (case_id) WHERE ended_at IS NULL AND case_id IS NOT NULL;

DROP VIEW v_calls_daily;
-- Calls that came in and have ended, by business day, queue and ending. A stay in a queue counts for that queue, a call for the last queue it was in.
CREATE VIEW v_calls_daily AS
SELECT
    -- the business day of the call
    c.business_day AS business_day,
    -- the queue; - for calls that reached none
    coalesce(w.queue, '-') AS queue,
    -- how the call ended
    c.ending AS ending,
    -- calls whose last queue this is
    count(*) FILTER (WHERE next.call IS NULL) AS calls,
    -- stays in the queue; a call that comes to it twice counts twice
    count(w.left_at) AS offered,
    -- of offered: those that an agent took
    count(*) FILTER (WHERE w.outcome = 'answered') AS answered,
    -- of answered: those within the queue's service level, from joining the queue to the bridge
    count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms) AS answered_in_time,
    -- of offered: those that the caller broke off
    count(*) FILTER (WHERE w.outcome = 'abandoned') AS abandoned,
    -- of abandoned: those within the service level
    count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.left_at - w.joined_at <= w.service_level_ms) AS abandoned_in_time,
    -- of offered: those that lasted too long and went on to another queue, a contact or a message
    count(*) FILTER (WHERE w.outcome = 'timed_out') AS timed_out,
    -- of offered: those that we broke off
    count(*) FILTER (WHERE w.outcome = 'lost') AS lost,
    -- answered_in_time / offered in per cent, of the whole day and queue (all endings; the same in each of its rows): the strictest, the headline
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(w.left_at)) OVER whole, 0), 1) AS service_level_negative_abandon_pct,
    -- answered_in_time / answered, of the whole day and queue
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(*) FILTER (WHERE w.outcome = 'answered')) OVER whole, 0), 1) AS service_level_only_handled_pct,
    -- (answered_in_time + abandoned_in_time) / offered, of the whole day and queue
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole + sum(count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(w.left_at)) OVER whole, 0), 1) AS service_level_positive_abandon_pct,
    -- answered_in_time / (offered - abandoned_in_time), of the whole day and queue
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(w.left_at)) OVER whole - sum(count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole, 0), 1) AS service_level_without_abandon_pct,
    -- abandoned / offered, of the whole day and queue
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'abandoned')) OVER whole) / nullif(sum(count(w.left_at)) OVER whole, 0), 1) AS abandoned_pct,
    -- mean stay
    CAST(round(avg(w.left_at - w.joined_at)) AS INTEGER) AS wait_avg_ms,
    -- longest stay
    CAST(max(w.left_at - w.joined_at) AS INTEGER) AS wait_max_ms,
    -- mean talk of the calls
    CAST(round(avg(CASE WHEN next.call IS NULL THEN c.talk_ms END)) AS INTEGER) AS talk_avg_ms,
    -- arrival of the first call, milliseconds since 1970 UTC
    min(c.arrived_at) AS earliest_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', min(c.arrived_at) / 1000, 'unixepoch') AS earliest,
    -- arrival of the last call, milliseconds since 1970 UTC
    max(c.arrived_at) AS latest_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', max(c.arrived_at) / 1000, 'unixepoch') AS latest
FROM calls AS c
LEFT JOIN waits AS w ON w.call = c.id
LEFT JOIN waits AS next ON next.call = w.call AND next.ordinal = w.ordinal + 1
WHERE c.ending IS NOT NULL AND c.direction = 'in'
GROUP BY c.business_day, w.queue, c.ending
WINDOW whole AS (PARTITION BY c.business_day, w.queue);

-- Cases with their state, reason and age.
CREATE VIEW v_cases AS
SELECT
    -- the case
    c.id AS id,
    -- the caller's number
    c.number AS number,
    -- where it stands
    c.state AS state,
    -- what an open one waits for
    CASE WHEN c.closed_at IS NULL THEN c.stage END AS stage,
    -- why it was opened
    c.reason AS reason,
    -- how long it has been open, or was until it was closed: under_15m, under_1h, under_4h, under_1d or over_1d
    CASE
        WHEN (coalesce(c.closed_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000) - c.opened_at) < 900000 THEN 'under_15m'
        WHEN (coalesce(c.closed_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000) - c.opened_at) < 3600000 THEN 'under_1h'
        WHEN (coalesce(c.closed_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000) - c.opened_at) < 14400000 THEN 'under_4h'
        WHEN (coalesce(c.closed_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000) - c.opened_at) < 86400000 THEN 'under_1d'
        ELSE 'over_1d'
    END AS age,
    -- the same in minutes
    (coalesce(c.closed_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000) - c.opened_at) / 60000 AS age_min,
    -- the queue of the latest miss that reached one; - if none did
    coalesce(c.queue, '-') AS queue,
    -- the business day on which it was opened
    c.business_day AS business_day,
    -- when it was opened, milliseconds since 1970 UTC
    c.opened_at AS opened_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', c.opened_at / 1000, 'unixepoch') AS opened,
    -- when the latest call was missed, milliseconds since 1970 UTC
    c.last_miss_at AS last_miss_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', c.last_miss_at / 1000, 'unixepoch') AS last_miss,
    -- when it was closed, milliseconds since 1970 UTC
    c.closed_at AS closed_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', c.closed_at / 1000, 'unixepoch') AS closed,
    -- why it was closed
    c.close_reason AS close_reason,
    -- how many calls were missed
    c.misses AS misses,
    -- how many attempts were counted
    (SELECT count(*) FROM attempts AS a WHERE a.case_id = c.id AND a.counted) AS attempts
FROM cases AS c;
