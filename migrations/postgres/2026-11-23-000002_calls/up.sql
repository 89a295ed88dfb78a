-- Calls, where they waited, and who was rung for them. Columns: migrations/README.md.

CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    node TEXT NOT NULL,
    channel TEXT NOT NULL CHECK (length(channel) = 36),
    core TEXT NOT NULL CHECK (length(core) = 36),
    number TEXT CHECK (number ~ '^[+][1-9][0-9]{6,14}$'),
    caller_number TEXT NOT NULL,
    caller_name TEXT NOT NULL,
    party TEXT NOT NULL
        CONSTRAINT calls_party_word
        CHECK (party IN ('number', 'internal', 'withheld', 'invalid')),
    dialled TEXT NOT NULL,
    route TEXT,
    open BOOLEAN NOT NULL,
    why TEXT NOT NULL,
    queue TEXT,
    business_day TEXT NOT NULL CHECK (business_day ~ '^[0-9]{4}-[01][0-9]-[0-3][0-9]$'),
    arrived_at BIGINT NOT NULL,
    queued_at BIGINT,
    offer TEXT CHECK (length(offer) = 36),
    agent TEXT,
    answered_at BIGINT,
    ended_at BIGINT,
    ending TEXT
        CONSTRAINT calls_ending_word
        CHECK (ending IN ('answered', 'abandoned', 'timed_out', 'left_message', 'asked_callback', 'forwarded',
            'refused', 'lost')),
    stage TEXT
        CONSTRAINT calls_stage_word
        CHECK (stage IN ('arriving', 'waiting', 'ringing', 'message', 'forwarding', 'talking')),
    cause TEXT,
    wait_ms BIGINT CHECK (wait_ms >= 0),
    talk_ms BIGINT CHECK (talk_ms >= 0),
    service_level_ms BIGINT CHECK (service_level_ms >= 0),
    CONSTRAINT calls_number_is_party CHECK ((number IS NOT NULL) = (party = 'number')),
    CONSTRAINT calls_one_ending
        CHECK ((ended_at IS NULL) = (ending IS NULL) AND (ended_at IS NULL) = (stage IS NULL))
);
CREATE INDEX calls_live ON calls (arrived_at) WHERE ended_at IS NULL;
CREATE INDEX calls_by_day ON calls (business_day, queue);
CREATE INDEX calls_by_number ON calls (number, arrived_at) WHERE number IS NOT NULL;

CREATE TABLE waits (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    queue TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    service_level_ms BIGINT CHECK (service_level_ms >= 0),
    left_at BIGINT,
    outcome TEXT
        CONSTRAINT waits_outcome_word
        CHECK (outcome IN ('answered', 'abandoned', 'timed_out', 'lost')),
    PRIMARY KEY (call, ordinal),
    CONSTRAINT waits_one_outcome CHECK ((left_at IS NULL) = (outcome IS NULL))
);
-- A caller waits in one queue at a time.
CREATE UNIQUE INDEX waits_open ON waits (call) WHERE left_at IS NULL;
CREATE INDEX waits_open_by_queue ON waits (queue) WHERE left_at IS NULL;

CREATE TABLE offers (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    queue TEXT NOT NULL,
    agent TEXT NOT NULL,
    controller TEXT NOT NULL,
    leg TEXT CHECK (length(leg) = 36),
    offered_at BIGINT NOT NULL,
    answered_at BIGINT,
    bridged_at BIGINT,
    ended_at BIGINT,
    outcome TEXT
        CONSTRAINT offers_outcome_word
        CHECK (outcome IN ('answered', 'no_answer', 'busy', 'rejected', 'unreachable', 'cancelled', 'lost_race',
            'not_confirmed')),
    cause TEXT,
    ring_ms BIGINT CHECK (ring_ms >= 0),
    talk_ms BIGINT CHECK (talk_ms >= 0),
    -- The winner has his outcome while he talks; everybody else when it is over.
    CONSTRAINT offers_one_outcome CHECK (
        (ended_at IS NULL OR outcome IS NOT NULL)
        AND (ended_at IS NOT NULL OR outcome IS NULL OR outcome = 'answered')
    )
);
-- An agent is claimed once at a time, and a call is won once.
CREATE UNIQUE INDEX offers_one_live_claim ON offers (agent) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX offers_one_winner ON offers (call) WHERE outcome = 'answered';
CREATE INDEX offers_by_call ON offers (call);

-- A call has one ending, and it stays.
CREATE FUNCTION calls_end_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused: the call has ended already' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER calls_end_once BEFORE UPDATE OF ended_at, ending, stage ON calls FOR EACH ROW
WHEN (OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.ending, NEW.stage)
    IS DISTINCT FROM (OLD.ended_at, OLD.ending, OLD.stage))
EXECUTE FUNCTION calls_end_once();

CREATE FUNCTION queues_at_work() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM waits WHERE queue = OLD.name AND left_at IS NULL) THEN
        RAISE EXCEPTION 'refused: callers wait in the queue; remove it when they are gone'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER queues_at_work BEFORE DELETE ON queues FOR EACH ROW EXECUTE FUNCTION queues_at_work();
