-- How many customers were dialled lately, all together.
CREATE INDEX attempts_by_time ON attempts (at);
