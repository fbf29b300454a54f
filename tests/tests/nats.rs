//! The system over a real nats-server, seen by a client nobody here wrote: nats-py, in the scripts of `tests/py`.

use kunder_tests::system::{Kunder, Nats, Output, Python, Serve};

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

/// Every command of the command line over `--nats`: the folder it would otherwise use stays untouched.
#[test]
fn the_command_line_over_nats() {
    let System { serve, kunder, nats } = System::start(Nats::start(), Kunder::demo());
    let remote = Remote {
        nats: nats.url(),
        client: Kunder::temporary(),
    };

    let check = remote
        .run(&["ask", "Kör kundhälsokoll", "--json"])
        .exits(0)
        .json();
    assert_eq!(check["customers"]["total_managed"], 15);
    assert!(
        remote
            .run(&["ask", "Run health check", "--locale", "en"])
            .exits(0)
            .stdout
            .contains("Healthy")
    );
    assert!(
        remote
            .run(&["ask", "Baka en tårta"])
            .exits(1)
            .stdout
            .contains("Baka en tårta")
    );

    let envelope = br#"{"TaskId":"via-nats","Agent":"pipeline","Instructie":"Pipeline-analys"}"#;
    let sent = remote
        .run_with(&["task", "send", "-", "--json"], envelope)
        .exits(0)
        .json();
    assert_eq!(
        (&sent["taskId"], &sent["status"]),
        (&"via-nats".into(), &"complete".into())
    );
    let again = remote
        .run_with(&["task", "send", "-", "--json"], envelope)
        .exits(0)
        .json();
    assert_eq!(again, sent, "the same envelope is the same task");
    let other = br#"{"taskId":"via-nats","agent":"pipeline","locale":"en"}"#;
    let refused = remote.run_with(&["task", "send", "-"], other).exits(2);
    assert!(
        refused.stderr.contains("error: ") && refused.stderr.contains("`taskId`"),
        "{refused}"
    );
    let unknown = remote
        .run_with(&["task", "send", "-"], br#"{"taskId":"x","agent":"fantasi"}"#)
        .exits(2);
    assert!(
        unknown.stderr.contains("`agent`") && unknown.stderr.contains("hint: "),
        "{unknown}"
    );
    assert_eq!(
        remote
            .run(&["task", "status", "via-nats", "--json"])
            .exits(0)
            .json(),
        sent
    );
    let listed = remote.run(&["task", "list", "--json"]).exits(0).json_lines();
    assert!(
        listed
            .iter()
            .any(|task| task["taskId"] == "via-nats" && task["state"] == "done"),
        "{listed:?}"
    );
    assert_eq!(
        remote
            .run(&["task", "cancel", "via-nats", "--json"])
            .exits(0)
            .json()["outcome"],
        sent,
        "what is done stays as it was"
    );

    let noted = remote
        .run(&[
            "log",
            "Vindelö Kulturförening",
            "Ringde om hösten",
            "--kind",
            "call",
        ])
        .exits(0);
    assert!(noted.stdout.contains("Vindelö Kulturförening"), "{noted}");
    let _ = remote
        .run(&["todo", "add", "Vindelö Kulturförening", "Skicka höstens program"])
        .exits(0);
    assert!(
        remote
            .run(&["todo", "list"])
            .exits(0)
            .stdout
            .contains("Skicka höstens program")
    );
    let done = remote
        .run(&["todo", "done", "Vindelö Kulturförening", "Skicka höstens program"])
        .exits(0);
    assert!(done.stdout.contains("Skicka höstens program"), "{done}");
    assert!(
        !remote
            .run(&["todo", "list"])
            .exits(0)
            .stdout
            .contains("Skicka höstens program")
    );

    remote.import_works();
    let events = remote.run(&["events", "--json"]).exits(0).json_lines();
    assert!(
        events
            .iter()
            .any(|event| event["type"] == "kunder.customer-health.at-risk.v1"),
        "no alert among {} events",
        events.len()
    );
    let diagnosis = remote.run(&["doctor", "--json"]).exits(0).json();
    assert_eq!(
        diagnosis["data"],
        kunder.folder().display().to_string(),
        "the doctor looks at the other side"
    );
    assert!(
        diagnosis["broker"]
            .as_array()
            .is_some_and(|lines| lines.len() > 5),
        "{diagnosis}"
    );
    assert_eq!(diagnosis["customers"], 17);

    assert!(
        !remote.client.folder().exists(),
        "the command line has made a data folder"
    );
    assert_eq!(serve.stop(), 0);
    let nobody = remote.run(&["ask", "Kör kundhälsokoll"]).exits(1);
    assert!(
        nobody.stderr.contains("nobody serves") && nobody.stderr.contains("hint: "),
        "{nobody}"
    );
}

/// The command line somewhere else: it has the server's address and nothing more.
struct Remote {
    nats: String,
    client: Kunder,
}

impl Remote {
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    #[track_caller]
    fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Output {
        let arguments: Vec<&str> = ["--nats", &self.nats]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        self.client.run_with(&arguments, stdin)
    }

    /// Two new customers in a file; importing it again changes nothing.
    #[track_caller]
    fn import_works(&self) {
        let folder = tempfile::tempdir().expect("the temporary folder takes a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let map = "format: csv\nsource: Register\ncustomer: nummer\nobserved: {column: dag, date: \"%Y-%m-%d\"}\nkey: [nummer]\nrecords:\n  - profile: {name: namn}\n";
        std::fs::write(path("map.yaml"), map).expect("the temporary folder takes a file");
        std::fs::write(
            path("kunder.csv"),
            "nummer,namn,dag\n71,Sjöhagens Kanotister,2026-01-05\n72,Bergtorps Orkester,2026-02-06\n",
        )
        .expect("the temporary folder takes a file");
        let (map, file) = (path("map.yaml"), path("kunder.csv"));
        let first = self.run(&["import", "--map", &map, &file]).exits(0);
        let second = self.run(&["import", "--map", &map, &file]).exits(0);
        assert_ne!(
            first.stdout, second.stdout,
            "the second import says that everything was known\n{second}"
        );
        let brief = self.run(&["ask", "Hämta kundinfo Sjöhagens Kanotister"]).exits(0);
        assert!(brief.stdout.contains("Sjöhagens Kanotister"), "{brief}");
    }
}
