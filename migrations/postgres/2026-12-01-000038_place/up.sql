-- Callbacks that callers ask for by a key, and places in queues that are kept. Columns: migrations/README.md.

-- Adds a word to what a CHECK allows, whatever else it allows by now.
DO $$
DECLARE
    changed record;
    definition text;
BEGIN
    FOR changed IN
        SELECT * FROM (VALUES
            ('queues', 'queues_overflow_kind_word'),
            ('routes', 'routes_open_kind_word'),
            ('routes', 'routes_closed_kind_word'),
            ('menus', 'menus_failed_kind_word')
        ) AS words (of_table, name)
    LOOP
        SELECT replace(pg_get_constraintdef(oid), '''extension''::text', '''callback''::text, ''extension''::text')
        INTO STRICT definition
        FROM pg_constraint WHERE conname = changed.name AND conrelid = changed.of_table::regclass;
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', changed.of_table, changed.name);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I %s', changed.of_table, changed.name, definition);
    END LOOP;
END
$$;

-- Callers who have asked for a callback: from the moment at which they press the key.
CREATE TABLE asked_callbacks (
    call TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The queue whose agents are to call back.
    queue TEXT NOT NULL,
    -- The number that the caller entered; NULL: that of the call.
    number TEXT
        CHECK (number ~ '^[+][1-9][0-9]{6,14}$'),
    at BIGINT NOT NULL
);

-- Calls that took over the place of an earlier call in a queue.
CREATE TABLE resumed_places (
    call TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The earlier call, whose place is taken over once.
    earlier TEXT NOT NULL UNIQUE,
    -- Since when the caller stands in queues.
    place_at BIGINT NOT NULL
);
CREATE INDEX calls_cut_off ON calls (number, ended_at)
    WHERE ending IN ('abandoned', 'lost') AND stage IN ('waiting', 'ringing') AND number IS NOT NULL;

-- The place that the customer keeps in a queue: since when they stand there.
ALTER TABLE cases ADD COLUMN place_queue TEXT;
ALTER TABLE cases ADD COLUMN place_at BIGINT;
