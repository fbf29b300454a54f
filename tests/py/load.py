"""Work for a server that is killed again and again: what was accepted is written down, and in the end accounted for to the last task."""

import asyncio
import json
import os
import random

from nats.errors import Error, NoRespondersError
from nats.js.api import StreamConfig
from wire import Refused, Wire, envelope, eventually, main, token

CUSTOMERS = ["Vindelö Kulturförening", "Åkerlunda Riksförbund", "Fjällhamra Skidallians", "Örnvik Studieförbund", "Lärkmåla Hjälpkår"]
# How often each is chosen.
MIX = [("log", 45), ("todo", 22), ("pipeline", 12), ("check", 7), ("onboard", 4), ("brief", 5), ("deal", 5)]
ASKERS = 6
# Seconds between two tasks of one sender.
PAUSE = 0.02


def work(kind, number, customer):
    """The agent and the envelope of one piece of work."""
    name = f"{kind}-{number}"
    about = {"customer": customer}
    if kind == "log":
        return "customer-health", envelope(name, "log-touchpoint", params={**about, "text": f"Ringde, nr {number}", "kind": "call"})
    if kind == "todo":
        return "customer-health", envelope(name, "add-todo", params={**about, "text": f"Att göra nr {number}"})
    if kind == "pipeline":
        return "pipeline", envelope(name, "pipeline-analysis")
    if kind == "check":
        return "customer-health", envelope(name, "health-check")
    if kind == "onboard":
        return "onboarding", envelope(name, "onboard", context=about)
    return "customer-fetching", envelope(name, context=about)


class Load:
    """What is sent, and what of it was accepted."""

    def __init__(self, wire, journal, seed):
        self.wire, self.journal, self.dice = wire, journal, random.Random(seed)
        self.number, self.stopping = 0, False

    def accepted(self, **line):
        self.journal.write(json.dumps(line) + "\n")
        self.journal.flush()

    def next(self):
        self.number += 1
        kind = self.dice.choices([kind for kind, _ in MIX], [weight for _, weight in MIX])[0]
        return kind, self.number, self.dice.choice(CUSTOMERS)

    async def by_queue(self):
        """Tasks and events onto their streams, some of them twice under another message id; the broker is never away."""
        while not self.stopping:
            kind, number, customer = self.next()
            twice = self.dice.random() < 0.1
            if kind == "deal":
                deal = {"dealId": f"affär-{number}", "customer": {"name": f"Nykund {number}"}}
                for _ in range(1 + twice):
                    await self.wire.tell("salj", "deal-won", deal)
                self.accepted(how="event", kind=kind, times=1 + twice)
            else:
                agent, task = work(kind, number, customer)
                for _ in range(1 + twice):
                    await self.wire.dispatch(agent, task)
                self.accepted(how="queue", kind=kind, agent=agent, id=task["taskId"])
            await asyncio.sleep(PAUSE)

    async def by_request(self):
        """Asks with the same envelope until there is an answer, as a client does that trusts in one outcome per id."""
        while not self.stopping:
            kind, number, customer = self.next()
            if kind == "deal":
                continue
            agent, task = work(kind, number, customer)
            answer = await self.answer(agent, task)
            self.accepted(how="request", kind=kind, agent=agent, id=task["taskId"], answer=answer)
            await asyncio.sleep(PAUSE)

    async def answer(self, agent, task):
        while True:
            try:
                return await self.wire.ask(f"kunder.svc.{agent}.task", task, timeout=0.5)
            except Refused as refused:
                # Full, or stopping; anything else is wrong.
                assert refused.code in (429, 503), f"{task['taskId']}: {refused}"
            except (NoRespondersError, TimeoutError, Error):
                pass
            await asyncio.sleep(0.05)


async def send_until_told(wire: Wire, journal, seed, stop):
    """Sends until the file `stop` is there."""
    for process in ("salj", "tjanster", "admin"):
        await wire.js.add_stream(StreamConfig(name=process.upper(), subjects=[f"{process}.task.>"]))
    with open(journal, "w", encoding="utf-8") as file:
        load = Load(wire, file, int(seed))
        sending = [asyncio.create_task(job) for job in (load.by_queue(), *(load.by_request() for _ in range(ASKERS)))]
        while not os.path.exists(stop):
            await asyncio.sleep(0.02)
            for job in sending:
                if job.done():
                    job.result()
        load.stopping = True
        await asyncio.gather(*sending)


async def held(wire: Wire, stream, subject):
    """Everything that a stream holds, in order."""
    count = await wire.count(stream)
    subscription = await wire.js.subscribe(subject, stream=stream, ordered_consumer=True)
    found = [await subscription.next_msg(timeout=30) for _ in range(count)]
    await subscription.unsubscribe()
    return found


async def everything_is_accounted_for(wire: Wire, journal):
    """Every accepted task has one outcome, announced once; every event happened once; nothing waits."""
    with open(journal, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    tasks = {line["id"]: line for line in lines if "id" in line}
    deals = [line for line in lines if line["kind"] == "deal"]
    events_in = sum(line["times"] for line in deals)

    async def all_taken():
        queue = await wire.count("KUNDER_TASKS")
        inbox = await wire.js.consumer_info("KUNDER_IN", "runner")
        return True if not queue and not inbox.num_pending and not inbox.num_ack_pending else None

    await eventually("everything is accepted", all_taken)
    doctor = await wire.settled()
    await eventually("everything is announced", lambda: nothing_waits(wire))
    letters = await wire.all("KUNDER_DLQ")
    assert not letters, [dict(letter.headers) for letter in letters]

    results = {}
    for message in await held(wire, "KUNDER_RESULTS", "kunder.result.>"):
        assert message.subject not in results, f"announced twice: {message.subject}"
        results[message.subject] = json.loads(message.data)
    asked = 0
    for task_id, line in tasks.items():
        outcome = results.get(f"kunder.result.{line['agent']}.{token(task_id)}")
        assert outcome, f"{task_id} ({line['how']}) was accepted and has no outcome"
        assert outcome["taskId"] == task_id and outcome["status"] in ("complete", "partial"), outcome
        answer = line.get("answer")
        if answer and "status" in answer:
            assert answer == outcome, f"{task_id} was answered otherwise than announced"
            asked += 1
    sample = random.Random(1).sample(sorted(tasks), min(200, len(tasks)))
    for task_id in sample:
        agent = tasks[task_id]["agent"]
        status = await wire.ask(f"kunder.svc.{agent}.status", {"taskId": task_id})
        assert status["state"] == "done" and status["outcome"] == results[f"kunder.result.{agent}.{token(task_id)}"], status

    events = await held(wire, "KUNDER_EVENTS", "kunder.event.>")
    ids = [message.headers["ce-id"] for message in events]
    assert len(ids) == len(set(ids)), "an event was announced twice"
    numbers = [int(message.headers["Kunder-Outbox"]) for message in events]
    assert numbers == sorted(set(numbers)), "events are out of order"
    by_kind = {}
    for message in events:
        by_kind.setdefault(message.subject.rsplit(".", 1)[1], []).append(json.loads(message.data))
    started = [event["deal"] for event in by_kind.get("onboarding-started", [])]
    assert len(started) == len(set(started)) == len(deals), f"{len(started)} onboardings of {len(deals)} deals"
    alerts_alternate(events)
    checks = sum(line["kind"] == "check" for line in tasks.values())
    assert len(by_kind.get("health-summary", [])) == checks, f"{len(by_kind.get('health-summary', []))} summaries of {checks} checks"
    opportunities = [event["opportunity"] for event in by_kind.get("opportunity-changed", [])]
    assert opportunities and len(opportunities) == len(set(opportunities)), "an opportunity that did not change was told twice"
    opened = len(by_kind.get("at-risk", []))
    sales = [json.loads(message.data) for message in await held(wire, "SALJ", "salj.task.>")]
    assert len({task["taskId"] for task in sales}) == len(sales), "Sälj was told twice"
    told = {agent: sum(task["agent"] == agent for task in sales) for agent in ("salj/pipeline-agent", "salj/sales-pipeline-agent")}
    assert told == {"salj/pipeline-agent": opened, "salj/sales-pipeline-agent": len(opportunities)}, told
    assert await wire.count("TJANSTER") == len(deals), "Tjänster was asked once per deal"

    counts = doctor["tasks"]
    by_how = {how: sum(line["how"] == how for line in tasks.values()) for how in ("queue", "request")}
    print(json.dumps({
        **by_how, "answered": asked, "deals": len(deals), "eventsIn": events_in, "logs": sum(line["kind"] == "log" for line in tasks.values()),
        "todos": sum(line["kind"] == "todo" for line in tasks.values()), "results": len(results), "events": len(events), "alerts": opened,
        "counts": counts,
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


async def a_stop_answers_everyone(wire: Wire, journal):
    """Many requests at once, told when the first is answered; each gets its outcome, or where its result will be, or a refusal that says to come again."""
    tasks = [work(kind, number, CUSTOMERS[number % len(CUSTOMERS)]) for number in range(40) for kind in ("check", "log", "pipeline")]
    seen = asyncio.Event()

    async def ask(agent, task):
        try:
            answer = await wire.ask(f"kunder.svc.{agent}.task", task, timeout=30)
            kind = "outcome" if "status" in answer else "pending"
        except Refused as refused:
            assert refused.code == 503, refused
            kind = "refused"
        except NoRespondersError:
            kind = "refused"
        seen.set()
        return {"id": task["taskId"], "agent": agent, "kind": kind}

    asking = [asyncio.create_task(ask(agent, task)) for agent, task in tasks]
    await seen.wait()
    print("asked", flush=True)
    answers = await asyncio.gather(*asking)
    with open(journal, "w", encoding="utf-8") as file:
        json.dump(answers, file)


async def what_was_promised_is_kept(wire: Wire, journal):
    """After the next start every task that was answered has its result."""
    with open(journal, encoding="utf-8") as file:
        answers = json.load(file)
    for answer in answers:
        if answer["kind"] != "refused":
            outcome = await wire.result(answer["agent"], answer["id"])
            assert outcome["status"] == "complete", outcome
    print(json.dumps({kind: sum(answer["kind"] == kind for answer in answers) for kind in ("outcome", "pending", "refused")}))


if __name__ == "__main__":
    main([send_until_told, everything_is_accounted_for, a_stop_answers_everyone, what_was_promised_is_kept])
