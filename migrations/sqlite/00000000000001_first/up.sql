-- Instants are milliseconds since 1970 in UTC (*_at), durations milliseconds (*_ms), words as in the code.
-- The same tables stand in ../../postgres; what each view's column means is in ../../README.md.

-- ---------------------------------------------------------------- rules: what an administrator decides

CREATE TABLE prompts (
    name   TEXT PRIMARY KEY NOT NULL,
    source TEXT NOT NULL
);

CREATE TABLE schedules (
    name TEXT PRIMARY KEY NOT NULL,
    zone TEXT NOT NULL
);

CREATE TABLE schedule_hours (
    schedule   TEXT NOT NULL REFERENCES schedules (name) ON DELETE CASCADE,
    weekday    INTEGER NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    opens_min  INTEGER NOT NULL CHECK (opens_min BETWEEN 0 AND 1439),
    closes_min INTEGER NOT NULL CHECK (closes_min > opens_min AND closes_min <= 2880),
    PRIMARY KEY (schedule, weekday, opens_min)
);

-- A date with other hours than its weekday's; the row with ordinal 0 and no hours says that it is special.
CREATE TABLE schedule_exceptions (
    schedule   TEXT NOT NULL REFERENCES schedules (name) ON DELETE CASCADE,
    date       TEXT NOT NULL,
    ordinal    INTEGER NOT NULL,
    opens_min  INTEGER CHECK (opens_min BETWEEN 0 AND 1439),
    closes_min INTEGER CHECK (closes_min > opens_min AND closes_min <= 2880),
    PRIMARY KEY (schedule, date, ordinal)
);

CREATE TABLE agents (
    name                 TEXT PRIMARY KEY NOT NULL,
    display              TEXT NOT NULL,
    ring_timeout_ms      BIGINT NOT NULL CHECK (ring_timeout_ms > 0),
    wrap_up_ms           BIGINT NOT NULL CHECK (wrap_up_ms >= 0),
    no_answer_delay_ms   BIGINT NOT NULL CHECK (no_answer_delay_ms >= 0),
    busy_delay_ms        BIGINT NOT NULL CHECK (busy_delay_ms >= 0),
    rejected_delay_ms    BIGINT NOT NULL CHECK (rejected_delay_ms >= 0),
    unreachable_delay_ms BIGINT NOT NULL CHECK (unreachable_delay_ms >= 0),
    max_misses           INTEGER NOT NULL CHECK (max_misses >= 0),
    -- what he chose and does; every change goes through agent_steps and leaves a row in agent_changes
    status        TEXT NOT NULL DEFAULT 'logged_out' CHECK (status IN ('logged_out', 'available', 'on_break')),
    activity      TEXT NOT NULL DEFAULT 'idle' CHECK (activity IN ('idle', 'ringing', 'talking', 'wrapping_up')),
    break_reason  TEXT,
    since_at      BIGINT NOT NULL DEFAULT 0,
    idle_since_at BIGINT NOT NULL DEFAULT 0,
    ready_at      BIGINT NOT NULL DEFAULT 0,
    misses        INTEGER NOT NULL DEFAULT 0,
    offer         TEXT,
    version       BIGINT NOT NULL DEFAULT 0,
    changed_by    TEXT NOT NULL DEFAULT 'system',
    changed_why   TEXT NOT NULL DEFAULT 'added'
);

CREATE TABLE agent_contacts (
    agent   TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    contact TEXT NOT NULL,
    PRIMARY KEY (agent, ordinal)
);

CREATE TABLE queues (
    name             TEXT PRIMARY KEY NOT NULL,
    strategy         TEXT NOT NULL CHECK (strategy IN ('longest_idle', 'round_robin', 'sequential', 'ring_all')),
    priority         INTEGER NOT NULL,
    music            TEXT REFERENCES prompts (name),
    service_level_ms BIGINT NOT NULL CHECK (service_level_ms > 0),
    max_wait_ms      BIGINT CHECK (max_wait_ms > 0),
    overflow_kind    TEXT NOT NULL CHECK (overflow_kind IN ('queue', 'forward', 'message')),
    overflow_to      TEXT NOT NULL,
    schedule         TEXT REFERENCES schedules (name)
);

CREATE TABLE tiers (
    queue    TEXT NOT NULL REFERENCES queues (name) ON DELETE CASCADE,
    agent    TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
    level    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (queue, agent)
);

CREATE TABLE routes (
    ordinal     INTEGER PRIMARY KEY NOT NULL,
    name        TEXT NOT NULL UNIQUE,
    number      TEXT NOT NULL,
    open_kind   TEXT NOT NULL CHECK (open_kind IN ('queue', 'forward', 'message')),
    open_to     TEXT NOT NULL,
    schedule    TEXT REFERENCES schedules (name),
    closed_kind TEXT NOT NULL CHECK (closed_kind IN ('queue', 'forward', 'message')),
    closed_to   TEXT NOT NULL
);

-- ---------------------------------------------------------------- agents: every legal step, every step made

CREATE TABLE agent_steps (
    from_status   TEXT NOT NULL,
    from_activity TEXT NOT NULL,
    to_status     TEXT NOT NULL,
    to_activity   TEXT NOT NULL,
    PRIMARY KEY (from_status, from_activity, to_status, to_activity)
);

-- A status may change in every activity, an activity in every status; on_break only follows being there.
INSERT INTO agent_steps
WITH activity (word) AS (VALUES ('idle'), ('ringing'), ('talking'), ('wrapping_up')),
     chosen (was, becomes) AS (VALUES
         ('logged_out', 'available'), ('on_break', 'available'),
         ('available', 'logged_out'), ('on_break', 'logged_out'),
         ('available', 'on_break')),
     status (word) AS (VALUES ('logged_out'), ('available'), ('on_break')),
     done (was, becomes) AS (VALUES
         ('ringing', 'idle'), ('ringing', 'talking'),
         ('talking', 'wrapping_up'), ('talking', 'idle'), ('wrapping_up', 'idle'))
SELECT was, activity.word, becomes, activity.word FROM chosen, activity
UNION SELECT status.word, was, status.word, becomes FROM done, status
UNION VALUES ('available', 'idle', 'available', 'ringing'), ('available', 'ringing', 'on_break', 'idle');

CREATE TABLE agent_changes (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    agent         TEXT NOT NULL,
    at            BIGINT NOT NULL,
    from_status   TEXT NOT NULL,
    from_activity TEXT NOT NULL,
    to_status     TEXT NOT NULL,
    to_activity   TEXT NOT NULL,
    by            TEXT NOT NULL,
    why           TEXT NOT NULL,
    offer         TEXT
);
CREATE INDEX agent_changes_of ON agent_changes (agent, at);

CREATE TRIGGER agents_legal_step BEFORE UPDATE OF status, activity ON agents
WHEN (OLD.status <> NEW.status OR OLD.activity <> NEW.activity)
 AND NOT EXISTS (SELECT 1 FROM agent_steps
                 WHERE from_status = OLD.status AND from_activity = OLD.activity
                   AND to_status = NEW.status AND to_activity = NEW.activity)
BEGIN
    SELECT RAISE(ABORT, 'illegal step of an agent: see table agent_steps');
END;

CREATE TRIGGER agents_change_recorded AFTER UPDATE OF status, activity ON agents
WHEN OLD.status <> NEW.status OR OLD.activity <> NEW.activity
BEGIN
    INSERT INTO agent_changes (agent, at, from_status, from_activity, to_status, to_activity, by, why, offer)
    VALUES (NEW.name, NEW.since_at, OLD.status, OLD.activity, NEW.status, NEW.activity,
            NEW.changed_by, NEW.changed_why, COALESCE(NEW.offer, OLD.offer));
END;

CREATE TRIGGER agent_changes_kept BEFORE DELETE ON agent_changes
BEGIN SELECT RAISE(ABORT, 'agent_changes is append-only'); END;
CREATE TRIGGER agent_changes_true BEFORE UPDATE ON agent_changes
BEGIN SELECT RAISE(ABORT, 'agent_changes is append-only'); END;

-- ---------------------------------------------------------------- calls

CREATE TABLE calls (
    id               TEXT PRIMARY KEY NOT NULL,
    node             TEXT NOT NULL,
    channel          TEXT NOT NULL,
    core             TEXT NOT NULL,
    party            TEXT NOT NULL CHECK (party IN ('number', 'internal', 'withheld', 'invalid')),
    number           TEXT CHECK ((number IS NOT NULL) = (party = 'number')),
    caller_number    TEXT NOT NULL,
    caller_name      TEXT NOT NULL,
    dialled          TEXT NOT NULL,
    route            TEXT,
    open             BOOLEAN NOT NULL,
    why              TEXT NOT NULL,
    queue            TEXT,
    business_day     TEXT NOT NULL,
    service_level_ms BIGINT,
    arrived_at       BIGINT NOT NULL,
    queued_at        BIGINT,
    offer            TEXT,
    agent            TEXT,
    answered_at      BIGINT,
    ended_at         BIGINT,
    ending           TEXT CHECK (ending IN ('answered', 'abandoned', 'timed_out', 'left_message', 'asked_callback',
                                            'forwarded', 'refused', 'lost')),
    stage            TEXT CHECK (stage IN ('arriving', 'waiting', 'ringing', 'message', 'forwarding', 'talking')),
    cause            TEXT,
    wait_ms          BIGINT,
    talk_ms          BIGINT,
    CHECK ((ended_at IS NULL) = (ending IS NULL))
);
CREATE INDEX calls_live ON calls (arrived_at) WHERE ended_at IS NULL;
CREATE INDEX calls_of_day ON calls (business_day, queue);
CREATE INDEX calls_of_number ON calls (number, arrived_at);
CREATE INDEX calls_by_arrival ON calls (arrived_at);

-- A call has exactly one ending, and it stays.
CREATE TRIGGER calls_one_ending BEFORE UPDATE OF ending, ended_at ON calls
WHEN OLD.ending IS NOT NULL AND (NEW.ending IS NOT OLD.ending OR NEW.ended_at IS NOT OLD.ended_at)
BEGIN
    SELECT RAISE(ABORT, 'a call has one ending');
END;

CREATE TABLE waits (
    call      TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    ordinal   INTEGER NOT NULL,
    queue     TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    left_at   BIGINT,
    outcome   TEXT CHECK (outcome IN ('answered', 'abandoned', 'timed_out', 'lost')),
    PRIMARY KEY (call, ordinal)
);

CREATE TABLE offers (
    id          TEXT PRIMARY KEY NOT NULL,
    call        TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    queue       TEXT NOT NULL,
    agent       TEXT NOT NULL,
    controller  TEXT NOT NULL,
    leg         TEXT,
    offered_at  BIGINT NOT NULL,
    answered_at BIGINT,
    bridged_at  BIGINT,
    ended_at    BIGINT,
    outcome     TEXT CHECK (outcome IN ('answered', 'no_answer', 'busy', 'rejected', 'unreachable', 'cancelled',
                                        'lost_race', 'not_confirmed')),
    cause       TEXT,
    ring_ms     BIGINT,
    talk_ms     BIGINT,
    CHECK (ended_at IS NULL OR outcome IS NOT NULL)
);
CREATE INDEX offers_of_call ON offers (call);
CREATE INDEX offers_of_agent ON offers (agent, offered_at);
-- A phone rings under one claim; a call has one winner.
CREATE UNIQUE INDEX offers_one_claim ON offers (agent) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX offers_one_winner ON offers (call) WHERE outcome = 'answered';

-- ---------------------------------------------------------------- what we owe

CREATE TABLE cases (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    number        TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    reason        TEXT NOT NULL CHECK (reason IN ('abandoned_waiting', 'abandoned_ringing', 'timed_out',
                                                  'closed_hours', 'forward_failed', 'lost')),
    queue         TEXT,
    opened_at     BIGINT NOT NULL,
    last_miss_at  BIGINT NOT NULL,
    misses        INTEGER NOT NULL CHECK (misses > 0),
    business_day  TEXT NOT NULL,
    closed_at     BIGINT,
    close_reason  TEXT CHECK (close_reason IN ('agent_reached', 'caller_reached_us', 'unreachable', 'do_not_call',
                                               'wrong_number', 'spam', 'erased', 'other')),
    closed_by     TEXT,
    note          TEXT,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((state = 'closed') = (close_reason IS NOT NULL))
);
CREATE UNIQUE INDEX cases_one_open ON cases (number) WHERE state = 'open';
CREATE INDEX cases_by_age ON cases (state, opened_at);

CREATE TABLE case_misses (
    call    TEXT PRIMARY KEY NOT NULL REFERENCES calls (id),
    case_id BIGINT NOT NULL REFERENCES cases (id),
    at      BIGINT NOT NULL,
    reason  TEXT NOT NULL,
    queue   TEXT,
    wait_ms BIGINT
);
CREATE INDEX case_misses_of ON case_misses (case_id);

-- One dialling of the customer. The database itself refuses a fourth counted one on a business day:
-- a counted attempt has an ordinal of 1 to 3, and each ordinal exists once for a number and a day.
CREATE TABLE attempts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    case_id      BIGINT NOT NULL REFERENCES cases (id),
    number       TEXT NOT NULL,
    business_day TEXT NOT NULL CHECK (business_day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    ordinal      INTEGER CHECK (ordinal BETWEEN 1 AND 3),
    counted      BOOLEAN NOT NULL CHECK (counted IN (0, 1)),
    at           BIGINT NOT NULL,
    by           TEXT NOT NULL,
    result       TEXT NOT NULL CHECK (result IN ('reached', 'call_later', 'no_answer', 'busy', 'rejected', 'voicemail',
                                                 'invalid_number', 'wrong_number', 'technical_failure', 'other')),
    note         TEXT,
    CHECK (counted = (ordinal IS NOT NULL)),
    UNIQUE (number, business_day, ordinal)
);
CREATE INDEX attempts_of_case ON attempts (case_id);

CREATE TRIGGER attempts_number_of_case BEFORE INSERT ON attempts
WHEN NEW.number IS NOT (SELECT number FROM cases WHERE id = NEW.case_id)
BEGIN
    SELECT RAISE(ABORT, 'an attempt dials the number of its case');
END;
CREATE TRIGGER attempts_case_open BEFORE INSERT ON attempts
WHEN (SELECT state FROM cases WHERE id = NEW.case_id) IS NOT 'open'
BEGIN
    SELECT RAISE(ABORT, 'an attempt needs an open case');
END;
CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts is append-only'); END;
CREATE TRIGGER attempts_true BEFORE UPDATE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts is append-only'); END;
CREATE TRIGGER case_misses_kept BEFORE DELETE ON case_misses
BEGIN SELECT RAISE(ABORT, 'case_misses is append-only'); END;
CREATE TRIGGER case_misses_true BEFORE UPDATE ON case_misses
BEGIN SELECT RAISE(ABORT, 'case_misses is append-only'); END;

-- ---------------------------------------------------------------- reports

CREATE VIEW v_calls_daily AS
SELECT business_day,
       COALESCE(queue, '-') AS queue,
       ending,
       COUNT(*) AS calls,
       SUM(CASE WHEN ending = 'answered' AND wait_ms <= service_level_ms THEN 1 ELSE 0 END) AS answered_in_time,
       ROUND(100.0 * SUM(SUM(CASE WHEN ending = 'answered' AND wait_ms <= service_level_ms THEN 1 ELSE 0 END))
             OVER (PARTITION BY business_day, queue)
             / NULLIF(SUM(SUM(CASE WHEN queued_at IS NOT NULL THEN 1 ELSE 0 END))
                      OVER (PARTITION BY business_day, queue), 0), 1)
           AS service_level_negative_abandon_pct,
       CAST(AVG(wait_ms) AS BIGINT) AS wait_avg_ms,
       MAX(wait_ms) AS wait_max_ms,
       CAST(AVG(talk_ms) AS BIGINT) AS talk_avg_ms
FROM calls
WHERE ending IS NOT NULL
GROUP BY business_day, queue, ending;

CREATE VIEW v_offers_by_agent AS
SELECT o.agent,
       o.queue,
       c.business_day,
       o.outcome,
       COUNT(*) AS offers,
       CAST(AVG(o.ring_ms) AS BIGINT) AS ring_avg_ms,
       MAX(o.ring_ms) AS ring_max_ms,
       CAST(SUM(o.talk_ms) AS BIGINT) AS talk_ms
FROM offers o JOIN calls c ON c.id = o.call
WHERE o.outcome IS NOT NULL
GROUP BY o.agent, o.queue, c.business_day, o.outcome;

CREATE VIEW v_cases AS
SELECT c.id,
       c.number,
       c.state,
       c.reason,
       COALESCE(c.queue, '-') AS queue,
       c.business_day,
       strftime('%Y-%m-%dT%H:%M:%SZ', c.opened_at / 1000, 'unixepoch') AS opened,
       strftime('%Y-%m-%dT%H:%M:%SZ', c.closed_at / 1000, 'unixepoch') AS closed,
       c.close_reason,
       c.misses,
       (SELECT COUNT(*) FROM attempts a WHERE a.case_id = c.id AND a.counted) AS attempts,
       (COALESCE(c.closed_at, CAST(strftime('%s', 'now') AS BIGINT) * 1000) - c.opened_at) / 60000 AS age_min,
       c.opened_at
FROM cases c;
