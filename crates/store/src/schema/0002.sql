-- Version 2. Never change this file once it was released: add the next number instead.

-- How often it was about to be handed to the bus; counted for requests and replies, whose repeats may arrive.
ALTER TABLE outbox ADD COLUMN handed INTEGER NOT NULL DEFAULT 0;
