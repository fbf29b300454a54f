//! `kunder log`, `kunder todo` and `kunder events`: what a person notes, and what it sets off.

use serde_json::json;

use super::{announced, fails, outcome, portfolio};

/// S0-22: a touchpoint by hand takes a customer out of the alert.
#[test]
fn a_touchpoint_ends_an_alert() {
    let kunder = portfolio();
    let _ = kunder.run(&["ask", "Kör kundhälsokoll"]).exits(0);
    let said = kunder
        .run(&[
            "log",
            "Fjällhamra Skidallians",
            "Ringde Gösta, allt är väl",
            "--kind",
            "call",
        ])
        .exits(0);
    assert!(
        said.stdout
            .contains("Fjällhamra Skidallians är inte längre i riskzonen."),
        "{said}"
    );
    let events = kunder.run(&["events", "--json"]).exits(0).json_lines();
    let recovered: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "kunder.customer-health.recovered.v1")
        .collect();
    assert_eq!(recovered.len(), 1);
    assert_eq!(
        (
            &recovered[0]["data"]["customerId"],
            &recovered[0]["data"]["severity"]
        ),
        (&json!("fjallhamra-skidallians"), &json!(0))
    );
    let check = outcome(&kunder.run(&["ask", "Kör kundhälsokoll", "--json"]).exits(0));
    assert_eq!(
        (&check["customers"]["critical"], &check["customers"]["healthy"]),
        (&json!(1), &json!(11))
    );
    let brief = kunder
        .run(&["ask", "Hämta kundinfo Fjällhamra Skidallians"])
        .exits(0);
    assert!(brief.stdout.contains("Ringde Gösta, allt är väl"), "{brief}");
}

#[test]
fn todos_are_added_listed_and_done() {
    let kunder = portfolio();
    let added = kunder
        .run(&[
            "todo",
            "add",
            "Blåklinta Folkbildning",
            "Skicka offert",
            "--due",
            "2030-12-01",
            "--owner",
            "Klara",
        ])
        .exits(0);
    assert!(
        added.stdout.contains("Blåklinta Folkbildning: Skicka offert ["),
        "{added}"
    );
    let list = kunder.run(&["todo", "list", "Blåklinta Folkbildning"]).exits(0);
    assert!(
        list.stdout
            .contains("- 2030-12-01 · Blåklinta Folkbildning: Skicka offert (Klara) ["),
        "{list}"
    );
    let rows = outcome(
        &kunder
            .run(&["todo", "list", "Blåklinta Folkbildning", "--json"])
            .exits(0),
    );
    let rows = rows["todos"].as_array().unwrap().clone();
    let row = rows.iter().find(|row| row["text"] == "Skicka offert").unwrap();
    assert_eq!(
        (&row["owner"], &row["due"], &row["overdue"]),
        (&json!("Klara"), &json!("2030-12-01"), &json!(false))
    );

    let done = kunder
        .run(&["todo", "done", "Blåklinta Folkbildning", "skicka offert"])
        .exits(0);
    assert!(
        done.stdout.contains("Blåklinta Folkbildning: Skicka offert"),
        "{done}"
    );
    let by_key = kunder
        .run(&[
            "todo",
            "done",
            "Blåklinta Folkbildning",
            "blaklinta-folkbildning/kvartal",
            "--locale",
            "en",
        ])
        .exits(0);
    assert!(by_key.stdout.contains("Blåklinta Folkbildning: "), "{by_key}");
    let list = outcome(
        &kunder
            .run(&["todo", "list", "Blåklinta Folkbildning", "--json"])
            .exits(0),
    );
    assert_eq!(list["todos"].as_array().unwrap().len(), rows.len() - 2);
    let nothing = kunder.run(&["todo", "done", "Blåklinta Folkbildning", "flyga till månen"]);
    assert_eq!(nothing.status, 1, "{nothing}");
    assert!(
        outcome(&kunder.run(&["todo", "list", "--json"]).exits(0))["todos"]
            .as_array()
            .unwrap()
            .len()
            > 20,
        "of all customers"
    );
}

/// S0-11: more than five overdue todos put a customer at risk, and finishing one takes it out.
#[test]
fn finishing_an_overdue_todo_ends_an_alert() {
    let kunder = portfolio();
    let check = || outcome(&kunder.run(&["ask", "Kör kundhälsokoll", "--json"]).exits(0));
    let at_risk = |check: &serde_json::Value| {
        check["health"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["customerId"] == "vindelo-kulturforening" && row["severity"] == 2)
    };
    assert!(at_risk(&check()));
    let _ = kunder
        .run(&[
            "todo",
            "done",
            "Vindelö Kulturförening",
            "vindelo-kulturforening/forsenad-6",
        ])
        .exits(0);
    assert!(!at_risk(&check()));
}

#[test]
fn a_customer_that_is_not_sure_is_asked_about_and_nothing_is_noted() {
    let kunder = portfolio();
    let asked = kunder.run(&["log", "Örnvik", "Möte"]).exits(0);
    assert!(
        asked.stdout.starts_with("Vilken kund menas med ”Örnvik”"),
        "{asked}"
    );
    let unknown = kunder.run(&["todo", "add", "Zzyzx", "Ring"]).exits(1);
    assert!(unknown.stdout.contains("Ingen kund heter ”Zzyzx”."), "{unknown}");
    let todos = outcome(&kunder.run(&["todo", "list", "--json"]).exits(0));
    assert!(
        todos["todos"]
            .as_array()
            .unwrap()
            .iter()
            .all(|todo| todo["text"] != "Ring")
    );
    assert_eq!(announced(&kunder), 0);
}

#[test]
fn wrong_words_on_the_command_line_are_usage() {
    let kunder = portfolio();
    fails(
        &kunder.run(&["log", "Örnvik", "Möte", "--kind", "fax"]),
        2,
        "invalid value 'fax'",
        None,
    );
    fails(
        &kunder.run(&["todo", "add", "Örnvik", "Ring", "--due", "imorgon"]),
        2,
        "a day that exists is written like",
        None,
    );
    fails(
        &kunder.run(&["todo", "add", "Örnvik"]),
        2,
        "required arguments were not provided",
        None,
    );
    fails(
        &kunder.run(&["events", "--after", "soon"]),
        2,
        "invalid value 'soon'",
        None,
    );
    fails(
        &kunder.run(&["events", "--follow"]),
        2,
        "no `kunder serve` runs on this folder",
        Some("leave --follow out"),
    );
    fails(&kunder.run(&["fly"]), 2, "unrecognized subcommand 'fly'", None);
}

#[test]
fn events_are_lines_for_people_and_cloud_events_for_machines() {
    let kunder = portfolio();
    let _ = kunder.run(&["ask", "Kör kundhälsokoll"]).exits(0);
    let _ = kunder.run(&["ask", "Pipeline-analys"]).exits(0);
    let lines = kunder.run(&["events"]).exits(0);
    for said in [
        "kunder.event.customer-health.at-risk             Vindelö Kulturförening: 6 försenade todos (högst 5)",
        "→ salj/pipeline-agent                            Vindelö Kulturförening är i riskzonen (Uppmärksamhet)",
        "kunder.event.customer-health.health-summary      15 customers: 2 critical, 3 at risk, 10 healthy",
        "kunder.event.pipeline.opportunity-changed        Åkerlunda Riksförbund: Utrullning till alla distrikt",
    ] {
        assert!(lines.stdout.contains(said), "no `{said}`: {lines}");
    }
    let all = kunder.run(&["events", "--json"]).exits(0).json_lines();
    assert_eq!(all.len(), lines.stdout.lines().count());
    let schema = kunder::schema::schemas();
    for line in &all {
        let name = if line.get("specversion").is_some() {
            "event"
        } else {
            "task"
        };
        let (_, schema) = schema.iter().find(|(known, _)| *known == name).unwrap();
        assert!(jsonschema::is_valid(schema, line), "{line}");
    }
    // The number that begins a line goes on from there.
    let third = lines
        .stdout
        .lines()
        .nth(2)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    let rest = kunder.run(&["events", "--after", third]).exits(0);
    assert_eq!(rest.stdout.lines().count(), all.len() - 3);
}
