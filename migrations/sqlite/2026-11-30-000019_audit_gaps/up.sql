-- Acts that happened and that the audit refused: the act itself must not be lost with its entry. No number stands here.
CREATE TABLE audit_gaps (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    action TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 64),
    subject TEXT CHECK (length(subject) BETWEEN 1 AND 200),
    why TEXT NOT NULL
);
