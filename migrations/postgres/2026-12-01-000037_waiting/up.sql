-- What callers hear and may press while they wait. Columns: migrations/README.md.

ALTER TABLE queues ADD COLUMN greeting TEXT REFERENCES prompts (name) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE queues ADD COLUMN greeting_skip BOOLEAN NOT NULL DEFAULT true;
-- Prompts, and keys with what follows: lists in JSON, as in the rules file.
ALTER TABLE queues ADD COLUMN announcements TEXT NOT NULL DEFAULT '[]';
ALTER TABLE queues ADD COLUMN announce_after_ms BIGINT NOT NULL DEFAULT 30000 CHECK (announce_after_ms > 0);
-- NULL: there is only one announcement.
ALTER TABLE queues ADD COLUMN announce_interval_ms BIGINT DEFAULT 60000 CHECK (announce_interval_ms > 0);
ALTER TABLE queues ADD COLUMN announce_position BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE queues ADD COLUMN announce_wait BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE queues ADD COLUMN wait_floor_ms BIGINT NOT NULL DEFAULT 60000 CHECK (wait_floor_ms >= 0);
ALTER TABLE queues ADD COLUMN wait_rise_ms BIGINT NOT NULL DEFAULT 60000 CHECK (wait_rise_ms >= 0);
ALTER TABLE queues ADD COLUMN keys TEXT NOT NULL DEFAULT '[]';
ALTER TABLE queues ADD COLUMN early_media BOOLEAN NOT NULL DEFAULT false;
