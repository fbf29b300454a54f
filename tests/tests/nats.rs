//! The system over a real nats-server, seen by a client nobody here wrote: nats-py, in the scripts of `tests/py`.

use kunder_tests::system::{Kunder, Nats, Python, Serve};

/// The largest payload that the bad envelopes need room for.
const WIDE: &str = "max_payload: 8MB";

/// A server, a data folder and a `kunder serve` that joins them.
struct System {
    serve: Serve,
    kunder: Kunder,
    nats: Nats,
}

impl System {
    #[track_caller]
    fn start(nats: Nats, kunder: Kunder) -> Self {
        let serve = kunder.serve(&nats.url());
        Self { serve, kunder, nats }
    }

    /// Runs a function of a script against it; then it stops as it should.
    #[track_caller]
    fn check(self, script: &str, function: &str) {
        let output = Python::new(script, function).arg(self.nats.url()).run();
        assert!(
            output.status == 0,
            "{output}\n--- kunder serve\n{}",
            self.serve.log()
        );
        assert_eq!(self.serve.stop(), 0);
    }
}

/// On the portfolio of the demo, after the demo: its alerts were raised and are known.
#[track_caller]
fn after_the_demo(script: &str, function: &str) {
    System::start(Nats::start(), Kunder::demo()).check(script, function);
}

/// On the portfolio of the demo, of which nothing was asked yet.
#[track_caller]
fn on_the_portfolio(script: &str, function: &str) {
    System::start(Nats::start(), Kunder::portfolio()).check(script, function);
}

#[track_caller]
fn with_wide_payloads(script: &str, function: &str) {
    System::start(Nats::start_configured(WIDE), Kunder::demo()).check(script, function);
}

#[test]
fn services_are_discovered() {
    after_the_demo("services.py", "every_agent_is_discovered");
}

#[test]
fn services_count_requests_and_errors() {
    after_the_demo("services.py", "requests_and_errors_are_counted");
}

/// S3-57.
#[test]
fn a_task_by_request() {
    after_the_demo("tasks.py", "a_task_by_request");
}

/// S3-56, D-36.
#[test]
fn the_seeds_names_over_nats() {
    after_the_demo("tasks.py", "the_seeds_names_are_understood");
}

#[test]
fn a_task_by_work_queue() {
    after_the_demo("tasks.py", "a_task_by_work_queue");
}

#[test]
fn the_same_task_twice_is_one() {
    after_the_demo("tasks.py", "the_same_task_twice_is_one");
}

#[test]
fn the_same_id_with_another_body_is_refused() {
    after_the_demo("tasks.py", "the_same_id_with_another_body_is_refused");
}

#[test]
fn status_and_cancel() {
    on_the_portfolio("tasks.py", "status_and_cancel");
}

/// S0-26.
#[test]
fn the_success_metrics() {
    after_the_demo("tasks.py", "the_success_metrics");
}

#[test]
fn unknown_agents_have_nobody_to_answer() {
    after_the_demo("tasks.py", "unknown_agents_have_nobody_to_answer");
}

#[test]
fn bad_requests_are_refused() {
    with_wide_payloads("envelopes.py", "bad_requests_are_refused");
}

#[test]
fn bad_messages_become_dead_letters() {
    with_wide_payloads("envelopes.py", "bad_messages_become_dead_letters");
}

#[test]
fn bad_events_become_dead_letters() {
    after_the_demo("envelopes.py", "bad_events_become_dead_letters");
}

/// By the command line too, and once more by a replay.
#[test]
fn dead_letters_are_told_and_listed() {
    let System { serve, kunder, nats } = System::start(Nats::start(), Kunder::portfolio());
    let output = Python::new("envelopes.py", "dead_letters_are_told_once")
        .arg(nats.url())
        .run();
    assert!(output.status == 0, "{output}\n{}", serve.log());
    for way in [vec![], vec!["--nats".to_owned(), nats.url()]] {
        let mut arguments = vec!["dlq", "list", "--json"];
        arguments.extend(way.iter().map(String::as_str));
        let listed = kunder.run(&arguments).exits(0).json_lines();
        assert_eq!(listed.len(), 2, "{listed:?}");
        let id = listed[1]["id"].as_str().unwrap_or_default();
        let refused = kunder.run(&["dlq", "replay", id]).exits(2);
        assert!(refused.stderr.contains("stays open"), "{refused}");
    }
    assert_eq!(serve.stop(), 0);
}

/// S0-31.
#[test]
fn alerts_are_raised_once() {
    on_the_portfolio("events.py", "alerts_are_raised_once");
}

#[test]
fn who_is_away_holds_nobody_up() {
    on_the_portfolio("events.py", "who_is_away_holds_nobody_up");
}

/// S0-20, S0-32.
#[test]
fn a_deal_won_starts_one_onboarding() {
    on_the_portfolio("processes.py", "a_deal_won_starts_one_onboarding");
}

/// S0-25, S0-27, S0-30.
#[test]
fn a_completed_service_is_told() {
    on_the_portfolio("processes.py", "a_completed_service_is_told");
}

/// S0-15 to S0-18.
#[test]
fn chat_takes_the_four_commands() {
    after_the_demo("chat.py", "the_four_commands");
}

#[test]
fn chat_asks_back_and_goes_on() {
    after_the_demo("chat.py", "a_question_is_answered");
}

/// S0-19.
#[test]
fn chat_never_guesses() {
    after_the_demo("chat.py", "what_is_unknown_is_never_guessed");
}

#[test]
fn chat_speaks_english() {
    after_the_demo("chat.py", "english_is_answered_in_english");
}

#[test]
fn a_restart_of_the_broker_loses_nothing() {
    let System {
        serve,
        kunder,
        mut nats,
    } = System::start(Nats::start(), Kunder::portfolio());
    let notes = kunder.folder().join("notes.json");
    let part = |function: &str, url: String| Python::new("broker.py", function).arg(url).arg(&notes).run();
    let output = part("before_the_restart", nats.url());
    assert!(output.status == 0, "{output}\n{}", serve.log());
    nats.kill();
    // The command line reaches it by its socket all the same, and what it announces waits.
    let checked = kunder.run(&["ask", "Kör kundhälsokoll", "--json"]).exits(0);
    assert_eq!(checked.json()["customers"]["total_managed"], 15);
    nats.start_again();
    let output = part("after_the_restart", nats.url());
    assert!(output.status == 0, "{output}\n{}", serve.log());
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_server_without_jetstream_is_refused() {
    let (nats, kunder) = (Nats::start_without_jetstream(), Kunder::temporary());
    let output = kunder.run(&["serve", "--nats", &nats.url()]).exits(2);
    assert!(
        output.stderr.contains("error: ") && output.stderr.contains("JetStream"),
        "{output}"
    );
    assert!(output.stderr.contains("hint: "), "{output}");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let mut nats = Nats::start();
    nats.kill();
    let output = Kunder::temporary()
        .run(&["serve", "--nats", &nats.url()])
        .exits(2);
    assert!(
        output.stderr.contains("error: ") && output.stderr.contains(&nats.url()),
        "{output}"
    );
    assert!(output.stderr.contains("hint: "), "{output}");
}
