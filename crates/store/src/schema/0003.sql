-- Version 3. Never change this file once it was released: add the next number instead.

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
-- The letter of a replay goes on counting.
CREATE INDEX letters_by_replay ON letters(replayed_as) WHERE replayed_as IS NOT NULL;
