-- A break that gets another reason is a change too: it leaves a row in agent_changes, and is signed, as a step is.

CREATE FUNCTION agents_reason_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.since_at := CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT);
    NEW.changed_by := 'sql';
    NEW.changed_why := 'changed by SQL, not by dozvon';
    RETURN NEW;
END $$;
CREATE TRIGGER agents_reason_signed BEFORE UPDATE OF break_reason ON agents FOR EACH ROW
WHEN (NEW.status = OLD.status AND NEW.activity = OLD.activity
    AND NEW.break_reason IS DISTINCT FROM OLD.break_reason AND NEW.version <= OLD.version)
EXECUTE FUNCTION agents_reason_signed();

CREATE TRIGGER agents_reason_history AFTER UPDATE OF break_reason ON agents FOR EACH ROW
WHEN (NEW.status = OLD.status AND NEW.activity = OLD.activity AND NEW.version > OLD.version)
EXECUTE FUNCTION agents_history();
