//! `kunder ask`: the four quick commands in every spelling, past days, questions back, and what is not understood.

use kunder_tests::system::{Kunder, Output};
use serde_json::{Value, json};

use super::{announced, fails, outcome, portfolio};

fn summary(kunder: &Kunder, arguments: &[&str]) -> Value {
    outcome(&kunder.run(&[arguments, &["--json"]].concat()).exits(0))["summary"].clone()
}

#[test]
fn the_four_commands_answer_in_words_and_as_outcomes() {
    let kunder = portfolio();
    for (text, agent, block, words) in [
        (
            "Kör kundhälsokoll",
            "kunder/customer-health",
            "health",
            "AKUT (2)",
        ),
        (
            "Onboarding för Kråkholmens Brukshundsvänner",
            "kunder/onboarding",
            "onboarding",
            "✗ Organisationsnummer: saknas, fråga Sälj",
        ),
        (
            "Pipeline-analys",
            "kunder/pipeline",
            "pipeline",
            "HETA, över 70 % (1)",
        ),
        (
            "Hämta kundinfo Åkerlunda Riksförbund",
            "kunder/customer-fetching",
            "brief",
            "# Kundinfo: Åkerlunda Riksförbund",
        ),
    ] {
        let said = kunder.run(&["ask", text]).exits(0);
        assert!(said.stdout.contains(words), "{said}");
        assert_eq!(said.stderr, "");
        let outcome = outcome(&kunder.run(&["ask", text, "--json"]).exits(0));
        assert_eq!(
            (&outcome["agent"], &outcome["protocol"]),
            (&json!(agent), &json!("outcome/1"))
        );
        assert!(outcome.get(block).is_some(), "{outcome}");
        assert_eq!(
            outcome["text"].as_str().map(str::trim_end),
            Some(said.stdout.trim_end()),
            "both say the same"
        );
    }
}

/// S0-11, S0-31: an alert is raised once; D-03: the counts add up.
#[test]
fn a_second_check_raises_no_second_alert() {
    let kunder = portfolio();
    let first = outcome(&kunder.run(&["ask", "Kör kundhälsokoll", "--json"]).exits(0));
    let counts = &first["customers"];
    let sum: u64 = ["healthy", "neutral", "at_risk", "critical", "not_scored"]
        .iter()
        .map(|band| counts[band].as_u64().unwrap())
        .sum();
    assert_eq!((sum, counts["total_managed"].as_u64().unwrap()), (15, 15));
    let alerts = |kunder: &Kunder| {
        kunder
            .run(&["events", "--json"])
            .json_lines()
            .iter()
            .filter(|event| event["type"] == "kunder.customer-health.at-risk.v1")
            .count()
    };
    assert_eq!(alerts(&kunder), 5);
    let _ = kunder.run(&["ask", "Kör kundhälsokoll"]).exits(0);
    assert_eq!(alerts(&kunder), 5);
}

#[test]
fn a_past_day_changes_nothing_and_announces_nothing() {
    let kunder = portfolio();
    let first = summary(&kunder, &["ask", "Kör kundhälsokoll", "--as-of", "2026-01-31"]);
    assert!(
        first.as_str().unwrap().starts_with("Kundhälsokoll 2026-01-31: "),
        "{first}"
    );
    for text in [
        "Pipeline-analys",
        "Onboarding för Kråkholmens Brukshundsvänner",
        "Hämta kundinfo Åkerlunda Riksförbund",
    ] {
        let _ = kunder.run(&["ask", text, "--as-of", "2026-01-31"]);
    }
    assert_eq!(announced(&kunder), 0);
    assert_eq!(
        summary(&kunder, &["ask", "Kör kundhälsokoll", "--as-of", "2026-01-31"]),
        first
    );
    let words = |output: Output| output.stdout;
    let ask = || {
        words(
            kunder
                .run(&["ask", "Pipeline-analys", "--as-of", "2026-01-31"])
                .exits(0),
        )
    };
    assert_eq!(ask(), ask(), "the same day says the same, word for word");
}

#[test]
fn a_day_to_come_and_a_day_that_is_none_are_usage() {
    let kunder = portfolio();
    fails(
        &kunder.run(&["ask", "Pipeline-analys", "--as-of", "2199-01-01"]),
        2,
        "`asOf` is in the future: 2199-01-01",
        Some("protocols/"),
    );
    fails(
        &kunder.run(&["ask", "Pipeline-analys", "--as-of", "2026-02-30"]),
        2,
        "a day that exists is written like 2026-11-22",
        None,
    );
}

/// S0-15 to S0-19: however a person writes it.
#[test]
fn every_usual_spelling_finds_the_same_customer() {
    let kunder = portfolio();
    let title = "# Kundinfo: Örnvik Studieförbund";
    for text in [
        "Hämta kundinfo Örnvik Studieförbund",
        "hämta kundinfo örnvik studieförbund",
        "HÄMTA KUNDINFO ÖRNVIK STUDIEFÖRBUND",
        "Ha\u{308}mta kundinfo O\u{308}rnvik Studiefo\u{308}rbund",
        "Hamta kundinfo Ornvik Studieforbund",
        "Hämta kundinfo Örnvik Studieförbunds.",
        "Hämta kundinfo Örnvik Studieförbun",
        "Hämta kundinfo  \"Örnvik   Studieförbund\" !",
        "Hmta kundinfo Örnvik Studieförbund",
        "Get customer info Örnvik Studieförbund",
    ] {
        let said = kunder.run(&["ask", text, "--locale", "sv"]).exits(0);
        assert!(said.stdout.starts_with(title), "{said}");
    }
    let unquoted = kunder
        .run(&["ask", "hämta", "kundinfo", "Örnvik", "Studieförbund"])
        .exits(0);
    assert!(unquoted.stdout.starts_with(title), "{unquoted}");
}

#[test]
fn the_language_is_that_of_the_option_then_of_the_words_then_swedish() {
    let kunder = portfolio();
    let begins = |arguments: &[&str], expected: &str| {
        let said = kunder.run(arguments).exits(0);
        assert!(said.stdout.starts_with(expected), "{said}");
    };
    begins(&["ask", "Kör kundhälsokoll"], "Kundhälsokoll ");
    begins(&["ask", "Run health check"], "Health check ");
    begins(&["ask", "Kör kundhälsokoll", "--locale", "en"], "Health check ");
    begins(
        &["ask", "Pipeline analysis", "--locale", "sv"],
        "Pipeline-analys ",
    );
}

/// Two customers fit: a question, never a guess; its answer continues the conversation.
#[test]
fn a_name_that_fits_two_is_asked_back_and_the_answer_is_understood() {
    let kunder = portfolio();
    let asked = kunder
        .run(&["ask", "Hämta kundinfo Örnvik", "--conversation", "a"])
        .exits(0);
    assert_eq!(
        asked.stdout,
        "Vilken kund menas med ”Örnvik”: Örnvik Studieförbund, Örnvik Idrottsförbund?\n"
    );
    let asked = outcome(
        &kunder
            .run(&["ask", "Hämta kundinfo Örnvik", "--conversation", "b", "--json"])
            .exits(0),
    );
    assert_eq!(
        (&asked["status"], &asked["blockers"][0]),
        (&json!("partial"), &asked["question"]["text"])
    );
    assert_eq!(asked["question"]["options"].as_array().unwrap().len(), 2);

    let second = kunder.run(&["ask", "2", "--conversation", "a"]).exits(0);
    assert!(
        second.stdout.starts_with("# Kundinfo: Örnvik Idrottsförbund"),
        "{second}"
    );
    let named = kunder
        .run(&["ask", "Örnvik Studieförbund", "--conversation", "b"])
        .exits(0);
    assert!(
        named.stdout.starts_with("# Kundinfo: Örnvik Studieförbund"),
        "{named}"
    );
    let _ = kunder.run(&["ask", "2", "--conversation", "of nobody"]).exits(1);
}

/// What was asked about a past day is answered about that day, and stays without effect.
#[test]
fn an_answer_keeps_the_day_of_its_question() {
    let kunder = portfolio();
    let asked = [
        "ask",
        "Hämta kundinfo Örnvik",
        "--as-of",
        "2026-03-31",
        "--conversation",
        "a",
    ];
    let _ = kunder.run(&asked).exits(0);
    let said = kunder.run(&["ask", "1", "--conversation", "a"]).exits(0);
    assert!(
        said.stdout
            .starts_with("# Kundinfo: Örnvik Studieförbund, 2026-03-31"),
        "{said}"
    );
    assert_eq!(announced(&kunder), 0);
}

#[test]
fn what_is_not_known_fails_with_what_comes_near() {
    let kunder = portfolio();
    let unknown = kunder.run(&["ask", "koka kaffe"]).exits(1);
    assert_eq!(
        unknown.stdout,
        "Jag förstår inte ”koka kaffe”.\nProva:\n  Kör kundhälsokoll\n  Onboarding för [kund]\n  Pipeline-analys\n  Hämta kundinfo [kund]\n"
    );
    let near = outcome(&kunder.run(&["ask", "pipeline", "--json"]).exits(1));
    assert_eq!(
        (&near["status"], &near["recommendations"]),
        (&json!("failed"), &json!(["Pipeline-analys"]))
    );
    assert!(!near["blockers"].as_array().unwrap().is_empty());

    let customer = outcome(
        &kunder
            .run(&["ask", "Hämta kundinfo Vindelö Teaterförening", "--json"])
            .exits(1),
    );
    assert_eq!(customer["status"], "failed");
    assert!(
        customer["recommendations"]
            .to_string()
            .contains("Vindelö Kulturförening"),
        "{customer}"
    );
    let nobody = kunder.run(&["ask", "Hämta kundinfo Zzyzx AB"]).exits(1);
    assert!(
        nobody.stdout.starts_with("Ingen kund heter ”Zzyzx AB”."),
        "{nobody}"
    );
    let _ = kunder.run(&["ask", "Hämta kundinfo"]).exits(1);
    assert_eq!(announced(&kunder), 0, "a failure announces nothing");
}

#[test]
fn an_empty_folder_says_how_to_begin() {
    let kunder = Kunder::temporary();
    let said = kunder.run(&["ask", "Kör kundhälsokoll"]).exits(0);
    assert!(said.stdout.contains("`kunder import`"), "{said}");
    assert_eq!(announced(&kunder), 0);
}
