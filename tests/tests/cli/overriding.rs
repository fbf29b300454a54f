//! `kunder health override` and `withdraw`: an exception is made, shown, ended, and refused where it cannot be.

use jiff::ToSpan;
use kunder::clock::SystemClock;
use kunder_agent_core::clock::Clock;
use serde_json::{Value, json};

use super::{outcome, portfolio};

const WHO: &str = "Åkerlunda Riksförbund";

/// The day so many days from now.
fn day(days: i64) -> String {
    let at = SystemClock::default().now().checked_add((days * 24).hours());
    at.unwrap().strftime("%Y-%m-%d").to_string()
}

/// A7.2 point 5: a person's exception with author and last day moves the band, is explained, and ends by hand.
#[test]
fn an_exception_is_made_shown_and_withdrawn() {
    let kunder = portfolio();
    let until = day(30);
    let made = [
        "health",
        "override",
        WHO,
        "--band",
        "akut",
        "--reason",
        "De säger upp avtalet",
        "--as",
        "Anna Ek",
        "--expires",
        &until,
    ];
    let said = kunder.run(&made).exits(0);
    assert!(said.stdout.contains("Hälsa: Akut (var Frisk)."), "{said}");
    let explained = || {
        let explain = ["health", "explain", WHO, "--json"];
        let health: Value = serde_json::from_str(&kunder.run(&explain).exits(0).stdout).unwrap();
        health
    };
    let health = explained();
    let one = &health["overrides"][0];
    assert_eq!(
        (
            &health["band"],
            &one["author"],
            &one["reason"],
            &one["expires"],
            &one["changed"]
        ),
        (
            &json!("akut"),
            &json!("Anna Ek"),
            &json!("De säger upp avtalet"),
            &json!(until),
            &json!(true)
        )
    );
    let text = kunder.run(&["health", "explain", WHO]).exits(0);
    assert!(text.stdout.contains("De säger upp avtalet (Anna Ek – "), "{text}");
    let check = outcome(&kunder.run(&["ask", "Kör kundhälsokoll", "--json"]).exits(0));
    let rows = check["health"].as_array().unwrap();
    let row = rows.iter().find(|row| row["customer"] == WHO).unwrap();
    assert_eq!((&row["band"], &row["openAlert"]), (&json!("akut"), &json!(true)));
    let id = one["id"].as_str().unwrap();
    let withdraw = ["health", "withdraw", WHO, id, "--as", "Bo Al"];
    let said = kunder.run(&withdraw).exits(0);
    assert!(said.stdout.contains("är inte längre i riskzonen"), "{said}");
    assert_eq!(explained()["overrides"], json!([]));
    let said = kunder.run(&withdraw).exits(0);
    assert!(said.stdout.contains("togs bort redan"), "{said}");
    let said = kunder
        .run(&["health", "withdraw", WHO, "nej", "--as", "Bo Al"])
        .exits(1);
    assert!(said.stdout.contains("har inget undantag nej"), "{said}");
}

#[test]
fn what_cannot_be_is_refused() {
    let kunder = portfolio();
    let (soon, past, far) = (day(30), day(-2), day(400));
    let asked = |effect: &[&str], expires: &str, exit: i32| {
        let tail = [
            "--reason",
            "skäl",
            "--as",
            "Anna",
            "--expires",
            expires,
            "--locale",
            "en",
        ];
        let said = kunder
            .run(&[&["health", "override", WHO], effect, &tail].concat())
            .exits(exit);
        format!("{}{}", said.stdout, said.stderr)
    };
    for (said, expected) in [
        (
            asked(&["--band", "lila"], &soon, 1),
            "must be one of the bands of satori/health: akut, uppmarksamhet, frisk",
        ),
        (
            asked(&["--cap", "101"], &soon, 1),
            "`params.cap` must be a number from 0 to 100",
        ),
        (
            asked(&["--cap", "-1"], &soon, 1),
            "`params.cap` must be a number from 0 to 100",
        ),
        (
            asked(&["--cap", "30"], &soon, 1),
            "satori/health gives no score, name a `band`",
        ),
        (
            asked(&["--band", "akut"], &past, 1),
            "`params.expires` lies before",
        ),
        (asked(&["--band", "akut"], &far, 1), "is more than a year away"),
        (
            asked(&["--band", "akut", "--cap", "3"], &soon, 2),
            "cannot be used with",
        ),
        (asked(&[], &soon, 2), "<--cap <N>|--floor <N>|--band <KEY>>"),
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let no_reason = [
        "health",
        "override",
        WHO,
        "--band",
        "akut",
        "--as",
        "Anna",
        "--expires",
        &soon,
    ];
    let said = kunder.run(&no_reason).exits(2);
    assert!(said.stderr.contains("--reason <TEXT>"), "{said}");
}
