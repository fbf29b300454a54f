"""Bad envelopes: each is refused with the field and the reason, and the server goes on."""

import json

from wire import Wire, envelope, eventually, has_nine, main, new_id, refusal

GOOD = {"metric": "customers.total_managed", "op": "=", "value": 15}


def bad_envelopes():
    """Name, payload, code, and what the error must name."""
    check = {"command": "health-check"}
    large = json.dumps({"taskId": "too-large", "context": {"text": "x" * (2 << 20)}}).encode()
    return [
        ("not-json", b'{"taskId": "x", ', 400, ["JSON"]),
        ("not-an-object", b'["taskId"]', 400, ["object"]),
        ("empty", b"", 400, ["JSON"]),
        ("not-utf-8", b'{"taskId": "\xff\xfe"}', 400, ["UTF-8"]),
        ("no-task-id", json.dumps({"instruction": check}).encode(), 400, ["`taskId`", "missing"]),
        ("empty-task-id", envelope("", "health-check"), 400, ["`taskId`"]),
        ("long-task-id", envelope("å" * 65, "health-check"), 400, ["`taskId`"]),
        ("task-id-type", envelope(7, "health-check"), 400, ["`taskId`", "text"]),
        ("context-type", envelope("context-type", "health-check", context=[1]), 400, ["`context`"]),
        ("instruction-type", {"taskId": "instruction-type", "instruction": 5}, 400, ["`instruction`"]),
        ("params-type", {"taskId": "params-type", "instruction": {"command": "health-check", "params": "x"}}, 400, ["`instruction.params`"]),
        ("dry-run-type", envelope("dry-run-type", "health-check", dryRun="yes"), 400, ["`dryRun`"]),
        ("unknown-field", envelope("unknown-field", "health-check", colour="red"), 400, ["`colour`"]),
        ("unknown-protocol", envelope("unknown-protocol", "health-check", protocol="task/9"), 400, ["`protocol`", "task/9"]),
        ("unknown-command", envelope("unknown-command", "fly"), 404, ["`instruction.command`", "fly"]),
        ("past-deadline", envelope("past-deadline", "health-check", deadline="2001-01-01T00:00:00Z"), 400, ["`deadline`", "past"]),
        ("broken-deadline", envelope("broken-deadline", "health-check", deadline="tomorrow"), 400, ["`deadline`", "tomorrow"]),
        ("as-of", envelope("as-of", "health-check", asOf="2001-02-30"), 400, ["`asOf`"]),
        ("locale", envelope("locale", "health-check", locale="tlh"), 400, ["`locale`", "tlh"]),
        ("criterion-op", envelope("criterion-op", "health-check", acceptanceCriteria=[GOOD, {**GOOD, "op": "~"}]), 400, ["`acceptanceCriteria[1].op`"]),
        ("criterion-metric", envelope("criterion-metric", "health-check", acceptanceCriteria=[{"op": "<", "value": 1}]), 400, ["`acceptanceCriteria[0].metric`"]),
        ("criterion-type", envelope("criterion-type", "health-check", acceptanceCriteria=[17]), 400, ["`acceptanceCriteria[0]`"]),
        ("criteria-type", envelope("criteria-type", "health-check", acceptanceCriteria=17), 400, ["`acceptanceCriteria`"]),
        ("other-subject", envelope("another", "health-check"), 400, ["`taskId`", "another", "other-subject"]),
        ("too-large", large, 413, ["bytes"]),
    ]


async def bad_requests_are_refused(wire: Wire):
    """Code and text in the headers of NATS services, the refusal as the body; a good task afterwards works."""
    for name, payload, code, words in bad_envelopes():
        if name == "other-subject":
            # Only the work queue's subjects name a task.
            continue
        try:
            refused = await refusal(wire.ask("kunder.svc.customer-health.task", payload), code, *words)
            assert "\n" not in refused.text, refused.text
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
    await good_task_works(wire)
    assert not await wire.all("KUNDER_RESULTS") or await only_good_results(wire), "something that was refused has an outcome"


async def only_good_results(wire: Wire):
    return all("good" in message.subject for message in await wire.all("KUNDER_RESULTS"))


async def good_task_works(wire: Wire):
    outcome = await wire.task("customer-health", envelope(new_id("good"), "health-check", acceptanceCriteria=[GOOD]))
    has_nine(outcome)
    assert outcome["status"] == "complete" and outcome["criteria"][0]["verdict"] == "met", outcome["criteria"]


async def bad_messages_become_dead_letters(wire: Wire):
    """On the work queue each lands in KUNDER_DLQ, with code, error, field and the payload as it came; the queue goes on."""
    sent = {}
    for name, payload, code, words in bad_envelopes():
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        await wire.js.publish(f"kunder.task.customer-health.{name}", data, headers={"Nats-Msg-Id": name, "traceparent": "00-1-1-00"})
        sent[f"kunder.task.customer-health.{name}"] = (data, code, words)
    good = new_id("good")
    await wire.dispatch("customer-health", envelope(good, "health-check"))

    async def all_there():
        letters = await wire.all("KUNDER_DLQ")
        return letters if len(letters) >= len(sent) else None

    letters = await eventually(f"{len(sent)} dead letters", all_there)
    assert len(letters) == len(sent), [letter.subject for letter in letters]
    for letter in letters:
        headers = letter.headers
        subject = headers["Kunder-Subject"]
        data, code, words = sent.pop(subject)
        assert letter.subject == subject.replace(".task.", ".dlq."), letter.subject
        assert (letter.data or b"") == data, f"{subject}: the payload was changed from {data[:99]!r} to {letter.data!r}"
        assert headers["Kunder-Error-Code"] == str(code), f"{subject}: {headers}"
        for word in words:
            assert word in headers["Kunder-Error"], f"{subject}: `{word}` is missing in {headers}"
        fields = [word.strip("`") for word in words if word.startswith("`")]
        assert headers.get("Kunder-Error-Field") == (fields[0] if fields else None), f"{subject}: {headers}"
        assert headers["traceparent"] == "00-1-1-00", headers
    assert not sent, f"no dead letter of {sorted(sent)}"
    assert (await wire.result("customer-health", good))["status"] == "complete"

    async def empty():
        return True if await wire.count("KUNDER_TASKS") == 0 else None

    await eventually("the work queue is empty", empty)


async def dead_letters_are_told_once(wire: Wire):
    """Each letter is an event of the runner, which names it; a second delivery of the same message tells nothing new."""
    for _ in range(2):
        await wire.js.publish("kunder.task.pipeline.told", b"{", headers={"Nats-Msg-Id": "told"})
    await wire.js.publish("kunder.in.salj.fantasi", b"{}")

    async def both():
        events = [event for event in await wire.all("KUNDER_EVENTS") if event.subject.endswith(".dead-letter")]
        return events if len(events) == 2 else None

    events = await eventually("two events", both)
    assert {event.subject for event in events} == {"kunder.event.runner.dead-letter"}
    told = {json.loads(event.data)["subject"]: (json.loads(event.data), event.headers) for event in events}
    data, headers = told["kunder.task.pipeline.told"]
    assert data["to"] == "pipeline" and data["kind"] == "message" and "JSON" in data["reason"], data
    assert headers["ce-type"] == "kunder.runner.dead-letter.v1" and headers["ce-taskid"] == data["letter"], headers
    assert told["kunder.in.salj.fantasi"][0]["to"] == "KUNDER_IN", told


async def bad_events_become_dead_letters(wire: Wire):
    """Events that nobody takes, or that are no JSON, are set aside with the reason; the next one is taken."""
    await wire.js.publish("kunder.in.salj.fantasi", b"{}")
    await wire.js.publish("kunder.in.admin.touchpoint", b"\xff")

    async def all_there():
        letters = await wire.all("KUNDER_DLQ")
        return letters if len(letters) == 2 else None

    letters = {letter.headers["Kunder-Subject"]: letter for letter in await eventually("two dead letters", all_there)}
    unknown, broken = letters["kunder.in.salj.fantasi"], letters["kunder.in.admin.touchpoint"]
    assert unknown.headers["Kunder-Error-Code"] == "404" and "salj.fantasi" in unknown.headers["Kunder-Error"], unknown.headers
    assert broken.headers["Kunder-Error-Code"] == "400" and broken.data == b"\xff", broken.headers
    await wire.tell("admin", "touchpoint", {"customer": "Vindelö Kulturförening", "text": "Ringde", "kind": "call"})

    async def noted():
        tasks = (await wire.control({"op": "list", "limit": 10}))["value"]
        return next((task for task in tasks if task.get("outcome", {}).get("status") == "complete"), None)

    await eventually("the touchpoint is noted", noted)


if __name__ == "__main__":
    main([bad_requests_are_refused, bad_messages_become_dead_letters, dead_letters_are_told_once, bad_events_become_dead_letters])
