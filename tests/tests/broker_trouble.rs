//! Trouble with the broker, as the operator sees it: `kunder doctor` says what is wrong and how to mend it, by its exit code
//! too, and says so no more once it is mended.

use kunder_tests::system::{Kunder, Nats, Output, eventually};

const PASSWORD: &str = "hem@ligt";

/// A server whose user `kunder` may publish everything but this.
fn denying(subjects: &str) -> String {
    format!(
        "authorization {{ users: [ {{ user: kunder, password: \"{PASSWORD}\", permissions: {{ \
         publish: {{ allow: [\">\"], deny: [{subjects}] }}, subscribe: {{ allow: [\">\"] }} }} }} ] }}\n"
    )
}

/// `kunder doctor`, asked until it exits so.
#[track_caller]
fn doctor(kunder: &Kunder, code: i32, with: &str) -> Output {
    eventually(&format!("doctor exits with {code}, saying `{with}`"), || {
        let output = kunder.run(&["doctor"]);
        (output.status == code && output.stdout.contains(with)).then_some(output)
    })
}

/// Waits until events and results are announced; another process that nobody runs here has a lane of its own.
#[track_caller]
fn announced(kunder: &Kunder) {
    eventually("events and results are announced", || {
        let waiting = kunder.run(&["doctor", "--json"]).json()["waiting"].clone();
        ["events", "results"]
            .iter()
            .all(|lane| waiting[lane].is_null())
            .then_some(())
    });
}

#[test]
fn a_permission_that_is_missing_turns_doctor_red_until_it_is_given() {
    let (nats, kunder) = (
        Nats::start_configured(&denying("\"kunder.event.>\"")),
        Kunder::portfolio(),
    );
    let url = nats.url().replace("nats://", "nats://kunder:hem%40ligt@");
    let serve = kunder.serve(&url);
    let _ = kunder.run(&["ask", "Kör kundhälsokoll"]).exits(0);
    let said = doctor(
        &kunder,
        1,
        "problem      nats does not permit us to publish on kunder.event.",
    );
    assert!(
        said.stdout
            .contains("allow it under `permissions.publish` of our user"),
        "{said}"
    );
    let diagnosis = kunder.run(&["doctor", "--json"]).exits(1).json();
    assert_eq!(
        diagnosis["problems"].as_array().map(Vec::len),
        Some(1),
        "{diagnosis}"
    );
    assert!(diagnosis["waiting"]["events"].as_u64() > Some(0), "{diagnosis}");

    nats.reload(&denying(""));
    announced(&kunder);
    let said = doctor(&kunder, 0, "KUNDER_EVENTS: ");
    assert!(!said.stdout.contains("problem "), "{said}");
    let log = serve.log();
    assert!(
        log.contains("the broker needs a person") && log.contains("this is over"),
        "{log}"
    );
    for secret in ["ligt", "%40"] {
        assert!(
            !log.contains(secret) && !said.stdout.contains(secret),
            "{log}\n{said}"
        );
    }
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_broker_that_is_away_turns_doctor_red_until_it_is_back() {
    let (mut nats, kunder) = (Nats::start(), Kunder::portfolio());
    let serve = kunder.serve(&nats.url());
    let _ = doctor(&kunder, 0, "KUNDER_TASKS: ");
    nats.kill();
    let said = doctor(
        &kunder,
        1,
        "problem      not connected to nats at nats://127.0.0.1",
    );
    assert!(said.stdout.contains("is the server running?"), "{said}");
    // Work that needs no broker goes on meanwhile.
    let _ = kunder.run(&["ask", "Kör kundhälsokoll"]).exits(0);
    nats.start_again();
    announced(&kunder);
    let said = doctor(&kunder, 0, "KUNDER_EVENTS: ");
    assert!(
        said.stdout.contains("warning      the connection was lost"),
        "{said}"
    );
    assert_eq!(serve.stop(), 0);
}

#[test]
fn nobody_there_is_a_problem() {
    let kunder = Kunder::temporary();
    let output = kunder
        .run(&["doctor", "--nats", "nats://127.0.0.1:1", "--json"])
        .exits(1);
    let problem = output.json()["problems"][0].to_string();
    assert!(
        problem.contains("not reachable") && problem.contains("nats://127.0.0.1:1"),
        "{problem}"
    );
}
