//! Quick commands as people write them: both languages, odd spellings, and what is not understood.

use expect_test::{Expect, expect};
use kunder_agent_core::task::Locale;
use unicode_normalization::UnicodeNormalization;

use super::*;

#[track_caller]
fn check(texts: &[&str], expected: &Expect) {
    let lines: Vec<String> = texts
        .iter()
        .map(|text| format!("{text:?} -> {}", shown(&parse(text))))
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

fn shown(parsed: &Parsed) -> String {
    match parsed {
        Parsed::Command(command) => {
            let locale = command
                .locale_hint
                .map_or("either", |locale| locale.pick("sv", "en"));
            let customer = command
                .customer
                .as_ref()
                .map_or(String::new(), |customer| format!(" {customer:?}"));
            format!("{} {}{customer} ({locale})", command.agent, command.command)
        }
        Parsed::Unknown { suggestions } => {
            let usages: Vec<&str> = suggestions.iter().map(|quick| quick.usage(Locale::Sv)).collect();
            format!("unknown: {}", usages.join(" | "))
        }
    }
}

/// S0-15 to S0-18, D-40.
#[test]
fn the_four_commands_in_two_languages() {
    check(
        &[
            "Kör kundhälsokoll",
            "Onboarding för Örebro Idrottsförbund",
            "Pipeline-analys",
            "Hämta kundinfo Medborgarskolans",
            "Run health check",
            "Onboarding for Sandviken AIK",
            "Onboard Sandviken AIK",
            "Pipeline analysis",
            "Get customer info Sandviken AIK",
            "Fetch customer info Sandviken AIK",
        ],
        &expect![[r#"
            "Kör kundhälsokoll" -> customer-health health-check (sv)
            "Onboarding för Örebro Idrottsförbund" -> onboarding onboard "Örebro Idrottsförbund" (either)
            "Pipeline-analys" -> pipeline pipeline-analysis (sv)
            "Hämta kundinfo Medborgarskolans" -> customer-fetching brief "Medborgarskolans" (sv)
            "Run health check" -> customer-health health-check (en)
            "Onboarding for Sandviken AIK" -> onboarding onboard "Sandviken AIK" (either)
            "Onboard Sandviken AIK" -> onboarding onboard "Sandviken AIK" (en)
            "Pipeline analysis" -> pipeline pipeline-analysis (en)
            "Get customer info Sandviken AIK" -> customer-fetching brief "Sandviken AIK" (en)
            "Fetch customer info Sandviken AIK" -> customer-fetching brief "Sandviken AIK" (en)"#]],
    );
}

/// S0-19.
#[test]
fn case_diacritics_marks_spaces_and_quotes_do_not_matter() {
    check(
        &[
            "KÖR KUNDHÄLSOKOLL",
            "kor kundhalsokoll",
            "  Kör   kundhälsokoll ! ",
            "\"Kör kundhälsokoll\"",
            "”Kör kundhälsokoll.”",
            "Kör kund-hälsokoll",
            "pipeline analys",
            "Pipelineanalys?",
            "pipeline – analys",
            "hamta kundinfo ÖREBRO IDROTTSFÖRBUND.",
            "Hämta kund-info \"Örebro Idrottsförbund\"",
            "\"Hämta kundinfo Örebro\"",
            "Onboarding för [Örebro]",
            "onboarding   FÖR\tÖrebro  IF",
        ],
        &expect![[r#"
            "KÖR KUNDHÄLSOKOLL" -> customer-health health-check (sv)
            "kor kundhalsokoll" -> customer-health health-check (sv)
            "  Kör   kundhälsokoll ! " -> customer-health health-check (sv)
            "\"Kör kundhälsokoll\"" -> customer-health health-check (sv)
            "”Kör kundhälsokoll.”" -> customer-health health-check (sv)
            "Kör kund-hälsokoll" -> customer-health health-check (sv)
            "pipeline analys" -> pipeline pipeline-analysis (sv)
            "Pipelineanalys?" -> pipeline pipeline-analysis (sv)
            "pipeline – analys" -> pipeline pipeline-analysis (sv)
            "hamta kundinfo ÖREBRO IDROTTSFÖRBUND." -> customer-fetching brief "ÖREBRO IDROTTSFÖRBUND." (sv)
            "Hämta kund-info \"Örebro Idrottsförbund\"" -> customer-fetching brief "Örebro Idrottsförbund" (sv)
            "\"Hämta kundinfo Örebro\"" -> customer-fetching brief "Örebro" (sv)
            "Onboarding för [Örebro]" -> onboarding onboard "Örebro" (either)
            "onboarding   FÖR\tÖrebro  IF" -> onboarding onboard "Örebro  IF" (either)"#]],
    );
}

#[test]
fn composed_and_decomposed_letters_are_the_same() {
    for text in ["Kör kundhälsokoll", "Onboarding för Örebro", "Hämta kundinfo Åsö"] {
        let decomposed: String = text.nfd().collect();
        assert_ne!(decomposed, text);
        let (Parsed::Command(one), Parsed::Command(other)) = (parse(text), parse(&decomposed)) else {
            panic!("{text} is a command")
        };
        assert_eq!((one.agent, one.command), (other.agent, other.command));
        assert_eq!(
            one.customer,
            other.customer.map(|customer| customer.nfc().collect())
        );
    }
}

/// What was folded stays as it is: signs that come apart into a small letter late, or into no letter.
#[test]
fn folding_twice_is_folding_once() {
    for (text, expected) in [
        ("¼", "14"),
        ("𝐀Å", "aa"),
        ("İ ﷺ", "i صلىاللهعليهوسلم"),
        ("ﬁn", "fin"),
    ] {
        assert_eq!(folded(text), expected);
        assert_eq!(folded(&folded(text)), expected);
    }
}

#[test]
fn one_typo_in_the_command_is_forgiven_and_two_are_not() {
    check(
        &[
            "Kör kundhälsokol",
            "Kr kundhälsokoll",
            "Kör kudnhälsokoll",
            "Kör kundhälskol",
            "Pipelin-analys",
            "Pipelin-analis",
            "Hämta kundifo Alfa",
            "Hemta kundifo Alfa",
            "Onbording för Alfa",
            "Onboarding fr Alfa",
        ],
        &expect![[r#"
            "Kör kundhälsokol" -> customer-health health-check (sv)
            "Kr kundhälsokoll" -> customer-health health-check (sv)
            "Kör kudnhälsokoll" -> customer-health health-check (sv)
            "Kör kundhälskol" -> unknown: Kör kundhälsokoll
            "Pipelin-analys" -> pipeline pipeline-analysis (sv)
            "Pipelin-analis" -> unknown: Pipeline-analys
            "Hämta kundifo Alfa" -> customer-fetching brief "Alfa" (sv)
            "Hemta kundifo Alfa" -> unknown: Hämta kundinfo [kund]
            "Onbording för Alfa" -> onboarding onboard "Alfa" (either)
            "Onboarding fr Alfa" -> onboarding onboard "Alfa" (either)"#]],
    );
}

/// The agent asks for a customer that was left out.
#[test]
fn a_missing_customer_is_left_out() {
    check(
        &[
            "Onboarding för",
            "Onboarding för …",
            "Hämta kundinfo",
            "hämta kundinfo \"\"",
            "Get customer info",
            "Onboard",
        ],
        &expect![[r#"
            "Onboarding för" -> onboarding onboard (either)
            "Onboarding för …" -> onboarding onboard (either)
            "Hämta kundinfo" -> customer-fetching brief (sv)
            "hämta kundinfo \"\"" -> customer-fetching brief (sv)
            "Get customer info" -> customer-fetching brief (en)
            "Onboard" -> onboarding onboard (en)"#]],
    );
}

#[test]
fn nothing_is_guessed() {
    check(
        &[
            "",
            "   ",
            "hej",
            "Kör kundhälsokoll nu",
            "kundhälsa",
            "Onboarding Fora AB",
            "onboarding",
            "kundinfo Alfa",
            "pipeline",
            "customer",
            "Ta bort alla kunder",
            "\u{301}\u{301}",
        ],
        &expect![[r#"
            "" -> unknown: Kör kundhälsokoll | Onboarding för [kund] | Pipeline-analys | Hämta kundinfo [kund]
            "   " -> unknown: Kör kundhälsokoll | Onboarding för [kund] | Pipeline-analys | Hämta kundinfo [kund]
            "hej" -> unknown: Kör kundhälsokoll | Onboarding för [kund] | Pipeline-analys | Hämta kundinfo [kund]
            "Kör kundhälsokoll nu" -> unknown: Kör kundhälsokoll
            "kundhälsa" -> unknown: Kör kundhälsokoll | Onboarding för [kund] | Pipeline-analys | Hämta kundinfo [kund]
            "Onboarding Fora AB" -> unknown: Onboarding för [kund]
            "onboarding" -> unknown: Onboarding för [kund]
            "kundinfo Alfa" -> unknown: Hämta kundinfo [kund]
            "pipeline" -> unknown: Pipeline-analys
            "customer" -> unknown: Kör kundhälsokoll | Hämta kundinfo [kund]
            "Ta bort alla kunder" -> unknown: Kör kundhälsokoll | Onboarding för [kund] | Pipeline-analys | Hämta kundinfo [kund]
            "\u{301}\u{301}" -> unknown: Kör kundhälsokoll | Onboarding för [kund] | Pipeline-analys | Hämta kundinfo [kund]"#]],
    );
}

/// What stands far behind makes no command of it, and costs nothing.
#[test]
fn only_the_beginning_of_a_text_is_compared() {
    let near = format!("{} pipeline", "hej ".repeat(11));
    let far = format!("{} pipeline", "hej ".repeat(12));
    let suggested = |text: &str| match parse(text) {
        Parsed::Unknown { suggestions } => suggestions.len(),
        Parsed::Command(command) => panic!("{command:?}"),
    };
    assert_eq!((suggested(&near), suggested(&far)), (1, QUICK_COMMANDS.len()));
}

#[test]
fn help_lists_all_commands_in_the_language_asked_for() {
    expect![[r#"
        Kör kundhälsokoll | Onboarding för [kund] | Pipeline-analys | Hämta kundinfo [kund]
        Run health check | Onboarding for [customer] | Pipeline analysis | Get customer info [customer]"#]]
    .assert_eq(&format!(
        "{}\n{}",
        usages(Locale::Sv).join(" | "),
        usages(Locale::En).join(" | ")
    ));
}
