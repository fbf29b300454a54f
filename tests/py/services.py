"""The agents as NATS services: who answers to discovery, on which subjects, and what is counted."""

import json

from wire import Wire, envelope, eventually, main, new_id, refusal

AGENTS = ["customer-fetching", "customer-health", "onboarding", "pipeline"]


async def discovered_services(wire: Wire, verb):
    """Everyone who answers `$SRV.<verb>`, by name."""
    inbox = wire.nc.new_inbox()
    found = {}

    async def take(message):
        answer = json.loads(message.data)
        found[answer["name"]] = answer

    subscription = await wire.nc.subscribe(inbox, cb=take)
    await wire.nc.publish(f"$SRV.{verb}", b"", reply=inbox)

    async def all_there():
        return found if len(found) >= 6 else None

    await eventually(f"six services answer {verb}, so far {sorted(found)}", all_there)
    await subscription.unsubscribe()
    return found


async def every_agent_is_discovered(wire: Wire):
    """One service per agent, plus chat and the command line, with the subjects that the wire promises."""
    names = {f"kunder-{name}" for name in [*AGENTS, "chat", "control"]}
    ping = await discovered_services(wire, "PING")
    assert set(ping) == names, sorted(ping)
    assert {answer["type"] for answer in ping.values()} == {"io.nats.micro.v1.ping_response"}
    info = await discovered_services(wire, "INFO")
    assert set(info) == names, sorted(info)
    for agent in AGENTS:
        service = info[f"kunder-{agent}"]
        assert service["type"] == "io.nats.micro.v1.info_response", service["type"]
        assert service["description"], service
        assert service["version"].count(".") == 2, service["version"]
        assert service["metadata"]["schema"] == "task/1" and service["metadata"]["result"] == "outcome/1", service["metadata"]
        expected = {name: f"kunder.svc.{agent}.{name}" for name in ("task", "status", "cancel")}
        if agent == "customer-health":
            expected["metrics"] = "kunder.svc.customer-health.metrics"
        assert {one["name"]: one["subject"] for one in service["endpoints"]} == expected, service["endpoints"]
        assert {one["queue_group"] for one in service["endpoints"]} == {"kunder"}, service["endpoints"]
    assert "health-check" in info["kunder-customer-health"]["metadata"]["commands"]
    assert [one["subject"] for one in info["kunder-chat"]["endpoints"]] == ["kunder.chat"]
    assert [one["subject"] for one in info["kunder-control"]["endpoints"]] == ["kunder.svc.control.request"]
    only = await wire.ask("$SRV.INFO.kunder-pipeline", b"")
    assert only["name"] == "kunder-pipeline"
    assert (await wire.ask(f"$SRV.PING.kunder-pipeline.{only['id']}", b""))["id"] == only["id"]


async def requests_and_errors_are_counted(wire: Wire):
    """STATS count what was asked of an endpoint, and what it refused."""
    await wire.task("pipeline", envelope(new_id("counted"), "pipeline-analysis"))
    await refusal(wire.ask("kunder.svc.pipeline.task", b"{"), 400, "JSON")
    stats = (await discovered_services(wire, "STATS"))["kunder-pipeline"]
    assert stats["type"] == "io.nats.micro.v1.stats_response", stats["type"]
    assert stats["started"].endswith("Z"), stats["started"]
    task = next(one for one in stats["endpoints"] if one["name"] == "task")
    assert (task["num_requests"], task["num_errors"]) == (2, 1), task
    assert task["processing_time"] > 0 and "JSON" in str(task["last_error"]), task


if __name__ == "__main__":
    main([every_agent_is_discovered, requests_and_errors_are_counted])
