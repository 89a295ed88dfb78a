-- Calls, where they waited, and who was rung for them. Columns: migrations/README.md.

CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    node TEXT NOT NULL,
    channel TEXT NOT NULL CHECK (length(channel) = 36),
    core TEXT NOT NULL CHECK (length(core) = 36),
    number TEXT
        CHECK (number GLOB '+[1-9]*' AND substr(number, 2) NOT GLOB '*[^0-9]*' AND length(number) BETWEEN 8 AND 16),
    caller_number TEXT NOT NULL,
    caller_name TEXT NOT NULL,
    party TEXT NOT NULL
        CONSTRAINT calls_party_word
        CHECK (party IN ('number', 'internal', 'withheld', 'invalid')),
    dialled TEXT NOT NULL,
    route TEXT,
    open INTEGER NOT NULL CHECK (open IN (0, 1)),
    why TEXT NOT NULL,
    queue TEXT,
    business_day TEXT NOT NULL CHECK (business_day GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]'),
    arrived_at INTEGER NOT NULL,
    queued_at INTEGER,
    offer TEXT CHECK (length(offer) = 36),
    agent TEXT,
    answered_at INTEGER,
    ended_at INTEGER,
    ending TEXT
        CONSTRAINT calls_ending_word
        CHECK (ending IN ('answered', 'abandoned', 'timed_out', 'left_message', 'asked_callback', 'forwarded',
            'refused', 'lost')),
    stage TEXT
        CONSTRAINT calls_stage_word
        CHECK (stage IN ('arriving', 'waiting', 'ringing', 'message', 'forwarding', 'talking')),
    cause TEXT,
    wait_ms INTEGER CHECK (wait_ms >= 0),
    talk_ms INTEGER CHECK (talk_ms >= 0),
    service_level_ms INTEGER CHECK (service_level_ms >= 0),
    CONSTRAINT calls_number_is_party CHECK ((number IS NOT NULL) = (party = 'number')),
    CONSTRAINT calls_one_ending
        CHECK ((ended_at IS NULL) = (ending IS NULL) AND (ended_at IS NULL) = (stage IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_live ON calls (arrived_at) WHERE ended_at IS NULL;
CREATE INDEX calls_by_day ON calls (business_day, queue);
CREATE INDEX calls_by_number ON calls (number, arrived_at) WHERE number IS NOT NULL;

-- A call has one ending, and it stays.
CREATE TRIGGER calls_end_once BEFORE UPDATE OF ended_at, ending, stage ON calls
WHEN OLD.ended_at IS NOT NULL
    AND (NEW.ended_at IS NOT OLD.ended_at OR NEW.ending IS NOT OLD.ending OR NEW.stage IS NOT OLD.stage)
BEGIN
    SELECT RAISE(ABORT, 'refused: the call has ended already');
END;

CREATE TABLE waits (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    queue TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    service_level_ms INTEGER CHECK (service_level_ms >= 0),
    left_at INTEGER,
    outcome TEXT
        CONSTRAINT waits_outcome_word
        CHECK (outcome IN ('answered', 'abandoned', 'timed_out', 'lost')),
    PRIMARY KEY (call, ordinal),
    CONSTRAINT waits_one_outcome CHECK ((left_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
-- A caller waits in one queue at a time.
CREATE UNIQUE INDEX waits_open ON waits (call) WHERE left_at IS NULL;
CREATE INDEX waits_open_by_queue ON waits (queue) WHERE left_at IS NULL;

CREATE TRIGGER queues_at_work BEFORE DELETE ON queues
WHEN EXISTS (SELECT 1 FROM waits WHERE queue = OLD.name AND left_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'refused: callers wait in the queue; remove it when they are gone');
END;

CREATE TABLE offers (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    queue TEXT NOT NULL,
    agent TEXT NOT NULL,
    controller TEXT NOT NULL,
    leg TEXT CHECK (length(leg) = 36),
    offered_at INTEGER NOT NULL,
    answered_at INTEGER,
    bridged_at INTEGER,
    ended_at INTEGER,
    outcome TEXT
        CONSTRAINT offers_outcome_word
        CHECK (outcome IN ('answered', 'no_answer', 'busy', 'rejected', 'unreachable', 'cancelled', 'lost_race',
            'not_confirmed')),
    cause TEXT,
    ring_ms INTEGER CHECK (ring_ms >= 0),
    talk_ms INTEGER CHECK (talk_ms >= 0),
    -- The winner has his outcome while he talks; everybody else when it is over.
    CONSTRAINT offers_one_outcome CHECK (
        (ended_at IS NULL OR outcome IS NOT NULL)
        AND (ended_at IS NOT NULL OR outcome IS NULL OR outcome = 'answered')
    )
) STRICT, WITHOUT ROWID;
-- An agent is claimed once at a time, and a call is won once.
CREATE UNIQUE INDEX offers_one_live_claim ON offers (agent) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX offers_one_winner ON offers (call) WHERE outcome = 'answered';
CREATE INDEX offers_by_call ON offers (call);
