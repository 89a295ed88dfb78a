-- Until when the machine's clock was believed. A jump ahead of it is doubted until a person says that the clock is
-- right, across restarts: what is recorded by a wrong clock does not speak for it.
CREATE TABLE clock_witness (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    believed_at BIGINT NOT NULL
);
