-- Who asked that a case is not called before a time: a request, which the next missed call overrules, or one of us.
ALTER TABLE cases ADD COLUMN not_before_source TEXT
    CONSTRAINT cases_not_before_source_word CHECK (not_before_source IN ('request', 'person'));
ALTER TABLE cases ADD COLUMN not_before_by TEXT;
-- Who of us said that the customer may be called though the number is abroad.
ALTER TABLE cases ADD COLUMN abroad_allowed_by TEXT;
UPDATE cases SET not_before_source = CASE WHEN EXISTS (
        SELECT 1 FROM requests AS r WHERE r.case_id = cases.id AND r.wanted_at = cases.not_before
    ) THEN 'request' ELSE 'person' END
WHERE not_before IS NOT NULL AND closed_at IS NULL;
-- The trunk over which an attempt was dialled last.
ALTER TABLE attempts ADD COLUMN trunk TEXT;
CREATE INDEX attempts_by_trunk ON attempts (trunk, at) WHERE answered_at IS NOT NULL;
