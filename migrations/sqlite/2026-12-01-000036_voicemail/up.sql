-- Voicemail: a destination, the messages that callers left, and files that must be deleted. Columns: migrations/README.md.

-- What a CHECK allows can be changed only in the text of the table
-- (https://www.sqlite.org/lang_altertable.html, "making other kinds of table schema changes").
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''message'', ', '''message'', ''voicemail'', ')
WHERE type = 'table' AND name IN ('queues', 'routes', 'menus');
UPDATE sqlite_schema SET sql = replace(sql, '''talking'', ''menu''', '''talking'', ''menu'', ''voicemail''')
WHERE type = 'table' AND name = 'calls';
PRAGMA writable_schema = RESET;

CREATE TABLE voicemails (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_.-]*'),
    greeting TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    beep TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    thanks TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED,
    max_length_ms INTEGER NOT NULL CHECK (max_length_ms > 0),
    min_length_ms INTEGER NOT NULL CHECK (min_length_ms >= 0),
    silence_ms INTEGER NOT NULL CHECK (silence_ms > 0),
    end_keys TEXT NOT NULL CHECK (length(end_keys) BETWEEN 1 AND 8 AND end_keys NOT GLOB '*[^0-9*#]*'),
    review INTEGER NOT NULL CHECK (review IN (0, 1)),
    keep_key TEXT NOT NULL CHECK (length(keep_key) = 1),
    listen_key TEXT NOT NULL CHECK (length(listen_key) = 1),
    again_key TEXT NOT NULL CHECK (length(again_key) = 1),
    timeout_ms INTEGER NOT NULL CHECK (timeout_ms > 0),
    retries INTEGER NOT NULL CHECK (retries BETWEEN 0 AND 9),
    queue TEXT REFERENCES queues (name) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

-- What callers have left. The row is there before the recording begins.
CREATE TABLE messages (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    call TEXT NOT NULL REFERENCES calls (id),
    voicemail TEXT NOT NULL,
    -- The file as FreeSWITCH sees it; NULL after an erasure.
    path TEXT,
    language TEXT CONSTRAINT messages_language_word CHECK (language IN ('en', 'ru')),
    begun_at INTEGER NOT NULL,
    -- NULL while the caller speaks, or until the controller has looked what was recorded.
    ended_at INTEGER,
    -- NULL if nobody knows it, since the controller cannot read the file.
    length_ms INTEGER CHECK (length_ms >= 0),
    heard_at INTEGER,
    heard_by TEXT,
    CONSTRAINT messages_heard CHECK ((heard_at IS NULL) = (heard_by IS NULL))
) STRICT;
CREATE INDEX messages_by_call ON messages (call);

-- Files of messages that are not wanted any more, until they are deleted.
CREATE TABLE files_to_delete (
    path TEXT NOT NULL PRIMARY KEY,
    since_at INTEGER NOT NULL,
    tried_at INTEGER,
    last_error TEXT
) STRICT, WITHOUT ROWID;

-- Messages that callers left, with their case.
CREATE VIEW v_messages AS
SELECT
    -- the message
    m.id AS id,
    -- the business day of the call
    c.business_day AS business_day,
    -- the voicemail
    m.voicemail AS voicemail,
    -- the case that the call opened or joined
    n.case_id AS case_id,
    -- the queue of the call; - if it has none
    coalesce(c.queue, '-') AS queue,
    -- the language that the caller chose
    m.language AS language,
    -- how long the message is; empty if nobody knows it
    m.length_ms AS length_ms,
    -- when the caller began to speak, milliseconds since 1970 UTC
    m.begun_at AS begun_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', m.begun_at / 1000, 'unixepoch') AS begun,
    -- when somebody heard the message first, milliseconds since 1970 UTC
    m.heard_at AS heard_at,
    -- the same as text, in UTC
    strftime('%Y-%m-%dT%H:%M:%SZ', m.heard_at / 1000, 'unixepoch') AS heard,
    -- who heard it first
    m.heard_by AS heard_by
FROM messages AS m
JOIN calls AS c ON c.id = m.call
LEFT JOIN case_misses AS n ON n.call = m.call
WHERE m.ended_at IS NOT NULL;
