-- Version 3. Never change this file once it was released: add the next number instead.

-- Who gave health records: a model by its file's hash, with the names of its rows as a JSON array.
CREATE TABLE health_models (
    number  INTEGER PRIMARY KEY,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    hash    TEXT    NOT NULL,
    rows    TEXT    NOT NULL,
    UNIQUE (hash, rows, id, version)
);

-- Health as it was said on a day, which is days since 1970. at and last_fact give the view it rests on.
-- state: the band's key, or one of not_scored, unclassified and in_grace with a colon before it. severity: of the band.
-- score and points: fractions; points are the contributions in the order of the model's rows, with spaces between.
CREATE TABLE health (
    day       INTEGER NOT NULL,
    customer  TEXT    NOT NULL,
    model     INTEGER NOT NULL REFERENCES health_models(number),
    at        INTEGER NOT NULL,
    last_fact INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    severity  INTEGER,
    score     TEXT,
    points    TEXT    NOT NULL,
    PRIMARY KEY (day, customer)
) WITHOUT ROWID;
