-- The limits under which calls back are made: what each version of a policy says, and which is in force. Columns:
-- migrations/README.md. The laws behind the checks: src/missed/limits.rs, which says it with the source.

CREATE TABLE policy_versions (
    policy TEXT NOT NULL
        CHECK (length(policy) BETWEEN 1 AND 64 AND policy NOT GLOB '*[^A-Za-z0-9_.-]*'),
    version INTEGER NOT NULL CHECK (version >= 1),
    profile TEXT NOT NULL
        CONSTRAINT policy_versions_profile_word
        CHECK (profile IN ('service', 'sales', 'debt')),
    cap_day INTEGER NOT NULL CHECK (cap_day BETWEEN 1 AND 3),
    cap_24h INTEGER CHECK (cap_24h >= 1),
    cap_week INTEGER CHECK (cap_week >= 1),
    cap_month INTEGER CHECK (cap_month >= 1),
    -- After the first attempt, after the second; with commas between.
    gaps_ms TEXT NOT NULL CHECK (length(gaps_ms) > 0),
    ring_ms INTEGER NOT NULL CHECK (ring_ms BETWEEN 15000 AND 60000),
    reaction_ms INTEGER NOT NULL CHECK (reaction_ms BETWEEN 1 AND 86400000),
    rungs_pct TEXT NOT NULL,
    -- Minutes of the day at the called party's place; closed if both are 0.
    weekdays_from_min INTEGER NOT NULL CHECK (weekdays_from_min BETWEEN 0 AND 1439),
    weekdays_to_min INTEGER NOT NULL CHECK (weekdays_to_min BETWEEN weekdays_from_min AND 1440),
    weekends_from_min INTEGER NOT NULL CHECK (weekends_from_min BETWEEN 0 AND 1439),
    weekends_to_min INTEGER NOT NULL CHECK (weekends_to_min BETWEEN weekends_from_min AND 1440),
    margin_ms INTEGER NOT NULL CHECK (margin_ms BETWEEN 1 AND 86400000),
    recent_contact_ms INTEGER CHECK (recent_contact_ms BETWEEN 1 AND 3600000),
    settle_ms INTEGER NOT NULL CHECK (settle_ms BETWEEN 1 AND 86400000),
    lease_ms INTEGER NOT NULL CHECK (lease_ms BETWEEN 1 AND 86400000),
    repeat_days INTEGER NOT NULL CHECK (repeat_days BETWEEN 1 AND 31),
    repeat_total INTEGER NOT NULL CHECK (repeat_total BETWEEN 1 AND 100),
    -- Prefixes with commas between; our own country if there are none.
    destinations TEXT NOT NULL,
    premium INTEGER NOT NULL CHECK (premium IN (0, 1)),
    PRIMARY KEY (policy, version),
    CONSTRAINT policy_versions_debt CHECK (
        profile <> 'debt'
        OR (cap_day = 1 AND cap_24h IS NOT NULL AND cap_24h = 1 AND cap_week IS NOT NULL AND cap_week <= 2
            AND cap_month IS NOT NULL AND cap_month <= 8
            AND (weekdays_to_min = 0 OR (weekdays_from_min >= 480 AND weekdays_to_min <= 1320))
            AND (weekends_to_min = 0 OR (weekends_from_min >= 540 AND weekends_to_min <= 1200)))
    ),
    CONSTRAINT policy_versions_sales CHECK (
        profile <> 'sales'
        OR ((weekdays_to_min = 0 OR (weekdays_from_min >= 480 AND weekdays_to_min <= 1260))
            AND (weekends_to_min = 0 OR (weekends_from_min >= 480 AND weekends_to_min <= 1260)))
    ),
    CONSTRAINT policy_versions_recent_contact CHECK (profile = 'service' OR recent_contact_ms IS NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    name TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    FOREIGN KEY (name, version) REFERENCES policy_versions (policy, version)
) STRICT, WITHOUT ROWID;

-- Those that exist without being stated.
INSERT INTO policy_versions
VALUES
    ('service', 1, 'service', 3, NULL, NULL, NULL, '1800000,5400000', 25000, 900000, '50,80,100,200',
        480, 1320, 540, 1200, 600000, 3600000, 60000, 180000, 3, 6, '', 0),
    ('sales', 1, 'sales', 3, NULL, NULL, NULL, '1800000,5400000', 25000, 900000, '50,80,100,200',
        480, 1260, 540, 1200, 600000, NULL, 60000, 180000, 3, 6, '', 0),
    ('debt', 1, 'debt', 1, 1, 2, 8, '1800000,5400000', 25000, 900000, '50,80,100,200',
        480, 1320, 540, 1200, 600000, NULL, 60000, 180000, 3, 6, '', 0);
INSERT INTO policies VALUES ('service', 1), ('sales', 1), ('debt', 1);

-- What a version said, it said: attempts name it.
CREATE TRIGGER policy_versions_no_update BEFORE UPDATE ON policy_versions
BEGIN
    SELECT RAISE(ABORT, 'refused: policy_versions is append-only');
END;
CREATE TRIGGER policy_versions_no_delete BEFORE DELETE ON policy_versions
BEGIN
    SELECT RAISE(ABORT, 'refused: policy_versions is append-only');
END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER policy_versions_no_replace BEFORE INSERT ON policy_versions
WHEN EXISTS (SELECT 1 FROM policy_versions WHERE policy = NEW.policy AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'refused: policy_versions is append-only');
END;

CREATE TRIGGER policies_no_delete BEFORE DELETE ON policies
WHEN OLD.name IN ('service', 'sales', 'debt')
BEGIN
    SELECT RAISE(ABORT, 'refused: the policies service, sales and debt are always there');
END;
CREATE TRIGGER policies_forward BEFORE UPDATE ON policies
WHEN NEW.name <> OLD.name OR NEW.version <= OLD.version
BEGIN
    SELECT RAISE(ABORT, 'refused: the version of a policy only grows');
END;

-- A queue has a policy that is there. SQLite cannot give a column a reference afterwards.
CREATE TRIGGER queues_policy_added BEFORE INSERT ON queues
WHEN NOT EXISTS (SELECT 1 FROM policies WHERE name = NEW.policy)
BEGIN
    SELECT RAISE(ABORT, 'refused: a queue has a policy that is there');
END;
CREATE TRIGGER queues_policy_changed BEFORE UPDATE OF policy ON queues
WHEN NOT EXISTS (SELECT 1 FROM policies WHERE name = NEW.policy)
BEGIN
    SELECT RAISE(ABORT, 'refused: a queue has a policy that is there');
END;
CREATE TRIGGER policies_in_use BEFORE DELETE ON policies
WHEN EXISTS (SELECT 1 FROM queues WHERE policy = OLD.name)
BEGIN
    SELECT RAISE(ABORT, 'refused: a queue has this policy');
END;

-- An attempt names what allowed it, and keeps to its cap.
CREATE TRIGGER attempts_policy BEFORE INSERT ON attempts
WHEN NEW.policy IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM policy_versions
    WHERE policy = NEW.policy AND version = NEW.policy_version AND cap_day = NEW.cap
)
BEGIN
    SELECT RAISE(ABORT, 'refused: an attempt has a version of a policy that is there, and its cap');
END;
