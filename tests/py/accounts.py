"""The account of a run of kills: what was accepted against what came of it, and the ledger of what arrived against what was committed."""

import json
import random
import sqlite3

from wire import Wire, eventually, main, token

LISTED = 10
# Seconds until everything that was sent must be accepted and announced: after the last kill messages are offered again in their own time.
DRAINED = 150


def read(journal):
    with open(journal, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return {line["id"]: line for line in lines if "id" in line}, [line for line in lines if line["kind"] == "deal"]


async def held(wire: Wire, stream, subject):
    """Everything that a stream holds, in order."""
    count = await wire.count(stream)
    subscription = await wire.js.subscribe(subject, stream=stream, ordered_consumer=True)
    found = [await subscription.next_msg(timeout=30) for _ in range(count)]
    await subscription.unsubscribe()
    return found


async def everything_is_accounted_for(wire: Wire, journal):
    """Every accepted task has one outcome, announced once; every event happened once; nothing waits."""
    tasks, deals = read(journal)

    async def all_taken():
        queue = await wire.count("KUNDER_TASKS")
        inbox = await wire.js.consumer_info("KUNDER_IN", "runner")
        return True if not queue and not inbox.num_pending and not inbox.num_ack_pending else None

    await eventually("everything is accepted", all_taken, DRAINED)
    doctor = await wire.settled()
    await eventually("everything is announced", lambda: nothing_waits(wire))
    letters = await wire.all("KUNDER_DLQ")
    assert not letters, [dict(letter.headers) for letter in letters]

    results = {}
    for message in await held(wire, "KUNDER_RESULTS", "kunder.result.>"):
        assert message.subject not in results, f"announced twice: {message.subject}"
        results[message.subject] = json.loads(message.data)
    lost, answered = [], 0
    for task_id, line in tasks.items():
        outcome = results.get(f"kunder.result.{line['agent']}.{token(task_id)}")
        if not outcome:
            lost.append(f"{task_id} ({line['how']}) was accepted and has no outcome")
            continue
        assert outcome["taskId"] == task_id and outcome["status"] in ("complete", "partial"), outcome
        answer = line.get("answer")
        if answer and "status" in answer:
            assert answer == outcome, f"{task_id} was answered otherwise than announced"
            answered += 1
    sample = random.Random(1).sample(sorted(tasks), min(200, len(tasks)))
    for task_id in sample:
        agent = tasks[task_id]["agent"]
        status = await wire.ask(f"kunder.svc.{agent}.status", {"taskId": task_id})
        assert lost or status["state"] == "done" and status["outcome"] == results[f"kunder.result.{agent}.{token(task_id)}"], status

    events = await held(wire, "KUNDER_EVENTS", "kunder.event.>")
    ids = [message.headers["ce-id"] for message in events]
    assert len(ids) == len(set(ids)), "an event was announced twice"
    numbers = [int(message.headers["Kunder-Outbox"]) for message in events]
    assert numbers == sorted(set(numbers)), "events are out of order"
    by_kind = {}
    for message in events:
        by_kind.setdefault(message.subject.rsplit(".", 1)[1], []).append(json.loads(message.data))
    started = [event["deal"] for event in by_kind.get("onboarding-started", [])]
    assert len(started) == len(set(started)), "an onboarding was started twice"
    lost += [f"the deal {deal['deal']} was accepted and no onboarding was started" for deal in deals if deal["deal"] not in started]
    alerts_alternate(events)
    checks = sum(line["kind"] == "check" for line in tasks.values())
    assert len(by_kind.get("health-summary", [])) == checks, f"{len(by_kind.get('health-summary', []))} summaries of {checks} checks"
    opportunities = [event["opportunity"] for event in by_kind.get("opportunity-changed", [])]
    assert opportunities and len(opportunities) == len(set(opportunities)), "an opportunity that did not change was told twice"

    def sent(how):
        return sum(line["how"] == how for line in tasks.values())

    print(json.dumps({
        "queue": sent("queue"), "request": sent("request"), "chat": sent("chat"), "answered": answered, "deals": len(deals),
        "logs": sum(line["kind"] == "log" for line in tasks.values()), "todos": sum(line["kind"] == "todo" for line in tasks.values()),
        "replies": sum(line.get("reply", False) for line in tasks.values()), "alerts": len(by_kind.get("at-risk", [])),
        "opportunities": len(opportunities), "lost": lost[:LISTED], "lostCount": len(lost), "counts": doctor["tasks"],
    }))


async def nothing_waits(wire: Wire):
    return True if not (await wire.control({"op": "doctor"}))["value"]["waiting"] else None


def alerts_alternate(events):
    """An alert is opened again only after it was closed."""
    at_risk = set()
    for message in events:
        kind, customer = message.subject.rsplit(".", 1)[1], json.loads(message.data).get("customerId")
        if kind == "at-risk":
            assert customer not in at_risk, f"{customer} was at risk already"
            at_risk.add(customer)
        elif kind == "recovered":
            assert customer in at_risk, f"{customer} was not at risk"
            at_risk.remove(customer)


async def the_ledger(wire: Wire, journal, sink, outbox, kills):
    """What the store committed, the keyed sink and the book of arrivals, side by side."""
    tasks, deals = read(journal)
    with open(outbox, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    committed = {f"{row['lane']} {token(row['id'])}": row["subject"] for row in rows}
    committed_at = {f"{row['lane']} {token(row['id'])}": row["at"] for row in rows}
    database = sqlite3.connect(sink)
    effects = {key: (lane, subject, body) for key, lane, subject, body in database.execute("SELECT key, lane, subject, body FROM effects")}
    lost = [f"{key} on {subject} was committed and never arrived" for key, subject in committed.items() if key not in effects]
    lost += [f"{task} asked for a reply and has none" for task, line in tasks.items() if line.get("reply") and f"replies {token(task + '/reply')}" not in effects]
    duplicated = [f"{key} has an effect and was never committed" for key in effects if key not in committed]
    duplicated += [f"{' and '.join(keys)} have one cause" for keys in by_cause(effects).values() if len(keys) > 1]

    repeats, unflagged, seen = {}, [], set()
    for lane, key, attempt in database.execute("SELECT lane, key, attempt FROM arrivals ORDER BY stream, sequence"):
        if key in seen:
            repeats[lane] = repeats.get(lane, 0) + 1
            if attempt <= 1:
                unflagged.append(f"{key} came again as a first attempt")
        seen.add(key)
    lanes = {lane: sum(found == lane for found, *_ in effects.values()) for lane in ("results", "events", "requests", "replies")}
    told = {agent: sum(subject.startswith(f"{agent}.") for lane, subject, _ in effects.values() if lane == "requests")
            for agent in ("salj.task.pipeline-agent", "salj.task.sales-pipeline-agent", "tjanster.task")}
    print(json.dumps({
        "announcements": lanes, "committed": len(committed), "effects": len(effects), "told": told, "deals": len(deals),
        "lost": lost[:LISTED], "lostCount": len(lost), "duplicated": duplicated[:LISTED], "duplicatedCount": len(duplicated),
        "repeats": repeats, "unflagged": unflagged[:LISTED], "unflaggedCount": len(unflagged), **passed(database, kills, committed_at),
    }))


def by_cause(effects):
    """Keys by what caused them, read from what arrived and not from the key."""
    causes = {}
    for key, (lane, subject, body) in effects.items():
        told = json.loads(body)
        if lane in ("results", "replies"):
            cause = (lane, told["taskId"])
        elif lane == "requests" and subject.startswith("tjanster."):
            cause = (lane, subject.rsplit(".", 1)[0], told["context"].get("customer"))
        elif subject.endswith(".onboarding-started"):
            cause = (lane, told["deal"])
        else:
            # Alerts of one customer may open again: their counts are compared with their events instead.
            cause = (lane, key)
        causes.setdefault(cause, []).append(key)
    return causes


def passed(database, kills, committed_at):
    """Seconds from when all servers stood again to the next result, times without one of them left out; and from the kill itself.

    And how many times announcements were committed before the servers stood again, and arrived after.
    """
    with open(kills, encoding="utf-8") as file:
        downs = [json.loads(line) for line in file]
    arrived = [(committed_at.get(key, 0), moment) for key, moment in database.execute("SELECT key, min(stored) FROM arrivals GROUP BY key")]
    waited = {}
    for down in downs:
        if any(committed < down["up"] <= moment for committed, moment in arrived):
            waited[down["what"]] = waited.get(down["what"], 0) + 1
    stored = [moment for (moment,) in database.execute("SELECT stored FROM arrivals WHERE lane = 'results' ORDER BY stored")]
    after_start, after_kill = {}, {}
    for number, down in enumerate(downs):
        first = next((moment for moment in stored if moment >= down["up"]), None)
        if first is None:
            continue
        # What was down again meanwhile is not counted: the servers must stand to be slow.
        again = sum(min(other["up"], first) - other["killed"] for other in downs[number + 1:] if other["killed"] < first)
        what = down["what"]
        after_start[what] = max(after_start.get(what, 0), round(first - down["up"] - again, 3))
        after_kill[what] = max(after_kill.get(what, 0), round(first - down["killed"], 3))
    longest = max((later - earlier for earlier, later in zip(stored, stored[1:])), default=0)
    return {"waited": waited, "pauseAfterStart": after_start, "pauseAfterKill": after_kill, "longestWithoutResult": round(longest, 3)}


if __name__ == "__main__":
    main([everything_is_accounted_for, the_ledger])
