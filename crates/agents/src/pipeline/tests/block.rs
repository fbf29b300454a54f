//! The block `pipeline`: exact, and the sum of its customers (S0-13).

use super::*;

#[test]
fn the_block_as_it_travels() {
    let finished = run(&agent(), &task("t1", ANALYSIS), now(), &portfolio());
    let mut block = finished.report().blocks["pipeline"].clone();
    let customers = block["customers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["customerId"].clone())
        .collect::<Vec<_>>();
    assert_eq!(
        customers,
        ["a", "b", "c", "d"],
        "those who left without ever bringing anything are left out"
    );
    block["customers"].as_array_mut().unwrap().truncate(1);
    block["falling"] = json!(block["falling"].as_array().unwrap().len());
    expect![[r#"
        {
          "asOf": "2025-09-01",
          "atRisk": {
            "amount": "0.00",
            "currency": "SEK"
          },
          "atRiskByCurrency": [],
          "coming": {
            "amount": "30000.01",
            "currency": "SEK"
          },
          "comingByCurrency": [
            {
              "amount": "30000.01",
              "currency": "SEK"
            }
          ],
          "comingWeighted": {
            "amount": "19000.00",
            "currency": "SEK"
          },
          "comingWeightedByCurrency": [
            {
              "amount": "19000.00",
              "currency": "SEK"
            }
          ],
          "customers": [
            {
              "active": true,
              "atRisk": [],
              "coming": [
                {
                  "amount": "30000.01",
                  "currency": "SEK"
                }
              ],
              "comingWeighted": [
                {
                  "amount": "19000.00",
                  "currency": "SEK"
                }
              ],
              "customer": "Alfa IF",
              "customerId": "a",
              "falling": false,
              "invoiced": [
                {
                  "amount": "2500.25",
                  "currency": "SEK"
                }
              ],
              "invoicedYtd": [
                {
                  "amount": "1500.15",
                  "currency": "SEK"
                }
              ],
              "recurringBefore": [
                {
                  "amount": "1500.00",
                  "currency": "SEK"
                }
              ],
              "recurringMonthly": [
                {
                  "amount": "1500.00",
                  "currency": "SEK"
                }
              ],
              "standing": "active"
            }
          ],
          "falling": 1,
          "hot": [
            {
              "customer": "Alfa IF",
              "customerId": "a",
              "expected": "2025-10-31",
              "hot": true,
              "idleDays": 5,
              "improbable": false,
              "key": "stöd",
              "lastActivity": "2025-08-27",
              "probability": 80,
              "quote": null,
              "source": "CRM",
              "stale": false,
              "status": "negotiation",
              "title": "Affär stöd",
              "value": {
                "amount": "20000.00",
                "currency": "SEK"
              },
              "weighted": {
                "amount": "16000.00",
                "currency": "SEK"
              }
            }
          ],
          "invoiced": {
            "amount": "2670.25",
            "currency": "SEK"
          },
          "invoicedByCurrency": [
            {
              "amount": "2670.25",
              "currency": "SEK"
            }
          ],
          "invoicedYtd": {
            "amount": "1500.16",
            "currency": "SEK"
          },
          "invoicedYtdByCurrency": [
            {
              "amount": "1500.16",
              "currency": "SEK"
            }
          ],
          "recurringMonthly": {
            "amount": "2650.50",
            "currency": "SEK"
          },
          "recurringMonthlyByCurrency": [
            {
              "amount": "2650.50",
              "currency": "SEK"
            }
          ],
          "stale": [
            {
              "customer": "Alfa IF",
              "customerId": "a",
              "expected": "2025-10-31",
              "hot": false,
              "idleDays": 40,
              "improbable": false,
              "key": "kurs",
              "lastActivity": "2025-07-23",
              "probability": 30,
              "quote": null,
              "source": "CRM",
              "stale": true,
              "status": "proposed",
              "title": "Affär kurs",
              "value": {
                "amount": "10000.01",
                "currency": "SEK"
              },
              "weighted": {
                "amount": "3000.00",
                "currency": "SEK"
              }
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&block).unwrap());
}

/// S0-13: to the öre, and the whole is the sum of the customers and of the ledger.
#[test]
fn totals_reconcile_with_customers_and_ledger() {
    let many: Vec<Build> = (0..1100_i64)
        .map(|n| {
            let currency = if n % 7 == 0 { "EUR" } else { "SEK" };
            customer(&format!("k{n}"), &format!("Kund {n}"))
                .invoice(n % 500, &format!("{}.{:02} {currency}", n * 13 % 997, n % 100))
                .invoice(n % 90, &format!("-0.{:02} SEK", n % 100))
        })
        .collect();
    let portfolio = MemoryPortfolio::new(facts(many));
    let mut ledger = Sums::default();
    for fact in portfolio.facts() {
        if let FactBody::Invoice(invoice) = fact.body {
            ledger.add(&invoice.amount);
        }
    }
    let finished = run(&agent(), &task("t1", ANALYSIS), now(), &portfolio);
    assert_eq!(finished.pages.len(), 3);
    let block = block(&finished);
    assert_eq!(block.invoiced_by_currency, ledger.moneys());
    let mut rows = Sums::default();
    block
        .customers
        .iter()
        .flat_map(|row| &row.invoiced)
        .for_each(|money| rows.add(money));
    assert_eq!(rows.moneys(), ledger.moneys());
    assert_eq!(
        block.invoiced,
        Money::new(ledger.get("SEK"), "SEK"),
        "of several currencies the organisation's own"
    );
    assert_eq!(block.customers.len(), 1100);
}

#[test]
fn one_currency_is_told_as_it_is() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa").invoice(9, "2500315.63 USD")]));
    let finished = run(&agent(), &task("t1", ANALYSIS), now(), &portfolio);
    let block = &finished.report().blocks["pipeline"];
    assert_eq!(
        block["invoiced"],
        json!({"amount": "2500315.63", "currency": "USD"})
    );
    assert_eq!(block["coming"], json!({"amount": "0.00", "currency": "USD"}));
}

/// S0-13, S0-17 on the demo portfolio: exact against its ledger, every customer with money once.
#[test]
fn the_demo_portfolio_reconciles() {
    let zone = TimeZone::get("Europe/Stockholm").unwrap();
    let demo = kunder_domain::demo::generate("2025-09-01".parse().unwrap(), 7, &zone);
    let mut ledger = Sums::default();
    for fact in &demo {
        if let FactBody::Invoice(invoice) = &fact.body {
            ledger.add(&invoice.amount);
        }
    }
    let finished = run(
        &agent(),
        &task("t1", ANALYSIS),
        now(),
        &MemoryPortfolio::new(demo),
    );
    let block = block(&finished);
    assert_eq!(block.invoiced_by_currency, ledger.moneys());
    assert!(block.customers.len() >= 15, "{}", block.customers.len());
    for (name, rows) in [
        ("hot", block.hot.len()),
        ("stale", block.stale.len()),
        ("falling", block.falling.len()),
    ] {
        assert!(rows > 0, "the demo shows {name}");
    }
    let told: Vec<_> = finished
        .decisions()
        .flat_map(|decision| &decision.events)
        .collect();
    assert!(!told.is_empty());
}

/// What recurs and is coming of one that has left is not to come; a prospect has nothing that recurs yet.
#[test]
fn only_what_is_still_to_come_is_counted() {
    let with_everything = |id: &str, name: &str| {
        customer(id, name)
            .invoice(20, "100 SEK")
            .subscription(300, "satori", "1000 SEK", -300, None)
            .subscription(30, "satori", "10 SEK", -300, None)
            .opportunity(5, "kurs", OpportunityStatus::Negotiation, "2000 SEK", 80)
    };
    let portfolio = MemoryPortfolio::new(facts([
        with_everything("a", "Aktiva IF"),
        with_everything("b", "Borta IF").profile(field::STATUS, "churned"),
        with_everything("p", "Prospekt IF").profile(field::STATUS, "prospect"),
        customer("v", "Vilande IF")
            .opportunity(5, "kurs", OpportunityStatus::Negotiation, "2000 SEK", 80)
            .profile(field::STATUS, "inactive"),
    ]));
    for (locale, prospect, left) in [
        (
            Locale::Sv,
            "Prospekt IF (prospekt): ",
            "Borta IF (har lämnat): fakturerat 100 SEK",
        ),
        (
            Locale::En,
            "Prospekt IF (prospect): ",
            "Borta IF (has left): invoiced 100 SEK",
        ),
    ] {
        let mut task = task("t1", ANALYSIS);
        task.locale = Some(locale);
        let finished = run(&agent(), &task, now(), &portfolio);
        let text = finished.report().text.clone().unwrap();
        assert!(
            text.contains(prospect) && text.lines().any(|line| line == format!("- {left}")),
            "{text}"
        );
        let block = block(&finished);
        assert_eq!(
            [
                block.invoiced,
                block.recurring_monthly,
                block.coming,
                block.coming_weighted
            ],
            ["300.00", "10.00", "4000.00", "3200.00"]
                .map(|amount| Money::new(amount.parse().unwrap(), "SEK"))
        );
        assert_eq!(
            (block.customers.len(), block.falling.len(), block.hot.len()),
            (3, 1, 2)
        );
    }
}

#[test]
fn revenue_that_has_ended_is_told_in_its_currency() {
    let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").subscription(
        300,
        "satori",
        "8800 SEK",
        -300,
        Some(-10),
    )]));
    let text = run(&agent(), &task("t1", ANALYSIS), now(), &portfolio)
        .report()
        .text
        .clone();
    assert!(
        text.as_ref()
            .is_some_and(|text| text.contains("återkommande 0 SEK per månad, var 8 800 SEK")),
        "{text:?}"
    );
}

/// Pages are cut by the agent itself: a task from outside is none.
#[test]
fn a_page_that_somebody_else_made_is_refused() {
    let work = Work {
        task: task("t1", ANALYSIS),
        now: now(),
        attempt: 1,
        joined: None,
    };
    let portfolio = portfolio();
    let kunder_agent_core::decision::Resolution::Wait(pages) = decide(&agent(), &work, &portfolio).verdict
    else {
        panic!("it waits for pages")
    };
    let mut page = work.clone();
    page.task = pages[0].task(&work.task, &AgentName::new(NAME));
    assert!(!decide(&agent(), &page, &portfolio).changes.is_empty());
    page.task.chain.clear();
    let refused = decide(&agent(), &page, &portfolio);
    assert!(refused.changes.is_empty() && refused.requests.is_empty());
    let kunder_agent_core::decision::Resolution::Done(report) = refused.verdict else {
        panic!("it is done")
    };
    assert_eq!(report.blockers, ["`pipeline-page` is an inner step of pipeline"]);
}

#[test]
fn quotes_stand_in_the_marks_of_the_language() {
    let hot = FactBody::Opportunity(kunder_domain::fact::Opportunity {
        key: "kurs".to_owned(),
        title: "Kurs".to_owned(),
        status: OpportunityStatus::Negotiation,
        value: Money::new("100".parse().unwrap(), "SEK"),
        probability: 80,
        expected: None,
        quote: Some("Gärna".to_owned()),
    });
    for (locale, quote) in [(Locale::Sv, "”Gärna”"), (Locale::En, "“Gärna”")] {
        let portfolio = MemoryPortfolio::new(facts([customer("a", "Alfa IF").fact(3, hot.clone())]));
        let mut task = task("t1", ANALYSIS);
        task.locale = Some(locale);
        let finished = run(&agent(), &task, now(), &portfolio);
        let text = finished.report().text.clone().unwrap();
        assert!(text.contains(&format!(" – {quote}")), "{text}");
        let told = finished
            .decisions()
            .flat_map(|decision| &decision.requests)
            .next()
            .unwrap();
        assert!(
            told.instruction.text.as_ref().unwrap().ends_with(quote),
            "{told:?}"
        );
    }
}
