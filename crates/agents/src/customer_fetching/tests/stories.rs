//! Success stories: only from evidence, and naming nobody (S0-27).

use super::*;

#[test]
fn a_story_tells_what_was_reached_and_of_nobody() {
    check(
        known().facts(),
        &task("story", "orebro-idrottsforbund"),
        expect![[r#"
            complete: En anonym berättelse om Örebro Idrottsförbund är skickad till Marketing.
              fact told-story/task/k-1/orebro-idrottsforbund: {"kind":"told","what":"story","hash":"f283a5582a610cef"}
              event story about None: ["pieces", "quotes", "title"]

            En anonym berättelse om Örebro Idrottsförbund är skickad till Marketing.

            En kund i branschen idrottsorganisationer, 50–149 anställda, har nått resultat tillsammans med oss
            - Tjänsten ”satori-uppstart” blev klar.
            - Kunden ger 9 av 10 på frågan om de skulle rekommendera oss.
            - Samarbetet har pågått i mer än 1 år."#]],
    );
}

#[test]
fn without_evidence_there_is_no_story() {
    check(
        customer("tyst", "Tysta Förbundet").facts(),
        &task("story", "tyst"),
        expect![[r#"
            complete: Det finns inget att berätta om Tysta Förbundet än: ingen slutförd tjänst och inget nöjt svar.
        "#]],
    );
}

#[test]
fn a_customer_that_would_not_recommend_us_is_no_success() {
    let decision = decide(
        known().survey(5, 4).facts(),
        &task("story", "orebro-idrottsforbund"),
    );
    assert!(decision.events.is_empty(), "{}", show(&decision));
}

#[test]
fn a_task_whose_id_names_the_customer_tells_nothing() {
    let mut task = task("story", "orebro-idrottsforbund");
    task.task_id = TaskId::new("story-örebro-1").unwrap();
    check(
        known().facts(),
        &task,
        expect![[r#"
        failed: Berättelsen skickades inte.
          blocker: Berättelsen skickades inte, den röjer kunden: taskId: name: orebro, taskId: town: orebro.
    "#]],
    );
}

#[test]
fn the_same_story_is_told_once_and_a_new_success_again() {
    let portfolio = MemoryPortfolio::new(known().facts());
    let mut told = Vec::new();
    for number in 1..=3 {
        let mut task = task("story", "orebro-idrottsforbund");
        task.task_id = TaskId::new(format!("k-{number}")).unwrap();
        if number == 3 {
            portfolio.store(
                known()
                    .service(0, "kurs", ServiceStatus::Completed)
                    .facts()
                    .into_iter()
                    .rev()
                    .take(1),
            );
        }
        told.push(
            run(&agent(), &task, ago(-number), &portfolio)
                .decision
                .events
                .len(),
        );
    }
    assert_eq!(told, [1, 0, 1]);
}

/// Nothing that leaves the house points at its customer, whatever the day.
#[test]
fn no_story_of_the_demo_portfolio_gives_its_customer_away() {
    let (facts, ids) = demo_portfolio();
    let portfolio = MemoryPortfolio::new(facts.clone());
    let view = ready(portfolio.view(now())).unwrap();
    let mut told = 0;
    for customer in ready(portfolio.read(view, &Span::default())).unwrap() {
        let decision = decide(facts.clone(), &task("story", customer.id.as_str()));
        for event in &decision.events {
            told += 1;
            assert_eq!((event.subject.as_deref(), event.key.as_str()), (None, ""));
            let sent = serde_json::to_string(&event.data).unwrap();
            assert_eq!(reveals(&sent, &customer), Vec::<String>::new(), "{sent}");
            let mut forbidden = vec![customer.name().to_owned(), customer.id.0.clone()];
            let fields = [
                field::ORG_NUMBER,
                field::TOWN,
                field::WEBSITE,
                field::INVOICE_EMAIL,
            ];
            forbidden.extend(
                fields
                    .iter()
                    .filter_map(|field| customer.field(field))
                    .map(str::to_owned),
            );
            for contact in customer.contacts.values() {
                forbidden.push(contact.value.name.clone());
                forbidden.extend(contact.value.email.clone());
                forbidden.extend(contact.value.phone.clone());
            }
            for word in forbidden {
                assert!(
                    !sent.to_lowercase().contains(&word.to_lowercase()),
                    "{word} in {sent}"
                );
            }
        }
    }
    assert!(told >= 1, "none of {} customers has a story", ids.len());
}

/// Nobody at risk, nobody unhappy and nobody who left is a success, and the answer says which it is.
#[test]
fn what_stands_against_a_story_is_said() {
    let alert = FactBody::Alert {
        reason: "at-risk".to_owned(),
        open: true,
        severity: 2,
        level: None,
    };
    let cases = [
        (known().survey(5, 6), "det senaste svaret var inte nöjt"),
        (known().fact(1, alert), "kunden är i riskzonen"),
        (known().profile(field::STATUS, "churned"), "kunden har lämnat"),
    ];
    for (build, reason) in cases {
        let decision = decide(build.facts(), &task("story", "orebro-idrottsforbund"));
        assert!(decision.events.is_empty());
        assert_eq!(
            report(&decision).summary,
            format!("Det finns inget att berätta om Örebro Idrottsförbund än: {reason}.")
        );
    }
}

/// Only words that came with a promoter's score are praise for sure.
#[test]
fn only_praise_is_quoted() {
    let said = |days: i64, quote: &str| {
        (
            days,
            FactBody::Feedback {
                service: "Uppstart".to_owned(),
                text: "Synpunkt".to_owned(),
                quote: Some(quote.to_owned()),
            },
        )
    };
    let mut build = known().survey(40, 9).survey(39, 8);
    for (days, body) in [
        said(40, "Det sparar timmar"),
        said(39, "Helt okej"),
        said(38, "Fler mallar, tack"),
    ] {
        build = build.fact(days, body);
    }
    let decision = decide(build.facts(), &task("story", "orebro-idrottsforbund"));
    assert_eq!(
        decision.events[0].data["quotes"],
        serde_json::json!(["Det sparar timmar"])
    );
}

/// A delivery within its eight weeks is told with its length, a longer one without.
#[test]
fn only_a_delivery_in_time_is_told_with_its_weeks() {
    for (started, told) in [(146, "blev klar på 8 veckor."), (147, "” blev klar.")] {
        let build = customer("a", "Alfa")
            .service(started, "kurs", ServiceStatus::Started)
            .service(90, "kurs", ServiceStatus::Completed);
        let text = report(&decide(build.facts(), &task("story", "a")))
            .text
            .clone()
            .unwrap();
        assert!(text.contains(told), "{started}: {text}");
    }
}
