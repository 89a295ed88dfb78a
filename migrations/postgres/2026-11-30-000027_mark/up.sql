-- The first row of the audit that must be sealed, and a MAC over it by the audit's key: who has no key can neither take
-- the seal off all rows nor move where it begins. Empty until the first start after this step.
ALTER TABLE audit_key ADD COLUMN sealed_from BIGINT CHECK (sealed_from >= 1);
ALTER TABLE audit_key ADD COLUMN sealed_from_mac TEXT CHECK (length(sealed_from_mac) = 64);
CREATE FUNCTION audit_key_mark_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused: where the seal of the audit begins stays' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER audit_key_mark_stays BEFORE UPDATE ON audit_key FOR EACH ROW
WHEN (OLD.sealed_from IS NOT NULL
    AND (NEW.sealed_from IS DISTINCT FROM OLD.sealed_from OR NEW.sealed_from_mac IS DISTINCT FROM OLD.sealed_from_mac))
EXECUTE FUNCTION audit_key_mark_stays();
-- The secret may still only go: but where it stays, the mark may be set.
DROP TRIGGER audit_key_no_update ON audit_key;
CREATE TRIGGER audit_key_no_update BEFORE UPDATE ON audit_key FOR EACH ROW
WHEN (NEW.fingerprint <> OLD.fingerprint OR NEW.made_at <> OLD.made_at
    OR (NEW.secret IS NOT NULL AND NEW.secret IS DISTINCT FROM OLD.secret))
EXECUTE FUNCTION audit_key_stays();
