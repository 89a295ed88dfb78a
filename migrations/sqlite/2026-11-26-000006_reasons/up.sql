-- A break that gets another reason is a change too: it leaves a row in agent_changes, and is signed, as a step is.

CREATE TRIGGER agents_reason_history AFTER UPDATE OF break_reason ON agents
WHEN NEW.status = OLD.status AND NEW.activity = OLD.activity
    AND (NEW.version > OLD.version OR NEW.break_reason IS NOT OLD.break_reason)
BEGIN
    INSERT INTO agent_changes
        (agent, at, from_status, from_activity, to_status, to_activity, "by", why, offer)
    SELECT NEW.name,
        CASE WHEN NEW.version > OLD.version THEN NEW.since_at
            ELSE CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) END,
        OLD.status, OLD.activity, NEW.status, NEW.activity,
        CASE WHEN NEW.version > OLD.version THEN NEW.changed_by ELSE 'sql' END,
        CASE WHEN NEW.version > OLD.version THEN NEW.changed_why ELSE 'changed by SQL, not by dozvon' END,
        NEW.offer;
END;

CREATE TRIGGER agents_reason_signed AFTER UPDATE OF break_reason ON agents
WHEN NEW.status = OLD.status AND NEW.activity = OLD.activity
    AND NEW.break_reason IS NOT OLD.break_reason AND NEW.version <= OLD.version
BEGIN
    UPDATE agents
    SET version = OLD.version + 1,
        since_at = CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER),
        changed_by = 'sql',
        changed_why = 'changed by SQL, not by dozvon'
    WHERE name = NEW.name;
END;
