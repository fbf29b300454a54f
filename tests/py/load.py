"""Work for servers that are killed again and again: what was accepted is written down."""

import asyncio
import json
import os
import random
import time

from nats.errors import Error, NoRespondersError
from wire import PATIENCE, Refused, Wire, envelope, lost_connection, main, token

CUSTOMERS = ["Vindelö Kulturförening", "Åkerlunda Riksförbund", "Fjällhamra Skidallians", "Örnvik Studieförbund", "Lärkmåla Hjälpkår"]
# How often each is chosen.
MIX = [("log", 45), ("todo", 22), ("pipeline", 12), ("check", 7), ("onboard", 4), ("brief", 5), ("deal", 5)]
ASKERS = 6
# Seconds between two tasks of one sender.
PAUSE = 0.06
# Seconds until the broker must have acknowledged, or it is sent again.
ACK_TIMEOUT = 1


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
        """Tasks and events onto their streams, some of them twice under another message id, until the broker acknowledges them."""
        while not self.stopping:
            kind, number, customer = self.next()
            twice = self.dice.random() < 0.1
            if kind == "deal":
                deal = {"dealId": f"affär-{number}", "customer": {"name": f"Nykund {number}"}}
                for _ in range(1 + twice):
                    await until_taken(lambda: self.wire.tell("salj", "deal-won", deal, timeout=ACK_TIMEOUT))
                self.accepted(how="event", kind=kind, deal=deal["dealId"])
            else:
                agent, task = work(kind, number, customer)
                if self.dice.random() < 0.4:
                    task["replyTo"] = f"asked.{token(task['taskId'])}"
                for _ in range(1 + twice):
                    await until_taken(lambda: self.wire.dispatch(agent, task, timeout=ACK_TIMEOUT))
                self.accepted(how="queue", kind=kind, agent=agent, id=task["taskId"], reply="replyTo" in task)
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

    async def by_chat(self):
        """Says lines of chat, once each: they have no id, so that only an answered one is known to be accepted."""
        while not self.stopping:
            line = self.dice.choice(["Pipeline-analys", f"Hämta kundinfo {self.dice.choice(CUSTOMERS)}"])
            try:
                outcome = (await self.wire.ask("kunder.chat", {"text": line}, timeout=2))["outcome"]
                agent = outcome["agent"].split("/")[1]
                self.accepted(how="chat", kind="chat", agent=agent, id=outcome["taskId"], answer=outcome)
            except Refused as refused:
                assert refused.code in (429, 503), f"{line}: {refused}"
            except (NoRespondersError, TimeoutError, Error):
                pass
            await asyncio.sleep(10 * PAUSE)

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


async def until_taken(publish):
    """Publishes again until it is acknowledged: what is not may be stored or not, and is never counted before it is."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return await publish()
        except (TimeoutError, Error) as error:
            assert time.monotonic() < until, f"not acknowledged for {PATIENCE} s: {error!r}"
        await asyncio.sleep(PAUSE)


async def send_until_told(wire: Wire, journal, seed, stop):
    """Sends until the file `stop` is there."""
    with open(journal, "w", encoding="utf-8") as file:
        load = Load(wire, file, int(seed))
        sending = [asyncio.create_task(job) for job in (load.by_queue(), load.by_chat(), *(load.by_request() for _ in range(ASKERS)))]
        while not os.path.exists(stop):
            await asyncio.sleep(0.02)
            for job in sending:
                if job.done():
                    job.result()
        load.stopping = True
        await asyncio.gather(*sending)


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
    main([send_until_told, a_stop_answers_everyone, what_was_promised_is_kept], on_error=lost_connection)
