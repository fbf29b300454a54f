"""What the end-to-end scripts share: a connection, requests, envelopes, streams, and waiting for what must happen.

Everything here is nats-py and the standard library: the other side is known by its subjects only.
"""

import asyncio
import json
import sys
import time
import uuid

import nats
from nats.errors import NoRespondersError
from nats.js.errors import APIError, NotFoundError, NoStreamResponseError

PATIENCE = 60
NINE = [
    "status", "summary", "artifacts", "customers", "actions",
    "nps", "recommendations", "blockers", "taskId",
]


class Refused(Exception):
    """A service answered with the error headers of NATS services."""

    def __init__(self, code, text, body):
        super().__init__(f"{code} {text}")
        self.code, self.text, self.body = code, text, body


class Wire:
    """One connection."""

    def __init__(self, client):
        self.nc = client
        self.js = client.jetstream()

    async def ask(self, subject, payload, timeout=PATIENCE, headers=None):
        """A request; the answer as JSON, or `Refused`."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        message = await self.nc.request(subject, data, timeout=timeout, headers=headers)
        found = message.headers or {}
        if "Nats-Service-Error" in found or "Nats-Service-Error-Code" in found:
            body = json.loads(message.data) if message.data else None
            raise Refused(int(found["Nats-Service-Error-Code"]), found["Nats-Service-Error"], body)
        return json.loads(message.data)

    async def task(self, agent, envelope, **more):
        """A task by request; its outcome."""
        outcome = await self.ask(f"kunder.svc.{agent}.task", envelope, **more)
        assert "status" in outcome, f"not an outcome: {outcome}"
        return outcome

    async def dispatch(self, agent, envelope, message_id=None, timeout=None):
        """A task by the work queue; the broker's acknowledgement."""
        data = envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode()
        task = envelope.get("taskId", "none") if isinstance(envelope, dict) else "none"
        headers = {"Nats-Msg-Id": message_id or f"{task}/{uuid.uuid4()}"}
        return await self.js.publish(f"kunder.task.{agent}.{token(task)}", data, headers=headers, timeout=timeout)

    async def tell(self, process, kind, data, event_id=None, timeout=None, **attributes):
        """An event of another process, in CloudEvents' binary mode; the broker's acknowledgement."""
        event_id = event_id or str(uuid.uuid4())
        headers = {
            "ce-specversion": "1.0", "ce-id": event_id, "ce-source": f"/{process}", "ce-type": f"{process}.{kind}.v1",
            "Nats-Msg-Id": str(uuid.uuid4()), **attributes,
        }
        return await self.js.publish(f"kunder.in.{process}.{kind}", json.dumps(data).encode(), headers=headers, timeout=timeout)

    async def result(self, agent, task_id):
        """The announced outcome of a task, waited for."""
        message = await eventually(f"a result of {task_id}", lambda: self.last("KUNDER_RESULTS", f"kunder.result.{agent}.{token(task_id)}"))
        return json.loads(message.data)

    async def last(self, stream, subject):
        """The last message of a subject, or nothing."""
        try:
            return await self.js.get_last_msg(stream, subject)
        except NotFoundError:
            return None

    async def all(self, stream):
        """Every message that a stream holds, in order."""
        info = await self.js.stream_info(stream)
        state, found = info.state, []
        if not state.messages:
            return found
        for sequence in range(state.first_seq, state.last_seq + 1):
            try:
                found.append(await self.js.get_msg(stream, sequence))
            except NotFoundError:
                continue
        return found

    async def count(self, stream):
        """How many messages a stream holds."""
        return (await self.js.stream_info(stream)).state.messages

    async def settled(self):
        """Waits until nothing is queued or running, and everything is announced."""
        while True:
            answer = await self.control({"op": "settle", "waitMs": 5_000})
            doctor = await self.control({"op": "doctor"})
            tasks, waiting = doctor["value"]["tasks"], doctor["value"]["waiting"]
            ours = [name for name in waiting if name in ("results", "events", "replies")]
            if answer["value"]["open"] == 0 and not ours and tasks["queued"] + tasks["running"] == 0:
                return doctor["value"]
            await asyncio.sleep(0.02)

    async def control(self, request):
        """What the command line asks over NATS."""
        answer = await self.ask("kunder.svc.control.request", request)
        assert answer["is"] != "refused", answer
        return answer


class Listener:
    """Collects what is published on a subject from now on."""

    def __init__(self, wire, subject):
        self.wire, self.subject, self.messages = wire, subject, []

    async def __aenter__(self):
        async def take(message):
            self.messages.append(message)

        self.subscription = await self.wire.nc.subscribe(self.subject, cb=take)
        await self.wire.nc.flush()
        return self

    async def __aexit__(self, *_):
        await self.subscription.unsubscribe()

    async def at_least(self, count):
        """Waits for so many."""
        async def enough():
            return len(self.messages) >= count or None

        await eventually(f"{count} messages on {self.subject}, there are {len(self.messages)}", enough)
        return list(self.messages)


def envelope(task_id, command=None, text=None, **more):
    """An Input Protocol envelope by its canonical names."""
    params = more.pop("params", None)
    instruction = {"command": command} if command else (text or "")
    if command and params is not None:
        instruction["params"] = params
    return {"taskId": task_id, "instruction": instruction, **more}


def token(text):
    """An id as one subject token: bytes other than A-Z a-z 0-9 _ - are written =XX."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    return "".join(chr(byte) if byte in plain else f"={byte:02X}" for byte in text.encode())


def new_id(what):
    """An id that nobody used before."""
    return f"{what}-{uuid.uuid4().hex[:12]}"


async def eventually(what, ask, patience=PATIENCE):
    """Asks until the answer is something; fails after a minute, or after so many seconds."""
    until = time.monotonic() + patience
    while True:
        answer = await ask()
        if answer is not None:
            return answer
        assert time.monotonic() < until, f"waited {patience} s, and not: {what}"
        await asyncio.sleep(0.02)


async def refusal(asking, code, *words):
    """Asserts that a request is refused with this code, and that the words stand in the error."""
    try:
        answer = await asking
    except Refused as refused:
        assert refused.code == code, f"refused with {refused}, expected was {code}"
        for word in words:
            assert word in refused.text, f"`{word}` is missing in: {refused}"
        assert refused.body and refused.body["message"], f"the refusal has no body: {refused}"
        return refused
    raise AssertionError(f"not refused, but answered: {answer}")


def has_nine(outcome):
    """Asserts that the nine fields of the Output Protocol are there, with their types."""
    missing = [name for name in NINE if name not in outcome]
    assert not missing, f"missing: {missing} in {outcome}"
    assert outcome["status"] in ("complete", "partial", "failed"), outcome["status"]
    assert isinstance(outcome["summary"], str) and outcome["summary"], outcome["summary"]
    for name in ("artifacts", "actions", "recommendations", "blockers"):
        assert isinstance(outcome[name], list), f"{name} is {outcome[name]}"
    for name in ("total_managed", "healthy", "at_risk", "critical"):
        assert isinstance(outcome["customers"][name], int), outcome["customers"]
    for name in ("score", "promoters", "passives", "detractors"):
        assert name in outcome["nps"], outcome["nps"]
    counts = outcome["customers"]
    assert counts["total_managed"] == sum(count for name, count in counts.items() if name != "total_managed"), counts


async def lost_connection(_):
    """The client tries again by itself; what that costs shows where something is waited for."""


def main(functions, on_error=None):
    """Runs the function that the command line names, on the server it names, with what else it says."""
    by_name = {function.__name__: function for function in functions}
    name, url, *rest = sys.argv[1:]

    async def run():
        client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, connect_timeout=10, error_cb=on_error)
        try:
            await by_name[name](Wire(client), *rest)
        finally:
            await client.close()

    asyncio.run(run())
