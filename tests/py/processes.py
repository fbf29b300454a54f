"""Events of other processes: a deal won at Sälj, the question to Tjänster and its answer, a service completed, the story (S0-20 to S0-32)."""

import asyncio
import json
import uuid

from nats.js.api import StreamConfig
from wire import Listener, Wire, envelope, eventually, main, new_id

NAME = "Granlidens Hembygdsring"
ORG_NUMBER = "802400-1234"
PERSON = "Torvald Granlid"
EMAIL = "torvald@granliden.example"
DEAL = {
    "dealId": "affär-77",
    "customer": {
        "name": NAME, "orgNumber": ORG_NUMBER, "sector": "ideell_sektor", "town": "Granliden", "employees": "64",
        "contacts": [{"name": PERSON, "role": "decision_maker", "email": EMAIL, "phone": "070-1740605", "verified": True}],
    },
    "value": {"amount": "48000.00", "currency": "SEK"},
}


async def a_deal_won_starts_one_onboarding(wire: Wire):
    """However often, and under however many ids, it is delivered."""
    await wire.js.add_stream(StreamConfig(name="TJANSTER", subjects=["tjanster.task.>"]))
    async with Listener(wire, "kunder.event.onboarding.onboarding-started") as started:
        same = str(uuid.uuid4())
        await asyncio.gather(*(wire.tell("salj", "deal-won", DEAL, event_id=same) for _ in range(3)))
        await asyncio.gather(*(wire.tell("salj", "deal-won", DEAL) for _ in range(3)))
        await started.at_least(1)
        await inbox_is_read(wire, 6)
        await wire.settled()
        assert len(started.messages) == 1, f"{len(started.messages)} onboardings were started"
        event = json.loads(started.messages[0].data)
    assert (event["customer"], event["deal"]) == (NAME, "affär-77") and event["missing"], event
    assert not await wire.all("KUNDER_DLQ"), [letter.headers for letter in await wire.all("KUNDER_DLQ")]
    await tjanster_is_asked_and_answers(wire, event["customerId"])


async def inbox_is_read(wire: Wire, count):
    """Waits until everything that other processes told was accepted."""
    async def read():
        consumer = await wire.js.consumer_info("KUNDER_IN", "runner")
        return True if consumer.delivered.stream_seq >= count and not consumer.num_pending and not consumer.num_ack_pending else None

    await eventually(f"{count} events are read", read)


async def onboarding(wire: Wire):
    """What `Onboarding för …` shows."""
    reply = await wire.ask("kunder.chat", {"text": f"Onboarding för {NAME}"})
    return reply["outcome"]


async def tjanster_is_asked_and_answers(wire: Wire, customer):
    """One question on the subject of Tjänster's agent; its answer stands in the onboarding."""
    messages = await wire.all("TJANSTER")
    assert len(messages) == 1, [message.subject for message in messages]
    asked = json.loads(messages[0].data)
    assert messages[0].subject == f"tjanster.task.service-delivery-agent.{asked['taskId']}", messages[0].subject
    assert asked["agent"] == "tjanster/service-delivery-agent" and asked["replyTo"] == "kunder.in.tjanster.result", asked
    assert asked["context"]["customerId"] == customer and asked["deadline"], asked
    before = await onboarding(wire)
    assert before["onboarding"]["coordination"]["state"] == "asked", before["onboarding"]["coordination"]
    assert before["onboarding"]["deal"] == "affär-77", before["onboarding"]["deal"]

    answer = {"taskId": asked["taskId"], "status": "complete", "summary": "Uppstart bokad till nästa vecka"}
    for _ in range(2):
        # As an agent answers: on the subject it was told, with nothing of CloudEvents.
        await wire.js.publish(asked["replyTo"], json.dumps(answer).encode(), headers={"Nats-Msg-Id": str(uuid.uuid4())})
    await inbox_is_read(wire, 8)
    await wire.settled()
    after = (await onboarding(wire))["onboarding"]["coordination"]
    assert after["state"] == "answered" and "Uppstart bokad" in json.dumps(after, ensure_ascii=False), after
    assert not await wire.all("KUNDER_DLQ"), [letter.headers for letter in await wire.all("KUNDER_DLQ")]


async def a_completed_service_is_told(wire: Wire):
    """Feedback goes to Tjänster, a story without the customer to Marketing; a repeat tells nothing again."""
    await wire.tell("salj", "deal-won", DEAL)
    done = {
        "customer": NAME, "service": "Satori-uppstart",
        "feedback": {"text": "Smidig uppstart", "quote": "Vi sparar en dag i veckan", "score": 10},
    }
    spoken = {
        "customer": NAME, "service": "Utbildning",
        "feedback": {"text": "Bra lärare", "quote": f"{NAME} är nöjda, hälsar {PERSON}", "score": 9},
    }
    await inbox_is_read(wire, 1)
    await wire.settled()
    async with Listener(wire, "kunder.event.onboarding.service-feedback") as feedback, \
            Listener(wire, "kunder.event.customer-fetching.story") as stories:
        await wire.tell("tjanster", "service-completed", done)
        await feedback.at_least(1)
        await stories.at_least(1)
        await wire.tell("tjanster", "service-completed", spoken)
        await feedback.at_least(2)
        await stories.at_least(2)
        await wire.tell("tjanster", "service-completed", done)
        await inbox_is_read(wire, 4)
        await wire.settled()
        assert len(feedback.messages) == 2, "the same feedback was told twice"
        assert len(stories.messages) == 2, "the same story was told twice"
        told = json.loads(feedback.messages[0].data)
        assert (told["customer"], told["service"], told["quote"]) == (NAME, "Satori-uppstart", "Vi sparar en dag i veckan"), told
        for story in stories.messages:
            names_nobody(story)
        last = json.dumps(json.loads(stories.messages[1].data), ensure_ascii=False)
        assert "Satori-uppstart" in last and "Vi sparar en dag i veckan" in last, last


def names_nobody(story):
    """Neither the data nor a header gives the customer away."""
    text = story.data.decode() + json.dumps(dict(story.headers), ensure_ascii=False) + story.subject
    text = (text + json.dumps(json.loads(story.data), ensure_ascii=False)).lower()
    assert json.loads(story.data)["title"], text
    digits = ORG_NUMBER.replace("-", "")
    for word in ("granliden", "hembygdsring", "torvald", "granlid", "@", ORG_NUMBER, digits, "affär-77", "1740605", "ce-subject"):
        assert word.lower() not in text, f"`{word}` stands in the story: {text}"


if __name__ == "__main__":
    main([a_deal_won_starts_one_onboarding, a_completed_service_is_told])
