-- Version 2. Never change this file once it was released: add the next number instead.

-- How often it was about to be handed to the bus; counted for requests and replies, whose repeats may arrive.
ALTER TABLE outbox ADD COLUMN handed INTEGER NOT NULL DEFAULT 0;

-- Tasks that were ever accepted, counted in the transaction that writes them and never from their states:
-- so a task that no state accounts for shows.
INSERT INTO meta(key, value) SELECT 'accepted', count(*) FROM tasks;
CREATE TRIGGER tasks_accepted AFTER INSERT ON tasks BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'accepted';
END;

-- Dead letters, with what they hold. kind: task, message, or that of an announcement (result, event, request, reply).
-- state: 0 open, 1 replayed, 2 dropped. An announcement that is announced again has state 3 in the outbox: a later row has its place.
CREATE TABLE letters (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL,
    state       INTEGER NOT NULL DEFAULT 0,
    at          INTEGER NOT NULL,
    recipient   TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    cause       TEXT    NOT NULL,
    replays     INTEGER NOT NULL,
    replayed_as TEXT,
    headers     TEXT    NOT NULL,
    body        BLOB    NOT NULL
);
CREATE INDEX letters_open ON letters(number) WHERE state = 0;
-- The letter of a replay goes on counting, whichever of the two is written first.
CREATE INDEX letters_by_cause ON letters(cause);
CREATE INDEX letters_by_replay ON letters(replayed_as) WHERE replayed_as IS NOT NULL;

-- The file has a seal beside it from here on (checksums of its pages), which a build that knows only version 1
-- would not keep up to date: so it must not write here.
