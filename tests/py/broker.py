"""What a restart of the broker may cost: nothing. Two parts, with the restart in between."""

import asyncio
import json

from nats.errors import Error, NoRespondersError
from wire import Wire, envelope, eventually, main, new_id

TASKS = 30


async def before_the_restart(wire: Wire, notes):
    """Publishes tasks and leaves at once: whether they are accepted, done or announced by then is open."""
    first = envelope(new_id("first"), "pipeline-analysis")
    await wire.task("pipeline", first)
    sent = [envelope(new_id("before"), "log-touchpoint", params={"customer": "Vindelö Kulturförening", "text": f"Nr {number}"}) for number in range(TASKS)]
    await asyncio.gather(*(wire.dispatch("customer-health", task) for task in sent))
    with open(notes, "w", encoding="utf-8") as file:
        json.dump([task["taskId"] for task in sent], file)


async def after_the_restart(wire: Wire, notes):
    """Everything published before has its one outcome; new tasks are served by request and by queue, alerts were kept."""
    async def served():
        try:
            return await wire.task("pipeline", envelope(new_id("after"), "pipeline-analysis"), timeout=10)
        except (NoRespondersError, TimeoutError, Error):
            await asyncio.sleep(0.1)
            return None

    assert (await eventually("requests are served again", served))["status"] == "complete"
    by_queue = new_id("after")
    await wire.dispatch("pipeline", envelope(by_queue, "pipeline-analysis"))
    assert (await wire.result("pipeline", by_queue))["status"] == "complete"
    with open(notes, encoding="utf-8") as file:
        sent = json.load(file)
    for task_id in sent:
        assert (await wire.result("customer-health", task_id))["status"] == "complete", task_id
    await wire.settled()
    info = await wire.js.stream_info("KUNDER_RESULTS", subjects_filter=">")
    twice = {subject: count for subject, count in info.state.subjects.items() if count != 1}
    assert not twice, f"announced more than once: {twice}"
    assert await wire.count("KUNDER_TASKS") == 0
    events = await wire.all("KUNDER_EVENTS")
    ids = [message.headers["ce-id"] for message in events]
    assert len(set(ids)) == len(ids), "an event was announced twice"
    numbers = [int(message.headers["Kunder-Outbox"]) for message in events]
    assert numbers == sorted(numbers), f"out of order: {numbers}"
    alerts = [message for message in events if message.subject.endswith(".at-risk")]
    assert len(alerts) == 5, f"{len(alerts)} alerts; the check was made while the broker was away"


if __name__ == "__main__":
    main([before_the_restart, after_the_restart])
