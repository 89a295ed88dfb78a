-- The rules, and the agents with what they do now. Columns and triggers: migrations/README.md.

CREATE TABLE prompts (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_.-]*'),
    source TEXT NOT NULL CHECK (length(source) BETWEEN 1 AND 256)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_.-]*'),
    zone TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE schedule_hours (
    schedule TEXT NOT NULL REFERENCES schedules (name) ON DELETE CASCADE,
    weekday INTEGER NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    opens_min INTEGER NOT NULL CHECK (opens_min BETWEEN 0 AND 1439),
    closes_min INTEGER NOT NULL CHECK (closes_min > opens_min AND closes_min <= opens_min + 1440),
    PRIMARY KEY (schedule, weekday, opens_min)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedule_exceptions (
    schedule TEXT NOT NULL REFERENCES schedules (name) ON DELETE CASCADE,
    date TEXT NOT NULL CHECK (date(date) IS date),
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    opens_min INTEGER CHECK (opens_min BETWEEN 0 AND 1439),
    closes_min INTEGER CHECK (closes_min > opens_min AND closes_min <= opens_min + 1440),
    PRIMARY KEY (schedule, date, ordinal),
    CHECK ((opens_min IS NULL) = (closes_min IS NULL)),
    CHECK (opens_min IS NOT NULL OR ordinal = 1)
) STRICT, WITHOUT ROWID;

CREATE TABLE queues (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_.-]*'),
    strategy TEXT NOT NULL
        CONSTRAINT queues_strategy_word
        CHECK (strategy IN ('longest_idle', 'round_robin', 'sequential', 'ring_all')),
    priority INTEGER NOT NULL,
    music TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    service_level_ms INTEGER NOT NULL CHECK (service_level_ms >= 0),
    max_wait_ms INTEGER CHECK (max_wait_ms >= 0),
    overflow_kind TEXT NOT NULL
        CONSTRAINT queues_overflow_kind_word
        CHECK (overflow_kind IN ('queue', 'forward', 'message')),
    overflow_to TEXT NOT NULL,
    schedule TEXT REFERENCES schedules (name) DEFERRABLE INITIALLY DEFERRED,
    -- What overflow_to refers to, for the database to check.
    overflow_queue TEXT GENERATED ALWAYS AS (CASE overflow_kind WHEN 'queue' THEN overflow_to END) STORED
        REFERENCES queues (name) DEFERRABLE INITIALLY DEFERRED,
    overflow_prompt TEXT GENERATED ALWAYS AS (CASE overflow_kind WHEN 'message' THEN overflow_to END) STORED
        REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE TABLE routes (
    ordinal INTEGER NOT NULL PRIMARY KEY CHECK (ordinal >= 1),
    name TEXT NOT NULL UNIQUE
        CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_.-]*'),
    number TEXT NOT NULL CHECK (length(number) BETWEEN 1 AND 64),
    open_kind TEXT NOT NULL
        CONSTRAINT routes_open_kind_word
        CHECK (open_kind IN ('queue', 'forward', 'message')),
    open_to TEXT NOT NULL,
    schedule TEXT REFERENCES schedules (name) DEFERRABLE INITIALLY DEFERRED,
    closed_kind TEXT NOT NULL
        CONSTRAINT routes_closed_kind_word
        CHECK (closed_kind IN ('queue', 'forward', 'message')),
    closed_to TEXT NOT NULL,
    -- What open_to and closed_to refer to, for the database to check.
    open_queue TEXT GENERATED ALWAYS AS (CASE open_kind WHEN 'queue' THEN open_to END) STORED
        REFERENCES queues (name) DEFERRABLE INITIALLY DEFERRED,
    open_prompt TEXT GENERATED ALWAYS AS (CASE open_kind WHEN 'message' THEN open_to END) STORED
        REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    closed_queue TEXT GENERATED ALWAYS AS (CASE closed_kind WHEN 'queue' THEN closed_to END) STORED
        REFERENCES queues (name) DEFERRABLE INITIALLY DEFERRED,
    closed_prompt TEXT GENERATED ALWAYS AS (CASE closed_kind WHEN 'message' THEN closed_to END) STORED
        REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE agents (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_.-]*'),
    display TEXT NOT NULL,
    ring_timeout_ms INTEGER NOT NULL CHECK (ring_timeout_ms > 0),
    wrap_up_ms INTEGER NOT NULL CHECK (wrap_up_ms >= 0),
    no_answer_delay_ms INTEGER NOT NULL CHECK (no_answer_delay_ms >= 0),
    busy_delay_ms INTEGER NOT NULL CHECK (busy_delay_ms >= 0),
    rejected_delay_ms INTEGER NOT NULL CHECK (rejected_delay_ms >= 0),
    unreachable_delay_ms INTEGER NOT NULL CHECK (unreachable_delay_ms >= 0),
    max_misses INTEGER NOT NULL CHECK (max_misses >= 0),
    status TEXT NOT NULL DEFAULT 'logged_out'
        CONSTRAINT agents_status_word
        CHECK (status IN ('logged_out', 'available', 'on_break')),
    activity TEXT NOT NULL DEFAULT 'idle'
        CONSTRAINT agents_activity_word
        CHECK (activity IN ('idle', 'ringing', 'talking', 'wrapping_up')),
    break_reason TEXT,
    since_at INTEGER NOT NULL DEFAULT 0,
    idle_since_at INTEGER NOT NULL DEFAULT 0,
    ready_at INTEGER NOT NULL DEFAULT 0,
    misses INTEGER NOT NULL DEFAULT 0 CHECK (misses >= 0),
    offer TEXT CHECK (length(offer) = 36),
    version INTEGER NOT NULL DEFAULT 0,
    changed_by TEXT NOT NULL DEFAULT 'system',
    changed_why TEXT NOT NULL DEFAULT 'added',
    CONSTRAINT agents_break_has_reason CHECK (break_reason IS NULL OR status = 'on_break'),
    -- Nobody rings or talks without a claim, and a claim is nothing but ringing or talking.
    CONSTRAINT agents_claimed CHECK ((offer IS NOT NULL) = (activity IN ('ringing', 'talking')))
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_contacts (
    agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    contact TEXT NOT NULL CHECK (length(contact) BETWEEN 3 AND 300),
    PRIMARY KEY (agent, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE tiers (
    queue TEXT NOT NULL REFERENCES queues (name) ON DELETE CASCADE,
    agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
    level INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (queue, agent)
) STRICT, WITHOUT ROWID;
CREATE INDEX tiers_by_agent ON tiers (agent);

-- Every legal change of an agent's status and activity: the same table as in src/queue/agent.rs.
CREATE TABLE agent_steps (
    from_status TEXT NOT NULL,
    from_activity TEXT NOT NULL,
    to_status TEXT NOT NULL,
    to_activity TEXT NOT NULL,
    PRIMARY KEY (from_status, from_activity, to_status, to_activity)
) STRICT, WITHOUT ROWID;

INSERT INTO agent_steps (from_status, from_activity, to_status, to_activity) VALUES
    ('logged_out', 'idle', 'available', 'idle'),
    ('logged_out', 'ringing', 'available', 'ringing'),
    ('logged_out', 'ringing', 'logged_out', 'idle'),
    ('logged_out', 'ringing', 'logged_out', 'talking'),
    ('logged_out', 'talking', 'available', 'talking'),
    ('logged_out', 'talking', 'logged_out', 'idle'),
    ('logged_out', 'talking', 'logged_out', 'wrapping_up'),
    ('logged_out', 'wrapping_up', 'available', 'wrapping_up'),
    ('logged_out', 'wrapping_up', 'logged_out', 'idle'),
    ('available', 'idle', 'logged_out', 'idle'),
    ('available', 'idle', 'on_break', 'idle'),
    ('available', 'idle', 'available', 'ringing'),
    ('available', 'ringing', 'logged_out', 'ringing'),
    ('available', 'ringing', 'on_break', 'ringing'),
    ('available', 'ringing', 'available', 'idle'),
    ('available', 'ringing', 'available', 'talking'),
    ('available', 'ringing', 'on_break', 'idle'),
    ('available', 'talking', 'logged_out', 'talking'),
    ('available', 'talking', 'on_break', 'talking'),
    ('available', 'talking', 'available', 'idle'),
    ('available', 'talking', 'available', 'wrapping_up'),
    ('available', 'wrapping_up', 'logged_out', 'wrapping_up'),
    ('available', 'wrapping_up', 'on_break', 'wrapping_up'),
    ('available', 'wrapping_up', 'available', 'idle'),
    ('on_break', 'idle', 'logged_out', 'idle'),
    ('on_break', 'idle', 'available', 'idle'),
    ('on_break', 'ringing', 'logged_out', 'ringing'),
    ('on_break', 'ringing', 'available', 'ringing'),
    ('on_break', 'ringing', 'on_break', 'idle'),
    ('on_break', 'ringing', 'on_break', 'talking'),
    ('on_break', 'talking', 'logged_out', 'talking'),
    ('on_break', 'talking', 'available', 'talking'),
    ('on_break', 'talking', 'on_break', 'idle'),
    ('on_break', 'talking', 'on_break', 'wrapping_up'),
    ('on_break', 'wrapping_up', 'logged_out', 'wrapping_up'),
    ('on_break', 'wrapping_up', 'available', 'wrapping_up'),
    ('on_break', 'wrapping_up', 'on_break', 'idle');

-- What became of every agent, written by a trigger, whoever changed him.
CREATE TABLE agent_changes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    at INTEGER NOT NULL,
    from_status TEXT NOT NULL,
    from_activity TEXT NOT NULL,
    to_status TEXT NOT NULL,
    to_activity TEXT NOT NULL,
    "by" TEXT NOT NULL,
    why TEXT NOT NULL,
    offer TEXT
) STRICT;
CREATE INDEX agent_changes_by_agent ON agent_changes (agent, id);

-- A new agent is idle; and nothing is put in an agent's place (INSERT OR REPLACE).
CREATE TRIGGER agents_begin_idle BEFORE INSERT ON agents
WHEN NEW.activity <> 'idle' OR EXISTS (SELECT 1 FROM agents WHERE name = NEW.name)
BEGIN
    SELECT RAISE(ABORT, 'refused: a new agent must have a new name and be idle');
END;

CREATE TRIGGER agents_step BEFORE UPDATE OF status, activity ON agents
WHEN (NEW.status <> OLD.status OR NEW.activity <> OLD.activity)
    AND NOT EXISTS (
        SELECT 1 FROM agent_steps
        WHERE from_status = OLD.status AND from_activity = OLD.activity
            AND to_status = NEW.status AND to_activity = NEW.activity
    )
BEGIN
    SELECT RAISE(ABORT, 'refused: agent_steps has no such change of an agent''s status and activity');
END;

-- A change that does not raise the version was not made by dozvon: it is signed 'sql', with the time of now.
CREATE TRIGGER agents_history AFTER UPDATE OF status, activity ON agents
WHEN NEW.status <> OLD.status OR NEW.activity <> OLD.activity
BEGIN
    INSERT INTO agent_changes
        (agent, at, from_status, from_activity, to_status, to_activity, "by", why, offer)
    SELECT NEW.name,
        CASE WHEN NEW.version > OLD.version THEN NEW.since_at
            ELSE CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) END,
        OLD.status, OLD.activity, NEW.status, NEW.activity,
        CASE WHEN NEW.version > OLD.version THEN NEW.changed_by ELSE 'sql' END,
        CASE WHEN NEW.version > OLD.version THEN NEW.changed_why ELSE 'changed by SQL, not by dozvon' END,
        coalesce(NEW.offer, OLD.offer);
END;

CREATE TRIGGER agents_signed AFTER UPDATE OF status, activity ON agents
WHEN (NEW.status <> OLD.status OR NEW.activity <> OLD.activity) AND NEW.version <= OLD.version
BEGIN
    UPDATE agents
    SET version = OLD.version + 1,
        since_at = CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER),
        changed_by = 'sql',
        changed_why = 'changed by SQL, not by dozvon'
    WHERE name = NEW.name;
END;

CREATE TRIGGER agents_at_work BEFORE DELETE ON agents
WHEN OLD.activity IN ('ringing', 'talking')
BEGIN
    SELECT RAISE(ABORT, 'refused: the agent rings or talks; remove him when his call is over');
END;

CREATE TRIGGER agent_changes_no_update BEFORE UPDATE ON agent_changes
BEGIN
    SELECT RAISE(ABORT, 'refused: agent_changes is append-only');
END;
CREATE TRIGGER agent_changes_no_delete BEFORE DELETE ON agent_changes
BEGIN
    SELECT RAISE(ABORT, 'refused: agent_changes is append-only');
END;
CREATE TRIGGER agent_changes_no_replace BEFORE INSERT ON agent_changes
WHEN EXISTS (SELECT 1 FROM agent_changes WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'refused: agent_changes is append-only');
END;
