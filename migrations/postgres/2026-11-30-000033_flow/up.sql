-- Flows: menus, what follows a message or a forward, routes for some callers, and the way of a caller through menus.
-- Columns: migrations/README.md.

ALTER TABLE queues DROP CONSTRAINT queues_overflow_kind_word;
ALTER TABLE queues ADD CONSTRAINT queues_overflow_kind_word
    CHECK (overflow_kind IN ('queue', 'menu', 'forward', 'message', 'extension', 'hang_up'));
ALTER TABLE routes DROP CONSTRAINT routes_open_kind_word;
ALTER TABLE routes ADD CONSTRAINT routes_open_kind_word
    CHECK (open_kind IN ('queue', 'menu', 'forward', 'message', 'extension', 'hang_up'));
ALTER TABLE routes DROP CONSTRAINT routes_closed_kind_word;
ALTER TABLE routes ADD CONSTRAINT routes_closed_kind_word
    CHECK (closed_kind IN ('queue', 'menu', 'forward', 'message', 'extension', 'hang_up'));
ALTER TABLE calls DROP CONSTRAINT calls_stage_word;
ALTER TABLE calls ADD CONSTRAINT calls_stage_word
    CHECK (stage IN ('arriving', 'waiting', 'ringing', 'message', 'forwarding', 'talking', 'menu'));

-- What follows overflow_to, open_to and closed_to, in JSON as in the rules file.
ALTER TABLE queues ADD COLUMN overflow_then TEXT;
ALTER TABLE routes ADD COLUMN open_then TEXT;
ALTER TABLE routes ADD COLUMN closed_then TEXT;
-- The callers whom a route matches: numbers or prefixes, separated by spaces; empty: all.
ALTER TABLE routes ADD COLUMN callers TEXT NOT NULL DEFAULT '';
ALTER TABLE routes ADD COLUMN open_case BOOLEAN NOT NULL DEFAULT false;
-- The language that the caller chose.
ALTER TABLE calls ADD COLUMN language TEXT CONSTRAINT calls_language_word CHECK (language IN ('en', 'ru'));

CREATE TABLE menus (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
    timeout_ms BIGINT NOT NULL CHECK (timeout_ms > 0),
    digit_timeout_ms BIGINT NOT NULL CHECK (digit_timeout_ms > 0),
    retries INTEGER NOT NULL CHECK (retries BETWEEN 0 AND 9),
    invalid TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    no_input TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    barge_in BOOLEAN NOT NULL,
    failed_kind TEXT NOT NULL
        CONSTRAINT menus_failed_kind_word
        CHECK (failed_kind IN ('queue', 'menu', 'forward', 'message', 'extension', 'hang_up')),
    failed_to TEXT NOT NULL,
    failed_then TEXT,
    missed BOOLEAN NOT NULL
);

CREATE TABLE menu_prompts (
    menu TEXT NOT NULL REFERENCES menus (name) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    prompt TEXT NOT NULL REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (menu, ordinal)
);

CREATE TABLE menu_options (
    menu TEXT NOT NULL REFERENCES menus (name) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    digits TEXT NOT NULL CHECK (digits ~ '^[0-9*#]{1,8}$'),
    -- Where the caller goes, in JSON as in the rules file; NULL: the menu again, or the menu before.
    goes_to TEXT,
    back BOOLEAN NOT NULL,
    language TEXT CONSTRAINT menu_options_language_word CHECK (language IN ('en', 'ru')),
    PRIMARY KEY (menu, ordinal),
    UNIQUE (menu, digits)
);

-- What callers did in menus: one row for each visit of a menu.
CREATE TABLE menu_visits (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    menu TEXT NOT NULL,
    entered_at BIGINT NOT NULL,
    outcome TEXT NOT NULL
        CONSTRAINT menu_visits_outcome_word
        CHECK (outcome IN ('chosen', 'failed', 'left')),
    -- The option that the caller chose.
    digits TEXT,
    PRIMARY KEY (call, ordinal),
    CONSTRAINT menu_visits_digits CHECK ((digits IS NOT NULL) = (outcome = 'chosen'))
);
