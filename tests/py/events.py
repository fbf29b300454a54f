"""Events out: alerts seen by a subscriber, tasks for Sälj, and what happens while nobody there listens (S0-31)."""

import json

from nats.js.api import StreamConfig
from wire import Listener, Wire, envelope, eventually, main, new_id

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ATTRIBUTES = ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-datacontenttype", "ce-subject", "ce-taskid"]


async def health_check(wire: Wire):
    """A check of all; the ids of those who need us."""
    outcome = await wire.task("customer-health", envelope(new_id("check"), "health-check", traceparent=TRACE))
    assert outcome["status"] == "complete", outcome["blockers"]
    return {row["customerId"] for row in outcome["health"] if row["severity"] >= 2}, outcome


def customers(messages):
    return sorted(json.loads(message.data)["customerId"] for message in messages)


async def alerts_are_raised_once(wire: Wire):
    """One event per customer at risk, complete; a second check raises none; a contact makes one recover, once."""
    await wire.js.add_stream(StreamConfig(name="SALJ", subjects=["salj.task.>"]))
    async with Listener(wire, "kunder.event.customer-health.at-risk") as alerts, \
            Listener(wire, "kunder.event.customer-health.recovered") as recovered, \
            Listener(wire, "kunder.event.customer-health.health-summary") as summaries:
        at_risk, outcome = await health_check(wire)
        assert at_risk, "the portfolio has customers at risk"
        messages = await alerts.at_least(len(at_risk))
        await wire.settled()
        assert customers(alerts.messages) == sorted(at_risk), customers(alerts.messages)
        for message in messages:
            event_is_whole(message, outcome["taskId"])
        sales = await tasks_for_sales(wire, len(at_risk))
        assert {task["instruction"]["params"]["customerId"] for task in sales} == at_risk, sales

        again, _ = await health_check(wire)
        await summaries.at_least(2)
        await wire.settled()
        assert again == at_risk, again ^ at_risk
        assert len(alerts.messages) == len(at_risk), "a second check has raised alerts again"
        assert await wire.count("SALJ") == len(at_risk), "Sälj was told twice"
        assert not recovered.messages, recovered.messages

        contacted = "ornvik-studieforbund"
        assert contacted in at_risk, at_risk
        told = {"customer": "Örnvik Studieförbund", "text": "Ringde och bokade möte", "kind": "call"}
        await wire.tell("admin", "touchpoint", told)
        await eventually("the touchpoint is noted", lambda: noted(wire, "log-touchpoint"))
        for _ in range(2):
            after, _ = await health_check(wire)
            assert after == at_risk - {contacted}, after
        await recovered.at_least(1)
        await summaries.at_least(4)
        await wire.settled()
        assert customers(recovered.messages) == [contacted], customers(recovered.messages)
        assert len(alerts.messages) == len(at_risk), "an alert was raised again"
    stored = [message for message in await wire.all("KUNDER_EVENTS") if message.subject.endswith(".at-risk")]
    assert customers(stored) == sorted(at_risk), "the stream holds other alerts than were heard"
    analysis = await wire.task("pipeline", envelope(new_id("analysis"), "pipeline-analysis"))
    shown = {row["customerId"] for row in analysis["pipeline"]["customers"] if row["atRisk"]}
    assert shown == at_risk - {contacted}, f"our own Pipeline agent shows at risk: {shown}"


def event_is_whole(message, task_id):
    """Attributes of CloudEvents as headers, the data as the payload."""
    headers, data = message.headers, json.loads(message.data)
    missing = [name for name in ATTRIBUTES if not headers.get(name)]
    assert not missing, f"missing: {missing} in {headers}"
    assert headers["ce-specversion"] == "1.0", headers
    assert headers["ce-source"] == "/kunder/agents/customer-health", headers
    assert headers["ce-type"] == "kunder.customer-health.at-risk.v1", headers
    assert headers["ce-datacontenttype"] == "application/json", headers
    assert headers["ce-subject"] == f"customer/{data['customerId']}", headers
    # The check of all is cut into pages: the event names the one that found the customer.
    assert headers["ce-taskid"], headers
    assert headers["traceparent"].split("-")[1] == TRACE.split("-")[1], headers
    assert headers["Nats-Msg-Id"] and headers["ce-id"] in headers["Nats-Msg-Id"].replace("=2F", "/"), headers
    assert data["severity"] in (2, 3) and data["reasons"] and data["customer"] and data["band"], data
    assert isinstance(data["valueAtRisk"], list), data


async def tasks_for_sales(wire: Wire, count):
    """The tasks on Sälj's own stream: envelopes with an address for the answer."""
    async def arrived():
        messages = await wire.all("SALJ")
        return messages if len(messages) >= count else None

    messages = await eventually(f"{count} tasks for Sälj", arrived)
    tasks = []
    for message in messages:
        task = json.loads(message.data)
        assert message.subject == f"salj.task.pipeline-agent.{task['taskId']}", message.subject
        assert task["agent"] == "salj/pipeline-agent" and task["requestedBy"] == "kunder/customer-health", task
        assert task["replyTo"] == "kunder.in.salj.result" and task["deadline"], task
        assert task["instruction"]["command"] == "at-risk-alert" and task["context"]["health"]["reasons"], task
        tasks.append(task)
    assert len({task["taskId"] for task in tasks}) == len(tasks) == count, len(tasks)
    return tasks


async def noted(wire: Wire, command):
    """Whether the newest finished tasks hold one that an event of another process caused."""
    listed = (await wire.control({"op": "list", "limit": 20}))["value"]
    known = [task for task in listed if task["taskId"].startswith("k-") and task["agent"] == "customer-health" and task["state"] == "done"]
    texts = [task["outcome"]["summary"] for task in known]
    return True if any("noterad" in text for text in texts) else None


async def who_is_away_holds_nobody_up(wire: Wire):
    """Without a stream of Sälj its tasks wait, everything else goes on; once there is one they arrive, each once."""
    await wire.js.add_stream(StreamConfig(name="TJANSTER", subjects=["tjanster.task.>"]))
    at_risk, _ = await health_check(wire)

    async def announced():
        stored = [message for message in await wire.all("KUNDER_EVENTS") if message.subject.endswith(".at-risk")]
        return stored if len(stored) >= len(at_risk) else None

    await eventually("the alerts are announced", announced)
    await wire.tell("salj", "deal-won", {"dealId": "affär-1", "customer": {"name": "Nybygdens Kör"}})

    async def asked():
        return True if await wire.count("TJANSTER") == 1 else None

    await eventually("Tjänster is asked", asked)
    doctor = await wire.settled()
    assert doctor["waiting"] == {"salj/pipeline-agent": len(at_risk)}, doctor["waiting"]
    again, _ = await health_check(wire)
    assert again == at_risk
    await wire.settled()

    await wire.js.add_stream(StreamConfig(name="SALJ", subjects=["salj.task.>"]))
    tasks = await tasks_for_sales(wire, len(at_risk))
    assert {task["instruction"]["params"]["customerId"] for task in tasks} == at_risk

    async def nothing_waits():
        return True if not (await wire.control({"op": "doctor"}))["value"]["waiting"] else None

    await eventually("nothing waits", nothing_waits)
    assert await wire.count("SALJ") == len(at_risk)


if __name__ == "__main__":
    main([alerts_are_raised_once, who_is_away_holds_nobody_up])
