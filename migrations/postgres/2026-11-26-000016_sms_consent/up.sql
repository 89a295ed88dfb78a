-- Where else one who asks to be called is told, and whether by SMS. Columns: migrations/README.md.

ALTER TABLE requests ADD COLUMN email TEXT CHECK (length(email) BETWEEN 3 AND 254);
-- As it was shown to him; he agreed to it at consent_at. Empty: he gets none.
ALTER TABLE requests ADD COLUMN sms_consent_text TEXT CHECK (length(sms_consent_text) >= 1);
