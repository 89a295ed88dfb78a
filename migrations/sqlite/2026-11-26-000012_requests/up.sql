-- Requests to be called, from forms and bots, with the consent that came with them. Columns: migrations/README.md.

CREATE TABLE requests (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    key_hash TEXT UNIQUE CHECK (length(key_hash) = 64),
    body_hash TEXT CHECK (length(body_hash) = 64),
    number TEXT NOT NULL
        CHECK (number GLOB '+[1-9]*' AND substr(number, 2) NOT GLOB '*[^0-9]*' AND length(number) BETWEEN 8 AND 16),
    name TEXT,
    text TEXT,
    wanted_at INTEGER,
    language TEXT CHECK (language IN ('en', 'ru')),
    source TEXT NOT NULL,
    page TEXT,
    queue TEXT,
    consent_text TEXT NOT NULL CHECK (length(consent_text) >= 1),
    consent_at INTEGER NOT NULL,
    address TEXT,
    received_at INTEGER NOT NULL,
    case_id INTEGER REFERENCES cases (id) ON DELETE SET NULL
) STRICT;
CREATE INDEX requests_by_number ON requests (number, received_at);
CREATE INDEX requests_by_case ON requests (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX requests_by_age ON requests (received_at);
