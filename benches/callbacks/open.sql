-- :open cases of as many numbers, each opened by a call that was missed; by the last figure of the case: 0 to 4 put off,
-- 5 to 8 waiting for the next attempt after one on Friday, 9 with those who repeat. Their time comes within three days.
CREATE TEMP TABLE n AS
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :open)
SELECT
    n,
    '+7495' || printf('%07d', n * 7654321 % 10000000) AS number,
    printf('01930000-%04x-7000-8000-%012x', n / 65536, n) AS call,
    1795424400000 - n * 48271 % 259200000 AS missed_at,
    CASE WHEN n % 10 = 9 THEN 'repeat' WHEN n % 2 = 0 THEN 'sales' ELSE 'support' END AS queue
FROM n;
INSERT INTO calls (id, node, channel, core, number, caller_number, caller_name, party, dialled, route, open, why, queue,
    business_day, arrived_at, queued_at, ended_at, ending, stage, cause, wait_ms, service_level_ms)
SELECT call, 'fs1', call, '00000000-0000-0000-0000-000000000000', number, number, 'Caller ' || n, 'number', '7001',
    'main', 1, 'the number is that of route main', queue, '2026-11-20', missed_at - 40000, missed_at - 40000, missed_at,
    'abandoned', 'waiting', 'ORIGINATOR_CANCEL', 40000, 20000
FROM n;
INSERT INTO waits (call, ordinal, queue, joined_at, service_level_ms, left_at, outcome)
SELECT call, 1, queue, missed_at - 40000, 20000, missed_at, 'abandoned' FROM n;
INSERT INTO cases (id, number, state, reason, queue, opened_at, last_miss_at, misses, business_day, stage, next_at,
    priority, handed_over_at, repeat_days)
SELECT n, number, 'open', 'abandoned_waiting', queue, missed_at, missed_at, 1 + n % 4, '2026-11-20',
    CASE WHEN n % 10 < 5 THEN 'deferred' WHEN n % 10 < 9 THEN 'waiting' ELSE 'handed_over' END,
    1795424400000 + 3600000 + n * 69621 % 259200000, n % 4,
    CASE WHEN n % 10 = 9 THEN missed_at END, n % 10 = 9
FROM n;
INSERT INTO case_misses (call, case_id, at, reason, queue, wait_ms)
SELECT call, n, missed_at, 'abandoned_waiting', queue, 40000 FROM n;
INSERT INTO attempts (case_id, number, business_day, ordinal, counted, at, "by", result)
SELECT n, number, '2026-11-20', 1, 1, 1795165200000, 'anna', 'no_answer' FROM n WHERE n % 10 BETWEEN 5 AND 9;
DROP TABLE n;
