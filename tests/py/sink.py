"""What the others do with announcements: a keyed sink, where each has its effect once, and a book of everything that arrived.

The streams of the other processes are work queues that forget an id after 100 ms: a repeat of ours does arrive here.
"""

import asyncio
import json
import os
import sqlite3

from nats.errors import Error
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig
from wire import Wire, lost_connection, main

# Streams of others, and what they take.
THEIRS = {"SALJ": "salj.task.>", "TJANSTER": "tjanster.task.>", "ADMIN": "admin.task.>", "ASKED": "asked.>"}
LANES = {"KUNDER_RESULTS": "results", "KUNDER_EVENTS": "events", "ASKED": "replies"}
TABLES = """
CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, lane TEXT, subject TEXT, body BLOB);
CREATE TABLE IF NOT EXISTS arrivals (stream TEXT, sequence INTEGER, lane TEXT, key TEXT, attempt INTEGER, stored REAL, PRIMARY KEY (stream, sequence));
"""
# Seconds after which the broker offers again what was not acknowledged.
ACK_WAIT = 2


class Sink:
    """One consumer of several streams."""

    def __init__(self, wire, database):
        self.wire, self.database = wire, database

    def take(self, stream, messages):
        """Stores all in one transaction. A key that is known has no further effect; a sequence that is known is the broker's own redelivery."""
        lane = LANES.get(stream, "requests")
        with self.database:
            for message in messages:
                key, about = f"{lane} {message.headers['Nats-Msg-Id']}", message.metadata
                attempt, stored = int(message.headers.get("Kunder-Attempt", 1)), about.timestamp.timestamp()
                self.database.execute(
                    "INSERT OR IGNORE INTO arrivals VALUES (?, ?, ?, ?, ?, ?)", (stream, about.sequence.stream, lane, key, attempt, stored),
                )
                self.database.execute("INSERT OR IGNORE INTO effects VALUES (?, ?, ?, ?)", (key, lane, message.subject, message.data))

    async def collect(self, stream, stop):
        """Takes what arrives until told to stop and nothing is left."""
        consumer = ConsumerConfig(durable_name="sink", ack_wait=ACK_WAIT, max_ack_pending=1000)
        subscription = await self.wire.js.pull_subscribe("", durable="sink", stream=stream, config=consumer)
        while True:
            try:
                messages = await subscription.fetch(200, timeout=0.5)
                self.take(stream, messages)
                for message in messages:
                    await message.ack()
            except (TimeoutError, Error):
                # Nothing new, or the broker is away.
                await asyncio.sleep(0.02)
            if os.path.exists(stop) and await self.nothing_left(stream):
                return

    async def nothing_left(self, stream):
        try:
            found = await self.wire.js.consumer_info(stream, "sink")
        except (TimeoutError, Error):
            return False
        return not found.num_pending and not found.num_ack_pending


async def collect_until_told(wire: Wire, file, ready, stop):
    """Makes the streams of the others, says that it listens, and collects until the file `stop` is there."""
    for name, subjects in THEIRS.items():
        config = StreamConfig(name=name, subjects=[subjects], retention=RetentionPolicy.WORK_QUEUE, duplicate_window=0.1)
        await wire.js.add_stream(config)
    database = sqlite3.connect(file)
    database.executescript(TABLES)
    sink = Sink(wire, database)
    with open(ready, "w", encoding="utf-8") as said:
        json.dump(sorted(THEIRS), said)
    await asyncio.gather(*(sink.collect(stream, stop) for stream in [*THEIRS, "KUNDER_RESULTS", "KUNDER_EVENTS"]))
    database.close()


if __name__ == "__main__":
    main([collect_until_told], on_error=lost_connection)
