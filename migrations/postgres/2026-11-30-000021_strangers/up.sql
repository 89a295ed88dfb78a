-- What goes to whom a stranger named, and what a stranger's consent is worth. Columns: migrations/README.md.

-- Whether the consent to SMS holds for the number; else for the case of this request alone. What came before is not known
-- to have come from a program: it does not hold any longer than its case.
ALTER TABLE requests ADD COLUMN sms_consent_standing BOOLEAN NOT NULL DEFAULT false;

-- By what, and when, the policy for outgoing contact let a delivery go to somebody whom a stranger named.
ALTER TABLE deliveries ADD COLUMN medium TEXT
    CONSTRAINT deliveries_medium_word CHECK (medium IN ('sms', 'letter', 'dial'));
ALTER TABLE deliveries ADD COLUMN permitted_at BIGINT;
CREATE INDEX deliveries_permitted ON deliveries (medium, permitted_at) WHERE permitted_at IS NOT NULL;
