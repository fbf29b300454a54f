//! A storm of events of other processes is bounded by rule: nothing of it is lost, and other customers notice nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use kunder::app::{App, Options};
use kunder::config::Config;
use kunder::metrics::Metrics;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::{Door, Incoming, Receipt, Refusal, RefusalCode};
use kunder_tests::manual_clock::ManualClock;

/// The shipped definitions, with three events a minute.
fn definitions(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../definitions/satori");
    for entry in std::fs::read_dir(shipped).unwrap() {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let text = text.replace("  most: 300", "  most: 3");
        std::fs::write(folder.join(entry.file_name()), text).unwrap();
    }
}

async fn touchpoint(app: &App, id: &str, customer: &str) -> Result<Receipt, Refusal> {
    let data = serde_json::json!({ "customer": customer, "text": "Ringde" });
    let incoming = Incoming {
        process: "admin".to_owned(),
        kind: "touchpoint".to_owned(),
        id: Some(id.to_owned()),
        time: None,
        traceparent: None,
        data: serde_json::to_vec(&data).unwrap(),
    };
    app.service.incoming(incoming).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_events_about_one_customer_is_put_off_by_rule_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    definitions(&folder.path().join("definitions"));
    let clock = Arc::new(ManualClock::default());
    let options = Options {
        data: folder.path().join("data"),
        config: Config {
            definitions: Some(folder.path().join("definitions")),
            ..Config::default()
        },
        serve: false,
    };
    let app = App::open(options, Arc::clone(&clock) as Arc<dyn Clock>)
        .await
        .unwrap();
    for number in 0..3 {
        assert!(
            !touchpoint(&app, &format!("e{number}"), "Alfa IF")
                .await
                .unwrap()
                .known
        );
    }
    let refusal = touchpoint(&app, "e3", "Alfa IF").await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.retry_after_ms),
        (RefusalCode::Busy, Some(60_000))
    );
    assert!(
        refusal
            .message
            .contains("3 events `admin.touchpoint` about customer Alfa IF"),
        "{refusal}"
    );
    assert!(
        touchpoint(&app, "e0", "Alfa IF").await.unwrap().known,
        "a second delivery is no storm"
    );
    touchpoint(&app, "e4", "Beta IF")
        .await
        .expect("another customer notices nothing");
    let metrics = Metrics::of(&app.service).await.unwrap();
    assert_eq!(
        (metrics.put_off, metrics.refused.get(&429), metrics.drift),
        (1, Some(&1), 0)
    );
    assert_eq!(metrics.tasks.accepted, 4);
    assert_eq!(metrics.troubles(), ["1 events of storms were put off"]);
    clock.advance(SignedDuration::from_secs(60));
    assert!(
        !touchpoint(&app, "e3", "Alfa IF").await.unwrap().known,
        "it comes again and is taken"
    );
    app.close().await;
}
