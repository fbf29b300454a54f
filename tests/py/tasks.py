"""Tasks in and outcomes out: by request, by work queue, twice, and with the names of the seeds."""

import asyncio
import json

from nats.errors import NoRespondersError
from wire import NoStreamResponseError, Wire, envelope, eventually, has_nine, main, new_id, refusal, token


async def a_task_by_request(wire: Wire):
    """The reply is the outcome, with the nine fields and counts that add up; the same bytes stand on the results' stream."""
    task_id = new_id("check")
    outcome = await wire.task("customer-health", envelope(task_id, "health-check"))
    has_nine(outcome)
    assert outcome["taskId"] == task_id and outcome["agent"] == "kunder/customer-health", outcome
    assert outcome["status"] == "complete" and outcome["blockers"] == [], outcome["blockers"]
    assert outcome["customers"]["total_managed"] == 15, outcome["customers"]
    assert len(outcome["health"]) == 15 and outcome["definitions"], outcome["definitions"]
    assert await wire.result("customer-health", task_id) == outcome
    for agent, command in (("pipeline", "pipeline-analysis"), ("onboarding", None), ("customer-fetching", None)):
        context = {"customer": "Åkerlunda Riksförbund"}
        outcome = await wire.task(agent, envelope(new_id(agent), command, context=context))
        has_nine(outcome)
        assert outcome["agent"] == f"kunder/{agent}" and outcome["status"] in ("complete", "partial"), outcome


async def the_seeds_names_are_understood(wire: Wire):
    """TaskId, Context, Instructie and Acceptatiecriteria, as the seed writes them; each reading is told as a warning."""
    task_id = new_id("seed")
    outcome = await wire.task("customer-health", {
        "TaskId": task_id,
        "Context": {"health": 40, "history": ["ring"]},
        "Instructie": "Kör kundhälsokoll",
        "Acceptatiecriteria": [{"metric": "customers.total_managed", "op": "=", "value": 15}, "binnen 4 uur"],
    })
    has_nine(outcome)
    assert outcome["taskId"] == task_id and outcome["customers"]["total_managed"] == 15, outcome
    assert [verdict["verdict"] for verdict in outcome["criteria"]] == ["met", "unknown"], outcome["criteria"]
    assert outcome["status"] == "partial" and any("binnen 4 uur" in line for line in outcome["blockers"]), outcome
    assert len(outcome["warnings"]) == 4, outcome["warnings"]


async def a_task_by_work_queue(wire: Wire):
    """The outcome comes on the results' stream and to `replyTo`; afterwards the queue is empty."""
    task_id, copies = new_id("köad.uppgift"), wire.nc.new_inbox()
    subscription = await wire.nc.subscribe(copies)
    ack = await wire.dispatch("pipeline", envelope(task_id, "pipeline-analysis", replyTo=copies))
    assert ack.stream == "KUNDER_TASKS", ack
    outcome = await wire.result("pipeline", task_id)
    has_nine(outcome)
    assert outcome["taskId"] == task_id and outcome["status"] == "complete", outcome
    assert outcome["pipeline"]["invoiced"], outcome["pipeline"]
    message = await wire.last("KUNDER_RESULTS", f"kunder.result.pipeline.{token(task_id)}")
    assert message.headers["Nats-Msg-Id"] == token(f"{task_id}/result"), message.headers
    copy = await subscription.next_msg(timeout=60)
    assert json.loads(copy.data) == outcome
    await queue_is_empty(wire)


async def queue_is_empty(wire: Wire):
    async def empty():
        return True if await wire.count("KUNDER_TASKS") == 0 else None

    await eventually("the work queue is empty", empty)


async def the_same_task_twice_is_one(wire: Wire):
    """By request and by queue, and twice by queue under different message ids: one outcome, the same to the byte."""
    by_both = new_id("both")
    body = envelope(by_both, "pipeline-analysis")
    first = await wire.nc.request("kunder.svc.pipeline.task", json.dumps(body).encode(), timeout=60)
    await wire.dispatch("pipeline", body)
    second = await wire.nc.request("kunder.svc.pipeline.task", json.dumps(body).encode(), timeout=60)
    assert first.data == second.data, "the second request was answered otherwise"
    await queue_is_empty(wire)

    by_queue = new_id("queue")
    body = envelope(by_queue, "log-touchpoint", params={"customer": "Vindelö Kulturförening", "text": "Ringde", "kind": "call"})
    await asyncio.gather(*(wire.dispatch("customer-health", body, f"{by_queue}-{number}") for number in range(5)))
    await wire.result("customer-health", by_queue)
    await queue_is_empty(wire)
    answers = [
        await wire.nc.request("kunder.svc.customer-health.task", json.dumps(body).encode(), timeout=60) for _ in range(2)
    ]
    await wire.settled()
    for agent, task_id, answer in (("pipeline", by_both, first), ("customer-health", by_queue, answers[0])):
        subject = f"kunder.result.{agent}.{token(task_id)}"
        held = [message for message in await wire.all("KUNDER_RESULTS") if message.subject == subject]
        assert len(held) == 1, f"{len(held)} results of {task_id}"
        assert held[0].data == answer.data, "the answer is not the result"
    assert answers[0].data == answers[1].data
    assert not await wire.all("KUNDER_DLQ"), "a repeat is no dead letter"
    brief = await wire.task("customer-fetching", envelope(new_id("brief"), context={"customer": "Vindelö Kulturförening"}))
    assert brief["text"].count("Ringde") == 1, brief["text"]


async def the_same_id_with_another_body_is_refused(wire: Wire):
    """409 by request, a dead letter by queue; the first outcome stays as it was."""
    task_id = new_id("clash")
    outcome = await wire.task("pipeline", envelope(task_id, "pipeline-analysis"))
    other = envelope(task_id, "pipeline-analysis", locale="en")
    await refusal(wire.ask("kunder.svc.pipeline.task", other), 409, "`taskId`", task_id)
    await wire.dispatch("pipeline", other)
    await wire.dispatch("customer-health", envelope(task_id, "health-check"))
    letters = await eventually("two dead letters", lambda: enough(wire, 2))
    assert {letter.headers["Kunder-Error-Code"] for letter in letters} == {"409"}, [letter.headers for letter in letters]
    assert await wire.task("pipeline", envelope(task_id, "pipeline-analysis")) == outcome
    assert await wire.result("pipeline", task_id) == outcome


async def enough(wire: Wire, count):
    letters = await wire.all("KUNDER_DLQ")
    return letters if len(letters) >= count else None


async def status_and_cancel(wire: Wire):
    """A task that waits for its moment can be looked at and cancelled; one that is done stays as it was."""
    done = new_id("done")
    await wire.task("pipeline", envelope(done, "pipeline-analysis"))
    status = await wire.ask("kunder.svc.pipeline.status", {"taskId": done})
    assert (status["state"], status["agent"], status["outcome"]["taskId"]) == ("done", "pipeline", done), status
    assert (await wire.ask("kunder.svc.pipeline.status", done.encode()))["taskId"] == done
    await refusal(wire.ask("kunder.svc.onboarding.status", {"taskId": done}), 404, done)
    await refusal(wire.ask("kunder.svc.pipeline.status", {"taskId": "nobody"}), 404, "nobody")
    await refusal(wire.ask("kunder.svc.pipeline.status", {}), 400, "`taskId`")
    after = await wire.ask("kunder.svc.pipeline.cancel", {"taskId": done, "by": "Selma"})
    assert after["outcome"] == status["outcome"], "a task that is done was changed"

    # A won deal sets the timer by which Tjänster has to answer.
    await wire.task("onboarding", envelope(new_id("start"), "deal-won", params={"dealId": "affär-1", "customer": {"name": "Nybygdens Kör"}}))
    listed = (await wire.control({"op": "list", "limit": 100}))["value"]
    timers = [task for task in listed if task["state"] == "waiting"]
    assert timers and all(task["agent"] == "onboarding" and task["notBefore"] for task in timers), listed
    timer = timers[0]["taskId"]
    cancelled = await wire.ask("kunder.svc.onboarding.cancel", {"taskId": timer, "by": "Selma"})
    assert cancelled["state"] == "done", cancelled
    outcome = cancelled["outcome"]
    assert outcome["status"] in ("partial", "failed") and any("Selma" in line for line in outcome["blockers"]), outcome
    assert await wire.result("onboarding", timer) == outcome


async def the_success_metrics(wire: Wire):
    """What Huvudstrategi asks for (S0-26): retention, growth, satisfaction, with counts that add up."""
    outcome = await wire.ask("kunder.svc.customer-health.metrics", b"")
    has_nine(outcome)
    metrics = outcome["strategy"]
    assert outcome["customers"]["total_managed"] == 15 and metrics["customers"] == outcome["customers"], metrics
    retention = metrics["retention"]
    assert retention["base"] == retention["kept"] + retention["lost"], retention
    assert metrics["growth"]["status"] in ("reached", "onTrack", "behind"), metrics["growth"]
    assert metrics["nps"] == outcome["nps"], metrics["nps"]


async def unknown_agents_have_nobody_to_answer(wire: Wire):
    """By request nobody responds; on the work queue the broker refuses, so that nothing is stored for ever."""
    body = envelope(new_id("lost"), "health-check")
    try:
        await wire.ask("kunder.svc.fantasi.task", body, timeout=10)
        raise AssertionError("an agent that does not exist has answered")
    except NoRespondersError:
        pass
    try:
        await wire.dispatch("fantasi", body)
        raise AssertionError("the broker stored a task for an agent that does not exist")
    except NoStreamResponseError:
        pass
    await refusal(wire.ask("kunder.svc.pipeline.task", envelope(new_id("lost"), agent="fantasi")), 400, "`agent`", "fantasi")


if __name__ == "__main__":
    main([
        a_task_by_request, the_seeds_names_are_understood, a_task_by_work_queue, the_same_task_twice_is_one,
        the_same_id_with_another_body_is_refused, status_and_cancel, the_success_metrics, unknown_agents_have_nobody_to_answer,
    ])
