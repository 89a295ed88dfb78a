-- What happened, for any SQL client and for `dozvon report`.
-- The same columns on both databases; migrations/README.md describes them too.

-- Calls that have ended, by business day, queue and ending. A stay in a queue counts for that queue, a call for the last queue it was in.
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
WHERE c.ending IS NOT NULL
GROUP BY c.business_day, w.queue, c.ending
WINDOW whole AS (PARTITION BY c.business_day, w.queue);

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
    -- answered / those that were his to take (not cancelled, no lost race) in per cent, of the whole day, agent and queue (all outcomes; the same in each of its rows)
    round(100.0 * (sum(count(*) FILTER (WHERE o.outcome = 'answered')) OVER whole) / nullif(sum(count(*) FILTER (WHERE o.outcome IN ('answered', 'no_answer', 'busy', 'rejected', 'unreachable', 'not_confirmed'))) OVER whole, 0), 1) AS answered_pct,
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

-- Cases with their state, reason and age.
CREATE VIEW v_cases AS
SELECT
    -- the case
    c.id AS id,
    -- the caller's number
    c.number AS number,
    -- where it stands
    c.state AS state,
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
