//! The checklist, the answer in words, and what a task that only asks commits (S0-06, S0-12, S0-16).

use expect_test::expect;
use kunder_domain::fact::Stage;
use serde_json::json;

use super::*;

#[test]
fn onboarding_starts_once_and_the_second_call_shows_the_running_one() {
    let facts = nearly_complete(&[field::CONTRACT, field::NEWSLETTER]).facts();
    let asks = [
        ask("k-1", "onboard", orebro(json!({}))),
        ask("k-2", "onboard", orebro(json!({}))).day(2),
    ];
    check(
        facts,
        asks,
        expect![[r#"
        complete: Onboarding för Örebro Idrottsförbund är startad; 15 av 19 punkter är klara.
          expects orebro-idrottsforbund at 15
          fact onboarding/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"onboarding","deal":null}
          fact stage-1-onboarding/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"stage","stage":"onboarding","cause":"onboard"}
          fact coordination-1-asked-k-b1d71a29fed261bb0a21e26db5c4a2ff/task/k-1/orebro-idrottsforbund (Onboarding, Onboarding): {"kind":"coordination","key":"k-b1d71a29fed261bb0a21e26db5c4a2ff","with":"tjanster/service-delivery-agent","state":"asked","deadline":"2025-09-04T10:00:00Z"}
          event stage-changed [orebro-idrottsforbund/onboarding]: {"actor":"Onboarding","at":"2025-09-01T10:00:00Z","cause":"onboard","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","from":null,"to":"onboarding"}
          event onboarding-started [orebro-idrottsforbund]: {"actor":"Onboarding","cause":"onboard","customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deal":null,"missing":["newsletter","contract"],"started":"2025-09-01T10:00:00Z"}
          follow-up onboarding coordination-timeout about orebro-idrottsforbund at 2025-09-04T10:00:00Z: {"key":"k-b1d71a29fed261bb0a21e26db5c4a2ff"}
          request tjanster/service-delivery-agent coordinate-onboarding by 2025-09-04T10:00:00Z: {"customer":"Örebro Idrottsförbund","customerId":"orebro-idrottsforbund","deadline":"2025-09-04T10:00:00Z","deal":null,"services":["satori-uppstart"],"started":"2025-09-01T10:00:00Z"}

        complete: Onboarding för Örebro Idrottsförbund pågår; 15 av 19 punkter är klara.
          expects orebro-idrottsforbund at 18
    "#]],
    );
}

#[test]
fn the_answer_in_words_says_what_is_done_and_who_has_the_rest() {
    let facts =
        || nearly_complete(&[field::CONTRACT, field::NEWSLETTER, field::FIRST_QUARTERLY_MEETING]).facts();
    let text = |ask: Ask| report(&decide(facts(), [ask])[0]).text.clone().unwrap();
    expect![[r#"
        Onboarding för Örebro Idrottsförbund är startad; 14 av 19 punkter är klara.

        Grunddata
          ✓ Organisationsnummer: 802400-0001 (CRM, 2024-07-28)
          ✓ Antal anställda: 120 (CRM, 2024-07-28)
          ✓ Bransch: idrottsorganisationer (CRM, 2024-07-28)
          ✗ Ort: saknas, fråga Sälj (valfritt)
          ✗ Webbplats: saknas, fråga kunden (valfritt)
          ✓ Mål och behov från säljprocessen: Fler medlemmar (CRM, 2024-07-28)
        Kontakter
          ✓ Minst tre kontaktpersoner: 4 (CRM, 2024-07-29)
          ✓ Beslutsfattare: Åsa Öman (CRM, 2024-07-29)
          ✓ Teknisk kontakt: Per Ek (CRM, 2024-07-28)
          ✓ Ekonomikontakt: Mia Al (CRM, 2024-07-28)
          ✓ Projektkontakt: Bo Lind (CRM, 2024-07-28)
          ✓ Verifierad e-post eller telefon: Åsa Öman (CRM, 2024-07-29)
        E-post och kommunikation
          ✓ E-postadress för fakturor: faktura@orebro.example (CRM, 2024-07-28)
          ✓ Hur kunden helst vill bli kontaktad: mail (CRM, 2024-07-28)
          ✗ Val om nyhetsbrev: saknas, fråga kunden
        Tjänster och avtal
          ✓ Minst en avtalad tjänst: 1 (CRM, 2024-11-05)
          ✗ Påskrivet avtal: saknas, fråga Sälj
        Framtida möjligheter
          ✓ Minst en framtida möjlighet: 1 (CRM, 2025-08-12)
          ✗ Första kvartalsmötet bokat: saknas, fråga kunden

        Steg: Onboarding
        Startad: 2025-09-01
        Samordning: tjanster/service-delivery-agent är tillfrågad
        Håll första kvartalsmötet senast 2025-11-01."#]]
    .assert_eq(&text(ask("k-1", "onboard", orebro(json!({})))));
    expect![[r#"
        The onboarding of Örebro Idrottsförbund has been started; 14 of 19 items are done.

        Basic data
          ✓ Registration number: 802400-0001 (CRM, 2024-07-28)
          ✓ Number of employees: 120 (CRM, 2024-07-28)
          ✓ Sector: sports organisations (CRM, 2024-07-28)
          ✗ Town: missing, ask Sales (optional)
          ✗ Website: missing, ask the customer (optional)
          ✓ Goals and needs from the sales process: Fler medlemmar (CRM, 2024-07-28)
        Contacts
          ✓ At least three contacts: 4 (CRM, 2024-07-29)
          ✓ Decision maker: Åsa Öman (CRM, 2024-07-29)
          ✓ Technical contact: Per Ek (CRM, 2024-07-28)
          ✓ Finance contact: Mia Al (CRM, 2024-07-28)
          ✓ Project contact: Bo Lind (CRM, 2024-07-28)
          ✓ Verified e-mail or phone: Åsa Öman (CRM, 2024-07-29)
        Mail and communication
          ✓ E-mail address for invoices: faktura@orebro.example (CRM, 2024-07-28)
          ✓ How the customer prefers to be contacted: mail (CRM, 2024-07-28)
          ✗ Choice about newsletters: missing, ask the customer
        Services and contract
          ✓ At least one agreed service: 1 (CRM, 2024-11-05)
          ✗ Signed contract: missing, ask Sales
        Future opportunities
          ✓ At least one future opportunity: 1 (CRM, 2025-08-12)
          ✗ First quarterly meeting booked: missing, ask the customer

        Step: Onboarding
        Started: 2025-09-01
        Coordination: tjanster/service-delivery-agent was asked
        Hold the first quarterly review by 2025-11-01."#]]
    .assert_eq(&text(ask("k-1", "onboard", orebro(json!({}))).english()));
}

#[test]
fn every_missing_item_is_an_action_for_the_one_who_can_supply_it() {
    let facts = nearly_complete(&[field::CONTRACT, field::NEWSLETTER, field::INVOICE_EMAIL]).facts();
    let decision = decide(facts, [ask("k-1", "onboard", orebro(json!({})))]).remove(0);
    let actions: Vec<String> = report(&decision)
        .actions
        .iter()
        .map(|action| format!("{} ({})", action.action, action.outcome))
        .collect();
    expect![[r#"
        Be Ekonomi om: e-postadress för fakturor (pending)
        Be kunden om: val om nyhetsbrev (pending)
        Be Sälj om: påskrivet avtal (pending)"#]]
    .assert_eq(&actions.join("\n"));
    let block: super::super::OnboardingBlock =
        serde_json::from_value(report(&decision).blocks["onboarding"].clone()).unwrap();
    assert!(!block.complete);
    assert_eq!(block.stage, Some(Stage::Onboarding));
    assert_eq!(block.missing.len(), 3);
    assert_eq!(block.groups.len(), 5);
    assert_eq!(
        block.first_review.map(|day| day.to_string()).as_deref(),
        Some("2025-10-15")
    );
}

#[test]
fn a_complete_checklist_closes_the_onboarding_once() {
    let facts = nearly_complete(&[field::CONTRACT]).facts();
    let complete = ask("k-2", "handover", orebro(json!({ "contract": "A-17" }))).day(5);
    let asks = [
        ask("k-1", "onboard", orebro(json!({}))),
        complete,
        ask("k-3", "onboard", orebro(json!({}))).day(6),
    ];
    check_outline(
        facts,
        asks,
        expect![[r#"
        complete: Onboarding för Örebro Idrottsförbund är startad; 16 av 19 punkter är klara. [stage-changed, onboarding-started]
          null→"onboarding"
        complete: Överlämningen av Örebro Idrottsförbund från Sälj är införd, 1 av 1 uppgifter var nya; 17 av 19 punkter är klara. [onboarding-completed]
        complete: Onboarding för Örebro Idrottsförbund är redan klar; 17 av 19 punkter är klara. []"#]],
    );
}

#[test]
fn an_unknown_customer_is_not_made_by_naming_it() {
    let facts = customer("orebro-idrottsforbund", "Örebro Idrottsförbund").facts();
    let decision = decide(
        facts,
        [ask(
            "k-1",
            "onboard",
            json!({ "customer": "Örebro Idrottsförening Xylofon" }),
        )],
    )
    .remove(0);
    let report = report(&decision);
    expect![[r#"
        failed
        Ingen kund heter ”Örebro Idrottsförening Xylofon”.
        Menades någon av dessa? Örebro Idrottsförbund
        Nya kunder kommer in när Sälj vinner en affär (salj.deal-won) eller genom import."#]]
    .assert_eq(&format!(
        "{}\n{}\n{}",
        report.status.as_str(),
        report.summary,
        report.recommendations.join("\n")
    ));
}

#[test]
fn a_rehearsal_shows_what_would_be_and_commits_nothing() {
    let facts = || nearly_complete(&[field::CONTRACT]).facts();
    let dry = ask("k-1", "onboard", orebro(json!({}))).with(|task| task.dry_run = true);
    let past = ask("k-2", "onboard", orebro(json!({}))).with(|task| task.as_of = Some(day(-10)));
    for ask in [dry, past] {
        let decision = decide(facts(), [ask]).remove(0);
        assert!(decision.changes.is_empty() && decision.events.is_empty() && decision.expects.is_empty());
        assert!(decision.follow_ups.is_empty() && decision.requests.is_empty());
        assert!(
            report(&decision).summary.contains("är inte startad; 16 av 19"),
            "{}",
            report(&decision).summary
        );
    }
}
