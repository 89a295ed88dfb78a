-- The person on duty as a destination. Columns: migrations/README.md.

ALTER TABLE queues DROP CONSTRAINT queues_overflow_kind_word;
ALTER TABLE queues ADD CONSTRAINT queues_overflow_kind_word
    CHECK (overflow_kind IN ('queue', 'menu', 'duty', 'forward', 'message', 'extension', 'hang_up'));
ALTER TABLE routes DROP CONSTRAINT routes_open_kind_word;
ALTER TABLE routes ADD CONSTRAINT routes_open_kind_word
    CHECK (open_kind IN ('queue', 'menu', 'duty', 'forward', 'message', 'extension', 'hang_up'));
ALTER TABLE routes DROP CONSTRAINT routes_closed_kind_word;
ALTER TABLE routes ADD CONSTRAINT routes_closed_kind_word
    CHECK (closed_kind IN ('queue', 'menu', 'duty', 'forward', 'message', 'extension', 'hang_up'));
ALTER TABLE menus DROP CONSTRAINT menus_failed_kind_word;
ALTER TABLE menus ADD CONSTRAINT menus_failed_kind_word
    CHECK (failed_kind IN ('queue', 'menu', 'duty', 'forward', 'message', 'extension', 'hang_up'));

-- Controllers are told that menus changed, as of all other rules.
CREATE TRIGGER menus_told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON menus
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
CREATE TRIGGER menu_prompts_told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON menu_prompts
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
CREATE TRIGGER menu_options_told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON menu_options
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
