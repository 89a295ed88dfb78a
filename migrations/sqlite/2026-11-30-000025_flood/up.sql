-- Over what calls come in, and cases that were opened in a flood of calls.
-- Columns: migrations/README.md.

ALTER TABLE calls ADD COLUMN came_by TEXT CHECK (length(came_by) BETWEEN 1 AND 128);
ALTER TABLE cases ADD COLUMN came_by TEXT CHECK (length(came_by) BETWEEN 1 AND 128);
ALTER TABLE cases ADD COLUMN flooded INTEGER NOT NULL DEFAULT 0 CHECK (flooded IN (0, 1));
-- How many cases a source has opened lately.
CREATE INDEX cases_by_source ON cases (came_by, opened_at) WHERE came_by IS NOT NULL;
