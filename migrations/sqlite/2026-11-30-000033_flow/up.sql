-- Flows: menus, what follows a message or a forward, routes for some callers, and the way of a caller through menus.
-- Columns: migrations/README.md.

-- What a CHECK allows can be changed only in the text of the table
-- (https://www.sqlite.org/lang_altertable.html, "making other kinds of table schema changes").
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, '(''queue'', ''forward'', ''message'')',
    '(''queue'', ''menu'', ''forward'', ''message'', ''extension'', ''hang_up'')')
WHERE type = 'table' AND name IN ('queues', 'routes');
UPDATE sqlite_schema SET sql = replace(sql, '''forwarding'', ''talking'')', '''forwarding'', ''talking'', ''menu'')')
WHERE type = 'table' AND name = 'calls';
PRAGMA writable_schema = RESET;

-- What follows overflow_to, open_to and closed_to, in JSON as in the rules file.
ALTER TABLE queues ADD COLUMN overflow_then TEXT;
ALTER TABLE routes ADD COLUMN open_then TEXT;
ALTER TABLE routes ADD COLUMN closed_then TEXT;
-- The callers whom a route matches: numbers or prefixes, separated by spaces; empty: all.
ALTER TABLE routes ADD COLUMN callers TEXT NOT NULL DEFAULT '';
ALTER TABLE routes ADD COLUMN open_case INTEGER NOT NULL DEFAULT 0 CHECK (open_case IN (0, 1));
-- The language that the caller chose.
ALTER TABLE calls ADD COLUMN language TEXT CONSTRAINT calls_language_word CHECK (language IN ('en', 'ru'));

CREATE TABLE menus (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_.-]*'),
    timeout_ms INTEGER NOT NULL CHECK (timeout_ms > 0),
    digit_timeout_ms INTEGER NOT NULL CHECK (digit_timeout_ms > 0),
    retries INTEGER NOT NULL CHECK (retries BETWEEN 0 AND 9),
    invalid TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    no_input TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    barge_in INTEGER NOT NULL CHECK (barge_in IN (0, 1)),
    failed_kind TEXT NOT NULL
        CONSTRAINT menus_failed_kind_word
        CHECK (failed_kind IN ('queue', 'menu', 'forward', 'message', 'extension', 'hang_up')),
    failed_to TEXT NOT NULL,
    failed_then TEXT,
    missed INTEGER NOT NULL CHECK (missed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE menu_prompts (
    menu TEXT NOT NULL REFERENCES menus (name) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    prompt TEXT NOT NULL REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (menu, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE menu_options (
    menu TEXT NOT NULL REFERENCES menus (name) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    digits TEXT NOT NULL CHECK (length(digits) BETWEEN 1 AND 8 AND digits NOT GLOB '*[^0-9*#]*'),
    -- Where the caller goes, in JSON as in the rules file; NULL: the menu again, or the menu before.
    goes_to TEXT,
    back INTEGER NOT NULL CHECK (back IN (0, 1)),
    language TEXT CONSTRAINT menu_options_language_word CHECK (language IN ('en', 'ru')),
    PRIMARY KEY (menu, ordinal),
    UNIQUE (menu, digits)
) STRICT, WITHOUT ROWID;

-- What callers did in menus: one row for each visit of a menu.
CREATE TABLE menu_visits (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    menu TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    outcome TEXT NOT NULL
        CONSTRAINT menu_visits_outcome_word
        CHECK (outcome IN ('chosen', 'failed', 'left')),
    -- The option that the caller chose.
    digits TEXT,
    PRIMARY KEY (call, ordinal),
    CONSTRAINT menu_visits_digits CHECK ((digits IS NOT NULL) = (outcome = 'chosen'))
) STRICT, WITHOUT ROWID;
