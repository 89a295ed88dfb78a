-- How a case is paid back: where it stands, what is due when, and every attempt from its reservation to its disposition.
-- Columns: migrations/README.md.

-- Numbers that are not to be called.
CREATE TABLE do_not_call (
    number TEXT NOT NULL PRIMARY KEY
        CHECK (number ~ '^[+][1-9][0-9]{6,14}$'),
    reason TEXT NOT NULL
        CONSTRAINT do_not_call_reason_word
        CHECK (reason IN ('do_not_call', 'wrong_number')),
    "by" TEXT NOT NULL,
    note TEXT,
    at BIGINT NOT NULL,
    expires_at BIGINT
);

-- What calls back of a queue are about: it decides the limits.
ALTER TABLE queues ADD COLUMN policy TEXT NOT NULL DEFAULT 'service';

ALTER TABLE cases DROP CONSTRAINT cases_reason_word;
ALTER TABLE cases ADD CONSTRAINT cases_reason_word
    CHECK (reason IN ('abandoned_waiting', 'abandoned_ringing', 'timed_out', 'closed_hours', 'forward_failed',
        'lost', 'left_message', 'asked_callback', 'web_form', 'bot', 'by_hand'));
ALTER TABLE cases DROP CONSTRAINT cases_misses_check;
ALTER TABLE cases ADD CONSTRAINT cases_misses_check CHECK (misses >= 0);
ALTER TABLE cases
    ADD COLUMN stage TEXT NOT NULL DEFAULT 'settling'
        CONSTRAINT cases_stage_word
        CHECK (stage IN ('settling', 'deferred', 'due', 'claimed', 'attempting', 'waiting', 'handed_over')),
    -- When the stage ends by itself; none: it waits for somebody.
    ADD COLUMN next_at BIGINT DEFAULT 0,
    -- The person asked for no call before this.
    ADD COLUMN not_before BIGINT,
    -- When the case last became due, and until when somebody must have called.
    ADD COLUMN due_at BIGINT,
    ADD COLUMN react_by BIGINT,
    -- When the customer was first dialled.
    ADD COLUMN first_attempt_at BIGINT,
    ADD COLUMN priority INTEGER NOT NULL DEFAULT 0,
    -- Who is offered it first.
    ADD COLUMN assignee TEXT,
    -- Who has it now: an agent, or the callback under way.
    ADD COLUMN claimed_by TEXT,
    ADD COLUMN handed_over_at BIGINT,
    -- On how many business days the repeat-contacts queue has had it.
    ADD COLUMN repeat_days INTEGER NOT NULL DEFAULT 0 CHECK (repeat_days >= 0),
    ADD COLUMN previous_case BIGINT,
    ADD CONSTRAINT cases_claimed CHECK (stage IN ('claimed', 'attempting') OR claimed_by IS NULL);
CREATE INDEX cases_by_number ON cases (number, id);
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
);
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

CREATE FUNCTION cases_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'refused: a closed case has no next step' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM case_steps WHERE from_stage = OLD.stage AND to_stage = NEW.stage) THEN
        RAISE EXCEPTION 'refused: case_steps has no such change of a case''s stage' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cases_step BEFORE UPDATE OF stage ON cases FOR EACH ROW
WHEN (NEW.stage <> OLD.stage) EXECUTE FUNCTION cases_step();

ALTER TABLE case_misses DROP CONSTRAINT case_misses_reason_word;
ALTER TABLE case_misses ADD CONSTRAINT case_misses_reason_word
    CHECK (reason IN ('abandoned_waiting', 'abandoned_ringing', 'timed_out', 'closed_hours', 'forward_failed',
        'lost', 'left_message', 'asked_callback'));
ALTER TABLE attempts DROP CONSTRAINT attempts_result_word;
ALTER TABLE attempts DROP CONSTRAINT attempts_counted_have_a_place;
ALTER TABLE attempts DROP CONSTRAINT attempts_uncounted_failed;
ALTER TABLE attempts ALTER COLUMN result DROP NOT NULL;
ALTER TABLE attempts
    ADD COLUMN state TEXT NOT NULL DEFAULT 'completed'
        CONSTRAINT attempts_state_word
        CHECK (state IN ('reserved', 'dialling', 'talking', 'wrapping_up', 'completed')),
    ADD COLUMN way TEXT NOT NULL DEFAULT 'reported'
        CONSTRAINT attempts_way_word
        CHECK (way IN ('callback', 'customer_first', 'handset', 'reported')),
    -- Who talks, and the row of the call that it is.
    ADD COLUMN agent TEXT,
    ADD COLUMN call TEXT REFERENCES calls (id),
    ADD COLUMN queue TEXT,
    -- The most that the policy allowed on that day, and the policy.
    ADD COLUMN cap INTEGER NOT NULL DEFAULT 3 CHECK (cap BETWEEN 1 AND 3),
    ADD COLUMN policy TEXT,
    ADD COLUMN policy_version INTEGER,
    -- No other counted attempt before this.
    ADD COLUMN gap_until BIGINT,
    -- The proof of the calling window: minutes of the day at the called party's place.
    ADD COLUMN zone TEXT,
    ADD COLUMN zone_source TEXT,
    ADD COLUMN local_min INTEGER CHECK (local_min BETWEEN 0 AND 1439),
    ADD COLUMN window_from_min INTEGER CHECK (window_from_min BETWEEN 0 AND 1439),
    ADD COLUMN window_to_min INTEGER CHECK (window_to_min BETWEEN 1 AND 1440),
    ADD COLUMN dialled_at BIGINT,
    ADD COLUMN answered_at BIGINT,
    ADD COLUMN ended_at BIGINT,
    ADD COLUMN cause TEXT,
    ADD CONSTRAINT attempts_result_word
        CHECK (result IN ('reached', 'call_later', 'no_answer', 'busy', 'rejected', 'voicemail', 'invalid_number',
            'wrong_number', 'refused', 'technical_failure', 'cancelled', 'orphaned', 'abandoned', 'other')),
    -- The cap: a counted attempt has place 1, 2 or 3 of its number's business day, and a place is taken once.
    ADD CONSTRAINT attempts_counted_have_a_place
        CHECK (NOT counted OR (ordinal IS NOT NULL AND ordinal BETWEEN 1 AND cap)),
    -- Only what cannot have rung does not count: a dial that failed, or one that was not made.
    ADD CONSTRAINT attempts_uncounted_failed
        CHECK (counted OR (result IS NOT NULL AND answered_at IS NULL
            AND (result = 'technical_failure' OR (result = 'cancelled' AND dialled_at IS NULL)))),
    ADD CONSTRAINT attempts_completed_have_a_result CHECK ((state = 'completed') = (result IS NOT NULL)),
    -- Who dials for us proves the window and the gap (of a quarter of an hour at least) in the row.
    ADD CONSTRAINT attempts_window CHECK (
        way = 'reported'
        OR (zone IS NOT NULL AND zone_source IS NOT NULL AND local_min IS NOT NULL AND window_from_min IS NOT NULL
            AND window_to_min IS NOT NULL AND local_min >= window_from_min AND local_min < window_to_min
            AND gap_until IS NOT NULL AND gap_until >= at + 900000 AND policy IS NOT NULL AND policy_version IS NOT NULL)
    );
CREATE INDEX attempts_by_number ON attempts (number, at);
CREATE INDEX attempts_by_call ON attempts (call) WHERE call IS NOT NULL;
-- Of late, customers who were dialled before an agent was there.
CREATE INDEX attempts_customer_first ON attempts (at) WHERE way = 'customer_first';
CREATE INDEX attempts_undisposed ON attempts (agent) WHERE state IN ('talking', 'wrapping_up');
-- One live attempt a number, whatever the queue.
CREATE UNIQUE INDEX attempts_one_live ON attempts (number) WHERE state IN ('reserved', 'dialling', 'talking');

-- Whoever inserts waits for who inserts for the same number: so no two of them overlook each other.
CREATE FUNCTION attempts_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.number, 0));
    IF NEW.state NOT IN ('reserved', 'completed') OR (NEW.state = 'completed') <> (NEW.way = 'reported') THEN
        RAISE EXCEPTION 'refused: an attempt begins reserved, or is reported completed' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM attempts WHERE number = NEW.number AND state = 'wrapping_up') THEN
        RAISE EXCEPTION 'refused: the attempt before has no disposition yet' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.way <> 'reported'
        AND EXISTS (SELECT 1 FROM attempts WHERE number = NEW.number AND counted AND gap_until > NEW.at) THEN
        RAISE EXCEPTION 'refused: the attempt before was too short a while ago' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.way <> 'reported' AND EXISTS (
        SELECT 1 FROM do_not_call WHERE number = NEW.number AND (expires_at IS NULL OR expires_at > NEW.at)) THEN
        RAISE EXCEPTION 'refused: the number is not to be called' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attempts_allowed BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION attempts_allowed();

-- Forward only; what it was made for stays; and a completed one stays as it is. An erasure takes number and note.
CREATE OR REPLACE FUNCTION attempts_come_to_their_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note IS NULL
        AND (NEW.id, NEW.case_id, NEW.business_day, NEW.ordinal, NEW.counted, NEW.at, NEW."by", NEW.result, NEW.state)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.case_id, OLD.business_day, OLD.ordinal, OLD.counted, OLD.at, OLD."by", OLD.result, OLD.state)
        AND (EXISTS (SELECT 1 FROM erasures WHERE pseudonym = NEW.number)
            OR (NEW.number = OLD.number AND EXISTS (SELECT 1 FROM attempts_to_erase WHERE attempt = OLD.id)))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'refused: an attempt goes forward only, and a completed one stays as it is'
        USING ERRCODE = 'check_violation';
END $$;
DROP TRIGGER attempts_no_update ON attempts;
CREATE TRIGGER attempts_no_update BEFORE UPDATE ON attempts FOR EACH ROW
WHEN (OLD.state = 'completed' OR NEW.id <> OLD.id OR NEW.case_id <> OLD.case_id OR NEW.number <> OLD.number
    OR NEW.business_day <> OLD.business_day OR NEW.at <> OLD.at OR NEW."by" <> OLD."by" OR NEW.way <> OLD.way
    OR (NEW.cap, NEW.policy, NEW.policy_version, NEW.gap_until, NEW.call, NEW.queue,
            NEW.zone, NEW.zone_source, NEW.local_min, NEW.window_from_min, NEW.window_to_min)
        IS DISTINCT FROM (OLD.cap, OLD.policy, OLD.policy_version, OLD.gap_until, OLD.call, OLD.queue,
            OLD.zone, OLD.zone_source, OLD.local_min, OLD.window_from_min, OLD.window_to_min)
    OR (OLD.agent IS NOT NULL AND NEW.agent IS DISTINCT FROM OLD.agent)
    OR (OLD.dialled_at IS NOT NULL AND NEW.dialled_at IS DISTINCT FROM OLD.dialled_at)
    OR (OLD.answered_at IS NOT NULL AND NEW.answered_at IS DISTINCT FROM OLD.answered_at)
    OR (NEW.ordinal IS DISTINCT FROM OLD.ordinal AND NEW.counted)
    OR NOT (NEW.state = OLD.state OR NEW.state = 'completed'
        OR (OLD.state = 'reserved' AND NEW.state = 'dialling')
        OR (OLD.state = 'dialling' AND NEW.state = 'talking')
        OR (OLD.state = 'talking' AND NEW.state = 'wrapping_up')))
EXECUTE FUNCTION attempts_come_to_their_end();

-- No more work before the disposition of the last talk.
CREATE FUNCTION agents_disposition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM attempts WHERE agent = NEW.name AND way <> 'handset' AND state IN ('talking', 'wrapping_up')) THEN
        RAISE EXCEPTION 'refused: the agent owes the result of his last callback' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agents_disposition BEFORE UPDATE OF activity ON agents FOR EACH ROW
WHEN (OLD.activity IN ('talking', 'wrapping_up') AND NEW.activity = 'idle') EXECUTE FUNCTION agents_disposition();

-- Dials that a guard refused.
CREATE TABLE refusals (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    case_id BIGINT,
    number TEXT NOT NULL,
    guard TEXT NOT NULL,
    why TEXT NOT NULL,
    "by" TEXT NOT NULL,
    policy TEXT NOT NULL,
    policy_version INTEGER NOT NULL
);
CREATE INDEX refusals_by_case ON refusals (case_id, id);

-- Reminders of a case that were sent: each rung once.
CREATE TABLE escalations (
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    due_at BIGINT NOT NULL,
    rung_pct INTEGER NOT NULL CHECK (rung_pct > 0),
    at BIGINT NOT NULL,
    PRIMARY KEY (case_id, due_at, rung_pct)
);

-- A callback is a call, too: rung for and recorded like one, and told apart from those that came in.
ALTER TABLE calls ADD COLUMN direction TEXT NOT NULL DEFAULT 'in' CHECK (direction IN ('in', 'callback', 'handset'));
ALTER TABLE calls ADD COLUMN case_id BIGINT;
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
    CAST(round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(w.left_at)) OVER whole, 0), 1) AS DOUBLE PRECISION) AS service_level_negative_abandon_pct,
    -- answered_in_time / answered, of the whole day and queue
    CAST(round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(*) FILTER (WHERE w.outcome = 'answered')) OVER whole, 0), 1) AS DOUBLE PRECISION) AS service_level_only_handled_pct,
    -- (answered_in_time + abandoned_in_time) / offered, of the whole day and queue
    CAST(round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole + sum(count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(w.left_at)) OVER whole, 0), 1) AS DOUBLE PRECISION) AS service_level_positive_abandon_pct,
    -- answered_in_time / (offered - abandoned_in_time), of the whole day and queue
    CAST(round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(w.left_at)) OVER whole - sum(count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole, 0), 1) AS DOUBLE PRECISION) AS service_level_without_abandon_pct,
    -- abandoned / offered, of the whole day and queue
    CAST(round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'abandoned')) OVER whole) / nullif(sum(count(w.left_at)) OVER whole, 0), 1) AS DOUBLE PRECISION) AS abandoned_pct,
    -- mean stay
    CAST(round(avg(w.left_at - w.joined_at)) AS BIGINT) AS wait_avg_ms,
    -- longest stay
    CAST(max(w.left_at - w.joined_at) AS BIGINT) AS wait_max_ms,
    -- mean talk of the calls
    CAST(round(avg(CASE WHEN next.call IS NULL THEN c.talk_ms END)) AS BIGINT) AS talk_avg_ms,
    -- arrival of the first call, milliseconds since 1970 UTC
    min(c.arrived_at) AS earliest_at,
    -- the same as text, in UTC
    to_char(to_timestamp(min(c.arrived_at) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS earliest,
    -- arrival of the last call, milliseconds since 1970 UTC
    max(c.arrived_at) AS latest_at,
    -- the same as text, in UTC
    to_char(to_timestamp(max(c.arrived_at) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS latest
FROM calls AS c
LEFT JOIN waits AS w ON w.call = c.id
LEFT JOIN waits AS next ON next.call = w.call AND next.ordinal = w.ordinal + 1
WHERE c.ending IS NOT NULL AND c.direction = 'in'
GROUP BY c.business_day, w.queue, c.ending
WINDOW whole AS (PARTITION BY c.business_day, w.queue);
COMMENT ON VIEW v_calls_daily IS 'Calls that came in and have ended, by business day, queue and ending. A stay in a queue counts for that queue, a call for the last queue it was in.';
COMMENT ON COLUMN v_calls_daily.business_day IS 'the business day of the call';
COMMENT ON COLUMN v_calls_daily.queue IS 'the queue; - for calls that reached none';
COMMENT ON COLUMN v_calls_daily.ending IS 'how the call ended';
COMMENT ON COLUMN v_calls_daily.calls IS 'calls whose last queue this is';
COMMENT ON COLUMN v_calls_daily.offered IS 'stays in the queue; a call that comes to it twice counts twice';
COMMENT ON COLUMN v_calls_daily.answered IS 'of offered: those that an agent took';
COMMENT ON COLUMN v_calls_daily.answered_in_time IS 'of answered: those within the queue''s service level, from joining the queue to the bridge';
COMMENT ON COLUMN v_calls_daily.abandoned IS 'of offered: those that the caller broke off';
COMMENT ON COLUMN v_calls_daily.abandoned_in_time IS 'of abandoned: those within the service level';
COMMENT ON COLUMN v_calls_daily.timed_out IS 'of offered: those that lasted too long and went on to another queue, a contact or a message';
COMMENT ON COLUMN v_calls_daily.lost IS 'of offered: those that we broke off';
COMMENT ON COLUMN v_calls_daily.service_level_negative_abandon_pct IS 'answered_in_time / offered in per cent, of the whole day and queue (all endings; the same in each of its rows): the strictest, the headline';
COMMENT ON COLUMN v_calls_daily.service_level_only_handled_pct IS 'answered_in_time / answered, of the whole day and queue';
COMMENT ON COLUMN v_calls_daily.service_level_positive_abandon_pct IS '(answered_in_time + abandoned_in_time) / offered, of the whole day and queue';
COMMENT ON COLUMN v_calls_daily.service_level_without_abandon_pct IS 'answered_in_time / (offered - abandoned_in_time), of the whole day and queue';
COMMENT ON COLUMN v_calls_daily.abandoned_pct IS 'abandoned / offered, of the whole day and queue';
COMMENT ON COLUMN v_calls_daily.wait_avg_ms IS 'mean stay';
COMMENT ON COLUMN v_calls_daily.wait_max_ms IS 'longest stay';
COMMENT ON COLUMN v_calls_daily.talk_avg_ms IS 'mean talk of the calls';
COMMENT ON COLUMN v_calls_daily.earliest_at IS 'arrival of the first call, milliseconds since 1970 UTC';
COMMENT ON COLUMN v_calls_daily.earliest IS 'the same as text, in UTC';
COMMENT ON COLUMN v_calls_daily.latest_at IS 'arrival of the last call, milliseconds since 1970 UTC';
COMMENT ON COLUMN v_calls_daily.latest IS 'the same as text, in UTC';

DROP VIEW v_cases;
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
        WHEN (coalesce(c.closed_at, CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)) - c.opened_at) < 900000 THEN 'under_15m'
        WHEN (coalesce(c.closed_at, CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)) - c.opened_at) < 3600000 THEN 'under_1h'
        WHEN (coalesce(c.closed_at, CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)) - c.opened_at) < 14400000 THEN 'under_4h'
        WHEN (coalesce(c.closed_at, CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)) - c.opened_at) < 86400000 THEN 'under_1d'
        ELSE 'over_1d'
    END AS age,
    -- the same in minutes
    (coalesce(c.closed_at, CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)) - c.opened_at) / 60000 AS age_min,
    -- the queue of the latest miss that reached one; - if none did
    coalesce(c.queue, '-') AS queue,
    -- the business day on which it was opened
    c.business_day AS business_day,
    -- when it was opened, milliseconds since 1970 UTC
    c.opened_at AS opened_at,
    -- the same as text, in UTC
    to_char(to_timestamp(c.opened_at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS opened,
    -- when the latest call was missed, milliseconds since 1970 UTC
    c.last_miss_at AS last_miss_at,
    -- the same as text, in UTC
    to_char(to_timestamp(c.last_miss_at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS last_miss,
    -- when it was closed, milliseconds since 1970 UTC
    c.closed_at AS closed_at,
    -- the same as text, in UTC
    to_char(to_timestamp(c.closed_at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS closed,
    -- why it was closed
    c.close_reason AS close_reason,
    -- how many calls were missed
    c.misses AS misses,
    -- how many attempts were counted
    (SELECT count(*) FROM attempts AS a WHERE a.case_id = c.id AND a.counted) AS attempts
FROM cases AS c;
COMMENT ON VIEW v_cases IS 'Cases with their state, reason and age.';
COMMENT ON COLUMN v_cases.id IS 'the case';
COMMENT ON COLUMN v_cases.number IS 'the caller''s number';
COMMENT ON COLUMN v_cases.state IS 'where it stands';
COMMENT ON COLUMN v_cases.stage IS 'what an open one waits for';
COMMENT ON COLUMN v_cases.reason IS 'why it was opened';
COMMENT ON COLUMN v_cases.age IS 'how long it has been open, or was until it was closed: under_15m, under_1h, under_4h, under_1d or over_1d';
COMMENT ON COLUMN v_cases.age_min IS 'the same in minutes';
COMMENT ON COLUMN v_cases.queue IS 'the queue of the latest miss that reached one; - if none did';
COMMENT ON COLUMN v_cases.business_day IS 'the business day on which it was opened';
COMMENT ON COLUMN v_cases.opened_at IS 'when it was opened, milliseconds since 1970 UTC';
COMMENT ON COLUMN v_cases.opened IS 'the same as text, in UTC';
COMMENT ON COLUMN v_cases.last_miss_at IS 'when the latest call was missed, milliseconds since 1970 UTC';
COMMENT ON COLUMN v_cases.last_miss IS 'the same as text, in UTC';
COMMENT ON COLUMN v_cases.closed_at IS 'when it was closed, milliseconds since 1970 UTC';
COMMENT ON COLUMN v_cases.closed IS 'the same as text, in UTC';
COMMENT ON COLUMN v_cases.close_reason IS 'why it was closed';
COMMENT ON COLUMN v_cases.misses IS 'how many calls were missed';
COMMENT ON COLUMN v_cases.attempts IS 'how many attempts were counted';
