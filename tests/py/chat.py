"""Quick commands as a chat frontend sends them (S0-15 to S0-19)."""

from wire import Wire, has_nine, main, refusal


async def say(wire: Wire, text, **more):
    """A line of chat; the words for the person, and the outcome behind them."""
    reply = await wire.ask("kunder.chat", {"text": text, **more})
    assert reply["text"], reply
    has_nine(reply["outcome"])
    return reply["text"], reply["outcome"]


async def the_four_commands(wire: Wire):
    """Each reaches its agent, and answers in words."""
    for command, agent in (
        ("Kör kundhälsokoll", "customer-health"),
        ("Onboarding för Kråkholmens Brukshundsvänner", "onboarding"),
        ("Pipeline-analys", "pipeline"),
        ("Hämta kundinfo Åkerlunda Riksförbund", "customer-fetching"),
    ):
        text, outcome = await say(wire, command)
        assert outcome["agent"] == f"kunder/{agent}" and outcome["status"] != "failed", f"{command}: {outcome}"
        assert outcome["text"] == text, command


async def a_question_is_answered(wire: Wire):
    """Two customers fit: a question, never a guess; a number, or a name, in the same conversation answers it."""
    text, outcome = await say(wire, "Hämta kundinfo Örnvik", conversation="c")
    assert outcome["status"] == "partial" and outcome["blockers"], outcome
    options = outcome["question"]["options"]
    assert sorted(option["label"] for option in options) == ["Örnvik Idrottsförbund", "Örnvik Studieförbund"], options
    assert all(option["label"] in text for option in options), text
    text, outcome = await say(wire, "1", conversation="c")
    assert outcome["status"] in ("complete", "partial") and "question" not in outcome, outcome
    assert options[0]["label"] in text, text
    assert outcome["status"] == "complete", outcome["blockers"]
    _, outcome = await say(wire, "Hämta kundinfo Örnvik", conversation="d")
    text, outcome = await say(wire, "örnviks studieförbund", conversation="d")
    assert "Örnvik Studieförbund" in text and outcome["status"] == "complete", outcome
    text, outcome = await say(wire, "1", conversation="another")
    assert outcome["status"] == "failed", "a number answers only where something was asked"


async def what_is_unknown_is_never_guessed(wire: Wire):
    """An unknown command or customer fails with suggestions; a broken request is refused."""
    text, outcome = await say(wire, "Baka en tårta")
    assert outcome["status"] == "failed" and outcome["recommendations"] and "Baka en tårta" in text, outcome
    text, outcome = await say(wire, "Hämta kundinfo Åkerlunda förbund")
    assert outcome["status"] == "failed" and outcome["blockers"] and outcome["recommendations"], outcome
    text, outcome = await say(wire, "kor kundhalsokol")
    assert outcome["status"] == "complete", "without diacritics and with one typo it is still the command"
    await refusal(wire.ask("kunder.chat", b"{"), 400, "JSON")
    await refusal(wire.ask("kunder.chat", {"words": "hej"}), 400, "chat request")


async def english_is_answered_in_english(wire: Wire):
    """By the locale, and by the words of the command."""
    text, outcome = await say(wire, "Run health check", locale="en")
    assert outcome["status"] == "complete" and "Healthy" in text and "Frisk" not in text, text
    text, outcome = await say(wire, "Kör kundhälsokoll", locale="en")
    assert "Healthy" in text and "Frisk" not in text, text
    text, _ = await say(wire, "Bake a cake", locale="en")
    assert "do not understand" in text, text


if __name__ == "__main__":
    main([the_four_commands, a_question_is_answered, what_is_unknown_is_never_guessed, english_is_answered_in_english])
