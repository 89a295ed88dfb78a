-- Callbacks that callers ask for by a key, and places in queues that are kept. Columns: migrations/README.md.

-- What a CHECK allows can be changed only in the text of the table
-- (https://www.sqlite.org/lang_altertable.html, "making other kinds of table schema changes").
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''extension''', '''callback'', ''extension''')
WHERE type = 'table' AND name IN ('queues', 'routes', 'menus');
PRAGMA writable_schema = RESET;

-- Callers who have asked for a callback: from the moment at which they press the key.
CREATE TABLE asked_callbacks (
    call TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The queue whose agents are to call back.
    queue TEXT NOT NULL,
    -- The number that the caller entered; NULL: that of the call.
    number TEXT
        CHECK (number GLOB '+[1-9]*' AND substr(number, 2) NOT GLOB '*[^0-9]*' AND length(number) BETWEEN 8 AND 16),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Calls that took over the place of an earlier call in a queue.
CREATE TABLE resumed_places (
    call TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The earlier call, whose place is taken over once.
    earlier TEXT NOT NULL UNIQUE,
    -- Since when the caller stands in queues.
    place_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_cut_off ON calls (number, ended_at)
    WHERE ending IN ('abandoned', 'lost') AND stage IN ('waiting', 'ringing') AND number IS NOT NULL;

-- The place that the customer keeps in a queue: since when they stand there.
ALTER TABLE cases ADD COLUMN place_queue TEXT;
ALTER TABLE cases ADD COLUMN place_at INTEGER;
