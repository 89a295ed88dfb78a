-- The first row of the audit that must be sealed, and a MAC over it by the audit's key: who has no key can neither take
-- the seal off all rows nor move where it begins. Empty until the first start after this step.
ALTER TABLE audit_key ADD COLUMN sealed_from INTEGER CHECK (sealed_from >= 1);
ALTER TABLE audit_key ADD COLUMN sealed_from_mac TEXT CHECK (length(sealed_from_mac) = 64);
CREATE TRIGGER audit_key_mark_stays BEFORE UPDATE ON audit_key
WHEN OLD.sealed_from IS NOT NULL
    AND (NEW.sealed_from IS NOT OLD.sealed_from OR NEW.sealed_from_mac IS NOT OLD.sealed_from_mac)
BEGIN
    SELECT RAISE(ABORT, 'refused: where the seal of the audit begins stays');
END;
-- The secret may still only go: but where it stays, the mark may be set.
DROP TRIGGER audit_key_no_update;
CREATE TRIGGER audit_key_no_update BEFORE UPDATE ON audit_key
WHEN NEW.fingerprint <> OLD.fingerprint OR NEW.made_at <> OLD.made_at
    OR (NEW.secret IS NOT NULL AND NEW.secret IS NOT OLD.secret)
BEGIN
    SELECT RAISE(ABORT, 'refused: the audit key stays: entries under another one could not be found again');
END;
