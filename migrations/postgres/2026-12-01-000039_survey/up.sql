-- What callers are asked after their talk. Columns: migrations/README.md.

-- The survey of a queue, in JSON as in the rules file; NULL: nothing is asked.
ALTER TABLE queues ADD COLUMN survey TEXT;

-- The answers of callers, one row for each question that a caller answered.
CREATE TABLE survey_answers (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    -- The prompt of the question, which the rules may not have any more.
    question TEXT NOT NULL,
    -- 1 is the worst, 5 the best.
    answer INTEGER NOT NULL CHECK (answer BETWEEN 1 AND 5),
    answered_at BIGINT NOT NULL,
    PRIMARY KEY (call, ordinal)
);

CREATE VIEW v_survey_answers AS
SELECT c.business_day, coalesce(c.queue, '-') AS queue, o.agent, s.question,
    count(*) AS answers,
    avg(s.answer)::double precision AS answer_avg,
    sum(CASE WHEN s.answer = 1 THEN 1 ELSE 0 END) AS answers_1,
    sum(CASE WHEN s.answer = 2 THEN 1 ELSE 0 END) AS answers_2,
    sum(CASE WHEN s.answer = 3 THEN 1 ELSE 0 END) AS answers_3,
    sum(CASE WHEN s.answer = 4 THEN 1 ELSE 0 END) AS answers_4,
    sum(CASE WHEN s.answer = 5 THEN 1 ELSE 0 END) AS answers_5
FROM survey_answers AS s
JOIN calls AS c ON c.id = s.call
JOIN offers AS o ON o.id = c.offer
GROUP BY c.business_day, coalesce(c.queue, '-'), o.agent, s.question;
COMMENT ON COLUMN v_survey_answers.business_day IS 'the business day of the call';
COMMENT ON COLUMN v_survey_answers.queue IS 'the queue';
COMMENT ON COLUMN v_survey_answers.agent IS 'the agent who talked to the callers';
COMMENT ON COLUMN v_survey_answers.question IS 'the prompt of the question';
COMMENT ON COLUMN v_survey_answers.answers IS 'the number of answers';
COMMENT ON COLUMN v_survey_answers.answer_avg IS 'the mean answer; 1 is the worst, 5 the best';
COMMENT ON COLUMN v_survey_answers.answers_1 IS 'the number of answers 1';
COMMENT ON COLUMN v_survey_answers.answers_2 IS 'the number of answers 2';
COMMENT ON COLUMN v_survey_answers.answers_3 IS 'the number of answers 3';
COMMENT ON COLUMN v_survey_answers.answers_4 IS 'the number of answers 4';
COMMENT ON COLUMN v_survey_answers.answers_5 IS 'the number of answers 5';
