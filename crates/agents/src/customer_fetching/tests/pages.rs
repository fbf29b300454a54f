//! What holds of every page: sources and dates, one page, plain paths, and days gone by (S0-14, S3-59).

use super::*;

#[test]
fn nothing_but_the_overview_and_the_questions_is_filled_from_nothing() {
    let decision = decide(
        customer("tyst", "Tysta Förbundet").facts(),
        &task("brief", "tyst"),
    );
    let page = report(&decision).text.clone().unwrap();
    let empty = page
        .split("\n## ")
        .filter(|section| section.trim_end().ends_with("\nsaknas"))
        .count();
    assert_eq!(empty, 6, "{page}");
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let mut build = customer("orebro", "Örebro");
    for number in 0..9 {
        build = build.todo(&format!("t{number}"), number);
    }
    let decision = decide(build.facts(), &task("brief", "orebro"));
    let block: BriefBlock = serde_json::from_value(report(&decision).blocks["brief"].clone()).unwrap();
    let todos = block
        .sections
        .iter()
        .find(|section| section.id == "todos")
        .unwrap();
    assert_eq!((todos.lines.len(), todos.more), (5, 4));
    assert!(report(&decision).text.as_ref().unwrap().contains("… och 4 till"));
}

#[test]
fn the_path_is_plain_and_customers_of_one_name_have_their_own() {
    let path = |id: &str, name: &str| {
        decide(customer(id, name).facts(), &task("brief", id)).artifacts[0]
            .path
            .clone()
    };
    assert_eq!(
        path("orebro-angens-if", "Örebro Ängens IF"),
        "customers/orebro-angens-if/brief.md"
    );
    assert_eq!(
        path("17", "Örebro Ängens IF"),
        "customers/orebro-angens-if-17/brief.md"
    );
    assert_eq!(path("../../x", "../../etc"), "customers/etc-x/brief.md");
}

#[test]
fn what_a_customer_wrote_stays_on_its_line() {
    let build =
        customer("orebro", "Örebro").fact(3, said("Rad ett\n## Rubrik\n- rad", &"långt ord ".repeat(60)));
    let decision = decide(build.facts(), &task("brief", "orebro"));
    let page = report(&decision).text.clone().unwrap();
    assert_eq!(page.matches("\n## ").count(), 10, "{page}");
    assert!(page.lines().all(|line| line.chars().count() < 300), "{page}");
}

#[test]
fn a_past_day_is_told_as_it_was_and_offers_nothing() {
    let mut task = task("brief", "Örebro Idrottsförbund");
    task.as_of = Some(day(-40));
    let decision = decide(known().facts(), &task);
    let page = report(&decision).text.clone().unwrap();
    assert!(
        page.contains("Vi saknar rapporter per distrikt") && !page.contains("det viktigaste för styrelsen"),
        "{page}"
    );
    assert!(decision.events.is_empty() && decision.requests.is_empty());
    assert_eq!(decision.artifacts.len(), 1, "the page is part of the outcome");
}

#[test]
fn two_customers_of_which_either_may_be_meant_are_asked_about() {
    let facts = facts([
        customer("a", "Örebro Simklubb"),
        customer("b", "Örebro Golfklubb"),
    ]);
    check(
        facts,
        &task("brief", "Örebro"),
        expect![[r#"
        partial: Vilken kund menas med ”Örebro”: Örebro Simklubb, Örebro Golfklubb?
          blocker: Vilken kund menas med ”Örebro”: Örebro Simklubb, Örebro Golfklubb?

        Vilken kund menas med ”Örebro”: Örebro Simklubb, Örebro Golfklubb?"#]],
    );
}

#[test]
fn every_line_of_every_brief_of_the_demo_portfolio_has_its_source_and_date_and_fits_a_page() {
    let (facts, ids) = demo_portfolio();
    assert_eq!(ids.len(), 15);
    for id in ids {
        let decision = decide(facts.clone(), &task("brief", &id));
        let page = report(&decision).text.clone().unwrap();
        assert_eq!(decision.artifacts[0].content, page.as_bytes());
        let lines = page
            .lines()
            .filter(|line| line.starts_with("- ") && !line.starts_with("- … och "));
        for line in lines {
            assert!(has_source_and_date(line), "{line}");
        }
        let printed = page.lines().filter(|line| !line.is_empty()).count();
        assert!(printed <= 62, "{id}: {printed} lines\n{page}");
        let block: BriefBlock = serde_json::from_value(report(&decision).blocks["brief"].clone()).unwrap();
        assert_eq!(block.sections.len(), 10);
        assert!(block.sections.last().unwrap().lines.len() <= 3);
    }
}

/// Whether a line ends with `(källa: …, yyyy-mm-dd)`.
fn has_source_and_date(line: &str) -> bool {
    let Some((_, source)) = line
        .strip_suffix(')')
        .and_then(|line| line.rsplit_once(" (källa: "))
    else {
        return false;
    };
    let Some((source, date)) = source.rsplit_once(", ") else {
        return false;
    };
    !source.is_empty() && date.parse::<Date>().is_ok()
}

/// A rehearsal leaves today's page as it is.
#[test]
fn a_rehearsal_has_a_page_of_its_own() {
    let path = |change: &dyn Fn(&mut Task)| {
        let mut task = task("brief", "Örebro Idrottsförbund");
        change(&mut task);
        let decision = decide(known().facts(), &task);
        assert_eq!(report(&decision).artifacts, [decision.artifacts[0].path.clone()]);
        decision.artifacts[0].path.clone()
    };
    let folder = "customers/orebro-idrottsforbund";
    assert_eq!(path(&|_| {}), format!("{folder}/brief.md"));
    assert_eq!(
        path(&|task| task.as_of = Some(day(-40))),
        format!("{folder}/brief-2025-07-23.md")
    );
    let dry = path(&|task| task.dry_run = true);
    assert!(
        dry.starts_with("tasks/") && dry.ends_with("/brief.md") && dry.len() == 31,
        "{dry}"
    );
}

/// Whoever has left is judged no more, and nothing is offered.
#[test]
fn one_that_has_left_is_offered_nothing() {
    for status in ["churned", "inactive"] {
        let left = known()
            .subscription(5, "Extra", "900 SEK", -5, None)
            .profile(field::STATUS, status);
        let page = report(&decide(left.facts(), &task("brief", "orebro-idrottsforbund")))
            .text
            .clone()
            .unwrap();
        for word in [
            "Hälsa",
            "Frisk",
            "nästa senast",
            "hör av dig",
            "Erbjud:",
            "växer",
            "Nya återkommande",
            "Nära avslut",
            "Tät kontakt",
            "nästa steg",
            "Kommande sex",
        ] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }
}

#[test]
fn six_overdue_todos_are_one_red_flag() {
    let flags = |count: usize| {
        let build = customer("a", "Alfa").meeting(1).overdue(count);
        let block = report(&decide(build.facts(), &task("brief", "a"))).blocks["brief"].clone();
        let block: BriefBlock = serde_json::from_value(block).unwrap();
        let red = block
            .sections
            .into_iter()
            .find(|section| section.id == "redFlags");
        red.unwrap()
            .lines
            .into_iter()
            .map(|line| line.text)
            .collect::<Vec<_>>()
    };
    assert_eq!(flags(5), ["5 försenade åtaganden"]);
    assert_eq!(flags(6), ["6 försenade todos (högst 5)"]);
}

/// A prospect has a profile and is talked with; it is a customer from the day that says so.
#[test]
fn a_customer_is_one_since_it_was_won() {
    let since = |build: Build| {
        let page = report(&decide(build.facts(), &task("brief", "a")))
            .text
            .clone()
            .unwrap();
        page.lines()
            .find(|line| line.contains(" sedan 20"))
            .unwrap_or_default()
            .to_owned()
    };
    let won = FactBody::Profile {
        field: field::STATUS.to_owned(),
        value: "active".to_owned(),
    };
    let known = || customer("a", "Alfa").meeting(90).todo("x", 3);
    assert_eq!(
        since(known().fact(31, won)),
        "- Kund sedan 2025-08-01 (1 månad) (källa: CRM, 2025-08-01)"
    );
    let prospect = since(known().profile(field::STATUS, "prospect"));
    assert!(
        prospect.starts_with("- Prospekt, känd sedan 2024-07-28"),
        "{prospect}"
    );
}

#[test]
fn the_offer_of_a_page_has_a_deadline() {
    let decision = decide(known().facts(), &task("brief", "orebro-idrottsforbund"));
    assert_eq!(
        decision.requests[0].deadline,
        Some("2025-09-04T10:00:00Z".parse().unwrap())
    );
}

#[test]
fn points_are_said_as_people_say_them() {
    let follow = FactBody::Todo(kunder_domain::fact::Todo {
        key: "x".to_owned(),
        text: "Följ upp enkäten".to_owned(),
        due: Some(day(-2)),
        owner: None,
        priority: kunder_domain::fact::Priority::High,
    });
    let build = customer("a", "Alfa")
        .meeting(1)
        .fact(3, follow)
        .survey(2, 6)
        .subscription(300, "s", "8800 SEK", -300, Some(-10));
    let page = report(&decide(build.facts(), &task("brief", "a")))
        .text
        .clone()
        .unwrap();
    for line in [
        "- Hög prioritet: Följ upp enkäten, skulle vara klart 2025-08-30 (",
        "\n- Följ upp enkäten (",
        "- Återkommande intäkter har upphört (var 8 800 SEK i månaden) (",
        "- Berätta hur det går med: Följ upp enkäten (skulle vara klart 2025-08-30) (",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    let page = report(&decide(
        customer("a", "Alfa").meeting(1).survey(2, 6).facts(),
        &task("brief", "a"),
    ))
    .text
    .clone()
    .unwrap();
    assert!(
        page.contains("- Ta upp: gav 6 av 10 på frågan om de skulle rekommendera oss ("),
        "{page}"
    );
}
