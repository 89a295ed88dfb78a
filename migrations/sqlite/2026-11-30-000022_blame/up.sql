-- What an agent is not to be blamed for: calls elsewhere, redirects of the phone, and what FreeSWITCH did wrong.
-- Columns: migrations/README.md.

-- Whether agents who are in another call are offered the callers of a queue.
ALTER TABLE queues ADD COLUMN call_waiting INTEGER NOT NULL DEFAULT 0 CHECK (call_waiting IN (0, 1));
-- Whether FreeSWITCH follows the redirects (302) of an agent's phone.
ALTER TABLE agents ADD COLUMN follow_redirects INTEGER NOT NULL DEFAULT 0 CHECK (follow_redirects IN (0, 1));

-- Agents who are in a call that is none of ours, as the controller that runs sees it.
CREATE TABLE talks_elsewhere (
    agent TEXT NOT NULL PRIMARY KEY REFERENCES agents (name) ON DELETE CASCADE,
    since_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Two outcomes more. SQLite cannot widen a CHECK: offers are made anew.
DROP VIEW v_offers_by_agent;
CREATE TEMP TABLE offers_before AS SELECT * FROM offers;
DROP TABLE offers;

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
            'not_confirmed', 'redirected', 'failed')),
    cause TEXT,
    ring_ms INTEGER CHECK (ring_ms >= 0),
    talk_ms INTEGER CHECK (talk_ms >= 0),
    unwatched_from INTEGER,
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
-- What an agent's last offer came to.
CREATE INDEX offers_by_agent ON offers (agent, ended_at);

INSERT INTO offers (
    id, call, queue, agent, controller, leg, offered_at, answered_at, bridged_at, ended_at, outcome, cause,
    ring_ms, talk_ms, unwatched_from
)
SELECT
    id, call, queue, agent, controller, leg, offered_at, answered_at, bridged_at, ended_at, outcome, cause,
    ring_ms, talk_ms, unwatched_from
FROM offers_before;
DROP TABLE offers_before;

-- Offers that have an outcome, by agent, queue, the call's business day and outcome.
CREATE VIEW v_offers_by_agent AS
SELECT
    -- the agent
    o.agent AS agent,
    -- the queue
    o.queue AS queue,
    -- the business day of the call
    c.business_day AS business_day,
    -- how the offers ended; who talks now has answered
    o.outcome AS outcome,
    -- how many
    count(*) AS offers,
    -- mean time that the phone rang
    CAST(round(avg(o.ring_ms)) AS INTEGER) AS ring_avg_ms,
    -- longest time that it rang
    max(o.ring_ms) AS ring_max_ms,
    -- all ringing together
    CAST(sum(o.ring_ms) AS INTEGER) AS ring_ms,
    -- all talk together
    CAST(sum(o.talk_ms) AS INTEGER) AS talk_ms,
    -- mean talk
    CAST(round(avg(o.talk_ms)) AS INTEGER) AS talk_avg_ms,
    -- answered / those that were his to take (not cancelled, no lost race, not failed) in per cent, of the whole day, agent and queue (all outcomes; the same in each of its rows)
    round(100.0 * (sum(count(*) FILTER (WHERE o.outcome = 'answered')) OVER whole) / nullif(sum(count(*) FILTER (WHERE o.outcome IN ('answered', 'no_answer', 'busy', 'rejected', 'unreachable', 'not_confirmed', 'redirected'))) OVER whole, 0), 1) AS answered_pct,
    -- the first offer, milliseconds since 1970 UTC
    min(o.offered_at) AS earliest_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', min(o.offered_at) / 1000, 'unixepoch') AS earliest,
    -- the last offer, milliseconds since 1970 UTC
    max(o.offered_at) AS latest_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', max(o.offered_at) / 1000, 'unixepoch') AS latest
FROM offers AS o
JOIN calls AS c ON c.id = o.call
WHERE o.outcome IS NOT NULL
GROUP BY o.agent, o.queue, c.business_day, o.outcome
WINDOW whole AS (PARTITION BY o.agent, o.queue, c.business_day);
