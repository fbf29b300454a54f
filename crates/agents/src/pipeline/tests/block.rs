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
              ]
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
