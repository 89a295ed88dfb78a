-- The person on duty as a destination. Columns: migrations/README.md.

-- What a CHECK allows can be changed only in the text of the table
-- (https://www.sqlite.org/lang_altertable.html, "making other kinds of table schema changes").
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '(''queue'', ''menu'', ''forward'',', '(''queue'', ''menu'', ''duty'', ''forward'',')
WHERE type = 'table' AND name IN ('queues', 'routes', 'menus');
PRAGMA writable_schema = RESET;
