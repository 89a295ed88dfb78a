-- What an agent is not to be blamed for: calls elsewhere, redirects of the phone, and what FreeSWITCH did wrong.
-- Columns: migrations/README.md.

-- Whether agents who are in another call are offered the callers of a queue.
ALTER TABLE queues ADD COLUMN call_waiting BOOLEAN NOT NULL DEFAULT FALSE;
-- Whether FreeSWITCH follows the redirects (302) of an agent's phone.
ALTER TABLE agents ADD COLUMN follow_redirects BOOLEAN NOT NULL DEFAULT FALSE;

-- Agents who are in a call that is none of ours, as the controller that runs sees it.
CREATE TABLE talks_elsewhere (
    agent TEXT NOT NULL PRIMARY KEY REFERENCES agents (name) ON DELETE CASCADE,
    since_at BIGINT NOT NULL
);

-- Two outcomes more.
ALTER TABLE offers DROP CONSTRAINT offers_outcome_word;
ALTER TABLE offers ADD CONSTRAINT offers_outcome_word
    CHECK (outcome IN ('answered', 'no_answer', 'busy', 'rejected', 'unreachable', 'cancelled', 'lost_race',
        'not_confirmed', 'redirected', 'failed'));
-- What an agent's last offer came to.
CREATE INDEX offers_by_agent ON offers (agent, ended_at);

-- Offers that have an outcome, by agent, queue, the call's business day and outcome.
CREATE OR REPLACE VIEW v_offers_by_agent AS
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
    CAST(round(avg(o.ring_ms)) AS BIGINT) AS ring_avg_ms,
    -- longest time that it rang
    max(o.ring_ms) AS ring_max_ms,
    -- all ringing together
    CAST(sum(o.ring_ms) AS BIGINT) AS ring_ms,
    -- all talk together
    CAST(sum(o.talk_ms) AS BIGINT) AS talk_ms,
    -- mean talk
    CAST(round(avg(o.talk_ms)) AS BIGINT) AS talk_avg_ms,
    -- answered / those that were his to take (not cancelled, no lost race, not failed) in per cent, of the whole day, agent and queue (all outcomes; the same in each of its rows)
    CAST(round(100.0 * (sum(count(*) FILTER (WHERE o.outcome = 'answered')) OVER whole) / nullif(sum(count(*) FILTER (WHERE o.outcome IN ('answered', 'no_answer', 'busy', 'rejected', 'unreachable', 'not_confirmed', 'redirected'))) OVER whole, 0), 1) AS DOUBLE PRECISION) AS answered_pct,
    -- the first offer, milliseconds since 1970 UTC
    min(o.offered_at) AS earliest_at,
    -- the same as text, in UTC
    to_char(to_timestamp(min(o.offered_at) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS earliest,
    -- the last offer, milliseconds since 1970 UTC
    max(o.offered_at) AS latest_at,
    -- the same as text, in UTC
    to_char(to_timestamp(max(o.offered_at) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS latest
FROM offers AS o
JOIN calls AS c ON c.id = o.call
WHERE o.outcome IS NOT NULL
GROUP BY o.agent, o.queue, c.business_day, o.outcome
WINDOW whole AS (PARTITION BY o.agent, o.queue, c.business_day);
COMMENT ON COLUMN v_offers_by_agent.answered_pct IS 'answered / those that were his to take (not cancelled, no lost race, not failed) in per cent, of the whole day, agent and queue (all outcomes; the same in each of its rows)';
