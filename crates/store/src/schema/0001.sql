-- Version 1. Never change this file once it was released: add the next number instead.
-- Moments are nanoseconds since 1970 UTC, and stop at the years 1677 and 2262.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- state: 0 queued, 1 running, 2 waiting for children, 3 complete, 4 partial, 5 failed.
CREATE TABLE tasks (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id    TEXT    NOT NULL UNIQUE,
    agent      TEXT    NOT NULL,
    state      INTEGER NOT NULL DEFAULT 0,
    epoch      INTEGER NOT NULL DEFAULT 0,
    tries      INTEGER NOT NULL DEFAULT 0,
    joined     INTEGER NOT NULL DEFAULT 0,
    announced  INTEGER NOT NULL,
    now        INTEGER NOT NULL,
    not_before INTEGER,
    deadline   INTEGER,
    parent     TEXT,
    lane       TEXT,
    body_hash  TEXT    NOT NULL,
    warnings   TEXT    NOT NULL,
    body       TEXT    NOT NULL
);
-- The queue of an agent, timers told apart without touching the row; and all counts.
CREATE INDEX tasks_by_state ON tasks(state, agent, number, not_before);
CREATE INDEX tasks_by_parent ON tasks(parent, state) WHERE parent IS NOT NULL;
CREATE INDEX tasks_by_moment ON tasks(state, not_before) WHERE not_before IS NOT NULL;
CREATE INDEX tasks_by_deadline ON tasks(state, deadline) WHERE deadline IS NOT NULL;

CREATE TABLE outcomes (
    task   INTEGER PRIMARY KEY REFERENCES tasks(number),
    body   TEXT NOT NULL
);

-- state: 0 waiting, 1 announced, 2 undeliverable.
CREATE TABLE outbox (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    destination  TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    state        INTEGER NOT NULL DEFAULT 0,
    committed_at INTEGER NOT NULL,
    deadline     INTEGER,
    message_id   TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    reason       TEXT,
    headers      TEXT    NOT NULL,
    body         BLOB    NOT NULL
);
-- A broker tells repeats apart within one stream, so the id is unique within its lane.
CREATE UNIQUE INDEX outbox_by_message ON outbox(message_id, destination);
CREATE INDEX outbox_waiting ON outbox(destination, number) WHERE state = 0;
CREATE INDEX outbox_events ON outbox(number) WHERE kind = 'event';
CREATE INDEX outbox_undelivered ON outbox(state, deadline) WHERE kind = 'request';

-- observed_exact holds the moment in words where it lies outside the years that nanoseconds can tell.
CREATE TABLE facts (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT    NOT NULL UNIQUE,
    customer       TEXT    NOT NULL,
    observed       INTEGER NOT NULL,
    observed_exact TEXT,
    recorded       INTEGER NOT NULL,
    source         TEXT    NOT NULL,
    actor          TEXT    NOT NULL,
    body           TEXT    NOT NULL
);
CREATE INDEX facts_by_customer ON facts(customer, number);

-- version: the number of the customer's newest fact. The name is that of the fact (name_observed, name_fact) names last.
CREATE TABLE customers (
    id             TEXT PRIMARY KEY,
    version        INTEGER NOT NULL,
    first_fact     INTEGER NOT NULL,
    first_observed INTEGER NOT NULL,
    name           TEXT,
    name_observed  INTEGER,
    name_fact      TEXT
) WITHOUT ROWID;

CREATE TABLE conversations (
    id      TEXT PRIMARY KEY,
    expires INTEGER NOT NULL,
    body    TEXT NOT NULL
) WITHOUT ROWID;

-- epoch: of the lease; names: counts changes of customers' names, for caches of them.
INSERT INTO meta(key, value) VALUES ('epoch', 0), ('names', 0);
