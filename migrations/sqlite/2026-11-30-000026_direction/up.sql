-- Who began a call, in the words of the field: a caller (inbound), we for a case (callback), or an agent (manual).
-- The version before writes 'handset', so that the update can be taken back. Columns: migrations/README.md.

DROP VIEW v_calls_daily;

-- What a CHECK allows can be changed only in the text of the table
-- (https://www.sqlite.org/lang_altertable.html, "making other kinds of table schema changes").
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(replace(sql, 'direction TEXT NOT NULL DEFAULT ''in''', 'direction TEXT NOT NULL DEFAULT ''inbound'''),
    'direction IN (''in'', ''callback'', ''handset'')', 'direction IN (''inbound'', ''callback'', ''manual'', ''handset'')')
WHERE type = 'table' AND name = 'calls';
PRAGMA writable_schema = RESET;

UPDATE calls SET direction = 'inbound' WHERE direction = 'in';
UPDATE calls SET direction = 'manual' WHERE direction = 'handset';

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
    -- stays in the queue, without those that somebody else ended; a call that comes to it twice counts twice
    count(*) FILTER (WHERE w.outcome <> 'taken') AS offered,
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
    -- stays that ended because somebody else took the caller: by a transfer, an intercept or a pickup
    count(*) FILTER (WHERE w.outcome = 'taken') AS taken,
    -- answered_in_time / offered in per cent, of the whole day and queue (all endings; the same in each of its rows): the strictest, the headline
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(*) FILTER (WHERE w.outcome <> 'taken')) OVER whole, 0), 1) AS service_level_negative_abandon_pct,
    -- answered_in_time / answered, of the whole day and queue
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(*) FILTER (WHERE w.outcome = 'answered')) OVER whole, 0), 1) AS service_level_only_handled_pct,
    -- (answered_in_time + abandoned_in_time) / offered, of the whole day and queue
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole + sum(count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(*) FILTER (WHERE w.outcome <> 'taken')) OVER whole, 0), 1) AS service_level_positive_abandon_pct,
    -- answered_in_time / (offered - abandoned_in_time), of the whole day and queue
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'answered' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole) / nullif(sum(count(*) FILTER (WHERE w.outcome <> 'taken')) OVER whole - sum(count(*) FILTER (WHERE w.outcome = 'abandoned' AND w.left_at - w.joined_at <= w.service_level_ms)) OVER whole, 0), 1) AS service_level_without_abandon_pct,
    -- abandoned / offered, of the whole day and queue
    round(100.0 * (sum(count(*) FILTER (WHERE w.outcome = 'abandoned')) OVER whole) / nullif(sum(count(*) FILTER (WHERE w.outcome <> 'taken')) OVER whole, 0), 1) AS abandoned_pct,
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
WHERE c.ending IS NOT NULL AND c.direction = 'inbound'
GROUP BY c.business_day, w.queue, c.ending
WINDOW whole AS (PARTITION BY c.business_day, w.queue);
