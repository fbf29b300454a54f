-- Version 3. Never change this file once it was released: add the next number instead.
-- Tasks that were ever accepted, counted in the transaction that writes them and never from their states:
-- so a task that no state accounts for shows.
INSERT INTO meta(key, value) SELECT 'accepted', count(*) FROM tasks;
CREATE TRIGGER tasks_accepted AFTER INSERT ON tasks BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'accepted';
END;
