//! Success stories: only from evidence, and naming nobody (S0-27).

use super::*;

#[test]
fn a_story_tells_what_was_reached_and_of_nobody() {
    check(
        known().facts(),
        &task("story", "orebro-idrottsforbund"),
        expect![[r#"
            complete: En anonym berättelse om Örebro Idrottsförbund är skickad till Marketing.
              fact told-story/task/k-1/orebro-idrottsforbund: {"kind":"told","what":"story","hash":"e8e6c8988efc06b4"}
              event story about None: ["pieces", "quotes", "title"]

            En anonym berättelse om Örebro Idrottsförbund är skickad till Marketing.

            En organisation inom idrottsorganisationer med 50–149 anställda har lyckats med oss
            - Tjänsten ”satori-uppstart” levererades klart på 8 veckor.
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
